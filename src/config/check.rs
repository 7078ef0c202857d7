//! Checks of a configuration, for `calmony check-config` and `outbox-worker --check-config`.

use std::time::Duration;

use super::processor::is_readable_on_the_way;
use super::{CardNumberOptions, ProcessorOptions, SecretKeyOptions};
use crate::card_number::CardNumbers;
use crate::database::migrate::{applied as schema_version, newest};
use crate::database::{DatabaseError, DatabaseUrl, Databases, PoolerUrl, Role};
use crate::read::Reader;

/// Every environment variable that a program of ours reads.
pub const VARIABLES: &[&str] = &[
    "CALMONY_ALLOW_CARD_NUMBERS",
    "CALMONY_ALLOW_NETWORKS",
    "CALMONY_ALLOW_PORTS",
    "CALMONY_API_KEY",
    "CALMONY_ATTEMPT_RETENTION_DAYS",
    "CALMONY_ATTEMPT_TIMEOUT",
    "CALMONY_BILLERS",
    "CALMONY_BILLER_LISTEN",
    "CALMONY_BYTES_LIMIT",
    "CALMONY_DATABASE_URL",
    "CALMONY_DATA_DIR",
    "CALMONY_DISABLE_AFTER",
    "CALMONY_DRAIN_TIMEOUT",
    "CALMONY_ENDPOINT_IN_FLIGHT_MAX",
    "CALMONY_IN_FLIGHT_MAX",
    "CALMONY_LISTEN",
    "CALMONY_LISTEN_STATE",
    "CALMONY_LIVE_PROCESSOR_SECRET",
    "CALMONY_LIVE_PROCESSOR_URL",
    "CALMONY_LOG",
    "CALMONY_LOG_FORMAT",
    "CALMONY_METRICS_LISTEN",
    "CALMONY_NO_DEMO",
    "CALMONY_POOLER_URL",
    "CALMONY_PROCESSOR_NOTICE_URL",
    "CALMONY_PROCESSOR_SECRET",
    "CALMONY_PROCESSOR_TIMEOUT",
    "CALMONY_PROCESSOR_URL",
    "CALMONY_RATE_LIMIT",
    "CALMONY_REPLICA_URL",
    "CALMONY_CONNECTIONS_MAX",
    "CALMONY_REQUESTS_MAX",
    "CALMONY_RETRY_SCHEDULE",
    "CALMONY_SANDBOX_LISTEN",
    "CALMONY_SANDBOX_URL",
    "CALMONY_SECRET_KEY",
    "CALMONY_SECRET_KEY_FILE",
    "CALMONY_STEPS_MAX",
    "CALMONY_STEP_TIMEOUT",
    "CALMONY_STOP_WITH_STDIN",
    "CALMONY_URL",
    "CALMONY_WORKER_LISTEN",
];
/// Variables that are no option of a program: the place of PostgreSQL's programs, and those that `calmony
/// dev` sets for scripts.
const BESIDES: &[&str] = &[
    "CALMONY_API_KEY_2",
    "CALMONY_API_PID",
    "CALMONY_BILLER_METRICS_URL",
    "CALMONY_BILLER_PID",
    "CALMONY_METRICS_URL",
    "CALMONY_POSTGRES_BIN",
    "CALMONY_PROCESSOR_PID",
    "CALMONY_WORKER_METRICS_URL",
    "CALMONY_WORKER_PID",
];

/// The time that a pooler needs to get a session back after its client has gone.
const GIVEN_BACK: Duration = Duration::from_millis(200);

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is wrong.
    Good,
    /// The program works, but not as it should.
    Doubtful,
    /// The program wouldn't start or work.
    Wrong,
}

/// One check and its result.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The name of the check.
    pub about: &'static str,
    /// The finding, and the remedy if it isn't good.
    pub said: String,
    /// Its state.
    pub state: State,
}

impl Checked {
    /// A check that found nothing wrong.
    #[must_use]
    pub fn good(about: &'static str, said: impl Into<String>) -> Self {
        Self { about, said: said.into(), state: State::Good }
    }

    fn doubtful(about: &'static str, said: impl Into<String>) -> Self {
        Self { about, said: said.into(), state: State::Doubtful }
    }

    fn wrong(about: &'static str, said: impl Into<String>) -> Self {
        Self { about, said: said.into(), state: State::Wrong }
    }

    /// True if the program wouldn't start or work.
    #[must_use]
    pub fn is_wrong(&self) -> bool {
        self.state == State::Wrong
    }

