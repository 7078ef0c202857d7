//! The processor's journal and the log, both ways, key by key.
//!
//! The log's movements are summed up, and each row of the journal is looked up in the log and taken from
//! the sum. The rest is then in the log alone, or there another number of times, and is asked for by its
//! key. The memory doesn't grow with either side, and both may go on meanwhile: a movement is in the
//! journal before it is in the log, so that the log is always read before the journal.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use tokio_postgres::{Client, Row};

use super::finding::{Finding, Kind};
use super::sums::Sums;
use super::tenants::{ATTEMPTED, GRACE_SECONDS, PORTION, Tenant, tenants};
use crate::clock;
use crate::database::{DatabaseError, DatabaseUrl, Role};
use crate::domain::attempt::{Attempt, Movement, undone_by};
use crate::log::verify::report::{Report, STATEMENT_LIMIT};

/// The most keys that are asked for one by one.
pub const ASKED_MAX: usize = 10_000;

/// A row of a journal that says that money moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moved {
    /// The movement.
    pub movement: Movement,
    /// Its currency.
    pub currency: String,
    /// The time, in seconds.
    pub at: u64,
}

/// A movement as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    movement: Movement,
    currency: String,
    position: i64,
}

/// An object in an account.
type Place = (i64, String);

/// A journal that is being compared.
#[derive(Debug)]
pub struct Comparison {
    client: Client,
    tenants: HashMap<i64, Tenant>,
    /// The last position that is in the sums.
    head: i64,
    sums: Sums,
    /// Keys of which a difference was said already, as many as may be asked for.
    named: BTreeSet<String>,
}

impl Comparison {
    /// Sums up the movements of a mode's accounts.
    pub async fn begin(url: &DatabaseUrl, livemode: bool) -> Result<Self, DatabaseError> {
        let client = url.client(Role::Reader).await?;
        client.batch_execute(STATEMENT_LIMIT).await?;
        let of_mode = tenants(&client).await?.into_iter().filter(|tenant| tenant.livemode == livemode);
        let tenants = of_mode.map(|tenant| (tenant.id, tenant)).collect();
        let head = client.query_one(include_str!("../../sql/verify_head.sql"), &[]).await?.get("head");
        let mut comparison = Self { client, tenants, head, sums: Sums::new(), named: BTreeSet::new() };
        let mut sums = Sums::new();
        comparison
            .walk(|movement, currency| {
                sums.add(movement, currency);
                true
            })
            .await?;
        comparison.sums = sums;
        Ok(comparison)
    }

    /// Every movement up to the head, until `see` returns false.
    async fn walk(&self, mut see: impl FnMut(&Movement, &str) -> bool + Send) -> Result<(), DatabaseError> {
        let statement = self.client.prepare(include_str!("../../sql/verify_movements.sql")).await?;
        for account in self.tenants.keys() {
            for (first, end) in ATTEMPTED {
                let (mut stream, mut version) = (first.to_owned(), 0_i64);
                loop {
                    let rows = self
                        .client
                        .query(&statement, &[account, &stream, &version, &end, &self.head, &PORTION])
                        .await?;
                    for row in &rows {
                        let (movements, currency) = closed(row);
                        if !movements.iter().all(|movement| see(movement, &currency)) {
                            return Ok(());
                        }
                    }
                    let Some(last) = rows.last() else { break };
                    (stream, version) = (last.get("stream"), last.get("version"));
                }
            }
        }
        Ok(())
    }

    /// The next rows of the journal.
    pub async fn see(&mut self, rows: &[Moved], report: &mut Report) -> Result<(), DatabaseError> {
        let known = self.known(rows).await?;
        let mut left: Vec<&Moved> = rows.iter().filter(|row| !self.take(row, &known)).collect();
        if left.is_empty() {
            return Ok(());
        }
        // An attempt that is no longer open was closed before this moment.
        let states = self.states(&left).await?;
        let known = self.known(left.iter().copied()).await?;
        left.retain(|row| !self.take(row, &known));
        for row in left {
            if let Some(finding) = self.unaccounted(row, &states, &known) {
                if finding.kind == Kind::Movement && self.named.len() < ASKED_MAX {
                    self.named.insert(row.movement.key.clone());
                }
                report.money_problem(finding);
            }
        }
        Ok(())
    }

