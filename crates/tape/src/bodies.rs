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
//! A file that was cut off ends with its last complete body.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use standin_files::regular_file;

/// An index of the bodies of some tapes by SHA-256. A body is read from the disk on request.
#[derive(Debug, Default)]
pub struct TapeBodies {
    packs: Vec<File>,
    /// For each hash: index of the pack, offset in it and length in bytes.
    places: HashMap<String, (usize, u64, usize)>,
    /// `bodies/` folders of older tapes.
    folders: Vec<PathBuf>,
}

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
        if let Some((pack, from, length)) = self.places.get(sha256).copied() {
            let mut body = vec![0; length];
            return self.packs[pack].read_exact_at(&mut body, from).ok().map(|()| body);
        }
        // the hash becomes a file name, so nothing but a hash is accepted
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
        let read = |folder: &PathBuf| regular_file::read(&folder.join(sha256), u64::MAX).ok();
        if is_hash { self.folders.iter().find_map(read) } else { None }
    }

    fn add(&mut self, pack: File) -> io::Result<()> {
        let length = pack.metadata()?.len();
        let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, pack.try_clone()?);
        let mut line = String::new();
        let mut at = reader.read_line(&mut line)? as u64;
        if line.as_bytes() != PACK_HEAD {
            // cut off before its first body
            return Ok(());
        }
        loop {
            line.clear();
            at += reader.by_ref().take(MAX_LINE_BYTES).read_line(&mut line)? as u64;
            let Some((hash, size)) = line.trim_end().split_once(' ') else { break };
            let Ok(size) = size.parse::<u64>() else { break };
            if !line.ends_with('\n') || at.saturating_add(size) >= length {
                break;
            }
            self.places.entry(hash.to_owned()).or_insert((self.packs.len(), at, size as usize));
            reader.seek_relative(size as i64 + 1)?;
            at += size + 1;
        }
        self.packs.push(pack);
        Ok(())
    }
}

/// Returns the path of the file with the bodies of a tape.
pub fn pack_path(tape: &Path) -> PathBuf {
    tape.with_extension("bodies")
}

/// First line of a pack file.
pub(super) const PACK_HEAD: &[u8] = b"standin bodies 1\n";
/// Upper limit for the line before a body: a hash, a space and a length.
const MAX_LINE_BYTES: u64 = 100;
const READ_BUFFER_BYTES: usize = 1 << 16;
