//! Components of the contract: the objects that routes answer.

use std::marker::PhantomData;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub(crate) use super::schemas::object;
use super::schemas::{KNOWN, list_of, reference, schema_from, schema_of, search_result_of, sent};
use super::webhooks;
use crate::contract::{self, Kind as _, Resource as Names, Subject};
use crate::domain::Resource;
use crate::domain::resource::{Described, Expands};
use crate::domain::subjects::described;

/// The most ids that are expanded one within the other.
pub(crate) const EXPAND_DEPTH_MAX: usize = 4;

/// An object that is sent: a component of the contract.
pub(crate) trait Component {
    /// The fields that hold ids.
    const EXPANDS: &'static [Expands] = &[];

    /// Its name.
    fn name() -> String;

    /// Its schema. [`Self::EXPANDS`] is added to it.
    fn schema() -> Value;

    /// The kind of its ids; `None` where it has none.
    const NAMES: Option<Names> = None;

    /// The paths that can be expanded in it.
    fn expandable() -> Vec<String> {
        paths_of(Self::EXPANDS, &Vec::from_iter(Self::NAMES))
    }

    /// The components that it refers to.
    fn parts() -> Vec<Answer> {
        Vec::new()
    }
}

/// A component as data.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    /// Its name.
    pub(crate) name: String,
    /// The paths that can be expanded in it.
    pub(crate) expandable: Vec<String>,
    schema: fn() -> Value,
    expands: &'static [Expands],
    parts: fn() -> Vec<Self>,
}

impl Answer {
    /// The component `C`.
    pub(super) fn of<C: Component>() -> Self {
        Self {
            name: C::name(),
            expandable: C::expandable(),
            schema: C::schema,
            expands: C::EXPANDS,
            parts: C::parts,
        }
    }

    /// Adds its schema, and those that it refers to.
    pub(super) fn add_to(&self, all: &mut Map<String, Value>) {
        if all.contains_key(&self.name) {
            return;
        }
        let schema = expanding((self.schema)(), self.expands);
        all.insert(self.name.clone(), schema);
        for part in (self.parts)() {
            part.add_to(all);
        }
    }
}

impl<R: Resource> Component for R {
    const EXPANDS: &'static [Expands] = R::EXPANDS;
    const NAMES: Option<Names> = Some(R::Kind::RESOURCE);

    fn name() -> String {
        R::COMPONENT.to_owned()
    }

    fn schema() -> Value {
        sent_schema_of::<R>()
    }
}

/// The remains of a deleted object.
pub(crate) struct Deleted<R>(PhantomData<R>);

impl<R: Resource> Component for Deleted<R> {
    fn name() -> String {
        deleted_name(R::COMPONENT)
    }

    fn schema() -> Value {
        deleted(&Described::of::<R>())
    }
}

/// A page of a list.
pub(crate) struct ListOf<C>(PhantomData<C>);

impl<C: Component> Component for ListOf<C> {
    fn name() -> String {
        format!("{}List", C::name())
    }

    fn schema() -> Value {
        list_of(&C::name())
    }

    fn expandable() -> Vec<String> {
        of_entries::<C>()
    }

    fn parts() -> Vec<Answer> {
        vec![Answer::of::<C>()]
    }
}

/// A page of a search's results.
pub(crate) struct FoundOf<C>(PhantomData<C>);

impl<C: Component> Component for FoundOf<C> {
    fn name() -> String {
        format!("{}SearchResult", C::name())
    }

    fn schema() -> Value {
        search_result_of(&C::name())
    }

    fn expandable() -> Vec<String> {
        of_entries::<C>()
    }

    fn parts() -> Vec<Answer> {
        vec![Answer::of::<C>()]
    }
}

/// An event, as the API shows it.
pub(crate) struct AnyEvent;

impl Component for AnyEvent {
    fn name() -> String {
        "Event".to_owned()
    }

    fn schema() -> Value {
        webhooks::any_event()
    }

    fn parts() -> Vec<Answer> {
        vec![Answer::of::<OtherObject>()]
    }
}

/// The object of an event of a kind that is newer than the document.
struct OtherObject;

impl Component for OtherObject {
    fn name() -> String {
        webhooks::OTHER.to_owned()
    }

    fn schema() -> Value {
        webhooks::other_object()
    }
}

