//! Money is accounted for: amounts are the fold of the ledger's postings, each attempt at the processor is
//! closed once, and none is open past its time.
//!
//! The processor's own journal is compared by [`journal`].

mod amounts;
mod attempts;
pub mod finding;
pub mod journal;
mod sums;

use tokio_postgres::Client;

use super::report::{Report, Watch};
use crate::database::DatabaseError;
pub use finding::{Attempts, Finding, Kind};

/// The time after an attempt's deadline in which somebody still asks what became of it, in seconds.
const GRACE_SECONDS: u64 = 60;
/// The most rows of one portion.
const PORTION: i64 = 2_000;

/// An account: a tenant in one mode.
#[derive(Debug, Clone)]
struct Tenant {
    id: i64,
    name: String,
    livemode: bool,
}

impl Tenant {
    /// A finding about an object of theirs.
    fn finding(&self, kind: Kind, id: &str, what: String) -> Finding {
        Finding { kind, tenant: Some(self.name.clone()), id: id.to_owned(), what }
    }
}

/// The accounts.
async fn tenants(client: &Client) -> Result<Vec<Tenant>, DatabaseError> {
    let rows = client.query(include_str!("../../sql/verify_accounts.sql"), &[]).await?;
    let tenants = rows.iter().map(|row| {
        let (name, livemode): (&str, bool) = (row.get("name"), row.get("livemode"));
        let name = format!("{name} ({})", if livemode { "live" } else { "test" });
        Tenant { id: row.get("id"), name, livemode }
    });
    Ok(tenants.collect())
}

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

/// A kind of object: the beginning of its ids, and the text that all of them come before.
type Range = (&'static str, &'static str);

/// The objects that attempts are for.
const ATTEMPTED: [Range; 3] = [("pi_", "pi`"), ("re_", "re`"), ("seti_", "seti`")];
