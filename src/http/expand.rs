//! `expand[]`: ids in an answer become the objects they name, up to four levels deep.
//!
//! What can be expanded follows from a route's answers, so that a wrong path is refused before anything is done.

use std::collections::HashMap;

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::App;
use super::error::ApiError;
use super::params::Tree;
use super::render::{self, Rendered};
use super::routes::answers_of;
use crate::contract::{Event, Kind as _, WebhookEndpoint};
use crate::domain::{ParameterError, Problem};
use crate::id::Id;
use crate::read::keys::Account;

/// The most paths of one request.
pub(super) const PATHS_MAX: usize = 20;

/// The fields that hold an id, by the component they are in. Those of resources that aren't here yet are always null.
const FIELDS: &[(&str, &[&str])] = &[
    ("Customer", &["default_source", "invoice_settings.default_payment_method"]),
    ("Delivery", &["event", "webhook_endpoint"]),
    ("Replay", &["event", "webhook_endpoint"]),
    ("ReplayPreview", &["webhook_endpoint"]),
    ("ReplayWithProgress", &["event", "webhook_endpoint"]),
];

/// What can be expanded in a component.
pub(super) fn expandable(component: &str) -> Vec<String> {
    let (of, prefix) = component.strip_suffix("List").map_or((component, ""), |of| (of, "data."));
    let fields = FIELDS.iter().find(|(name, _)| *name == of).map_or(&[][..], |(_, fields)| fields);
    fields.iter().map(|field| format!("{prefix}{field}")).collect()
}

/// Takes `expand` from the parameters, and puts objects into the answer.
pub(super) async fn answers(
    State(app): State<App>,
    matched: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let wanted = request.extensions_mut().get_mut::<Tree>().and_then(|tree| tree.take("expand"));
    let Some(wanted) = wanted else { return Ok(next.run(request).await) };
    let paths = paths(wanted)?;
    let known: Vec<String> =
        answers_of(request.method(), matched.as_str()).iter().flat_map(|name| expandable(name)).collect();
    if let Some(unknown) = paths.iter().find(|path| !known.contains(path)) {
        let shown: String = unknown.chars().take(64).collect();
        let reason = format!("this property cannot be expanded ({shown})");
        return Err(ParameterError::new("expand", Problem::Malformed(reason)).into());
    }
    let account = request.extensions().get::<Account>().copied().ok_or(ApiError::KeyMissing)?;
    let response = next.run(request).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| ApiError::Internal)?.to_bytes();
    let mut answer: Value = serde_json::from_slice(&body)?;
    let mut loaded = Loaded { app: &app, account, known: HashMap::new() };
    for path in &paths {
        let names: Vec<&str> = path.split('.').collect();
        for place in places(&mut answer, &names) {
            loaded.expand(place).await?;
        }
    }
    let mut expanded = Rendered(answer.to_string()).into_response();
    *expanded.headers_mut() = parts.headers;
    // The length is another now; the server sets it.
    expanded.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    Ok(expanded.map(Body::new))
}

fn paths(wanted: Tree) -> Result<Vec<String>, ParameterError> {
    let paths = wanted.texts().map_err(|error| error.within("expand"))?;
    if paths.len() > PATHS_MAX {
        return Err(ParameterError::new("expand", Problem::TooMany(PATHS_MAX)));
    }
    Ok(paths)
}

/// The places that a path names: one, or one in each entry of a list.
fn places<'a>(value: &'a mut Value, path: &[&str]) -> Vec<&'a mut Value> {
    match (value, path) {
        (Value::Array(entries), path) => entries.iter_mut().flat_map(|entry| places(entry, path)).collect(),
        (value, []) => vec![value],
        (Value::Object(fields), [name, rest @ ..]) => {
            fields.get_mut(*name).map(|field| places(field, rest)).unwrap_or_default()
        }
        _ => Vec::new(),
    }
}

/// Objects that were loaded for one answer, each once.
struct Loaded<'a> {
    app: &'a App,
    account: Account,
    known: HashMap<String, Value>,
}

impl Loaded<'_> {
    /// Puts the object in the place of its id. What is null stays null.
    async fn expand(&mut self, place: &mut Value) -> Result<(), ApiError> {
        let Some(id) = place.as_str().map(str::to_owned) else { return Ok(()) };
        if !self.known.contains_key(&id) {
            let object = self.load(&id).await?;
            self.known.insert(id.clone(), object);
        }
        if let Some(object) = self.known.get(&id).filter(|object| !object.is_null()) {
            *place = object.clone();
        }
        Ok(())
    }

    async fn load(&self, id: &str) -> Result<Value, ApiError> {
        let reader = &self.app.reader;
        if let Ok(id) = id.parse::<Id<Event>>() {
            let event = reader.event(self.account.id, self.account.livemode, id).await?;
            let text = event.map(|event| event.event.render(event.pending_webhooks)).transpose()?;
            return Ok(text.map(|text| serde_json::from_str(&text)).transpose()?.unwrap_or_default());
        }
        let Ok(id) = id.parse::<Id<WebhookEndpoint>>() else { return Ok(Value::Null) };
        let Some(stored) = reader.object(self.account.id, id).await? else { return Ok(Value::Null) };
        if stored.deleted {
            let Rendered(remains) = render::deleted(WebhookEndpoint::RESOURCE, &stored.id)?;
            return Ok(serde_json::from_str(&remains)?);
        }
        Ok(serde_json::from_str(&stored.data)?)
    }
}
