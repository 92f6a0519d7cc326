//! The places where Raspberry Pi publishes the images.

use super::detect::is_date;

/// The page on which a person chooses one.
pub const DOWNLOAD_PAGE: &str = "https://www.raspberrypi.com/software/operating-systems/";

/// The folders of the newest release, by what stands in a file's name after the release.
const FOLDERS: [(&str, &str); 6] = [
    ("arm64-lite", "raspios_lite_arm64"),
    ("armhf-lite", "raspios_lite_armhf"),
    ("arm64-full", "raspios_full_arm64"),
    ("armhf-full", "raspios_full_armhf"),
    ("arm64", "raspios_arm64"),
    ("armhf", "raspios_armhf"),
];

/// Returns the address of an image that has the name under which Raspberry Pi publishes it, like
/// `2026-10-06-raspios-trixie-arm64-lite.img.xz`.
///
/// Of older releases the folders have other names, which changed more than once.
pub fn download_address(file_name: &str) -> Option<String> {
    let rest = file_name.strip_suffix(".img.xz")?;
    let (date, kind) = rest.split_once("-raspios-trixie-")?;
    let (_, folder) = FOLDERS.into_iter().find(|(known, _)| *known == kind && is_date(date))?;
    Some(format!("https://downloads.raspberrypi.com/{folder}/images/{folder}-{date}/{file_name}"))
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
