//! Writing down what became of deliveries: many outcomes in one statement.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use tokio_postgres::types::ToSql;

use super::{DeliveryKey, EventKey, Session};
use crate::clock::Timestamp;
use crate::database::DatabaseError;

/// One HTTP request that was made.
#[derive(Debug, Clone)]
pub struct AttemptRecord {
    /// For which delivery.
    pub key: DeliveryKey,
    /// The how-manieth of its delivery, from 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took until the answer was read or it failed.
    pub duration: Duration,
    /// The HTTP status, when an answer came.
    pub status: Option<u16>,
    /// The class of the failure, when it failed.
    pub error: Option<&'static str>,
    /// The first bytes of the answer.
    pub response: Option<String>,
    /// Whether the answer had more.
    pub truncated: bool,
}

/// What a delivery that was not made waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// Another attempt, after this time.
    Owed(Duration),
    /// Its endpoint to be enabled.
    Parked,
    /// Nothing: it was the last attempt.
    Exhausted,
}

#[derive(Debug, Clone, Copy)]
struct Waiting {
    bucket: i16,
    attempts: u32,
    state: DeliveryState,
}

/// Outcomes that are written together. Of two outcomes of one delivery the later one holds.
#[derive(Debug, Default)]
pub struct Settlement {
    attempts: Vec<AttemptRecord>,
    waiting: BTreeMap<DeliveryKey, Waiting>,
    delivered: BTreeSet<DeliveryKey>,
    fanned_out: BTreeSet<EventKey>,
}

impl Settlement {
    /// Whether there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.attempts.is_empty()
            && self.waiting.is_empty()
            && self.delivered.is_empty()
            && self.fanned_out.is_empty()
    }

    /// The events that are fanned out.
    pub fn events(&self) -> impl Iterator<Item = &EventKey> {
        self.fanned_out.iter()
    }

    /// The deliveries whose rows change.
    pub fn deliveries(&self) -> impl Iterator<Item = &DeliveryKey> {
        self.waiting.keys().chain(&self.delivered)
    }

    /// Adds later outcomes to these.
    pub fn append(&mut self, later: Self) {
        self.attempts.extend(later.attempts);
        for (key, waiting) in later.waiting {
            self.waits(key, waiting.bucket, waiting.attempts, waiting.state);
        }
        for key in later.delivered {
            self.delivered(key);
        }
        self.fanned_out.extend(later.fanned_out);
    }

    /// This request was made.
    pub fn attempted(&mut self, record: AttemptRecord) {
        self.attempts.push(record);
    }

    /// This delivery waits, after that many attempts.
    pub fn waits(&mut self, key: DeliveryKey, bucket: i16, attempts: u32, state: DeliveryState) {
        self.delivered.remove(&key);
        self.waiting.insert(key, Waiting { bucket, attempts, state });
    }

    /// This delivery, which waited, waits no longer.
    pub fn delivered(&mut self, key: DeliveryKey) {
        self.waiting.remove(&key);
        self.delivered.insert(key);
    }

    /// Every endpoint of this event has it or has its delivery waiting.
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
        let mut parameters: Vec<&(dyn ToSql + Sync)> = Vec::with_capacity(22);
        parameters.extend(attempts.keys.columns());
        parameters.extend(attempts.columns());
        parameters.extend(waiting.keys.columns());
        parameters.extend(waiting.columns());
        parameters.extend(delivered.columns());
        parameters.push(&fanned_out.0);
        parameters.push(&fanned_out.1);
        self.client.execute(&self.statements.settle, &parameters).await?;
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
    duration_ms: Vec<i32>,
    status: Vec<Option<i16>>,
    error: Vec<Option<&'static str>>,
    response: Vec<Option<&'a str>>,
    truncated: Vec<bool>,
}

impl<'a> AttemptColumns<'a> {
    fn of(attempts: &'a [AttemptRecord]) -> Self {
        let all = || attempts.iter();
        Self {
            keys: KeyColumns::of(all().map(|attempt| &attempt.key)),
            number: all().map(|attempt| saturating_i32(attempt.number)).collect(),
            started_at: all().map(|attempt| attempt.started_at.system_time()).collect(),
            duration_ms: all().map(|attempt| saturating_i32(attempt.duration.as_millis())).collect(),
            status: all().map(|attempt| attempt.status.and_then(|status| status.try_into().ok())).collect(),
            error: all().map(|attempt| attempt.error).collect(),
            response: all().map(|attempt| attempt.response.as_deref()).collect(),
            truncated: all().map(|attempt| attempt.truncated).collect(),
        }
    }

    /// The columns after those of the keys.
    fn columns(&self) -> [&(dyn ToSql + Sync); 7] {
        [
            &self.number,
            &self.started_at,
            &self.duration_ms,
            &self.status,
            &self.error,
            &self.response,
            &self.truncated,
        ]
    }
}

struct WaitingColumns<'a> {
    keys: KeyColumns<'a>,
    bucket: Vec<i16>,
    attempts: Vec<i32>,
    state: Vec<&'static str>,
    wait_ms: Vec<Option<i64>>,
}

impl<'a> WaitingColumns<'a> {
    fn of(waiting: &'a BTreeMap<DeliveryKey, Waiting>) -> Self {
        let (state, wait_ms) = waiting
            .values()
            .map(|waiting| match waiting.state {
                DeliveryState::Owed(wait) => {
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
        }
    }

    /// The columns after those of the keys.
    fn columns(&self) -> [&(dyn ToSql + Sync); 4] {
        [&self.bucket, &self.attempts, &self.state, &self.wait_ms]
    }
}

fn saturating_i32(number: impl TryInto<i32>) -> i32 {
    number.try_into().unwrap_or(i32::MAX)
}
