//! `standin completions` and `standin man`: what shells and `man` read.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

use super::{Exit, Failure, print_line};

/// Print the completions of a shell
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  source <(standin completions bash)                            # for this shell
  standin completions zsh > ~/.zfunc/_standin                   # for all, with ~/.zfunc in fpath
  standin completions fish > ~/.config/fish/completions/standin.fish
  standin completions powershell >> $PROFILE")]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Write man pages, one for each command
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  standin man --out ~/.local/share/man/man1
  man standin-serve")]
pub(super) struct ManArgs {
    /// The folder that they are written to; it is made if it is not there
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl CompletionsArgs {
    /// Prints the completions of `command`.
    pub(super) fn run(&self, mut command: clap::Command) -> Exit {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "standin", &mut script);
        print_line(String::from_utf8_lossy(&script).trim_end());
        Exit::Success
    }
}

impl ManArgs {
    /// Writes the pages of `command` and its commands.
    pub(super) fn run(&self, command: clap::Command) -> Result<Exit, Failure> {
        fs::create_dir_all(&self.out)
            .and_then(|()| clap_mangen::generate_to(command, &self.out))
            .map_err(|error| Failure::broken(format!("cannot write into `{}`: {error}", self.out.display())))?;
        print_line(&format!("standin: man pages written to {}", self.out.display()));
        Ok(Exit::Success)
    }
}
