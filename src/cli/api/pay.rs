//! `calmony pay`: payments for people, from the first wish to the money and back.

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::cli::support::client::{ApiClient, ApiOptions};
use crate::cli::support::table::text;
use crate::contract::{Charge, Kind, PaymentIntent};
use crate::domain::types::money::Currency;
use crate::id::Id;
use crate::output::{say, say_json};

/// The sub-commands for payments.
#[derive(Debug, Subcommand)]
pub(crate) enum PayCommand {
    /// Create a payment intent; with --confirm the card is charged at once
    Create(CreateOptions),
    /// Confirm a payment intent: the card is charged, or the amount is held on it
    Confirm(ConfirmOptions),
    /// Take what is held, or a part of it; the rest is released
    Capture(CaptureOptions),
    /// Cancel a payment intent; what is held is released
    Cancel(CancelOptions),
    /// Give back what was taken, or a part of it
    Refund(RefundOptions),
    /// Show a payment intent
    Show(ShowOptions),
}

/// The options of every sub-command.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    api: ApiOptions,
    /// Print the object as JSON
    #[arg(long)]
    json: bool,
}

/// The options of what changes something.
#[derive(Debug, Args)]
struct Changing {
    #[command(flatten)]
    common: Common,
    /// Do it once, however often the command is run with this key
    #[arg(long, value_name = "KEY")]
    idempotency_key: Option<String>,
}

/// The time at which the amount is taken.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Capture {
    /// At once
    Automatic,
    /// By `calmony pay capture`
    Manual,
}

/// The payment to create.
#[derive(Debug, Args)]
pub(crate) struct CreateOptions {
    #[command(flatten)]
    changing: Changing,
    /// The amount as people write it, with a point: 19.99
    #[arg(long)]
    amount: String,
    /// The currency, three letters
    #[arg(long, value_parser = currency)]
    currency: Currency,
    /// The payment method: `pm_…`, or in test mode a name such as `pm_card_visa`
    #[arg(long, value_name = "PM")]
    method: Option<String>,
    /// The customer, `cus_…`
    #[arg(long, value_name = "ID")]
    customer: Option<String>,
    /// Description: a thing or a service
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Time at which the amount is taken
    #[arg(long, value_enum, default_value = "automatic")]
    capture: Capture,
    /// Confirm it at once
    #[arg(long)]
    confirm: bool,
    /// The buyer isn't there: a card that asks for a challenge is declined
    #[arg(long, requires = "confirm")]
    off_session: bool,
}

/// The payment to confirm.
#[derive(Debug, Args)]
pub(crate) struct ConfirmOptions {
    #[command(flatten)]
    changing: Changing,
    /// The payment intent
    #[arg(value_name = "PI", value_parser = id::<PaymentIntent>)]
    id: Id<PaymentIntent>,
    /// The payment method, where it has none or another one
    #[arg(long, value_name = "PM")]
    method: Option<String>,
    /// The buyer isn't there: a card that asks for a challenge is declined
    #[arg(long)]
    off_session: bool,
}

/// The amount to take.
#[derive(Debug, Args)]
pub(crate) struct CaptureOptions {
    #[command(flatten)]
    changing: Changing,
    /// The payment intent
    #[arg(value_name = "PI", value_parser = id::<PaymentIntent>)]
    id: Id<PaymentIntent>,
    /// A part of what is held, as people write it
    #[arg(long)]
    amount: Option<String>,
}

/// The payment to cancel.
#[derive(Debug, Args)]
pub(crate) struct CancelOptions {
    #[command(flatten)]
    changing: Changing,
    /// The payment intent
    #[arg(value_name = "PI", value_parser = id::<PaymentIntent>)]
    id: Id<PaymentIntent>,
    /// Reason: `abandoned`, `duplicate`, `fraudulent` or `requested_by_customer`
    #[arg(long)]
    reason: Option<String>,
}

/// The amount to give back.
#[derive(Debug, Args)]
pub(crate) struct RefundOptions {
    #[command(flatten)]
    changing: Changing,
    /// The payment intent, or a charge of it
    #[arg(value_name = "PI|CH")]
    id: String,
    /// A part of what was taken, as people write it
    #[arg(long)]
    amount: Option<String>,
    /// Reason: `duplicate`, `fraudulent` or `requested_by_customer`
    #[arg(long)]
    reason: Option<String>,
}

