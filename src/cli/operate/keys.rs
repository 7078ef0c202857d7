//! `calmony keys`: API keys.

use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use serde_json::json;

use crate::clock::Timestamp;
use crate::config::DatabaseOptions;
use crate::database::DatabaseUrl;
use crate::log::accounts::{
    ListedKey, copy_key, create_key, end_key, list_keys, revoke_key, revoke_unseen_key,
};
use crate::output::{finish, in_line, is_heard, say, say_json};
use crate::secret::{ApiKey, KeyKind};

/// The sub-commands for keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make a key, and its account where there is none of that name. The key is printed once and stored
    /// nowhere
    Create(CreateOptions),
    /// Show the keys that weren't revoked
    List(ListOptions),
    /// Revoke a key: the next request with it is refused
    Revoke(RevokeOptions),
    /// Make a key like another, which opens for a while still. The new key is printed once and stored nowhere
    Roll(RollOptions),
}

/// The key to make.
#[derive(Debug, clap::Args)]
pub(crate) struct CreateOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// The account the key opens: 1 to 100 characters
    #[arg(long, value_name = "NAME", value_parser = account_name)]
    account: String,
    /// Make a key of the account's live mode (`sk_live`_…) instead of its test mode (`sk_test`_…)
    #[arg(long)]
    live: bool,
    /// Make a restricted key (`rk_test`_…), which reads and changes nothing
    #[arg(long)]
    read_only: bool,
    /// How long the key opens, such as 90d; without it until it is revoked
    #[arg(long, value_name = "TIME", value_parser = life)]
    expires_in: Option<Duration>,
}

/// The longest life of a key.
const LIFE_MAX: Duration = Duration::from_hours(100 * 365 * 24);

/// Parses the time for which a key opens.
fn life(text: &str) -> Result<Duration, String> {
    let life = overlap(text)?;
    if life < Duration::from_secs(1) { Err("expected a second or more".to_owned()) } else { Ok(life) }
}

/// Parses the time for which an old key opens still. Zero is allowed.
fn overlap(text: &str) -> Result<Duration, String> {
    let time =
        humantime::parse_duration(text).map_err(|_| "expected a time such as 90d or 12h".to_owned())?;
    if time > LIFE_MAX { Err("expected a hundred years at the most".to_owned()) } else { Ok(time) }
}

/// The keys to show.
#[derive(Debug, clap::Args)]
pub(crate) struct ListOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Only those of this account
    #[arg(long, value_name = "NAME")]
    account: Option<String>,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

/// The key to revoke.
#[derive(Debug, clap::Args)]
pub(crate) struct RevokeOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Its number, as `calmony keys list` shows it
    id: i64,
}

/// The key to roll.
#[derive(Debug, clap::Args)]
pub(crate) struct RollOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    /// Its number, as `calmony keys list` shows it
    id: i64,
    /// How long the old key opens still
    #[arg(long, value_name = "TIME", default_value = "1day", value_parser = overlap)]
    overlap: Duration,
}

fn account_name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=100).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err("a name has 1 to 100 characters, none of them a control character".to_owned())
    }
}

pub(crate) async fn run(command: KeysCommand) -> anyhow::Result<()> {
    match command {
        KeysCommand::Create(options) => {
            let kind = KeyKind { livemode: options.live, readonly: options.read_only };
            let url = &options.database.database_url;
            let key = create_key(url, &options.account, kind, options.expires_in).await?;
            show(url, &key).await?;
        }
        KeysCommand::List(options) => {
            let keys = list_keys(&options.database.database_url, options.account.as_deref()).await?;
            if options.json {
                say_json(&keys.iter().map(as_json).collect::<Vec<_>>())?;
            } else {
                print_keys(&keys);
            }
        }
        KeysCommand::Revoke(RevokeOptions { database, id }) => {
            if !revoke_key(&database.database_url, id).await? {
                bail!("there is no key {id}, or it was revoked before");
            }
            say(format_args!("the key {id} is revoked"));
        }
        KeysCommand::Roll(options) => roll(options).await?,
    }
    Ok(())
}

/// Makes a key like another, which ends only once the new one has been shown.
async fn roll(RollOptions { database, id, overlap }: RollOptions) -> anyhow::Result<()> {
    let url = &database.database_url;
    let Some(key) = copy_key(url, id).await? else {
        bail!("there is no key {id}, or it was revoked");
    };
    if show(url, &key).await? {
        let ended = end_key(url, id, overlap).await;
        if !ended.with_context(|| format!("the new key opens, and the key {id} doesn't end"))? {
            bail!("the new key opens; the key {id} was revoked meanwhile");
        }
    }
    Ok(())
}

/// Prints a key. Returns false if nobody could see it, and revokes it then.
async fn show(url: &DatabaseUrl, key: &ApiKey) -> anyhow::Result<bool> {
    say(key.reveal());
    if is_heard() {
        return Ok(true);
    }
    revoke_unseen_key(url, key).await.with_context(|| {
        format!("the key {} opens, and nobody has seen it: revoke it (`calmony keys list`)", key.hint())
    })?;
    finish().context("the key is revoked, because nobody has seen it")?;
    Ok(false)
}

fn as_json(key: &ListedKey) -> serde_json::Value {
    json!({
        "id": key.id, "account": key.account, "livemode": key.kind.livemode,
        "read_only": key.kind.readonly, "hint": key.hint,
        "created": key.created_at.seconds(), "expires": key.expires_at.map(Timestamp::seconds),
        "last_used": key.last_used_at.map(Timestamp::seconds),
    })
}

fn print_keys(keys: &[ListedKey]) {
    let time = |at: Option<Timestamp>| at.map_or("never".to_owned(), Timestamp::rfc3339);
    say(format_args!(
        "{:>6}  {:16}  {:20}  {:20}  {:20}  {}",
        "id", "key", "created", "expires", "last used", "account"
    ));
    for key in keys {
        say(format_args!(
            "{:>6}  {:16}  {:20}  {:20}  {:20}  {}",
            key.id,
            key.hint,
            time(Some(key.created_at)),
            time(key.expires_at),
            time(key.last_used_at),
            in_line(&key.account)
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_lives_for_a_second_to_a_hundred_years() {
        assert_eq!(life("90d"), Ok(Duration::from_hours(90 * 24)));
        assert_eq!(overlap("0s"), Ok(Duration::ZERO));
        for wrong in ["0s", "999ms", "101y", "99999999999d", "soon", ""] {
            assert!(life(wrong).is_err(), "{wrong}");
        }
        assert!(overlap("99999999999d").is_err());
    }
}
