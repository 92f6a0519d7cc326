//! `image:` and `output:`.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, like, or_off, token, words};
use crate::cluster::document::value::FieldValue;
use crate::cluster::fields::size;
use crate::cluster::fields::source::{FileField, FileKeys, path_or_url};
use crate::cluster::{Grow, ImageSource, Output};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::types::Digest;
use serde_json::json;
use std::path::{Path, PathBuf};

keys! {
    level IMAGE: "image", "under `image:`", "A stock image.", schema path_or_url;
    draft ImageFields with file: FileKeys;

    key grow: Grow = or_off(Grow::No, like(r"^(auto|none|\d+ ?[MG]iB)$", token(grow))); {
        help: "How much larger cards are.",
        example: "1GiB",
        schema: || json!({"default": "auto"}),
        here: "size image_size",
    }
}

keys! {
    level OUTPUT: "output", "under `output:`", "Where the images go.";
    draft OutputFields;

    key dir: PathBuf = by(|value| value.parse(|text| value.folders().resolve(text))); {
        help: "The folder, relative to nodes.yaml's; made when missing.",
        example: "images",
        schema: || json!({"type": "string", "default": "images"}),
        here: "folder directory path",
        others: "folder directory",
    }
    key format: ImageFormat = words(ImageFormat::WRITTEN.map(|format| (format.extension(), format))); {
        help: "The format of the images: packed with xz, raw, or packed with Zstandard or gzip.",
        example: "img.xz",
        schema: || json!({"default": "img.xz"}),
        here: "type compression extension",
    }
}

/// Reads `demo`, a path, `{path, sha256, grow}` or `{url, sha256, grow}`.
pub(crate) fn image(value: &FieldValue<'_>) -> Option<(ImageSource, Grow)> {
    const FILE: FileField = FileField {
        name: "the image",
        key: "image: ",
        example_path: "raspios.img.xz",
        digest_source: "the download page",
    };
    let folders = value.folders();
    let path = |text: &str, sha256| image_at(text, folders, sha256);
    if !FileField::is_mapping(value) {
        return Some((FILE.in_one_text(value, path)?, Grow::default()));
    }
    let fields = value.fields(&IMAGE)?;
    let ImageFields { file, grow, .. } = ImageFields::read(&fields);
    let source = FILE.in_mapping(&fields, &file, path, ImageSource::File);
    let grow = if grow.is_invalid() { None } else { Some(grow.value().unwrap_or(Grow::Auto)) };
    Some((source?, grow?))
}

/// The image that a path means, or the stand-in inside the program.
fn image_at(text: &str, folders: &Folders, sha256: Option<Digest>) -> Result<ImageSource, Finding> {
    if text == "demo" {
        return match sha256 {
            None => Ok(ImageSource::Demo),
            Some(_) => Err(Finding::new("`demo` is inside the program, not a file", "Remove `sha256`")),
        };
    }
    Ok(ImageSource::File(FileLocation::Path { path: folders.resolve(text)?, sha256 }))
}

fn grow(text: &str) -> Result<Grow, Finding> {
    if text == "auto" { Ok(Grow::Auto) } else { size::size(text).map(Grow::By) }
}

impl OutputFields {
    /// Returns where the images of a nodes.yaml in `folder` go.
    pub(crate) fn finish(self, folder: &Path) -> Output {
        Output {
            folder: self.dir.value().unwrap_or_else(|| folder.join("images")),
            format: self.format.value().unwrap_or(ImageFormat::Xz),
        }
    }
}
