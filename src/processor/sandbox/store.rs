//! What the sandbox keeps in its database: read and written in one transaction after the other.

use std::time::SystemTime;

use serde::Serialize;
use tokio_postgres::Row;

use super::cards::kept_as;
use super::holding::{Entry, Journaled, Kind};
use super::methods::Kept;
use super::operation::{Decision, Seen, State, Stored, kind};
use super::random::random;
use crate::clock::Timestamp;
use crate::database::{Change, DatabaseError, PooledClient};
use crate::processor::{Attach, Authorize, Capture, Refund, Request, Void, Voided};

/// A transaction in which nothing changes but by its own decisions.
pub(super) struct Turn<'a> {
    change: Change<'a>,
    /// The address below which challenges are.
    url: &'a str,
    /// True if notices are sent.
    tells: bool,
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
        Ok(Self { change, url, tells })
    }

    /// What a decision on that request is made from.
    pub(super) async fn seen(&self, request: &Request) -> Result<Seen, DatabaseError> {
        let own = self.operation(request.key()).await?;
        let (method, of) = match request {
            Request::Authorize(Authorize { method, .. }) | Request::Attach(Attach { method, .. }) => {
                (self.method(method).await?, None)
            }
            Request::Capture(Capture { reference, .. })
            | Request::Refund(Refund { reference, .. })
            | Request::Void(Void { of: Voided::Reference(reference), .. }) => {
                let of = self.one(include_str!("sql/authorisation.sql"), reference).await?;
                (self.method_of(of.as_ref()).await?, of)
            }
            Request::Void(Void { of: Voided::OfKey(key), .. }) => (None, self.operation(key).await?),
        };
        let (mut rows, mut currency) = (Vec::new(), None);
        if let Some(reference) = of.as_ref().and_then(|of| of.reference.as_ref()) {
            for row in self.change.query(include_str!("sql/rows.sql"), &[reference]).await? {
                rows.push(journaled(&row)?);
                currency = currency.or(row.get("currency"));
            }
        }
        if let Some(Request::Authorize(authorize)) = of.as_ref().and_then(|of| of.request.as_ref()) {
            currency = Some(authorize.currency.clone());
        }
        Ok(Seen { own, of, method, rows, currency })
    }

    /// An operation, by its key.
    pub(super) async fn operation(&self, key: &str) -> Result<Option<Stored>, DatabaseError> {
        self.one(include_str!("sql/operation.sql"), key).await
    }

    /// An operation, by the token of its challenge.
    pub(super) async fn challenged(&self, token: &str) -> Result<Option<Stored>, DatabaseError> {
        self.one(include_str!("sql/challenged.sql"), token).await
    }

    /// The operations whose time has come.
    pub(super) async fn due(&self) -> Result<Vec<Stored>, DatabaseError> {
        self.change.query(include_str!("sql/due.sql"), &[]).await?.iter().map(stored).collect()
    }

    /// The method of an operation.
    pub(super) async fn method_of(&self, of: Option<&Stored>) -> Result<Option<Kept>, DatabaseError> {
        match of.and_then(|of| of.method.as_ref()) {
            Some(token) => self.method(token).await,
            None => Ok(None),
        }
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

    /// Writes a decision.
    pub(super) async fn write(&self, decision: &Decision) -> Result<(), DatabaseError> {
        for operation in &decision.writes {
            self.write_operation(operation).await?;
        }
        if !decision.entries.is_empty() {
            self.write_rows(&decision.entries).await?;
        }
        if let Some(token) = &decision.set_up {
            self.change.query(include_str!("sql/set_up.sql"), &[token]).await?;
        }
        for (operation, copies) in decision.notices.iter().filter(|_| self.tells) {
            let id = random("ntc_");
            let operation = json(&operation.operation(self.url));
            self.change.query(include_str!("sql/write_notice.sql"), &[&id, &operation, copies]).await?;
        }
        Ok(())
    }

    /// Commits everything that was written.
    pub(super) async fn commit(self) -> Result<(), DatabaseError> {
        self.change.commit().await
    }

    async fn one(&self, sql: &'static str, by: &str) -> Result<Option<Stored>, DatabaseError> {
        self.change.query_opt(sql, &[&by]).await?.as_ref().map(stored).transpose()
    }

    async fn method(&self, token: &str) -> Result<Option<Kept>, DatabaseError> {
        let row = self.change.query_opt(include_str!("sql/method.sql"), &[&token]).await?;
        Ok(row.as_ref().and_then(kept))
    }

    async fn write_operation(&self, operation: &Stored) -> Result<(), DatabaseError> {
        let Stored { key, request, method, reference, state, challenge } = operation;
        let kind = request.as_ref().map(|request| kind(request).map_or("attach", Kind::name));
        let request = request.as_ref().map(json);
        let (outcome, amount, decline, due) = match state {
            State::Approved(amount) => ("approved", Some(*amount), None, None),
            State::Declined(decline) => ("declined", None, Some(json(decline)), None),
            State::ActionRequired => ("action_required", None, None, None),
            State::Pending(due) => ("pending", None, None, Some(due.system_time())),
            State::Never => ("never", None, None, None),
        };
        self.change
            .query(
                include_str!("sql/write_operation.sql"),
                &[key, &kind, &request, method, reference, &outcome, &amount, &decline, challenge, &due],
            )
            .await?;
        Ok(())
    }

    async fn write_rows(&self, entries: &[Entry]) -> Result<(), DatabaseError> {
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

/// An operation, by its key, as it is now.
pub(super) async fn operation(client: &PooledClient, key: &str) -> Result<Option<Stored>, DatabaseError> {
    client.query_opt(include_str!("sql/operation.sql"), &[&key]).await?.as_ref().map(stored).transpose()
}

/// An operation, by the token of its challenge, as it is now.
pub(super) async fn challenged(client: &PooledClient, token: &str) -> Result<Option<Stored>, DatabaseError> {
    client.query_opt(include_str!("sql/challenged.sql"), &[&token]).await?.as_ref().map(stored).transpose()
}

/// The key of fingerprints, which is made when it is first needed.
pub(super) async fn secret(client: &PooledClient) -> Result<Vec<u8>, DatabaseError> {
    let new = rand::random::<[u8; 32]>();
    client.execute(include_str!("sql/make_secret.sql"), &[&new.as_slice()]).await?;
    Ok(client.query_one(include_str!("sql/secret.sql"), &[]).await?.get("bytes"))
}

/// A value as it is stored.
fn json(value: &impl Serialize) -> String {
    // Types of the protocol have names of fields only.
    serde_json::to_string(value).unwrap_or_default()
}

fn unknown(what: &str) -> DatabaseError {
    DatabaseError::Refused(format!("the sandbox's database holds {what} that this version doesn't know"))
}

fn stored(row: &Row) -> Result<Stored, DatabaseError> {
    let parsed = |text: Option<&str>| match text.map(serde_json::from_str).transpose() {
        Ok(request) => Ok(request),
        Err(_) => Err(unknown("a request")),
    };
    let state = match row.get("outcome") {
        "approved" => State::Approved(row.get("amount")),
        "declined" => {
            State::Declined(serde_json::from_str(row.get("decline")).map_err(|_| unknown("a decline"))?)
        }
        "action_required" => State::ActionRequired,
        "pending" => State::Pending(row.get::<_, SystemTime>("due").into()),
        _ => State::Never,
    };
    Ok(Stored {
        key: row.get("key"),
        request: parsed(row.get("request"))?,
        method: row.get("method"),
        reference: row.get("reference"),
        state,
        challenge: row.get("challenge"),
    })
}

/// A method; `None` if its card is one that this version doesn't know.
fn kept(row: &Row) -> Option<Kept> {
    Some(Kept {
        token: row.get("token"),
        card: kept_as(row.get("card"))?,
        exp_month: row.get("exp_month"),
        exp_year: row.get("exp_year"),
        cvc_check: row.get("cvc_check"),
        fingerprint: row.get("fingerprint"),
        set_up: row.get("set_up"),
    })
}

fn journaled(row: &Row) -> Result<(Kind, Journaled, i64, Timestamp), DatabaseError> {
    let (Some(kind), Some(result)) = (Kind::named(row.get("kind")), Journaled::named(row.get("outcome")))
    else {
        return Err(unknown("a row of the journal"));
    };
    Ok((kind, result, row.get("amount"), row.get::<_, SystemTime>("at").into()))
}
