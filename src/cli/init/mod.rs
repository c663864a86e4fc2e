//! `standin init`: a folder with stubs, a profile and a note, to begin with.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use super::{Exit, Failure, print_line};

/// Make a folder to begin with: two stubs, a profile and a note
///
/// Files that are there stay as they are.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  standin init
  standin serve stubs --profile two-workers
  curl http://127.0.0.1:8080/hello/you")]
pub(super) struct InitArgs {
    /// The folder; it is made if it is not there
    #[arg(default_value = "stubs")]
    dir: PathBuf,
}

impl InitArgs {
    pub(super) fn run(&self) -> Result<Exit, Failure> {
        let dir = self.dir.display();
        if self.dir.exists() && !self.dir.is_dir() {
            return Err(Failure::usage(format!("`{dir}` is no folder")).help("name another one"));
        }
        for (name, content) in FILES {
            let path = self.dir.join(name);
            let is_new = create(&path, content)
                .map_err(|error| Failure::broken(format!("cannot write `{}`: {error}", path.display())))?;
            let state = if is_new { "written" } else { "is there already, and stays as it is" };
            print_line(&format!("standin: {} {state}", path.display()));
        }
        print_line(&format!("next: standin serve {dir}"));
        print_line("      curl http://127.0.0.1:8080/hello/you");
        Ok(Exit::Success)
    }
}

/// Writes a file unless something has its name; returns true if it was written.
fn create(path: &Path, content: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(content.as_bytes()).map(|()| true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The files, and what is in them.
const FILES: [(&str, &str); 3] = [
    ("mappings/hello.yaml", include_str!("hello.yaml")),
    ("profiles/two-workers.yaml", include_str!("two-workers.yaml")),
    ("NOTE.md", include_str!("NOTE.md")),
];
