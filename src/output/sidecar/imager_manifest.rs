//! CLUSTER.rpi-imager-manifest: the cluster as a list of images in Raspberry Pi Imager.
//!
//! The format is that of Imager's own lists (`doc/schema-notes.md` and `src/oslistmodel.cpp` of
//! rpi-imager 2.0). What matters beyond its schema: without `imager.devices` nothing can be chosen, and with
//! an `init_format` other than `none` Imager offers its customisation, which would undo ours.

use super::lists::Format;
use super::{BuildRecord, JoinedRecord, Sidecar, bmap, json_text, name_of};
use crate::output::{BuiltImage, OutputError};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The facts that all images of a manifest have in common.
#[derive(Debug, Clone)]
pub struct ImagerManifest {
    /// The description of the pseudo-device that represents the cluster.
    pub description: String,
    /// The day the stock image came out, `2026-10-06`.
    pub release_date: String,
    /// `true` if the programs on the nodes are made for 64 bits.
    pub is_64_bit: bool,
    /// The URL of the folder that the images will be downloaded from; files of this machine where it is absent.
    pub base_url: Option<String>,
}

/// The tag that ties the images to the pseudo-device.
const TAG: &str = "cardwright";

/// One of the icons that are inside Imager.
const ICON: &str = "icons/cat_raspberry_pi_os.png";

/// The beginning of the URL of a file of this machine.
pub(super) const FILE: &str = "file:///";

pub(super) const FORMAT: Format =
    Format { lists: &["/os_list"], parts: &[("", "manifest for Raspberry Pi Imager")] };

pub(crate) struct ImagerManifestFile;

impl Sidecar for ImagerManifestFile {
    fn key(&self) -> &'static str {
        "manifest"
    }

    fn file_name(&self, cluster: &str) -> String {
        format!("{cluster}.rpi-imager-manifest")
    }

    fn is_ours(&self, text: &str, _image_names: &[String]) -> bool {
        let Ok(list) = serde_json::from_str::<Value>(text) else { return false };
        let devices = list.pointer("/imager/devices").and_then(Value::as_array);
        let tags = devices.into_iter().flatten().filter_map(|device| device.get("tags")?.as_array());
        tags.flatten().any(|tag| tag == TAG)
    }

    fn content(&self, record: &BuildRecord<'_>, _before: &str) -> Result<Option<String>, OutputError> {
        let Some(manifest) = &record.imager else { return Ok(None) };
        let images =
            record.images.iter().map(|image| manifest.image(image)).collect::<Result<Vec<_>, _>>()?;
        let device = json!({
            "name": format!("Cluster {}", record.cluster),
            "description": manifest.description,
            "tags": [TAG],
            "default": true,
            "matching_type": "exclusive",
            "architecture": manifest.architecture(),
        });
        let list = json!({ "imager": { "devices": [device] }, "os_list": images });
        Ok(Some(json_text(&list)))
    }

    fn joined(&self, joined: &JoinedRecord<'_>, _before: &str) -> Option<String> {
        joined.manifest.as_ref().map(json_text)
    }
}

/// Names the files of this machine that a manifest speaks of by where they are: `images` has the paths, in its order.
pub(super) fn name_files(manifest: &mut Value, images: &[PathBuf]) -> Result<(), OutputError> {
    let entries = manifest.get_mut("os_list").and_then(Value::as_array_mut);
    for (entry, image) in entries.into_iter().flatten().zip(images) {
        for (key, file) in [("url", image.clone()), ("bmap_url", bmap::path_beside(image))] {
            let url = entry.get_mut(key).filter(|url| url.as_str().is_some_and(|url| url.starts_with(FILE)));
            if let Some(url) = url {
                *url = file_url(&file)?.into();
            }
        }
    }
    Ok(())
}

impl ImagerManifest {
    fn architecture(&self) -> &'static str {
        if self.is_64_bit { "armv8" } else { "armhf" }
    }

    fn image(&self, image: &BuiltImage) -> Result<Value, OutputError> {
        let bmap = image.bmap.as_ref().map(|bmap| self.address(bmap)).transpose()?;
        let mut entry = json!({
            "name": image.title,
            "description": image.description,
            "icon": ICON,
            "url": self.address(&image.path)?,
            "extract_size": image.disk_size.get(),
            // Of a raw image they are the same.
            "extract_sha256": image.disk_sha256.or(image.sha256),
            "image_download_size": image.size.get(),
            "release_date": self.release_date,
            "init_format": "none",
            "architecture": self.architecture(),
            "devices": [TAG],
            "image_download_sha256": image.sha256,
            "bmap_url": bmap,
        });
        if let Value::Object(entry) = &mut entry {
            entry.retain(|_, value| !value.is_null());
        }
        Ok(entry)
    }

    /// Returns the URL of a file: Imager takes whole ones only.
    fn address(&self, file: &Path) -> Result<String, OutputError> {
        match &self.base_url {
            Some(base) => Ok(format!("{}/{}", base.trim_end_matches('/'), encoded(&name_of(file)))),
            None => file_url(file),
        }
    }
}

/// Returns the URL of a file of this machine.
fn file_url(file: &Path) -> Result<String, OutputError> {
    let whole = std::path::absolute(file).map_err(OutputError::write("finding", file))?;
    let whole = whole.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    // `file:///home/…`, and on Windows `file:///C:/…`.
    Ok(format!("{FILE}{}", encoded(whole.trim_start_matches('/'))))
}

/// A path as a part of an address (RFC 3986, section 3.3).
fn encoded(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte);
    let encode = |byte| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    path.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::ImageFormat;
    use crate::output::sidecar::Page;

    fn empty() -> ImagerManifest {
        ImagerManifest {
            description: String::new(),
            release_date: String::new(),
            is_64_bit: true,
            base_url: None,
        }
    }

    #[test]
    fn a_manifest_is_known_as_our_own() {
        let record = BuildRecord {
            folder: Path::new("."),
            cluster: "compass",
            format: ImageFormat::default(),
            images: &[],
            image_names: &[],
            page: Page { nodes: Vec::new(), k3s: None, steps: Vec::new() },
            plans: None,
            provenance: None,
            imager: Some(empty()),
        };
        let text = ImagerManifestFile.content(&record, "").unwrap().unwrap();
        let is_ours = |text: &str| ImagerManifestFile.is_ours(text, &[]);
        assert!(is_ours(&text));
        // Imager's own list, as its schema-notes have it.
        let theirs = r#"{"imager": {"devices": [{"name": "Pi 5", "tags": ["pi5-64bit"]}]}, "os_list": []}"#;
        assert!(!is_ours(theirs) && !is_ours("{}") && !is_ours("no JSON"));
    }

    #[test]
    fn files_are_named_by_whole_urls() {
        let mut manifest = empty();
        let file = Path::new("/home/ä b/#1/north.img.xz");
        if cfg!(unix) {
            assert_eq!(manifest.address(file).unwrap(), "file:///home/%C3%A4%20b/%231/north.img.xz");
            let relative = manifest.address(Path::new("images/north.img.xz")).unwrap();
            assert!(relative.starts_with("file:///") && relative.ends_with("/images/north.img.xz"));
        }
        manifest.base_url = Some("https://host/images/".to_owned());
        assert_eq!(manifest.address(file).unwrap(), "https://host/images/north.img.xz");
    }
}
