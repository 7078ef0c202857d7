//! `/v1/payment_intents`.

mod params;

use axum::extract::State;
use serde_json::json;

pub(super) use self::params::Ignored;
use self::params::{CancelParams, CaptureParams, ConfirmParams, CreateParams, ListParams, UpdateParams};
use super::choosing::{CARD_PARAMETERS, chosen, patched};
use super::objects::{self, RetrieveParams};
use super::payment_methods::id_of;
use super::search::{self, SearchParams};
use crate::clock;
use crate::contract::{self, Customer, EventType};
use crate::domain::attempt::Opening;
use crate::domain::payment_intent::{Cancel, Capture, Confirm, Create, PaymentIntent, Update};
use crate::domain::search::Searched;
use crate::domain::types::money::Currency;
use crate::flow::Money;
use crate::http::app::App;
use crate::http::contract::component::{FoundOf, ListOf};
use crate::http::contract::route::{Route, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{Params, PathId};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;
use crate::secret::random_text;

/// The length of the random end of a client's secret.
pub(super) const SECRET_LENGTH: usize = 25;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route
            .emits(&[EventType::PaymentIntentUpdated])
            .takes::<UpdateParams>()
            .takes_cards(CARD_PARAMETERS);
        route.summary("Update a payment intent.").may_decline().answers::<PaymentIntent>()
    };
    vec![
        post("/v1/payment_intents", create)
            .summary("Create a payment intent; with `confirm=true` the card is charged at once.")
            .emits(&[EventType::PaymentIntentCreated])
            .takes::<CreateParams>()
            .takes_cards(CARD_PARAMETERS)
            .may_decline()
            .answers::<PaymentIntent>(),
        get("/v1/payment_intents", list)
            .summary("List payment intents, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<PaymentIntent>>(),
        get("/v1/payment_intents/search", search)
            .summary(
                "Search payment intents by amount, created, currency, customer, metadata and status, in \
                 Stripe's query language.",
            )
            .takes::<SearchParams>()
            .answers::<FoundOf<PaymentIntent>>(),
        get("/v1/payment_intents/{id}", objects::retrieve::<PaymentIntent>)
            .summary("Retrieve a payment intent; as it is, or as it was (`as_of`).")
            .takes::<RetrieveParams>()
            .answers::<PaymentIntent>(),
        update(post("/v1/payment_intents/{id}", self::update)),
        update(patch("/v1/payment_intents/{id}", self::update)),
        post("/v1/payment_intents/{id}/confirm", confirm)
            .summary("Confirm a payment intent: the card is charged, or the amount is held on it.")
            .emits(&[
                EventType::PaymentMethodUpdated,
                EventType::PaymentIntentProcessing,
                EventType::ChargeSucceeded,
                EventType::PaymentIntentSucceeded,
            ])
            .takes::<ConfirmParams>()
            .takes_cards(CARD_PARAMETERS)
            .asks_processor()
            .may_decline()
            .answers::<PaymentIntent>(),
        post("/v1/payment_intents/{id}/capture", capture)
            .summary("Take what is held, or a part of it. The rest is released.")
            .emits(&[
                EventType::PaymentIntentProcessing,
                EventType::ChargeCaptured,
                EventType::PaymentIntentSucceeded,
            ])
            .takes::<CaptureParams>()
            .asks_processor()
            .may_decline()
            .answers::<PaymentIntent>(),
        post("/v1/payment_intents/{id}/cancel", cancel)
            .summary("Cancel a payment intent. What is held is released.")
            .emits(&[EventType::PaymentIntentCanceled])
            .takes::<CancelParams>()
            .may_decline()
            .answers::<PaymentIntent>(),
    ]
}

