//! Users, and the proofs they log in with.

use crate::cluster::{AuthorizedKey, PinnedKeys, Secret};
use crate::types::ImagePath;

/// A password of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Password {
    /// A hash as crypt(3) makes it.
    Hash(Secret),
    /// The password itself. Only its hash goes onto a card.
    Plain(Secret),
}

/// The rights of a user to do what root does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sudo {
    /// None.
    None,
    /// With its password.
    WithPassword,
    /// Without being asked for a password.
    WithoutPassword,
}

/// The keys that may log in as a user.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuthorizedKeys {
    /// Those that nodes.yaml has, or files that it names.
    pub lines: Vec<AuthorizedKey>,
    /// Those that are fetched from GitHub.
    pub pinned: Vec<PinnedKeys>,
}

impl AuthorizedKeys {
    /// Returns `true` if there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.pinned.is_empty()
    }
}

/// Returns `true` for a shell that ends at once (nologin(8), false(1)).
pub(crate) fn refuses_login(shell: &ImagePath) -> bool {
    matches!(shell.name(), "nologin" | "false")
}
