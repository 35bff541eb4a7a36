//! The wish to stop: Ctrl-C or SIGTERM. The second one does not wait.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::runtime;

/// The exit status of a stop that could not be waited for.
const IMPATIENT: i32 = 130;

/// The signals, caught from the moment this is made.
#[derive(Debug)]
pub(super) struct StopSignal {
    interrupt: Signal,
    terminate: Signal,
}

impl StopSignal {
    /// Catches the signals.
    pub(super) fn catch() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the first one.
    pub(super) async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }

    /// From now on another one ends the process at once, also when the runtime has ended. Where there is no thread for it, none does.
    pub(super) fn end_at_once(mut self) {
        let waiting = std::thread::Builder::new().spawn(move || {
            if let Ok(runtime) = runtime() {
                runtime.block_on(self.wait());
                std::process::exit(IMPATIENT);
            }
        });
        drop(waiting);
    }
}
