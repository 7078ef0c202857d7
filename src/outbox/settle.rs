//! Writing outcomes of deliveries down: many in one statement.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio_postgres::types::ToSql;

use super::{DeliveryKey, EndpointKey, EventKey, GroupLine, Order, Session};
use crate::clock::Timestamp;
use crate::database::DatabaseError;

/// One HTTP request that was made.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// The delivery that it was made for.
    pub key: DeliveryKey,
    /// The attempt number of its delivery, from 1.
    pub number: u32,
    /// The time at which it began.
    pub started_at: Timestamp,
    /// The time until the answer was read or it failed.
    pub duration: Duration,
    /// The durations of its phases.
    pub phases: Phases,
    /// The HTTP status; `None` without an answer.
    pub status: Option<u16>,
    /// The class of the failure; `None` after a success.
    pub error: Option<&'static str>,
    /// The first bytes of the answer.
    pub response: Option<String>,
    /// True if the answer had more.
    pub truncated: bool,
    /// True if it was made ahead of its time, because the endpoint may be or is back.
    pub early: bool,
    /// True if an earlier event of the object was given up, and the endpoint asked for order.
    pub order_gap: bool,
}

/// The durations of a request's phases, as far as it came. `None` for a phase that it didn't have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases {
    /// Looking the name up.
    pub dns: Option<Duration>,
    /// Making the TCP connection.
    pub connect: Option<Duration>,
    /// The TLS handshake.
    pub tls: Option<Duration>,
    /// From the start of the attempt to the head of the answer.
    pub first_byte: Option<Duration>,
}

/// The state of a delivery that is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It waits for another attempt, after this time.
    Owed(Duration),
    /// It waits for those before it in line. They are looked at again after this time, unless the last of
    /// them goes before.
    Behind(Duration),
    /// It waits for earlier events of its group, which may be other workers'. They are looked at again after
    /// this time.
    BehindGroup(Duration),
    /// It waits for its endpoint to be enabled.
    Parked,
    /// It waits for nothing: the last attempt was made.
    Exhausted,
}

/// A delivery that is not done.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// The bucket of its object.
    pub bucket: i16,
    /// The number of attempts so far.
    pub attempts: u32,
    /// Its state.
    pub state: DeliveryState,
    /// The lines that it stands in. `None` if its endpoint doesn't ask for order.
    pub order: Option<Order>,
}

/// Outcomes that are written together. Of two outcomes of one delivery the later one holds.
#[derive(Debug, Default)]
pub struct Settlement {
    attempts: Vec<AttemptRecord>,
    waiting: BTreeMap<DeliveryKey, Waiting>,
    delivered: BTreeSet<DeliveryKey>,
    fanned_out: BTreeSet<EventKey>,
    passed: BTreeSet<GroupLine>,
    line_moved: bool,
    is_urgent: bool,
}

