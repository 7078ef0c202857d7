//! The signals that stop a process: Ctrl-C, SIGTERM, SIGHUP, or the end of its standard input if a
//! supervisor holds the other end.

use std::io::Read as _;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::ParentOptions;

/// A token that is cancelled when the process is to stop.
pub fn stop_token(parent: ParentOptions) -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) };
    let told = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = received(hangup.as_mut()) => {}
        }
        told.cancel();
    });
    if parent.stop_with_stdin {
        let ended = token.clone();
        // A thread of its own, because a read of standard input can't be cancelled and must not keep the
        // runtime.
        std::thread::spawn(move || {
            let mut byte = [0; 1];
            while matches!(std::io::stdin().read(&mut byte), Ok(1)) {}
            ended.cancel();
        });
    }
    Ok(token)
}

/// Waits for a signal. `None` waits for ever.
async fn received(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// True for a process that was started with SIGHUP ignored, as by `nohup`: it is meant to outlive its
/// terminal. False if the system doesn't tell.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| is_hangup_ignored(&status))
}

/// True if `SigIgn` of `/proc/self/status` (`proc_pid_status(5)`) has SIGHUP, the first signal.
fn is_hangup_ignored(status: &str) -> bool {
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::is_hangup_ignored;

    #[test]
    fn an_ignored_hangup_is_read_from_the_status() {
        let status =
            |mask: &str| format!("SigBlk:\t0000000000000001\nSigIgn:\t{mask}\nSigCgt:\t0000000000000001\n");
        assert!(is_hangup_ignored(&status("0000000000001001")));
        assert!(!is_hangup_ignored(&status("0000000000001000")));
        assert!(!is_hangup_ignored(""));
    }
}
