//! Each attempt at the processor is opened once and closed once, and none is open past its time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use tokio_postgres::Client;

use super::finding::{Finding, Kind};
use super::tenants::{ATTEMPTED, GRACE_SECONDS, PORTION, Tenant};
use crate::clock;
use crate::database::DatabaseError;
use crate::domain::attempt::{Attempt, Closed, Waiting, undone_by};
use crate::domain::payment_intent::Returning;
use crate::log::verify::report::Report;

/// The part of an event's `internal` that is about attempts.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Told {
    opened: Option<String>,
    closed: Option<Closed>,
    attempt: Option<Attempt>,
    waiting: Option<Waiting>,
    returning: Option<Returning>,
    suspense: Option<Closed>,
    postings: Option<serde_json::Value>,
}

/// The end of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Waiting,
    Closed,
}

/// The attempts of one object, as far as its events were read.
#[derive(Debug)]
struct Folded {
    stream: String,
    attempts: BTreeMap<String, Fate>,
    suspended: BTreeSet<String>,
    last: Told,
}

/// Folds the attempts of an account.
pub(super) async fn check(
    client: &Client,
    tenant: &Tenant,
    report: &mut Report,
) -> Result<(), DatabaseError> {
    let statement = client.prepare(include_str!("../../sql/verify_attempts.sql")).await?;
    for (first, end) in ATTEMPTED {
        let (mut stream, mut version) = (first.to_owned(), 0_i64);
        let mut folded: Option<Folded> = None;
        loop {
            let rows = client.query(&statement, &[&tenant.id, &stream, &version, &end, &PORTION]).await?;
            for row in &rows {
                let name: &str = row.get("stream");
                if let Some(before) = folded.take_if(|folded| folded.stream != name) {
                    before.end(tenant, report);
                }
                let folded = folded.get_or_insert_with(|| Folded::new(name));
                folded.see(tenant, (row.get("event"), row.get("internal")), report);
            }
            let Some(last) = rows.last() else { break };
            (stream, version) = (last.get("stream"), last.get("version"));
        }
        if let Some(last) = folded {
            last.end(tenant, report);
        }
    }
    Ok(())
}

impl Folded {
    fn new(stream: &str) -> Self {
        let (attempts, suspended) = (BTreeMap::new(), BTreeSet::new());
        Self { stream: stream.to_owned(), attempts, suspended, last: Told::default() }
    }

    /// The next event.
    fn see(&mut self, tenant: &Tenant, (event, internal): (&str, Option<&str>), report: &mut Report) {
        let told = internal.map(serde_json::from_str::<Told>).transpose();
        let Ok(told) = told.map(Option::unwrap_or_default) else {
            let what = format!("keeps something in {event} that can't be read");
            report.money_problem(self.finding(tenant, what));
            return;
        };
        if let Some(suspense) = &told.suspense {
            let is_of_it = suspense.movements.iter().all(|movement| movement.key == suspense.key);
            let is_new = self.suspended.insert(suspense.key.clone());
            if self.attempts.get(&suspense.key) != Some(&Fate::Closed) || !is_of_it || !is_new {
                let what =
                    format!("suspends {} in {event}, which isn't closed, or was suspended", suspense.key);
                report.money_problem(self.finding(tenant, what));
            }
        }
        let gave_back = self.last.returning.as_ref().map(|returning| returning.attempt.key.as_str());
        let gives_back =
            gave_back.is_some() && told.closed.as_ref().map(|closed| closed.key.as_str()) == gave_back;
        if told.postings.is_some() && told.suspense.is_none() && !gives_back {
            let what = format!("has postings in {event}, which neither suspends nor gives back");
            report.money_problem(self.finding(tenant, what));
        }
        if let Some(closed) = &told.closed {
            self.close(tenant, (event, closed), report);
        }
        if let Some(key) = &told.opened {
            if Attempt::owner_of(key) != Some((tenant.id, &self.stream)) {
                let what = format!("opens {key} in {event}, which is of something else");
                report.money_problem(self.finding(tenant, what));
            }
            if self.attempts.insert(key.clone(), Fate::Open).is_some() {
                report.money_problem(self.finding(tenant, format!("opens {key} again in {event}")));
            }
        }
        self.last = told;
    }

