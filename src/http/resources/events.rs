//! `/v1/events`: the log, as clients may read it.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::contract::{Event, EventType, Kind as _};
use crate::domain::{ParameterError, Problem, Rejection, schema};
use crate::http::app::App;
use crate::http::contract::component::{AnyEvent, ListOf};
use crate::http::contract::route::{Route, get};
use crate::http::error::ApiError;
use crate::http::page;
use crate::http::params::{NoParams, Params, PathId, TimeRange};
use crate::http::render::{self, Rendered};
use crate::http::request::caller::Caller;
use crate::id::{self, Id};
use crate::read::events::{EventFilter, ListedEvent};
use crate::read::page::Listed;

/// The most names in `types`.
pub(crate) const TYPES_MAX: usize = 20;

/// Its routes.
pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/v1/events", list)
            .summary("List events, newest first.")
            .takes::<ListParams>()
            .answers::<ListOf<AnyEvent>>(),
        get("/v1/events/{id}", retrieve).summary("Retrieve an event.").answers::<AnyEvent>(),
    ]
}

/// The parameters of a list of events.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
struct ListParams {
    created: Option<TimeRange>,
    delivery_success: Option<bool>,
    ending_before: Option<String>,
    #[schema(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// The id of an API call, from its `Request-Id` header: the events that it caused. No other filter with
    /// it.
    request: Option<String>,
    #[schema(schema_with = schema::object_id)]
    object: Option<String>,
    starting_after: Option<String>,
    r#type: Option<String>,
    #[schema(max_items = 20)]
    types: Vec<String>,
}

/// Retrieve an event.
async fn retrieve(
    State(app): State<App>,
    caller: Caller,
    PathId(id): PathId<Event>,
    Params(NoParams {}): Params<NoParams>,
) -> Result<Rendered, ApiError> {
    rendered_one(&app, &caller, id).await
}

/// The event of that id, as it is sent.
pub(crate) async fn rendered_one(app: &App, caller: &Caller, id: Id<Event>) -> Result<Rendered, ApiError> {
    let missing = || Rejection::NoSuchObject { noun: Event::RESOURCE.noun, id: id.to_string() };
    let event =
        app.reader.event(caller.account.id, caller.account.livemode, id).await?.ok_or_else(missing)?;
    Ok(Rendered(rendered(&event)?))
}

/// List events, newest first.
async fn list(
    State(app): State<App>,
    caller: Caller,
    Params(params): Params<ListParams>,
) -> Result<Rendered, ApiError> {
    if let Some(request) = &params.request {
        page::page(params.limit, None, None)?;
        let listed = of_request(&app, &caller, request, &params).await?;
        return render::list("/v1/events", listed);
    }
    let types = wanted_types(params.r#type, &params.types)?;
    let page = page::page(params.limit, params.starting_after, params.ending_before)?;
    let created = params.created.unwrap_or_default();
    let filter = EventFilter {
        types,
        created_from: created.from,
        created_until: created.until,
        object: params.object.map(object_id).transpose()?,
        delivered: params.delivery_success,
    };
    let listed = app.reader.events(caller.account.id, caller.account.livemode, &filter, &page).await?;
    let listed = listed.ok_or_else(|| page::no_such_cursor::<Event>(&page))?;
    // Each is let go of when it is rendered.
    let entries = listed.entries.into_iter().map(|event| rendered(&event)).collect::<Result<_, _>>()?;
    render::list("/v1/events", Listed { entries, has_more: listed.has_more })
}

/// The event that a call caused.
async fn of_request(
    app: &App,
    caller: &Caller,
    request: &str,
    params: &ListParams,
) -> Result<Listed<String>, ApiError> {
    let wrong = |problem: Problem| ParameterError::new("request", problem);
    let others = [
        ("created", params.created.is_some()),
        ("delivery_success", params.delivery_success.is_some()),
        ("ending_before", params.ending_before.is_some()),
        ("object", params.object.is_some()),
        ("starting_after", params.starting_after.is_some()),
        ("type", params.r#type.is_some()),
        ("types", !params.types.is_empty()),
    ];
    if let Some((other, _)) = others.into_iter().find(|(_, is_given)| *is_given) {
        return Err(wrong(Problem::ExclusiveWith(other)).into());
    }
    let malformed = || wrong(Problem::Malformed("expected the id of an API call, req_…".to_owned()));
    let came = id::request_came(request).ok_or_else(malformed)?;
    let account = &caller.account;
    let events = app.reader.events_of_request(account.id, account.livemode, request, came).await?;
    let entries = events.iter().map(rendered).collect::<Result<_, _>>()?;
    Ok(Listed { entries, has_more: false })
}

/// The id of an object whose events are asked for.
pub(crate) fn object_id(text: String) -> Result<String, ParameterError> {
    if id::is_object_id(&text) {
        return Ok(text);
    }
    let problem = Problem::Malformed("expected the id of an object, such as cus_…".to_owned());
    Err(ParameterError::new("object", problem))
}

fn rendered(listed: &ListedEvent) -> Result<String, ApiError> {
    Ok(listed.event.render(listed.pending_webhooks)?)
}

/// The types that `type` (a name, or a group such as `customer.*`) or `types` ask for; `None` for all.
pub(crate) fn wanted_types(
    one: Option<String>,
    several: &[String],
) -> Result<Option<Vec<&'static str>>, ParameterError> {
    if several.len() > TYPES_MAX {
        return Err(ParameterError::new("types", Problem::TooMany(TYPES_MAX)));
    }
    match one {
        Some(_) if !several.is_empty() => Err(ParameterError::new("type", Problem::ExclusiveWith("types"))),
        None if several.is_empty() => Ok(None),
        None => Ok(Some(several.iter().flat_map(|name| matching(name)).collect())),
        Some(name) => Ok(Some(matching(&name))),
    }
}

/// The types that a name or a group stands for.
fn matching(name: &str) -> Vec<&'static str> {
    EventType::matching(name).map(EventType::as_str).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn types_are_names_or_groups() {
        let wanted = |one: Option<&str>, several: &[&str]| {
            let several: Vec<_> = several.iter().map(|name| (*name).to_owned()).collect();
            super::wanted_types(one.map(Into::into), &several)
        };
        assert_eq!(wanted(None, &[]), Ok(None));
        assert_eq!(wanted(Some("customer.created"), &[]), Ok(Some(vec!["customer.created"])));
        assert_eq!(wanted(Some("customer.*"), &[]).expect("a group").expect("some").len(), 3);
        assert_eq!(wanted(Some("unheard.of"), &[]), Ok(Some(vec![])));
        assert_eq!(
            wanted(None, &["customer.created", "customer.deleted"]).expect("two").expect("some").len(),
            2
        );
        assert!(wanted(Some("*"), &["customer.created"]).is_err());
    }
}
