//! OpenSSH public keys.

use crate::cluster::NotAPublicKey;
use crate::cluster::ssh::options;
use crate::cluster::ssh::options::Terms;
use crate::types::escape;
use ssh_key::PublicKey;
use std::path::{Path, PathBuf};

/// One line of an authorized_keys file: options, type, key and comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizedKey {
    line: String,
    /// The options before the key; mostly none.
    options: String,
    /// The key itself, in Base64.
    blob: String,
    terms: Terms,
    identity_file: Option<PathBuf>,
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

/// The types of a certificate end in this.
const CERTIFICATE: &str = "-cert-v01@openssh.com";

/// sshd's `SSH_RSA_MINIMUM_MODULUS_SIZE`.
const FEWEST_RSA_BITS: usize = 1024;

impl AuthorizedKey {
    /// Parses one line as sshd(8) describes it in AUTHORIZED_KEYS FILE FORMAT; the key in it is really decoded.
    ///
    /// # Errors
    /// The reason.
    pub fn parse(line: &str) -> Result<Self, NotAPublicKey> {
        // Not `trim()`: to sshd nothing separates words but spaces and tabs.
        let line = line.trim_matches([' ', '\t', '\r', '\n']);
        reject_other_formats(line)?;
        if line.contains(|character: char| escape::is_control(character) && character != '\t') {
            return Err(NotAPublicKey::Unreadable);
        }
        if line.starts_with('#') {
            return Err(NotAPublicKey::Comment);
        }
        let (options, rest) = split_options(line);
        let mut words = rest.split([' ', '\t']).filter(|word| !word.is_empty());
        let (Some(kind), Some(blob)) = (words.next(), words.next()) else {
            return Err(NotAPublicKey::Unreadable);
        };
        if kind == "ssh-dss" {
            return Err(NotAPublicKey::Dsa);
        }
        if kind.ends_with(CERTIFICATE) {
            return Err(NotAPublicKey::Certificate);
        }
        if !TYPES.contains(&kind) {
            return Err(NotAPublicKey::Unreadable);
        }
        let key =
            PublicKey::from_openssh(&format!("{kind} {blob}")).map_err(|_| NotAPublicKey::Unreadable)?;
        if key.key_data().rsa().is_some_and(|rsa| bits(rsa.n.as_bytes()) < FEWEST_RSA_BITS) {
            return Err(NotAPublicKey::ShortRsa);
        }
        let terms = options::check(options)?;
        Ok(Self {
            line: line.to_owned(),
            options: options.to_owned(),
            blob: blob.to_owned(),
            terms,
            identity_file: None,
        })
    }

    /// Parses every line of an authorized_keys or `.pub` file; comments and empty lines are left out.
    ///
    /// # Errors
    /// The number of the first line that is no key, from 1, and the reason.
    pub fn parse_all(text: &str) -> Result<Vec<Self>, (usize, NotAPublicKey)> {
        // Windows' editors put it before the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        reject_other_formats(text).map_err(|error| (1, error))?;
        text.lines()
            .zip(1..)
            .map(|(line, number)| (line.trim_matches([' ', '\t']), number))
            .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
            .map(|(line, number)| Self::parse(line).map_err(|error| (number, error)))
            .collect()
    }

    /// Returns the line, without its end.
    pub fn as_str(&self) -> &str {
        &self.line
    }

    /// Returns the private key on this machine, where there is one beside the `.pub` file that the key was read from.
    pub fn identity_file(&self) -> Option<&Path> {
        self.identity_file.as_deref()
    }

    /// Returns the key as the content of a file: of `id.pub`, `id` is the private key, where it exists. It is only
    /// named, never read.
    pub(crate) fn of_file(self, file: &Path) -> Self {
        let is_public = file.extension().is_some_and(|extension| extension == "pub");
        // With the key of a CA one signs, and gets in with what it signed.
        let identity_file = (is_public && !self.terms.cert_authority)
            .then(|| file.with_extension(""))
            .filter(|private| private.is_file());
        Self { identity_file, ..self }
    }

    /// Takes over the name of the private key from an equivalent line that was read from beside it.
    pub(crate) fn learn_from(&mut self, other: &Self) {
        self.identity_file = self.identity_file.take().or_else(|| other.identity_file.clone());
    }

