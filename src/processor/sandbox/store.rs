//! The sandbox's tables: rows, and the values that they stand for.

use std::time::SystemTime;

use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::cards::kept_as;
use super::holding::{Journaled, Kind, Written};
use super::methods::Kept;
use super::operation::{State, Stored, kind};
use crate::database::{DatabaseError, PooledClient};
use crate::processor::Request;

/// Operations as the parameters of one statement, an array a column.
pub(super) struct OperationColumns<'a> {
    key: Vec<&'a str>,
    kind: Vec<Option<&'static str>>,
    request: Vec<Option<String>>,
    method: Vec<Option<&'a str>>,
    reference: Vec<Option<&'a str>>,
    outcome: Vec<&'static str>,
    amount: Vec<Option<i64>>,
    decline: Vec<Option<String>>,
    challenge: Vec<Option<&'a str>>,
    due: Vec<Option<SystemTime>>,
}

impl<'a> OperationColumns<'a> {
    pub(super) fn of(operations: &'a [Stored]) -> Self {
        fn column<'a, T>(all: &'a [Stored], field: impl Fn(&'a Stored) -> T) -> Vec<T> {
            all.iter().map(field).collect()
        }
        let kind = |request: &Request| kind(request).map_or("attach", Kind::name);
        Self {
            key: column(operations, |operation| operation.key.as_str()),
            kind: column(operations, |operation| operation.request.as_ref().map(kind)),
            request: column(operations, |operation| operation.request.as_ref().map(json)),
            method: column(operations, |operation| operation.method.as_deref()),
            reference: column(operations, |operation| operation.reference.as_deref()),
            outcome: column(operations, |operation| operation.state.name()),
            amount: column(operations, |operation| match operation.state {
                State::Approved(amount) => Some(amount),
                _ => None,
            }),
            decline: column(operations, |operation| match &operation.state {
                State::Declined(decline) => Some(json(decline)),
                _ => None,
            }),
            challenge: column(operations, |operation| operation.challenge.as_deref()),
            due: column(operations, |operation| match operation.state {
                State::Pending(due) => Some(due.system_time()),
                _ => None,
            }),
        }
    }

    pub(super) fn parameters(&self) -> [&(dyn ToSql + Sync); 10] {
        [
            &self.key,
            &self.kind,
            &self.request,
            &self.method,
            &self.reference,
            &self.outcome,
            &self.amount,
            &self.decline,
            &self.challenge,
            &self.due,
        ]
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
pub(super) fn json(value: &impl Serialize) -> String {
    // Types of the protocol have names of fields only.
    serde_json::to_string(value).unwrap_or_default()
}

fn unknown(what: &str) -> DatabaseError {
    DatabaseError::Refused(format!("the sandbox's database holds {what} that this version doesn't know"))
}

pub(super) fn stored(row: &Row) -> Result<Stored, DatabaseError> {
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
pub(super) fn kept(row: &Row) -> Option<Kept> {
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

pub(super) fn journaled(row: &Row) -> Result<Written, DatabaseError> {
    let (Some(kind), Some(result)) = (Kind::named(row.get("kind")), Journaled::named(row.get("outcome")))
    else {
        return Err(unknown("a row of the journal"));
    };
    Ok((kind, result, row.get("amount"), row.get::<_, SystemTime>("at").into()))
}
