//! Crashes: nothing that was acknowledged is lost, and duplicates have the same id.

mod acknowledged;
mod clock;
mod exhausted;
mod failover;
mod groups;
mod kills;
mod payments;
mod retries;
mod steps;
mod torture;
mod vanished;
