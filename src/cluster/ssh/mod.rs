//! OpenSSH public keys, and the options before them.

mod error;
mod key;
mod options;

pub use error::NotAPublicKey;
pub use key::AuthorizedKey;
pub(crate) use key::{is_private_key, looks_like_key};
