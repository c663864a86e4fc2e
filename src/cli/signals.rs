//! The two signals that end a command.

use std::io;
use std::process;
use std::sync::mpsc::{self, Receiver};

use super::BROKE;

/// Hears of SIGTERM and SIGINT from now on: the first is received, the second ends the process at once.
pub(super) fn signals() -> io::Result<Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut terminate, mut interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let (sender, receiver) = mpsc::channel();
    std::thread::Builder::new().name("standin-signals".to_owned()).spawn(move || {
        runtime.block_on(async {
            let mut told = false;
            loop {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if told {
                    process::exit(BROKE.into());
                }
                told = true;
                // an error means that the server has ended by itself
                let _ = sender.send(());
            }
        });
    })?;
    Ok(receiver)
}
