//! The files of a k3s release, and the SHA-256 of each as k3s publishes them.

use super::{K3sPin, PinError};
use crate::cluster::{Cluster, ImageSource, Install};
use crate::fetch;
use crate::github_keys::github;
use crate::types::{Architecture, Digest};
use std::collections::BTreeMap;

/// Many times the size of the longest list.
const LONGEST_LIST: u64 = 1 << 16;

/// The files of k3s that nodes.yaml needs.
pub(super) struct WantedRelease {
    pub(super) version: String,
    /// The address before `/k3s-arm64`.
    url: String,
    checksums: &'static str,
    files: Vec<String>,
    /// Set where cards cannot be made without.
    pub(super) is_required: bool,
}

impl WantedRelease {
    /// Returns the files that a cluster needs; `None` where nodes.yaml has their SHA-256, or says where they are.
    pub(super) fn of(cluster: &Cluster) -> Option<Self> {
        let k3s = cluster.k3s.as_ref()?;
        let architecture = architecture(&cluster.image);
        let (name, checksums) = match architecture {
            Architecture::Arm64 => ("arm64", "sha256sum-arm64.txt"),
            Architecture::Armhf => ("arm", "sha256sum-arm.txt"),
        };
        let program = format!("k3s-{architecture}");
        let (base, files) = match &k3s.install {
            Install::Published => {
                let archive = format!("k3s-airgap-images-{name}.tar.zst");
                (format!("{}/k3s-io/k3s/releases/download", github()), vec![program, archive])
            }
            Install::Download { base_url, sha256_arm64, sha256_armhf } => {
                let pinned = match architecture {
                    Architecture::Arm64 => sha256_arm64,
                    Architecture::Armhf => sha256_armhf,
                };
                // Without https nobody vouches for what a first look would pin.
                if pinned.is_some() || !base_url.starts_with("https://") {
                    return None;
                }
                (base_url.clone(), vec![program])
            }
            Install::Bundled { .. } => return None,
        };
        Some(Self {
            version: k3s.version.to_string(),
            url: k3s.version.address_below(&base),
            checksums,
            files,
            is_required: k3s.install == Install::Published,
        })
    }

    /// Lists the files that a pin does not have.
    pub(super) fn missing_in<'a>(&'a self, pin: &'a K3sPin) -> impl Iterator<Item = &'a String> {
        self.files.iter().filter(|file| !pin.files.contains_key(*file))
    }

    /// Reads the published checksums.
    pub(super) fn look_up(&self) -> Result<K3sPin, PinError> {
        let url = format!("{}/{}", self.url, self.checksums);
        let text = fetch::fetch_text(&url, LONGEST_LIST)
            .map_err(|source| PinError::NoChecksums { version: self.version.clone(), source })?;
        let listed = listed(&text);
        let pin = |file: &String| {
            let digest = listed.get(file.as_str()).copied();
            let digest = digest.ok_or_else(|| PinError::NotListed { url: url.clone(), file: file.clone() });
            Ok((file.clone(), digest?))
        };
        let files: Result<_, PinError> = self.files.iter().map(pin).collect();
        Ok(K3sPin { version: self.version.clone(), url: self.url.clone(), files: files? })
    }
}

/// Returns the architecture of an image before it is opened. Where a file is another one than its name says, opening
/// what is put inside the cards fails.
pub(super) fn architecture(image: &ImageSource) -> Architecture {
    match image {
        ImageSource::Named(name) => name.architecture(),
        ImageSource::File(location) if location.file_name().contains("armhf") => Architecture::Armhf,
        ImageSource::File(_) | ImageSource::Demo => Architecture::Arm64,
    }
}

/// Reads the lines of sha256sum(1).
fn listed(text: &str) -> BTreeMap<&str, Digest> {
    let entry = |line| {
        let (digest, file) = str::split_once(line, ' ')?;
        Some((file.trim_start_matches([' ', '*']), Digest::parse(digest)?))
    };
    text.lines().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_read_as_sha256sum_writes_them() {
        let digest = Digest::of(b"k3s");
        let text = format!("{digest}  k3s-arm64\n{digest} *k3s\nnothing\n\nxyz  k3s-armhf\n");
        assert_eq!(listed(&text).into_iter().collect::<Vec<_>>(), [("k3s", digest), ("k3s-arm64", digest)]);
    }
}
