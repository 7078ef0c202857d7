//! A resource: its properties, said once beside its state, and read by everybody else.

use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::contract::{self, EventType, Kind};
use crate::id::Id;

/// The state of an object, which is also its form for clients.
pub trait Resource: Serialize + DeserializeOwned + ToSchema + Send + Sync + 'static {
    /// The kind of its ids.
    type Kind: Kind;

    /// The name of its schema in the contract: `Customer`.
    const COMPONENT: &'static str;

    /// The path of its list: `/v1/customers`. An object's path is that and its id.
    const PATH: &'static str;

    /// The fields that hold ids.
    const EXPANDS: &'static [Expands] = &[];

    /// The type of the event that deletes an object; `None` where none is ever deleted.
    const DELETED: Option<EventType> = None;

    /// The object's id.
    fn id(&self) -> Id<Self::Kind>;
}

/// A field that holds an id, which a caller may have expanded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expands {
    /// Its path within the object: `invoice_settings.default_payment_method`.
    pub field: &'static str,
    /// The resource that the id names; `None` while there is no such resource and the field is always null.
    pub names: Option<contract::Resource>,
}

impl Expands {
    /// A field with the id of a `K`.
    #[must_use]
    pub const fn id_of<K: Kind>(field: &'static str) -> Self {
        Self { field, names: Some(K::RESOURCE) }
    }

    /// A field that is always null today.
    #[must_use]
    pub const fn later(field: &'static str) -> Self {
        Self { field, names: None }
    }
}

/// The description of a [`Resource`], as data.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// Its names.
    pub resource: contract::Resource,
    /// [`Resource::COMPONENT`].
    pub component: &'static str,
    /// [`Resource::PATH`].
    pub path: &'static str,
    /// [`Resource::EXPANDS`].
    pub expands: &'static [Expands],
    /// [`Resource::DELETED`].
    pub deleted: Option<EventType>,
    /// The schema of its ids.
    pub id_schema: fn() -> RefOr<Schema>,
    /// The schema of its state.
    pub schema: fn() -> RefOr<Schema>,
    /// Adds the schemas that [`Self::schema`] refers to.
    pub schemas: fn(&mut Vec<(String, RefOr<Schema>)>),
}

impl Described {
    /// The description of an `R`.
    #[must_use]
    pub fn of<R: Resource>() -> Self {
        Self {
            resource: R::Kind::RESOURCE,
            component: R::COMPONENT,
            path: R::PATH,
            expands: R::EXPANDS,
            deleted: R::DELETED,
            id_schema: <R::Kind as PartialSchema>::schema,
            schema: <R as PartialSchema>::schema,
            schemas: R::schemas,
        }
    }
}
