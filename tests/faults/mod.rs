//! Crashes: nothing that was acknowledged is lost, and what comes twice has the same id.

mod exhausted;
mod kills;
mod retries;
mod torture;
