//! Signals that end a command: SIGTERM, SIGINT and, unless it is ignored as by `nohup`, SIGHUP.

use std::io;
use std::process;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use super::{Exit, print_note};
use crate::replay::CancelToken;

/// Returns a receiver of the signals that end a command. The first signal is received, the second
/// ends the process.
pub(super) fn receive_signal() -> io::Result<Receiver<()>> {
    receive_signals(1)
}

/// Returns a receiver of two signals that end a command. The third ends the process.
pub(super) fn receive_two_signals() -> io::Result<Receiver<()>> {
    receive_signals(2)
}

/// Cancels a run at the first signal; what was measured until then is kept.
pub(super) fn cancel_on_signals(cancel: &CancelToken) -> io::Result<()> {
    let (signals, cancel) = (receive_signal()?, cancel.clone());
    thread::Builder::new().name("standin-cancel".to_owned()).spawn(move || {
        // an error means that the process ends by itself
        if signals.recv().is_ok() {
            print_note("ending; once more ends at once");
            cancel.cancel("ended by a signal");
        }
    })?;
    Ok(())
}

fn receive_signals(received: u32) -> io::Result<Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt, mut hangup) = {
        let _inside = runtime.enter();
        let hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, hangup)
    };
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().name("standin-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            for number in 0.. {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                    Some(()) = async { hangup.as_mut()?.recv().await } => {}
                }
                if number >= received {
                    process::exit(Exit::Broken as i32);
                }
                // an error means that the command has ended by itself
                let _ = sender.send(());
            }
        });
    })?;
    Ok(receiver)
}

/// Returns true if the process was started with SIGHUP ignored, so that it outlives its terminal.
/// False where this cannot be read.
fn ignores_hangup() -> bool {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else { return false };
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // the mask is in hexadecimal; SIGHUP is signal 1 and so its lowest bit
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}
