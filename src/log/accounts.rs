//! Accounts and API keys, under the owner's role: the API itself can make neither, and end none.

use std::time::{Duration, SystemTime};

use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use crate::clock::{self, Timestamp};
use crate::database::{DatabaseError, DatabaseUrl, Role};
use crate::secret::{ApiKey, KeyKind, hash_api_key};

/// An API key, as it may be shown.
#[derive(Debug, Clone)]
pub struct ListedKey {
    /// Its number.
    pub id: i64,
    /// The account it opens.
    pub account: String,
    /// The mode, and whether it only reads.
    pub kind: KeyKind,
    /// Its beginning and its end.
    pub hint: String,
    /// The time at which it was made.
    pub created_at: Timestamp,
    /// The time until which it opens the account; `None`: until it is revoked.
    pub expires_at: Option<Timestamp>,
    /// The time of its last use, give or take a minute.
    pub last_used_at: Option<Timestamp>,
}

/// Makes a key for the account of that name, and the account where there is none. The key is in the
/// returned value and nowhere else.
pub async fn create_key(
    url: &DatabaseUrl,
    account: &str,
    kind: KeyKind,
    lifetime: Option<Duration>,
) -> Result<ApiKey, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let (key, now) = (ApiKey::generate(kind), clock::now().system_time());
    let hash = hash_api_key(key.reveal());
    let expires_at = lifetime.map(|lifetime| now + lifetime);
    let parameters: [&(dyn ToSql + Sync); 7] =
        [&account, &kind.livemode, &hash.as_slice(), &key.hint(), &now, &kind.readonly, &expires_at];
    client.execute(include_str!("sql/create_key.sql"), &parameters).await?;
    Ok(key)
}

/// The keys that weren't revoked, of all accounts or of one.
pub async fn list_keys(url: &DatabaseUrl, account: Option<&str>) -> Result<Vec<ListedKey>, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let rows = client.query(include_str!("sql/list_keys.sql"), &[&account]).await?;
    let time = |at: Option<SystemTime>| at.map(Timestamp::from);
    let listed = |row: &Row| ListedKey {
        id: row.get("id"),
        account: row.get("name"),
        kind: kind_of(row),
        hint: row.get("hint"),
        created_at: Timestamp::from(row.get::<_, SystemTime>("created_at")),
        expires_at: time(row.get("expires_at")),
        last_used_at: time(row.get("last_used_at")),
    };
    Ok(rows.iter().map(listed).collect())
}

/// The kind of a key, by the columns `livemode` and `readonly`.
fn kind_of(row: &Row) -> KeyKind {
    KeyKind { livemode: row.get("livemode"), readonly: row.get("readonly") }
}

/// Revokes a key: the next request with it is refused. Returns whether there was one.
pub async fn revoke_key(url: &DatabaseUrl, id: i64) -> Result<bool, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let now = clock::now().system_time();
    Ok(client.execute(include_str!("sql/revoke_key.sql"), &[&id, &now]).await? > 0)
}

/// Revokes a key that has just been made and that nobody has seen.
pub async fn revoke_unseen_key(url: &DatabaseUrl, key: &ApiKey) -> Result<(), DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let (hash, now) = (hash_api_key(key.reveal()), clock::now().system_time());
    client.execute(include_str!("sql/revoke_unseen_key.sql"), &[&hash.as_slice(), &now]).await?;
    Ok(())
}

/// Makes a key like another. `None` when there is no such key.
pub async fn copy_key(url: &DatabaseUrl, id: i64) -> Result<Option<ApiKey>, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let Some(row) = client.query_opt(include_str!("sql/key_kind.sql"), &[&id]).await? else {
        return Ok(None);
    };
    let key = ApiKey::generate(kind_of(&row));
    let (hash, now) = (hash_api_key(key.reveal()), clock::now().system_time());
    let parameters: [&(dyn ToSql + Sync); 4] = [&id, &hash.as_slice(), &key.hint(), &now];
    let made = client.execute(include_str!("sql/copy_key.sql"), &parameters).await?;
    Ok((made > 0).then_some(key))
}

/// Lets a key open for so long still, and not longer than before. Returns whether there was one.
pub async fn end_key(url: &DatabaseUrl, id: i64, overlap: Duration) -> Result<bool, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let ends_at = clock::now().system_time() + overlap;
    Ok(client.execute(include_str!("sql/end_key.sql"), &[&id, &ends_at]).await? > 0)
}
