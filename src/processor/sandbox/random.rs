//! Names that can't be guessed.

/// A random name with that prefix: 128 bits.
pub(super) fn random(prefix: &str) -> String {
    format!("{prefix}{:032x}", rand::random::<u128>())
}
