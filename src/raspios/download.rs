//! The places where Raspberry Pi publishes the images.

use super::Codename;
use crate::cluster::ImageName;
use crate::types::is_date;

/// The page on which a person chooses one.
pub const DOWNLOAD_PAGE: &str = "https://www.raspberrypi.com/software/operating-systems/";

/// The name of a published file, taken apart: `2026-10-06-raspios-trixie-arm64-lite.img.xz`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedFile<'name> {
    /// The day it was made.
    pub date: &'name str,
    /// The release that it is of.
    pub codename: Codename,
    /// The name that nodes.yaml may have for it, without the day.
    pub base: &'static str,
}

impl<'name> PublishedFile<'name> {
    /// Reads the name of a file. `None` for files of others, and for releases that cardwright does not know.
    pub fn parse(file_name: &'name str) -> Option<Self> {
        let (date, rest) = file_name.strip_suffix(".img.xz")?.split_once("-raspios-")?;
        let (codename, kind) = rest.split_once('-')?;
        let codename = Codename::ALL.into_iter().find(|known| known.as_str() == codename)?;
        let base = match kind.split_once('-') {
            Some((architecture, edition)) => format!("raspios-{edition}-{architecture}"),
            None => format!("raspios-{kind}"),
        };
        let base = ImageName::parse(&base)?.base();
        is_date(date).then_some(Self { date, codename, base })
    }
}

/// Returns the address of an image that has the name under which Raspberry Pi publishes it, like
/// `2026-10-06-raspios-trixie-arm64-lite.img.xz`.
///
/// Of older releases the folders have other names, which changed more than once.
pub fn download_address(file_name: &str) -> Option<String> {
    let PublishedFile { date, codename, base } = PublishedFile::parse(file_name)?;
    let folder = base.replace('-', "_");
    (codename == Codename::Trixie)
        .then(|| format!("https://downloads.raspberrypi.com/{folder}/images/{folder}-{date}/{file_name}"))
}

#[cfg(test)]
mod tests {
    use super::download_address;

    #[test]
    fn an_image_that_has_its_published_name_has_an_address() {
        assert_eq!(
            download_address("2026-10-06-raspios-trixie-arm64-lite.img.xz").as_deref(),
            Some(
                "https://downloads.raspberrypi.com/raspios_lite_arm64/images/raspios_lite_arm64-2026-10-06/2026-10-06-raspios-trixie-arm64-lite.img.xz"
            )
        );
        assert!(
            download_address("2026-09-15-raspios-trixie-arm64.img.xz").unwrap().contains("/raspios_arm64/")
        );
        for other in [
            "raspios.img.xz",
            "2026-10-06-raspios-trixie-arm64-lite.img",
            "2023-05-03-raspios-bullseye-armhf.img.xz",
            "2026-10-6-raspios-trixie-arm64-lite.img.xz",
            "2026-10-06-raspios-trixie-riscv-lite.img.xz",
            "../../26-raspios-trixie-arm64-lite.img.xz",
        ] {
            assert_eq!(download_address(other), None, "{other}");
        }
    }
}
