//! The accounts whose money is checked, and the bounds of that.

use tokio_postgres::Client;

use super::finding::{Finding, Kind};
use crate::database::DatabaseError;

/// The time after an attempt's deadline in which somebody still asks for its outcome, in seconds.
pub(super) const GRACE_SECONDS: u64 = 60;
/// The most rows of one portion.
pub(super) const PORTION: i64 = 2_000;

/// A kind of object: the beginning of its ids, and the text that all of them come before.
pub(super) type Range = (&'static str, &'static str);

/// The objects that attempts are for.
pub(super) const ATTEMPTED: [Range; 3] = [("pi_", "pi`"), ("re_", "re`"), ("seti_", "seti`")];

/// An account: a tenant in one mode.
#[derive(Debug, Clone)]
pub(super) struct Tenant {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) livemode: bool,
}

impl Tenant {
    /// A finding about an object of theirs.
    pub(super) fn finding(&self, kind: Kind, id: &str, what: String) -> Finding {
        Finding { kind, tenant: Some(self.name.clone()), id: id.to_owned(), what }
    }
}

/// The accounts.
pub(super) async fn tenants(client: &Client) -> Result<Vec<Tenant>, DatabaseError> {
    let rows = client.query(include_str!("../../sql/verify_accounts.sql"), &[]).await?;
    let tenants = rows.iter().map(|row| {
        let (name, livemode): (&str, bool) = (row.get("name"), row.get("livemode"));
        let name = format!("{name} ({})", if livemode { "live" } else { "test" });
        Tenant { id: row.get("id"), name, livemode }
    });
    Ok(tenants.collect())
}
