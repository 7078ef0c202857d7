//! The balances of the ledger, folded out of the log.

use std::collections::BTreeMap;

use super::FOLD_LIMIT;
use crate::database::{DatabaseError, DatabaseUrl, Role};
use crate::domain::ledger::Account;

/// The balance of an account of the ledger.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Balance {
    /// The tenant.
    pub tenant: String,
    /// True in its live mode.
    pub livemode: bool,
    /// The currency.
    pub currency: String,
    /// The account.
    pub account: Account,
    /// The balance, in the currency's smallest unit; the account's debt is negative.
    pub balance: i64,
}

/// The balances of one tenant, or of all: every account for each currency that something was posted in.
/// `None` if there is no tenant of that name.
pub async fn balances(
    url: &DatabaseUrl,
    tenant: Option<&str>,
) -> Result<Option<Vec<Balance>>, DatabaseError> {
    let client = url.client(Role::Reader).await?;
    client.batch_execute(FOLD_LIMIT).await?;
    let accounts = client.query(include_str!("sql/ledger_tenants.sql"), &[&tenant]).await?;
    if accounts.is_empty() && tenant.is_some() {
        return Ok(None);
    }
    let fold = client.prepare(include_str!("sql/ledger.sql")).await?;
    let mut found = Vec::new();
    for account in &accounts {
        let mut sums: BTreeMap<String, BTreeMap<String, i64>> = BTreeMap::new();
        for row in client.query(&fold, &[&account.get::<_, i64>("id")]).await? {
            let of_currency = sums.entry(row.get("currency")).or_default();
            of_currency.insert(row.get("account"), row.get("balance"));
        }
        for (currency, sums) in sums {
            found.extend(Account::ALL.map(|of| Balance {
                tenant: account.get("name"),
                livemode: account.get("livemode"),
                currency: currency.clone(),
                account: of,
                balance: sums.get(of.as_str()).copied().unwrap_or_default(),
            }));
        }
    }
    Ok(Some(found))
}