    fn close(&mut self, tenant: &Tenant, (event, closed): (&str, &Closed), report: &mut Report) {
        let key = &closed.key;
        let next = if closed.waits { Fate::Waiting } else { Fate::Closed };
        let wrong = match (self.attempts.insert(key.clone(), next), next) {
            (Some(Fate::Open), _) | (Some(Fate::Waiting), Fate::Closed) => None,
            (None, _) => Some("was never opened"),
            (Some(Fate::Waiting), _) => Some("waits for a challenge already"),
            (Some(Fate::Closed), _) => Some("is closed already"),
        };
        if let Some(wrong) = wrong {
            report.money_problem(self.finding(tenant, format!("closes {key} in {event}, which {wrong}")));
        }
        let is_own = |other: &str| other == key || undone_by(other) == Some(key);
        for movement in closed.movements.iter().filter(|movement| !is_own(&movement.key)) {
            let what = format!("closes {key} in {event} by a movement of {}", movement.key);
            report.money_problem(self.finding(tenant, what));
        }
    }

    /// The object's last event was seen.
    fn end(self, tenant: &Tenant, report: &mut Report) {
        let now = clock::now().seconds();
        let returning = self.last.returning.as_ref().map(|returning| &returning.attempt);
        let open: Vec<&Attempt> = self.last.attempt.iter().chain(returning).collect();
        let waiting = self.last.waiting.as_ref().map(|waiting| waiting.key.as_str());
        for (key, fate) in &self.attempts {
            match fate {
                Fate::Closed => report.attempts.closed += 1,
                Fate::Waiting if waiting == Some(key) => report.attempts.waiting += 1,
                Fate::Waiting => {
                    let what = format!("has {key} wait for a challenge, and keeps nothing of it");
                    report.money_problem(self.finding(tenant, what));
                }
                Fate::Open => match open.iter().find(|open| open.key == *key) {
                    None => {
                        let what = format!("has opened {key}, and no event closes it");
                        report.money_problem(self.finding(tenant, what));
                    }
                    Some(open) => {
                        report.attempts.open += 1;
                        let late = now.saturating_sub(open.opening.deadline);
                        if late > GRACE_SECONDS {
                            let what = format!("has {key} open {late} s past its deadline");
                            let finding = tenant.finding(Kind::Overdue, &self.stream, what);
                            report.money_problem(finding);
                        }
                    }
                },
            }
        }
        let fate_of = |key: &str| self.attempts.get(key).copied();
        for open in open.iter().filter(|open| fate_of(&open.key) != Some(Fate::Open)) {
            let what = format!("keeps {} as open, which no event leaves open", open.key);
            report.money_problem(self.finding(tenant, what));
        }
        if let Some(key) = waiting.filter(|key| fate_of(key) != Some(Fate::Waiting)) {
            let what = format!("keeps {key} as waiting, which no event has wait");
            report.money_problem(self.finding(tenant, what));
        }
    }

