//! The lag: for how long the object has been due that has been due longest, of each kind. Billers tell it,
//! and so do the API and the worker, because a biller that is dead tells nothing.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_postgres::{Client, Row};

use super::work::KINDS;
use crate::database::{DatabaseError, DatabaseUrl, Role};

/// The greatest age at which the lag is shown without being read anew.
const FRESH: Duration = Duration::from_secs(2);
/// The longest time of a read, the connection included.
const PATIENCE: Duration = Duration::from_secs(3);

/// The lag of a kind.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Lag {
    /// The prefix of its ids.
    pub kind: String,
    /// The seconds for which one of them has been due.
    pub seconds: f64,
}

impl From<&Row> for Lag {
    fn from(row: &Row) -> Self {
        Self { kind: row.get("kind"), seconds: row.get("seconds") }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: String,
}

/// The lag as a metric. Clones share it.
#[derive(Debug, Clone)]
pub struct LagMetric {
    ages: Family<OfKind, Gauge<f64, AtomicU64>>,
    /// The kinds that are shown. The database knows no others than those of ids, so they are few.
    shown: Arc<std::sync::Mutex<BTreeSet<String>>>,
}

impl Default for LagMetric {
    fn default() -> Self {
        let shown = KINDS.map(ToOwned::to_owned).into_iter().collect();
        let metric = Self { ages: Family::default(), shown: Arc::new(std::sync::Mutex::new(shown)) };
        metric.set(&[]);
        metric
    }
}

impl LagMetric {
    /// Registers it.
    pub fn register(&self, registry: &mut Registry) {
        registry.register(
            "calmony_biller_oldest_due_seconds",
            "How long the object has been due that has been due longest, of each kind",
            self.ages.clone(),
        );
    }

    /// Shows these, and zero for every other kind.
    pub fn set(&self, lags: &[Lag]) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.extend(lags.iter().map(|lag| lag.kind.clone()));
        for kind in shown.iter() {
            let lag = lags.iter().find(|lag| lag.kind == *kind);
            let seconds = lag.map_or(0.0, |lag| lag.seconds);
            self.ages.get_or_create(&OfKind { kind: kind.clone() }).set(seconds);
        }
    }
}

/// The lag as a process without a reader shows it: read when it is asked for, and not more often than every
/// few seconds, by a connection of its own. Clones share it.
#[derive(Debug, Clone)]
pub struct LagWatch {
    url: DatabaseUrl,
    role: Role,
    metric: LagMetric,
    read: Arc<Mutex<LastRead>>,
}

#[derive(Debug, Default)]
struct LastRead {
    at: Option<Instant>,
    client: Option<Client>,
}

impl LagWatch {
    /// A watch of that database. It connects when it is first asked.
    #[must_use]
    pub fn new(url: &DatabaseUrl, role: Role) -> Self {
        Self { url: url.clone(), role, metric: LagMetric::default(), read: Arc::default() }
    }

    /// Registers the metric.
    pub fn register(&self, registry: &mut Registry) {
        self.metric.register(registry);
    }

    /// Reads the lag anew, unless it was read just now. Concurrent callers wait for one read.
    pub async fn refresh(&self) {
        let mut read = self.read.lock().await;
        if read.at.is_some_and(|at| at.elapsed() < FRESH) {
            return;
        }
        match timeout(PATIENCE, self.lags(&mut read.client)).await {
            Ok(Ok(lags)) => self.metric.set(&lags),
            // The last figures stay.
            Ok(Err(error)) => tracing::warn!(%error, "what is due can't be read"),
            Err(_) => {
                read.client = None;
                tracing::warn!("reading what is due takes too long");
            }
        }
        read.at = Some(Instant::now());
    }

    async fn lags(&self, client: &mut Option<Client>) -> Result<Vec<Lag>, DatabaseError> {
        if client.as_ref().is_none_or(Client::is_closed) {
            let new = self.url.client(self.role).await?;
            // A worker's session would end between two scrapes.
            new.batch_execute("set idle_session_timeout = 0; set statement_timeout = '3s'").await?;
            *client = Some(new);
        }
        let Some(client) = client else { return Ok(Vec::new()) };
        let rows = client.query(include_str!("sql/oldest.sql"), &[]).await?;
        Ok(rows.iter().map(Lag::from).collect())
    }
}
