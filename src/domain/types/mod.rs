//! Types that several resources have: checked on the way in, each with its schema.

pub mod address;
pub mod bound;
pub mod decline;
pub mod list;
pub mod metadata;
pub mod money;
pub mod next_action;
pub mod object_tag;
pub mod patch;
pub mod rate_limit;
pub mod text;
pub mod webhook_url;
