//! The errors of making access files.

use crate::identity::IdentityError;
use crate::io::FileError;
use crate::types::errors;
use std::path::PathBuf;

errors! {
    /// An error of making the access files.
    #[derive(Debug, thiserror::Error)]
    pub enum AccessError {
        /// A key or certificate could not be made.
        #[error(transparent)]
        Identity(#[from] IdentityError),
        /// ssh_config cannot hold the path of a file. The reason is a clause.
        #[error("ssh_config cannot name the file `{}`: {reason}", path.display())]
        Path { path: PathBuf, reason: &'static str }
            => "Rename the folder, or choose another one for the results, with `dir:` under `output:` or `--output`",
        /// Those of a shard could not be read.
        #[error(transparent)]
        Read(#[from] FileError as error) => "Copy the whole folder that `build --shard` wrote",
    }
}
