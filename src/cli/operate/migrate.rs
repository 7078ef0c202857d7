//! `calmony migrate`: the schema.

use crate::config::DatabaseOptions;
use crate::database::migrate::migrate;
use crate::output::say;

/// The database to migrate.
#[derive(Debug, clap::Args)]
pub(crate) struct MigrateOptions {
    #[command(flatten)]
    database: DatabaseOptions,
}

pub(crate) async fn run(options: MigrateOptions) -> anyhow::Result<()> {
    let applied = migrate(&options.database.database_url).await?;
    if applied.is_empty() {
        say("the database is up to date");
    }
    for migration in applied {
        say(format_args!("applied {migration}"));
    }
    Ok(())
}
