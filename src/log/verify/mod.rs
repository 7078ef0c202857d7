//! Proving that nothing was lost: the state is the fold of the log, and every event has reached, or is owed
//! to, every endpoint that asked for it. And that money is accounted for.
//!
//! It reads portion by portion, each in one snapshot, under the reader's role, and can run beside
//! everything else. It reports what it can't decide: deliveries from before the oldest attempt on record,
//! and events at the edge of a change of their endpoint.

mod deliveries;
mod fold;
mod history;
pub mod money;

use tokio_postgres::Client;

use crate::database::{DatabaseError, DatabaseUrl, Role};

/// The most findings that are kept of one kind.
const FINDINGS_MAX: usize = 100;
/// Portions are read; a few queries read a whole table.
const STATEMENT_LIMIT: &str = "set statement_timeout = '10min'";

/// The counts and the findings.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Report {
    /// Events that were read.
    pub events: u64,
    /// Objects that were read.
    pub objects: u64,
    /// Every disagreement between the state and the log: the object or the event, and the difference.
    pub state: Vec<String>,
    /// Deliveries, by their state.
    pub deliveries: Deliveries,
    /// Attempts at the processor, by what became of them.
    pub attempts: money::Attempts,
    /// Every disagreement about money.
    pub money: Vec<money::Finding>,
    /// Events that an endpoint asked for and of which there is no trace: `evt_… for we_…`.
    pub lost: Vec<String>,
    /// The number of all problems, those included that are not listed.
    pub problems: u64,
}

/// The number of deliveries in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Deliveries {
    /// Deliveries that the endpoint has taken.
    pub delivered: u64,
    /// Deliveries that are to be attempted.
    pub owed: u64,
    /// Deliveries that wait for their endpoint to be enabled or resumed.
    pub parked: u64,
    /// Deliveries that were given up after the last attempt.
    pub exhausted: u64,
    /// Events that aren't fanned out yet.
    pub pending: u64,
    /// Events without a trace, whose endpoint was changed at about that time, so that it may not have asked
    /// for them.
    pub undecided: u64,
}

/// An observer of the progress.
pub trait Watch: Send {
    /// A stage has begun, with `steps` steps.
    fn stage(&mut self, name: &'static str, steps: u64);
    /// `steps` more steps of it are done.
    fn done(&mut self, steps: u64);
}

impl Report {
    fn state_problem(&mut self, what: String) {
        self.problems += 1;
        if self.state.len() < FINDINGS_MAX {
            self.state.push(what);
        }
    }

    fn lost_delivery(&mut self, event: &str, endpoint: &str) {
        self.problems += 1;
        if self.lost.len() < FINDINGS_MAX {
            self.lost.push(format!("{event} for {endpoint}"));
        }
    }
}

/// Looks at everything.
pub async fn verify(url: &DatabaseUrl, watch: &mut impl Watch) -> Result<Report, DatabaseError> {
    let client = url.client(Role::Reader).await?;
    client.batch_execute(STATEMENT_LIMIT).await?;
    let mut report = Report::default();
    fold::check(&client, &mut report, watch).await?;
    fold::check_orphans(&client, &mut report, watch).await?;
    money::check(&client, &mut report, watch).await?;
    deliveries::check(&client, &mut report, watch).await?;
    Ok(report)
}

/// The estimated number of a table's rows, for a progress bar.
pub(super) async fn estimate(client: &Client, table: &str) -> Result<u64, DatabaseError> {
    let row = client.query_one(include_str!("../sql/verify_estimate.sql"), &[&table]).await?;
    Ok(u64::try_from(row.get::<_, i64>("count")).unwrap_or(0))
}
