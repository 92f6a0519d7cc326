//! `image:` and `output:`.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::keys;
use crate::cluster::document::value::{Field, FieldValue, Fields};
use crate::cluster::fields::size;
use crate::cluster::fields::source::FileField;
use crate::cluster::{Grow, ImageSource, Output};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::types::Digest;
use std::path::PathBuf;

/// Reads `demo`, a path, `{path, sha256, grow}` or `{url, sha256, grow}`.
pub(crate) fn image(value: &FieldValue<'_>) -> Option<(ImageSource, Grow)> {
    const IMAGE: FileField = FileField {
        name: "the image",
        key: "image: ",
        path_keys: &keys::IMAGE_PATH,
        url_keys: &keys::IMAGE_URL,
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

pub(crate) fn default_output(folders: &Folders) -> Output {
    Output { folder: folders.file.join("images"), format: ImageFormat::default() }
}

pub(crate) fn output(value: &FieldValue<'_>) -> Option<Output> {
    let folders = value.folders();
    let fields = value.fields(&keys::OUTPUT)?;
    let folder: Field<PathBuf> = fields.optional("dir", |value| value.parse(|text| folders.resolve(text)));
    let formats = ImageFormat::WRITTEN.map(|format| (format.extension(), format));
    let format = fields.optional("format", |value| value.one_of(&formats));
    let default = default_output(folders);
    match (folder, format) {
        (Field::Invalid, _) | (_, Field::Invalid) => None,
        (folder, format) => Some(Output {
            folder: folder.value().unwrap_or(default.folder),
            format: format.value().unwrap_or(default.format),
        }),
    }
}
