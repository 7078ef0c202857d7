//! `/v1/customers`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::App;
use super::caller::Caller;
use super::error::ApiError;
use super::lists::{self, PathId, TimeRange};
use super::params::{NoParams, Params};
use super::render::{self, Rendered};
use super::search::{self, SearchParams};
use crate::clock;
use crate::contract::{Customer, Kind as _};
use crate::domain::customer::{self, Changes};
use crate::id::Id;
use crate::read::objects::ObjectFilter;

/// The parameters of a list of customers.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = customersListParams)]
pub(super) struct ListParams {
    created: Option<TimeRange>,
    email: Option<String>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
}

/// Create a customer.
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    let command =
        customer::Create { id: Id::generate(clock::now()), livemode: caller.account.livemode, changes };
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// Update a customer. What changes nothing appends nothing.
pub(super) async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Customer>,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    Ok(app.log.append(caller.cause(), &customer::Update { id, changes }).await?.into())
}

/// Delete a customer. It can still be retrieved, as deleted.
pub(super) async fn delete(
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
pub(super) struct RetrieveParams {
    /// Show the customer as it was at the end of that second, from the log.
    as_of: Option<i64>,
}

/// Retrieve a customer, or what is left of a deleted one; as it is, or as it was.
pub(super) async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Customer>,
    Params(params): Params<RetrieveParams>,
) -> Result<Rendered, ApiError> {
    let account = caller.account.id;
    let stored = match params.as_of {
        None => app.reader.object(account, id).await?,
        Some(second) => app.reader.object_as_of(account, id, lists::end_of(second)).await?,
    };
    render::stored(Customer::RESOURCE, stored.ok_or_else(|| customer::missing(&id))?)
}

/// List customers, newest first.
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = lists::page(params.limit, params.starting_after, params.ending_before)?;
    let created = params.created.unwrap_or_default();
    let filter =
        ObjectFilter { created_from: created.from, created_until: created.until, email: params.email };
    lists::objects::<Customer>(&app, &caller, "/v1/customers", &filter, &page).await
}

/// Search customers.
pub(super) async fn search(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Rendered, ApiError> {
    search::customers(&app, &caller, params).await
}
