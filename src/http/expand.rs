//! `expand[]`: ids in an answer become the objects they name.
//!
//! What can be expanded follows from a route's answers, so that a wrong path is refused before anything is done.

use std::collections::{BTreeSet, HashMap};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::App;
use super::error::{ApiError, KeyProblem};
use super::params::{Tree, only_filters};
use super::render::{self, Rendered};
use super::routes::answers_of;
use crate::contract::{Event, RESOURCES};
use crate::domain::{ParameterError, Problem};
use crate::id::Id;
use crate::read::keys::Account;

/// The most paths of one request.
pub(super) const PATHS_MAX: usize = 20;

/// Fields that hold an id, by the component they are in, and the components that the id may become. Fields of resources that aren't
/// here yet are always null.
pub(super) const FIELDS: &[(&str, &[Field])] = &[
    ("Customer", &[("default_source", &[]), ("invoice_settings.default_payment_method", &[])]),
    ("Delivery", &[EVENT, ENDPOINT]),
    ("Replay", &[EVENT, ENDPOINT]),
    ("ReplayPreview", &[ENDPOINT]),
    ("ReplayWithProgress", &[EVENT, ENDPOINT]),
    ("WebhookEndpointHealth", &[ENDPOINT]),
];
type Field = (&'static str, &'static [&'static str]);
const EVENT: Field = ("event", &["Event"]);
const ENDPOINT: Field = ("webhook_endpoint", &["WebhookEndpoint", "DeletedWebhookEndpoint"]);

/// What a request asks to be expanded, for its fingerprint.
#[derive(Debug, Clone)]
pub(super) struct Asked(pub(super) String);

/// What can be expanded in a component.
pub(super) fn expandable(component: &str) -> Vec<String> {
    let listed = component.strip_suffix("List").or_else(|| component.strip_suffix("SearchResult"));
    let (of, prefix) = listed.map_or((component, ""), |of| (of, "data."));
    let fields = FIELDS.iter().find(|(name, _)| *name == of).map_or(&[][..], |(_, fields)| fields);
    fields.iter().map(|(field, _)| format!("{prefix}{field}")).collect()
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
    if only_filters(request.method()) {
        wanted.refuse_empty().map_err(|error| error.within("expand"))?;
    }
    request.extensions_mut().insert(Asked(wanted.canonical()));
    let paths = paths(wanted)?;
    let known: Vec<String> =
        answers_of(request.method(), matched.as_str()).iter().flat_map(|name| expandable(name)).collect();
    if let Some(unknown) = paths.iter().find(|path| !known.contains(path)) {
        let shown: String = unknown.chars().take(64).collect();
        let reason = format!("this property cannot be expanded ({shown})");
        return Err(ParameterError::new("expand", Problem::Malformed(reason)).into());
    }
    let account = request.extensions().get::<Account>().copied().ok_or(KeyProblem::Missing)?;
    let writes = *request.method() != Method::GET;
    let response = next.run(request).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| ApiError::Internal)?.to_bytes();
    let expanded = match expanded(&app, account, &body, &paths).await {
        Ok(expanded) => expanded,
        // It is done; an error would have the client do it again.
        Err(error) if writes => {
            tracing::warn!(?error, "an answer is sent without what it should show besides");
            String::from_utf8_lossy(&body).into_owned()
        }
        Err(error) => return Err(error),
    };
    let mut response = Rendered(expanded).into_response();
    *response.headers_mut() = parts.headers;
    // The length is another now; the server sets it.
    response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
    Ok(response)
}

/// The answer with objects in the places of ids. Each object is loaded once, and each kind by one query.
async fn expanded(app: &App, account: Account, body: &[u8], paths: &[String]) -> Result<String, ApiError> {
    let mut answer: Value = serde_json::from_slice(body)?;
    let mut wanted = BTreeSet::new();
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        wanted.extend(
            places(&mut answer, &names).into_iter().filter_map(|place| place.as_str().map(str::to_owned)),
        );
    }
    let known = load(app, account, wanted).await?;
    for path in paths {
        let names: Vec<&str> = path.split('.').collect();
        for place in places(&mut answer, &names) {
            if let Some(object) = place.as_str().and_then(|id| known.get(id)) {
                *place = object.clone();
            }
        }
    }
    Ok(answer.to_string())
}

/// The objects of these ids. A deleted one is what is left of it.
async fn load(
    app: &App,
    account: Account,
    ids: BTreeSet<String>,
) -> Result<HashMap<String, Value>, ApiError> {
    let (events, objects): (Vec<_>, Vec<_>) = ids.into_iter().partition(|id| id.parse::<Id<Event>>().is_ok());
    let mut known = HashMap::new();
    if !events.is_empty() {
        for event in app.reader.events_of_ids(account.id, account.livemode, &events).await? {
            let rendered = event.event.render(event.pending_webhooks)?;
            known.insert(event.event.id.clone(), serde_json::from_str(&rendered)?);
        }
    }
    if !objects.is_empty() {
        for object in app.reader.objects_of_ids(account.id, &objects).await? {
            let id = object.id.clone();
            let resource = RESOURCES.iter().find(|resource| id.split('_').next() == Some(resource.prefix));
            let resource = resource.copied().ok_or(ApiError::Internal)?;
            known.insert(id, serde_json::from_str(&render::stored(resource, object)?.0)?);
        }
    }
    Ok(known)
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