    /// One word for people.
    #[must_use]
    pub const fn verdict(&self) -> &'static str {
        match self.state {
            State::Good => "ok",
            State::Doubtful => "WARN",
            State::Wrong => "BAD",
        }
    }
}

/// Variables that look like ours and that no program reads. A misspelt one has no effect, and nothing else
/// tells.
#[must_use]
pub fn unknown_variables() -> Checked {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let ours = names.filter(|name| name.starts_with("CALMONY_"));
    let unknown: Vec<String> =
        ours.filter(|name| !VARIABLES.iter().chain(BESIDES).any(|known| known == name)).collect();
    if unknown.is_empty() {
        Checked::good("variables", "every CALMONY_ variable is one that a program reads")
    } else {
        Checked::wrong("variables", format!("nobody reads {}; is it misspelt?", unknown.join(", ")))
    }
}

/// Each connection to the database that crosses a network in plain text, although the URL doesn't ask for
/// that.
fn plain_text(databases: &Databases) -> Vec<String> {
    let ways = [
        ("CALMONY_DATABASE_URL", databases.primary.plain_text_hosts()),
        (
            "CALMONY_POOLER_URL",
            databases.pooler.as_ref().map(PoolerUrl::plain_text_hosts).unwrap_or_default(),
        ),
        (
            "CALMONY_REPLICA_URL",
            databases.replica.as_ref().map(DatabaseUrl::plain_text_hosts).unwrap_or_default(),
        ),
    ];
    let led = ways.into_iter().filter(|(_, hosts)| !hosts.is_empty());
    led.map(|(variable, hosts)| {
        format!(
            "{variable} leads to {} in plain text: add ?sslmode=verify-full, \
             or ?sslmode=disable where nobody else is in the network",
            hosts.join(", ")
        )
    })
    .collect()
}

/// Warns at the start that traffic with the database can be read on the way.
pub fn warn_of_plain_text(databases: &Databases) {
    for said in plain_text(databases) {
        tracing::warn!("{said}");
    }
}

/// The encryption of each connection to the database. The database isn't asked.
#[must_use]
pub fn encryption(databases: &Databases) -> Vec<Checked> {
    let doubts: Vec<Checked> =
        plain_text(databases).into_iter().map(|said| Checked::doubtful("encryption", said)).collect();
    if doubts.is_empty() {
        let said = "nothing goes over a network in plain text, unless sslmode=disable says so";
        return vec![Checked::good("encryption", said)];
    }
    doubts
}

/// The ways to the processors. They aren't called.
#[must_use]
pub fn processors(options: &ProcessorOptions) -> Vec<Checked> {
    let about = "processors";
    let mut checked: Vec<Checked> = options
        .named()
        .map(|(variable, url)| {
            let host = url.host_str().unwrap_or_default();
            if is_readable_on_the_way(url) {
                let said = format!("{variable} leads to {host} in plain text: write https");
                return Checked::doubtful(about, said);
            }
            Checked::good(about, format!("{variable} leads to {host}"))
        })
        .collect();
    if checked.is_empty() {
        checked.push(Checked::good(about, "none is named"));
    }
    checked
}

/// Warns at the start that traffic with a processor can be read on the way.
pub fn warn_of_plain_processors(options: &ProcessorOptions) {
    for doubt in processors(options).iter().filter(|checked| checked.state == State::Doubtful) {
        tracing::warn!("{}", doubt.said);
    }
}

/// The warning of an API that takes texts that look like the number of a card.
pub const CARD_NUMBERS_ALLOWED: &str = "CALMONY_ALLOW_CARD_NUMBERS is on: what looks like a card's number is \
                                        taken, stored and shown like any text";

/// The treatment of card numbers.
#[must_use]
pub fn card_numbers(options: CardNumberOptions) -> Checked {
    match options.card_numbers() {
        CardNumbers::Refused => Checked::good("card numbers", "they are refused where they have no business"),
        CardNumbers::Allowed => Checked::doubtful("card numbers", CARD_NUMBERS_ALLOWED),
    }
}

/// Warns at the start that card numbers are taken.
pub fn warn_of_card_numbers(options: CardNumberOptions) {
    if options.card_numbers() == CardNumbers::Allowed {
        tracing::warn!("{CARD_NUMBERS_ALLOWED}");
    }
}

