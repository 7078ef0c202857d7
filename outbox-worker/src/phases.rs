//! How long the phases of an attempt take: looking the name up, connecting, TLS, waiting for the answer.
//!
//! The HTTP client makes connections within the attempt's own task, so each phase is noted in a variable of that task by
//! whatever goes through it: the resolver, and the TLS session store, which is asked at the beginning of each handshake.

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

use calmony_pay::outbox::Phases;
use rustls::NamedGroup;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::pki_types::ServerName;
use tokio::time::Instant;

/// TLS sessions that are remembered for resumption.
const SESSIONS_MAX: usize = 1_024;

tokio::task_local! {
    static MARKS: Cell<Marks>;
}

/// The instants at which phases began or ended.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    lookup: Option<(Instant, Instant)>,
    connecting: Option<Instant>,
    handshake: Option<Instant>,
    connected: Option<Instant>,
}

fn mark(change: impl FnOnce(&mut Marks)) {
    // A connection that is made in the background, for another attempt than the one that asked for it, isn't noted.
    let _ = MARKS.try_with(|cell| {
        let mut marks = cell.get();
        change(&mut marks);
        cell.set(marks);
    });
}

/// A name was looked up since then.
pub(crate) fn looked_up(started: Instant) {
    mark(|marks| marks.lookup = Some((started, Instant::now())));
}

/// A connection is being made.
pub(crate) fn connecting() {
    mark(|marks| marks.connecting = Some(Instant::now()));
}

/// It is made, TLS included.
pub(crate) fn connected() {
    mark(|marks| marks.connected = Some(Instant::now()));
}

/// Runs an attempt's request and tells how long its phases took.
pub(crate) async fn measured<T>(started: Instant, request: impl Future<Output = T>) -> (T, Phases) {
    MARKS
        .scope(Cell::default(), async {
            let result = request.await;
            let marks = MARKS.with(Cell::get);
            (result, marks.phases(started))
        })
        .await
}

impl Marks {
    fn phases(self, started: Instant) -> Phases {
        let resolved = self.lookup.map(|(_, ended)| ended).or(self.connecting);
        let tcp_ended = self.handshake.or(self.connected);
        Phases {
            dns: self.lookup.map(|(began, ended)| ended - began),
            connect: resolved.zip(tcp_ended).map(|(began, ended)| ended.duration_since(began)),
            tls: self.handshake.zip(self.connected).map(|(began, ended)| ended.duration_since(began)),
            first_byte: Some(started.elapsed()),
        }
    }
}

/// The TLS session store, which notes when a handshake begins.
pub(crate) struct NotingSessions(ClientSessionMemoryCache);

impl NotingSessions {
    pub(crate) fn shared() -> Arc<Self> {
        Arc::new(Self(ClientSessionMemoryCache::new(SESSIONS_MAX)))
    }
}

impl fmt::Debug for NotingSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NotingSessions")
    }
}

impl ClientSessionStore for NotingSessions {
    fn set_kx_hint(&self, server_name: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(server_name, group);
    }

    fn kx_hint(&self, server_name: &ServerName<'_>) -> Option<NamedGroup> {
        mark(|marks| marks.handshake = marks.handshake.or_else(|| Some(Instant::now())));
        self.0.kx_hint(server_name)
    }

    fn set_tls12_session(&self, server_name: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(server_name, value);
    }

    fn tls12_session(&self, server_name: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(server_name)
    }

    fn remove_tls12_session(&self, server_name: &ServerName<'static>) {
        self.0.remove_tls12_session(server_name);
    }

    fn insert_tls13_ticket(&self, server_name: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(server_name, value);
    }

    fn take_tls13_ticket(&self, server_name: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(server_name)
    }
}
