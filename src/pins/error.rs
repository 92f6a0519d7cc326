//! The errors of pinning.

use crate::fetch::FetchError;
use crate::io::FileError;
use crate::types::errors;
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of finding out which files nodes.yaml means, or of pinning them.
    #[derive(Debug, thiserror::Error)]
    pub enum PinError {
        /// The lock file cannot be read.
        #[error("{} cannot be read: {source}", path.display())]
        Read { path: PathBuf, source: io::Error } => "Check that you may read it",
        /// The lock file is none.
        #[error("{} is not what cardwright writes: {problem}", path.display())]
        Malformed { path: PathBuf, problem: String }
            => "Take it back from git, or remove it: `cardwright update` makes it anew, with the newest files",
        /// The lock file cannot be written.
        #[error(transparent)]
        Write(#[from] FileError) => "Check that you may write to the folder of nodes.yaml",
        /// Raspberry Pi's list of images, or a part of it, is not available.
        #[error("the list of images is not available: {source}")]
        ListNotAvailable { source: FetchError } => match source {
            FetchError::Untrusted { .. } => crate::types::Hint::hint(source),
            _ => Some("Try again later, name a copy of the list with `--os-list`, or download an image yourself and name it under `image:` with `path:`".to_owned()),
        },
        /// A list that is none.
        #[error("what `{url}` sends is no list of images: {problem}")]
        NoList { url: String, problem: String } => "Check the address; `--os-list` takes a list as Raspberry Pi Imager reads it",
        /// A list that may not be trusted.
        #[error("the list `{url}` is not to be trusted: `{entry}` {problem}")]
        Hostile { url: String, entry: String, problem: String }
            => "Take another list with `--os-list`, or download an image yourself and name it under `image:` with its SHA-256",
        /// An image that is not in the list.
        #[error("Raspberry Pi's list has no image `{name}`")]
        NoImage { name: String, known: String } => if known.is_empty() {
            "`cardwright images` lists what there is".to_owned()
        } else {
            format!("It has {known}. Download an older one yourself, and name it under `image:` with its SHA-256")
        },
        /// The checksums of a k3s release are not available.
        #[error("the checksums of k3s {version} are not available: {source}")]
        NoChecksums { version: String, source: FetchError } => match source {
            FetchError::Status { status: 404, .. } =>
                "Check `version:` under `k3s:` against https://github.com/k3s-io/k3s/releases",
            _ => "Try again later",
        },
        /// A release without a file that it is to have.
        #[error("`{url}` has no SHA-256 of `{file}`")]
        NotListed { url: String, file: String } => "Choose another `version:` under `k3s:`, or name the files under `bundled:` yourself",
        /// A pin that is missing, where nothing may be downloaded.
        #[error("cardwright.lock does not say which file `{what}` is, and nothing may be downloaded")]
        Offline { what: String } => "Run `cardwright fetch` once with a connection",
        /// Pins that are missing, where they may not be made.
        #[error("there is no cardwright.lock, and `--locked` forbids to make it")]
        NoLock => "Run `cardwright fetch` without `--locked`, and commit cardwright.lock",
        /// Pins that are not those of nodes.yaml.
        #[error("cardwright.lock does not fit: {}", differences.join("; "))]
        Locked { differences: Vec<String> }
            => "Run it without `--locked`, or `cardwright update`, look at the change of cardwright.lock, and commit it",
    }
}
