//! `calmony rebuild`: the state from the log.

use crate::cli::support::bar::Bar;
use crate::config::DatabaseOptions;
use crate::log::rebuild::rebuild;
use crate::output::{say, say_json};

/// The database to rebuild.
#[derive(Debug, clap::Args)]
pub(crate) struct RebuildOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Only say what it would do
    #[arg(long)]
    dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(options: RebuildOptions) -> anyhow::Result<()> {
    let mut bar = Bar::hidden();
    let rebuilt = rebuild(&options.database.database_url, options.dry_run, &mut bar).await?;
    bar.clear();
    if options.json {
        return say_json(&rebuilt);
    }
    let would = if options.dry_run { "would be " } else { "" };
    say(format_args!("{} objects in the log", rebuilt.objects));
    say(format_args!("{} rows {would}mended", rebuilt.mended));
    say(format_args!("{} rows {would}made that were missing", rebuilt.made));
    say(format_args!("{} objects {would}removed that no event speaks of", rebuilt.removed));
    Ok(())
}
