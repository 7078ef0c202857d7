//! The parameters of requests: the values that they may have. Pure.

use url::Url;

use crate::processor::{Attach, Authorize, Capture, Refund, Request, Void, Voided};

/// The most characters of a key, a token or a reference.
const NAME_MAX: usize = 255;
/// The most characters of a page's address.
const URL_MAX: usize = 5_000;

/// The reason that a request is refused, for people.
pub(super) fn wrong(request: &Request) -> Option<&'static str> {
    if !is_name(request.key()) {
        return Some("key has to be 1 to 255 letters, digits, dots, colons, hyphens or underscores.");
    }
    let (name, amount, currency, url) = match request {
        Request::Authorize(Authorize { method, amount, currency, return_url, .. }) => {
            (method, Some(*amount), Some(currency), return_url.as_ref())
        }
        Request::Attach(Attach { method, return_url, .. }) => (method, None, None, return_url.as_ref()),
        Request::Capture(Capture { reference, amount, .. })
        | Request::Refund(Refund { reference, amount, .. }) => (reference, Some(*amount), None, None),
        Request::Void(Void { of: Voided::Reference(name) | Voided::OfKey(name), .. }) => {
            (name, None, None, None)
        }
    };
    if !is_name(name) {
        return Some("A method, a reference or a key that is named can't be empty or have other characters.");
    }
    if amount.is_some_and(|amount| amount <= 0) {
        return Some("amount has to be more than 0.");
    }
    if currency.is_some_and(|currency| !is_currency(currency)) {
        return Some("currency has to be three lower-case letters.");
    }
    if url.is_some_and(|url| !is_page(url)) {
        return Some("return_url has to be an http or https URL.");
    }
    None
}

fn is_name(text: &str) -> bool {
    (1..=NAME_MAX).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ['.', ':', '-', '_'].contains(&c))
}

fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.chars().all(|c| c.is_ascii_lowercase())
}

fn is_page(text: &str) -> bool {
    text.len() <= URL_MAX && Url::parse(text).is_ok_and(|url| ["http", "https"].contains(&url.scheme()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn said(request: Value) -> Option<&'static str> {
        wrong(&serde_json::from_value(request).expect("a request"))
    }

    fn authorize(changed: &str, to: impl Into<Value>) -> Value {
        let mut request = json!({
            "kind": "authorize", "key": "pi_1.1", "method": "card_1", "amount": 1, "currency": "eur",
            "capture": true, "off_session": false,
        });
        request[changed] = to.into();
        request
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        assert_eq!(said(authorize("amount", 1)), None);
        assert_eq!(said(authorize("return_url", "https://shop.example/back?a=b")), None);
        for (changed, to, named) in [
            ("key", json!(""), "key"),
            ("key", json!("a b"), "key"),
            ("key", json!("x".repeat(256)), "key"),
            ("method", json!("a\u{0}"), "method"),
            ("amount", json!(0), "amount"),
            ("amount", json!(-5), "amount"),
            ("currency", json!("EUR"), "currency"),
            ("currency", json!("euro"), "currency"),
            ("return_url", json!("javascript:alert(1)"), "return_url"),
            ("return_url", json!("/back"), "return_url"),
        ] {
            let said = said(authorize(changed, to.clone()));
            assert!(said.is_some_and(|said| said.contains(named)), "{changed} {to}: {said:?}");
        }
        let void = json!({ "kind": "void", "key": "pi_1.2", "of_key": "pi_1.1" });
        assert_eq!(said(void), None);
    }

    #[test]
    fn a_void_with_an_unknown_field_is_no_request() {
        let void = json!({ "kind": "void", "key": "a", "of_key": "b", "reference": "c" });
        assert!(serde_json::from_value::<Request>(void).is_err());
    }
}
