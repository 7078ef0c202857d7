//! The engine's operations on its session, and the result of each.

use calmony_pay::database::DatabaseError;
use calmony_pay::outbox::{Due, EndpointKey, Fetched, Passed, Portion, ReplayOver, ReplayStep, Settlement};
use tokio::time::Instant;

/// Writing fails: the database is read-only, or full.
#[derive(Debug)]
pub(super) struct Failing {
    pub(super) since: Instant,
    pub(super) retry_at: Instant,
}

/// An operation on the session. At most one of each kind is under way at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operation {
    ReadFresh,
    ReadBehind,
    ReadDue,
    Write,
    Share,
    Unpark,
    PullIn,
    Walk,
    Call,
    Health,
    Replay,
    Versions,
    Partitions,
}

impl Operation {
    /// True if it is tried again another time after a failure. A session that can't read the outbox has
    /// nothing to do.
    pub(super) const fn can_fail(self) -> bool {
        matches!(self, Self::ReadDue | Self::Walk)
    }

    /// Its name in the metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ReadFresh => "read_fresh",
            Self::ReadBehind => "read_behind",
            Self::ReadDue => "read_due",
            Self::Write => "write",
            Self::Share => "share",
            Self::Unpark => "unpark",
            Self::PullIn => "pull_in",
            Self::Walk => "walk",
            Self::Call => "call",
            Self::Health => "health",
            Self::Replay => "replay",
            Self::Versions => "versions",
            Self::Partitions => "partitions",
        }
    }
}

/// The result of an operation on the session.
pub(super) enum Done {
    Read(Read),
    /// A read has failed.
    Unread {
        operation: Operation,
        number: u64,
        error: DatabaseError,
    },
    Settled(Settlement, Vec<i16>),
    Unsettled(Settlement, DatabaseError),
    /// The number of deliveries that were made due.
    MadeDue(Operation, u64),
    Judged(Vec<EndpointKey>),
    Replayed {
        owes: bool,
        step: ReplayStep,
        over: Vec<ReplayOver>,
    },
    Versions(Vec<(String, i64)>),
    /// Something that isn't a delivery's failed; it is tried again another time.
    Aside(Operation, DatabaseError),
    Shared(usize),
    Took(Vec<i16>),
    Partitioned,
}

/// The result of a read, with the number of the read and that of the sharing of the buckets at its beginning.
pub(super) struct Read {
    pub(super) number: u64,
    pub(super) sharing: u64,
    pub(super) what: What,
}

/// The work that a read brought, by its kind.
pub(super) enum What {
    Fresh(Portion<Fetched>),
    Scanned(Portion<Fetched>),
    /// The work, and the events that were asked for.
    Behind(Portion<Fetched>, Passed),
    Due(ReadDue),
}

impl What {
    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::Fresh(_) | Self::Scanned(_) => Operation::ReadFresh,
            Self::Behind(..) => Operation::ReadBehind,
            Self::Due(due) => due.operation(),
        }
    }
}

/// Deliveries with rows that a read brought, by the purpose of the read.
pub(super) enum ReadDue {
    Due(Portion<Vec<Due>>),
    Probed(EndpointKey, Portion<Vec<Due>>),
    Walked(EndpointKey, Portion<Vec<Due>>),
}

impl ReadDue {
    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::Due(_) => Operation::ReadDue,
            Self::Probed(..) | Self::Walked(..) => Operation::Walk,
        }
    }
}
