//! The fingerprint of a cluster secret, by which files say which secret they were made with.

use crate::types::hex;

/// A number that tells one cluster secret from others, and says nothing about the secret or any key: 32 hexadecimal
/// digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SecretFingerprint(String);

impl SecretFingerprint {
    pub(super) fn of(bytes: &[u8; 16]) -> Self {
        Self(hex::encode(bytes))
    }

    /// Reads a fingerprint as it is written; `None` where a text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 16];
        hex::decode_into(text.as_bytes(), &mut bytes).then(|| Self::of(&bytes))
    }

    /// Returns the first eight digits, which are enough for people.
    pub fn short(&self) -> &str {
        self.0.split_at_checked(8).map_or(&*self.0, |(short, _)| short)
    }
}

impl std::fmt::Display for SecretFingerprint {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}
