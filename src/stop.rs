//! When a process is told to stop: Ctrl-C, SIGTERM, or the end of its standard input where a supervisor holds the other end.

use std::io::Read as _;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::ParentOptions;

/// A token that is cancelled when the process is to stop.
pub fn stop_token(parent: ParentOptions) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let told = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        told.cancel();
    });
    if parent.stop_with_stdin {
        let ended = token.clone();
        // A thread of its own, because a read of standard input can't be cancelled and must not keep the runtime.
        std::thread::spawn(move || {
            let mut byte = [0; 1];
            while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
            ended.cancel();
        });
    }
    Ok(token)
}