/// Create a payment intent.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(mut params): Params<CreateParams>,
) -> Result<Rendered, ApiError> {
    let livemode = caller.account.livemode;
    let money = (params.amount, Currency::of_param("currency", &params.currency)?);
    let customer = params.customer.take().map(|id| id_of::<Customer>("customer", &id)).transpose()?;
    let confirming = params.confirming(livemode)?;
    let (method, data) = (std::mem::take(&mut params.payment_method), params.payment_method_data.take());
    let terms = params.terms()?;
    let chosen = chosen((&app, &caller), method, data).await?;
    let (new, secret) = (caller.new_object(), random_text(SECRET_LENGTH));
    if confirming.is_none() {
        let opening = Opening::default();
        let create = Create { new, secret, money, customer, chosen, terms, confirming, opening };
        return Ok(app.log.append(caller.cause(), &create).await?.into());
    }
    let opening = Opening::default();
    let create = Create { new, secret, money, customer, chosen, terms, confirming, opening };
    let create = move |opening| Create { opening, ..create.clone() };
    Ok(money_of(&app, &caller)?.run(caller.cause(), create).await?.into())
}

/// Update a payment intent.
async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::PaymentIntent>,
    Params(mut params): Params<UpdateParams>,
) -> Result<Rendered, ApiError> {
    let customer = patched::<Customer>("customer", std::mem::take(&mut params.customer))?;
    let (method, data) = (std::mem::take(&mut params.payment_method), params.payment_method_data.take());
    let terms = params.terms()?;
    let chosen = chosen((&app, &caller), method, data).await?;
    let update = Update { id, customer, chosen, terms };
    match money_of(&app, &caller) {
        Ok(flow) => Ok(flow.run(caller.cause(), move |_| update.clone()).await?.into()),
        // Without a processor nothing waits at one.
        Err(_) => Ok(app.log.append(caller.cause(), &update).await?.into()),
    }
}

/// Confirm a payment intent.
async fn confirm(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::PaymentIntent>,
    Params(mut params): Params<ConfirmParams>,
) -> Result<Rendered, ApiError> {
    let flow = money_of(&app, &caller)?;
    let confirming = params.confirming(caller.account.livemode)?;
    let (method, data) = (std::mem::take(&mut params.payment_method), params.payment_method_data.take());
    let terms = params.terms()?;
    let chosen = chosen((&app, &caller), method, data).await?;
    let confirm = Confirm { id, chosen, terms, confirming, opening: Opening::default() };
    let confirm = move |opening| Confirm { opening, ..confirm.clone() };
    Ok(flow.run(caller.cause(), confirm).await?.into())
}

/// Capture a payment intent.
async fn capture(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::PaymentIntent>,
    Params(params): Params<CaptureParams>,
) -> Result<Rendered, ApiError> {
    params.check()?;
    let flow = money_of(&app, &caller)?;
    let (amount, metadata) = (params.amount_to_capture, params.metadata);
    let capture = move |opening| Capture { id, amount, metadata: metadata.clone(), opening };
    Ok(flow.run(caller.cause(), capture).await?.into())
}

/// Cancel a payment intent.
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::PaymentIntent>,
    Params(params): Params<CancelParams>,
) -> Result<Rendered, ApiError> {
    let reason = params.cancellation_reason.map(Into::into);
    let cancel = move |opening| Cancel { id, reason, opening };
    match money_of(&app, &caller) {
        Ok(flow) => Ok(flow.run(caller.cause(), cancel).await?.into()),
        Err(error) => {
            // Without a processor nothing is held, and nothing waits at one; unless it was taken away.
            let at = clock::now().seconds();
            let canceled = cancel(Opening { at, ..Opening::default() });
            let outcome = app.log.try_out(caller.account.id, &canceled).await?;
            let is_done =
                outcome.facts.iter().all(|fact| fact.event_type == EventType::PaymentIntentCanceled);
            if is_done { Ok(app.log.append(caller.cause(), &canceled).await?.into()) } else { Err(error) }
        }
    }
}

/// List payment intents.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let customer = params.customer.map(|id| id_of::<Customer>("customer", &id)).transpose()?;
    let filter = page::narrowed(params.created, [("customer", customer.map(|id| json!(id)))]);
    page::objects::<PaymentIntent>(&app, &caller, &filter, &page).await
}

/// Search payment intents.
async fn search(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<SearchParams>,
) -> Result<Rendered, ApiError> {
    search::found::<PaymentIntent>(&app, &caller, Searched::PaymentIntents, params).await
}

/// The log and the processor of the caller.
pub(super) fn money_of(app: &App, caller: &Caller) -> Result<Money, ApiError> {
    Ok(Money::of(&app.log, &app.processors, caller.account.id, caller.account.livemode)?)
}
