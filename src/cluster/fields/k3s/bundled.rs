//! `bundled:` of `install:`, k3s put inside the cards.

use crate::cluster::Install;
use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::table::rows;
use crate::cluster::document::value::FieldValue;
use crate::cluster::fields::source;
use crate::fetch::FileLocation;
use serde_json::json;

rows! {
    BUNDLED: "bundled", "under `bundled:` of `install:`",
        "k3s inside the cards.";
    binary {
        help: "The program k3s consists of, for the architecture of the stock image.",
        schema: || json!({"anyOf": [{"$ref": "#/definitions/bundled_binary"}]}),
        is_required: || true,
    }
    images {
        help: "Archives of container images, like k3s-airgap-images-arm64.tar.zst.",
        schema: || json!({"anyOf": [{"type": "array", "items": source::schema()}, source::schema()]}),
    }
}

rows! {
    BUNDLED_BINARY: "bundled_binary", "under `binary:` of `bundled:`", "The k3s programs.",
        schema || json!({"minProperties": 1});
    arm64 {
        help: "`k3s-arm64` of a release.",
        schema: source::schema,
    }
    armhf {
        help: "`k3s-armhf` of a release.",
        schema: source::schema,
    }
}

/// The endings of archives that k3s imports images from (docs.k3s.io, "Air-Gap Install").
const ARCHIVES: [&str; 8] = [".tar", ".tar.lz4", ".tar.bz2", ".tbz", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];

/// A list of images in the same folder, which k3s downloads.
const LIST_OF_IMAGES: &str = ".txt";

/// The example in hints.
pub(crate) const EXAMPLE: &str = "{binary: {arm64: k3s-arm64}, images: [k3s-airgap-images-arm64.tar.zst]}";

/// Reads what stands under `bundled:`.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<Install> {
    let fields = value.fields(&BUNDLED)?;
    let binary = fields.required("binary", "{arm64: k3s-arm64}", |value| {
        let fields = value.fields(&BUNDLED_BINARY)?;
        let arm64 = fields.optional("arm64", source::file);
        let armhf = fields.optional("armhf", source::file);
        if arm64.is_absent() && armhf.is_absent() {
            fields.report_missing("arm64", "k3s-arm64");
            return None;
        }
        let invalid = arm64.is_invalid() || armhf.is_invalid();
        (!invalid).then_some((arm64.value(), armhf.value()))
    });
    let images = fields.or_empty("images", images);
    let (arm64, armhf) = binary.value()?;
    Some(Install::Bundled { arm64, armhf, images: images? })
}

/// Archives of images, whose names all differ: they land in one folder.
fn images(value: &FieldValue<'_>) -> Option<Vec<FileLocation>> {
    let mut names: Vec<String> = Vec::new();
    value.list_of_mappings(&[&source::ARTIFACT_PATH, &source::ARTIFACT_URL], |item| {
        let artifact = source::file(item)?;
        let name = artifact.file_name();
        let finding = if name.ends_with(LIST_OF_IMAGES) {
            let message = format!("{} is a list of images, which k3s would download", shown(&name));
            Some(Finding::new(
                message,
                "Name the archives themselves, like `k3s-airgap-images-arm64.tar.zst`",
            ))
        } else if !ARCHIVES.iter().any(|ending| name.ends_with(ending) && name.len() > ending.len()) {
            let message = format!("{} is no archive that k3s imports images from", shown(&name));
            let endings: Vec<String> = ARCHIVES.iter().map(|ending| format!("`{ending}`")).collect();
            Some(Finding::new(message, format!("Its name has to end in one of {}", endings.join(", "))))
        } else if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte)) {
            let message =
                format!("{} has characters that the name of an archive should not have", shown(&name));
            Some(Finding::new(message, "Rename it, with letters, digits, `.`, `-` and `_` only"))
        } else if names.contains(&name) {
            let message = format!("another archive is called {}, too", shown(&name));
            Some(Finding::new(message, "Rename one of the two: they land in the same folder"))
        } else {
            None
        };
        names.push(name);
        match finding {
            Some(finding) => {
                item.report(finding);
                None
            }
            None => Some(artifact),
        }
    })
}
