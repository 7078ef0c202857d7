//! `calmony keys`: API keys.

use clap::Subcommand;

use crate::config::DatabaseOptions;
use crate::log::accounts::create_key;

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a key, and its account where there is none of that name. The key is printed once and stored nowhere
    Create(CreateOptions),
}

/// How to make a key.
#[derive(Debug, clap::Args)]
pub(super) struct CreateOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// The account the key opens: 1 to 100 characters
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    account: String,
    /// Make a key of the account's live mode (`sk_live`_…) instead of its test mode (`sk_test`_…)
    #[arg(long)]
    live: bool,
}

fn account_name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=100).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 100 characters, none of them a control character".to_owned())
    }
}

pub(super) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(options) => {
            let key = create_key(&options.database.database_url, &options.account, options.live).await?;
            super::say(key.reveal());
            Ok(())
        }
    }
}