/// The login: a member of the program's own group roles, and of nothing that leads round them.
async fn login(url: &DatabaseUrl, roles: &[Role]) -> Checked {
    match url.excess(roles).await {
        Err(error) => Checked::wrong("login", error.to_string()),
        Ok(excess) if excess.is_empty() => {
            Checked::good("login", "it may do what this program does, and no more")
        }
        Ok(excess) => {
            let said = format!(
                "it is {}, and the program needs none of it: give it a login of its own (schema/logins.sql)",
                excess.join(", ")
            );
            Checked::doubtful("login", said)
        }
    }
}

/// The checks of the database: that it answers, that the login may take these roles, the schema, and the
/// keys that secrets are sealed with.
pub async fn database(url: &DatabaseUrl, secret_key: &SecretKeyOptions, roles: &[Role]) -> Vec<Checked> {
    let mut checked = self::roles(url, roles).await;
    if !checked.iter().any(Checked::is_wrong) {
        // Only the reader's role sees the keys that secrets are sealed with.
        checked.push(keys(url, secret_key, roles.contains(&Role::Reader)).await);
    }
    checked
}

/// The same for a program that opens no secrets.
pub async fn roles(url: &DatabaseUrl, roles: &[Role]) -> Vec<Checked> {
    let mut checked = Vec::new();
    for role in roles {
        match url.client(*role).await {
            Ok(_) => checked.push(Checked::good("role", format!("the login may work as {}", role.name()))),
            Err(error) => checked.push(Checked::wrong("role", format!("{}: {error}", role.name()))),
        }
    }
    if checked.iter().any(Checked::is_wrong) {
        return checked;
    }
    checked.push(login(url, roles).await);
    if let Some(role) = roles.first() {
        checked.push(
            schema(url, *role).await.unwrap_or_else(|error| Checked::wrong("schema", error.to_string())),
        );
    }
    checked
}

/// The checks of an API's other connections: that each leads to the same database, under its roles.
pub async fn other_ways(databases: &Databases) -> Vec<Checked> {
    let mut checked = Vec::new();
    let mut tried = |about, role: Role, result: Result<(), DatabaseError>| {
        checked.push(match result {
            Ok(()) => Checked::good(about, format!("it lets the login work as {}", role.name())),
            Err(error) => Checked::wrong(about, format!("{}: {error}", role.name())),
        });
    };
    if databases.pooler.is_some() {
        for role in [Role::Api, Role::Reader] {
            tried("pooler", role, through_pooler(databases, role).await);
        }
    }
    match databases.replica(Role::Reader, 1) {
        Ok(Some(replica)) => tried("replica", Role::Reader, replica.check().await),
        Ok(None) => {}
        Err(error) => tried("replica", Role::Reader, Err(error)),
    }
    checked
}

/// The check of the way through the pooler. It runs three times: once the pooler has a session back, the next
/// connections may meet it as the first one left it. It uses a transaction, because requests need one.
async fn through_pooler(databases: &Databases, role: Role) -> Result<(), DatabaseError> {
    for attempt in 0..3 {
        if attempt > 0 {
            tokio::time::sleep(GIVEN_BACK).await;
        }
        let mut client = databases.pool(role, 1)?.get().await?;
        client.moment(None).await?;
    }
    Ok(())
}

async fn schema(url: &DatabaseUrl, role: Role) -> Result<Checked, DatabaseError> {
    let applied = schema_version(url, role).await?;
    let (about, known) = ("schema", newest());
    Ok(if applied < known {
        Checked::wrong(about, format!("version {applied}, and {known} is wanted; run `calmony migrate`"))
    } else {
        Checked::good(about, format!("version {applied}"))
    })
}

async fn keys(url: &DatabaseUrl, secret_key: &SecretKeyOptions, is_reader: bool) -> Checked {
    let about = "sealing keys";
    let keyring = match secret_key.keyring() {
        Ok(keyring) => keyring,
        Err(error) => return Checked::wrong(about, format!("{error:#}")),
    };
    if !is_reader {
        return Checked::good(about, format!("the first one is {}", keyring.current()));
    }
    let stored = match Reader::open(&Databases::only(url.clone())) {
        Ok(reader) => reader.key_ids().await,
        Err(error) => Err(error),
    };
    match stored {
        Err(error) => Checked::wrong(about, error.to_string()),
        Ok(stored) => {
            let unknown = keyring.lacks(&stored);
            if unknown.is_empty() {
                Checked::good(about, format!("new secrets are sealed with {}", keyring.current()))
            } else {
                let said =
                    format!("stored secrets are sealed with {}, which isn't given", unknown.join(", "));
                Checked::wrong(about, said)
            }
        }
    }
}
