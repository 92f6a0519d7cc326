//! Texts that are not public keys.

/// The reason why a text is no public key that sshd takes. It never holds the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotAPublicKey {
    /// It is a private key.
    #[error("this is a private key")]
    Private,
    /// It is a private key as PuTTY stores it.
    #[error("this is a private key, in the format of PuTTY")]
    PrivateOfPutty,
    /// It is none of what OpenSSH writes into a `.pub` file, or only a part of it.
    #[error("this is not an OpenSSH public key")]
    Unreadable,
    /// It is a DSA key.
    #[error("this is a DSA key, which OpenSSH does not accept any more")]
    Dsa,
    /// It is an RSA key of less than 1024 bits.
    #[error("this is an RSA key of less than 1024 bits, which OpenSSH does not accept")]
    ShortRsa,
    /// It is a line that begins with `#`.
    #[error("this is a comment, which sshd skips")]
    Comment,
    /// It is an OpenSSH certificate.
    #[error("this is a certificate, and authorized_keys takes only keys")]
    Certificate,
    /// It is a public key as RFC 4716 describes it.
    #[error("this is a public key in the format of SSH2 (RFC 4716), which sshd does not read")]
    Ssh2,
    /// It is a public key as OpenSSL writes it.
    #[error("this is a public key in PEM, which sshd does not read")]
    Pem {
        /// The name of the format for `ssh-keygen -m`.
        format: &'static str,
    },
    /// The key is behind words that are no options.
    #[error("this line begins with an option that sshd does not know, so it would skip the key")]
    UnknownOption,
    /// The key is behind an option that is not written as it has to be.
    #[error("the option `{name}` {problem}; as it is, sshd lets nobody in by this line")]
    Option {
        /// The name of the option.
        name: &'static str,
        /// The mistake in it.
        problem: &'static str,
    },
}
