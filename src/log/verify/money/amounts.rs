//! The amounts of charges and intents, against the fold of the postings and against each other.

use serde::Deserialize;
use tokio_postgres::{Client, Row};

use super::finding::Kind;
use super::tenants::{PORTION, Tenant};
use crate::database::DatabaseError;
use crate::log::verify::report::Report;

/// A row, in words.
type Judge = fn(&Tenant, &Row, &mut Report);

/// Checks the amounts of an account.
pub(super) async fn check(
    client: &Client,
    tenant: &Tenant,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let kinds: [(&str, Judge); 3] = [
        (include_str!("../../sql/verify_charges.sql"), charge),
        (include_str!("../../sql/verify_intents.sql"), intent),
        (include_str!("../../sql/verify_suspense.sql"), suspense),
    ];
    for (sql, judge) in kinds {
        let statement = client.prepare(sql).await?;
        let mut last = String::new();
        loop {
            let rows = client.query(&statement, &[&tenant.id, &last, &PORTION]).await?;
            for row in &rows {
                judge(tenant, row, report);
            }
            let Some(row) = rows.last() else { break };
            last = row.get("id");
        }
    }
    for row in client.query(include_str!("../../sql/verify_refunds.sql"), &[&tenant.id]).await? {
        let (charge, reserved): (&str, &str) = (row.get("charge"), row.get("reserved"));
        let pending: &str = row.get("pending");
        let what = format!("reserves {reserved} for refunds, and {pending} are pending");
        report.money_problem(tenant.finding(Kind::Refunding, charge, what));
    }
    Ok(())
}

/// The amounts that a charge or an intent shows. A missing one is zero.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Shown {
    currency: String,
    status: String,
    captured: bool,
    refunded: bool,
    amount: i64,
    amount_captured: i64,
    amount_refunded: i64,
    amount_received: i64,
    amount_capturable: i64,
    latest_charge: Option<String>,
}

impl Shown {
    fn is_paid(&self) -> bool {
        self.status == "succeeded"
    }

    /// The amount that a charge has taken of its intent.
    fn taken(&self) -> i64 {
        if self.is_paid() { self.amount_captured } else { 0 }
    }

    /// The amount that a charge still holds.
    fn held(&self) -> i64 {
        if self.is_paid() && !self.captured && !self.refunded { self.amount } else { 0 }
    }
}

/// The amounts that a charge shows, as balances of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Balances {
    processor: i64,
    revenue: i64,
    holds: i64,
    /// The amount that was ever taken.
    taken: i64,
}

impl Balances {
    /// Those of a charge.
    fn of(charge: &Shown) -> Self {
        // A released amount is shown as refunded.
        let kept = charge.amount.saturating_sub(charge.amount_refunded);
        let (processor, revenue, holds) = match (charge.is_paid(), charge.captured) {
            (false, _) => (0, 0, 0),
            (true, true) => (kept, kept.saturating_neg(), 0),
            (true, false) => (kept, 0, kept.saturating_neg()),
        };
        Self { processor, revenue, holds, taken: charge.amount_captured }
    }
}

fn charge(tenant: &Tenant, row: &Row, report: &mut Report) {
    let id: &str = row.get("id");
    let Some(charge) = shown(tenant, row, report) else { return };
    if let Some(event) = row.get::<_, Option<&str>>("unbalanced") {
        let what = format!("the postings of {event} don't sum to zero");
        report.money_problem(tenant.finding(Kind::Postings, id, what));
    }
    let currencies: Vec<String> = row.get::<_, Option<_>>("currencies").unwrap_or_default();
    if let Some(other) = currencies.iter().find(|currency| **currency != charge.currency) {
        let what = format!("is in {}, and has postings in {other:?}", charge.currency);
        report.money_problem(tenant.finding(Kind::Postings, id, what));
    }
    let balances = Balances::of(&charge);
    let posted = |name: &str| row.get::<_, i64>(name);
    for (name, shown, posted) in [
        ("processor", balances.processor, posted("processor")),
        ("revenue", balances.revenue, posted("revenue")),
        ("holds", balances.holds, posted("holds")),
        ("all that was taken", balances.taken, posted("taken")),
        ("other accounts", 0, posted("elsewhere")),
    ] {
        if posted != shown {
            let currency = &charge.currency;
            let what = format!("stands for {shown} {currency} in {name}, and its postings say {posted}");
            report.money_problem(tenant.finding(Kind::Amount, id, what));
        }
    }
}

