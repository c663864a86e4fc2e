//! `standin export`: recordings for other tools.

use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Exit, Failure, print_note};
use standin_files::regular_file;
use standin_sources::export::{HarWriter, journal_entries, tape_entry};
use standin_tape::{FrameReader, TapeBodies, TapeReader};
use standin_text::counted;

/// Write recordings in the formats of other tools
#[derive(Args, Debug)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct ExportArgs {
    #[command(subcommand)]
    command: ExportCommand,
}

#[derive(Debug, Subcommand)]
enum ExportCommand {
    Har(HarArgs),
}

/// Write a tape or the journal of a server as HAR 1.2, for browsers and viewers
///
/// Secrets stay redacted as they are on the tape. Calls without an answer have the status 0, and
/// say why in `_error`. Times are those of the recorder: `blocked` is the wait for a limit of the
/// recorder, `wait` the time from the request's last byte to the response's first.
#[derive(Args, Debug)]
#[command(after_help = HAR_EXAMPLES)]
struct HarArgs {
    /// A tape, or the journal as `/__admin/requests` gives it; `-` is stdin
    #[arg(value_name = "TAPE|JOURNAL")]
    input: PathBuf,

    /// The file that is written; stdout without it
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl ExportArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        match &self.command {
            ExportCommand::Har(har) => har.run(),
        }
    }
}

impl HarArgs {
    fn run(&self) -> Result<Exit, Failure> {
        let is_stdin = self.input == Path::new("-");
        if !is_stdin && let Ok(reader) = TapeReader::open(&self.input) {
            return self.tape(reader);
        }
        let text = self.read_input(is_stdin)?;
        let entries = serde_json::from_slice(&text).ok().and_then(|journal| journal_entries(&journal));
        let entries = entries.ok_or_else(|| {
            Failure::usage(format!("`{}` is neither a tape nor a journal", self.input.display()))
                .help("give a file of `tapes/`, or what `curl http://HOST/__admin/requests` prints")
        })?;
        self.write(|archive| entries.iter().try_for_each(|entry| archive.entry(entry)))
    }

    fn tape(&self, mut reader: TapeReader<FrameReader>) -> Result<Exit, Failure> {
        let bodies = TapeBodies::of([self.input.as_path()]).map_err(|error| {
            Failure::broken(format!("cannot read the bodies of `{}`: {error}", self.input.display()))
        })?;
        let head = reader.head().clone();
        let exit = self.write(|archive| {
            reader
                .by_ref()
                .try_for_each(|exchange| archive.entry(&tape_entry(&exchange?, &head, |hash| bodies.get(hash))))
        })?;
        let lost = reader.condition().lost();
        if lost > 0 {
            print_note(&format!("{} of the recording are not on the tape", counted(lost, "call")));
        }
        Ok(exit)
    }

    fn read_input(&self, is_stdin: bool) -> Result<Vec<u8>, Failure> {
        let mut text = Vec::new();
        let read = match is_stdin {
            true => io::stdin().take(regular_file::MAX_BYTES).read_to_end(&mut text).map(|_| text),
            false => regular_file::read(&self.input, regular_file::MAX_BYTES),
        };
        read.map_err(|error| Failure::of_reading(format!("cannot read `{}`: {error}", self.input.display()), &error))
    }

    /// Writes an archive into the file, whole or not at all, or to stdout.
    fn write(&self, entries: impl FnOnce(&mut HarWriter<&mut dyn Write>) -> io::Result<()>) -> Result<Exit, Failure> {
        let fill = |out: &mut dyn Write| {
            let mut archive = HarWriter::new(out)?;
            entries(&mut archive)?;
            archive.finish()
        };
        let written = match &self.out {
            None => fill(&mut BufWriter::new(io::stdout().lock())),
            Some(path) => {
                let part = path.with_extension("har.part");
                let filled = File::create(&part).and_then(|file| fill(&mut BufWriter::new(file)));
                filled.and_then(|count| std::fs::rename(&part, path).map(|()| count)).inspect_err(|_| {
                    // what is left of it has no use
                    let _ = std::fs::remove_file(&part);
                })
            }
        };
        let target = self.out.as_ref().map_or_else(|| "stdout".to_owned(), |path| path.display().to_string());
        let count = written.map_err(|error| Failure::broken(format!("cannot write {target}: {error}")))?;
        print_note(&format!("{} written to {target}", counted(count, "call")));
        Ok(Exit::Success)
    }
}

const HAR_EXAMPLES: &str = "\
Examples:
  standin export har stubs/inventory/tapes/2026-11-02T09-00-00.jsonl --out session.har
  curl -s http://localhost:8080/__admin/requests | standin export har - --out journal.har

Docs: docs/SOURCES.md";
