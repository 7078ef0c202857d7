//! Configuration: flags, each with an environment variable `CALMONY_…`. `--help` is the reference.
//!
//! Values are parsed into types here, so that nothing is validated later, and a bad value stops the start
//! with a message that names the flag and the variable.

pub mod check;
mod processor;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
use ipnet::IpNet;

use crate::address::{AddressGuard, TargetPolicy};
use crate::card_number::CardNumbers;
use crate::database::{DatabaseUrl, Databases, PoolerUrl};
use crate::output::{complain, finish, print};
use crate::seal::Keyring;

pub use processor::{ProcessorOptions, processor_secret, processor_url};

/// The address of the database.
#[derive(Debug, Clone, clap::Args)]
pub struct DatabaseOptions {
    /// PostgreSQL, as a URL: <postgresql://user:password@host:5432/database?sslmode=verify-full>, and
    /// `&sslrootcert=FILE` for a certificate authority of your own; `?sslmode=disable` is plain text. Set the
    /// variable: everybody on the machine can read arguments. The login must be a member of the group roles
    /// that the program works under (schema/logins.sql makes one for each program)
    #[arg(long, env = "CALMONY_DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: DatabaseUrl,
}

/// The connections from the API to the database.
#[derive(Debug, Clone, clap::Args)]
pub struct ApiDatabaseOptions {
    #[command(flatten)]
    primary: DatabaseOptions,
    /// A transaction pooler before that database (PgBouncer), as a URL without a database:
    /// <postgresql://user:password@host:6432>. Of its 30 connections the API then keeps 4 to PostgreSQL
    /// itself
    #[arg(long, env = "CALMONY_POOLER_URL", hide_env_values = true, value_name = "URL")]
    pooler_url: Option<PoolerUrl>,
    /// A standby, for what may be a little behind: lists, deliveries of an endpoint, its health, the
    /// dashboard's figures. While it doesn't answer the primary is asked
    #[arg(long, env = "CALMONY_REPLICA_URL", hide_env_values = true, value_name = "URL")]
    replica_url: Option<DatabaseUrl>,
}

impl ApiDatabaseOptions {
    /// The URLs of these connections.
    #[must_use]
    pub fn databases(&self) -> Databases {
        Databases {
            primary: self.primary.database_url.clone(),
            pooler: self.pooler_url.clone(),
            replica: self.replica_url.clone(),
        }
    }
}

/// Values with commas between. An empty text, as a file of variables may have it, gives no value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Listed<T>(Vec<T>);

fn listed<T: FromStr<Err: std::fmt::Display>>(text: &str) -> Result<Listed<T>, String> {
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    let values = parts.map(|part| part.parse().map_err(|error: T::Err| format!("{part}: {error}")));
    values.collect::<Result<_, _>>().map(Listed)
}

/// The places that webhooks may be sent to.
#[derive(Debug, Clone, clap::Args)]
pub struct TargetOptions {
    /// Private networks that webhooks may be sent to all the same, as CIDR, with commas between:
    /// `10.1.0.0/16,fd00::/8`. The API and the worker have to be told the same
    #[arg(
        long,
        env = "CALMONY_ALLOW_NETWORKS",
        default_value = "",
        hide_default_value = true,
        value_name = "NETWORKS",
        value_parser = listed::<IpNet>
    )]
    allow_networks: Listed<IpNet>,
    /// Ports below 1024 that webhooks may be sent to besides 80 and 443, with commas between
    #[arg(
        long,
        env = "CALMONY_ALLOW_PORTS",
        default_value = "",
        hide_default_value = true,
        value_name = "PORTS",
        value_parser = listed::<u16>
    )]
    allow_ports: Listed<u16>,
}

impl TargetOptions {
    /// The policy that these options describe.
    #[must_use]
    pub fn policy(&self) -> TargetPolicy {
        TargetPolicy {
            guard: AddressGuard::new(self.allow_networks.0.clone()),
            low_ports: self.allow_ports.0.clone(),
        }
    }
}

/// The treatment of what looks like the number of a card.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CardNumberOptions {
    /// Take texts that look like card numbers. Without it they are refused wherever a number has no business;
    /// this is for who has ids that look like one
    #[arg(long, env = "CALMONY_ALLOW_CARD_NUMBERS")]
    allow_card_numbers: bool,
}

impl CardNumberOptions {
    /// The treatment that is asked for.
    #[must_use]
    pub const fn card_numbers(self) -> CardNumbers {
        if self.allow_card_numbers { CardNumbers::Allowed } else { CardNumbers::Refused }
    }
}

