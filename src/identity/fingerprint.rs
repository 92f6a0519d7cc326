//! Fingerprints of SSH keys, in the three forms of OpenSSH: a text, words, and a picture.

use sha1::{Digest as _, Sha1};
use ssh_key::{Algorithm, HashAlg, PublicKey};

/// The fingerprint of an Ed25519 key of SSH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshFingerprint {
    /// As `ssh` and `ssh-keygen -l` show it: `SHA256:` and base64.
    pub(crate) sha256: String,
    /// As `ssh-keygen -B` shows it: the SHA-1 as words that can be read aloud.
    pub(crate) words: String,
    /// As `ssh-keygen -lv` shows it: the SHA-256 as a picture of letters, in lines.
    pub(crate) art: String,
}

impl SshFingerprint {
    /// Returns the fingerprint of a public key: type, base64 and perhaps a comment. `None` where it is no Ed25519 key.
    pub(crate) fn of(key: &str) -> Option<Self> {
        let key = PublicKey::from_openssh(key).ok()?;
        if key.algorithm() != Algorithm::Ed25519 {
            return None;
        }
        let fingerprint = key.fingerprint(HashAlg::Sha256);
        Some(Self {
            sha256: fingerprint.to_string(),
            words: bubble_babble(&Sha1::digest(key.to_bytes().ok()?)),
            art: fingerprint.to_randomart("[ED25519 256]"),
        })
    }
}

/// Returns bytes as words: Antti Huima's Bubble Babble ("The Bubble Babble Binary Data Encoding", 2000), as OpenSSH has it
/// (`fingerprint_bubblebabble` in sshkey.c). Every two bytes are a word of five letters; its vowels also hold a checksum of
/// those before.
fn bubble_babble(bytes: &[u8]) -> String {
    let (mut text, mut checksum) = (String::from("x"), 1);
    let mut pairs = bytes.chunks_exact(2);
    let vowels = |byte: u32, checksum: u32| {
        [
            vowel(((byte >> 6) + checksum) % 6),
            consonant((byte >> 2) & 15),
            vowel(((byte & 3) + checksum / 6) % 6),
        ]
    };
    for pair in pairs.by_ref() {
        if let [one, two] = pair {
            let (one, two) = (u32::from(*one), u32::from(*two));
            text.extend(vowels(one, checksum));
            text.extend([consonant(two >> 4), '-', consonant(two & 15)]);
            checksum = (checksum * 5 + one * 7 + two) % 36;
        }
    }
    match pairs.remainder() {
        [one] => text.extend(vowels(u32::from(*one), checksum)),
        _ => text.extend([vowel(checksum % 6), consonant(16), vowel(checksum / 6)]),
    }
    text.push('x');
    text
}

fn vowel(number: u32) -> char {
    letter("aeiouy", number)
}

fn consonant(number: u32) -> char {
    letter("bcdfghklmnprstvzx", number)
}

#[expect(clippy::expect_used, reason = "the numbers are remainders of how many letters there are")]
fn letter(letters: &str, number: u32) -> char {
    letters
        .chars()
        .zip(0..)
        .find(|(_, index)| *index == number)
        .map(|(letter, _)| letter)
        .expect("a letter each")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_specification() {
        for (bytes, words) in [
            ("", "xexax"),
            ("1234567890", "xesef-disof-gytuf-katof-movif-baxux"),
            ("Pineapple", "xigak-nyryk-humil-bosek-sonax"),
        ] {
            assert_eq!(bubble_babble(bytes.as_bytes()), words, "{bytes}");
        }
    }

    #[test]
    fn what_is_no_ed25519_key_has_no_fingerprint() {
        assert_eq!(SshFingerprint::of("ssh-ed25519 AAAA north"), None);
        assert_eq!(SshFingerprint::of(""), None);
    }
}
