//! `image:` and `output:`.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::table::rows;
use crate::cluster::document::types::off;
use crate::cluster::document::value::{Field, FieldValue, Fields};
use crate::cluster::fields::size;
use crate::cluster::fields::source::{FileField, sha256_schema};
use crate::cluster::{Grow, ImageSource, Output};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::types::Digest;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

rows! {
    IMAGE_PATH: "image_path", "under `image:`",
        "A stock image on this machine.";
    path {
        help: "The file, packed or not, relative to nodes.yaml's folder.",
        schema: || json!({"type": "string"}),
        here: "file name filename",
        is_required: || true,
    }
    sha256 {
        help: "The SHA-256 that the file, packed as it is, has to have.",
        schema: sha256_schema,
    }
    grow {
        help: "How much larger cards are.",
        example: "1GiB",
        schema: grow_schema,
        here: "size image_size",
    }
}

rows! {
    IMAGE_URL: "image_url", "under `image:`",
        "A stock image that is downloaded once.";
    url {
        help: "Where from.",
        schema: || json!({"type": "string", "pattern": "^https?://[^@/]+(/.*)?$"}),
        is_required: || true,
    }
    sha256 {
        help: "The SHA-256 that the file, packed as it is, has to have.",
        schema: sha256_schema,
        is_required: || true,
    }
    grow {
        help: "How much larger cards are.",
        example: "1GiB",
        schema: grow_schema,
        here: "size image_size",
    }
}

rows! {
    OUTPUT: "output", "under `output:`",
        "Where the images go.";
    dir {
        help: "The folder, relative to nodes.yaml's; made when missing.",
        schema: || json!({"type": "string", "default": "images"}),
        here: "folder directory path",
        others: "folder directory",
    }
    format {
        help: "The format of the images: packed with xz, raw, or packed with Zstandard or gzip.",
        schema: || json!({"enum": ["img.xz", "img", "img.zst", "img.gz"], "default": "img.xz"}),
        here: "type compression extension",
    }
}

/// Reads `demo`, a path, `{path, sha256, grow}` or `{url, sha256, grow}`.
pub(crate) fn image(value: &FieldValue<'_>) -> Option<(ImageSource, Grow)> {
    const IMAGE: FileField = FileField {
        name: "the image",
        key: "image: ",
        path_keys: &IMAGE_PATH,
        url_keys: &IMAGE_URL,
        example_path: "raspios.img.xz",
        digest_source: "the download page",
    };
    let folders = value.folders();
    let path = |text: &str, sha256| image_at(text, folders, sha256);
    let (source, fields) = IMAGE.read(value, path, ImageSource::File);
    let grow = fields.map_or_else(|| Some(Grow::default()), |fields| grow(&fields));
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

/// The JSON Schema of `grow:`.
fn grow_schema() -> Value {
    json!({
        "anyOf": [{"type": "string", "pattern": "^(auto|none|\\d+ ?[MG]iB)$"}, off()],
        "default": "auto",
    })
}

/// Reads `auto`, `none`, or a size.
fn grow(fields: &Fields<'_>) -> Option<Grow> {
    let field = fields.optional("grow", |value| {
        if value.is_off() {
            return Some(Grow::No);
        }
        value.parse_token(|text| match text {
            "auto" => Ok(Grow::Auto),
            text => size::size(text).map(Grow::By),
        })
    });
    match field {
        Field::Absent => Some(Grow::default()),
        Field::Invalid => None,
        Field::Given(grow) => Some(grow.value),
    }
}

pub(crate) fn default_output(folder: &Path) -> Output {
    Output { folder: folder.join("images"), format: ImageFormat::default() }
}

pub(crate) fn output(value: &FieldValue<'_>) -> Option<Output> {
    let folders = value.folders();
    let fields = value.fields(&OUTPUT)?;
    let folder: Field<PathBuf> = fields.optional("dir", |value| value.parse(|text| folders.resolve(text)));
    let formats = ImageFormat::WRITTEN.map(|format| (format.extension(), format));
    let format = fields.optional("format", |value| value.one_of(&formats));
    let default = default_output(&folders.file);
    match (folder, format) {
        (Field::Invalid, _) | (_, Field::Invalid) => None,
        (folder, format) => Some(Output {
            folder: folder.value().unwrap_or(default.folder),
            format: format.value().unwrap_or(default.format),
        }),
    }
}
