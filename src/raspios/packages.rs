//! The installed packages: /var/lib/dpkg/status, Debian's own list.

use crate::patch::{Partition, PatchError, Stock};
use crate::types::absent::OrEmpty as _;
use crate::types::{ImagePath, image_path};
use std::collections::BTreeMap;

/// Debian's list.
pub(super) const STATUS: ImagePath = image_path!("/var/lib/dpkg/status");

/// The installed packages and their architectures.
///
/// The list has a paragraph per package (deb-control(5)), with `Package`, `Status` and `Architecture`
/// among its fields; what is installed has a status that ends in ` installed`. Whatever else a paragraph
/// has, or lacks, is passed over.
#[derive(Debug, Default)]
pub(super) struct Packages(BTreeMap<String, String>);

impl Packages {
    /// Reads the list of an image; it is empty where the image has none.
    ///
    /// # Errors
    /// When the stock image cannot be read.
    pub(super) fn read(stock: &dyn Stock) -> Result<Self, PatchError> {
        let status = stock.read_lossy(Partition::Root, &STATUS)?;
        Ok(Self::parse(&status.or_empty()))
    }

    fn parse(status: &str) -> Self {
        let mut packages = BTreeMap::new();
        let (mut name, mut architecture, mut installed) = ("", "", false);
        // One empty line more, so that the last paragraph ends as the others do.
        for line in status.lines().chain([""]) {
            if line.trim_end().is_empty() {
                // Of a package for two architectures the first one stands, which is the native one.
                if installed && !name.is_empty() && !packages.contains_key(name) {
                    packages.insert(name.to_owned(), architecture.to_owned());
                }
                (name, architecture, installed) = ("", "", false);
                continue;
            }
            match line.split_once(':').map(|(field, value)| (field, value.trim())) {
                Some(("Package", value)) => name = value,
                Some(("Architecture", value)) => architecture = value,
                Some(("Status", value)) => installed = value.ends_with(" installed"),
                _ => {}
            }
        }
        Self(packages)
    }

    /// Returns `true` if a package is installed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Returns the architecture of the system: that of dpkg itself, or else of one of the packages without which
    /// there is no Debian.
    pub(super) fn architecture(&self) -> Option<&str> {
        let mut known = ["dpkg", "libc6", "bash"].into_iter().filter_map(|name| self.0.get(name));
        known.find(|architecture| !architecture.is_empty() && *architecture != "all").map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::Packages;

    #[test]
    fn only_what_is_installed_counts() {
        let packages = Packages::parse(
            "Package: dpkg\nStatus: install ok installed\nArchitecture: arm64\nDescription: x\n more: y\n\n\
             Package: cloud-init\nStatus: deinstall ok config-files\nArchitecture: all\n\n\
             Status: install ok installed\n\nPackage: network-manager\nStatus: install ok installed",
        );
        assert_eq!(packages.architecture(), Some("arm64"));
        assert!(packages.has("network-manager") && !packages.has("cloud-init"));
    }

    #[test]
    fn a_second_architecture_does_not_hide_the_native_one() {
        let packages = Packages::parse(
            "Package: libc6\nStatus: install ok installed\nArchitecture: arm64\n\n\
             Package: libc6\nStatus: install ok installed\nArchitecture: armhf\n",
        );
        assert_eq!(packages.architecture(), Some("arm64"));
    }

    #[test]
    fn rubbish_is_no_packages() {
        assert_eq!(Packages::parse("").architecture(), None);
        assert_eq!(Packages::parse(":::\n\n:\nPackage\n").architecture(), None);
    }
}