/// The payment to show.
#[derive(Debug, Args)]
pub(crate) struct ShowOptions {
    #[command(flatten)]
    common: Common,
    /// The payment intent
    #[arg(value_name = "PI", value_parser = id::<PaymentIntent>)]
    id: Id<PaymentIntent>,
}

fn currency(text: &str) -> Result<Currency, String> {
    text.parse().map_err(|()| "it is no currency; three letters are expected, such as usd".to_owned())
}

fn id<K: Kind>(text: &str) -> Result<Id<K>, String> {
    text.parse().map_err(|_| format!("it is no id of a {}, {}_…", K::RESOURCE.noun, K::RESOURCE.prefix))
}

pub(crate) async fn run(command: PayCommand) -> anyhow::Result<()> {
    match command {
        PayCommand::Create(options) => create(options).await,
        PayCommand::Confirm(options) => confirm(options).await,
        PayCommand::Capture(options) => capture(options).await,
        PayCommand::Cancel(options) => {
            let path = format!("/v1/payment_intents/{}/cancel", options.id);
            let params = given([("cancellation_reason", options.reason.map(Value::String))]);
            options.changing.call(&path, params).await
        }
        PayCommand::Refund(options) => refund(options).await,
        PayCommand::Show(options) => {
            let shown = asked(&options.common.api.client()?, &intent_path(options.id)).await?;
            options.common.tell(&shown)
        }
    }
}

async fn create(options: CreateOptions) -> anyhow::Result<()> {
    let currency = options.currency;
    let capture = match options.capture {
        Capture::Automatic => None,
        Capture::Manual => Some(json!("manual")),
    };
    let params = given([
        ("amount", Some(json!(minor(currency, &options.amount)?))),
        ("currency", Some(json!(currency.code()))),
        ("payment_method", options.method.map(Value::String)),
        ("customer", options.customer.map(Value::String)),
        ("description", options.description.map(Value::String)),
        ("capture_method", capture),
        ("confirm", options.confirm.then_some(Value::Bool(true))),
        ("off_session", options.off_session.then_some(Value::Bool(true))),
    ]);
    options.changing.call("/v1/payment_intents", params).await
}

async fn confirm(options: ConfirmOptions) -> anyhow::Result<()> {
    let params = given([
        ("payment_method", options.method.map(Value::String)),
        ("off_session", options.off_session.then_some(Value::Bool(true))),
    ]);
    options.changing.call(&format!("{}/confirm", intent_path(options.id)), params).await
}

async fn capture(options: CaptureOptions) -> anyhow::Result<()> {
    let path = intent_path(options.id);
    let amount = match &options.amount {
        None => None,
        Some(amount) => {
            let intent = asked(&options.changing.common.api.client()?, &path).await?;
            Some(json!(minor(currency_of(&intent)?, amount)?))
        }
    };
    options.changing.call(&format!("{path}/capture"), given([("amount_to_capture", amount)])).await
}

async fn refund(options: RefundOptions) -> anyhow::Result<()> {
    let (param, path) = if options.id.parse::<Id<Charge>>().is_ok() {
        ("charge", format!("/v1/charges/{}", options.id))
    } else if let Ok(id) = options.id.parse() {
        ("payment_intent", intent_path(id))
    } else {
        bail!("{} is no id of a payment intent, pi_…, or of a charge, ch_…", options.id);
    };
    let amount = match &options.amount {
        None => None,
        Some(amount) => {
            let paid = asked(&options.changing.common.api.client()?, &path).await?;
            Some(json!(minor(currency_of(&paid)?, amount)?))
        }
    };
    let params = given([
        (param, Some(json!(options.id))),
        ("amount", amount),
        ("reason", options.reason.map(Value::String)),
    ]);
    options.changing.call("/v1/refunds", params).await
}

impl Changing {
    /// Makes a call, and tells its outcome.
    async fn call(&self, path: &str, params: Value) -> anyhow::Result<()> {
        let api = self.common.api.client()?;
        let answer = api.answer(Method::POST, path, &params, self.idempotency_key.as_deref()).await?;
        match answer.get("error") {
            None => self.common.tell(&answer),
            Some(error) => {
                if self.common.json {
                    say_json(&answer)?;
                }
                Err(refused(error))
            }
        }
    }
}