/// The name of [`EventStream`].
pub(super) const STREAM: &str = "EventStream";

/// Server-sent events.
pub(crate) struct EventStream;

impl Component for EventStream {
    fn name() -> String {
        STREAM.to_owned()
    }

    fn schema() -> Value {
        let stream = "Server-sent events: `id` is the event's id, `event` its type, `data` the event \
                      (`Event`) \
                      in one line.";
        json!({ "type": "string", "description": stream })
    }
}

/// The schemas of everything that events are about.
pub(super) fn subjects() -> Map<String, Value> {
    let mut all = Map::new();
    for described in Subject::ALL.iter().copied().map(described) {
        let schema = sent(schema_from(described.schema, described.schemas));
        all.insert(described.component.to_owned(), expanding(schema, described.expands));
        if described.deleted.is_some() {
            all.insert(deleted_name(described.component), deleted(&described));
        }
    }
    all
}

/// The schema of a `T` that is sent.
pub(crate) fn sent_schema_of<T: ToSchema>() -> Value {
    sent(schema_of::<T>())
}

/// The schema of a `T` that is sent with one field more.
pub(crate) fn with<T: ToSchema>(name: &str, schema: Value) -> Value {
    let mut whole = schema_of::<T>();
    if let Some(properties) = whole.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert(name.to_owned(), schema);
    }
    sent(whole)
}

/// The paths that can be expanded in an object, and through objects that are expanded in it; but not through
/// one of a kind that it is in already. `above` are the kinds of the objects around it, and its own.
fn paths_of(expands: &[Expands], above: &[Names]) -> Vec<String> {
    let mut paths = Vec::new();
    for Expands { field, names } in expands {
        paths.push((*field).to_owned());
        let inner = names.filter(|names| above.len() < EXPAND_DEPTH_MAX && !above.contains(names));
        let Some(described) = inner.and_then(subject_of) else { continue };
        let above: Vec<Names> = above.iter().copied().chain([described.resource]).collect();
        let inner = paths_of(described.expands, &above);
        paths.extend(inner.iter().map(|path| format!("{field}.{path}")));
    }
    paths
}

/// The description of the resource, if events are about it.
fn subject_of(names: Names) -> Option<Described> {
    Subject::ALL.iter().find(|subject| subject.resource() == names).copied().map(described)
}

fn of_entries<C: Component>() -> Vec<String> {
    C::expandable().iter().map(|path| format!("data.{path}")).collect()
}

fn deleted_name(component: &str) -> String {
    format!("Deleted{component}")
}

fn deleted(of: &Described) -> Value {
    object(&json!({
        "id": serde_json::to_value((of.id_schema)()).unwrap_or_default(),
        "object": { "type": "string", "enum": [of.resource.object] },
        // An enumeration of booleans is more than some generators of clients can do.
        "deleted": { "type": "boolean", "description": "Always true.", KNOWN: [true] },
    }))
}

/// The components that the id of a resource may become.
fn becomes(names: Names) -> Vec<String> {
    if names == contract::Event::RESOURCE {
        return vec![AnyEvent::name()];
    }
    let Some(described) = subject_of(names) else { return Vec::new() };
    let remains = described.deleted.map(|_| deleted_name(described.component));
    std::iter::once(described.component.to_owned()).chain(remains).collect()
}

/// A schema whose fields may be objects where they hold ids.
fn expanding(mut schema: Value, expands: &[Expands]) -> Value {
    for Expands { field, names } in expands {
        if let Some(names) = names {
            may_expand(&mut schema, field, &becomes(*names));
        }
    }
    schema
}

fn may_expand(schema: &mut Value, name: &str, components: &[String]) {
    let Some(field) = schema.pointer_mut(&format!("/properties/{}", name.replace('.', "/properties/")))
    else {
        return;
    };
    let mut id = field.take();
    let kind = id.get("type").and_then(Value::as_array).and_then(|kinds| kinds.first().cloned());
    let null = kind.is_some().then(|| json!({ "type": "null" }));
    if let (Some(kind), Some(id)) = (kind, id.as_object_mut()) {
        id.insert("type".to_owned(), kind);
    }
    let objects = components.iter().map(|name| reference(name));
    let alternatives: Vec<Value> = std::iter::once(id).chain(objects).chain(null).collect();
    *field = json!({ "oneOf": alternatives });
}
