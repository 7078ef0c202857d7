//! The sandbox's transactions, one after the other.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::holding::{Entry, Written};
use super::methods::Kept;
use super::operation::{Decision, Seen, Stored};
use super::random::random;
use super::store::{OperationColumns, journaled, json, kept, stored};
use crate::database::{Change, DatabaseError, PooledClient};
use crate::processor::{Attach, Authorize, Capture, Refund, Request, Void, Voided};

/// A transaction in which nothing changes but by its own decisions.
///
/// The rows that its decisions need are read together, and those of the decisions are written together,
/// at the end or before something is read that they may change.
pub(super) struct Turn<'a> {
    change: Change<'a>,
    /// The address below which challenges are.
    url: &'a str,
    /// True if notices are sent.
    tells: bool,
    /// Operations by their keys, those that wait to be written among them.
    operations: HashMap<String, Option<Stored>>,
    methods: HashMap<String, Option<Kept>>,
    /// Authorisations by their references.
    authorisations: HashMap<String, Authorisation>,
    /// The operations that wait to be written, in order.
    changed: Vec<Stored>,
    /// The rows that wait to be written, in order.
    entries: Vec<Entry>,
    /// The references of either.
    touched: HashSet<String>,
}

/// An authorisation as the journal has it.
#[derive(Debug, Clone, Default)]
struct Authorisation {
    operation: Option<Stored>,
    rows: Vec<Written>,
    currency: Option<String>,
}

impl<'a> Turn<'a> {
    /// Waits until no other transaction decides.
    pub(super) async fn take(
        client: &'a mut PooledClient,
        url: &'a str,
        tells: bool,
    ) -> Result<Self, DatabaseError> {
        let change = client.change().await?;
        change.query(include_str!("sql/take_turn.sql"), &[]).await?;
        Ok(Self {
            change,
            url,
            tells,
            operations: HashMap::new(),
            methods: HashMap::new(),
            authorisations: HashMap::new(),
            changed: Vec::new(),
            entries: Vec::new(),
            touched: HashSet::new(),
        })
    }

    /// Reads the state that decisions on these requests are made from.
    pub(super) async fn read(&mut self, requests: &[&Request]) -> Result<(), DatabaseError> {
        let (mut keys, mut references, mut tokens) = (Vec::new(), Vec::new(), Vec::new());
        for request in requests {
            keys.extend([Some(request.key()), voided(request)].into_iter().flatten());
            references.extend(reference(request));
            tokens.extend(method(request).map(ToOwned::to_owned));
        }
        self.read_operations(&keys).await?;
        self.read_authorisations(&references).await?;
        tokens.extend(self.authorisations.values().filter_map(|of| of.operation.as_ref()?.method.clone()));
        self.read_methods(&tokens).await
    }

    /// The state that a decision on that request is made from.
    pub(super) async fn seen(&mut self, request: &Request) -> Result<Seen, DatabaseError> {
        if reference(request).is_some_and(|reference| self.touched.contains(reference)) {
            self.flush().await?;
        }
        self.read(&[request]).await?;
        let own = self.operation(request.key());
        if let Some(key) = voided(request) {
            let of = self.operation(key);
            let made = of.as_ref().and_then(|of| of.reference.clone());
            let Authorisation { rows, currency, .. } = match made {
                None => Authorisation::default(),
                Some(reference) => self.authorisation(reference).await?,
            };
            return Ok(Seen { own, of, method: None, rows, currency });
        }
        let Some(reference) = reference(request) else {
            return Ok(Seen {
                own,
                method: method(request).and_then(|token| self.method(token)),
                ..Seen::default()
            });
        };
        let Authorisation { operation: of, rows, currency } =
            self.authorisation(reference.to_owned()).await?;
        let token = of.as_ref().and_then(|of| of.method.as_deref());
        Ok(Seen { own, method: token.and_then(|token| self.method(token)), of, rows, currency })
    }

    /// An operation that was read, or waits to be written.
    fn operation(&self, key: &str) -> Option<Stored> {
        self.operations.get(key).cloned().flatten()
    }