impl Common {
    fn tell(&self, object: &Value) -> anyhow::Result<()> {
        if self.json {
            return say_json(object);
        }
        tell(object);
        Ok(())
    }
}

fn intent_path(id: Id<PaymentIntent>) -> String {
    format!("/v1/payment_intents/{id}")
}

/// The parameters that were given.
fn given<const N: usize>(params: [(&str, Option<Value>); N]) -> Value {
    let given: Map<_, _> =
        params.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
    Value::Object(given)
}

/// The object at that path.
async fn asked(api: &ApiClient, path: &str) -> anyhow::Result<Value> {
    let answer = api.answer(Method::GET, path, &Value::Null, None).await?;
    match answer.get("error") {
        None => Ok(answer),
        Some(error) => Err(refused(error)),
    }
}

/// An amount as people write it, in the smallest unit of its currency.
fn minor(currency: Currency, amount: &str) -> anyhow::Result<i64> {
    currency.read(amount).map_err(anyhow::Error::msg)
}

fn currency_of(object: &Value) -> anyhow::Result<Currency> {
    text(object, "/currency").parse().ok().context("the answer has no currency")
}

/// The sentence of an error, with its codes, and the object that it is about.
fn refused(error: &Value) -> anyhow::Error {
    let named = |name: &str, path: &str| {
        let value = text(error, path);
        (!value.is_empty()).then(|| format!("{name}{value}"))
    };
    let facts = [
        named("", "/code"),
        named("decline_code ", "/decline_code"),
        named("parameter ", "/param"),
        named("", "/payment_intent/id"),
    ];
    let facts: Vec<String> = facts.into_iter().flatten().collect();
    let facts = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
    anyhow::anyhow!("{}{facts}", text(error, "/message"))
}

/// The most charges, and the most refunds, of a payment that are shown.
const SHOWN: usize = 20;

/// The payment intent of an object, with its charges and refunds, oldest first; empty where the object is of
/// no payment.
pub(crate) async fn of_payment(api: &ApiClient, object: &Value) -> anyhow::Result<Vec<Value>> {
    let intent = match text(object, "/object").as_str() {
        "payment_intent" => text(object, "/id"),
        "charge" | "refund" => text(object, "/payment_intent"),
        _ => return Ok(Vec::new()),
    };
    let Ok(id) = intent.parse() else { return Ok(Vec::new()) };
    let mut all = vec![asked(api, &intent_path(id)).await?];
    for path in ["/v1/charges", "/v1/refunds"] {
        let mut some = api.list(path, &[("payment_intent", Some(&intent))], SHOWN).await?;
        some.reverse();
        all.extend(some);
    }
    Ok(all)
}

/// Prints a payment intent, a charge or a refund for people.
pub(crate) fn tell(object: &Value) {
    let currency = text(object, "/currency").parse::<Currency>().ok();
    let amount = |path: &str| {
        let amount = object.pointer(path).and_then(Value::as_i64).filter(|amount| *amount != 0);
        amount.zip(currency).map(|(amount, currency)| currency.shown(amount))
    };
    let status = text(object, "/status");
    say(format_args!("{}  {status}  {}", text(object, "/id"), amount("/amount").unwrap_or_default()));
    let line = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            say(format_args!("  {name:<10} {value}"));
        }
    };
    line("held", amount("/amount_capturable"));
    line("taken", amount("/amount_received"));
    line("taken", amount("/amount_captured"));
    line("customer", Some(text(object, "/customer")));
    line("method", Some(text(object, "/payment_method")));
    line("charge", Some(text(object, "/latest_charge")));
    line("charge", Some(text(object, "/charge")));
    line("intent", Some(text(object, "/payment_intent")));
    line("given back", amount("/amount_refunded"));
    line("declined", Some(text(object, "/last_payment_error/message")));
    line("declined", Some(text(object, "/failure_message")));
    line("challenge", Some(text(object, "/next_action/redirect_to_url/url")));
    if status == "processing" {
        line("wait", Some("the processor hasn't answered yet; show it again in a moment".to_owned()));
    }
}
