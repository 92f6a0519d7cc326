//! The cluster secret, and what is derived from it.

use super::{IdentityError, LoginKey};
use std::path::Path;
use zeroize::Zeroizing;

/// Overrides the secret file: 64 hexadecimal digits.
pub const SECRET_ENVIRONMENT_VARIABLE: &str = "CARDWRIGHT_SECRET";

/// The 32 bytes that every key of a cluster is derived from.
pub struct ClusterSecret(Zeroizing<[u8; 32]>);

/// Whether a missing secret file may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// Made from the machine's randomness, with mode 0600.
    Allowed,
    /// An error: in CI and with `--locked` a new secret would silently be another cluster.
    Forbidden,
}

impl ClusterSecret {
    /// Reads the secret from the file at `path`, or makes it. Also says whether it was made.
    ///
    /// # Errors
    /// When it is missing and may not be made, is not 64 hexadecimal digits, or others can read it.
    pub fn open(_path: &Path, _creation: Creation) -> Result<(Self, bool), IdentityError> {
        todo!()
    }

    /// The secret in an environment variable's value.
    ///
    /// # Errors
    /// When it is not 64 hexadecimal digits.
    pub fn from_hex(_text: &str) -> Result<Self, IdentityError> {
        todo!()
    }

    /// The token that servers share, and agents of a cluster without an agent token.
    pub fn server_token(&self) -> Zeroizing<String> {
        todo!()
    }

    /// The token that lets a node join as an agent, and as nothing else.
    pub fn agent_token(&self) -> Zeroizing<String> {
        todo!()
    }

    /// What k3s keeps in /etc/rancher/node/password.
    pub fn node_password(&self, _node: &str) -> Zeroizing<String> {
        todo!()
    }

    /// The key to log in with where nodes.yaml names none.
    pub fn login_key(&self, _comment: &str) -> LoginKey {
        todo!()
    }
}
