//! `/v1/payment_methods`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::objects::{self, RetrieveParams};
use crate::contract::{self, Customer, EventType, Kind};
use crate::domain::payment_method::{
    AllowRedisplay, BillingChanges, Changes, CreateParams, Detach, MethodType, PaymentMethod, Update,
};
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::{ParameterError, Patch, Problem};
use crate::flow::{self, CardSource, NewMethod};
use crate::http::app::App;
use crate::http::contract::component::ListOf;
use crate::http::contract::route::{Route, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{NoParams, Params, PathId};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::objects::{ObjectFilter, having};

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route.emits(&[EventType::PaymentMethodUpdated]).takes::<Changes>();
        route.summary("Update a payment method that a customer has.").answers::<PaymentMethod>()
    };
    vec![
        post("/v1/payment_methods", create)
            .summary("Create a payment method of a token, or of a published test card.")
            .emits(&[EventType::PaymentMethodCreated])
            .takes::<NewParams>()
            .takes_cards(&["card[number]"])
            .may_decline()
            .answers::<PaymentMethod>(),
        get("/v1/payment_methods", list)
            .summary("List payment methods, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<PaymentMethod>>(),
        get("/v1/payment_methods/{id}", objects::retrieve::<PaymentMethod>)
            .summary("Retrieve a payment method; as it is, or as it was (`as_of`).")
            .takes::<RetrieveParams>()
            .answers::<PaymentMethod>(),
        update(post("/v1/payment_methods/{id}", self::update)),
        update(patch("/v1/payment_methods/{id}", self::update)),
        post("/v1/payment_methods/{id}/detach", detach)
            .summary("Detach a payment method from its customer. It can't be used again.")
            .emits(&[EventType::PaymentMethodDetached])
            .answers::<PaymentMethod>(),
    ]
}

/// The parameters of a create, and of a method that is made with an intent: what the method is, and the card
/// that goes to the processor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentMethodCreateParams)]
pub(super) struct NewParams {
    #[serde(default)]
    allow_redisplay: Option<AllowRedisplay>,
    #[serde(default)]
    billing_details: Patch<BillingChanges>,
    card: NewCard,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    r#type: MethodType,
}

/// A card: a token of the processor's, or the numbers of a published test card.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewCard {
    #[serde(default)]
    cvc: Option<String>,
    #[serde(default)]
    #[schema(minimum = 1, maximum = 12)]
    exp_month: Option<i64>,
    #[serde(default)]
    exp_year: Option<i64>,
    #[serde(default)]
    number: Option<String>,
    #[serde(default)]
    token: Option<String>,
}

impl NewParams {
    /// The card for the processor with the parameter that it came in, and the other parameters.
    pub(super) fn split(self) -> Result<((&'static str, NewMethod), CreateParams), ParameterError> {
        let MethodType::Card = self.r#type;
        let params = CreateParams {
            allow_redisplay: self.allow_redisplay,
            billing_details: self.billing_details,
            metadata: self.metadata,
        };
        Ok((self.card.source()?, params))
    }
}

impl NewCard {
    /// The card for the processor, and the parameter that it came in.
    fn source(self) -> Result<(&'static str, NewMethod), ParameterError> {
        let missing = |param: &str| ParameterError::new(format!("card[{param}]"), Problem::Missing);
        let Some(token) = self.token else {
            let Some(number) = self.number else { return Err(missing("token")) };
            let month = self.exp_month.ok_or_else(|| missing("exp_month"))?;
            let year = self.exp_year.ok_or_else(|| missing("exp_year"))?;
            return Ok(("card[number]", NewMethod::Card(CardSource::new(number, (month, year), self.cvc))));
        };
        let others = [
            ("card[number]", self.number.is_some()),
            ("card[exp_month]", self.exp_month.is_some()),
            ("card[exp_year]", self.exp_year.is_some()),
            ("card[cvc]", self.cvc.is_some()),
        ];
        match others.into_iter().find(|(_, is_given)| *is_given) {
            Some((other, _)) => Err(ParameterError::new("card[token]", Problem::ExclusiveWith(other))),
            None => Ok(("card[token]", NewMethod::Source(token))),
        }
    }
}

/// The parameters of a list of payment methods.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ListParams {
    allow_redisplay: Option<AllowRedisplay>,
    customer: Option<String>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    starting_after: Option<String>,
    r#type: Option<MethodType>,
}

/// Create a payment method.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<NewParams>,
) -> Result<Rendered, ApiError> {
    let processor = app.processors.of(caller.account.livemode)?;
    let (source, params) = params.split()?;
    let made = (caller.new_object(), params);
    Ok(flow::payment_methods::create((&app.log, processor), caller.cause(), made, source).await?.into())
}

/// Update a payment method.
async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::PaymentMethod>,
    Params(changes): Params<Changes>,
) -> Result<Rendered, ApiError> {
    Ok(app.log.append(caller.cause(), &Update { id, changes }).await?.into())
}

/// Detach a payment method.
async fn detach(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::PaymentMethod>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    Ok(app.log.append(caller.cause(), &Detach { id }).await?.into())
}

/// List payment methods.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let customer = params.customer.map(|id| id_of::<Customer>("customer", &id)).transpose()?;
    let fields = [
        ("allow_redisplay", params.allow_redisplay.map(|value| json!(value))),
        ("type", params.r#type.map(|value| json!(value))),
    ];
    let owner = customer.map(|id| id.to_string());
    let filter = ObjectFilter { owner, having: having(fields), ..ObjectFilter::default() };
    page::objects::<PaymentMethod>(&app, &caller, &filter, &page).await
}

/// The id that a parameter holds.
pub(super) fn id_of<K: Kind>(param: &str, text: &str) -> Result<Id<K>, ParameterError> {
    text.parse().map_err(|_| ParameterError::no_such::<K>(param, &text))
}
