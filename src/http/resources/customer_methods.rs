//! The payment methods of a customer: `/v1/customers/:id/payment_methods`, and attaching one.

use axum::extract::{Path, State};
use serde::Deserialize;
use utoipa::ToSchema;

use super::choosing::{is_test_name, named};
use super::payment_methods::id_of;
use crate::contract::{self, Customer, EventType, Kind as _};
use crate::domain::missing;
use crate::domain::payment_method::{Attach, AttachNew, Chosen, PaymentMethod};
use crate::flow;
use crate::http::app::App;
use crate::http::contract::component::ListOf;
use crate::http::contract::route::{Route, get, post};
use crate::http::error::ApiError;
use crate::http::page::{self, PageParams};
use crate::http::params::{NoParams, Params, PathId};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::id::Id;
use crate::read::objects::ObjectFilter;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        post("/v1/payment_methods/{id}/attach", attach)
            .summary("Attach a payment method to a customer. A card that is declined stays as it is.")
            .emits(&[EventType::PaymentMethodAttached])
            .takes::<AttachParams>()
            .may_decline()
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

/// The parameters of attaching.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PaymentMethodAttachParams)]
struct AttachParams {
    customer: String,
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
