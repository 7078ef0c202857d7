//! `expand[]`: ids in an answer become the objects they name, and ids in these, too.
//!
//! A route's answers tell the paths that can be expanded, so that a wrong path is refused before anything is
//! done. The objects that are put into the entries of a list are bounded like a page. The list ends before
//! the entry that would be too much. A list without pages is refused then.

use std::collections::{HashMap, HashSet};

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http_body_util::BodyExt as _;
use serde_json::Value;

use super::context::ExpandPaths;
use crate::contract::{Event, RESOURCES};
use crate::domain::{ParameterError, Problem};
use crate::http::app::App;
use crate::http::contract::component::EXPAND_DEPTH_MAX;
use crate::http::contract::route::Route;
use crate::http::error::{ApiError, KeyProblem};
use crate::http::params::{Tree, only_filters};
use crate::http::render::{self, Rendered};
use crate::id::Id;
use crate::read::keys::Account;
use crate::read::page::BYTES_MAX;

/// The most paths of one request.
pub(crate) const PATHS_MAX: usize = 20;

/// A route, and the paths that can be expanded in its answers.
#[derive(Debug)]
pub(crate) struct Expandable {
    method: Method,
    path: &'static str,
    /// The paths that can be expanded in its answers.
    paths: Vec<String>,
    has_pages: bool,
}

impl Expandable {
    /// The expandable paths of a route.
    pub(crate) fn of(route: &Route) -> Self {
        let paths = route.expandable().into_iter().map(str::to_owned).collect();
        Self { method: route.method.clone(), path: route.path, paths, has_pages: route.has_pages() }
    }
}

/// The state of the layer. The list of routes is made when a request first asks for it.
#[derive(Debug, Clone)]
pub(super) struct Expanding {
    pub(super) app: App,
    pub(super) routes: fn() -> &'static [Expandable],
}

/// A list that goes on after its last entry, or before its first one.
#[derive(Debug, Clone, Copy)]
struct Pages {
    goes_forwards: bool,
}

/// Objects to put into an answer, as JSON; `None` for those that are past the bytes of a page.
type Known = HashMap<String, Option<String>>;

