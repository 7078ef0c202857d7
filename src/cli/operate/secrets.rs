//! `calmony secrets`: the key that signing secrets are sealed with.

use clap::Subcommand;

use crate::config::{DatabaseOptions, SecretKeyOptions};
use crate::log::secrets::{reseal, stale_answers};
use crate::output::say;
use crate::seal;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretsCommand {
    /// Print a new key, for `CALMONY_SECRET_KEY`
    GenerateKey,
    /// Seal every stored signing secret with the first of the given keys; safe to repeat, and beside
    /// running processes
    Reseal(Box<ResealOptions>),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ResealOptions {
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    secret_key: SecretKeyOptions,
}

pub(crate) async fn run(command: SecretsCommand) -> anyhow::Result<()> {
    match command {
        SecretsCommand::GenerateKey => say(seal::generate_key()),
        SecretsCommand::Reseal(options) => {
            let keyring = options.secret_key.keyring()?;
            let count = reseal(&options.database.database_url, &keyring).await?;
            say(format_args!("{count} secrets are sealed anew with the key {}", keyring.current()));
            let answers = stale_answers(&options.database.database_url, &keyring).await?;
            if answers > 0 {
                say(format_args!(
                    "{answers} stored answers (Idempotency-Key) still need another key; \
                     they are forgotten within two days while a worker runs. \
                     Repeat this command before you leave that key out."
                ));
            }
        }
    }
    Ok(())
}
