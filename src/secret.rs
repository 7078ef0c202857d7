//! Random secrets: API keys and signing secrets. They are shown once. API keys are compared by their hashes.

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::clock::Timestamp;
use crate::contract::{
    LIVE_KEY_PREFIX, RESTRICTED_LIVE_KEY_PREFIX, RESTRICTED_TEST_KEY_PREFIX, SIGNING_SECRET_PREFIX,
    TEST_KEY_PREFIX,
};

/// A signing secret of a webhook endpoint: `whsec_` and 24 random bytes in standard base64 (32 characters).
///
/// One text serves both signature schemes. Stripe's scheme keys its HMAC with the whole text, Standard
/// Webhooks with the bytes that the part after `whsec_` decodes to.
#[derive(Clone)]
pub struct SigningSecret(Arc<Keys>);

/// The text, and the keyed MAC of each scheme, so that a key is hashed once and not for each signature.
struct Keys {
    text: SecretString,
    stripe: Mac,
    standard_webhooks: Mac,
}

/// HMAC-SHA256 (RFC 2104, FIPS 198-1).
pub(crate) type Mac = Hmac<Sha256>;

/// A MAC with that key, over nothing yet.
///
/// # Panics
/// Never: HMAC takes a key of any length.
pub(crate) fn keyed(key: &[u8]) -> Mac {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length; the error exists for other MACs")]
    Mac::new_from_slice(key).expect("any key length")
}

/// The error of a text that is not `whsec_` followed by 24 to 64 bytes in padded standard base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a signing secret is 'whsec_' followed by 24 to 64 bytes in standard base64")]
pub struct SigningSecretError;

impl SigningSecret {
    /// A new secret from the operating system's randomness.
    #[must_use]
    pub fn generate() -> Self {
        let key = rand::random::<[u8; 24]>();
        Self::new(&format!("{SIGNING_SECRET_PREFIX}{}", STANDARD.encode(key)), &key)
    }

    fn new(text: &str, key: &[u8]) -> Self {
        let (stripe, standard_webhooks) = (keyed(text.as_bytes()), keyed(key));
        Self(Arc::new(Keys { text: text.into(), stripe, standard_webhooks }))
    }

    /// Reads a stored or configured secret.
    pub fn parse(text: &str) -> Result<Self, SigningSecretError> {
        let encoded = text.strip_prefix(SIGNING_SECRET_PREFIX).ok_or(SigningSecretError)?;
        let key = STANDARD.decode(encoded).map_err(|_| SigningSecretError)?;
        if !(24..=64).contains(&key.len()) {
            return Err(SigningSecretError);
        }
        Ok(Self::new(text, &key))
    }

    /// The whole text, for the one answer that shows it and for Stripe's signature scheme.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.text.expose_secret()
    }

    /// The MAC of Stripe's scheme, keyed with the whole text.
    pub(crate) fn stripe(&self) -> Mac {
        self.0.stripe.clone()
    }

    /// The MAC of Standard Webhooks, keyed with the decoded bytes.
    pub(crate) fn standard_webhooks(&self) -> Mac {
        self.0.standard_webhooks.clone()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// The rights of an API key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyKind {
    /// True for the live mode of an account, false for its test mode.
    pub livemode: bool,
    /// True if the key may only read.
    pub readonly: bool,
}

impl KeyKind {
    /// The prefix of keys of that kind.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match (self.readonly, self.livemode) {
            (false, false) => TEST_KEY_PREFIX,
            (false, true) => LIVE_KEY_PREFIX,
            (true, false) => RESTRICTED_TEST_KEY_PREFIX,
            (true, true) => RESTRICTED_LIVE_KEY_PREFIX,
        }
    }
}

/// An API key, `sk_test_…`, `sk_live_…`, `rk_test_…` or `rk_live_…`: 32 random characters, 190 bits.
#[derive(Debug, Clone)]
pub struct ApiKey(SecretString);

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Random letters and digits: 5.95 bits each.
#[must_use]
pub fn random_text(length: usize) -> String {
    let random = (0..length).filter_map(|_| ALPHABET.get(rand::random_range(0..ALPHABET.len())));
    random.map(|byte| char::from(*byte)).collect()
}

impl ApiKey {
    /// A new key.
    #[must_use]
    pub fn generate(kind: KeyKind) -> Self {
        let prefix = kind.prefix();
        Self(format!("{prefix}{}", random_text(32)).into())
    }

    /// The whole key, for the one time it is shown.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }

    /// The part of it that people may see: the mode and the last four characters.
    #[must_use]
    pub fn hint(&self) -> String {
        let key = self.reveal();
        format!(
            "{}…{}",
            key.get(..8).unwrap_or_default(),
            key.get(key.len().saturating_sub(4)..).unwrap_or_default()
        )
    }
}

/// A session of the dashboard that was ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// The account of the key that was used to sign in.
    pub account: i64,
    /// That key's number.
    pub key: i64,
    /// SHA-256 of the session's token.
    pub hash: [u8; 32],
    /// The time at which it ends by itself.
    pub until: Timestamp,
}

impl Session {
    /// The session of that token.
    #[must_use]
    pub fn new((account, key): (i64, i64), token: &str, until: Timestamp) -> Self {
        Self { account, key, hash: Sha256::digest(token.as_bytes()).into(), until }
    }
}

/// The SHA-256 of a key, which is stored and looked up. A key is random enough that no slow hash is needed.
#[must_use]
pub fn hash_api_key(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signing_secret_reads_back_and_hides_itself_from_debug() {
        let secret = SigningSecret::generate();
        let read = SigningSecret::parse(secret.reveal()).expect("its own text");
        assert_eq!(read.reveal(), secret.reveal());
        assert_eq!(secret.reveal().len(), "whsec_".len() + 32);
        assert!(!format!("{secret:?}").contains(secret.reveal()));
    }

    #[test]
    fn what_is_no_signing_secret_is_refused() {
        for text in [
            "",
            "whsec_",
            "whsec_AAAA",
            "whsec_????",
            "sk_test_x",
            "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3OA",
        ] {
            assert_eq!(SigningSecret::parse(text).map(|_| ()), Err(SigningSecretError), "{text}");
        }
    }

    #[test]
    fn api_keys_differ_name_their_mode_and_show_little() {
        let (a, b) = (ApiKey::generate(KeyKind::default()), ApiKey::generate(KeyKind::default()));
        assert_ne!(a.reveal(), b.reveal());
        assert!(
            a.reveal().starts_with("sk_test_")
                && ApiKey::generate(KeyKind { livemode: true, readonly: false })
                    .reveal()
                    .starts_with("sk_live_")
        );
        assert_eq!(a.hint().chars().count(), 13);
        assert!(!format!("{a:?}").contains(a.reveal()));
    }
}