/// Takes `expand` from the parameters, and puts objects into the answer.
pub(super) async fn answers(
    State(Expanding { app, routes }): State<Expanding>,
    matched: MatchedPath,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let wanted = request.extensions_mut().get_mut::<Tree>().and_then(|tree| tree.take("expand"));
    let Some(wanted) = wanted else { return Ok(next.run(request).await) };
    if only_filters(request.method()) {
        wanted.refuse_empty().map_err(|error| error.within("expand"))?;
    }
    request.extensions_mut().insert(ExpandPaths(wanted.canonical()));
    let paths = paths(wanted)?;
    let route =
        routes().iter().find(|route| route.method == *request.method() && route.path == matched.as_str());
    let known = route.map_or(&[][..], |route| &route.paths);
    if let Some(unknown) = paths.iter().find(|path| !known.contains(path)) {
        let shown: String = unknown.chars().take(64).collect();
        let reason = format!("this property cannot be expanded ({shown})");
        return Err(ParameterError::new("expand", Problem::Malformed(reason)).into());
    }
    let account = request.extensions().get::<Account>().copied().ok_or(KeyProblem::Missing)?;
    let writes = *request.method() != Method::GET;
    let goes_forwards = is_given(request.extensions().get::<Tree>(), "ending_before");
    let pages = route.is_some_and(|route| route.has_pages).then_some(Pages { goes_forwards });
    let response = next.run(request).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map_err(|_| ApiError::Internal)?.to_bytes();
    let expanded = match expanded(&app, account, &body, (&paths, pages)).await {
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

/// True for a parameter that is given and isn't null.
fn is_given(parameters: Option<&Tree>, name: &str) -> bool {
    let Some(Tree::Map(given)) = parameters else { return false };
    given.iter().any(|(known, value)| known == name && *value != Tree::Null)
}

/// The answer with objects in the places of ids: first those of the answer itself, then those within the
/// objects that were put there, and so on. In each round each object is loaded once, and each kind by
/// one query. Only the text of the answer is held while they are waited for.
async fn expanded(
    app: &App,
    account: Account,
    body: &[u8],
    (paths, pages): (&[String], Option<Pages>),
) -> Result<String, ApiError> {
    let paths = with_prefixes(paths);
    let mut answer = std::str::from_utf8(body).map_err(|_| ApiError::Internal)?.to_owned();
    let mut spent = Vec::new();
    for _ in 0..EXPAND_DEPTH_MAX {
        let wanted = wanted(&mut serde_json::from_str(&answer)?, &paths, pages);
        if wanted.iter().all(Vec::is_empty) {
            break;
        }
        let known = load(app, account, &wanted).await?;
        let mut shown: Value = serde_json::from_str(&answer)?;
        let fit = fitting(&wanted, &known, &mut spent);
        if fit < wanted.len() {
            end_early(&mut shown, fit, pages)?;
        }
        for path in &paths {
            for place in places(&mut shown, path) {
                if let Some(Some(object)) = place.as_str().and_then(|id| known.get(id)) {
                    *place = serde_json::from_str(object)?;
                }
            }
        }
        answer = shown.to_string();
    }
    Ok(answer)
}

/// The paths, and those that lead to them: the object of `a.b` is in the object of `a`. Short ones are first.
fn with_prefixes(paths: &[String]) -> Vec<Vec<&str>> {
    let prefixes = paths.iter().flat_map(|path| {
        let parts: Vec<&str> = path.split('.').collect();
        (1..=parts.len()).map(move |length| parts.iter().copied().take(length).collect::<Vec<_>>())
    });
    let mut all: Vec<_> = prefixes.filter(|parts| *parts != ["data"]).collect();
    all.sort_by(|one, other| one.len().cmp(&other.len()).then_with(|| one.cmp(other)));
    all.dedup();
    all
}

/// The ids in these places: those of each entry of a list, in the order in which a page is filled; or those
/// of the one object. A text that is no id can't be in them: every path leads through fields that hold ids,
/// and through hashes.
fn wanted(answer: &mut Value, paths: &[Vec<&str>], pages: Option<Pages>) -> Vec<Vec<String>> {
    let is_list = paths.iter().all(|path| path.first() == Some(&"data"));
    let mut entries = if is_list { places(answer, &["data"]) } else { vec![answer] };
    if pages.is_some_and(|pages| pages.goes_forwards) {
        entries.reverse();
    }
    let ids = |entry: &mut Value| {
        let mut ids = Vec::new();
        for path in paths {
            let found = places(entry, path.get(usize::from(is_list)..).unwrap_or_default());
            ids.extend(found.into_iter().filter_map(|place| place.as_str().map(str::to_owned)));
        }
        ids
    };
    entries.into_iter().map(ids).collect()
}

/// The number of entries that fit into a page with the objects put into them. The first always fits. `spent`
/// are the bytes that were put into the entries before, and then the bytes that are.
fn fitting(wanted: &[Vec<String>], known: &Known, spent: &mut Vec<usize>) -> usize {
    let most = usize::try_from(BYTES_MAX).unwrap_or(usize::MAX);
    let of = |id: &String| match known.get(id) {
        None => 0,
        Some(None) => usize::MAX,
        Some(Some(object)) => object.len(),
    };
    spent.resize(wanted.len(), 0);
    for (spent, ids) in spent.iter_mut().zip(wanted) {
        *spent = ids.iter().map(of).fold(*spent, usize::saturating_add);
    }
    let mut bytes = 0_usize;
    let fit = spent.iter().take_while(|spent| {
        bytes = bytes.saturating_add(**spent);
        bytes <= most
    });
    let fit = fit.count().max(1);
    spent.truncate(fit);
    fit
}

/// Leaves out the entries of a list that don't fit; refuses where nobody could ask for them.
fn end_early(answer: &mut Value, fit: usize, pages: Option<Pages>) -> Result<(), ParameterError> {
    let Some(Pages { goes_forwards }) = pages else {
        let reason = "the answer would be larger than 1 MiB; retrieve what it names one by one".to_owned();
        return Err(ParameterError::new("expand", Problem::Malformed(reason)));
    };
    if let Some(Value::Array(entries)) = answer.get_mut("data") {
        // The cursor is next to the last of a page that goes forwards.
        let first = if goes_forwards { entries.len().saturating_sub(fit) } else { 0 };
        entries.drain(..first);
        entries.truncate(fit);
    }
    if let Some(has_more) = answer.get_mut("has_more") {
        *has_more = Value::Bool(true);
    }
    Ok(())
}

/// The objects of these ids; of a deleted one its remains.
async fn load(app: &App, account: Account, wanted: &[Vec<String>]) -> Result<Known, ApiError> {
    let mut seen = HashSet::new();
    let once = wanted.iter().flatten().filter(|id| seen.insert(*id)).cloned();
    let (events, objects): (Vec<String>, Vec<String>) = once.partition(|id| id.parse::<Id<Event>>().is_ok());
    let mut known = Known::new();
    if !events.is_empty() {
        for (id, event) in app.reader.events_of_ids(account.id, account.livemode, &events).await? {
            let rendered = event.map(|event| event.event.render(event.pending_webhooks)).transpose()?;
            known.insert(id, rendered);
        }
    }
    if !objects.is_empty() {
        for (id, object) in app.reader.objects_of_ids(account.id, &objects).await? {
            let resource = RESOURCES.iter().find(|resource| id.split('_').next() == Some(resource.prefix));
            let resource = resource.copied().ok_or(ApiError::Internal)?;
            let rendered = object.map(|object| render::stored(resource, object)).transpose()?;
            known.insert(id, rendered.map(|Rendered(object)| object));
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The entries that are left of three, each with an event of so many bytes, and whether there are more.
    fn left(bytes: [usize; 3], pages: Option<Pages>) -> Result<(Value, Value), ParameterError> {
        let mut list =
            json!({ "data": [{ "event": "a" }, { "event": "b" }, { "event": "c" }], "has_more": false });
        let wanted = wanted(&mut list, &[vec!["data", "event"]], pages);
        let known = ["a", "b", "c"].into_iter().zip(bytes);
        let known =
            known.map(|(id, bytes)| (id.to_owned(), (bytes > 0).then(|| "x".repeat(bytes)))).collect();
        let fit = fitting(&wanted, &known, &mut Vec::new());
        if fit < wanted.len() {
            end_early(&mut list, fit, pages)?;
        }
        let ids: Vec<_> =
            list["data"].as_array().expect("entries").iter().map(|entry| &entry["event"]).collect();
        Ok((json!(ids), list["has_more"].clone()))
    }

    #[test]
    fn a_list_ends_before_what_would_be_too_much() {
        let half = 512 * 1024;
        let older = Some(Pages { goes_forwards: false });
        let newer = Some(Pages { goes_forwards: true });
        assert_eq!(left([half, half, 1], older), Ok((json!(["a", "b"]), json!(true))));
        assert_eq!(left([half, half - 1, 1], older), Ok((json!(["a", "b", "c"]), json!(false))));
        assert_eq!(left([4 * half, 1, 1], older), Ok((json!(["a"]), json!(true))));
        assert_eq!(left([1, half, half], newer), Ok((json!(["b", "c"]), json!(true))));
        assert_eq!(left([1, 1, 0], older), Ok((json!(["a", "b"]), json!(true))), "it wasn't loaded");
        assert_eq!(left([1, 1, 1], None), Ok((json!(["a", "b", "c"]), json!(false))));
        assert!(left([half, half, 1], None).is_err());
    }
}