    /// Takes a row from the sums. Returns true if the log has it.
    fn take(&mut self, row: &Moved, known: &BTreeMap<String, Vec<Known>>) -> bool {
        let of_key = known.get(&row.movement.key).map(Vec::as_slice).unwrap_or_default();
        let has = |known: &&Known| known.movement == row.movement && known.currency == row.currency;
        let Some(known) = of_key.iter().find(has) else { return false };
        if known.position <= self.head {
            self.sums.take(&row.movement, &row.currency);
        }
        true
    }

    /// The finding about a row that no event accounts for; `None` where the processor's word may still come.
    fn unaccounted(
        &mut self,
        row: &Moved,
        states: &HashMap<Place, State>,
        known: &BTreeMap<String, Vec<Known>>,
    ) -> Option<Finding> {
        let Movement { key, kind, amount } = &row.movement;
        let (kind, said) = (kind.as_str(), format!("{amount} {}", row.currency));
        let place = self.place(key).filter(|place| states.contains_key(place));
        let (Some(place), Some(state)) = (&place, place.as_ref().and_then(|place| states.get(place))) else {
            let what = format!("is in the journal: {kind} of {said}. No log knows it");
            return Some(Finding { kind: Kind::Unknown, tenant: None, id: key.clone(), what });
        };
        if state.may_still_be_told(key, row.at) {
            return None;
        }
        let of_key = known.get(key).map(Vec::as_slice).unwrap_or_default();
        let other = of_key.iter().find(|known| known.movement.kind == row.movement.kind);
        let what = match other {
            Some(other) => {
                if other.position <= self.head {
                    self.sums.take(&other.movement, &other.currency);
                }
                let logged = format!("{} {}", other.movement.amount, other.currency);
                format!("is {kind} of {said} in the journal, and of {logged} in the log")
            }
            None => format!("is {kind} of {said} in the journal, and no event accounts for it"),
        };
        let tenant = self.tenants.get(&place.0)?;
        Some(tenant.finding(Kind::Movement, key, what))
    }

    /// The account and the object that a key is for, if the account is one of this mode.
    fn place(&self, key: &str) -> Option<Place> {
        let (account, object) = Attempt::owner_of(key)?;
        self.tenants.contains_key(&account).then(|| (account, object.to_owned()))
    }

