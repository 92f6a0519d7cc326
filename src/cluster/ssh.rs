//! OpenSSH public keys.

use crate::escape;
use std::path::{Path, PathBuf};

/// One line of an authorized_keys file: options, type, key and comment.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct AuthorizedKey {
    line: String,
    #[serde(skip)]
    identity_file: Option<PathBuf>,
}

/// Why a text is no public key. It never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAPublicKey {
    /// It is a private key.
    #[error("this is a private key")]
    Private,
    /// It is none of what OpenSSH writes into a `.pub` file, or only a part of it.
    #[error("this is not an OpenSSH public key")]
    Unreadable,
    /// It is a DSA key.
    #[error("this is a DSA key, which OpenSSH does not accept any more")]
    Dsa,
}

/// The types sshd takes a key of, as they stand at its beginning.
const TYPES: [&str; 7] = [
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
];

impl AuthorizedKey {
    /// Parses one line as sshd(8) describes it in AUTHORIZED_KEYS FILE FORMAT; the key in it is really decoded.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(line: &str) -> Result<Self, NotAPublicKey> {
        let line = line.trim();
        if is_private_key(line) {
            return Err(NotAPublicKey::Private);
        }
        if line.contains(|character: char| escape::is_control(character) && character != '\t') {
            return Err(NotAPublicKey::Unreadable);
        }
        let mut words = without_options(line).split_whitespace();
        match (words.next(), words.next()) {
            (Some("ssh-dss"), Some(_)) => Err(NotAPublicKey::Dsa),
            (Some(kind), Some(key)) if TYPES.contains(&kind) => {
                match ssh_key::PublicKey::from_openssh(&format!("{kind} {key}")) {
                    Ok(_) => Ok(Self { line: line.to_owned(), identity_file: None }),
                    Err(_) => Err(NotAPublicKey::Unreadable),
                }
            }
            _ => Err(NotAPublicKey::Unreadable),
        }
    }

    /// Parses every line of an authorized_keys or `.pub` file; comments and empty lines are left out.
    ///
    /// # Errors
    /// Why the first line that is none is none, and the number of that line, from 1.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, (usize, NotAPublicKey)> {
        if is_private_key(text) {
            return Err((1, NotAPublicKey::Private));
        }
        text.lines()
            .zip(1..)
            .filter(|(line, _)| !line.trim().is_empty() && !line.trim().starts_with('#'))
            .map(|(line, number)| Self::parse(line).map_err(|error| (number, error)))
            .collect()
    }

    /// The line, without its end.
    pub fn as_str(&self) -> &str {
        &self.line
    }

    /// The private key on this machine, where there is one beside the `.pub` file that the key was read from.
    pub fn identity_file(&self) -> Option<&Path> {
        self.identity_file.as_deref()
    }

    /// The key as the content of a file: of `id.pub`, `id` is the private key, where it exists. It is only
    /// named, never read.
    pub(super) fn of_file(self, file: &Path) -> Self {
        let is_public = file.extension().is_some_and(|extension| extension == "pub");
        let identity_file = is_public.then(|| file.with_extension("")).filter(|private| private.is_file());
        Self { identity_file, ..self }
    }
}

/// Whether a text is meant to be a key itself rather than the name of a file with one.
pub(super) fn looks_like_key(text: &str) -> bool {
    let first = without_options(text.trim()).split_whitespace().next().unwrap_or_default();
    is_private_key(text)
        || text.trim().contains('\n')
        || ((first.starts_with("ssh-") || first.starts_with("ecdsa-") || first.starts_with("sk-"))
            && text.trim().contains(char::is_whitespace))
        || text.trim_start().starts_with("AAAA")
}

/// Whether a text is, or holds, a private key: PEM and PKCS#8, OpenSSH's own format (also only its
/// Base64 body, which begins with `openssh-key-v1`), PuTTY's.
pub(super) fn is_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY")
        || text.contains("PuTTY-User-Key-File-")
        || text.trim_start().starts_with("b3BlbnNzaC1rZXktdjE")
}

