//! Raspberry Pi's list of images, as Raspberry Pi Imager reads it
//! (<https://github.com/raspberrypi/rpi-imager/blob/main/doc/json-schema/os-list-schema.json>).
//!
//! The list has operating systems of others as well, in lists of theirs. Of these nothing is read: an image is one of
//! Raspberry Pi's only where Raspberry Pi, or the server of the list itself, sends it.

use super::{ImagePin, PinError};
use crate::cluster::ImageName;
use crate::fetch;
use crate::raspios::{Codename, PublishedFile};
use crate::types::absent::OrEmpty as _;
use crate::types::{ByteCount, Digest};
use serde_json::Value;
use std::fs;

/// The address of the list.
pub const OS_LIST: &str = "https://downloads.raspberrypi.com/os_list_imagingutility_v4.json";

/// The environment variable with another address of the list.
pub const OS_LIST_ENVIRONMENT_VARIABLE: &str = "CARDWRIGHT_OS_LIST";

/// Many times the size of the real one.
const LONGEST_LIST: u64 = 16 << 20;

/// Many times the number of Raspberry Pi's own lists.
const MOST_LISTS: usize = 32;

/// The most that an image has, compressed or not.
const LARGEST_IMAGE: u64 = 64 << 30;

/// An image that Raspberry Pi publishes.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct PublishedImage {
    /// The name that nodes.yaml may have for it, without the day.
    #[serde(rename = "name")]
    pub base: &'static str,
    /// The day in the name of its file.
    pub release_date: String,
    /// The release that it is of.
    pub codename: Codename,
    /// Its address.
    pub url: String,
    /// The size of the file, compressed as it is.
    pub download_size: ByteCount,
    /// The SHA-256 of the file, compressed as it is.
    pub download_sha256: Digest,
    /// The size of the image.
    pub extract_size: ByteCount,
    /// The SHA-256 of the image.
    pub extract_sha256: Digest,
}

impl PublishedImage {
    pub(super) fn pin(&self) -> ImagePin {
        ImagePin {
            name: self.base.to_owned(),
            release_date: self.release_date.clone(),
            url: self.url.clone(),
            download_size: self.download_size,
            download_sha256: self.download_sha256,
            extract_size: self.extract_size,
            extract_sha256: self.extract_sha256,
        }
    }
}

/// Returns the images that the list at `address`, or in a file of that path, has and that cardwright understands: in the order of
/// [`ImageName::ALL`], the newest of each name first.
///
/// # Errors
/// When the list is not available, is none, or has an entry that may not be trusted.
pub fn published_images(address: &str) -> Result<Vec<PublishedImage>, PinError> {
    published_by(address, &|url| {
        // What lists lead to is never a file: their addresses begin with https.
        if url == address && !url.contains("://") {
            let read = fs::read_to_string(url);
            return read
                .map_err(|error| PinError::NoList { url: url.to_owned(), problem: error.to_string() });
        }
        let fetched = fetch::fetch_text(url, LONGEST_LIST);
        fetched.map_err(|source| PinError::ListNotAvailable { source })
    })
}

fn published_by(
    address: &str,
    read: &dyn Fn(&str) -> Result<String, PinError>,
) -> Result<Vec<PublishedImage>, PinError> {
    let (mut images, mut lists) = (Vec::new(), vec![address.to_owned()]);
    let mut number = 0;
    while let Some(url) = lists.get(number).cloned() {
        number += 1;
        let list = OsList { url: &url, host: host(address) };
        let problem = |problem: String| PinError::NoList { url: fetch::shown(&url), problem };
        let text = read(&url)?;
        let value: Value = serde_json::from_str(&text).map_err(|error| problem(error.to_string()))?;
        let entries = value.get("os_list").and_then(Value::as_array);
        list.walk(
            entries.ok_or_else(|| problem("it has no `os_list`".to_owned()))?,
            &mut images,
            &mut lists,
        )?;
        if lists.len() > MOST_LISTS {
            return Err(problem(format!("it leads to more than {MOST_LISTS} others")));
        }
    }
    let place = |image: &PublishedImage| ImageName::ALL.iter().position(|name| *name == image.base);
    let age = |image: &PublishedImage| (image.codename, image.release_date.clone());
    images.sort_by(|one, other| {
        place(one)
            .cmp(&place(other))
            .then_with(|| age(other).cmp(&age(one)))
            .then_with(|| one.url.cmp(&other.url))
    });
    // Lists name the same image for several boards.
    images.dedup();
    Ok(images)
}

