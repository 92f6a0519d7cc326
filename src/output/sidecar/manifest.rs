//! CLUSTER.rpi-imager-manifest: the cluster as a list of images in Raspberry Pi Imager.
//!
//! The format is that of Imager's own lists (`doc/schema-notes.md` and `src/oslistmodel.cpp` of
//! rpi-imager 2.0). What matters beyond its schema: without `imager.devices` nothing can be chosen, and with
//! an `init_format` other than `none` Imager offers its customisation, which would undo ours.

use crate::io::AtomicFile;
use crate::output::OutputError;
use crate::types::ByteCount;
use crate::types::Digest;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What all images of a manifest have in common.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// What the pseudo-device that stands for the cluster is called.
    pub title: String,
    /// What is said of it.
    pub description: String,
    /// The day the stock image came out, `2026-10-06`.
    pub release_date: String,
    /// Whether the programs on the cards are made for 64 bits.
    pub is_64_bit: bool,
    /// Where the images will be downloaded from; files of this machine where it is absent.
    pub base_url: Option<String>,
}

/// One image of a manifest.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// What is said of it.
    pub description: String,
    /// The image.
    pub image: PathBuf,
    /// How large its file is.
    pub size: ByteCount,
    /// The SHA-256 of its file, where it is known.
    pub sha256: Option<Digest>,
    /// How large the disk in it is.
    pub disk_size: ByteCount,
    /// The SHA-256 of the disk in it.
    pub disk_sha256: Digest,
    /// Its bmap, where there is one.
    pub bmap: Option<PathBuf>,
}

/// The tag that ties the images to the pseudo-device.
const TAG: &str = "cardwright";

/// One of the icons that are inside Imager.
const ICON: &str = "icons/cat_raspberry_pi_os.png";

/// Writes a manifest.
///
/// # Errors
/// When the place of an image cannot be told, or the file cannot be written.
pub fn write_manifest(path: &Path, manifest: &Manifest, entries: &[Entry]) -> Result<(), OutputError> {
    let architecture = if manifest.is_64_bit { "armv8" } else { "armhf" };
    let mut images = Vec::new();
    for entry in entries {
        let mut image = json!({
            "name": entry.name,
            "description": entry.description,
            "icon": ICON,
            "url": address(manifest, &entry.image)?,
            "extract_size": entry.disk_size.get(),
            "extract_sha256": entry.disk_sha256,
            "image_download_size": entry.size.get(),
            "release_date": manifest.release_date,
            "init_format": "none",
            "architecture": architecture,
            "devices": [TAG],
        });
        if let Value::Object(image) = &mut image {
            if let Some(sha256) = entry.sha256 {
                image.insert("image_download_sha256".to_owned(), sha256.to_string().into());
            }
            if let Some(bmap) = &entry.bmap {
                image.insert("bmap_url".to_owned(), address(manifest, bmap)?.into());
            }
        }
        images.push(image);
    }
    let device = json!({
        "name": manifest.title,
        "description": manifest.description,
        "tags": [TAG],
        "default": true,
        "matching_type": "exclusive",
        "architecture": architecture,
    });
    let list = json!({ "imager": { "devices": [device] }, "os_list": images });
    let text = serde_json::to_string_pretty(&list).map_err(std::io::Error::other);
    let text = text.map_err(OutputError::write("writing", path))?;
    Ok(AtomicFile::write_whole(path, format!("{text}\n").as_bytes(), false)?)
}

/// Returns whether a text is a manifest that this program wrote.
pub(crate) fn is_manifest(text: &str) -> bool {
    let Ok(list) = serde_json::from_str::<Value>(text) else { return false };
    let devices = list.pointer("/imager/devices").and_then(Value::as_array);
    let tags = devices.into_iter().flatten().filter_map(|device| device.get("tags")?.as_array());
    tags.flatten().any(|tag| tag == TAG)
}

/// Where Imager finds a file: Imager takes whole addresses only.
#[expect(clippy::expect_used, reason = "a file that was written has a name")]
fn address(manifest: &Manifest, file: &Path) -> Result<String, OutputError> {
    if let Some(base) = &manifest.base_url {
        let name = file.file_name().expect("an image is a file").to_string_lossy().into_owned();
        return Ok(format!("{}/{}", base.trim_end_matches('/'), encoded(&name)));
    }
    let whole = std::path::absolute(file).map_err(OutputError::write("finding", file))?;
    let whole = whole.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "/");
    // `file:///home/…`, and on Windows `file:///C:/…`.
    Ok(format!("file:///{}", encoded(whole.trim_start_matches('/'))))
}

/// A path as a part of an address (RFC 3986, section 3.3).
fn encoded(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@!$&'()*+,;=".contains(&byte) {
            text.push(char::from(byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Manifest {
        Manifest {
            title: String::new(),
            description: String::new(),
            release_date: String::new(),
            is_64_bit: true,
            base_url: None,
        }
    }

    #[test]
    fn a_manifest_is_known_as_our_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("compass.rpi-imager-manifest");
        write_manifest(&path, &empty(), &[]).unwrap();
        assert!(is_manifest(&std::fs::read_to_string(&path).unwrap()));
        // Imager's own list, as its schema-notes have it.
        let theirs = r#"{"imager": {"devices": [{"name": "Pi 5", "tags": ["pi5-64bit"]}]}, "os_list": []}"#;
        assert!(!is_manifest(theirs) && !is_manifest("{}") && !is_manifest("no JSON"));
    }

    #[test]
    fn files_are_named_by_whole_addresses() {
        let mut manifest = empty();
        let file = Path::new("/home/ä b/#1/north.img.xz");
        if cfg!(unix) {
            assert_eq!(address(&manifest, file).unwrap(), "file:///home/%C3%A4%20b/%231/north.img.xz");
            let relative = address(&manifest, Path::new("images/north.img.xz")).unwrap();
            assert!(relative.starts_with("file:///") && relative.ends_with("/images/north.img.xz"));
        }
        manifest.base_url = Some("https://host/images/".to_owned());
        assert_eq!(address(&manifest, file).unwrap(), "https://host/images/north.img.xz");
    }
}
