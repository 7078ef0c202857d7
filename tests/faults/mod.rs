//! Crashes: nothing that was acknowledged is lost, and what comes twice has the same id.

mod acknowledged;
mod clock;
mod exhausted;
mod failover;
mod kills;
mod retries;
mod torture;
mod vanished;
