//! Products: `prod_…`, the things that are sold. The fields and limits are Stripe's. Prices say the cost
//! of a product.

mod params;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::resource::Expands;
use super::types::list::List;
use super::types::metadata::{self, Metadata};
use super::types::object_tag::ObjectTag;
use super::types::text::{LongText, Text};
use super::{Resource, schema};
use crate::contract::{self, EventType};
use crate::id::Id;
pub use params::{Changes, CreateParams};

/// The most images.
pub const IMAGES_MAX: usize = 8;
/// The longest URL, in characters.
pub const URL_MAX: usize = 2048;
/// The most marketing features.
pub const FEATURES_MAX: usize = 15;
/// The longest name of a marketing feature, in characters.
pub const FEATURE_NAME_MAX: usize = 80;
/// The longest statement descriptor, in characters.
pub const DESCRIPTOR_MAX: usize = 22;
/// The longest label of a unit, in characters.
pub const UNIT_LABEL_MAX: usize = 12;

type ProductUrl = Text<URL_MAX>;
type Images = List<ProductUrl, IMAGES_MAX>;
type Features = List<MarketingFeature, FEATURES_MAX>;
type FeatureName = Text<FEATURE_NAME_MAX>;
type Descriptor = Text<DESCRIPTOR_MAX>;
type UnitLabel = Text<UNIT_LABEL_MAX>;

/// A product, as it is stored and as clients see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Product {
    id: Id<contract::Product>,
    object: ObjectTag<contract::Product>,
    active: bool,
    created: u64,
    #[schema(schema_with = schema::later_text)]
    default_price: (),
    description: Option<LongText>,
    images: Images,
    livemode: bool,
    marketing_features: Features,
    #[schema(schema_with = metadata::schema)]
    metadata: Metadata,
    name: LongText,
    #[schema(schema_with = schema::later_object)]
    package_dimensions: (),
    shippable: Option<bool>,
    statement_descriptor: Option<Descriptor>,
    #[schema(schema_with = schema::later_text)]
    tax_code: (),
    #[schema(schema_with = schema::later_object)]
    tax_details: (),
    r#type: ProductType,
    unit_label: Option<UnitLabel>,
    updated: u64,
    url: Option<ProductUrl>,
}

/// The type of a product. Goods are of older versions of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProductType {
    /// The only one.
    #[default]
    Service,
}

/// A feature that is shown in a table of prices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarketingFeature {
    name: FeatureName,
}

impl Resource for Product {
    type Kind = contract::Product;

    const COMPONENT: &'static str = "Product";
    const PATH: &'static str = "/v1/products";
    const EXPANDS: &'static [Expands] = &[Expands::later("default_price")];
    const DELETED: Option<EventType> = Some(EventType::ProductDeleted);

    fn id(&self) -> Id<contract::Product> {
        self.id
    }
}
