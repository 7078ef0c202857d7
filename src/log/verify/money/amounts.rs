//! The amounts of charges and intents, against the fold of the postings and against each other.

use tokio_postgres::{Client, Row};

use super::{Kind, PORTION, Report, Tenant};
use crate::database::DatabaseError;

/// Checks the amounts of an account.
pub(super) async fn check(
    client: &Client,
    tenant: &Tenant,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    for (sql, judge) in [
        (include_str!("../../sql/verify_charges.sql"), charge as fn(&Tenant, &Row, &mut Report)),
        (include_str!("../../sql/verify_intents.sql"), intent),
    ] {
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

/// A number that an object shows; `None` where it isn't one.
fn number(row: &Row, name: &str) -> Option<i64> {
    row.get::<_, Option<&str>>(name).and_then(|text| text.parse().ok())
}

fn is(row: &Row, name: &str, value: &str) -> bool {
    row.get::<_, Option<&str>>(name) == Some(value)
}

/// What a charge shows, as balances of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Balances {
    processor: i64,
    revenue: i64,
    holds: i64,
    /// What was ever taken.
    taken: i64,
}

impl Balances {
    /// Those that a charge with these amounts has.
    fn shown(
        (is_paid, is_captured): (bool, bool),
        amount: i64,
        (captured, refunded): (i64, i64),
    ) -> Option<Self> {
        if !is_paid {
            return Some(Self { processor: 0, revenue: 0, holds: 0, taken: captured });
        }
        // What is released is shown as refunded.
        let kept = amount.checked_sub(refunded)?;
        let (revenue, holds) = if is_captured { (-kept, 0) } else { (0, -kept) };
        Some(Self { processor: kept, revenue, holds, taken: captured })
    }
}

fn charge(tenant: &Tenant, row: &Row, report: &mut Report) {
    let id: &str = row.get("id");
    let currency = row.get::<_, Option<&str>>("currency").unwrap_or_default();
    for (column, what) in
        [("unbalanced", "don't sum to zero"), ("foreigners", "are in another currency than its charge")]
    {
        if let Some(event) = row.get::<_, Option<&str>>(column) {
            let what = format!("the postings of {event} {what}");
            report.money_problem(tenant.finding(Kind::Postings, id, what));
        }
    }
    let shown = number(row, "amount")
        .zip(number(row, "amount_captured"))
        .zip(number(row, "amount_refunded"))
        .and_then(|((amount, captured), refunded)| {
            let state = (is(row, "status", "succeeded"), is(row, "captured", "true"));
            Balances::shown(state, amount, (captured, refunded))
        });
    let Some(shown) = shown else {
        report.money_problem(tenant.finding(Kind::Amount, id, "shows no amounts".to_owned()));
        return;
    };
    let of = |name: &str| row.get::<_, i64>(name);
    let posted = [of("processor"), of("revenue"), of("holds"), of("taken"), of("elsewhere")];
    let names = ["processor", "revenue", "holds", "all that was taken", "other accounts"];
    let expected = [shown.processor, shown.revenue, shown.holds, shown.taken, 0];
    for ((name, posted), shown) in names.iter().zip(posted).zip(expected) {
        if posted != shown {
            let what = format!("stands for {shown} {currency} in {name}, and its postings say {posted}");
            report.money_problem(tenant.finding(Kind::Amount, id, what));
        }
    }
}

fn intent(tenant: &Tenant, row: &Row, report: &mut Report) {
    let id: &str = row.get("id");
    let charge: Option<&str> = row.get("charge");
    let is_paid = is(row, "status", "succeeded");
    let is_held = is_paid && is(row, "captured", "false") && is(row, "refunded", "false");
    let taken = if is_paid { number(row, "amount_captured") } else { Some(0) };
    let held = if is_held { number(row, "amount") } else { Some(0) };
    let about = charge.unwrap_or("no charge");
    for (name, shown, of_charge) in [
        ("amount_received", number(row, "received"), taken),
        ("amount_capturable", number(row, "capturable"), held),
    ] {
        if shown != of_charge || shown.is_none() {
            let said = |amount: Option<i64>| amount.map_or("nothing".to_owned(), |amount| amount.to_string());
            let (shown, of_charge) = (said(shown), said(of_charge));
            let what = format!("shows {name} {shown}, and {about} says {of_charge}");
            report.money_problem(tenant.finding(Kind::Amount, id, what));
        }
    }
    let currencies: (Option<&str>, Option<&str>) = (row.get("currency"), row.get("charge_currency"));
    if currencies.1.is_some() && currencies.0 != currencies.1 {
        let what = format!("is in another currency than {about}");
        report.money_problem(tenant.finding(Kind::Amount, id, what));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The balances in the order processor, revenue, holds, taken.
    fn shown(is_paid: bool, is_captured: bool, captured: i64, refunded: i64) -> [i64; 4] {
        let shown = Balances::shown((is_paid, is_captured), 900, (captured, refunded)).expect("balances");
        [shown.processor, shown.revenue, shown.holds, shown.taken]
    }

    #[test]
    fn a_charge_stands_for_balances_of_the_ledger() {
        assert_eq!(shown(false, false, 0, 0), [0, 0, 0, 0], "declined");
        assert_eq!(shown(true, false, 0, 0), [900, 0, -900, 0], "held");
        assert_eq!(shown(true, false, 0, 900), [0, 0, 0, 0], "released");
        assert_eq!(shown(true, true, 900, 0), [900, -900, 0, 900], "taken");
        assert_eq!(shown(true, true, 400, 500), [400, -400, 0, 400], "taken in part");
        assert_eq!(shown(true, true, 900, 900), [0, 0, 0, 900], "given back");
    }
}