    fn finding(&self, tenant: &Tenant, what: String) -> Finding {
        tenant.finding(Kind::Attempt, &self.stream, what)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn tenant() -> Tenant {
        Tenant { id: 7, name: "acme (test)".to_owned(), livemode: false }
    }

    /// The findings about an intent with these events.
    fn found(events: &[Value]) -> Vec<String> {
        let mut report = Report::default();
        let mut folded = Folded::new("pi_1");
        for event in events {
            folded.see(&tenant(), ("evt_1", Some(&event.to_string())), &mut report);
        }
        folded.end(&tenant(), &mut report);
        report.money.into_iter().map(|finding| finding.what).collect()
    }

    fn attempt(deadline: u64) -> Value {
        json!({
            "key": "pi_1.1.7", "operation": { "kind": "void", "reference": "r" },
            "opening": { "account": 7, "at": 1, "deadline": deadline },
        })
    }

    fn opened(deadline: u64) -> Value {
        json!({ "opened": "pi_1.1.7", "attempt": attempt(deadline) })
    }

    fn closed() -> Value {
        json!({ "closed": { "key": "pi_1.1.7" } })
    }

    fn waits() -> Value {
        let waiting = json!({ "key": "pi_1.1.7", "captures": true, "amount": 900, "since": 1 });
        json!({ "closed": { "key": "pi_1.1.7", "waits": true }, "waiting": waiting })
    }

    /// Money moved for the first attempt after it was closed; the second gives it back.
    fn suspended(key: &str) -> Value {
        let second = json!({
            "key": "pi_1.2.7", "operation": { "kind": "refund", "reference": "r", "amount": 900 },
            "opening": { "account": 7, "at": 1, "deadline": clock::now().seconds() + 10 },
        });
        json!({
            "suspense": { "key": key, "movements": [{ "key": key, "kind": "capture", "amount": 900 }] },
            "opened": "pi_1.2.7",
            "returning": { "of": key, "amount": 900, "currency": "usd", "since": 1, "attempt": second },
        })
    }

    #[test]
    fn what_is_suspended_was_closed_and_is_given_back() {
        let given_back = json!({ "closed": { "key": "pi_1.2.7" }, "returned": ["pi_1.1.7"] });
        for right in [
            vec![opened(1), closed(), suspended("pi_1.1.7")],
            vec![opened(1), closed(), suspended("pi_1.1.7"), given_back.clone()],
        ] {
            assert_eq!(found(&right), Vec::<String>::new(), "{right:?}");
        }
        for (wrong, said) in [
            (vec![suspended("pi_1.1.7"), given_back.clone()], "isn't closed"),
            (
                vec![
                    opened(1),
                    closed(),
                    suspended("pi_1.1.7"),
                    given_back.clone(),
                    json!({ "suspense": { "key": "pi_1.1.7" }, "returned": ["pi_1.1.7"] }),
                ],
                "was suspended",
            ),
            (vec![json!({ "postings": { "currency": "usd", "amounts": {} } })], "neither suspends"),
            (vec![opened(1), closed(), suspended("pi_1.1.7"), json!({})], "no event closes it"),
        ] {
            let found = found(&wrong);
            assert!(found.len() == 1 && found[0].contains(said), "{said}: {found:?}");
        }
    }

    #[test]
    fn an_attempt_is_opened_and_closed_once() {
        let later = clock::now().seconds() + 10;
        for right in [
            vec![opened(1), closed()],
            vec![opened(1), waits(), closed()],
            vec![opened(1), waits()],
            vec![opened(later)],
            vec![opened(later - 60)],
        ] {
            assert_eq!(found(&right), Vec::<String>::new(), "{right:?}");
        }
        for (wrong, said) in [
            (vec![closed()], "never opened"),
            (vec![opened(1), closed(), closed()], "closed already"),
            (vec![opened(1), closed(), opened(1), closed()], "again"),
            (vec![opened(1), waits(), waits()], "waits for a challenge already"),
            (vec![opened(1), json!({})], "no event closes it"),
            (vec![opened(1), waits(), json!({})], "keeps nothing of it"),
            (vec![opened(later - 80)], "past its deadline"),
            (vec![json!({ "attempt": attempt(later) })], "as open"),
            (vec![json!({ "opened": "pi_2.1.7" }), json!({ "closed": { "key": "pi_2.1.7" } })], "else"),
            (vec![json!({ "opened": 5 })], "can't be read"),
        ] {
            let found = found(&wrong);
            assert!(found.len() == 1 && found[0].contains(said), "{said}: {found:?}");
        }
    }
}
