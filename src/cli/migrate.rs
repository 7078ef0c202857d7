//! `calmony migrate`: the schema.

use crate::config::DatabaseOptions;
use crate::database::migrate::migrate;

/// How to migrate.
#[derive(Debug, clap::Args)]
pub(super) struct MigrateOptions {
    #[command(flatten)]
    database: DatabaseOptions,
}

pub(super) async fn run(options: MigrateOptions) -> anyhow::Result<()> {
    let applied = migrate(&options.database.database_url).await?;
    if applied.is_empty() {
        super::say("the database is up to date");
    }
    for migration in applied {
        super::say(format_args!("applied {migration}"));
    }
    Ok(())
}
