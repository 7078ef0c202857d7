//! `/v1/refunds`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::objects::{self, RetrieveParams};
use super::payment_intents::money_of;
use super::payment_methods::id_of;
use crate::contract::{self, EventType};
use crate::domain::attempt::Opening;
use crate::domain::refund::{Changes, Create, Of, Reason, Refund};
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::{ParameterError, Problem};
use crate::http::app::App;
use crate::http::contract::component::ListOf;
use crate::http::contract::route::{Route, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{Params, TimeRange};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[EventType::RefundUpdated]).takes::<Changes>();
        route.summary("Update a refund's metadata.").answers::<Refund>()
    };
    vec![
        post("/v1/refunds", create)
            .summary("Give money back, all or a part of it.")
            .emits(&[
                EventType::ChargeUpdated,
                EventType::RefundCreated,
                EventType::ChargeRefunded,
                EventType::RefundUpdated,
            ])
            .takes::<CreateParams>()
            .asks_processor()
            .answers::<Refund>(),
        get("/v1/refunds", list)
            .summary("List refunds, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<Refund>>(),
        get("/v1/refunds/{id}", objects::retrieve::<Refund>)
            .summary("Retrieve a refund; as it is, or as it was (`as_of`).")
            .takes::<RetrieveParams>()
            .answers::<Refund>(),
        update(post("/v1/refunds/{id}", objects::update::<Refund>)),
        update(patch("/v1/refunds/{id}", objects::update::<Refund>)),
    ]
}

/// The parameters of a create.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RefundCreateParams)]
struct CreateParams {
    /// All that is left, if it isn't given.
    amount: Option<i64>,
    charge: Option<String>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    payment_intent: Option<String>,
    reason: Option<Reason>,
}

/// The parameters of a list of refunds.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = RefundListParams)]
struct ListParams {
    charge: Option<String>,
    created: Option<TimeRange>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    payment_intent: Option<String>,
    starting_after: Option<String>,
}

/// Create a refund.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CreateParams>,
) -> Result<Rendered, ApiError> {
    let of = match (params.charge, params.payment_intent) {
        (Some(_), Some(_)) => {
            return Err(ParameterError::new("charge", Problem::ExclusiveWith("payment_intent")).into());
        }
        (Some(charge), None) => Of::Charge(id_of("charge", &charge)?),
        (None, Some(intent)) => Of::Intent(id_of("payment_intent", &intent)?),
        (None, None) => return Err(ParameterError::new("payment_intent", Problem::Missing).into()),
    };
    let flow = money_of(&app, &caller)?;
    let create = Create {
        new: caller.new_object(),
        of,
        amount: params.amount,
        reason: params.reason,
        metadata: params.metadata,
        opening: Opening::default(),
    };
    let create = move |opening| Create { opening, ..create.clone() };
    Ok(flow.run(caller.cause(), create).await?.into())
}

/// List refunds, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let charge = params.charge.map(|id| id_of::<contract::Charge>("charge", &id)).transpose()?;
    let intent = params.payment_intent.map(|id| id_of::<contract::PaymentIntent>("payment_intent", &id));
    let fields =
        [("charge", charge.map(|id| json!(id))), ("payment_intent", intent.transpose()?.map(|id| json!(id)))];
    let filter = page::narrowed(params.created, fields);
    page::objects::<Refund>(&app, &caller, &filter, &page).await
}
