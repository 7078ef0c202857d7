//! Signing secrets at rest. They are sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a
//! key that the database doesn't have. Each is bound to its endpoint, so that none can be put in another's
//! place.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::secret::SigningSecret;

/// Bytes of a key.
const KEY_BYTES: usize = 32;
/// Bytes of a nonce. Random ones of this length don't collide, however many secrets there are.
const NONCE_BYTES: usize = 24;

/// The keys that secrets are sealed with: the first one seals, all of them open.
#[derive(Clone)]
pub struct Keyring(Vec<(String, XChaCha20Poly1305)>);

/// The error of a text that is no list of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected 32 bytes in standard base64, or several with commas or line ends between; \
     `calmony secrets generate-key` makes one"
)]
pub struct KeyringError;

/// A secret that can't be opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is sealed with a key that the keyring lacks.
    #[error("it is sealed with the key {0}, which is not among those given")]
    UnknownKey(String),
    /// The text was altered, or was sealed for another endpoint.
    #[error("it was changed, or sealed for another place")]
    Damaged,
}

/// A sealed secret, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key that it is sealed with.
    pub key_id: String,
    /// The nonce and the sealed text, in base64.
    pub text: String,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyring({:?})", self.0.iter().map(|(id, _)| id).collect::<Vec<_>>())
    }
}

impl FromStr for Keyring {
    type Err = KeyringError;

    fn from_str(text: &str) -> Result<Self, KeyringError> {
        let key = |part: &str| {
            let bytes = STANDARD.decode(part).map_err(|_| KeyringError)?;
            let cipher = XChaCha20Poly1305::new_from_slice(&bytes).map_err(|_| KeyringError)?;
            Ok((key_id(&bytes), cipher))
        };
        let parts = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|part| !part.is_empty());
        let keys = parts.map(key).collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyringError) } else { Ok(Self(keys)) }
    }
}

/// The id of a key in a row: the first eight hexadecimal digits of its SHA-256.
fn key_id(key: &[u8]) -> String {
    let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(key).into();
    format!("{:08x}", u32::from_be_bytes([a, b, c, d]))
}

/// A new key in the form of the configuration.
#[must_use]
pub fn generate_key() -> String {
    STANDARD.encode(rand::random::<[u8; KEY_BYTES]>())
}

impl Keyring {
    /// True if the keyring has the key of that id.
    #[must_use]
    pub fn has(&self, key_id: &str) -> bool {
        self.0.iter().any(|(id, _)| id == key_id)
    }

    /// Those of these keys that the keyring lacks.
    pub fn lacks<'a>(&self, key_ids: &'a [String]) -> Vec<&'a str> {
        key_ids.iter().map(String::as_str).filter(|id| !self.has(id)).collect()
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn current(&self) -> &str {
        self.0.first().map_or("", |(id, _)| id)
    }

    /// Seals a secret of that endpoint.
    #[must_use]
    pub fn seal(&self, secret: &SigningSecret, endpoint: &str) -> Sealed {
        self.seal_text(secret.reveal(), endpoint)
    }

    /// Seals a text that shows a secret, for that place and no other.
    ///
    /// # Panics
    /// Never: the keyring has a key, and a text is far shorter than the cipher's limit.
    #[must_use]
    pub fn seal_text(&self, text: &str, place: &str) -> Sealed {
        let nonce = rand::random::<[u8; NONCE_BYTES]>();
        let payload = Payload { msg: text.as_bytes(), aad: place.as_bytes() };
        let sealed = self.0.first().and_then(|(id, cipher)| {
            let sealed = cipher.encrypt(&XNonce::from(nonce), payload).ok()?;
            Some(Sealed { key_id: id.clone(), text: STANDARD.encode([&nonce[..], &sealed].concat()) })
        });
        #[expect(
            clippy::expect_used,
            reason = "a keyring is parsed from at least one key; the cipher takes 256 GiB"
        )]
        sealed.expect("a key")
    }

    /// Opens a secret of that endpoint.
    pub fn open(&self, key_id: &str, text: &str, endpoint: &str) -> Result<SigningSecret, OpenError> {
        let opened = self.open_text(key_id, text, endpoint)?;
        SigningSecret::parse(&opened).map_err(|_| OpenError::Damaged)
    }

    /// Opens a text that was sealed for that place.
    pub fn open_text(&self, key_id: &str, text: &str, place: &str) -> Result<String, OpenError> {
        let known = self.0.iter().find(|(id, _)| id == key_id);
        let (_, cipher) = known.ok_or_else(|| OpenError::UnknownKey(key_id.to_owned()))?;
        let bytes = STANDARD.decode(text).map_err(|_| OpenError::Damaged)?;
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(OpenError::Damaged)?;
        let payload = Payload { msg: sealed, aad: place.as_bytes() };
        let opened = cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| OpenError::Damaged)?;
        String::from_utf8(opened).map_err(|_| OpenError::Damaged)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(text: &str) -> Keyring {
        text.parse().expect("a keyring")
    }

    #[test]
    fn a_sealed_secret_opens_with_its_key_and_for_its_endpoint_only() {
        let (old, new) = (generate_key(), generate_key());
        let secret = SigningSecret::generate();
        let sealed = keyring(&old).seal(&secret, "we_1");
        let both = keyring(&format!("{new}, {old}"));
        assert_eq!(both.open(&sealed.key_id, &sealed.text, "we_1").expect("opens").reveal(), secret.reveal());
        assert_eq!(both.open(&sealed.key_id, &sealed.text, "we_2").unwrap_err(), OpenError::Damaged);
        assert_ne!(both.current(), sealed.key_id);
        assert!(matches!(
            keyring(&new).open(&sealed.key_id, &sealed.text, "we_1"),
            Err(OpenError::UnknownKey(_))
        ));
        assert!(!sealed.text.contains(secret.reveal()) && !format!("{both:?}").contains(&old));
    }

    #[test]
    fn every_changed_byte_is_noticed() {
        let keys = keyring(&generate_key());
        let sealed = keys.seal(&SigningSecret::generate(), "we_1");
        let bytes = STANDARD.decode(&sealed.text).expect("base64");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let text = STANDARD.encode(&changed);
            assert_eq!(
                keys.open(&sealed.key_id, &text, "we_1").unwrap_err(),
                OpenError::Damaged,
                "byte {at}"
            );
        }
        assert_eq!(keys.open(&sealed.key_id, "AAAA", "we_1").unwrap_err(), OpenError::Damaged);
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn the_cipher_is_the_one_of_the_draft() {
        let hex = |text: &str| -> Vec<u8> {
            (0..text.len())
                .step_by(2)
                .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex"))
                .collect()
        };
        let key: Vec<u8> = (0x80..=0x9f).collect();
        let nonce: [u8; NONCE_BYTES] =
            hex("404142434445464748494a4b4c4d4e4f5051525354555657").try_into().expect("24");
        let aad = hex("50515253c0c1c2c3c4c5c6c7");
        let text: &[u8] = b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip \
            for the future, sunscreen would be it.";
        let cipher = XChaCha20Poly1305::new_from_slice(&key).expect("32 bytes");
        let sealed = cipher.encrypt(&XNonce::from(nonce), Payload { msg: text, aad: &aad }).expect("seals");
        assert_eq!(sealed[..8], hex("bd6d179d3e83d43b"));
        assert_eq!(sealed[sealed.len() - 16..], hex("c0875924c1c7987947deafd8780acf49"));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in ["", "short", "AAAA", &generate_key()[1..], ",", " "] {
            assert_eq!(text.parse::<Keyring>().map(|_| ()), Err(KeyringError), "{text}");
        }
    }
}
