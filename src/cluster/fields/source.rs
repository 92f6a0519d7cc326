//! Files named by their path or their URL, with their SHA-256.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys::Level;
use crate::cluster::document::schema;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::rows;
use crate::cluster::document::value::{FieldValue, Fields};
use crate::fetch::FileLocation;
use crate::types::Digest;
use crate::types::absent::OrEmpty as _;
use serde_json::{Value, json};

rows! {
    ARTIFACT_PATH: "artifact_path", "in a file, under `bundled:`",
        "A file of this machine.";
    path {
        help: "The file.",
        schema: || json!({"type": "string"}),
        here: "file name filename",
        is_required: || true,
    }
    sha256 {
        help: "The SHA-256 it has to have.",
        schema: sha256_schema,
        others: "checksum sha256sum sha hash",
    }
}

rows! {
    ARTIFACT_URL: "artifact_url", "in a file, under `bundled:`",
        "A file that is downloaded once and kept.";
    url {
        help: "Its address.",
        schema: || json!({"type": "string", "pattern": "^https?://[^@/]+(/.*)?$"}),
        is_required: || true,
    }
    sha256 {
        help: "The SHA-256 it has to have.",
        schema: sha256_schema,
        is_required: || true,
    }
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
    pub(crate) path_keys: &'static Level,
    pub(crate) url_keys: &'static Level,
    pub(crate) example_path: &'static str,
    /// The page that has the SHA-256.
    pub(crate) digest_source: &'static str,
}

impl FileField {
    /// Reads the file, a path by `path`; and returns the fields of a mapping, which may have more of them.
    pub(crate) fn read<'t, T>(
        &self,
        value: &FieldValue<'t>,
        path: impl Fn(&str, Option<Digest>) -> Result<T, Finding>,
        url: fn(FileLocation) -> T,
    ) -> (Option<T>, Option<Fields<'t>>) {
        let YamlKind::Mapping(entries) = value.kind() else {
            let file = value.parse(|text| {
                if !text.contains("://") {
                    return path(text, None);
                }
                let Self { key, digest_source, .. } = self;
                let hint =
                    format!("Write `{key}{{url: {text}, sha256: …}}`, with the SHA-256 from {digest_source}");
                Err(Finding::new("a download needs the SHA-256 of the file", hint))
            });
            return (file, None);
        };
        let has = |key: &str| entries.iter().any(|entry| entry.key == key);
        if has("path") && has("url") {
            let message = format!("{} has both `path` and `url`", self.name);
            value.report(Finding::new(message, "Keep one of the two"));
            return (None, None);
        }
        let level = if has("url") { self.url_keys } else { self.path_keys };
        let Some(fields) = value.fields(level) else { return (None, None) };
        let file = if has("url") {
            self.download(&fields).map(url)
        } else {
            let sha256 = fields.token("sha256", sha256);
            let digest = sha256.given().map(|sha256| sha256.value);
            let file =
                fields.required("path", self.example_path, |value| value.parse(|text| path(text, digest)));
            file.value().filter(|_| !sha256.is_invalid())
        };
        (file, Some(fields))
    }

    fn download(&self, fields: &Fields<'_>) -> Option<FileLocation> {
        let digits = format!("… (64 hexadecimal digits from {})", self.digest_source);
        let url = fields.required("url", "https://…", |value| value.parse(url));
        let sha256 = fields.required("sha256", &digits, |value| value.parse_token(sha256));
        Some(FileLocation::Url { url: url.value()?, sha256: sha256.value()? })
    }
}

/// The JSON Schema of a SHA-256. One without letters is a number to YAML.
pub(crate) fn sha256_schema() -> Value {
    json!({"anyOf": [{"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"}, {"type": "integer"}]})
}

/// The JSON Schema of a file that is there, or is downloaded.
pub(crate) fn schema() -> Value {
    json!({"anyOf": [{"type": "string"}, schema::reference(&ARTIFACT_PATH), schema::reference(&ARTIFACT_URL)]})
}

/// Reads a file that is there, or is downloaded.
pub(crate) fn file(value: &FieldValue<'_>) -> Option<FileLocation> {
    const ARTIFACT: FileField = FileField {
        name: "the file",
        key: "",
        path_keys: &ARTIFACT_PATH,
        url_keys: &ARTIFACT_URL,
        example_path: "k3s-arm64",
        digest_source: "the release",
    };
    let folders = value.folders();
    let existing = |text: &str, sha256| Ok(FileLocation::Path { path: folders.existing_file(text)?, sha256 });
    ARTIFACT.read(value, existing, |location| location).0
}
