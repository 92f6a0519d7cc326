//! Public keys that a GitHub account lists, pinned by their fingerprints.
//!
//! A fingerprint is the SHA-256 of the key itself (RFC 4253, section 6.6, as ssh-keygen(1) shows it), so it names one
//! key for ever: whatever the account lists later, the same nodes.yaml lets the same keys in.

use super::AuthorizedKey;
use crate::types::Digest;
use ssh_key::{Fingerprint, PublicKey};
use std::collections::BTreeMap;

/// Keys of an account on GitHub, by their fingerprints.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PinnedKeys {
    account: String,
    fingerprints: Vec<Digest>,
}

impl PinnedKeys {
    /// Names keys of an account.
    ///
    /// # Errors
    /// Says, in a clause that follows the quoted name, why it is none of an account.
    pub fn new(account: impl Into<String>, fingerprints: Vec<Digest>) -> Result<Self, &'static str> {
        let account = account.into();
        // The underscore is in the names that an enterprise manages.
        let is_plain = |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_');
        if account.is_empty() || !account.bytes().all(is_plain) {
            return Err("has characters other than letters, digits, `-` and `_`, or none at all");
        }
        Ok(Self { account, fingerprints })
    }

    /// Returns the name of the account.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// Returns the fingerprints, in the order of nodes.yaml.
    pub fn fingerprints(&self) -> &[Digest] {
        &self.fingerprints
    }
}

/// Keys that were fetched, by their fingerprints.
#[derive(Debug, Clone, Default)]
pub struct FetchedKeys(BTreeMap<Digest, FetchedKey>);

#[derive(Debug, Clone)]
struct FetchedKey {
    /// The key itself, as its fingerprint is computed from it.
    blob: Vec<u8>,
    /// Its type and, in Base64, the key itself.
    text: String,
}

impl FetchedKeys {
    /// Reads the keys that an account lists; lines that are none, or none that sshd takes, are left out.
    pub(crate) fn parse(text: &str) -> Self {
        let mut keys = Self::default();
        for key in text.lines().filter_map(|line| AuthorizedKey::parse(line).ok()?.public_key()) {
            keys.insert(&key);
        }
        keys
    }

    /// Adds a key itself, if it is one with that fingerprint.
    pub(crate) fn learn(&mut self, fingerprint: Digest, blob: &[u8]) {
        if Digest::of(blob) == fingerprint
            && let Ok(key) = PublicKey::from_bytes(blob)
        {
            self.insert(&key);
        }
    }

    fn insert(&mut self, key: &PublicKey) {
        if let (Ok(blob), Ok(text)) = (key.to_bytes(), key.to_openssh()) {
            let text = text.trim_end().to_owned();
            self.0.insert(Digest::of(&blob), FetchedKey { blob, text });
        }
    }

    /// Returns the key itself with that fingerprint.
    pub(crate) fn blob(&self, fingerprint: Digest) -> Option<&[u8]> {
        self.0.get(&fingerprint).map(|key| key.blob.as_slice())
    }

    /// Returns the fingerprints.
    pub(crate) fn fingerprints(&self) -> impl Iterator<Item = Digest> {
        self.0.keys().copied()
    }

    /// Returns the lines for authorized_keys, in the order of nodes.yaml, with the comment `github:ACCOUNT`; `None` where a
    /// key was not fetched.
    pub fn lines(&self, keys: &PinnedKeys) -> Option<Vec<String>> {
        let line = |key: &FetchedKey| format!("{} github:{}", key.text, keys.account);
        keys.fingerprints.iter().map(|fingerprint| self.0.get(fingerprint).map(line)).collect()
    }
}

/// Returns a fingerprint as ssh-keygen(1) shows it: `SHA256:…`.
pub(crate) fn shown_fingerprint(fingerprint: Digest) -> String {
    Fingerprint::Sha256(*fingerprint.as_bytes()).to_string()
}

/// Reads a fingerprint as ssh-keygen(1) shows it.
pub(crate) fn fingerprint(text: &str) -> Option<Digest> {
    let fingerprint: Fingerprint = text.parse().ok()?;
    fingerprint.sha256().map(Digest::from_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made for this test with ssh-keygen; the fingerprint is what `ssh-keygen -lf` says.
    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS";
    const FINGERPRINT: &str = "SHA256:wjfibfW0gXUK5ZzzwVyS7xKxEPIlGR0FAfalXuT2afc";

    #[test]
    fn a_key_is_known_by_its_fingerprint() {
        let pinned = fingerprint(FINGERPRINT).unwrap();
        assert_eq!(shown_fingerprint(pinned), FINGERPRINT);
        let keys = PinnedKeys::new("ann", vec![pinned]).unwrap();
        let listed =
            FetchedKeys::parse(&format!("ssh-dss AAAA\nrestrict {KEY}\n\n{KEY} a comment\n<html>\n"));
        assert_eq!(listed.fingerprints().collect::<Vec<_>>(), [pinned]);
        assert_eq!(listed.lines(&keys), Some(vec![format!("{KEY} github:ann")]));
        // As it is kept in the cache.
        let blob = listed.blob(pinned).unwrap();
        assert_eq!(Digest::of(blob), pinned);
        let mut known = FetchedKeys::default();
        assert_eq!(known.lines(&keys), None);
        known.learn(pinned, b"something else");
        known.learn(Digest::of(b"something else"), b"something else");
        assert_eq!(known.fingerprints().count(), 0);
        known.learn(pinned, blob);
        assert_eq!(known.lines(&keys), listed.lines(&keys));
    }

    #[test]
    fn what_is_no_fingerprint_or_account_is_refused() {
        for text in ["", "SHA256:", "SHA256:abc", "MD5:00:11", FINGERPRINT.trim_start_matches("SHA256:")] {
            assert_eq!(fingerprint(text), None, "{text}");
        }
        for account in ["", "ann/../bob", "a b", "ann?x", "ä"] {
            assert!(PinnedKeys::new(account, Vec::new()).is_err(), "{account}");
        }
        assert!(PinnedKeys::new("Ann-1_corp", Vec::new()).is_ok());
    }
}
