//! Bodies of tapes: one pack file beside each tape. Older tapes have one file for each body below
//! `bodies/`.
//!
//! ```text
//! standin bodies 1
//! 2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824 5
//! hello
//! ```
//!
//! Each body follows a line with its SHA-256 and its length in bytes, and is followed by a newline.
//! A file that was cut off ends with its last complete body. The file of a compressed tape has the
//! same content in zstd frames, each of which ends after a body.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Cursor, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::frames;
use standin_files::regular_file;

/// An index of the bodies of some tapes by SHA-256. A body is read from the disk on request.
#[derive(Debug, Default)]
pub struct TapeBodies {
    packs: Vec<File>,
    places: HashMap<String, BodyPlace>,
    /// The frames that were decoded last, the latest first.
    decoded: Mutex<Vec<DecodedFrame>>,
    /// `bodies/` folders of older tapes.
    folders: Vec<PathBuf>,
}

/// The place of a body.
#[derive(Clone, Copy, Debug)]
struct BodyPlace {
    /// Index of the pack.
    pack: usize,
    /// Place of the frame that has it; `None` if the pack is not compressed.
    frame: Option<u64>,
    /// Offset in the frame, or in the pack.
    at: u64,
    /// Length in bytes.
    size: usize,
}

/// The content of a frame: index of the pack, place, and content.
type DecodedFrame = (usize, u64, Arc<Vec<u8>>);

impl TapeBodies {
    /// Indexes the bodies of some tapes. A tape without a pack file is no error.
    pub fn of<'t>(tapes: impl IntoIterator<Item = &'t Path>) -> io::Result<Self> {
        let mut bodies = Self::default();
        for tape in tapes {
            match regular_file::open(&pack_path(tape)) {
                Ok(pack) => bodies.add(pack)?,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            let folder = tape.with_file_name("bodies");
            if !bodies.folders.contains(&folder) {
                bodies.folders.push(folder);
            }
        }
        Ok(bodies)
    }

    /// Returns the body with this hash, or `None` if it was not kept or not written.
    pub fn get(&self, sha256: &str) -> Option<Vec<u8>> {
        if let Some(place) = self.places.get(sha256).copied() {
            return self.read(place).ok();
        }
        // the hash becomes a file name, so nothing but a hash is accepted
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let read = |folder: &PathBuf| regular_file::read(&folder.join(sha256), u64::MAX).ok();
        if is_hash { self.folders.iter().find_map(read) } else { None }
    }

    fn read(&self, place: BodyPlace) -> io::Result<Vec<u8>> {
        let BodyPlace { pack, frame, at, size } = place;
        let Some(frame) = frame else {
            let mut body = vec![0; size];
            return self.packs[pack].read_exact_at(&mut body, at).map(|()| body);
        };
        let mut decoded = self.decoded.lock().unwrap_or_else(PoisonError::into_inner);
        let known = decoded.iter().position(|(of, at, _)| (*of, *at) == (pack, frame));
        let latest = match known {
            Some(known) => decoded.remove(known),
            None => (pack, frame, Arc::new(frames::frame_at(&self.packs[pack], frame)?)),
        };
        let content = Arc::clone(&latest.2);
        decoded.insert(0, latest);
        decoded.truncate(MAX_DECODED_FRAMES);
        drop(decoded);
        let at = at as usize;
        content.get(at..at + size).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn add(&mut self, pack: File) -> io::Result<()> {
        let mut begin = [0; 4];
        let (length, number) = (pack.metadata()?.len(), self.packs.len());
        let is_framed = pack.read_exact_at(&mut begin, 0).is_ok() && frames::is_frame(&begin);
        let places = &mut self.places;
        let mut insert = |frame, hash: &str, at, size| {
            places.entry(hash.to_owned()).or_insert(BodyPlace { pack: number, frame, at, size });
        };
        if is_framed {
            frames::for_each_frame(&pack, |frame, content| {
                // the first frame begins with the head of the file
                let at = if content.starts_with(PACK_HEAD) { PACK_HEAD.len() } else { 0 };
                let reader = BufReader::new(Cursor::new(content));
                // memory can be read
                let _ = index(reader, at as u64, content.len() as u64, |hash, at, size| {
                    insert(Some(frame), hash, at, size);
                });
            })?;
        } else {
            let reader = BufReader::with_capacity(READ_BUFFER_BYTES, pack.try_clone()?);
            index(reader, PACK_HEAD.len() as u64, length, |hash, at, size| insert(None, hash, at, size))?;
        }
        self.packs.push(pack);
        Ok(())
    }
}

/// Calls `each` with the hash, the offset and the length of each body, from an offset on. A file
/// that is cut off ends with its last complete body.
fn index(
    mut reader: BufReader<impl io::Read + io::Seek>,
    mut at: u64,
    length: u64,
    mut each: impl FnMut(&str, u64, usize),
) -> io::Result<()> {
    let mut line = String::new();
    reader.seek_relative(at as i64)?;
    loop {
        line.clear();
        at += reader.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)? as u64;
        let Some((hash, size)) = line.trim_end().split_once(' ') else { break };
        let Ok(size) = size.parse::<u64>() else { break };
        if !line.ends_with('\n') || at.saturating_add(size) >= length {
            break;
        }
        each(hash, at, size as usize);
        reader.seek_relative(size as i64 + 1)?;
        at += size + 1;
    }
    Ok(())
}

/// Returns the path of the file with the bodies of a tape.
pub fn pack_path(tape: &Path) -> PathBuf {
    let plain = if frames::is_frame_file(tape) { tape.with_extension("") } else { tape.to_owned() };
    plain.with_extension("bodies")
}

/// Returns the name of a tape without its endings.
pub fn tape_name(tape: &Path) -> String {
    pack_path(tape).file_stem().map_or_else(|| "tape".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

/// First line of a pack file.
pub(super) const PACK_HEAD: &[u8] = b"standin bodies 1\n";
/// Upper limit for the line before a body: a hash, a space and a length.
const MAX_LINE_BYTES: u64 = 100;
const READ_BUFFER_BYTES: usize = 1 << 16;
/// Frames that stay decoded, each of a mebibyte or of one larger body.
const MAX_DECODED_FRAMES: usize = 16;
