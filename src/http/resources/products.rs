//! `/v1/products`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::objects::{self, RetrieveParams};
use crate::contract::{self, EventType};
use crate::domain::product::{Changes, CreateParams, Product};
use crate::domain::types::list::List;
use crate::http::app::App;
use crate::http::contract::component::{Deleted, ListOf};
use crate::http::contract::route::{Route, delete, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{Params, TimeRange};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::objects::ObjectFilter;

/// The most ids that a list may be narrowed to.
const IDS_MAX: usize = 100;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[EventType::ProductUpdated]).takes::<Changes>().answers::<Product>();
        route.summary(
            "Update a product, or archive it (`active=false`). What changes nothing appends nothing.",
        )
    };
    vec![
        post("/v1/products", objects::create::<Product>)
            .summary("Create a product.")
            .emits(&[EventType::ProductCreated])
            .takes::<CreateParams>()
            .answers::<Product>(),
        get("/v1/products", list)
            .summary("List products, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<Product>>(),
        get("/v1/products/{id}", objects::retrieve::<Product>)
            .summary(
                "Retrieve a product, or what is left of a deleted one; as it is, or as it was (`as_of`).",
            )
            .takes::<RetrieveParams>()
            .answers::<Product>()
            .answers::<Deleted<Product>>(),
        update(post("/v1/products/{id}", objects::update::<Product>)),
        update(patch("/v1/products/{id}", objects::update::<Product>)),
        delete("/v1/products/{id}", objects::delete::<Product>)
            .summary("Delete a product. It can still be retrieved, as deleted.")
            .emits(&[EventType::ProductDeleted])
            .answers::<Deleted<Product>>(),
    ]
}

type Ids = List<Id<contract::Product>, IDS_MAX>;

/// The parameters of a list of products.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ListParams {
    active: Option<bool>,
    created: Option<TimeRange>,
    ending_before: Option<String>,
    ids: Option<Ids>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
    url: Option<String>,
}

/// List products, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let fields = [("active", params.active.map(Value::Bool)), ("url", params.url.map(Value::String))];
    let filter = ObjectFilter {
        ids: params.ids.map(|List(ids)| ids.iter().map(Id::to_string).collect()),
        ..page::narrowed(params.created, fields)
    };
    page::objects::<Product>(&app, &caller, &filter, &page).await
}
