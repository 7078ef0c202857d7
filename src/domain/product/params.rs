//! The parameters of a product, with their checks.

use serde::Deserialize;
use utoipa::ToSchema;

use super::{Descriptor, Features, Images, Product, ProductType, ProductUrl, UnitLabel};
use crate::clock::Timestamp;
use crate::contract::{self, EventType};
use crate::domain::types::metadata::{self, Metadata, MetadataChange};
use crate::domain::types::object_tag::ObjectTag;
use crate::domain::types::text::LongText;
use crate::domain::{Creatable, New, ParameterError, Patch, Problem, Updatable};

/// The parameters of a create.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ProductCreateParams)]
pub struct CreateParams {
    name: LongText,
    #[serde(default)]
    active: Option<bool>,
    #[serde(default)]
    description: Patch<LongText>,
    #[serde(default)]
    images: Patch<Images>,
    #[serde(default)]
    marketing_features: Patch<Features>,
    #[serde(default)]
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    #[serde(default)]
    shippable: Option<bool>,
    #[serde(default)]
    statement_descriptor: Patch<Descriptor>,
    #[serde(default)]
    r#type: Option<ProductType>,
    #[serde(default)]
    unit_label: Patch<UnitLabel>,
    #[serde(default)]
    url: Patch<ProductUrl>,
}

/// The parameters of an update.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = ProductUpdateParams)]
pub struct Changes {
    active: Option<bool>,
    default_price: Patch<String>,
    description: Patch<LongText>,
    images: Patch<Images>,
    marketing_features: Patch<Features>,
    #[schema(schema_with = metadata::change_schema)]
    metadata: MetadataChange,
    name: Patch<LongText>,
    shippable: Patch<bool>,
    statement_descriptor: Patch<Descriptor>,
    unit_label: Patch<UnitLabel>,
    url: Patch<ProductUrl>,
}

impl Creatable for Product {
    const CREATED: EventType = EventType::ProductCreated;
    type Params = CreateParams;

    fn created(new: New<contract::Product>, params: CreateParams) -> Result<Self, ParameterError> {
        params.product(new)
    }
}

impl Updatable for Product {
    const UPDATED: EventType = EventType::ProductUpdated;
    type Changes = Changes;

    fn changed(self, changes: Changes, now: Timestamp) -> Result<Self, ParameterError> {
        let product = changes.apply(self.clone())?;
        Ok(if product == self { self } else { Self { updated: now.seconds(), ..product } })
    }
}

impl CreateParams {
    /// The product that is asked for.
    fn product(self, New { id, livemode }: New<contract::Product>) -> Result<Product, ParameterError> {
        check_name(&self.name)?;
        let created = id.created().seconds();
        let blank = Product {
            id,
            object: ObjectTag::default(),
            active: self.active.unwrap_or(true),
            created,
            default_price: (),
            description: None,
            images: Images::default(),
            livemode,
            marketing_features: Features::default(),
            metadata: Metadata::new(),
            name: self.name,
            package_dimensions: (),
            shippable: self.shippable,
            statement_descriptor: None,
            tax_code: (),
            tax_details: (),
            r#type: self.r#type.unwrap_or_default(),
            unit_label: None,
            updated: created,
            url: None,
        };
        let rest = Changes {
            active: None,
            default_price: Patch::Keep,
            description: self.description,
            images: self.images,
            marketing_features: self.marketing_features,
            metadata: self.metadata,
            name: Patch::Keep,
            shippable: Patch::Keep,
            statement_descriptor: self.statement_descriptor,
            unit_label: self.unit_label,
            url: self.url,
        };
        rest.apply(blank)
    }
}

impl Changes {
    /// The product with the requested changes.
    fn apply(self, to: Product) -> Result<Product, ParameterError> {
        if let Some(id) = self.default_price.value() {
            // There are no prices yet, so that none can be the default.
            let problem = Problem::NoSuchObject { noun: "price", id: id.clone() };
            return Err(ParameterError::new("default_price", problem));
        }
        check_descriptor(&self.statement_descriptor)?;
        Ok(Product {
            active: self.active.unwrap_or(to.active),
            description: self.description.apply(to.description),
            images: self.images.apply_or_default(to.images),
            marketing_features: self.marketing_features.apply_or_default(to.marketing_features),
            metadata: metadata::merge(self.metadata, to.metadata)?,
            name: match self.name {
                Patch::Keep => to.name,
                Patch::Unset => return Err(ParameterError::new("name", Problem::Empty)),
                Patch::Set(name) => {
                    check_name(&name)?;
                    name
                }
            },
            shippable: self.shippable.apply(to.shippable),
            statement_descriptor: self.statement_descriptor.apply(to.statement_descriptor),
            unit_label: self.unit_label.apply(to.unit_label),
            url: self.url.apply(to.url),
            ..to
        })
    }
}

fn check_name(name: &str) -> Result<(), ParameterError> {
    if name.trim().is_empty() { Err(ParameterError::new("name", Problem::Empty)) } else { Ok(()) }
}

/// Refuses a descriptor that a bank's statement can't show: without a letter, or with one of `<>\"'`.
fn check_descriptor(descriptor: &Patch<Descriptor>) -> Result<(), ParameterError> {
    let Some(text) = descriptor.value() else { return Ok(()) };
    let reason = if text.contains(['<', '>', '\\', '"', '\'']) {
        "it must not have < > \\ ' or \""
    } else if !text.chars().any(char::is_alphabetic) {
        "it must have a letter"
    } else {
        return Ok(());
    };
    Err(ParameterError::new("statement_descriptor", Problem::Malformed(reason.to_owned())))
}
