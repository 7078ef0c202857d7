//! `/v1/charges`. They are only read: payment intents make them.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::objects::{self, RetrieveParams};
use super::payment_methods::id_of;
use crate::contract::{self, Customer};
use crate::domain::charge::Charge;
use crate::http::app::App;
use crate::http::contract::component::ListOf;
use crate::http::contract::route::{Route, get};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{Params, TimeRange};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/v1/charges", list)
            .summary("List charges, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<Charge>>(),
        get("/v1/charges/{id}", objects::retrieve::<Charge>)
            .summary("Retrieve a charge; as it is, or as it was (`as_of`).")
            .takes::<RetrieveParams>()
            .answers::<Charge>(),
    ]
}

/// The parameters of a list of charges.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ChargeListParams)]
struct ListParams {
    created: Option<TimeRange>,
    customer: Option<String>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    payment_intent: Option<String>,
    starting_after: Option<String>,
}

/// List charges, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let customer = params.customer.map(|id| id_of::<Customer>("customer", &id)).transpose()?;
    let intent = params.payment_intent.map(|id| id_of::<contract::PaymentIntent>("payment_intent", &id));
    let fields = [
        ("customer", customer.map(|id| json!(id))),
        ("payment_intent", intent.transpose()?.map(|id| json!(id))),
    ];
    let filter = page::narrowed(params.created, fields);
    page::objects::<Charge>(&app, &caller, &filter, &page).await
}
