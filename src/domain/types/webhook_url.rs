//! The URL of a webhook endpoint: the stored URL is the called URL.
//!
//! A URL is stored in the one spelling that is called: the scheme and the host in lower case, a host
//! beyond ASCII in Punycode, no port that is the scheme's own, a path, no `.` and `..` in it, and other
//! characters beyond ASCII percent-encoded. A text that has to be repaired to be a URL is refused:
//! nobody knows its sender's meaning.

use std::cell::Cell;

use url::{Host, SyntaxViolation, Url};
use utoipa::openapi::schema::SchemaFormat;
use utoipa::openapi::{Object, ObjectBuilder, Type};

use crate::domain::{ParameterError, Problem};

/// The longest URL, in characters.
pub const URL_MAX: usize = 2048;
/// The longest name in DNS and the longest part of one, in bytes.
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

/// The URL that is called for a text. The domain doesn't judge the address that it leads to:
/// `http/targets.rs` does, and the worker.
pub fn check(text: &str) -> Result<String, ParameterError> {
    let refuse = |problem| ParameterError::new("url", problem);
    if text.chars().nth(URL_MAX).is_some() {
        return Err(refuse(Problem::TooLong(URL_MAX)));
    }
    let url = parsed(text).map_err(|reason| refuse(Problem::NotAUrl(reason)))?;
    // A character beyond ASCII takes three characters a byte.
    if url.as_str().len() > URL_MAX {
        return Err(refuse(Problem::TooLong(URL_MAX)));
    }
    Ok(url.into())
}

fn parsed(text: &str) -> Result<Url, &'static str> {
    check_spelling(text)?;
    let has_bad_percent = Cell::new(false);
    let note = |violation: SyntaxViolation| {
        if violation == SyntaxViolation::PercentDecode {
            has_bad_percent.set(true);
        }
    };
    let url = Url::options().syntax_violation_callback(Some(&note)).parse(text);
    let url = url.map_err(|_| "it can't be read as an absolute URL")?;
    if has_bad_percent.get() {
        return Err("each % in it must be followed by two hexadecimal digits");
    }
    match url.host() {
        None => return Err("it has no host"),
        Some(Host::Domain(name)) if !is_name(name) => {
            return Err("its host is no name that can be looked up");
        }
        Some(_) => {}
    }
    if url.port() == Some(0) {
        return Err("port 0 can't be called");
    }
    // The spelling that is stored is read as itself, whenever it is called.
    let again = Url::parse(url.as_str());
    if again.is_ok_and(|again| again == url) { Ok(url) } else { Err("it can't be read as an absolute URL") }
}

/// Refuses characters and parts that a lenient reader would repair, or drop.
fn check_spelling(text: &str) -> Result<(), &'static str> {
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it has white space or a control character, which must be percent-encoded");
    }
    if text.contains(['"', '<', '>', '\\', '^', '`', '{', '|', '}']) {
        return Err("it has one of the characters \" < > \\ ^ ` { | }, which must be percent-encoded");
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err("it must begin with https:// or http://");
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() {
        return Err("it has no host");
    }
    if authority.contains('@') {
        return Err("it must not carry a user name or a password");
    }
    if text.contains('#') {
        return Err("it has a fragment, which isn't sent: leave out # and what follows, or write %23");
    }
    Ok(())
}

/// True for a name that can be in DNS, or in a machine's own list of names.
fn is_name(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    name.len() <= NAME_MAX
        && name.split('.').all(|label| {
            (1..=LABEL_MAX).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        })
}

