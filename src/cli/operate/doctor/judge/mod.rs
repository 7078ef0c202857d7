//! The meaning of a diagnosis. The judgements are pure, so that a test can try each.

use std::time::Duration;

use crate::card_number::CardNumbers;
use crate::config::check::CARD_NUMBERS_ALLOWED;
use crate::database::login::Login;
use crate::database::migrate::newest;
use crate::due::lag::Lag;
use crate::read::diagnosis::{Adoption, Diagnosis, Holder, Server};
use crate::read::vitals::Vitals;
use crate::seal::Keyring;

/// The time after which an overdue delivery is a warning.
const LATE: Duration = Duration::from_secs(30);
/// The time after which an overdue delivery is wrong.
const FAR_TOO_LATE: Duration = Duration::from_mins(5);
/// The seconds after which an object that is due is a warning, and after which it is wrong.
const OBJECT_LATE: (f64, f64) = (60.0, 600.0);
/// The seconds after which a transaction that holds the horizon is wrong.
const HELD: f64 = 3_600.0;
/// The seconds after which a lock that others wait for is wrong: no statement of the API waits longer.
const BLOCKED: f64 = 4.0;
/// The number of dead rows from which on there are many.
const DEAD_ROWS_MANY: i64 = 500_000;
/// The days ahead that have partitions at the least. Fewer mean that no worker makes them.
const DAYS_MIN: i64 = 3;
/// The seconds by which clocks differ too much, and those from which on receivers refuse signatures.
const SKEW: (f64, f64) = (1.0, 60.0);
/// The ages of the oldest row, in transactions, that are a warning and wrong. At two thousand million
/// PostgreSQL stops taking writes.
const OLD: (i64, i64) = (500_000_000, 1_500_000_000);

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    /// There is nothing to do.
    Ok,
    /// It may become wrong.
    Warn,
    /// It is wrong.
    Bad,
}

impl Level {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "WARN",
            Self::Bad => "BAD",
        }
    }

    /// Bad from the second bound on, a warning from the first one on.
    fn by_bounds<T: PartialOrd + Copy>(value: T, (warn, bad): (T, T)) -> Self {
        if value >= bad {
            Self::Bad
        } else if value >= warn {
            Self::Warn
        } else {
            Self::Ok
        }
    }

    /// Bad unless that holds.
    const fn bad_unless(holds: bool) -> Self {
        if holds { Self::Ok } else { Self::Bad }
    }

    /// A warning if that holds.
    const fn warn_if(holds: bool) -> Self {
        if holds { Self::Warn } else { Self::Ok }
    }
}

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub(super) struct Finding {
    pub(super) level: Level,
    pub(super) about: &'static str,
    /// The finding in words, and the remedy if it isn't good.
    pub(super) said: String,
}

fn finding(level: Level, about: &'static str, said: impl Into<String>) -> Finding {
    Finding { level, about, said: said.into() }
}

/// The findings, in the order in which to read them.
pub(super) fn judge(diagnosis: &Diagnosis, keyring: Option<&Keyring>) -> Vec<Finding> {
    let Diagnosis { server, vitals, holders, .. } = diagnosis;
    let mut findings = deliveries(vitals);
    findings.extend(workers(vitals));
    findings.push(due_objects(&diagnosis.lags));
    findings.push(adoption(&diagnosis.adoption));
    findings.push(payments(vitals));
    findings.extend(housekeeping(vitals, holders, server.sees_all));
    findings.extend(obstacles(&diagnosis.obstacles));
    findings.push(apart(&diagnosis.not_apart));
    findings.push(triggers(&diagnosis.triggers_off));
    findings.push(logins(&diagnosis.logins));
    findings.extend(endings(diagnosis, keyring));
    findings.extend(postgresql(server));
    findings
}

fn due_objects(lags: &[Lag]) -> Finding {
    let about = "due objects";
    let longest = lags.iter().max_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let Some(Lag { kind, seconds }) = longest else {
        return finding(Level::Ok, about, "nothing that time changes is due");
    };
    let level = Level::by_bounds(*seconds, OBJECT_LATE);
    let advice = if level == Level::Ok { "" } else { "; see OPERATIONS.md, \"CalmonyBillingLate\"" };
    let since = human(Duration::try_from_secs_f64(*seconds).unwrap_or_default());
    finding(level, about, format!("an object {kind}_… has been due for {since}{advice}"))
}

fn adoption(adoption: &Adoption) -> Finding {
    let Adoption { this, adopted, is_needed } = adoption;
    let remedy = "if this is the one that bills, run `calmony biller adopt`";
    let (is_adopted, said) = match adopted {
        Some(adopted) if adopted == this => (true, "live mode is billed in this database".to_owned()),
        Some(adopted) => (false, format!("live mode is billed in {adopted}, and this is {this}; {remedy}")),
        None => (false, format!("live mode is billed in no database; {remedy}")),
    };
    finding(Level::warn_if(*is_needed && !is_adopted), "adoption", said)
}

