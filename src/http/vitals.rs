//! The condition of the system as metrics: read from the database when they are asked for, and not more
//! often than every few seconds, however many ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::database::DatabaseError;
use crate::due::lag::LagMetric;
use crate::read::Reader;
use crate::read::vitals::Vitals;

/// The greatest age at which the condition is shown without being read anew.
const FRESH: Duration = Duration::from_secs(5);
/// The longest time of a read.
const PATIENCE: Duration = Duration::from_secs(3);

type Seconds = Gauge<f64, AtomicU64>;
type Count = Gauge<i64, AtomicI64>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfEndpoints {
    endpoints: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAge {
    age: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfTable {
    table: &'static str,
}

/// The condition as metrics.
#[derive(Debug, Clone, Default)]
pub(super) struct VitalsMetrics {
    /// The instant of the last read.
    read_at: Arc<Mutex<Option<Instant>>>,
    is_known: Count,
    oldest_due: Family<OfEndpoints, Seconds>,
    outbox: Count,
    deliveries: Family<Kind, Count>,
    endpoints: Family<Kind, Count>,
    attempts: Family<OfAge, Count>,
    replays: Count,
    replays_left: Count,
    workers: Count,
    buckets: Count,
    position: Count,
    dead_rows: Family<OfTable, Count>,
    partition_days: Count,
    lag: LagMetric,
}

impl VitalsMetrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        let mut gauge = |name: &str, help: &str, gauge: &Count| registry.register(name, help, gauge.clone());
        gauge(
            "calmony_condition_known",
            "1 when the figures of the database are those of now",
            &self.is_known,
        );
        gauge("calmony_outbox_events", "Events that are not fanned out, up to a million", &self.outbox);
        gauge("calmony_replays_running", "Replays that are running", &self.replays);
        gauge(
            "calmony_replays_left_positions",
            "Positions of the log that running replays have before them",
            &self.replays_left,
        );
        gauge("calmony_workers", "Workers that are connected to the database", &self.workers);
        gauge("calmony_buckets_owned", "Buckets, of 64, that a worker owns", &self.buckets);
        gauge("calmony_log_position", "The last position of the log that was given out", &self.position);
        gauge(
            "calmony_attempt_partition_days",
            "Days from today on that have a partition for attempts",
            &self.partition_days,
        );
        registry.register(
            "calmony_oldest_due_seconds",
            "How long the delivery that is overdue for the longest time has been due",
            self.oldest_due.clone(),
        );
        registry.register(
            "calmony_deliveries_waiting",
            "Deliveries with a row of their own, up to a million",
            self.deliveries.clone(),
        );
        self.lag.register(registry);
        registry.register(
            "calmony_payment_attempts_open",
            "Operations that were asked of a processor and of which nobody knows yet what became",
            self.attempts.clone(),
        );
        registry.register("calmony_endpoints", "Webhook endpoints", self.endpoints.clone());
        registry.register(
            "calmony_dead_rows",
            "Dead rows that vacuum hasn't taken yet",
            self.dead_rows.clone(),
        );
    }

    /// Reads the condition anew, unless it was read just now. Concurrent callers wait for one read.
    pub(super) async fn refresh(&self, reader: &Reader) {
        let mut read_at = self.read_at.lock().await;
        if read_at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        let both = async { Ok::<_, DatabaseError>((reader.vitals().await?, reader.lags().await?)) };
        let read = timeout(PATIENCE, both).await;
        *read_at = Some(Instant::now());
        match read {
            Ok(Ok((vitals, lags))) => {
                self.is_known.set(1);
                self.set(&vitals);
                self.lag.set(&lags);
            }
            // The last figures stay, and the first one says that they are old.
            Ok(Err(error)) => {
                tracing::warn!(%error, "the condition of the system can't be read");
                self.is_known.set(0);
            }
            Err(_) => {
                tracing::warn!("reading the condition of the system takes too long");
                self.is_known.set(0);
            }
        }
    }

    fn set(&self, vitals: &Vitals) {
        let ages = [("working", vitals.oldest_due), ("failing", vitals.oldest_due_of_failing)];
        for (endpoints, age) in ages {
            self.oldest_due.get_or_create(&OfEndpoints { endpoints }).set(age.as_secs_f64());
        }
        let waiting = [("owed", vitals.owed), ("parked", vitals.parked), ("exhausted", vitals.exhausted)];
        let endpoints = [
            ("enabled", vitals.endpoints_enabled),
            ("paused", vitals.endpoints_paused),
            ("disabled", vitals.endpoints_disabled),
            ("failing", vitals.endpoints_failing),
        ];
        for (state, count) in waiting {
            self.deliveries.get_or_create(&Kind { state }).set(count);
        }
        for (state, count) in endpoints {
            self.endpoints.get_or_create(&Kind { state }).set(count);
        }
        let attempts =
            [("young", vitals.payment_attempts_open), ("overdue", vitals.payment_attempts_overdue)];
        for (age, count) in attempts {
            self.attempts.get_or_create(&OfAge { age }).set(count);
        }
        for (table, count) in [("outbox", vitals.outbox_dead_rows), ("delivery", vitals.delivery_dead_rows)] {
            self.dead_rows.get_or_create(&OfTable { table }).set(count);
        }
        self.outbox.set(vitals.outbox);
        self.replays.set(vitals.replays_running);
        self.replays_left.set(vitals.replays_left);
        self.workers.set(vitals.workers);
        self.buckets.set(vitals.buckets_owned);
        self.position.set(vitals.log_position);
        self.partition_days.set(vitals.partition_days_ahead);
    }
}