/// The line from its key type on. Options are one word in which white space may stand between quotes.
fn without_options(line: &str) -> &str {
    if TYPES.iter().any(|kind| line.split_whitespace().next() == Some(kind)) {
        return line;
    }
    let mut quoted = false;
    let mut escaped = false;
    for (position, character) in line.char_indices() {
        match character {
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                let rest = line.get(position..).unwrap_or_default().trim_start();
                return if rest.starts_with("ssh-") || rest.starts_with("ecdsa-") || rest.starts_with("sk-") {
                    rest
                } else {
                    line
                };
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::{AuthorizedKey, NotAPublicKey, is_private_key, looks_like_key};

    // Made for these tests with ssh-keygen; the private halves were thrown away.
    const KEYS: [&str; 6] = [
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS laptop",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDERgguM0vvTkd0djj3DuS1nbAtBXMMB8VX05WCNIXDp14GGno2UCdWzqlOHGLeD7M70fja6xcw2eWF/J5Ws+rqDYxr3q9WCSP7SFqta4C+vbwZu8JOhxqjoPmJBEL4pI1zh8AbNktXIRbfSLr5wwY5CLE/6zuZHVeHzQ3dwVPJQ/UL6EN4ubiC4OqdYJOoqHLc5dXYwOgc+A8HSUoR4ekCSytDC54Uu64orpneLnF0URD24CsKqMfL49PKmqvGvWLRyqsX9rBPMTmj+VLX7Di5uVz7zd+wVHcBRXDtQQhJfGMRJYsJoo7gPqTSrQX3RyJVX5KBp1ABJr0H6b8870zn rsa",
        "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBGMZmmKaGwdZY+lhJupQ68vg3IYS/o1naPLeHRNv2lsWn5rXCkHL6jKowu0UMf5Q12aSWgJCcgDqomM2qpE/m8s= two words",
        "ecdsa-sha2-nistp384 AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBFDQkSsU+CreXzRPEhyRr6KCPUnQrffanCF78m34tVV5MXChXxF+gvln2ERFAc9kD5OhMdOqymU+WwpnFIUJNxaLsiCuaV+OjaypZnXkTy2ssPo9WlnnRxgP6odNPDh3zg== two words",
        "ecdsa-sha2-nistp521 AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAAfpw6Z9aKXs87CLxhwSlYwCs+lvlxnW0yLVsSmcMWElsmoVUCpdhF9XoQKjDR+Atbzbv/+I5KsvUtV4UbVk86BWQHOuCzR46yfgbnwynp2N5/g6NchrSBgmZLaQa96XoB0EXHrzhmzv3Op8OZ4+hRIgjRzHkC4+D6J8XEtCJ/ItymMWA== two words",
        "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIC2HuoR9s9qx3m2MF2YbbiYVRgUrgFRzVCCEsBvSQzHNAAAABHNzaDo= key",
    ];

    #[test]
    fn every_type_of_key_is_parsed() {
        for key in KEYS {
            assert_eq!(AuthorizedKey::parse(key).unwrap().as_str(), key);
            assert!(looks_like_key(key), "{key}");
            for options in ["restrict", r#"from="10.0.0.*,!10.0.0.9",command="echo \"a b\" ssh-rsa",no-pty"#]
            {
                let line = format!("{options} {key}");
                assert_eq!(AuthorizedKey::parse(&line).unwrap().as_str(), line);
            }
        }
    }

    #[test]
    fn a_key_that_is_cut_short_or_changed_is_none() {
        for key in KEYS {
            let (kind, body) = key.split_once(' ').unwrap();
            let body = body.split(' ').next().unwrap();
            for wrong in [
                format!("{kind} {}", body.chars().take(body.len() - 8).collect::<String>()),
                format!("{kind} {body}AAAA"),
                format!("{kind} x{body}"),
                format!("ssh-foo {body}"),
                kind.to_owned(),
                body.to_owned(),
                format!("{kind}\n{body}"),
            ] {
                assert_eq!(AuthorizedKey::parse(&wrong), Err(NotAPublicKey::Unreadable), "{wrong}");
            }
        }
        let (_, body) = KEYS[0].split_once(' ').unwrap();
        assert_eq!(AuthorizedKey::parse(&format!("ssh-rsa {body}")), Err(NotAPublicKey::Unreadable));
        assert_eq!(AuthorizedKey::parse("ssh-dss AAAA x"), Err(NotAPublicKey::Dsa));
    }

    #[test]
    fn private_keys_are_recognised() {
        for text in [
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blb\n-----END OPENSSH PRIVATE KEY-----\n",
            "-----BEGIN RSA PRIVATE KEY-----",
            "-----BEGIN PRIVATE KEY-----",
            "-----BEGIN ENCRYPTED PRIVATE KEY-----",
            "PuTTY-User-Key-File-3: ssh-ed25519",
            "  b3BlbnNzaC1rZXktdjEAAAAABG5vbmU",
        ] {
            assert!(is_private_key(text) && looks_like_key(text), "{text}");
            assert_eq!(AuthorizedKey::parse(text), Err(NotAPublicKey::Private), "{text}");
            assert_eq!(AuthorizedKey::parse_all(text), Err((1, NotAPublicKey::Private)), "{text}");
        }
    }

    #[test]
    fn a_file_may_hold_comments_and_several_keys() {
        let text = format!("# mine\n\n{}\r\n  {}\n", KEYS[0], KEYS[1]);
        let keys = AuthorizedKey::parse_all(&text).unwrap();
        assert_eq!(keys.iter().map(AuthorizedKey::as_str).collect::<Vec<_>>(), &KEYS[..2]);
        assert_eq!(
            AuthorizedKey::parse_all(&format!("{}\nhello\n", KEYS[0])),
            Err((2, NotAPublicKey::Unreadable))
        );
    }

    #[test]
    fn names_of_files_do_not_look_like_keys() {
        for path in ["~/.ssh/id_ed25519.pub", "keys/my laptop.pub", "/etc/ssh-keys/a", "ssh-rsa.pub"] {
            assert!(!looks_like_key(path), "{path}");
        }
    }
}