/// The keys that signing secrets are sealed with in the database.
#[derive(Debug, Clone, clap::Args)]
pub struct SecretKeyOptions {
    /// The key that signing secrets are sealed with: 32 bytes in base64 (`calmony secrets generate-key`).
    /// Several with commas between: the first one seals, all of them open
    #[arg(long, env = "CALMONY_SECRET_KEY", hide_env_values = true, value_name = "KEYS")]
    secret_key: Option<Keyring>,
    /// A file that holds what --secret-key would
    #[arg(long, env = "CALMONY_SECRET_KEY_FILE", value_name = "FILE", conflicts_with = "secret_key")]
    secret_key_file: Option<PathBuf>,
}

impl SecretKeyOptions {
    /// True if one of the options is given.
    #[must_use]
    pub const fn is_given(&self) -> bool {
        self.secret_key.is_some() || self.secret_key_file.is_some()
    }

    /// The keys. Without one the program doesn't start.
    pub fn keyring(&self) -> anyhow::Result<Keyring> {
        match (&self.secret_key, &self.secret_key_file) {
            (Some(keyring), _) => Ok(keyring.clone()),
            (None, Some(path)) => {
                let text = std::fs::read_to_string(path)
                    .with_context(|| format!("can't read {}", path.display()))?;
                text.parse().with_context(|| format!("{} holds no key", path.display()))
            }
            (None, None) => anyhow::bail!(
                "no key for signing secrets: set CALMONY_SECRET_KEY or CALMONY_SECRET_KEY_FILE; \
                 `calmony secrets generate-key` makes one"
            ),
        }
    }
}

/// Stopping together with a parent process.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct ParentOptions {
    /// Stop when standard input ends: a supervisor that holds the other end takes this process with it,
    /// however it dies
    #[arg(long, env = "CALMONY_STOP_WITH_STDIN")]
    pub stop_with_stdin: bool,
}

/// Parses the command line and the environment. On a bad value it prints the problem, with the name of the
/// flag and of the variable, and exits with code 2. On a request for help it prints help and exits with
/// code 0.
#[must_use]
pub fn parse<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| std::process::exit(explain::<T>(error)))
}

/// Prints the reason that the program doesn't run. Returns the exit code.
fn explain<T: CommandFactory>(mut error: clap::Error) -> i32 {
    hide_secret(&mut error);
    let text = error.render().to_string();
    if !error.use_stderr() {
        print(text.as_bytes());
        return finish().map_or_else(
            |lost| {
                complain(format_args!("{}: {lost:#}", T::command().get_name()));
                1
            },
            |()| error.exit_code(),
        );
    }
    complain(text.trim_end());
    if let Some(variable) = variable_of::<T>(&error) {
        complain(format_args!("the value may come from the environment variable {variable}"));
    }
    error.exit_code()
}

/// Options whose values may hold a password or a key.
const SECRET: &[&str] = &[
    "--database-url",
    "--pooler-url",
    "--replica-url",
    "--secret-key ",
    "--secret ",
    "--processor-",
    "--live-processor-",
];

/// Takes the value out of an error about an argument that may hold a password or a key.
fn hide_secret(error: &mut clap::Error) {
    let about_secret = matches!(error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(argument))
            if SECRET.iter().any(|option| argument.starts_with(option)));
    if about_secret {
        error.insert(ContextKind::InvalidValue, ContextValue::String("…".to_owned()));
    }
}

/// The environment variable of the argument that an error is about, or of the first that is missing.
fn variable_of<T: CommandFactory>(error: &clap::Error) -> Option<String> {
    let argument = match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(argument) => argument,
        ContextValue::Strings(missing) => missing.first()?,
        _ => return None,
    };
    let long = argument.strip_prefix("--")?.split([' ', '=']).next()?.to_owned();
    let command = T::command();
    let mut commands = vec![&command];
    while let Some(command) = commands.pop() {
        let found = command
            .get_arguments()
            .find(|known| known.get_long() == Some(&long))
            .and_then(clap::Arg::get_env);
        if let Some(variable) = found {
            return Some(variable.to_string_lossy().into_owned());
        }
        commands.extend(command.get_subcommands());
    }
    None
}

/// A duration such as `15s` or `250ms`, not zero.
pub fn duration(text: &str) -> Result<Duration, String> {
    let duration =
        humantime::parse_duration(text).map_err(|_| "expected a duration such as 15s or 250ms".to_owned())?;
    if duration.is_zero() { Err("the duration must not be zero".to_owned()) } else { Ok(duration) }
}

/// An address to listen on, `127.0.0.1:8080`. Port 0 takes a free one.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "expected an address and a port such as 127.0.0.1:8080".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_may_be_empty_and_nothing_else_may_be_wrong() {
        assert_eq!(listed::<u16>(""), Ok(Listed(Vec::new())));
        assert_eq!(listed::<u16>("25, 465,"), Ok(Listed(vec![25, 465])));
        assert!(listed::<u16>("25,x").is_err() && listed::<IpNet>("10.0.0.0/99").is_err());
    }
}