    /// Returns the key itself, without its comment; `None` where options stand before it.
    pub(super) fn public_key(&self) -> Option<PublicKey> {
        let key = PublicKey::from_openssh(&self.line).ok().filter(|_| self.options.is_empty())?;
        Some(PublicKey::from(key.key_data().clone()))
    }

    /// Returns the terms on which the line lets somebody in.
    pub(crate) fn terms(&self) -> &Terms {
        &self.terms
    }

    /// Returns `true` if both lines hold the same key, whatever stands before and behind it.
    pub(crate) fn is_same_key(&self, other: &Self) -> bool {
        self.blob == other.blob
    }

    /// Returns `true` if both lines let the holder of the same key in on the same terms.
    pub(crate) fn is_equivalent(&self, other: &Self) -> bool {
        self.is_same_key(other) && self.options == other.options
    }
}

impl serde::Serialize for AuthorizedKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.line)
    }
}

/// Tells what is a key, but none in one line of OpenSSH's own format.
fn reject_other_formats(text: &str) -> Result<(), NotAPublicKey> {
    if text.contains("PuTTY-User-Key-File-") {
        Err(NotAPublicKey::PrivateOfPutty)
    } else if is_private_key(text) {
        Err(NotAPublicKey::Private)
    } else if text.contains("BEGIN SSH2 PUBLIC KEY") {
        Err(NotAPublicKey::Ssh2)
    } else if text.contains("BEGIN RSA PUBLIC KEY") {
        Err(NotAPublicKey::Pem { format: "PEM" })
    } else if text.contains("BEGIN PUBLIC KEY") {
        Err(NotAPublicKey::Pem { format: "PKCS8" })
    } else {
        Ok(())
    }
}

/// Returns the options, empty where the line begins with a type, and the line from its type on.
fn split_options(line: &str) -> (&str, &str) {
    let first = line.split([' ', '\t']).next();
    if first.is_some_and(is_type) { ("", line) } else { options::split(line) }
}

fn is_type(word: &str) -> bool {
    TYPES.contains(&word) || word == "ssh-dss" || word.ends_with(CERTIFICATE)
}

/// Returns the number of bits of a big-endian number.
fn bits(bytes: &[u8]) -> usize {
    let mut significant = bytes.iter().skip_while(|byte| **byte == 0);
    match significant.next() {
        None => 0,
        Some(first) => significant.count() * 8 + first.checked_ilog2().map_or(0, |top| top as usize + 1),
    }
}

/// Returns `true` if a text is meant to be a key itself rather than the name of a file with one.
pub(crate) fn looks_like_key(text: &str) -> bool {
    let text = text.trim();
    let has_several_words = text.contains(char::is_whitespace);
    // The Base64 of every key begins so: it is the length of the name of its type.
    let has_blob = text.split_whitespace().any(|word| word.starts_with("AAAA"));
    let first = text.split_whitespace().next().unwrap_or(text);
    let has_type = first.starts_with("ssh-") || first.starts_with("ecdsa-") || first.starts_with("sk-");
    reject_other_formats(text).is_err()
        || text.contains('\n')
        || text.starts_with("AAAA")
        || (has_several_words && (has_type || has_blob || text.starts_with('#')))
}

