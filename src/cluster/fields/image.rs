//! `image:` and `output:`.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::folders::Folders;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, like, or_off, token, words};
use crate::cluster::document::value::{Field, FieldValue};
use crate::cluster::fields::size;
use crate::cluster::fields::source::{FileField, FileKeys};
use crate::cluster::{Grow, ImageName, ImageSource, Output};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::types::absent::OrEmpty as _;
use crate::types::{Digest, similar};
use serde_json::json;
use std::path::{Path, PathBuf};

keys! {
    level IMAGE: "image", "under `image:`", "A stock image.", schema || json!({
        "oneOf": [{"required": ["path"]}, {"required": ["url", "sha256"]}, {"required": ["name"]}],
    });
    draft ImageFields with file: FileKeys;

    key name: ImageName = like(NAME, token(image_name)); {
        help: "The name of an image that Raspberry Pi publishes, with `@` and the day for one that is not the newest; which \
              file that is stands in cardwright.lock; instead of `path`.",
        example: "raspios-lite-arm64",
        instead_of: "path",
    }
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

/// The pattern of the name of an image.
const NAME: &str = r"^raspios-(lite-|full-)?(arm64|armhf)(@\d{4}-\d{2}-\d{2})?$";

fn image_name(text: &str) -> Result<ImageName, Finding> {
    ImageName::parse(text).ok_or_else(|| {
        let base = text.split('@').next().or_empty();
        let distance = |name: &&str| similar::distance(base, name);
        let hint = match ImageName::ALL.into_iter().min_by_key(distance) {
            Some(near) if near == base => format!("Write the day like `{base}@2026-10-06`"),
            Some(near) if distance(&near) <= 3 => format!("Did you mean `{near}`?"),
            _ => {
                let names = ImageName::ALL.map(|name| format!("`{name}`")).join(", ");
                format!("Write one of {names}; a file stands under `path:`")
            }
        };
        Finding::new(format!("{} is no name of a stock image", shown(text)), hint)
    })
}

/// Reads `demo`, a name, a path, `{name, grow}`, `{path, sha256, grow}` or `{url, sha256, grow}`.
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
        // A file of such a name is `./raspios-…`, or one under `path:`.
        let is_name = |text: &str| text.starts_with("raspios-") && !text.contains(['.', '/']);
        let source = match value.kind() {
            YamlKind::Scalar(scalar) if is_name(&scalar.text) => {
                value.parse(|text| image_name(text).map(ImageSource::Named))
            }
            _ => FILE.in_one_text(value, path),
        };
        return Some((source?, Grow::default()));
    }
    let fields = value.fields(&IMAGE)?;
    let ImageFields { name, file, grow, .. } = ImageFields::read(&fields);
    let source = match (&name, &file.path, &file.url, &file.sha256) {
        (Field::Absent, ..) => FILE.in_mapping(&fields, &file, path, ImageSource::File),
        (name, Field::Absent, Field::Absent, Field::Absent) => name.to_value().map(ImageSource::Named),
        _ => {
            let hint = "Keep `name` alone, whose SHA-256 stands in cardwright.lock, or remove it";
            fields.report(Finding::new("the image has a `name`, and says which file it is", hint));
            None
        }
    };
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
