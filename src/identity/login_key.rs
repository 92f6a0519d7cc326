//! The login key of a cluster whose nodes.yaml names none.

use zeroize::Zeroizing;

/// An Ed25519 key pair in OpenSSH's formats.
pub struct LoginKey {
    /// One line for authorized_keys, without its end.
    pub public: String,
    /// The private key file, PEM, unencrypted.
    pub private: Zeroizing<String>,
}
