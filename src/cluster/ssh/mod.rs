//! OpenSSH public keys, and the options before them.

mod error;
mod key;
mod options;
mod pinned;

pub use error::NotAPublicKey;
pub use key::AuthorizedKey;
pub(crate) use key::{is_private_key, looks_like_key};
pub use pinned::{FetchedKeys, PinnedKeys};
pub(crate) use pinned::{fingerprint, shown_fingerprint};
