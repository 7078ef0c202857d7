//! `/v1/payment_methods`, and those of a customer.

use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::choosing::{is_test_name, named};
use super::objects::{self, RetrieveParams};
use crate::contract::{self, Customer, EventType, Kind};
use crate::domain::payment_method::{
    AllowRedisplay, Attach, AttachNew, BillingChanges, Changes, Chosen, CreateParams, Detach, MethodType,
    PaymentMethod, Update,
};
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::{ParameterError, Patch, Problem, missing};
use crate::flow::{self, CardSource, NewMethod};
use crate::http::app::App;
use crate::http::contract::component::ListOf;
use crate::http::contract::route::{Route, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page::{self, PageParams};
use crate::http::params::{NoParams, Params, PathId};
use crate::http::render::{self, Rendered};
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
        post("/v1/payment_methods/{id}/attach", attach)
            .summary("Attach a payment method to a customer. A card that is declined stays as it is.")
            .emits(&[EventType::PaymentMethodAttached])
            .takes::<AttachParams>()
            .may_decline()
            .answers::<PaymentMethod>(),
        post("/v1/payment_methods/{id}/detach", detach)
            .summary("Detach a payment method from its customer. It can't be used again.")
            .emits(&[EventType::PaymentMethodDetached])
            .answers::<PaymentMethod>(),
        get("/v1/customers/{id}/payment_methods", of_customer)
            .summary("List a customer's payment methods, newest first.")
            .takes::<PageParams>()
            .answers::<ListOf<PaymentMethod>>(),
        get("/v1/customers/{id}/payment_methods/{payment_method}", one_of_customer)
            .summary("Retrieve a customer's payment method.")
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
    /// The card for the processor with the parameter that it came in, and what else is said.
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

/// The parameters of attaching.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentMethodAttachParams)]
struct AttachParams {
    customer: String,
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

/// Attach a payment method to a customer.
async fn attach(
    State(app): State<App>,
    caller: Caller,
    Path(name): Path<String>,
    Params(AttachParams { customer }): Params<AttachParams>,
) -> Result<Rendered, ApiError> {
    let processor = app.processors.of(caller.account.livemode)?;
    let (at, cause) = ((&app.log, processor), caller.cause());
    let customer = id_of::<Customer>("customer", &customer)?;
    if !is_test_name(&name) {
        let id = name.parse().map_err(|_| missing::<contract::PaymentMethod>(&name))?;
        let command = Attach { id, customer, is_checked: false };
        return Ok(flow::payment_methods::attach(at, cause, command).await?.into());
    }
    match named((&app, &caller), "payment_method", name.clone()).await? {
        Chosen::New(create) => {
            let command = AttachNew { create, customer, is_checked: false };
            Ok(flow::payment_methods::attach(at, cause, command).await?.into())
        }
        Chosen::Keep | Chosen::Unset | Chosen::Existing(_) => {
            Err(missing::<contract::PaymentMethod>(&name).into())
        }
    }
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

/// List a customer's payment methods.
async fn of_customer(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Customer>,
    Params(params): Params<PageParams>,
) -> Result<Rendered, ApiError> {
    living(&app, &caller, id).await?;
    let filter = ObjectFilter { owner: Some(id.to_string()), ..ObjectFilter::default() };
    let url = format!("/v1/customers/{id}/payment_methods");
    page::objects_at::<PaymentMethod>(&app, &caller, &url, (&filter, &params.page()?)).await
}

/// Retrieve a payment method of a customer's.
async fn one_of_customer(
    State(app): State<App>,
    caller: Caller,
    Path((customer, name)): Path<(String, String)>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    let customer = customer.parse().map_err(|_| missing::<Customer>(&customer))?;
    living(&app, &caller, customer).await?;
    let id = name.parse().map_err(|_| missing::<contract::PaymentMethod>(&name))?;
    let stored = app.reader.object::<contract::PaymentMethod>(caller.account.id, id).await?;
    let missing = || missing::<contract::PaymentMethod>(&id);
    let stored = stored.ok_or_else(missing)?;
    let method: PaymentMethod = serde_json::from_str(&stored.data)?;
    if method.customer() != Some(customer) {
        return Err(missing().into());
    }
    render::stored(contract::PaymentMethod::RESOURCE, stored)
}

/// Refuses a customer that isn't there.
async fn living(app: &App, caller: &Caller, id: Id<Customer>) -> Result<(), ApiError> {
    let found = app.reader.object(caller.account.id, id).await?.filter(|customer| !customer.deleted);
    found.map(drop).ok_or_else(|| missing::<Customer>(&id).into())
}

/// The id that a parameter holds.
pub(super) fn id_of<K: Kind>(param: &str, text: &str) -> Result<Id<K>, ParameterError> {
    text.parse().map_err(|_| ParameterError::no_such::<K>(param, &text))
}
