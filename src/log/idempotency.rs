//! Idempotency: the answer to a request with an `Idempotency-Key` is stored in the statement that
//! appends its event.
//!
//! So there is no moment at which a change is made and its answer isn't known: a client that retries through
//! a crash gets the stored answer. Where that is an object as it was after an event, the event has it, and
//! nothing is stored twice. Rules as Stripe's: a key is for one path and one set of parameters, per account
//! and mode; refusals aren't stored, because nothing was done.

use super::{AppendError, Cause, Log};
use crate::clock::{self, Timestamp};
use crate::database::{DatabaseError, Parameters};
use crate::seal::Sealed;

/// The request that a key is for: hashes of its path and of its decoded parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint {
    /// The hash of the path.
    pub path: [u8; 16],
    /// The hash of the parameters, however they were spelled.
    pub parameters: [u8; 16],
}

impl Fingerprint {
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.path, self.parameters].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (path, rest) = bytes.split_first_chunk::<16>()?;
        let (parameters, _) = rest.split_first_chunk::<16>()?;
        Some(Self { path: *path, parameters: *parameters })
    }
}

/// The answer to a caller, where it isn't the object as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This text.
    Plain(String),
    /// A text that shows a secret.
    Sealed(Sealed),
}

impl Answer {
    /// The stored text, and the id of the key that it is sealed with.
    pub(super) fn columns(&self) -> (&str, Option<&str>) {
        match self {
            Self::Plain(text) => (text, None),
            Self::Sealed(sealed) => (&sealed.text, Some(&sealed.key_id)),
        }
    }
}

/// The answer to the request that first used a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The path and the parameters of that request; `None` if the row isn't ours.
    pub fingerprint: Option<Fingerprint>,
    /// Its id, `req_…`.
    pub request_id: Option<String>,
    /// Its answer.
    pub answer: FirstAnswer,
}

/// The answer to the request that first used a key. Where that opened an attempt at the processor, the event
/// that closed the attempt has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FirstAnswer {
    /// This answer.
    Done(Answer),
    /// The card was declined; the object as JSON.
    Declined(String),
    /// The attempt is still open.
    Open,
}

/// The end of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closing {
    /// The object after the event that closed it, as JSON.
    pub data: String,
    /// True where the call that opened it is answered 402.
    pub is_declined: bool,
}

impl Log {
    /// The end of an attempt of that object; `None` while it is open.
    pub async fn closing(
        &self,
        account: i64,
        (object, key): (&str, &str),
    ) -> Result<Option<Closing>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/closing.sql"), &[&account, &object, &key]).await?;
        Ok(row.map(|row| Closing { data: row.get("data"), is_declined: row.get("declined") }))
    }

    /// True if the idempotency key of a call was used before.
    pub async fn has_answered(&self, cause: &Cause) -> Result<bool, DatabaseError> {
        match (&cause.idempotency_key, cause.fingerprint) {
            (Some(key), Some(_)) => Ok(self.recall(cause.account, key).await?.is_some()),
            _ => Ok(false),
        }
    }

    /// True if an event of that object accounts for the money that the operation of that key moved.
    pub async fn accounts_for(
        &self,
        account: i64,
        (object, key): (&str, &str),
    ) -> Result<bool, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_one(include_str!("sql/accounted.sql"), &[&account, &object, &key]).await?;
        Ok(row.get("accounted"))
    }

    /// An attempt of that object as it was opened, as JSON.
    pub async fn attempt(
        &self,
        account: i64,
        (object, key): (&str, &str),
    ) -> Result<Option<String>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/attempt.sql"), &[&account, &object, &key]).await?;
        Ok(row.and_then(|row| row.get("attempt")))
    }

    /// The mode of an account; `None` if there is no such account.
    pub async fn is_live(&self, account: i64) -> Result<Option<bool>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/account_mode.sql"), &[&account]).await?;
        Ok(row.map(|row| row.get("livemode")))
    }

    /// The answer to the request that first used that key, if one did.
    pub async fn recall(&self, account: i64, key: &str) -> Result<Option<Remembered>, DatabaseError> {
        let client = self.client().await?;
        let row = client.query_opt(include_str!("sql/recall.sql"), &[&account, &key]).await?;
        let Some(row) = row else { return Ok(None) };
        let fingerprint = Fingerprint::from_bytes(row.get("fingerprint"));
        let request_id = row.get("request_id");
        let attempt = row.get::<_, Option<String>>("stream").zip(row.get::<_, Option<String>>("opened"));
        drop(client);
        let answer = if let Some((object, key)) = attempt {
            match self.closing(account, (&object, &key)).await? {
                None => FirstAnswer::Open,
                Some(Closing { data, is_declined: true }) => FirstAnswer::Declined(data),
                Some(Closing { data, .. }) => FirstAnswer::Done(Answer::Plain(data)),
            }
        } else {
            let text: String = row.get("answer");
            FirstAnswer::Done(match row.get::<_, Option<String>>("sealed_with") {
                None => Answer::Plain(text),
                Some(key_id) => Answer::Sealed(Sealed { key_id, text }),
            })
        };
        Ok(Some(Remembered { fingerprint, request_id, answer }))
    }

    /// Stores the answer to a request that changed nothing. Where that is the object as it is, the key refers
    /// to the event that brought the object to that version: events are kept for ever.
    pub(super) async fn remember(
        &self,
        cause: &Cause,
        answer: Option<&Answer>,
        (stream, version): (&str, i64),
    ) -> Result<(), AppendError> {
        let (Some(key), Some(fingerprint)) = (&cause.idempotency_key, cause.fingerprint) else {
            return Ok(());
        };
        let client = self.client().await.map_err(AppendError::Database)?;
        let sql = include_str!("sql/remember.sql");
        let now: Timestamp = clock::now();
        let (account, bytes) = (cause.account, fingerprint.bytes());
        let (text, sealed_with) = answer.map(Answer::columns).unzip();
        let (sealed_with, at) = (sealed_with.flatten(), now.system_time());
        let parameters: &Parameters<'_> =
            &[&account, key, &cause.request_id, &bytes, &text, &sealed_with, &at, &stream, &version];
        match client.execute(sql, parameters).await? {
            0 => Err(AppendError::KeyUsed),
            _ => Ok(()),
        }
    }
}
