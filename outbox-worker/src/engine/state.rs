//! The engine's state.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use calmony_pay::buckets::Ownership;
use calmony_pay::database::DatabaseError;
use calmony_pay::log::Log;
use calmony_pay::outbox::{Gaps, GroupLine, Session};
use calmony_pay::progress::Progress;
use calmony_pay::retry;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::behind::Behind;
use super::operation::{Done, Failing, Operation};
use super::scan::Scan;
use crate::attempt::{Report, Sender};
use crate::config::WorkerOptions;
use crate::flight::Flight;
use crate::lanes::{Job, Rooms};
use crate::metrics::Metrics;

/// The tools of an engine, the same for all its sessions.
#[derive(Debug, Clone)]
pub(crate) struct Tools {
    pub(crate) sender: Sender,
    /// The log for the worker's own changes: endpoints that take nothing any more, and replays that are over.
    pub(crate) log: Log,
    pub(crate) progress: Progress,
    pub(crate) metrics: Arc<Metrics>,
}

/// A worker at work on one session.
pub(crate) struct Engine {
    pub(super) session: Arc<Session>,
    pub(super) tools: Tools,
    pub(super) in_flight_max: usize,
    pub(super) drain_timeout: Duration,
    pub(super) disable_after: Duration,
    pub(super) retention_days: i32,
    pub(super) longest_delay: Duration,
    pub(super) flight: Flight,
    pub(super) ownership: Ownership,
    pub(super) cursor: i64,
    pub(super) gaps: Gaps,
    /// The endpoints of an event, by the last read.
    pub(super) targets_each: usize,
    /// The bytes of a row, by the last read.
    pub(super) row_bytes: usize,
    pub(super) behind: Behind,
    /// The position up to which another worker may have begun with events.
    pub(super) begun_up_to: i64,
    /// The number of times that buckets have come or gone.
    pub(super) sharing: u64,
    /// The instant since which nothing is read because there is enough to send.
    pub(super) stalled_since: Option<Instant>,
    /// The scan from the head.
    pub(super) scan: Scan,
    /// The instant since which outcomes can't be written, and the instant of the next try. Nothing is sent
    /// meanwhile.
    pub(super) failing: Option<Failing>,
    /// There may be more to send at once.
    pub(super) more_to_launch: bool,
    /// There may be something after the cursor.
    pub(super) want_fresh: bool,
    /// The instant at which the next write may begin.
    pub(super) next_write: Instant,
    /// Something may be due.
    pub(super) want_due: bool,
    /// Endpoints that have more due than was read.
    pub(super) have_more: HashSet<String>,
    /// The groups of which an event is over, as workers have said.
    pub(super) calls: BTreeSet<GroupLine>,
    pub(super) busy: HashSet<Operation>,
    pub(super) operations: FuturesUnordered<BoxFuture<'static, Result<Done, DatabaseError>>>,
    pub(super) attempts: JoinSet<(Report, Job)>,
}

impl Engine {
    pub(crate) fn new(session: Session, tools: Tools, options: &WorkerOptions) -> Self {
        let (in_flight_max, lane_max) =
            (usize::from(options.in_flight_max), usize::from(options.endpoint_in_flight_max));
        let rooms = Rooms::new(in_flight_max, lane_max * 2);
        Self {
            begun_up_to: session.head(),
            session: Arc::new(session),
            tools,
            in_flight_max,
            drain_timeout: options.drain_timeout,
            disable_after: options.disable_after,
            retention_days: i32::from(options.attempt_retention_days),
            longest_delay: retry::longest_delay(&options.retry_schedule),
            flight: Flight::new(options.retry_schedule.clone(), rooms, lane_max, options.attempt_timeout),
            ownership: Ownership::default(),
            cursor: 0,
            gaps: Gaps::default(),
            targets_each: 1,
            row_bytes: 0,
            behind: Behind::default(),
            sharing: 0,
            stalled_since: None,
            scan: Scan::default(),
            failing: None,
            more_to_launch: false,
            want_fresh: false,
            next_write: Instant::now(),
            want_due: false,
            have_more: HashSet::new(),
            calls: BTreeSet::new(),
            busy: HashSet::new(),
            operations: FuturesUnordered::new(),
            attempts: JoinSet::new(),
        }
    }
}