impl Settlement {
    /// True if there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
            && self.waiting.is_empty()
            && self.delivered.is_empty()
            && self.fanned_out.is_empty()
    }

    /// The number of outcomes to write.
    #[must_use]
    pub fn len(&self) -> usize {
        self.attempts.len() + self.waiting.len() + self.delivered.len() + self.fanned_out.len()
    }

    /// Marks it as urgent: an endpoint waits for it with its next attempt, or deliveries stand in line
    /// behind.
    pub const fn hurry(&mut self) {
        self.is_urgent = true;
    }

    /// True if others wait for it.
    #[must_use]
    pub const fn is_urgent(&self) -> bool {
        self.is_urgent
    }

    /// True if rows of deliveries come, change or go.
    #[must_use]
    pub fn touches_deliveries(&self) -> bool {
        !(self.waiting.is_empty() && self.delivered.is_empty())
    }

    /// Notes that a delivery in line has gone, or was read beside one that may have, so that others may be
    /// due once this is written.
    pub const fn moves_line(&mut self) {
        self.line_moved = true;
        self.is_urgent = true;
    }

    /// True if a delivery in line has gone.
    #[must_use]
    pub const fn has_moved_line(&self) -> bool {
        self.line_moved
    }

    /// Notes that an event of a group is over: the next one of it may go.
    pub fn passes(&mut self, key: &DeliveryKey, group: &str) {
        let to = EndpointKey { account: key.event.account, endpoint: key.endpoint.clone() };
        self.passed.insert(GroupLine { to, group: group.to_owned() });
    }

    /// The groups of which an event is over.
    pub fn passed(&self) -> impl Iterator<Item = &GroupLine> {
        self.passed.iter()
    }

    /// The attempts that were made.
    pub fn attempts(&self) -> impl Iterator<Item = &AttemptRecord> {
        self.attempts.iter()
    }

    /// The states of the deliveries that are not done.
    pub fn states(&self) -> impl Iterator<Item = DeliveryState> {
        self.waiting.values().map(|waiting| waiting.state)
    }

    /// The events that are fanned out.
    pub fn events(&self) -> impl Iterator<Item = &EventKey> {
        self.fanned_out.iter()
    }

    /// The deliveries whose rows change.
    pub fn deliveries(&self) -> impl Iterator<Item = &DeliveryKey> {
        self.waiting.keys().chain(&self.delivered)
    }

    /// True if it writes about that event's place in the outbox.
    #[must_use]
    pub fn has_event(&self, event: &EventKey) -> bool {
        self.fanned_out.contains(event)
    }

    /// True if it writes about that delivery's row.
    #[must_use]
    pub fn has_delivery(&self, delivery: &DeliveryKey) -> bool {
        self.waiting.contains_key(delivery) || self.delivered.contains(delivery)
    }

    /// Adds later outcomes to these.
    pub fn append(&mut self, later: Self) {
        self.attempts.extend(later.attempts);
        self.line_moved |= later.line_moved;
        self.is_urgent |= later.is_urgent;
        for (key, waiting) in later.waiting {
            self.waits(key, waiting);
        }
        for key in later.delivered {
            self.delivered(key);
        }
        self.fanned_out.extend(later.fanned_out);
        self.passed.extend(later.passed);
    }

    /// Notes that this request was made.
    pub fn attempted(&mut self, record: AttemptRecord) {
        self.attempts.push(record);
    }

    /// Notes that this delivery waits.
    pub fn waits(&mut self, key: DeliveryKey, waiting: Waiting) {
        self.delivered.remove(&key);
        self.waiting.insert(key, waiting);
    }

    /// The deliveries that wait in line, each with every line that it stands in.
    pub fn lines(&self) -> impl Iterator<Item = (&DeliveryKey, &Arc<str>)> {
        let in_order = self.waiting.iter().filter_map(|(key, waiting)| Some((key, waiting.order.as_ref()?)));
        in_order.flat_map(|(key, order)| order.lines().map(move |line| (key, line)))
    }

    /// Notes that this delivery, which waited, is done.
    pub fn delivered(&mut self, key: DeliveryKey) {
        self.waiting.remove(&key);
        self.delivered.insert(key);
        self.is_urgent = true;
    }

    /// Notes that every endpoint of this event has received it or has its delivery waiting.
    pub fn fanned_out(&mut self, event: EventKey) {
        self.fanned_out.insert(event);
    }
}

impl Session {
    /// Writes the outcomes down, all or none.
    pub async fn settle(&self, settlement: &Settlement) -> Result<(), DatabaseError> {
        let attempts = AttemptColumns::of(&settlement.attempts);
        let waiting = WaitingColumns::of(&settlement.waiting);
        let delivered = KeyColumns::of(settlement.delivered.iter());
        let fanned_out: (Vec<i64>, Vec<i64>) =
            settlement.fanned_out.iter().map(|event| (event.account, event.position)).unzip();
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(31);
        parameters.extend(attempts.keys.columns());
        parameters.extend(attempts.columns());
        let mut statement = &self.statements.settle_all_taken;
        if settlement.touches_deliveries() {
            statement = &self.statements.settle;
            parameters.extend(waiting.keys.columns());
            parameters.extend(waiting.columns());
            parameters.extend(delivered.columns());
        }
        parameters.push(&fanned_out.0);
        parameters.push(&fanned_out.1);
        self.client.execute(statement, &parameters).await?;
        Ok(())
    }
}

/// The three columns that name deliveries.
struct KeyColumns<'a> {
    account: Vec<i64>,
    position: Vec<i64>,
    endpoint: Vec<&'a str>,
}

impl<'a> KeyColumns<'a> {
    fn of(keys: impl Iterator<Item = &'a DeliveryKey> + Clone) -> Self {
        Self {
            account: keys.clone().map(|key| key.event.account).collect(),
            position: keys.clone().map(|key| key.event.position).collect(),
            endpoint: keys.map(|key| key.endpoint.as_str()).collect(),
        }
    }