fn deliveries(vitals: &Vitals) -> Vec<Finding> {
    let Vitals { oldest_due, oldest_due_of_failing, owed, parked, exhausted, .. } = vitals;
    let level = Level::by_bounds(*oldest_due, (LATE, FAR_TOO_LATE));
    let advice = if level == Level::Ok { "" } else { "; see OPERATIONS.md, \"CalmonyDeliveriesLate\"" };
    let oldest = format!("the oldest has been due for {}{advice}", human(*oldest_due));
    let failing = vitals.endpoints_failing;
    let of_failing = format!(
        "{failing} endpoints take nothing; the oldest delivery to one has been due for {}; \
         the dashboard and `calmony lookup` say which and why",
        human(*oldest_due_of_failing)
    );
    let paused = vitals.endpoints_paused + vitals.endpoints_disabled;
    vec![
        finding(level, "due deliveries", oldest),
        finding(Level::warn_if(failing > 0), "failing endpoints", of_failing),
        finding(
            Level::Ok,
            "waiting",
            format!("{owed} owed, {parked} parked for {paused} paused or disabled endpoints"),
        ),
        finding(
            Level::warn_if(*exhausted > 0),
            "given up",
            format!(
                "{exhausted} deliveries after their last attempt; \
                 `calmony deliveries retry` or a replay sends them again"
            ),
        ),
    ]
}

fn workers(vitals: &Vitals) -> Vec<Finding> {
    let Vitals { workers, buckets_owned, outbox, .. } = vitals;
    let level = match (*workers, *buckets_owned) {
        (0, _) => Level::Bad,
        (_, 64..) => Level::Ok,
        _ => Level::Warn,
    };
    let said = format!("{workers} connected, {buckets_owned} of 64 buckets owned");
    let advice = match level {
        Level::Ok => "",
        Level::Warn => "; what is in the others waits. Buckets change hands within seconds: look again",
        Level::Bad => "; nothing is delivered. Start `outbox-worker`",
    };
    vec![
        finding(level, "workers", said + advice),
        finding(Level::Ok, "outbox", format!("{outbox} events are not fanned out yet")),
    ]
}

fn payments(vitals: &Vitals) -> Finding {
    let (young, overdue) = (vitals.payment_attempts_open, vitals.payment_attempts_overdue);
    let said = format!("{young} attempts are under way, {overdue} are open past their deadline");
    let advice = if overdue > 0 { "; see OPERATIONS.md, \"CalmonyPaymentsUndecided\"" } else { "" };
    finding(Level::bad_unless(overdue == 0), "payments", said + advice)
}

fn housekeeping(vitals: &Vitals, holders: &[Holder], sees_all: bool) -> Vec<Finding> {
    let dead = vitals.outbox_dead_rows.max(vitals.delivery_dead_rows);
    let mut found = vec![finding(
        Level::warn_if(dead >= DEAD_ROWS_MANY),
        "dead rows",
        format!("{} in the outbox, {} among deliveries", vitals.outbox_dead_rows, vitals.delivery_dead_rows),
    )];
    for Holder { kind, who, seconds, ended_by } in holders {
        let since = seconds.map_or_else(
            || "for an unknown time".to_owned(),
            |seconds| format!("for {}", human(Duration::try_from_secs_f64(seconds).unwrap_or_default())),
        );
        let level = Level::by_bounds(seconds.unwrap_or_default(), (0.0, HELD));
        let said = format!("{kind} {who} keeps PostgreSQL from cleaning up {since}; `{ended_by}` ends it");
        found.push(finding(level, "horizon", said));
    }
    if holders.is_empty() {
        let limits = if sees_all {
            ""
        } else {
            "; other logins' sessions aren't shown to this one (pg_read_all_stats)"
        };
        found.push(finding(Level::Ok, "horizon", format!("nobody holds it for more than a minute{limits}")));
    }
    let days = vitals.partition_days_ahead;
    found.push(finding(
        Level::bad_unless(days >= DAYS_MIN),
        "partitions",
        format!("{days} days from today on have one for attempts; a worker makes them"),
    ));
    if vitals.has_strays {
        let said = "attempts of days without a partition are in attempt_default; retention doesn't take them";
        found.push(finding(Level::Warn, "partitions", said));
    }
    found
}

fn obstacles(obstacles: &[Holder]) -> Vec<Finding> {
    let about = "locks";
    if obstacles.is_empty() {
        return vec![finding(Level::Ok, about, "nobody keeps others waiting, or holds what is workers'")];
    }
    let found = obstacles.iter().map(|Holder { kind, who, seconds, ended_by }| {
        let (level, holds) = match seconds {
            Some(seconds) => {
                let since = human(Duration::try_from_secs_f64(*seconds).unwrap_or_default());
                (Level::by_bounds(*seconds, (0.0, BLOCKED)), format!("{who} holds {kind}, for {since}"))
            }
            None => (Level::Bad, format!("{who} holds {kind} and is none of theirs")),
        };
        finding(level, about, format!("{holds}; `{ended_by}` ends it"))
    });
    found.collect()
}

