//! Money is accounted for: amounts are the fold of the ledger's postings, each attempt at the processor is
//! closed once, and none is open past its time.
//!
//! The processor's own journal is compared by [`journal`].

mod amounts;
mod attempts;
pub mod journal;
mod sums;

use std::fmt;

use tokio_postgres::Client;

use super::{FINDINGS_MAX, Report, Watch};
use crate::database::DatabaseError;

/// The time after an attempt's deadline in which somebody still asks what became of it, in seconds.
const GRACE_SECONDS: u64 = 60;
/// The most rows of one portion.
const PORTION: i64 = 2_000;

/// A disagreement about money.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// The tenant; `None` for money that no tenant's log knows.
    pub tenant: Option<String>,
    /// The object or the processor's key.
    pub id: String,
    /// The difference, in words.
    pub what: String,
}

/// The kinds of disagreements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An object's amount isn't what its postings or its charge say.
    Amount,
    /// The postings of an event don't sum to zero, or are in another currency.
    Postings,
    /// An amount that is reserved for refunds isn't that of the pending ones.
    Refunding,
    /// An attempt isn't opened and closed once.
    Attempt,
    /// An attempt is open past its deadline.
    Overdue,
    /// The log and the processor's journal differ.
    Movement,
    /// The journal has money that the log doesn't know.
    Unknown,
    /// The journal can't be read.
    Unread,
}

/// The attempts that were seen, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Attempts {
    /// Attempts that are closed.
    pub closed: u64,
    /// Attempts that are open.
    pub open: u64,
    /// Attempts whose buyer has a challenge to pass.
    pub waiting: u64,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tenant) = &self.tenant {
            write!(f, "{tenant}: ")?;
        }
        write!(f, "{} {}", self.id, self.what)
    }
}

impl Report {
    /// Adds a finding about money.
    pub fn money_problem(&mut self, finding: Finding) {
        self.problems += 1;
        if self.money.len() < FINDINGS_MAX {
            self.money.push(finding);
        }
    }
}

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
