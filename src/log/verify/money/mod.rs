//! Money is accounted for: amounts are the fold of the ledger's postings, each attempt at the processor is
//! closed once, and none is open past its time.
//!
//! The processor's own journal is compared by [`journal`].

mod amounts;
mod attempts;
pub mod finding;
pub mod journal;
mod sums;
mod tenants;

use tokio_postgres::Client;

use super::report::{Report, Watch};
use crate::database::DatabaseError;
pub use finding::{Attempts, Finding, Kind};
use tenants::tenants;

/// Checks the money of every account, except against the processor's journal.
pub(super) async fn check(
    client: &Client,
    report: &mut Report,
    watch: &mut impl Watch,
) -> Result<(), DatabaseError> {
    let tenants = tenants(client).await?;
    watch.stage("payments", u64::try_from(tenants.len()).unwrap_or(0));
    for tenant in &tenants {
        amounts::check(client, tenant, report).await?;
        attempts::check(client, tenant, report).await?;
        watch.done(1);
    }
    Ok(())
}