fn apart(not_apart: &[String]) -> Finding {
    let about = "roles apart";
    if not_apart.is_empty() {
        return finding(Level::Ok, about, "no role has what it could stop others with");
    }
    let said = format!(
        "what a login could stop others with is open: {}; `calmony migrate` with the login of a superuser \
         closes it, or see OPERATIONS.md, \"What one login can do to others\"",
        not_apart.join(", ")
    );
    finding(Level::Warn, about, said)
}

fn triggers(off: &[String]) -> Finding {
    let about = "triggers";
    if off.is_empty() {
        return finding(Level::Ok, about, "state follows from the log, and history can't be changed");
    }
    let said = format!(
        "missing, or off for some: {}. What changes meanwhile is lost to state and receivers: \
         `alter table … enable always trigger …`, then `calmony verify`",
        off.join(", ")
    );
    finding(Level::Bad, about, said)
}

fn logins(logins: &[Login]) -> Finding {
    let about = "logins";
    if logins.is_empty() {
        return finding(Level::Ok, about, "no program is connected");
    }
    let excessive = logins.iter().filter(|login| !login.excess.is_empty());
    let said: Vec<String> =
        excessive.map(|login| format!("{} is {}", login.name, login.excess.join(", "))).collect();
    if said.is_empty() {
        return finding(Level::Ok, about, "the programs may work under their roles, and do no more");
    }
    let advice = "no program needs that: give each a login of its own (schema/logins.sql)";
    finding(Level::Warn, about, format!("{}; {advice}", said.join("; ")))
}

fn endings(diagnosis: &Diagnosis, keyring: Option<&Keyring>) -> Vec<Finding> {
    let Diagnosis { secrets_ending, keys_ending, schema_version, key_ids, .. } = diagnosis;
    let expected = newest();
    let said = format!("version {schema_version}; this program knows {expected}");
    let advice = if *schema_version < expected { "; run `calmony migrate`" } else { "" };
    let mut found = vec![
        finding(Level::bad_unless(*schema_version >= expected), "schema", said + advice),
        finding(
            Level::warn_if(*secrets_ending > 0),
            "signing secrets",
            format!("{secrets_ending} rolled ones stop signing within a day"),
        ),
        finding(
            Level::warn_if(*keys_ending > 0),
            "API keys",
            format!("{keys_ending} end within a week; `calmony keys list` names them"),
        ),
    ];
    if let Some(keyring) = keyring {
        let unknown = keyring.lacks(key_ids);
        let said = if unknown.is_empty() {
            "every stored secret can be opened with the given keys".to_owned()
        } else {
            format!("secrets are sealed with {}, which CALMONY_SECRET_KEY lacks", unknown.join(", "))
        };
        found.push(finding(Level::bad_unless(unknown.is_empty()), "sealing keys", said));
    }
    found
}

fn postgresql(server: &Server) -> Vec<Finding> {
    let skew = server.clock_ahead_seconds;
    let direction = if skew < 0.0 { "behind" } else { "ahead of" };
    let mut found = vec![finding(
        Level::by_bounds(skew.abs(), SKEW),
        "clocks",
        format!("PostgreSQL's is {:.1} s {direction} this machine's", skew.abs()),
    )];
    let durable = server.fsync && server.full_page_writes;
    let waits = server.synchronous_commit != "off";
    let said = format!(
        "fsync {}, full_page_writes {}, synchronous_commit {}",
        on(server.fsync),
        on(server.full_page_writes),
        server.synchronous_commit
    );
    let advice = if durable && waits { "" } else { ": acknowledged changes can be lost in a crash" };
    found.push(finding(Level::bad_unless(durable && waits), "durability", said + advice));
    let advice =
        if server.autovacuum { "" } else { ": dead rows pile up; switch autovacuum and track_counts on" };
    found.push(finding(
        Level::bad_unless(server.autovacuum),
        "autovacuum",
        on(server.autovacuum).to_owned() + advice,
    ));
    if server.is_standby {
        let said = "this is a standby, which takes no writes; name the primary in CALMONY_DATABASE_URL";
        found.push(finding(Level::Bad, "PostgreSQL", said));
    }
    let (open, most) = (server.connections, server.connections_max);
    found.push(finding(
        Level::by_bounds(open * 100, (most * 80, most * 95)),
        "connections",
        format!("{open} of {most} in use"),
    ));
    found.push(finding(
        Level::by_bounds(server.transactions_old, OLD),
        "transaction age",
        format!("the oldest row was frozen {} transactions ago", server.transactions_old),
    ));
    found
}

/// The treatment of card numbers, as the environment of this command has it.
pub(super) fn card_numbers(treatment: CardNumbers) -> Finding {
    let about = "card numbers";
    match treatment {
        CardNumbers::Refused => finding(Level::Ok, about, "they are refused where they have no business"),
        CardNumbers::Allowed => finding(Level::Warn, about, CARD_NUMBERS_ALLOWED),
    }
}

const fn on(is_on: bool) -> &'static str {
    if is_on { "on" } else { "off" }
}

/// A duration for people, to the second.
fn human(duration: Duration) -> String {
    humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

#[cfg(test)]
mod tests;
