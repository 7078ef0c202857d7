//! Searching: `GET /v1/<resource>/search`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::error::ApiError;
use super::lists;
use super::render::{self, Rendered};
use crate::contract::Kind;
use crate::domain::search::Query;
use crate::domain::{ParameterError, Problem};
use crate::id::Id;
use crate::read::Direction;
use crate::read::page::Listed;

/// How long a request brings up to date what is searched.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// The parameters of a search.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SearchParams {
    /// From 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(default)]
    limit: Option<i64>,
    /// The `next_page` of the page before.
    #[serde(default)]
    page: Option<String>,
    /// Clauses such as `email~'example' AND -metadata['plan']:null`.
    #[schema(max_length = 2000)]
    query: String,
}

/// A page of what a query finds, newest first. Whatever was answered before this request came is in it.
pub(super) async fn objects<K: Kind>(
    app: &App,
    caller: &Caller,
    url: &'static str,
    params: SearchParams,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let query = Query::parse(account, &params.query)?;
    let mut page = lists::page(params.limit, None, None)?;
    if let Some(token) = params.page {
        page.direction = Direction::After(id_of::<K>(&token)?.to_string());
    }
    let up_to = app.reader.decided_position().await?;
    if !app.log.keep_search(account, up_to, PATIENCE).await? {
        return Err(ApiError::SearchBehind);
    }
    let found = app.reader.search::<K>(account, &query, &page).await?;
    let last = found.entries.last().filter(|_| found.has_more);
    let next_page = last.map(|object| URL_SAFE_NO_PAD.encode(&object.id));
    let entries = found.entries.into_iter().map(|object| object.data).collect();
    render::found(url, &Listed { entries, has_more: found.has_more }, next_page.as_deref())
}

/// The object that a page was answered to end with.
fn id_of<K: Kind>(token: &str) -> Result<Id<K>, ParameterError> {
    let id = URL_SAFE_NO_PAD.decode(token).ok().and_then(|id| String::from_utf8(id).ok()?.parse().ok());
    id.ok_or_else(|| {
        ParameterError::new("page", Problem::Malformed("it is no next_page of an answer".to_owned()))
    })
}
