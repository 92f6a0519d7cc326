//! The errors of making access files.

use crate::identity::IdentityError;
use crate::types::Hint;
use std::path::PathBuf;

/// An error of making the access files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// A key or certificate could not be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// ssh_config cannot hold the path of a file.
    #[error("ssh_config cannot name the file `{}`: {reason}", path.display())]
    Path {
        /// The path of the file.
        path: PathBuf,
        /// The reason why not, as a clause.
        reason: &'static str,
    },
}

impl Hint for AccessError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Identity(error) => error.hint(),
            Self::Path { .. } => Some(
                "Rename the folder, or choose another one for the results, with `dir:` under `output:` or `--output`"
                    .to_owned(),
            ),
        }
    }
}
