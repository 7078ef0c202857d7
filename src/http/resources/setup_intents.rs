//! `/v1/setup_intents`.

use axum::extract::State;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::choosing::{CARD_PARAMETERS, ReturnUrl, check_return_url, chosen, patched};
use super::objects::{self, RetrieveParams};
use super::payment_intents::{Ignored, SECRET_LENGTH, money_of};
use super::payment_methods::{NewParams, id_of};
use crate::contract::{self, Customer, EventType};
use crate::domain::attempt::Opening;
use crate::domain::payment_method::MethodType;
use crate::domain::setup_intent::{
    Cancel, CancellationReason, Confirm, Confirming, Create, SetupIntent, Terms, Update, Usage,
};
use crate::domain::types::list::List;
use crate::domain::types::metadata::{self, MetadataChange};
use crate::domain::types::text::LongText;
use crate::domain::{ParameterError, Patch, Problem};
use crate::http::app::App;
use crate::http::contract::component::ListOf;
use crate::http::contract::route::{Route, get, patch, post};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{Params, PathId, TimeRange};
use crate::http::render::Rendered;
use crate::http::request::caller::Caller;
use crate::secret::random_text;

type Types = List<MethodType, 10>;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    let update = |route: Route| {
        let route = route
            .emits(&[EventType::SetupIntentUpdated])
            .takes::<UpdateParams>()
            .takes_cards(CARD_PARAMETERS);
        route.summary("Update a setup intent.").may_decline().answers::<SetupIntent>()
    };
    vec![
        post("/v1/setup_intents", create)
            .summary("Create a setup intent; with `confirm=true` the card is checked at once.")
            .emits(&[EventType::SetupIntentCreated])
            .takes::<CreateParams>()
            .takes_cards(CARD_PARAMETERS)
            .may_decline()
            .answers::<SetupIntent>(),
        get("/v1/setup_intents", list)
            .summary("List setup intents, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<SetupIntent>>(),
        get("/v1/setup_intents/{id}", objects::retrieve::<SetupIntent>)
            .summary("Retrieve a setup intent; as it is, or as it was (`as_of`).")
            .takes::<RetrieveParams>()
            .answers::<SetupIntent>(),
        update(post("/v1/setup_intents/{id}", self::update)),
        update(patch("/v1/setup_intents/{id}", self::update)),
        post("/v1/setup_intents/{id}/confirm", confirm)
            .summary("Confirm a setup intent: the card is checked, without money.")
            .emits(&[EventType::SetupIntentUpdated, EventType::SetupIntentSucceeded])
            .takes::<ConfirmParams>()
            .takes_cards(CARD_PARAMETERS)
            .asks_processor()
            .may_decline()
            .answers::<SetupIntent>(),
        post("/v1/setup_intents/{id}/cancel", cancel)
            .summary("Cancel a setup intent.")
            .emits(&[EventType::SetupIntentCanceled])
            .takes::<CancelParams>()
            .answers::<SetupIntent>(),
    ]
}

/// The parameters of a create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetupIntentCreateParams)]
#[expect(dead_code, reason = "some options are taken and have no effect")]
struct CreateParams {
    #[serde(default)]
    allowed_payment_method_types: Option<Types>,
    #[serde(default)]
    automatic_payment_methods: Option<Ignored>,
    #[serde(default)]
    confirm: bool,
    #[serde(default)]
    customer: Patch<String>,
    #[serde(default)]
    description: Patch<LongText>,
    #[serde(default)]
    mandate_data: Option<Ignored>,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[serde(default)]
    payment_method: Patch<String>,
    #[serde(default)]
    payment_method_data: Option<NewParams>,
    #[serde(default)]
    payment_method_options: Option<Ignored>,
    #[serde(default)]
    payment_method_types: Option<Types>,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    use_stripe_sdk: Option<bool>,
}

/// The parameters of an update.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetupIntentUpdateParams)]
#[expect(dead_code, reason = "some options are taken and have no effect")]
struct UpdateParams {
    #[serde(default)]
    allowed_payment_method_types: Option<Types>,
    #[serde(default)]
    customer: Patch<String>,
    #[serde(default)]
    description: Patch<LongText>,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[serde(default)]
    payment_method: Patch<String>,
    #[serde(default)]
    payment_method_data: Option<NewParams>,
    #[serde(default)]
    payment_method_options: Option<Ignored>,
    #[serde(default)]
    payment_method_types: Option<Types>,
}

