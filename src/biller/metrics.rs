//! The biller's metrics: its steps and their outcomes, the objects that it holds, and those that it
//! holds back.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::due::{KINDS, kind_of};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    /// The prefix of the object's id; the database knows no others than ours.
    kind: String,
    outcome: &'static str,
}

/// The outcomes of a step.
const OUTCOMES: [&str; 5] = ["moved", "waits", "not_mine", "failed", "timed_out"];

/// The metrics of a biller, across its sessions. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Metrics {
    steps: Family<Labels, Counter>,
    pub(super) runaways: Gauge,
    pub(super) held_back: Gauge,
    pub(super) buckets: Gauge,
    pub(super) under_way: Gauge,
    pub(super) waiting: Gauge,
    pub(super) sessions_lost: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let steps = Family::<Labels, Counter>::default();
        for kind in KINDS {
            for outcome in OUTCOMES {
                // From zero on, so that the first ones are an increase.
                drop(steps.get_or_create(&Labels { kind: kind.to_owned(), outcome }));
            }
        }
        Self {
            steps,
            runaways: Gauge::default(),
            held_back: Gauge::default(),
            buckets: Gauge::default(),
            under_way: Gauge::default(),
            waiting: Gauge::default(),
            sessions_lost: Counter::default(),
        }
    }
}

/// A number of things, as a gauge wants it.
pub(super) fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

impl Metrics {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register("calmony_biller_steps", "Steps of objects that were due", self.steps.clone());
        registry.register(
            "calmony_biller_sessions_lost",
            "Sessions with PostgreSQL that ended without being asked to",
            self.sessions_lost.clone(),
        );
        let mut gauge = |name: &str, help: &str, gauge: &Gauge| registry.register(name, help, gauge.clone());
        gauge(
            "calmony_biller_runaway_objects",
            "Objects that this biller has stopped because they took step after step",
            &self.runaways,
        );
        gauge(
            "calmony_biller_live_held_back",
            "Objects of live mode that are due and aren't touched, because this database isn't adopted, \
             up to a thousand",
            &self.held_back,
        );
        gauge("calmony_biller_buckets", "Buckets, of 64, that this biller owns", &self.buckets);
        gauge("calmony_biller_in_flight", "Steps that are under way", &self.under_way);
        gauge("calmony_biller_waiting", "Objects that wait in memory for their step", &self.waiting);
    }

    /// Counts a step.
    pub(super) fn stepped(&self, id: &str, outcome: &'static str) {
        self.steps.get_or_create_owned(&Labels { kind: kind_of(id).to_owned(), outcome }).inc();
    }
}
