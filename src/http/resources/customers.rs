//! `/v1/customers`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::search::{self, SearchParams};
use crate::clock;
use crate::contract::{Customer, Kind as _};
use crate::domain::customer::{self, Changes};
use crate::domain::missing;
use crate::http::app::App;
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{NoParams, Params, PathId, TimeRange, end_of};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::objects::ObjectFilter;

/// The parameters of a list of customers.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = customersListParams)]
pub(crate) struct ListParams {
    created: Option<TimeRange>,
    email: Option<String>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
}

/// Create a customer.
pub(crate) async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    let command =
        customer::Create { id: Id::generate(clock::now()), livemode: caller.account.livemode, changes };
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// Update a customer. What changes nothing appends nothing.
pub(crate) async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Customer>,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    Ok(app.log.append(caller.cause(), &customer::Update { id, changes }).await?.into())
}

/// Delete a customer. It can still be retrieved, as deleted.
pub(crate) async fn delete(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Customer>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    app.log.append(caller.cause(), &customer::Delete { id }).await?;
    render::deleted(Customer::RESOURCE, &id.to_string())
}

/// The parameters of a retrieval.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = CustomerRetrieveParams)]
pub(crate) struct RetrieveParams {
    /// Show the customer as it was at the end of that second, from the log.
    as_of: Option<i64>,
}

/// Retrieve a customer, or what is left of a deleted one; as it is, or as it was.
pub(crate) async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Customer>,
    Params(params): Params<RetrieveParams>,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let stored = match params.as_of {
        None => app.reader.object(account, id).await?,
        Some(second) => app.reader.object_as_of(account, id, end_of(second)).await?,
    };
    render::stored(Customer::RESOURCE, stored.ok_or_else(|| missing::<Customer>(&id))?)
}

/// List customers, newest first.
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let created = params.created.unwrap_or_default();
    let filter =
        ObjectFilter { created_from: created.from, created_until: created.until, email: params.email };
    page::objects::<Customer>(&app, &caller, "/v1/customers", &filter, &page).await
}

/// Search customers.
pub(crate) async fn search(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Rendered, ApiError> {
    search::customers(&app, &caller, params).await
}
