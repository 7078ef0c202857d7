//! The durations of an attempt's phases: name look-up, connection, TLS, wait for the answer.
//!
//! The HTTP client makes connections within the attempt's own task. So the parts that it goes through note
//! each phase in a variable of that task: the resolver, and the TLS session store, which is asked at the
//! beginning of each handshake.

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

/// The instants at which phases of the newest connection began or ended.
#[derive(Debug, Clone, Copy, Default)]
struct Marks {
    lookup: Option<Instant>,
    /// The end of the look-up; true if there is an address to connect to.
    looked_up: Option<(Instant, bool)>,
    connecting: Option<Instant>,
    handshake: Option<Instant>,
    /// The connection was made, or couldn't be.
    ended: Option<Instant>,
}

fn mark(change: impl FnOnce(&mut Marks)) {
    // A connection that is made in the background, for another attempt than the one that asked for it,
    // isn't noted.
    let _ = MARKS.try_with(|cell| {
        let mut marks = cell.get();
        change(&mut marks);
        cell.set(marks);
    });
}

/// Notes that a connection is being made.
pub(crate) fn connecting() {
    mark(|marks| *marks = Marks { connecting: Some(Instant::now()), ..Marks::default() });
}

/// Notes that a name is being looked up for it.
pub(crate) fn looking_up() {
    mark(|marks| marks.lookup = Some(Instant::now()));
}

/// Notes that the name was looked up. True if there is an address to connect to.
pub(crate) fn looked_up(leads_somewhere: bool) {
    mark(|marks| marks.looked_up = Some((Instant::now(), leads_somewhere)));
}

/// Notes that the connection was made, TLS included, or couldn't be made.
pub(crate) fn connected() {
    mark(|marks| marks.ended = Some(Instant::now()));
}

/// True if the newest connection came as far as its TLS handshake.
pub(crate) fn handshake_began() -> bool {
    MARKS.try_with(|cell| cell.get().handshake.is_some()).unwrap_or(false)
}

/// The notes of an attempt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    marks: Marks,
    started: Instant,
    ended: Instant,
}

/// Runs an attempt's request and returns its notes, too.
pub(crate) async fn measured<T>(started: Instant, request: impl Future<Output = T>) -> (T, Measured) {
    MARKS
        .scope(Cell::default(), async {
            let result = request.await;
            let marks = MARKS.with(Cell::get);
            (result, Measured { marks, started, ended: Instant::now() })
        })
        .await
}

impl Measured {
    /// The phases of an attempt that was answered. A connection that isn't made yet isn't the one that
    /// brought the answer: another became free meanwhile.
    pub(crate) fn answered(self) -> Phases {
        let first_byte = Some(self.ended.duration_since(self.started));
        if self.marks.ended.is_none() {
            return Phases { first_byte, ..Phases::default() };
        }
        Phases { first_byte, ..self.unanswered() }
    }

    /// The phases of an attempt that was not answered. The phase in which it failed, or in which its time
    /// was over, lasted until then.
    pub(crate) fn unanswered(self) -> Phases {
        let Marks { lookup, looked_up, connecting, handshake, ended } = self.marks;
        let until = |end: Option<Instant>| end.unwrap_or(self.ended);
        let after_lookup = match (lookup, looked_up) {
            (None, _) => connecting,
            (Some(_), Some((at, true))) => Some(at),
            (Some(_), _) => None,
        };
        Phases {
            dns: lookup.map(|began| until(looked_up.map(|(at, _)| at)).duration_since(began)),
            connect: after_lookup.map(|began| until(handshake.or(ended)).duration_since(began)),
            tls: handshake.map(|began| until(ended).duration_since(began)),
            first_byte: None,
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The notes at these milliseconds, of an attempt that ends after a hundred.
    fn measured(noted: impl FnOnce(&dyn Fn(u64) -> Option<Instant>) -> Marks) -> Measured {
        let started = Instant::now();
        let at = |milliseconds| started.checked_add(Duration::from_millis(milliseconds));
        Measured { marks: noted(&at), started, ended: started + Duration::from_millis(100) }
    }

    fn milliseconds(phases: Phases) -> [Option<u128>; 4] {
        [phases.dns, phases.connect, phases.tls, phases.first_byte]
            .map(|phase| phase.map(|phase| phase.as_millis()))
    }

    #[test]
    fn the_phase_in_which_an_attempt_ends_lasts_until_then() {
        let found = |at: Option<Instant>, leads: bool| at.map(|at| (at, leads));
        let lookup = measured(|at| Marks { connecting: at(0), lookup: at(10), ..Marks::default() });
        assert_eq!(milliseconds(lookup.unanswered()), [Some(90), None, None, None]);
        let nobody = measured(|at| Marks {
            connecting: at(0),
            lookup: at(10),
            looked_up: found(at(30), false),
            ended: at(31),
            ..Marks::default()
        });
        assert_eq!(milliseconds(nobody.unanswered()), [Some(20), None, None, None]);
        let connecting = measured(|at| Marks {
            connecting: at(0),
            lookup: at(10),
            looked_up: found(at(30), true),
            ..Marks::default()
        });
        assert_eq!(milliseconds(connecting.unanswered()), [Some(20), Some(70), None, None]);
        let refused = measured(|at| Marks { connecting: at(10), ended: at(15), ..Marks::default() });
        assert_eq!(milliseconds(refused.unanswered()), [None, Some(5), None, None]);
        let handshake = measured(|at| Marks { connecting: at(10), handshake: at(20), ..Marks::default() });
        assert_eq!(milliseconds(handshake.unanswered()), [None, Some(10), Some(80), None]);
        let silent =
            measured(|at| Marks { connecting: at(10), handshake: at(20), ended: at(50), ..Marks::default() });
        assert_eq!(milliseconds(silent.unanswered()), [None, Some(10), Some(30), None]);
        assert_eq!(milliseconds(silent.answered()), [None, Some(10), Some(30), Some(100)]);
        assert_eq!(
            milliseconds(connecting.answered()),
            [None, None, None, Some(100)],
            "by another connection"
        );
    }
}