/// The schema of a URL, which says how it is stored.
pub(crate) fn schema() -> Object {
    let format = SchemaFormat::Custom("uri".to_owned());
    let url = ObjectBuilder::new().schema_type(Type::String).format(Some(format)).max_length(Some(URL_MAX));
    url.description(Some(
        "An absolute URL that begins with https:// or http://, without a user name, a password or a \
         fragment. \
         It is stored in the spelling that is called: scheme and host in lower case, a host beyond ASCII in \
         Punycode, without the scheme's own port. What would have to be repaired is refused.",
    ))
    .build()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn spellings_of_one_url_become_the_one_that_is_called() {
        for (given, stored) in [
            ("https://example.com/hook", "https://example.com/hook"),
            ("https://example.com", "https://example.com/"),
            ("HTTP://Example.COM/Hook", "http://example.com/Hook"),
            ("https://example.com:443/", "https://example.com/"),
            ("http://example.com:8080?a=1", "http://example.com:8080/?a=1"),
            ("http://example.com/a/../b/./c", "http://example.com/b/c"),
            ("https://münchen.example/grüße", "https://xn--mnchen-3ya.example/gr%C3%BC%C3%9Fe"),
            ("http://2130706433/", "http://127.0.0.1/"),
            ("http://[0:0:0:0:0:0:0:1]:80/", "http://[::1]/"),
            ("https://example.com./?tags[]=a&b=%20", "https://example.com./?tags[]=a&b=%20"),
        ] {
            assert_eq!(check(given).as_deref(), Ok(stored), "{given}");
            assert_eq!(check(stored).as_deref(), Ok(stored), "{stored}");
        }
    }

    #[test]
    fn what_would_have_to_be_repaired_is_refused() {
        for text in [
            "",
            "example.com",
            " http://h/x ",
            "http://h/x ",
            "http://h/a b",
            "http://h/x\r\nforged",
            "http://h/\tx",
            "http://h/\u{85}",
            "http://h/\u{2028}",
            "http:h:80/q",
            "http:/h/",
            "http:///h/",
            "http:\\\\h/",
            "http://a\\@b/",
            "http://h\\x",
            "http://@h/",
            "http://user@h/",
            "http://user:secret@h/",
            "http://h:0/",
            "http://h:65536/",
            "http://h:x/",
            "http://h/%zz",
            "http://h/?a=%",
            "http://h/#part",
            "http://h/{id}",
            "http://h/?a=|",
            "http://h/?a=\"b\"",
            "http://a..b/",
            "http://./",
            "http://a,b/",
            "http://[::1/",
            "http://[::g]/",
            "http://256.1.1.1/",
            "https://",
            "https:///",
            "ftp://h/",
            "file:///etc/passwd",
            "//h/",
        ] {
            assert!(check(text).is_err(), "{text:?}");
        }
        assert!(check(&format!("http://{}.example/", "x".repeat(64))).is_err());
        assert!(check(&format!("http://{}example/", "abc.".repeat(64))).is_err());
    }

    #[test]
    fn its_length_is_that_of_what_is_called() {
        let of = |path: String| check(&format!("http://h/{path}")).map_err(|error| error.problem);
        assert!(of("x".repeat(URL_MAX - "http://h/".len())).is_ok());
        assert_eq!(of("x".repeat(URL_MAX)), Err(Problem::TooLong(URL_MAX)));
        assert_eq!(of("ü".repeat(1000)), Err(Problem::TooLong(URL_MAX)));
    }

    /// A text near a URL, with everything that readers of URLs repair.
    fn near_a_url() -> impl Strategy<Value = String> {
        let scheme = prop::sample::select(vec![
            "http://", "https://", "HTTP://", "http:", "http:/", "http:///", " http://",
        ]);
        let host = prop_oneof![
            "[a-zA-Z0-9.-]{1,12}",
            "\\PC{1,6}",
            "[0-9.x]{1,10}",
            "\\[[0-9a-f:.]{1,8}\\]",
            "[a-z@:\\\\%]{1,8}"
        ];
        let port = prop_oneof![Just(String::new()), "(:[0-9]{0,6})?"];
        let rest =
            prop_oneof!["(/[a-z.%]{0,6}){0,4}", "[/?#][ -~]{0,16}", "[/?]\\PC{0,12}", "[/?](?s:.){0,12}"];
        (scheme, host, port, rest)
            .prop_map(|(scheme, host, port, rest)| format!("{scheme}{host}{port}{rest}"))
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_stored_as_it_is_called(text in prop_oneof![near_a_url(), "\\PC{0,30}"]) {
            if let Ok(stored) = check(&text) {
                let repaired = Cell::new(false);
                // Brackets in a query are no URL code points, and stay as they are.
                let note = |violation: SyntaxViolation| {
                    repaired.set(repaired.get() || violation != SyntaxViolation::NonUrlCodePoint);
                };
                let called = Url::options().syntax_violation_callback(Some(&note)).parse(&stored);
                let called = called.expect("a URL");
                prop_assert!(!repaired.get(), "{text:?} is stored as {stored:?}");
                prop_assert_eq!(called.as_str(), stored.as_str());
                let again = check(&stored);
                prop_assert_eq!(again.as_deref(), Ok(stored.as_str()));
                prop_assert!(stored.bytes().all(|byte| byte.is_ascii_graphic()), "{stored:?}");
            }
        }
    }
}
