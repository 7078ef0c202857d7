//! Ids as arguments.

use crate::id::is_object_id;

/// The id of any object, as an argument.
pub(crate) fn object_id(text: &str) -> Result<String, String> {
    if is_object_id(text) {
        Ok(text.to_owned())
    } else {
        Err("expected an id such as cus_, evt_ or we_ and 26 characters".to_owned())
    }
}
