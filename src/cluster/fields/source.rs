//! Files named by their path or their URL, with their SHA-256.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::schema;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{by, like, text, token};
use crate::cluster::document::value::{Field, FieldValue, Fields};
use crate::fetch::FileLocation;
use crate::types::Digest;
use crate::types::absent::OrEmpty as _;
use serde_json::{Value, json};

keys! {
    level ARTIFACT: "artifact", "in a file, under `bundled:`", "A file that is put inside the cards.", schema path_or_url;
    draft FileKeys;

    key path: String = by(|value| value.text().map(str::to_owned)); {
        help: "A file of this machine, relative to nodes.yaml's folder.",
        example: "raspios.img.xz",
        schema: || json!({"type": "string"}),
        here: "file filename",
    }
    key url: String = like("^https?://[^@/]+(/.*)?$", text(url)); {
        help: "The address of a file that is downloaded once and kept, with its `sha256`; instead of `path`.",
        example: "https://example.org/raspios.img.xz",
        instead_of: "path",
    }
    key sha256: Digest = token(sha256); {
        help: "The SHA-256 that the file, packed as it is, has to have; there has to be one beside `url`.",
        example: "483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843",
        schema: sha256_schema,
        others: "checksum sha256sum sha hash",
    }
}

/// The JSON Schema of a mapping with such keys.
fn path_or_url() -> Value {
    json!({"oneOf": [{"required": ["path"]}, {"required": ["url", "sha256"]}]})
}

/// 64 hexadecimal digits.
pub(crate) fn sha256(text: &str) -> Result<Digest, Finding> {
    Digest::parse(text).ok_or_else(|| {
        let message = format!("{} is not a SHA-256: 64 hexadecimal digits", shown(text));
        Finding::new(message, "Copy it whole, or let `sha256sum` print it")
    })
}

/// An address to download from.
pub(crate) fn url(text: &str) -> Result<String, Finding> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).or_empty();
    let clean = text
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b'<' | b'>'));
    if host.contains('@') {
        let message = "this address holds a user name or a password";
        return Err(
            Finding::new(message, "Remove what stands before the `@`: everybody can read a card").secret()
        );
    }
    if host.is_empty() || !clean {
        let message = format!("{} is not an address to download from", shown(text));
        return Err(Finding::new(message, "Write it like `https://example.org/folder`"));
    }
    Ok(text.to_owned())
}

/// A key under which a file is named: by a path, `{path, sha256}` or `{url, sha256}`.
pub(crate) struct FileField {
    /// Its name in a finding.
    pub(crate) name: &'static str,
    /// The beginning of an example, with the key where that is known.
    pub(crate) key: &'static str,
    pub(crate) example_path: &'static str,
    /// The page that has the SHA-256.
    pub(crate) digest_source: &'static str,
}

impl FileField {
    pub(crate) fn is_mapping(value: &FieldValue<'_>) -> bool {
        matches!(value.kind(), YamlKind::Mapping(_))
    }

    /// Reads a path that stands alone.
    pub(crate) fn in_one_text<T>(
        &self,
        value: &FieldValue<'_>,
        path: impl Fn(&str, Option<Digest>) -> Result<T, Finding>,
    ) -> Option<T> {
        value.parse(|text| {
            if !text.contains("://") {
                return path(text, None);
            }
            let Self { key, digest_source, .. } = self;
            let hint =
                format!("Write `{key}{{url: {text}, sha256: …}}`, with the SHA-256 from {digest_source}");
            Err(Finding::new("a download needs the SHA-256 of the file", hint))
        })
    }

    /// Returns the file that a mapping names, a path by `path`.
    pub(crate) fn in_mapping<T>(
        &self,
        fields: &Fields<'_>,
        keys: &FileKeys,
        path: impl Fn(&str, Option<Digest>) -> Result<T, Finding>,
        url: fn(FileLocation) -> T,
    ) -> Option<T> {
        let sha256 = keys.sha256.given().map(|sha256| sha256.value);
        match (&keys.path, &keys.url) {
            (Field::Absent, Field::Absent) => {
                fields.report_missing("path", self.example_path);
                None
            }
            (file, Field::Absent) => {
                let file = file.parse(fields.diagnostics(), |text| path(text, sha256));
                file.value().filter(|_| !keys.sha256.is_invalid())
            }
            (Field::Absent, address) => {
                if keys.sha256.is_absent() {
                    let digits = format!("… (64 hexadecimal digits from {})", self.digest_source);
                    fields.report_missing("sha256", &digits);
                }
                Some(url(FileLocation::url(address.to_value()?, sha256?)))
            }
            _ => {
                let message = format!("{} has both `path` and `url`", self.name);
                fields.report(Finding::new(message, "Keep one of the two"));
                None
            }
        }
    }
}

/// The JSON Schema of a SHA-256. One without letters is a number to YAML.
pub(crate) fn sha256_schema() -> Value {
    json!({"anyOf": [{"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}, {"type": "integer"}]})
}

/// The JSON Schema of a file that is there, or is downloaded.
pub(crate) fn schema() -> Value {
    json!({"anyOf": [{"type": "string"}, schema::reference(&ARTIFACT)]})
}

/// Reads a file that is there, or is downloaded.
pub(crate) fn file(value: &FieldValue<'_>) -> Option<FileLocation> {
    const FILE: FileField =
        FileField { name: "the file", key: "", example_path: "k3s-arm64", digest_source: "the release" };
    let folders = value.folders();
    let existing = |text: &str, sha256| Ok(FileLocation::Path { path: folders.existing_file(text)?, sha256 });
    if !FileField::is_mapping(value) {
        return FILE.in_one_text(value, existing);
    }
    let fields = value.fields(&ARTIFACT)?;
    FILE.in_mapping(&fields, &FileKeys::read(&fields), existing, |location| location)
}