    fn method(&self, token: &str) -> Option<Kept> {
        self.methods.get(token).cloned().flatten()
    }

    /// An authorisation with everything that was decided on it.
    async fn authorisation(&mut self, reference: String) -> Result<Authorisation, DatabaseError> {
        if self.touched.contains(&reference) {
            self.flush().await?;
        }
        self.read_authorisations(&[&reference]).await?;
        Ok(self.authorisations.get(&reference).cloned().unwrap_or_default())
    }

    async fn read_operations(&mut self, keys: &[&str]) -> Result<(), DatabaseError> {
        let keys = unknown_of(keys, &self.operations);
        if keys.is_empty() {
            return Ok(());
        }
        let rows = self.change.query(include_str!("sql/operations.sql"), &[&keys]).await?;
        self.operations.extend(keys.into_iter().map(|key| (key, None)));
        for row in rows {
            let operation = stored(&row)?;
            self.operations.insert(operation.key.clone(), Some(operation));
        }
        Ok(())
    }

    async fn read_methods(&mut self, tokens: &[String]) -> Result<(), DatabaseError> {
        let tokens = unknown_of(tokens, &self.methods);
        if tokens.is_empty() {
            return Ok(());
        }
        let rows = self.change.query(include_str!("sql/methods.sql"), &[&tokens]).await?;
        self.methods.extend(tokens.into_iter().map(|token| (token, None)));
        for row in rows {
            self.methods.insert(row.get("token"), kept(&row));
        }
        Ok(())
    }

    async fn read_authorisations(&mut self, references: &[&str]) -> Result<(), DatabaseError> {
        let references = unknown_of(references, &self.authorisations);
        if references.is_empty() {
            return Ok(());
        }
        let made = self.change.query(include_str!("sql/authorisations.sql"), &[&references]).await?;
        let rows = self.change.query(include_str!("sql/rows.sql"), &[&references]).await?;
        self.authorisations
            .extend(references.into_iter().map(|reference| (reference, Authorisation::default())));
        for row in rows {
            let of = self.authorisations.entry(row.get("reference")).or_default();
            of.rows.push(journaled(&row)?);
            of.currency = of.currency.take().or(row.get("currency"));
        }
        for row in made {
            let operation = stored(&row)?;
            let Some(reference) = operation.reference.clone() else { continue };
            let of = self.authorisations.entry(reference).or_default();
            if let Some(Request::Authorize(authorize)) = &operation.request {
                of.currency = Some(authorize.currency.clone());
            }
            of.operation = Some(operation);
        }
        Ok(())
    }

    /// An operation, by the token of its challenge.
    pub(super) async fn challenged(&mut self, token: &str) -> Result<Option<Stored>, DatabaseError> {
        self.flush().await?;
        let row = self.change.query_opt(include_str!("sql/challenged.sql"), &[&token]).await?;
        row.as_ref().map(stored).transpose()
    }

    /// The operations whose time has come.
    pub(super) async fn due(&mut self) -> Result<Vec<Stored>, DatabaseError> {
        self.flush().await?;
        self.change.query(include_str!("sql/due.sql"), &[]).await?.iter().map(stored).collect()
    }

    /// The method of an operation.
    pub(super) async fn method_of(&mut self, of: &Stored) -> Result<Option<Kept>, DatabaseError> {
        let Some(token) = &of.method else { return Ok(None) };
        self.read_methods(std::slice::from_ref(token)).await?;
        Ok(self.method(token))
    }

    /// Keeps a method.
    pub(super) async fn keep(&self, kept: &Kept) -> Result<(), DatabaseError> {
        let Kept { token, card, exp_month, exp_year, cvc_check, fingerprint, set_up: _ } = kept;
        let card = card.name();
        self.change
            .query(
                include_str!("sql/write_method.sql"),
                &[token, &card, exp_month, exp_year, cvc_check, fingerprint],
            )
            .await?;
        Ok(())
    }

