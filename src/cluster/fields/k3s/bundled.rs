//! `bundled:` of `install:`, k3s put inside the cards.

use crate::cluster::Install;
use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::schema;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, required};
use crate::cluster::document::value::FieldValue;
use crate::cluster::fields::source;
use crate::fetch::FileLocation;
use serde_json::json;

keys! {
    level BUNDLED: "bundled", "under `bundled:` of `install:`", "k3s inside the cards.";
    draft BundledFields;

    key binary: BinaryFields = required("{arm64: k3s-arm64}", by(binary)); {
        help: "The program k3s consists of, for the architecture of the stock image.",
        example: "{arm64: k3s-arm64}",
        schema: || json!({"anyOf": [schema::reference(&BUNDLED_BINARY)]}),
    }
    key images: Vec<FileLocation> = by(images); {
        help: "Archives of container images, like k3s-airgap-images-arm64.tar.zst.",
        example: "[k3s-airgap-images-arm64.tar.zst]",
        schema: || json!({"anyOf": [{"type": "array", "items": source::schema()}, source::schema()]}),
    }
}

keys! {
    level BUNDLED_BINARY: "bundled_binary", "under `binary:` of `bundled:`", "The k3s programs.",
        schema || json!({"minProperties": 1});
    draft BinaryFields;

    key arm64: FileLocation = by(source::file); {
        help: "`k3s-arm64` of a release.",
        example: "k3s-arm64",
        schema: source::schema,
    }
    key armhf: FileLocation = by(source::file); {
        help: "`k3s-armhf` of a release.",
        example: "k3s-armhf",
        schema: source::schema,
    }
}

/// The endings of archives that k3s imports images from (docs.k3s.io, "Air-Gap Install").
const ARCHIVES: [&str; 8] = [".tar", ".tar.lz4", ".tar.bz2", ".tbz", ".tar.gz", ".tgz", ".tar.zst", ".tzst"];

/// A list of images in the same folder, which k3s downloads.
const LIST_OF_IMAGES: &str = ".txt";

impl BundledFields {
    /// Returns what is put inside the cards; `None` where the program is missing, which was reported.
    pub(crate) fn finish(&self) -> Option<Install> {
        let BinaryFields { arm64, armhf, .. } = self.binary.to_value()?;
        Some(Install::Bundled {
            arm64: arm64.value(),
            armhf: armhf.value(),
            images: self.images.items().to_vec(),
        })
    }
}

fn binary(value: &FieldValue<'_>) -> Option<BinaryFields> {
    let fields = value.fields(&BUNDLED_BINARY)?;
    let binary = BinaryFields::read(&fields);
    if binary.arm64.is_absent() && binary.armhf.is_absent() {
        fields.report_missing("arm64", "k3s-arm64");
        return None;
    }
    (!binary.is_invalid()).then_some(binary)
}

/// Archives of images, whose names all differ: they land in one folder.
fn images(value: &FieldValue<'_>) -> Option<Vec<FileLocation>> {
    let mut names: Vec<String> = Vec::new();
    value.list_of_mappings(&source::ARTIFACT, |item| {
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
