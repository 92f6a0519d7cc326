//! `image:` and `output:`.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::keys;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::value::{Field, FieldValue, Fields};
use crate::cluster::fields::{size, source};
use crate::cluster::{Grow, ImageSource, Output};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::types::Digest;
use std::path::PathBuf;

/// `demo`, a path, `{path, sha256, grow}` or `{url, sha256, grow}`.
pub(crate) fn image(value: &FieldValue<'_>) -> Option<(ImageSource, Grow)> {
    let folders = value.folders();
    let YamlKind::Mapping(entries) = value.kind() else {
        return value.parse(|text| {
            if text.contains("://") {
                let hint = format!(
                    "Write `image: {{url: {text}, sha256: …}}`, with the SHA-256 from the download page"
                );
                return Err(Finding::new("a download needs the SHA-256 of the file", hint));
            }
            Ok((image_at(text, folders, None)?, Grow::default()))
        });
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    if has("path") && has("url") {
        let finding = Finding::new("the image has both `path` and `url`", "Keep one of the two");
        value.report(finding);
        return None;
    }
    if has("url") {
        let fields = value.fields(&keys::IMAGE_URL)?;
        let digits = "… (64 hexadecimal digits from the download page)";
        let location = source::download(&fields, digits);
        let grow = grow(&fields);
        return Some((ImageSource::File(location?), grow?));
    }
    let fields = value.fields(&keys::IMAGE_PATH)?;
    let sha256 = fields.token("sha256", source::sha256);
    let digest = sha256.given().map(|sha256| sha256.value);
    let source = fields
        .required("path", "raspios.img.xz", |value| value.parse(|text| image_at(text, folders, digest)));
    let grow = grow(&fields);
    if sha256.is_invalid() {
        return None;
    }
    Some((source.value()?, grow?))
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

/// `auto`, `none`, or a size.
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
