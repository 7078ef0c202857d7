//! Searching: `GET /v1/customers/search`, and of other resources.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use utoipa::ToSchema;

use crate::contract::Kind;
use crate::domain::search::{Query, Searched};
use crate::domain::{ParameterError, Problem, Resource};
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::Direction;
use crate::read::page::Listed;

/// The longest time for which a request brings the searched documents up to date.
const PATIENCE: Duration = Duration::from_secs(20);

/// The parameters of a search.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SearchParams {
    /// From 1 to 100.
    #[schema(minimum = 1, maximum = 100)]
    #[serde(default)]
    limit: Option<i64>,
    /// The `next_page` of the page before.
    #[serde(default)]
    page: Option<String>,
    /// Clauses such as `metadata['plan']:'pro' AND -created<1700000000`.
    #[schema(max_length = 2000, pattern = r"\S")]
    query: String,
}

/// A page of the objects that a query finds, newest first. Every change that was answered before this
/// request came is in it.
pub(crate) async fn found<R: Resource>(
    app: &App,
    caller: &Caller,
    searched: Searched,
    params: SearchParams,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let query = Query::parse(searched, account, &params.query)?;
    let mut page = page::page(params.limit, None, None)?;
    if let Some(token) = params.page {
        page.direction = Direction::After(cursor_of::<R::Kind>(&token, account, &params.query)?.to_string());
    }
    let position = app.reader.decided_position().await?;
    if !app.log.bring_search_up_to(account, searched, position, PATIENCE).await? {
        return Err(ApiError::SearchBehind);
    }
    let found = app.reader.search::<R::Kind>(account, &query, &page).await?;
    let last = found.entries.last().filter(|_| found.has_more);
    let next_page = last.map(|object| token(&object.id, account, &params.query));
    let living = found.entries.into_iter().filter(|object| !object.deleted);
    let listed = Listed { entries: living.map(|object| object.data).collect(), has_more: found.has_more };
    render::found(&format!("{}/search", R::PATH), listed, next_page.as_deref())
}

/// The token of a query's next page: the id that the page before it ends with, and a mark of the query. A
/// page of another query would leave something out.
fn token(id: &str, account: i64, query: &str) -> String {
    let digest = Sha256::digest(format!("{account} {query}").as_bytes());
    URL_SAFE_NO_PAD.encode([id.as_bytes(), digest.get(..8).unwrap_or_default()].concat())
}

/// The object that the page before ended with.
fn cursor_of<K: Kind>(text: &str, account: i64, query: &str) -> Result<Id<K>, ParameterError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let id = bytes
        .split_at_checked(bytes.len().saturating_sub(8))
        .and_then(|(id, _)| std::str::from_utf8(id).ok());
    let id = id.filter(|id| token(id, account, query) == text).and_then(|id| id.parse().ok());
    id.ok_or_else(|| {
        ParameterError::new("page", Problem::Malformed("it is no next_page of this query".to_owned()))
    })
}
