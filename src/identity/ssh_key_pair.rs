//! Keys of SSH: those that nodes are known by, and the one to log in with where nodes.yaml names none.

use super::IdentityError;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{LineEnding, PrivateKey, PublicKey};
use zeroize::Zeroizing;

/// An Ed25519 key pair of SSH, in OpenSSH's formats.
pub struct SshKeyPair {
    /// One line, without its end: the type, the key in base64, the comment.
    pub public: String,
    /// The private key file, PEM, unencrypted.
    pub private: Zeroizing<String>,
}

impl SshKeyPair {
    /// Makes the key pair of a seed (RFC 8032, section 5.1.5).
    ///
    /// The private key file has two equal numbers in it that ssh-keygen draws at random, so that a wrong
    /// passphrase is noticed (PROTOCOL.key of OpenSSH). An unencrypted key needs none: ssh-key makes them
    /// from the key itself, and so the same seed gives the same file.
    ///
    /// # Errors
    /// When the format cannot take the comment.
    pub(super) fn from_seed(seed: &[u8; 32], comment: &str) -> Result<Self, IdentityError> {
        let pair = KeypairData::Ed25519(Ed25519Keypair::from_seed(seed));
        let key = PrivateKey::new(pair, comment).map_err(IdentityError::SshKey)?;
        let public = key.public_key().to_openssh().map_err(IdentityError::SshKey)?;
        // The line end of Unix everywhere: the bytes may not depend on the machine.
        let private = key.to_openssh(LineEnding::LF).map_err(IdentityError::SshKey)?;
        Ok(Self { public, private })
    }
}

/// The public half of a key that somebody has in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SshPublicKey {
    /// Type and key in base64.
    pub(crate) key: String,
    /// Empty where it is encrypted with the private half.
    pub(crate) comment: String,
}

impl SshPublicKey {
    /// Finds the key in a private key file of OpenSSH, encrypted or not, or in a `.pub` file. `None` where
    /// there is no such key, or one of another type than this program makes.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let public = match PrivateKey::from_openssh(text) {
            Ok(private) => private.public_key().clone(),
            Err(_) => PublicKey::from_openssh(text.trim()).ok()?,
        };
        let comment = public.comment().to_owned();
        let key = PublicKey::new(public.key_data().clone(), "").to_openssh().ok()?;
        Some(Self { key: key.trim().to_owned(), comment })
    }
}

impl std::fmt::Debug for SshKeyPair {
    /// Shows the public half only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SshKeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first key of RFC 8032, section 7.1.
    const SEED: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44,
        0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
    ];

    #[test]
    fn the_public_half_is_the_one_of_rfc_8032() {
        let key = SshKeyPair::from_seed(&SEED, "cardwright-compass").unwrap();
        let public = ssh_key::PublicKey::from_openssh(&key.public).unwrap();
        let bytes = public.key_data().ed25519().unwrap().0;
        let expected = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(crate::types::hex::encode(&bytes), expected);
        assert!(key.public.ends_with(" cardwright-compass"), "{}", key.public);
    }

    #[test]
    fn both_halves_of_a_key_name_the_same_public_half() {
        let pair = SshKeyPair::from_seed(&SEED, "cardwright-compass").unwrap();
        let [private, public] = [&*pair.private, &pair.public].map(|text| SshPublicKey::find(text).unwrap());
        assert_eq!(private, public);
        assert_eq!(private.comment, "cardwright-compass");
        assert!(SshPublicKey::find("").is_none() && SshPublicKey::find("PRIVATE KEY").is_none());
    }

    #[test]
    fn the_same_seed_gives_the_same_file() {
        let [one, two] = [(); 2].map(|()| SshKeyPair::from_seed(&SEED, "same").unwrap());
        assert_eq!(one.private, two.private);
        assert!(one.private.ends_with("-----END OPENSSH PRIVATE KEY-----\n"));
        assert!(!one.private.contains('\r'));
    }

    #[test]
    fn a_debug_print_does_not_tell_the_private_half() {
        let key = SshKeyPair::from_seed(&SEED, "x").unwrap();
        assert!(!format!("{key:?}").contains("PRIVATE"));
    }
}
