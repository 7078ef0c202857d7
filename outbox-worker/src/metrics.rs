//! The worker's metrics: attempts and their outcomes, the states of deliveries, ownership and progress.

use calmony_pay::metrics::{counts, durations};
use calmony_pay::outbox::{DeliveryState, Settlement};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use crate::attempt::Report;
use crate::breaker::BreakerCounts;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
    /// The reason of the failure: the class of the failure, or of the status.
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Became {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Named {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

type Timings<L> = Family<L, Histogram, fn() -> Histogram>;

/// The metrics of a worker, across its sessions. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    attempts: Family<Outcome, Counter>,
    took: Histogram,
    phases: Timings<Phase>,
    deliveries: Family<Became, Counter>,
    operations: Timings<Named>,
    settled_together: Histogram,
    sessions_lost: Counter,
    buckets_lost: Counter,
    buckets: Gauge,
    cursor: Gauge,
    in_flight: Gauge,
    on_probation: Gauge,
    unwritten: Gauge,
    endpoints: Family<State, Gauge>,
}

/// The outcomes of a delivery.
const OUTCOMES: [&str; 5] = ["delivered", "owed", "in_line", "parked", "exhausted"];

impl Default for Metrics {
    fn default() -> Self {
        let deliveries = Family::<Became, Counter>::default();
        for outcome in OUTCOMES {
            // From zero on, so that the first ones are an increase.
            drop(deliveries.get_or_create(&Became { outcome }));
        }
        Self {
            attempts: Family::default(),
            took: durations(),
            phases: Family::new_with_constructor(durations),
            deliveries,
            operations: Family::new_with_constructor(durations),
            settled_together: counts(),
            sessions_lost: Counter::default(),
            buckets_lost: Counter::default(),
            buckets: Gauge::default(),
            cursor: Gauge::default(),
            in_flight: Gauge::default(),
            on_probation: Gauge::default(),
            unwritten: Gauge::default(),
            endpoints: Family::default(),
        }
    }
}

/// The state of the engine at this moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Standing {
    pub(crate) buckets: usize,
    pub(crate) cursor: i64,
    pub(crate) in_flight: usize,
    pub(crate) on_probation: usize,
    pub(crate) unwritten: usize,
    pub(crate) breakers: BreakerCounts,
}

impl Metrics {
    pub(crate) fn registry(&self) -> Registry {
        let mut registry = Registry::default();
        self.register_work(&mut registry);
        self.register_standing(&mut registry);
        registry
    }

    fn register_work(&self, registry: &mut Registry) {
        registry.register("calmony_attempts", "HTTP requests made for deliveries", self.attempts.clone());
        registry.register(
            "calmony_attempt_duration_seconds",
            "From the start of an attempt until its answer was read or it failed",
            self.took.clone(),
        );
        registry.register(
            "calmony_attempt_phase_seconds",
            "How long the phases of an attempt took: dns, connect, tls, first_byte (from the start)",
            self.phases.clone(),
        );
        registry.register(
            "calmony_deliveries",
            "What became of deliveries, each time that was written down",
            self.deliveries.clone(),
        );
        registry.register(
            "calmony_worker_operation_seconds",
            "What the worker does on its session with PostgreSQL",
            self.operations.clone(),
        );
        registry.register(
            "calmony_worker_settled_together",
            "Rows that one statement wrote outcomes of",
            self.settled_together.clone(),
        );
    }

