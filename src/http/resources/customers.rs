//! `/v1/customers`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::objects::{self, RetrieveParams};
use super::search::{self, SearchParams};
use crate::clock;
use crate::contract::{self, EventType};
use crate::domain::customer::{Changes, Customer};
use crate::domain::payment_method::ChangeCustomer;
use crate::http::app::App;
use crate::http::contract::component::{Deleted, FoundOf, ListOf};
use crate::http::contract::route::{Route, delete, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{Params, PathId, TimeRange};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;
use crate::read::objects::ObjectFilter;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[EventType::CustomerUpdated]).takes::<Changes>().answers::<Customer>();
        route.summary("Update a customer. Metadata is merged; what changes nothing appends nothing.")
    };
    vec![
        post("/v1/customers", objects::create::<Customer>)
            .summary("Create a customer.")
            .emits(&[EventType::CustomerCreated])
            .takes::<Changes>()
            .answers::<Customer>(),
        get("/v1/customers", list)
            .summary("List customers, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<Customer>>(),
        get("/v1/customers/search", search)
            .summary(
                "Search customers by created, email, metadata, name and phone, in Stripe's query language.",
            )
            .takes::<SearchParams>()
            .answers::<FoundOf<Customer>>(),
        get("/v1/customers/{id}", objects::retrieve::<Customer>)
            .summary(
                "Retrieve a customer, or what is left of a deleted one; as it is, or as it was (`as_of`).",
            )
            .takes::<RetrieveParams>()
            .answers::<Customer>()
            .answers::<Deleted<Customer>>(),
        update(post("/v1/customers/{id}", self::update)),
        update(patch("/v1/customers/{id}", self::update)),
        delete("/v1/customers/{id}", objects::delete::<Customer>)
            .summary("Delete a customer. It can still be retrieved, as deleted.")
            .emits(&[EventType::CustomerDeleted])
            .answers::<Deleted<Customer>>(),
    ]
}

/// Update a customer. Its default payment method must be its own.
async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::Customer>,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    let command = ChangeCustomer { id, changes, now: clock::now() };
    Ok(app.log.append(caller.cause(), &command).await?.into())
}

/// The parameters of a list of customers.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ListParams {
    created: Option<TimeRange>,
    email: Option<String>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
}

/// List customers, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let created = params.created.unwrap_or_default();
    let filter = ObjectFilter {
        created_from: created.from,
        created_until: created.until,
        email: params.email,
        ..ObjectFilter::default()
    };
    page::objects::<Customer>(&app, &caller, &filter, &page).await
}

/// Search customers.
async fn search(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Rendered, ApiError> {
    search::customers(&app, &caller, params).await
}
