//! Proving that nothing was lost: the state is the fold of the log, and every event has reached, or is owed
//! to, every endpoint that asked for it. And that money is accounted for.
//!
//! It reads portion by portion, each in one snapshot, under the reader's role, and can run beside
//! everything else. It reports the cases that it can't decide: deliveries from before the oldest attempt
//! on record, and events at the edge of a change of their endpoint.

mod deliveries;
mod fold;
mod history;
pub mod money;
mod report;

use tokio_postgres::Client;

use crate::database::{DatabaseError, DatabaseUrl, Role};
use report::STATEMENT_LIMIT;
pub use report::{Deliveries, Report, Watch};

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