/// The parameters of a confirmation.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetupIntentConfirmParams)]
#[expect(dead_code, reason = "some options are taken and have no effect")]
struct ConfirmParams {
    #[serde(default)]
    mandate_data: Option<Ignored>,
    #[serde(default)]
    payment_method: Patch<String>,
    #[serde(default)]
    payment_method_data: Option<NewParams>,
    #[serde(default)]
    payment_method_options: Option<Ignored>,
    #[serde(default)]
    return_url: Option<ReturnUrl>,
    #[serde(default)]
    use_stripe_sdk: Option<bool>,
}

/// The parameters of a cancellation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SetupIntentCancelParams)]
struct CancelParams {
    cancellation_reason: Option<CancellationReason>,
}

/// The parameters of a list of setup intents.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SetupIntentListParams)]
struct ListParams {
    created: Option<TimeRange>,
    customer: Option<String>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    payment_method: Option<String>,
    starting_after: Option<String>,
}

/// Create a setup intent.
async fn create(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<CreateParams>,
) -> Result<Rendered, ApiError> {
    if params.allowed_payment_method_types.is_some() && params.payment_method_types.is_some() {
        let problem = Problem::ExclusiveWith("allowed_payment_method_types");
        return Err(ParameterError::new("payment_method_types", problem).into());
    }
    if params.return_url.is_some() && !params.confirm {
        let problem = Problem::Malformed("it may only be given together with confirm=true".to_owned());
        return Err(ParameterError::new("return_url", problem).into());
    }
    check_return_url(params.return_url.as_ref(), caller.account.livemode)?;
    let terms = Terms {
        customer: patched::<Customer>("customer", params.customer)?,
        description: params.description,
        metadata: params.metadata,
        usage: params.usage,
    };
    let return_url = params.return_url.map(|url| url.to_string());
    let confirming = params.confirm.then_some(Confirming { return_url });
    let chosen = chosen((&app, &caller), params.payment_method, params.payment_method_data).await?;
    let (new, secret) = (caller.new_object(), random_text(SECRET_LENGTH));
    if confirming.is_none() {
        let create = Create { new, secret, chosen, terms, confirming, opening: Opening::default() };
        return Ok(app.log.append(caller.cause(), &create).await?.into());
    }
    let create = Create { new, secret, chosen, terms, confirming, opening: Opening::default() };
    let create = move |opening| Create { opening, ..create.clone() };
    Ok(money_of(&app, &caller)?.run(caller.cause(), create).await?.into())
}

/// Update a setup intent.
async fn update(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::SetupIntent>,
    Params(params): Params<UpdateParams>,
) -> Result<Rendered, ApiError> {
    let terms = Terms {
        customer: patched::<Customer>("customer", params.customer)?,
        description: params.description,
        metadata: params.metadata,
        usage: None,
    };
    let chosen = chosen((&app, &caller), params.payment_method, params.payment_method_data).await?;
    let update = Update { id, chosen, terms };
    match money_of(&app, &caller) {
        Ok(flow) => Ok(flow.run(caller.cause(), move |_| update.clone()).await?.into()),
        // Without a processor nothing waits at one.
        Err(_) => Ok(app.log.append(caller.cause(), &update).await?.into()),
    }
}

/// Confirm a setup intent.
async fn confirm(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::SetupIntent>,
    Params(params): Params<ConfirmParams>,
) -> Result<Rendered, ApiError> {
    let flow = money_of(&app, &caller)?;
    check_return_url(params.return_url.as_ref(), caller.account.livemode)?;
    let confirming = Confirming { return_url: params.return_url.map(|url| url.to_string()) };
    let chosen = chosen((&app, &caller), params.payment_method, params.payment_method_data).await?;
    let confirm = Confirm { id, chosen, confirming, opening: Opening::default() };
    let confirm = move |opening| Confirm { opening, ..confirm.clone() };
    Ok(flow.run(caller.cause(), confirm).await?.into())
}

/// Cancel a setup intent.
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<contract::SetupIntent>,
    Params(params): Params<CancelParams>,
) -> Result<Rendered, ApiError> {
    let cancel = Cancel { id, reason: params.cancellation_reason };
    match money_of(&app, &caller) {
        Ok(flow) => Ok(flow.run(caller.cause(), move |_| cancel).await?.into()),
        // Without a processor nothing waits at one.
        Err(_) => Ok(app.log.append(caller.cause(), &cancel).await?.into()),
    }
}

/// List setup intents, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let customer = params.customer.map(|id| id_of::<Customer>("customer", &id)).transpose()?;
    let method = params.payment_method.map(|id| id_of::<contract::PaymentMethod>("payment_method", &id));
    let fields = [
        ("customer", customer.map(|id| json!(id))),
        ("payment_method", method.transpose()?.map(|id| json!(id))),
    ];
    let filter = page::narrowed(params.created, fields);
    page::objects::<SetupIntent>(&app, &caller, &filter, &page).await
}