    fn columns(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.account, &self.position, &self.endpoint]
    }
}

struct AttemptColumns<'a> {
    keys: KeyColumns<'a>,
    number: Vec<i32>,
    started_at: Vec<SystemTime>,
    duration_us: Vec<i32>,
    status: Vec<Option<i16>>,
    error: Vec<Option<&'static str>>,
    response: Vec<Option<&'a str>>,
    truncated: Vec<bool>,
    phases: [Vec<Option<i32>>; 4],
    early: Vec<bool>,
    order_gap: Vec<bool>,
}

impl<'a> AttemptColumns<'a> {
    fn of(attempts: &'a [AttemptRecord]) -> Self {
        let all = || attempts.iter();
        let micros = |time: Duration| saturating_i32(time.as_micros());
        let phase = |of: fn(&Phases) -> Option<Duration>| {
            all().map(|attempt| of(&attempt.phases).map(micros)).collect::<Vec<_>>()
        };
        Self {
            keys: KeyColumns::of(all().map(|attempt| &attempt.key)),
            number: all().map(|attempt| saturating_i32(attempt.number)).collect(),
            started_at: all().map(|attempt| attempt.started_at.system_time()).collect(),
            duration_us: all().map(|attempt| micros(attempt.duration)).collect(),
            status: all().map(|attempt| attempt.status.and_then(|status| status.try_into().ok())).collect(),
            error: all().map(|attempt| attempt.error).collect(),
            response: all().map(|attempt| attempt.response.as_deref()).collect(),
            truncated: all().map(|attempt| attempt.truncated).collect(),
            phases: [
                phase(|phases| phases.dns),
                phase(|phases| phases.connect),
                phase(|phases| phases.tls),
                phase(|phases| phases.first_byte),
            ],
            early: all().map(|attempt| attempt.early).collect(),
            order_gap: all().map(|attempt| attempt.order_gap).collect(),
        }
    }

    /// The columns after those of the keys.
    fn columns(&self) -> [&(dyn ToSql + Sync); 13] {
        let [dns, connect, tls, first_byte] = &self.phases;
        [
            &self.number,
            &self.started_at,
            &self.duration_us,
            &self.status,
            &self.error,
            &self.response,
            &self.truncated,
            dns,
            connect,
            tls,
            first_byte,
            &self.early,
            &self.order_gap,
        ]
    }
}

struct WaitingColumns<'a> {
    keys: KeyColumns<'a>,
    bucket: Vec<i16>,
    attempts: Vec<i32>,
    state: Vec<&'static str>,
    wait_ms: Vec<Option<i64>>,
    object: Vec<Option<&'a str>>,
    group: Vec<Option<&'a str>>,
    behind: Vec<Option<&'static str>>,
}

impl<'a> WaitingColumns<'a> {
    fn of(waiting: &'a BTreeMap<DeliveryKey, Waiting>) -> Self {
        let (state, wait_ms) = waiting
            .values()
            .map(|waiting| match waiting.state {
                DeliveryState::Owed(wait)
                | DeliveryState::Behind(wait)
                | DeliveryState::BehindGroup(wait) => {
                    ("owed", Some(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)))
                }
                DeliveryState::Parked => ("parked", None),
                DeliveryState::Exhausted => ("exhausted", None),
            })
            .unzip();
        Self {
            keys: KeyColumns::of(waiting.keys()),
            bucket: waiting.values().map(|waiting| waiting.bucket).collect(),
            attempts: waiting.values().map(|waiting| saturating_i32(waiting.attempts)).collect(),
            state,
            wait_ms,
            object: waiting.values().map(|waiting| Some(&*waiting.order.as_ref()?.object)).collect(),
            group: waiting.values().map(|waiting| waiting.order.as_ref()?.group.as_deref()).collect(),
            behind: waiting
                .values()
                .map(|waiting| match waiting.state {
                    DeliveryState::Behind(_) => Some("object"),
                    DeliveryState::BehindGroup(_) => Some("group"),
                    DeliveryState::Owed(_) | DeliveryState::Parked | DeliveryState::Exhausted => None,
                })
                .collect(),
        }
    }

    /// The columns after those of the keys.
    fn columns(&self) -> [&(dyn ToSql + Sync); 7] {
        [&self.bucket, &self.attempts, &self.state, &self.wait_ms, &self.object, &self.group, &self.behind]
    }
}

fn saturating_i32(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}
