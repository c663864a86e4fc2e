//! Ends what the bench started even if the bench itself is killed.
//!
//! A stopped server would otherwise outlive Ctrl-C unseen. The reaper is this binary again, in a
//! process group of its own; it learns process ids over a pipe and kills what is left when the pipe
//! closes.

use std::collections::BTreeSet;
use std::env;
use std::io::{self, BufRead as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

/// The argument that makes this binary a reaper.
pub const ARGUMENT: &str = "--as-reaper";

/// From now on `id` ends with the bench.
pub fn watch(id: u32) {
    tell(&format!("+{id}\n"));
}

/// `id` has ended: its number may be given to a stranger.
pub fn forget(id: u32) {
    tell(&format!("-{id}\n"));
}

/// The reaper's own life.
pub fn reap() -> io::Result<()> {
    let mut alive = BTreeSet::new();
    for line in io::stdin().lock().lines() {
        note(&mut alive, &line?);
    }
    for id in alive {
        if let Some(pid) = Pid::from_raw(id) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    Ok(())
}

fn note(alive: &mut BTreeSet<i32>, line: &str) {
    if let Some(id) = line.strip_prefix('+').and_then(|id| id.parse().ok()) {
        alive.insert(id);
    } else if let Some(id) = line.strip_prefix('-').and_then(|id| id.parse().ok()) {
        alive.remove(&id);
    }
}

fn tell(line: &str) {
    let pipe = PIPE.get_or_init(|| Mutex::new(start().ok()));
    if let Some(pipe) = pipe.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
        let _ = pipe.write_all(line.as_bytes());
    }
}

fn start() -> io::Result<ChildStdin> {
    let mut reaper = Command::new(env::current_exe()?)
        .arg(ARGUMENT)
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    Ok(reaper.stdin.take().expect("stdin is piped"))
}

/// One for the process, because processes are started from many places and all end with it.
static PIPE: OnceLock<Mutex<Option<ChildStdin>>> = OnceLock::new();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_ended_is_not_killed() {
        let mut alive = BTreeSet::new();
        for line in ["+10", "+11", "-10", "nonsense", ""] {
            note(&mut alive, line);
        }
        assert_eq!(alive, BTreeSet::from([11]));
    }
}
