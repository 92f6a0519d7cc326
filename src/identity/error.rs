//! What can go wrong with the cluster secret.

use crate::hint::Hint;

/// An error of reading or making the cluster secret. It never holds the secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {}

impl Hint for IdentityError {
    fn hint(&self) -> Option<String> {
        None
    }
}