/// Returns the image that a name means: the newest of the newest release, or that of the day.
pub(super) fn choose<'list>(
    known: &'list [PublishedImage],
    name: &ImageName,
) -> Option<&'list PublishedImage> {
    let is_of_day = |image: &&PublishedImage| name.date().is_none_or(|date| date == image.release_date);
    known.iter().filter(|image| image.base == name.base()).find(is_of_day)
}

/// A list, and the host of the one that led to it.
struct OsList<'list> {
    url: &'list str,
    host: &'list str,
}

impl OsList<'_> {
    /// Collects the images of a list, and the addresses of further ones.
    fn walk(
        &self,
        entries: &[Value],
        images: &mut Vec<PublishedImage>,
        lists: &mut Vec<String>,
    ) -> Result<(), PinError> {
        for entry in entries {
            if let Some(below) = entry.get("subitems").and_then(Value::as_array) {
                self.walk(below, images, lists)?;
            } else if let Some(url) = text(entry, "subitems_url") {
                if self.is_own(url) && !lists.iter().any(|known| known == url) {
                    self.check_scheme(entry, url)?;
                    lists.push(url.to_owned());
                }
            // Whoever names a list in a file vouches for the servers in it.
            } else if let Some(url) =
                text(entry, "url").filter(|url| self.host.is_empty() || self.is_own(url))
            {
                images.extend(self.image(entry, url)?);
            }
        }
        Ok(())
    }

    /// Reads an entry. `None` where it is no image that cardwright understands.
    fn image(&self, entry: &Value, url: &str) -> Result<Option<PublishedImage>, PinError> {
        let file = url.rsplit('/').next().or_empty();
        let Some(PublishedFile { date, codename, base }) = PublishedFile::parse(file) else {
            return Ok(None);
        };
        self.check_scheme(entry, url)?;
        let digest = |key: &str| {
            let digest = text(entry, key).and_then(Digest::parse);
            digest.ok_or_else(|| self.hostile(entry, &format!("has no valid `{key}`")))
        };
        let size = |key: &str| {
            let size =
                entry.get(key).and_then(Value::as_u64).filter(|size| (1..=LARGEST_IMAGE).contains(size));
            let size = size.ok_or_else(|| self.hostile(entry, &format!("has no valid `{key}`")));
            size.map(ByteCount::new)
        };
        Ok(Some(PublishedImage {
            base,
            release_date: date.to_owned(),
            codename,
            url: url.to_owned(),
            download_size: size("image_download_size")?,
            download_sha256: digest("image_download_sha256")?,
            extract_size: size("extract_size")?,
            extract_sha256: digest("extract_sha256")?,
        }))
    }

    /// Returns `true` for an address of Raspberry Pi's, or of the server that the list is from.
    fn is_own(&self, url: &str) -> bool {
        let host = host(url);
        let is_of = |domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        host == self.host || is_of("raspberrypi.com") || is_of("raspberrypi.org")
    }

    /// Refuses what is less protected than the list itself.
    fn check_scheme(&self, entry: &Value, url: &str) -> Result<(), PinError> {
        let is_secure = |url: &str| url.starts_with("https://");
        if is_secure(url) || (url.starts_with("http://") && !is_secure(self.url)) {
            return Ok(());
        }
        Err(self.hostile(entry, "is named by an address without https"))
    }

    fn hostile(&self, entry: &Value, problem: &str) -> PinError {
        let entry = text(entry, "name").or_empty().to_owned();
        PinError::Hostile { url: fetch::shown(self.url), entry, problem: problem.to_owned() }
    }
}

fn text<'entry>(entry: &'entry Value, key: &str) -> Option<&'entry str> {
    entry.get(key).and_then(Value::as_str)
}