    /// The accounts and objects of rows, in pairs.
    fn places<'a>(&self, rows: impl IntoIterator<Item = &'a Moved>) -> (Vec<i64>, Vec<String>) {
        let places: BTreeSet<Place> =
            rows.into_iter().filter_map(|row| self.place(&row.movement.key)).collect();
        places.into_iter().unzip()
    }

    /// All that the log has of the objects that rows are about, by the journal's key.
    async fn known<'a>(
        &self,
        rows: impl IntoIterator<Item = &'a Moved>,
    ) -> Result<BTreeMap<String, Vec<Known>>, DatabaseError> {
        let (accounts, objects) = self.places(rows);
        let sql = include_str!("../../sql/verify_movements_of.sql");
        let mut known: BTreeMap<String, Vec<Known>> = BTreeMap::new();
        for row in self.client.query(sql, &[&accounts, &objects]).await? {
            let (movements, currency) = closed(&row);
            let position = row.get("position");
            for movement in movements {
                let one = Known { currency: currency.clone(), position, movement };
                known.entry(one.movement.key.clone()).or_default().push(one);
            }
        }
        Ok(known)
    }

    /// The open attempts of the objects that rows are about.
    async fn states(&self, rows: &[&Moved]) -> Result<HashMap<Place, State>, DatabaseError> {
        let (accounts, objects) = self.places(rows.iter().copied());
        let sql = include_str!("../../sql/verify_open.sql");
        let rows = self.client.query(sql, &[&accounts, &objects]).await?;
        let states = rows.iter().map(|row| ((row.get("account"), row.get("id")), State::read(row)));
        Ok(states.collect())
    }

    /// The keys of which the log has something that the journal lacks, or has another number of times; and
    /// some beside them. The journal has been seen to its end before. True if these are all.
    pub async fn suspects(&self) -> Result<(Vec<String>, bool), DatabaseError> {
        let (mut keys, mut are_all) = (BTreeSet::new(), true);
        if !self.sums.are_even() {
            self.walk(|movement, _| {
                let is_suspect = self.sums.differs(&movement.key) && !self.named.contains(&movement.key);
                if is_suspect && keys.len() >= ASKED_MAX {
                    are_all = false;
                } else if is_suspect {
                    keys.insert(movement.key.clone());
                }
                are_all
            })
            .await?;
        }
        Ok((keys.into_iter().collect(), are_all))
    }

    /// The movements of a key in the log. They are to be read before the journal is asked for the key.
    pub async fn logged(&self, key: &str) -> Result<Vec<(Movement, String)>, DatabaseError> {
        let Some((account, object)) = self.place(key) else { return Ok(Vec::new()) };
        let parameters = (vec![account], vec![object]);
        let sql = include_str!("../../sql/verify_movements_of.sql");
        let mut logged = Vec::new();
        for row in self.client.query(sql, &[&parameters.0, &parameters.1]).await? {
            let (movements, currency) = closed(&row);
            let of_key = movements.into_iter().filter(|movement| movement.key == key);
            logged.extend(of_key.map(|movement| (movement, currency.clone())));
        }
        Ok(logged)
    }

    /// Compares a key's movements in the log with its rows in the journal. Rows that the log lacks were
    /// found before.
    pub fn compare(&self, key: &str, logged: &[(Movement, String)], rows: &[Moved], report: &mut Report) {
        let Some(tenant) = self.place(key).and_then(|(account, _)| self.tenants.get(&account)) else {
            return;
        };
        let distinct: BTreeSet<_> = logged
            .iter()
            .map(|(movement, currency)| (movement.kind, movement.amount, currency.as_str()))
            .collect();
        for (kind, amount, currency) in distinct {
            let is = |movement: &Movement, of: &str| {
                (movement.kind, movement.amount, of) == (kind, amount, currency)
            };
            let in_log = logged.iter().filter(|(movement, of)| is(movement, of)).count();
            let in_journal = rows.iter().filter(|row| is(&row.movement, &row.currency)).count();
            if in_log != in_journal {
                let (kind, times) = (kind.as_str(), |count| match count {
                    0 => "isn't".to_owned(),
                    1 => "is once".to_owned(),
                    count => format!("is {count} times"),
                });
                let (journal, log): (String, String) = (times(in_journal), times(in_log));
                let what = format!(
                    "{journal} in the journal as {kind} of {amount} {currency}, and {log} in the log"
                );
                report.money_problem(tenant.finding(Kind::Movement, key, what));
            }
        }
    }
}

/// The open attempts of an object.
#[derive(Debug)]
struct State {
    open: Option<(String, u64)>,
    waiting: Option<String>,
    returning: Option<String>,
}

impl State {
    fn read(row: &Row) -> Self {
        let deadline = row.get::<_, Option<&str>>("deadline").and_then(|text| text.parse().ok());
        let open = row.get::<_, Option<String>>("open").zip(deadline);
        Self { open, waiting: row.get("waiting"), returning: row.get("returning") }
    }

    /// True if the movement by that key at that time may still be told to the log.
    fn may_still_be_told(&self, key: &str, at: u64) -> bool {
        let key = undone_by(key).unwrap_or(key);
        let now = clock::now().seconds();
        let is_near = |instant: u64| instant.saturating_add(GRACE_SECONDS) >= now;
        self.open.as_ref().is_some_and(|(open, deadline)| open == key && is_near(*deadline))
            || [&self.waiting, &self.returning].into_iter().any(|one| one.as_deref() == Some(key))
                && is_near(at)
    }
}

/// The movements of an event, and their currency. Unreadable movements are none: `attempts` says so.
fn closed(row: &Row) -> (Vec<Movement>, String) {
    let movements: Vec<Movement> = serde_json::from_str(row.get("movements")).unwrap_or_default();
    let moved = movements.into_iter().filter(|movement| movement.amount > 0).collect();
    (moved, row.get::<_, Option<String>>("currency").unwrap_or_default())
}