    /// Writes a decision, some time before the commit.
    pub(super) async fn write(&mut self, decision: &Decision) -> Result<(), DatabaseError> {
        for operation in &decision.writes {
            self.operations.insert(operation.key.clone(), Some(operation.clone()));
            self.touched.extend(operation.reference.clone());
            self.changed.push(operation.clone());
        }
        self.touched.extend(decision.entries.iter().filter_map(|entry| entry.reference.clone()));
        self.entries.extend(decision.entries.iter().cloned());
        if let Some(token) = &decision.set_up {
            self.change.query(include_str!("sql/set_up.sql"), &[token]).await?;
            self.methods.remove(token);
        }
        for (operation, copies) in decision.notices.iter().filter(|_| self.tells) {
            let id = random("ntc_");
            let operation = json(&operation.operation(self.url));
            self.change.query(include_str!("sql/write_notice.sql"), &[&id, &operation, copies]).await?;
        }
        Ok(())
    }

    /// Commits everything that was written.
    pub(super) async fn commit(mut self) -> Result<(), DatabaseError> {
        self.flush().await?;
        self.change.commit().await
    }

    /// Writes the waiting rows.
    async fn flush(&mut self) -> Result<(), DatabaseError> {
        // The rows that were read of these before aren't true any more.
        for reference in self.touched.drain() {
            self.authorisations.remove(&reference);
        }
        self.write_operations().await?;
        self.write_rows().await
    }

    async fn write_operations(&mut self) -> Result<(), DatabaseError> {
        // The last state of each; one statement can't write a row twice.
        let mut keys = HashSet::new();
        let mut changed = std::mem::take(&mut self.changed);
        changed.reverse();
        changed.retain(|operation| keys.insert(operation.key.clone()));
        if changed.is_empty() {
            return Ok(());
        }
        let columns = OperationColumns::of(&changed);
        self.change.query(include_str!("sql/write_operations.sql"), &columns.parameters()).await?;
        Ok(())
    }

    async fn write_rows(&mut self) -> Result<(), DatabaseError> {
        let entries = std::mem::take(&mut self.entries);
        if entries.is_empty() {
            return Ok(());
        }
        let keys: Vec<&str> = entries.iter().map(|entry| entry.key.as_str()).collect();
        let kinds: Vec<&str> = entries.iter().map(|entry| entry.kind.name()).collect();
        let results: Vec<&str> = entries.iter().map(|entry| entry.result.name()).collect();
        let amounts: Vec<i64> = entries.iter().map(|entry| entry.amount).collect();
        let currencies: Vec<Option<&str>> = entries.iter().map(|entry| entry.currency.as_deref()).collect();
        let references: Vec<Option<&str>> = entries.iter().map(|entry| entry.reference.as_deref()).collect();
        self.change
            .query(
                include_str!("sql/write_rows.sql"),
                &[&keys, &kinds, &results, &amounts, &currencies, &references],
            )
            .await?;
        Ok(())
    }
}

/// The names of these that aren't known yet, each once.
fn unknown_of<T>(names: &[impl AsRef<str>], known: &HashMap<String, T>) -> Vec<String> {
    let unknown = names.iter().map(AsRef::as_ref).filter(|name| !known.contains_key(*name));
    unknown.map(ToOwned::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}

/// The key that a request voids.
fn voided(request: &Request) -> Option<&str> {
    match request {
        Request::Void(Void { of: Voided::OfKey(key), .. }) => Some(key),
        _ => None,
    }
}

/// The reference that a request names.
fn reference(request: &Request) -> Option<&str> {
    match request {
        Request::Capture(Capture { reference, .. })
        | Request::Refund(Refund { reference, .. })
        | Request::Void(Void { of: Voided::Reference(reference), .. }) => Some(reference),
        Request::Authorize(_) | Request::Attach(_) | Request::Void(_) => None,
    }
}

/// The token of the method that a request names.
fn method(request: &Request) -> Option<&str> {
    match request {
        Request::Authorize(Authorize { method, .. }) | Request::Attach(Attach { method, .. }) => Some(method),
        Request::Capture(_) | Request::Refund(_) | Request::Void(_) => None,
    }
}
