//! The two signature schemes of a webhook request, made from the same bytes with the same timestamp.
//!
//! - Stripe's: `t=<unix>,v1=<hex>`, HMAC-SHA256 over `<t>.<body>`, keyed with the whole secret text.
//! - [Standard Webhooks](https://www.standardwebhooks.com): `v1,<base64>`, HMAC-SHA256 over
//!   `<id>.<t>.<body>`, keyed with the decoded secret.
//!
//! Each live secret signs, in both schemes. A signature belongs to one attempt: receivers refuse timestamps
//! older than five minutes, so every retry is signed anew.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::Mac as _;

use crate::secret::{Mac, SigningSecret};

/// The signed parts: the event's id, the attempt's time in Unix seconds and the exact body.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// The event's id, the same for every attempt. It has no dot.
    pub id: &'a str,
    /// The time of this attempt's signature, in Unix seconds.
    pub timestamp: u64,
    /// The bytes that are sent.
    pub body: &'a [u8],
}

/// The MAC over these parts, one after the other.
fn over(mut mac: Mac, parts: &[&[u8]]) -> [u8; 32] {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The value of `Stripe-Signature` and `Calmony-Signature`: `t=…,v1=…`, one `v1` a secret.
#[must_use]
pub fn stripe(message: Message<'_>, secrets: &[SigningSecret]) -> String {
    let time = message.timestamp.to_string();
    let mut value = format!("t={time}");
    for secret in secrets {
        value.push_str(",v1=");
        push_hex(&mut value, &over(secret.stripe(), &[time.as_bytes(), b".", message.body]));
    }
    value
}

/// The same for a secret that two programs were told, which may be any text.
#[must_use]
pub fn shared(secret: &str, timestamp: u64, body: &[u8]) -> String {
    let time = timestamp.to_string();
    let mut value = format!("t={time},v1=");
    push_hex(&mut value, &over(crate::secret::keyed(secret.as_bytes()), &[time.as_bytes(), b".", body]));
    value
}

/// Appends bytes in lower-case hexadecimal digits.
fn push_hex(text: &mut String, bytes: &[u8]) {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    text.extend(digits.filter_map(|digit| char::from_digit(digit.into(), 16)));
}

/// The value of `webhook-signature`: `v1,…`, one a secret, with spaces between.
#[must_use]
pub fn standard_webhooks(message: Message<'_>, secrets: &[SigningSecret]) -> String {
    let time = message.timestamp.to_string();
    let sign = |secret: &SigningSecret| {
        let parts = [message.id.as_bytes(), b".", time.as_bytes(), b".", message.body];
        format!("v1,{}", STANDARD.encode(over(secret.standard_webhooks(), &parts)))
    };
    secrets.iter().map(sign).collect::<Vec<_>>().join(" ")
}

/// True if the holder of `secret` made a `t=…,v1=…` value for `body`, no more than `tolerance_seconds` from
/// `now`. Subscribers make this check, and so do our own inbox and tests. The comparison takes the same
/// time wherever the signatures differ.
#[must_use]
pub fn verify_stripe(
    value: &str,
    body: &[u8],
    secret: &SigningSecret,
    now: u64,
    tolerance_seconds: u64,
) -> bool {
    let sign = |timestamp| stripe(Message { id: "", timestamp, body }, std::slice::from_ref(secret));
    verify(value, sign, (now, tolerance_seconds))
}

/// The same for a secret that two programs were told, which may be any text.
#[must_use]
pub fn verify_shared(value: &str, body: &[u8], secret: &str, now: u64, tolerance_seconds: u64) -> bool {
    verify(value, |timestamp| shared(secret, timestamp, body), (now, tolerance_seconds))
}

/// True if the value has the signature that `sign` makes for its time.
fn verify(value: &str, sign: impl Fn(u64) -> String, (now, tolerance_seconds): (u64, u64)) -> bool {
    let mut timestamp = None;
    let mut signatures = Vec::new();
    for part in value.split(',') {
        match part.split_once('=') {
            Some(("t", time)) => timestamp = time.parse::<u64>().ok(),
            Some(("v1", signature)) => signatures.push(signature),
            _ => {}
        }
    }
    let Some(timestamp) = timestamp.filter(|time| time.abs_diff(now) <= tolerance_seconds) else {
        return false;
    };
    let expected = sign(timestamp);
    let Some((_, expected)) = expected.split_once("v1=") else {
        return false;
    };
    signatures
        .iter()
        .any(|given| bool::from(subtle::ConstantTimeEq::ct_eq(given.as_bytes(), expected.as_bytes())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::secret::keyed;

    fn hmac(key: &[u8], parts: &[&[u8]]) -> String {
        let mut text = String::new();
        push_hex(&mut text, &over(keyed(key), parts));
        text
    }

    /// RFC 4231, test cases 1, 2, 3, 4, 6 and 7 (5 is of a truncated output).
    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let vectors: &[(&[u8], &[u8], &str)] = &[
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25],
                &[0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. \
                    The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, data, expected) in vectors {
            assert_eq!(hmac(key, &[data]), *expected);
            let (head, tail) = data.split_at(data.len() / 2);
            assert_eq!(hmac(key, &[head, tail]), *expected, "the parts are one message");
        }
    }

    proptest! {
        /// The `standardwebhooks` crate is the oracle: it was written by others.
        #[test]
        fn standard_webhooks_is_what_its_own_library_makes(
            body in "\\PC{0,200}",
            time in 1_i64..4_000_000_000,
        ) {
            let secret = SigningSecret::generate();
            let oracle = standardwebhooks::Webhook::new(secret.reveal()).expect("a secret it accepts");
            let expected = oracle.sign("evt_1", time, body.as_bytes()).expect("signs");
            let message = Message { id: "evt_1", timestamp: time.unsigned_abs(), body: body.as_bytes() };
            prop_assert_eq!(standard_webhooks(message, &[secret]), expected);
        }

        #[test]
        fn a_signature_verifies_until_a_byte_or_the_time_changes(
            body: Vec<u8>,
            flip: usize,
            time in 400_u64..4_000_000_000,
        ) {
            let (old, new) = (SigningSecret::generate(), SigningSecret::generate());
            let message = Message { id: "evt_1", timestamp: time, body: &body };
            let value = stripe(message, &[old.clone(), new.clone()]);
            for secret in [&old, &new] {
                prop_assert!(verify_stripe(&value, &body, secret, time + 300, 300));
                prop_assert!(!verify_stripe(&value, &body, secret, time + 301, 300));
            }
            prop_assert!(!verify_stripe(&value, &body, &SigningSecret::generate(), time, 300));
            let mut other = body.clone();
            if other.is_empty() { other.push(0) } else { let at = flip % other.len(); other[at] ^= 1 }
            prop_assert!(!verify_stripe(&value, &other, &new, time, 300));
            let value = shared("any text", time, &body);
            prop_assert!(verify_shared(&value, &body, "any text", time + 300, 300));
            prop_assert!(!verify_shared(&value, &other, "any text", time, 300));
            prop_assert!(!verify_shared(&value, &body, "another", time, 300));
        }

        #[test]
        fn no_header_makes_verification_panic(value in "\\PC{0,80}|t=[0-9]{0,25}(,v1=[0-9a-f]{0,70}){0,3}") {
            let verified = verify_stripe(&value, b"{}", &SigningSecret::generate(), 1_000, 300);
            prop_assert!(!verified);
        }
    }

    #[test]
    fn the_stripe_header_has_no_space_and_lowercase_hex() {
        let secret = SigningSecret::parse("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3").expect("24 bytes");
        let value = stripe(Message { id: "evt_1", timestamp: 1_492_774_577, body: b"{}" }, &[secret]);
        let digest = value.strip_prefix("t=1492774577,v1=").expect("this shape");
        assert!(digest.len() == 64 && digest.chars().all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c)));
    }
}
