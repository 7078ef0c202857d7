//! Accounts and API keys, under the owner's role: the API itself can make neither.

use crate::clock;
use crate::database::{DatabaseError, DatabaseUrl, Role};
use crate::secret::{ApiKey, hash_api_key};

/// Makes a key for the account of that name and mode, and the account where there is none. The key is in the answer and
/// nowhere else.
pub async fn create_key(url: &DatabaseUrl, account: &str, livemode: bool) -> Result<ApiKey, DatabaseError> {
    let client = url.client(Role::Owner).await?;
    let key = ApiKey::generate(livemode);
    let hash = hash_api_key(key.reveal());
    let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 5] =
        [&account, &livemode, &hash.as_slice(), &key.hint(), &clock::now().system_time()];
    client.execute(include_str!("sql/create_key.sql"), &parameters).await?;
    Ok(key)
}