/// Returns the host of an address, with its port; with a user name it is nobody's.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map(|(_, rest)| rest);
    rest.and_then(|rest| rest.split(['/', '?', '#']).next()).or_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOST: &str = "https://downloads.raspberrypi.com";

    fn entry(file: &str) -> Value {
        json!({
            "name": file,
            "url": format!("{HOST}/images/{file}"),
            "extract_size": 2000,
            "extract_sha256": Digest::of(b"image"),
            "image_download_size": 1000,
            "image_download_sha256": Digest::of(file.as_bytes()),
            "release_date": "2026-10-07",
            "devices": ["pi5"],
        })
    }

    /// The images of lists by their addresses; the first one is the list.
    fn read(lists: &[(&str, Value)]) -> Result<Vec<PublishedImage>, PinError> {
        published_by(lists[0].0, &|url| {
            let found = lists.iter().find(|(known, _)| *known == url);
            let missing = || PinError::NoList { url: url.to_owned(), problem: "missing".to_owned() };
            found.map(|(_, list)| list.to_string()).ok_or_else(missing)
        })
    }

    fn one(entries: &Value) -> Result<Vec<PublishedImage>, PinError> {
        read(&[("https://downloads.raspberrypi.com/list.json", json!({ "os_list": entries }))])
    }

    #[test]
    fn lists_in_lists_are_followed_and_the_newest_release_comes_first() {
        let images = read(&[
            (
                "https://downloads.raspberrypi.com/list.json",
                json!({"os_list": [
                    entry("2026-10-06-raspios-bookworm-arm64-lite.img.xz"),
                    {"name": "others", "subitems": [
                        entry("2026-09-15-raspios-trixie-arm64-lite.img.xz"),
                        {"name": "more", "subitems_url": "https://downloads.raspberrypi.org/more.json"},
                        {"name": "Ubuntu", "subitems_url": "https://cdimage.example.org/never-read.json"},
                    ]},
                    entry("2026-09-15-raspios-trixie-arm64-lite.img.xz"),
                ]}),
            ),
            (
                "https://downloads.raspberrypi.org/more.json",
                json!({"os_list": [
                    entry("2026-10-06-raspios-trixie-arm64-full.img.xz"),
                    entry("2026-10-06-raspios-trixie-arm64-lite.img.xz"),
                    // Leads back.
                    {"name": "all", "subitems_url": "https://downloads.raspberrypi.com/list.json"},
                ]}),
            ),
        ])
        .unwrap();
        let seen: Vec<_> =
            images.iter().map(|image| (image.base, image.codename.as_str(), &*image.release_date)).collect();
        assert_eq!(
            seen,
            [
                ("raspios-lite-arm64", "trixie", "2026-10-06"),
                ("raspios-lite-arm64", "trixie", "2026-09-15"),
                ("raspios-lite-arm64", "bookworm", "2026-10-06"),
                ("raspios-full-arm64", "trixie", "2026-10-06"),
            ]
        );
        let choose =
            |name: &str| choose(&images, &ImageName::parse(name).unwrap()).map(|image| &*image.release_date);
        assert_eq!(choose("raspios-lite-arm64"), Some("2026-10-06"));
        assert_eq!(choose("raspios-lite-arm64@2026-09-15"), Some("2026-09-15"));
        assert_eq!(choose("raspios-lite-arm64@2020-01-01"), None);
        assert_eq!(choose("raspios-armhf"), None);
    }

    #[test]
    fn images_of_others_are_nobodys_business() {
        let mut foreign = entry("2030-10-06-raspios-trixie-arm64-lite.img.xz");
        for url in [
            "https://example.org/2030-10-06-raspios-trixie-arm64-lite.img.xz",
            "https://evilraspberrypi.com/2030-10-06-raspios-trixie-arm64-lite.img.xz",
            "https://downloads.raspberrypi.com@example.org/2030-10-06-raspios-trixie-arm64-lite.img.xz",
            "https://example.org?.raspberrypi.com/2030-10-06-raspios-trixie-arm64-lite.img.xz",
        ] {
            foreign["url"] = json!(url);
            assert_eq!(one(&json!([foreign])).unwrap(), [], "{url}");
        }
        assert_eq!(
            one(&json!([entry("2026-01-01-raspios-forky-arm64.img.xz"), entry("ubuntu.img.xz")])).unwrap(),
            []
        );
    }

    #[test]
    fn a_list_that_may_not_be_trusted_is_refused() {
        let file = "2026-10-06-raspios-trixie-arm64-lite.img.xz";
        for (key, value, said) in [
            ("url", json!(format!("http://downloads.raspberrypi.com/{file}")), "without https"),
            ("url", json!(format!("file://downloads.raspberrypi.com/{file}")), "without https"),
            ("extract_sha256", json!(null), "no valid `extract_sha256`"),
            ("image_download_sha256", json!(""), "no valid `image_download_sha256`"),
            ("image_download_sha256", json!(7), "no valid `image_download_sha256`"),
            ("image_download_size", json!(-1), "no valid `image_download_size`"),
            ("extract_size", json!(1_u64 << 40), "no valid `extract_size`"),
        ] {
            let mut entry = entry(file);
            entry[key] = value;
            let error = one(&json!([entry])).unwrap_err();
            assert!(
                matches!(&error, PinError::Hostile { .. }) && error.to_string().contains(said),
                "{error}"
            );
        }
        let downgrade =
            json!([{"name": "more", "subitems_url": "http://downloads.raspberrypi.com/more.json"}]);
        assert!(matches!(one(&downgrade), Err(PinError::Hostile { .. })));
        let endless = (0..40).map(|number| json!({"subitems_url": format!("{HOST}/{number}.json")}));
        assert!(matches!(one(&endless.collect()), Err(PinError::NoList { .. })));
        assert!(matches!(one(&json!("x")), Err(PinError::NoList { .. })));
    }
}
