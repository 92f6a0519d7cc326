//! `image:` and `output:`.

use crate::cluster::diagnostic::Finding;
use crate::cluster::document::folders::Folders;
use crate::cluster::document::keys;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::value::{Field, FieldValue, Fields, Reader};
use crate::cluster::fields::{size, source};
use crate::cluster::{Grow, ImageSource, Output};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::types::Digest;
use std::path::PathBuf;

/// `demo`, a path, `{path, sha256, grow}` or `{url, sha256, grow}`.
pub(crate) fn image(value: &FieldValue<'_>, reader: &mut Reader) -> Option<(ImageSource, Grow)> {
    let folders = reader.folders.clone();
    let YamlKind::Mapping(entries) = value.kind() else {
        return value.parse(reader, |text| {
            if text.contains("://") {
                let hint = format!(
                    "Write `image: {{url: {text}, sha256: …}}`, with the SHA-256 from the download page"
                );
                return Err(Finding::new("a download needs the SHA-256 of the file", hint));
            }
            Ok((image_at(text, &folders, None)?, Grow::default()))
        });
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    if has("path") && has("url") {
        let finding = Finding::new("the image has both `path` and `url`", "Keep one of the two");
        reader.report(&value.span(), finding);
        return None;
    }
    if has("url") {
        let fields = value.fields(&keys::IMAGE_URL, reader)?;
        let digits = "… (64 hexadecimal digits from the download page)";
        let location = source::download(&fields, digits, reader);
        let grow = grow(&fields, reader);
        return Some((ImageSource::File(location?), grow?));
    }
    let fields = value.fields(&keys::IMAGE_PATH, reader)?;
    let sha256 = fields.optional("sha256", reader, |value, reader| value.parse_token(reader, source::sha256));
    let digest = sha256.given().map(|sha256| sha256.value);
    let source = fields.required("path", "raspios.img.xz", reader, |value, reader| {
        value.parse(reader, |text| image_at(text, &folders, digest))
    });
    let grow = grow(&fields, reader);
    if matches!(sha256, Field::Invalid) {
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
fn grow(fields: &Fields<'_>, reader: &mut Reader) -> Option<Grow> {
    let field = fields.optional("grow", reader, |value, reader| {
        if value.is_off() {
            return Some(Grow::No);
        }
        value.parse_token(reader, |text| match text {
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

pub(crate) fn default_output(reader: &Reader) -> Output {
    Output { folder: reader.folders.file.join("images"), format: ImageFormat::default() }
}

pub(crate) fn output(value: &FieldValue<'_>, reader: &mut Reader) -> Option<Output> {
    let folders = reader.folders.clone();
    let fields = value.fields(&keys::OUTPUT, reader)?;
    let folder: Field<PathBuf> =
        fields.optional("dir", reader, |value, reader| value.parse(reader, |text| folders.resolve(text)));
    let formats = ImageFormat::WRITTEN.map(|format| (format.extension(), format));
    let format = fields.optional("format", reader, |value, reader| value.one_of(&formats, reader));
    let default = default_output(reader);
    match (folder, format) {
        (Field::Invalid, _) | (_, Field::Invalid) => None,
        (folder, format) => Some(Output {
            folder: folder.value().unwrap_or(default.folder),
            format: format.value().unwrap_or(default.format),
        }),
    }
}
