//! `calmony ledger`: the balances that the log has added up to.

use anyhow::bail;

use crate::cli::support::table;
use crate::config::DatabaseOptions;
use crate::output::{in_line, say_json};
use crate::read::ledger::{Balance, balances};

/// The ledger to read.
#[derive(Debug, clap::Args)]
pub(crate) struct LedgerOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// One tenant's balances only
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
    /// Print the balances as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: LedgerOptions) -> anyhow::Result<()> {
    let tenant = options.tenant.as_deref();
    let Some(balances) = balances(&options.database.database_url, tenant).await? else {
        bail!("there is no tenant {}", in_line(tenant.unwrap_or_default()));
    };
    if options.json {
        return say_json(&balances);
    }
    let rows = balances.into_iter().map(|Balance { tenant, livemode, currency, account, balance }| {
        let mode = if livemode { "live" } else { "test" };
        vec![tenant, mode.to_owned(), currency, account.as_str().to_owned(), balance.to_string()]
    });
    table::print(&["TENANT", "MODE", "CURRENCY", "ACCOUNT", "BALANCE"], rows);
    Ok(())
}
