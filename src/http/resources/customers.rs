//! `/v1/customers`.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::choosing::{is_test_name, named};
use super::objects::{self, RetrieveParams};
use super::search::{self, SearchParams};
use crate::clock;
use crate::contract::{self, EventType, Kind as _};
use crate::domain;
use crate::domain::customer::{Changes, CreateParams, Customer, DEFAULT_METHOD};
use crate::domain::payment_method::{ChangeCustomer, Chosen, CreateCustomer};
use crate::domain::search::Searched;
use crate::flow;
use crate::http::app::App;
use crate::http::contract::component::{Deleted, FoundOf, ListOf};
use crate::http::contract::route::{Route, delete, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{NoParams, Params, PathId, TimeRange};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::read::objects::ObjectFilter;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[EventType::CustomerUpdated]).takes::<Changes>();
        let route = route.may_decline().answers::<Customer>();
        route.summary("Update a customer. Metadata is merged; what changes nothing appends nothing.")
    };
    vec![
        post("/v1/customers", create)
            .summary("Create a customer; `payment_method` is attached to it.")
            .emits(&[EventType::CustomerCreated])
            .takes::<CreateParams>()
            .may_decline()
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
        delete("/v1/customers/{id}", self::delete_one)
            .summary(
                "Delete a customer. It can still be retrieved, as deleted. Its payment methods are detached.",
            )
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
    let mut command = ChangeCustomer { id, changes, made: None, checked: Vec::new(), now: clock::now() };
    let Some(name) = command.changes.default_method().filter(|name| is_test_name(name)) else {
        return Ok(app.log.append(caller.cause(), &command).await?.into());
    };
    let at = (&app.log, app.processors.of(caller.account.livemode)?);
    if let Chosen::New(create) = named((&app, &caller), DEFAULT_METHOD, name.to_owned()).await? {
        command.changes = command.changes.with_default_method(create.new.id);
        command.made = Some(create);
    }
    Ok(flow::payment_methods::attach(at, caller.cause(), command).await?.into())
}

/// Create a customer.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CreateParams>,
) -> Result<Rendered, ApiError> {
    let (method, mut params) = params.split();
    let default = params.default_method().filter(|name| is_test_name(name)).map(str::to_owned);
    if method.is_none() && default.is_none() {
        let create = domain::Create::<Customer> { new: caller.new_object(), params };
        return Ok(app.log.append(caller.cause(), &create).await?.into());
    }
    let at = (&app.log, app.processors.of(caller.account.livemode)?);
    let mut methods = Vec::new();
    if let Some(name) = &method {
        methods.push(named((&app, &caller), "payment_method", name.clone()).await?);
    }
    if let Some(name) = default {
        // One name twice is one method.
        if method.as_ref() != Some(&name) {
            methods.push(named((&app, &caller), DEFAULT_METHOD, name).await?);
        }
        if let Some(id) = methods.last().and_then(Chosen::id) {
            params = params.with_default_method(id);
        }
    }
    let create = domain::Create { new: caller.new_object(), params };
    let command = CreateCustomer { create, methods, checked: Vec::new() };
    Ok(flow::payment_methods::attach(at, caller.cause(), command).await?.into())
}

/// Delete a customer, and detach its payment methods.
async fn delete_one(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::Customer>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    flow::customers::delete(&app.log, caller.cause(), id).await?;
    render::deleted(contract::Customer::RESOURCE, &id.to_string())
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
    search::found::<Customer>(&app, &caller, Searched::Customers, params).await
}