fn intent(tenant: &Tenant, row: &Row, report: &mut Report) {
    let id: &str = row.get("id");
    let Some(intent) = shown(tenant, row, report) else { return };
    let charge = row.get::<_, Option<&str>>("charge").map(serde_json::from_str::<Shown>);
    // One that can't be read is a finding of its own.
    let Ok(charge) = charge.transpose() else { return };
    let about = intent.latest_charge.as_deref().unwrap_or("no charge");
    let (taken, held) = charge.as_ref().map_or((0, 0), |charge| (charge.taken(), charge.held()));
    for (name, shown, of_charge) in [
        ("amount_received", intent.amount_received, taken),
        ("amount_capturable", intent.amount_capturable, held),
    ] {
        if shown != of_charge {
            let what = format!("shows {name} {shown}, and {about} says {of_charge}");
            report.money_problem(tenant.finding(Kind::Amount, id, what));
        }
    }
    if charge.is_some_and(|charge| charge.currency != intent.currency) {
        let what = format!("is in another currency than {about}");
        report.money_problem(tenant.finding(Kind::Amount, id, what));
    }
}

/// The amount that an intent gives back is the one that its postings have in suspense.
fn suspense(tenant: &Tenant, row: &Row, report: &mut Report) {
    let returning: i64 = row.get("returning");
    for (name, kept) in [("processor", returning), ("suspense", returning.saturating_neg()), ("elsewhere", 0)]
    {
        let posted: i64 = row.get(name);
        if posted != kept {
            let currency: &str = row.get("currency");
            let what = format!("gives back {returning} {currency}, and its postings say {posted} in {name}");
            report.money_problem(tenant.finding(Kind::Amount, row.get("id"), what));
        }
    }
}

/// The amounts that an object shows; `None`, and a finding, where it can't be read.
fn shown(tenant: &Tenant, row: &Row, report: &mut Report) -> Option<Shown> {
    let shown = serde_json::from_str(row.get("data")).ok();
    if shown.is_none() {
        let what = "shows amounts that can't be read".to_owned();
        report.money_problem(tenant.finding(Kind::Amount, row.get("id"), what));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The balances in the order processor, revenue, holds, taken; and the amounts for its intent:
    /// taken, held.
    fn balances(is_paid: bool, captured: bool, amount_captured: i64, amount_refunded: i64) -> [i64; 6] {
        let charge = Shown {
            status: if is_paid { "succeeded" } else { "failed" }.to_owned(),
            captured,
            amount: 900,
            amount_captured,
            amount_refunded,
            refunded: amount_refunded == 900,
            ..Shown::default()
        };
        let balances = Balances::of(&charge);
        let Balances { processor, revenue, holds, taken } = balances;
        [processor, revenue, holds, taken, charge.taken(), charge.held()]
    }

    #[test]
    fn a_charge_stands_for_balances_of_the_ledger() {
        assert_eq!(balances(false, false, 0, 0), [0; 6], "declined");
        assert_eq!(balances(true, false, 0, 0), [900, 0, -900, 0, 0, 900], "held");
        assert_eq!(balances(true, false, 0, 900), [0; 6], "released");
        assert_eq!(balances(true, true, 900, 0), [900, -900, 0, 900, 900, 0], "taken");
        assert_eq!(balances(true, true, 400, 500), [400, -400, 0, 400, 400, 0], "taken in part");
        assert_eq!(balances(true, true, 900, 900), [0, 0, 0, 900, 900, 0], "given back");
    }
}
