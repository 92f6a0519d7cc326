//! OpenSSH public keys.

/// One line of an authorized_keys file: options, type, key and comment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct AuthorizedKey(String);

impl AuthorizedKey {
    /// The line, without its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
