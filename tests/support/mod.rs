//! The foundation of the tests: a private PostgreSQL, the real programs, a client and receivers on real
//! sockets.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that can't go on fails by panicking"
)]

pub mod biller;
pub mod client;
pub mod contract;
pub mod database;
pub mod groups;
pub mod pooler;
pub mod proxy;
pub mod random;
pub mod raw;
pub mod receiver;
pub mod sandbox;
pub mod system;

use std::time::Duration;

pub use biller::Biller;
pub use client::{Answer, Client};
pub use database::Database;
pub use receiver::{Delivery, Receiver, Reply};
pub use sandbox::Sandbox;
pub use system::{System, Worker};

/// The longest wait for anything before a test gives up.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `probe` returns a value, asking again and again. Panics with `what` if that takes too long.
pub async fn eventually<T>(what: &str, mut probe: impl AsyncFnMut() -> Option<T>) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} in vain: {what}"))
}
