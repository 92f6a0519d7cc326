//! Errors of the cluster secret and of what is derived from it.

use super::{SECRET_ENVIRONMENT_VARIABLE, SecretFingerprint};
use crate::types::{Hint, UnixTime, errors};
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of reading or making the cluster secret. It never holds the secret.
    #[derive(Debug, thiserror::Error)]
    pub enum IdentityError {
        /// There is no secret, and a new one may not be made.
        #[error("the cluster secret `{}` does not exist, and is not made in CI or with `--locked`", path.display())]
        Missing { path: PathBuf } => format!(
            "Set {SECRET_ENVIRONMENT_VARIABLE} to the cluster's secret, or copy the file there; \
             for a new cluster, run `cardwright build` once without `--locked` and outside CI and keep {}",
            path.display()
        ),
        /// The file exists and cannot be read.
        #[error("cannot read the cluster secret `{}`: {source}", path.display())]
        Unreadable { path: PathBuf, source: io::Error },
        /// The file could not be made.
        #[error("cannot write a new cluster secret to `{}`: {source}", path.display())]
        NotWritten { path: PathBuf, source: io::Error }
            => "nodes.yaml has to be in a folder that can be written to, for the secret is made beside it",
        /// The file holds something else.
        #[error("`{}` does not hold a cluster secret, which is 64 hexadecimal digits", path.display())]
        MalformedFile { path: PathBuf } => format!(
            "Put the right file back; only if no card was ever made with it, delete {} and a new one is made",
            path.display()
        ),
        /// The environment variable holds something else.
        #[error("`{SECRET_ENVIRONMENT_VARIABLE}` does not hold a cluster secret, which is 64 hexadecimal digits")]
        MalformedVariable
            => format!("Set {SECRET_ENVIRONMENT_VARIABLE} to the one line of the file cluster.secret, or unset it"),
        /// The file and the environment variable hold two secrets.
        #[error(
            "`{}` and {SECRET_ENVIRONMENT_VARIABLE} hold two secrets: the fingerprint of the one is {}, that of the other {}",
            path.display(), file.short(), variable.short()
        )]
        TwoSecrets { path: PathBuf, file: SecretFingerprint, variable: SecretFingerprint } => format!(
            "Unset {SECRET_ENVIRONMENT_VARIABLE}, or move {} away: build.json and secret.fingerprint among the results say which one nodes were made with",
            path.display()
        ),
        /// Others can read the file.
        #[error("the cluster secret `{}` is readable by other users: its mode is {mode:04o}", path.display())]
        OpenToOthers { path: PathBuf, mode: u32 } => format!("Run `chmod 600 {}`", path.display()),
        /// The machine gives no randomness.
        #[error("cannot get random bytes for a new cluster secret: {0}")]
        Randomness(getrandom::Error),
        /// A key cannot be written in OpenSSH's format.
        #[error("cannot write a key in OpenSSH's format: {0}")]
        SshKey(ssh_key::Error),
        /// The bytes of the key schedule are no key of the curve P-256.
        #[error("cannot make a private key: {0}")]
        EllipticKey(p256::elliptic_curve::Error),
        /// A private key cannot be encoded.
        #[error("cannot encode a private key: {0}")]
        KeyFile(p256::pkcs8::Error),
        /// A certificate cannot be made.
        #[error("cannot make a certificate: {0}")]
        Certificate(x509_cert::builder::Error),
        /// A certificate would end before times have numbers.
        #[error("a certificate cannot end {} seconds after 1970", time.seconds())]
        CertificateTime { time: UnixTime },
    }
}

impl Hint for getrandom::Error {}
impl Hint for ssh_key::Error {}
impl Hint for p256::elliptic_curve::Error {}
impl Hint for p256::pkcs8::Error {}
impl Hint for x509_cert::builder::Error {}
