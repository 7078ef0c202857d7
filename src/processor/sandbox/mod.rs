//! The sandbox processor: the port's other side for tests, with published test cards, faults on demand, and a
//! journal of its own that no crash or rollback of ours touches.
//!
//! One writer decides on all requests, one after the other, and commits several at once. So a key is used
//! once however many bring it, and the journal's numbers have no hole.

mod answer;
mod body;
mod cards;
mod challenge;
mod clockwork;
mod currency;
mod decide;
mod holding;
mod journal;
mod methods;
mod notices;
mod number;
mod operation;
mod random;
mod routes;
mod server;
mod shared;
mod store;
mod texts;
mod turn;
mod undo;
mod validate;
mod writer;

use std::sync::Arc;

use anyhow::Context as _;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::database::{DatabaseUrl, Role};
use notices::Sender;
use shared::Sandbox;
use writer::Writer;

/// The connections for reads, and for notices.
const READERS: usize = 4;

/// The settings of a sandbox.
#[derive(Debug)]
pub struct Settings {
    /// The database, by a login that is a member of `calmony_sandbox`.
    pub database: DatabaseUrl,
    /// The secret that callers have to know, and that signs notices.
    pub secret: SecretString,
    /// The address that browsers reach its pages at.
    pub url: String,
    /// The address of notices; without one none are made.
    pub notice_url: Option<Url>,
}

/// Serves until told to stop.
pub async fn serve(listener: TcpListener, settings: Settings, stop: CancellationToken) -> anyhow::Result<()> {
    let Settings { database, secret, url, notice_url } = settings;
    let url = url.trim_end_matches('/').to_owned();
    let sender = notice_url.map(Sender::new).transpose().context("notices can't be sent")?;
    let (writer, writing) = Writer::start(database.pool(Role::Sandbox, 1)?, url.clone(), sender.is_some());
    let readers = database.pool(Role::Sandbox, READERS)?;
    let fingerprints = OnceCell::new();
    let sandbox = Arc::new(Sandbox { secret, url, writer, readers, fingerprints, stop: stop.clone() });
    let putting_off = include_str!("sql/next_pending.sql");
    tokio::spawn(clockwork::whenever(sandbox.clone(), putting_off, clockwork::finish));
    if let Some(sender) = sender {
        let telling = include_str!("sql/next_notice.sql");
        let send = async move |sandbox: &Sandbox| sender.send(sandbox).await;
        tokio::spawn(clockwork::whenever(sandbox.clone(), telling, send));
    }
    tokio::select! {
        () = server::serve(listener, routes::router(sandbox), stop) => Ok(()),
        // Without it nothing can be decided: the process's supervisor starts it again.
        _ = writing => anyhow::bail!("the writer has ended"),
    }
}

#[cfg(test)]
mod tests;