    fn register_standing(&self, registry: &mut Registry) {
        registry.register(
            "calmony_worker_sessions_lost",
            "Sessions with PostgreSQL that ended without being asked to",
            self.sessions_lost.clone(),
        );
        registry.register(
            "calmony_worker_buckets_lost",
            "Buckets that were owned when a session was lost",
            self.buckets_lost.clone(),
        );
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge("calmony_worker_buckets", "Buckets, of 64, that this worker owns", &self.buckets);
        gauge(
            "calmony_worker_cursor_position",
            "The position of the log up to which this worker has read its outbox",
            &self.cursor,
        );
        gauge("calmony_worker_in_flight", "Requests that are under way", &self.in_flight);
        gauge(
            "calmony_worker_on_probation",
            "Requests under way to endpoints that haven't answered yet, or let nothing land",
            &self.on_probation,
        );
        gauge("calmony_worker_unwritten", "Outcomes that wait to be written", &self.unwritten);
        registry.register(
            "calmony_worker_endpoints",
            "Endpoints that this worker has sent to lately, by their breaker: closed, open, probing, \
             or walking (back, and being caught up)",
            self.endpoints.clone(),
        );
    }

    /// Counts an attempt.
    pub(crate) fn attempted(&self, report: &Report) {
        let outcome = Outcome {
            outcome: if report.error.is_none() { "delivered" } else { "failed" },
            reason: reason(report),
        };
        self.attempts.get_or_create(&outcome).inc();
        self.took.observe(report.duration.as_secs_f64());
        let phases = [
            ("dns", report.phases.dns),
            ("connect", report.phases.connect),
            ("tls", report.phases.tls),
            ("first_byte", report.phases.first_byte),
        ];
        for (phase, took) in phases {
            if let Some(took) = took {
                self.phases.get_or_create(&Phase { phase }).observe(took.as_secs_f64());
            }
        }
    }

    /// Counts outcomes that are written.
    pub(crate) fn settled(&self, settlement: &Settlement) {
        if settlement.is_empty() {
            return;
        }
        self.settled_together.observe(f64::from(u32::try_from(settlement.len()).unwrap_or(u32::MAX)));
        let became = |outcome| self.deliveries.get_or_create_owned(&Became { outcome });
        let taken = settlement.attempts().filter(|attempt| attempt.error.is_none()).count();
        if taken > 0 {
            became("delivered").inc_by(u64::try_from(taken).unwrap_or(u64::MAX));
        }
        for state in settlement.states() {
            became(match state {
                DeliveryState::Owed(_) => "owed",
                DeliveryState::Behind(_) | DeliveryState::BehindGroup(_) => "in_line",
                DeliveryState::Parked => "parked",
                DeliveryState::Exhausted => "exhausted",
            })
            .inc();
        }
    }

    /// Counts an operation on the session.
    pub(crate) fn operated(&self, operation: &'static str, took: std::time::Duration) {
        self.operations.get_or_create(&Named { operation }).observe(took.as_secs_f64());
    }

    /// Notes that the session is gone, and its buckets with it.
    pub(crate) fn session_lost(&self) {
        self.sessions_lost.inc();
        self.buckets_lost.inc_by(u64::try_from(self.buckets.get()).unwrap_or_default());
        self.buckets.set(0);
    }

    /// Shows the state of the engine.
    pub(crate) fn stands(&self, standing: &Standing) {
        let Standing { buckets, cursor, in_flight, on_probation, unwritten, breakers } = standing;
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.buckets.set(number(*buckets));
        self.cursor.set(*cursor);
        self.in_flight.set(number(*in_flight));
        self.on_probation.set(number(*on_probation));
        self.unwritten.set(number(*unwritten));
        let BreakerCounts { closed, open, probing, walking } = breakers;
        for (state, count) in [("closed", closed), ("open", open), ("probing", probing), ("walking", walking)]
        {
            self.endpoints.get_or_create(&State { state }).set(number(*count));
        }
    }
}

/// The reason that an attempt failed, as one of a few words; empty after a success.
fn reason(report: &Report) -> &'static str {
    match (report.error, report.status) {
        (None, _) => "",
        (Some("status"), Some(410)) => "status_410",
        (Some("status"), Some(429)) => "status_429",
        (Some("status"), Some(300..=399)) => "status_3xx",
        (Some("status"), Some(400..=499)) => "status_4xx",
        (Some("status"), Some(500..=599)) => "status_5xx",
        (Some(class), _) => class,
    }
}
