//! `calmony check-config`: a check that the API would start and work as it is configured. It changes nothing
//! and listens nowhere.

use anyhow::bail;

use super::serve::ServeOptions;
use crate::cli::support::table;
use crate::config::check::{
    Checked, card_numbers, database, encryption, other_ways, processors, unknown_variables,
};
use crate::database::Role;

/// The configuration, as `calmony serve` takes it.
#[derive(Debug, clap::Args)]
pub(crate) struct CheckConfigOptions {
    #[command(flatten)]
    serve: ServeOptions,
}

pub(crate) async fn run(options: CheckConfigOptions) -> anyhow::Result<()> {
    // A single value that is wrong has stopped the command before it came here.
    let mut checked = vec![Checked::good("values", "every value can be read")];
    checked.push(unknown_variables());
    let databases = options.serve.databases();
    checked.extend(encryption(&databases));
    checked.extend(processors(options.serve.processors()));
    checked.push(card_numbers(options.serve.card_numbers()));
    let roles = [Role::Api, Role::Reader];
    checked.extend(database(&databases.primary, options.serve.secret_key(), &roles).await);
    checked.extend(other_ways(&databases).await);
    let rows = checked
        .iter()
        .map(|check| vec![check.verdict().to_owned(), check.about.to_owned(), check.said.clone()]);
    table::print(&["STATE", "ABOUT", "FOUND"], rows);
    if checked.iter().any(Checked::is_wrong) {
        bail!("the configuration doesn't work");
    }
    Ok(())
}
