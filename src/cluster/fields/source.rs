//! Files named by their path or their URL, with their SHA-256.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::value::{FieldValue, Fields};
use crate::fetch::FileLocation;
use crate::types::Digest;
use crate::types::absent::OrEmpty as _;

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

/// A path, `{path, sha256}` or `{url, sha256}`.
pub(crate) fn file(value: &FieldValue<'_>) -> Option<FileLocation> {
    let folders = value.folders();
    let YamlKind::Mapping(entries) = value.kind() else {
        return value.parse(|text| {
            if text.contains("://") {
                let hint = format!("Write `{{url: {text}, sha256: …}}`");
                return Err(Finding::new("a download needs the SHA-256 of the file", hint));
            }
            Ok(FileLocation::Path { path: folders.existing_file(text)?, sha256: None })
        });
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    if has("path") && has("url") {
        let finding = Finding::new("the file has both `path` and `url`", "Keep one of the two");
        value.report(finding);
        return None;
    }
    if has("url") {
        let fields = value.fields(&keys::ARTIFACT_URL)?;
        return download(&fields, "… (64 hexadecimal digits from the release)");
    }
    let fields = value.fields(&keys::ARTIFACT_PATH)?;
    let path = fields.required("path", "k3s-arm64", |value| value.parse(|text| folders.existing_file(text)));
    let sha256 = fields.token("sha256", sha256);
    if sha256.is_invalid() {
        return None;
    }
    Some(FileLocation::Path { path: path.value()?, sha256: sha256.value() })
}

/// `url` and `sha256`; `digits` is what an example of the latter shows.
pub(crate) fn download(fields: &Fields<'_>, digits: &str) -> Option<FileLocation> {
    let url = fields.required("url", "https://…", |value| value.parse(url));
    let sha256 = fields.required("sha256", digits, |value| value.parse_token(sha256));
    Some(FileLocation::Url { url: url.value()?, sha256: sha256.value()? })
}