/// Returns `true` if a text is, or holds, a private key: PEM and PKCS#8, OpenSSH's own format (also only its
/// Base64 body, which begins with `openssh-key-v1`), PuTTY's.
pub(crate) fn is_private_key(text: &str) -> bool {
    text.contains("PRIVATE KEY")
        || text.contains("PuTTY-User-Key-File-")
        || text.trim_start().starts_with("b3BlbnNzaC1rZXktdjE")
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
            for invalid in [
                format!("{kind} {}", body.chars().take(body.len() - 8).collect::<String>()),
                format!("{kind} {body}AAAA"),
                format!("{kind} x{body}"),
                format!("ssh-foo {body}"),
                kind.to_owned(),
                body.to_owned(),
                format!("{kind}\n{body}"),
            ] {
                assert_eq!(AuthorizedKey::parse(&invalid), Err(NotAPublicKey::Unreadable), "{invalid}");
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
            let error = AuthorizedKey::parse(text).unwrap_err();
            assert!(matches!(error, NotAPublicKey::Private | NotAPublicKey::PrivateOfPutty), "{text}");
            assert_eq!(AuthorizedKey::parse_all(text), Err((1, error)), "{text}");
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
    fn a_line_that_sshd_skips_is_no_key() {
        for (before, expected) in [
            ("# ", NotAPublicKey::Comment),
            ("#", NotAPublicKey::Comment),
            ("garbage ", NotAPublicKey::UnknownOption),
            ("no-such-option ", NotAPublicKey::UnknownOption),
            ("restrict,foo ", NotAPublicKey::UnknownOption),
            // Two words before the key: the second is no type.
            ("restrict pty ", NotAPublicKey::Unreadable),
            ("command=\"ls ", NotAPublicKey::Unreadable),
            ("\u{a0}", NotAPublicKey::Unreadable),
        ] {
            let line = format!("{before}{}", KEYS[0]);
            assert_eq!(AuthorizedKey::parse(&line), Err(expected), "{line}");
        }
        assert_eq!(
            AuthorizedKey::parse(&KEYS[0].replace(' ', "\u{a0}")),
            Err(NotAPublicKey::Unreadable),
            "a space that only looks like one"
        );
        for text in ["# ssh-ed25519 AAAAC3", "garbage ssh-ed25519 AAAAC3", "# mine"] {
            assert!(looks_like_key(text), "{text}");
        }
    }

    #[test]
    fn other_formats_of_keys_are_named() {
        let certificate = KEYS[0].replace("ssh-ed25519 ", "ssh-ed25519-cert-v01@openssh.com ");
        for (text, expected) in [
            ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAAB3\n---- END SSH2 PUBLIC KEY ----", NotAPublicKey::Ssh2),
            ("-----BEGIN PUBLIC KEY-----\nMIIB", NotAPublicKey::Pem { format: "PKCS8" }),
            ("-----BEGIN RSA PUBLIC KEY-----\nMIIB", NotAPublicKey::Pem { format: "PEM" }),
            ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", NotAPublicKey::PrivateOfPutty),
            (&certificate, NotAPublicKey::Certificate),
        ] {
            assert!(looks_like_key(text), "{text}");
            assert_eq!(AuthorizedKey::parse(text), Err(expected), "{text}");
            assert_eq!(AuthorizedKey::parse_all(text), Err((1, expected)), "{text}");
        }
    }

    #[test]
    fn a_short_rsa_key_is_refused_as_sshd_refuses_it() {
        use ssh_key::{Mpint, PublicKey, public::KeyData, public::RsaPublicKey};
        let of_bits = |bytes: usize| {
            let n = Mpint::from_positive_bytes(&[0x81].repeat(bytes)).unwrap();
            let e = Mpint::from_positive_bytes(&[1, 0, 1]).unwrap();
            let key = PublicKey::from(KeyData::Rsa(RsaPublicKey { e, n }));
            AuthorizedKey::parse(&key.to_openssh().unwrap())
        };
        assert_eq!(of_bits(64), Err(NotAPublicKey::ShortRsa));
        assert_eq!(of_bits(127), Err(NotAPublicKey::ShortRsa));
        assert!(of_bits(128).is_ok());
    }

    #[test]
    fn the_same_key_is_told_by_its_blob() {
        let key = |line: &str| AuthorizedKey::parse(line).unwrap();
        let plain = key(KEYS[0]);
        let other_comment = key(&KEYS[0].replace("laptop", "desktop"));
        let restricted = key(&format!("restrict {}", KEYS[0]));
        assert!(plain.is_equivalent(&other_comment));
        assert!(plain.is_same_key(&restricted) && !plain.is_equivalent(&restricted));
        assert!(!plain.is_same_key(&key(KEYS[1])));
    }

    #[test]
    fn a_byte_order_mark_before_the_first_key_is_none_of_it() {
        let keys = AuthorizedKey::parse_all(&format!("\u{feff}{}\r\n", KEYS[0])).unwrap();
        assert_eq!(keys[0].as_str(), KEYS[0]);
    }

    #[test]
    fn names_of_files_do_not_look_like_keys() {
        for path in ["~/.ssh/id_ed25519.pub", "keys/my laptop.pub", "/etc/ssh-keys/a", "ssh-rsa.pub"] {
            assert!(!looks_like_key(path), "{path}");
        }
    }
}
