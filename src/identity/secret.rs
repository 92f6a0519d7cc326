//! The cluster secret, and what is derived from it.

use super::schedule::derive;
use super::{Authority, CertifiedKey, IdentityError, SecretFingerprint, SshKeyPair, certificate};
use crate::io::ownership::{PRIVATE, mode_if_open_to_others};
use crate::io::plain_file;
use crate::io::sync::flush_folder;
use crate::io::temporary::{self, Pattern, TemporaryFile};
use crate::types::{Digest, UnixTime, hex};
use sha_crypt::{PasswordHasher as _, ShaCrypt};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// More than the 64 digits and the end of their line: a longer file is none, and is not read to its end.
const LONGEST_FILE: u64 = 128;

/// The 32 bytes that every key of a cluster is derived from.
pub struct ClusterSecret {
    bytes: Zeroizing<[u8; 32]>,
    /// The passwords that were hashed, with their hashes, by node and user: each takes milliseconds.
    hashed: Mutex<BTreeMap<(String, String), HashedPassword>>,
    /// The authorities that were made, with their ends: the token of every node needs one.
    authorities: Mutex<BTreeMap<(Authority, UnixTime), CertifiedKey>>,
}

struct HashedPassword {
    password: Zeroizing<String>,
    hash: Zeroizing<String>,
}

/// Permission to make a missing secret file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// Made from the machine's randomness, with mode 0600.
    Allowed,
    /// An error: in CI and with `--locked` a new secret would silently be another cluster.
    Forbidden,
}

impl Creation {
    /// Forbids it with `--locked` and where the environment variable `CI` is set, to anything but
    /// `false`, `0` or nothing.
    pub fn of(locked: bool, ci: Option<&OsStr>) -> Self {
        let in_ci = ci.is_some_and(|ci| !["", "0", "false"].map(OsStr::new).contains(&ci));
        if locked || in_ci { Self::Forbidden } else { Self::Allowed }
    }
}

impl ClusterSecret {
    fn of(bytes: Zeroizing<[u8; 32]>) -> Self {
        Self { bytes, hashed: Mutex::default(), authorities: Mutex::default() }
    }

    /// Takes the secret in `environment`, the value of
    /// [`SECRET_ENVIRONMENT_VARIABLE`](super::SECRET_ENVIRONMENT_VARIABLE), where that is set; otherwise the one in the
    /// file at `path`. Also says whether the file was made.
    ///
    /// A variable that is set to nothing is an error: that is what a CI service makes of a secret that
    /// it does not have. So is one that differs from the file: nobody can tell which of the two is meant.
    ///
    /// # Errors
    /// As [`from_hex`](Self::from_hex) and [`open`](Self::open), and when both hold secrets that differ.
    pub fn obtain(
        path: &Path,
        creation: Creation,
        environment: Option<&str>,
    ) -> Result<(Self, bool), IdentityError> {
        let Some(text) = environment else { return Self::open(path, creation) };
        let secret = Self::from_hex(text)?;
        match Self::read(path)?.map(|file| file.fingerprint()) {
            Some(file) if file != secret.fingerprint() => {
                Err(IdentityError::TwoSecrets { path: path.to_owned(), file, variable: secret.fingerprint() })
            }
            _ => Ok((secret, false)),
        }
    }

    /// Reads the secret from the file at `path`, or makes it. Also says whether it was made.
    ///
    /// # Errors
    /// When it is missing and may not be made, is not 64 hexadecimal digits, or others can read it.
    pub fn open(path: &Path, creation: Creation) -> Result<(Self, bool), IdentityError> {
        match (Self::read(path)?, creation) {
            (Some(secret), _) => Ok((secret, false)),
            (None, Creation::Forbidden) => Err(IdentityError::Missing { path: path.to_owned() }),
            (None, Creation::Allowed) => Self::make(path),
        }
    }

    /// Makes a secret that is written nowhere: for looking at what would be done with one.
    ///
    /// # Errors
    /// Fails when this machine gives no randomness.
    pub fn throwaway() -> Result<Self, IdentityError> {
        let mut bytes = Zeroizing::new([0; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(IdentityError::Randomness)?;
        Ok(Self::of(bytes))
    }

    /// Reads the secret in an environment variable's value.
    ///
    /// # Errors
    /// When it is not 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Result<Self, IdentityError> {
        Self::parse(text.as_bytes()).ok_or(IdentityError::MalformedVariable)
    }

    fn parse(digits: &[u8]) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        hex::decode_into(digits.trim_ascii(), bytes.as_mut_slice()).then_some(Self::of(bytes))
    }

    /// Derives what the secret is known by in files that everybody may read. Nobody finds another key by it.
    pub fn fingerprint(&self) -> SecretFingerprint {
        SecretFingerprint::of(&derive(&self.bytes, "secret/fingerprint"))
    }

    /// Derives a digest of a text that tells those without the secret nothing about it.
    pub(crate) fn keyed_digest(&self, text: &str) -> String {
        let label = format!("plan/{}", Digest::of(text.as_bytes()));
        hex::encode(derive::<8>(&self.bytes, &label).as_slice())
    }

    /// Derives the token that servers share, and agents of a cluster without an agent token.
    pub fn server_token(&self) -> Zeroizing<String> {
        self.derive_hexadecimal::<32>("k3s/server-token")
    }

    /// Derives the token that lets a node join as an agent, and as nothing else.
    pub fn agent_token(&self) -> Zeroizing<String> {
        self.derive_hexadecimal::<32>("k3s/agent-token")
    }

    /// Derives the password that k3s keeps in /etc/rancher/node/password.
    pub fn node_password(&self, node: &str) -> Zeroizing<String> {
        self.derive_hexadecimal::<16>(&format!("k3s/node-password/{node}"))
    }

    /// Derives the key to log in with where nodes.yaml names none. The comment of the project's own is
    /// `cardwright-CLUSTER`.
    ///
    /// # Errors
    /// When OpenSSH's format cannot take the comment.
    pub fn login_key(&self, comment: &str) -> Result<SshKeyPair, IdentityError> {
        SshKeyPair::from_seed(&derive(&self.bytes, "ssh/login-key"), comment)
    }

    /// Derives the key that a node proves to be itself with when people log in. Its comment is the node's name.
    ///
    /// # Errors
    /// When OpenSSH's format cannot take the name.
    pub fn host_key(&self, node: &str) -> Result<SshKeyPair, IdentityError> {
        SshKeyPair::from_seed(&derive(&self.bytes, &format!("ssh/host-key/ed25519/{node}")), node)
    }

    /// Derives the salt of a password's hash, so that the same password gives the same bytes on every run, and others on
    /// every node.
    pub(super) fn password_salt(&self, node: &str, user: &str) -> Zeroizing<[u8; 12]> {
        derive(&self.bytes, &format!("user/password-salt/{node}/{user}"))
    }

    /// Returns the hash of a password of a user of a node, as crypt(5) describes `sha512crypt`. It is made once.
    ///
    /// # Panics
    /// Never: any bytes have a hash.
    #[expect(clippy::expect_used, reason = "any bytes have a hash")]
    pub fn password_hash(&self, node: &str, user: &str, password: &str) -> Zeroizing<String> {
        let account = (node.to_owned(), user.to_owned());
        let hashed = || self.hashed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = hashed().get(&account).filter(|known| *known.password == password) {
            return known.hash.clone();
        }
        let salt = self.password_salt(node, user);
        let hash = ShaCrypt::SHA512.hash_password_with_salt(password.as_bytes(), salt.as_slice());
        let hash = Zeroizing::new(hash.expect("sha512crypt takes every password and salt").to_string());
        let password = Zeroizing::new(password.to_owned());
        hashed().insert(account, HashedPassword { password, hash: hash.clone() });
        hash
    }

    /// Makes the salt of a new backup.
    ///
    /// # Errors
    /// Fails when this machine gives no randomness.
    pub(crate) fn salt_of_backup() -> Result<[u8; 16], IdentityError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(IdentityError::Randomness)?;
        Ok(salt)
    }

    /// Derives the key that a backup is encrypted with. Each backup has a salt of its own, so that no two share a key.
    pub(crate) fn backup_key(&self, salt: &[u8; 16]) -> Zeroizing<[u8; 32]> {
        derive(&self.bytes, &format!("backup/{}", hex::encode(salt)))
    }

    /// Returns a certificate authority of k3s, valid until `end`. It is made once.
    ///
    /// # Errors
    /// When `end` is no time of a certificate.
    pub fn authority(&self, authority: Authority, end: UnixTime) -> Result<CertifiedKey, IdentityError> {
        let made = || self.authorities.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = made().get(&(authority, end)) {
            return Ok(known.clone());
        }
        let pair = certificate::authority(&self.bytes, authority, end)?;
        made().insert((authority, end), pair.clone());
        Ok(pair)
    }

    /// Makes the client certificate that lets the cluster's owner do everything, valid until `end`.
    ///
    /// # Errors
    /// When `end` is no time of a certificate.
    pub fn admin(&self, end: UnixTime) -> Result<CertifiedKey, IdentityError> {
        certificate::admin(&self.bytes, end)
    }

    fn derive_hexadecimal<const LENGTH: usize>(&self, label: &str) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(derive::<LENGTH>(&self.bytes, label).as_slice()))
    }

    fn read(path: &Path) -> Result<Option<Self>, IdentityError> {
        let unreadable = |source| IdentityError::Unreadable { path: path.to_owned(), source };
        let file = match plain_file::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        if let Some(mode) = mode_if_open_to_others(&file).map_err(unreadable)? {
            return Err(IdentityError::OpenToOthers { path: path.to_owned(), mode });
        }
        let mut text = Zeroizing::new(Vec::with_capacity(256));
        file.take(LONGEST_FILE).read_to_end(&mut text).map_err(unreadable)?;
        let secret = Self::parse(&text).ok_or_else(|| IdentityError::MalformedFile { path: path.to_owned() });
        secret.map(Some)
    }

    /// Makes a new secret. The file appears under its name with all of its content or not at all, and
    /// never takes the place of another: where two programs make one at the same time, both use the
    /// first.
    fn make(path: &Path) -> Result<(Self, bool), IdentityError> {
        let Self { bytes, .. } = Self::throwaway()?;
        let line = Zeroizing::new(hex::encode(bytes.as_slice()) + "\n");

        let not_written = |source| IdentityError::NotWritten { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(Path::new(""));
        let pattern = Pattern::new(".cluster.secret.", "");
        temporary::sweep(folder, pattern, None);
        let mut file = TemporaryFile::create(folder, pattern, PRIVATE).map_err(not_written)?;
        file.write_all(line.as_bytes()).map_err(not_written)?;
        file.file().sync_all().map_err(not_written)?;
        match file.persist_new(path) {
            Ok(_) => {
                flush_folder(folder).map_err(not_written)?;
                Ok((Self::of(bytes), true))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let theirs = Self::read(path)?.ok_or_else(|| not_written(error))?;
                Ok((theirs, false))
            }
            Err(error) => Err(not_written(error)),
        }
    }
}

impl std::fmt::Debug for ClusterSecret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ClusterSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Hint as _;

    const TEXT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn write(path: &Path, content: &str, mode: u32) {
        std::fs::write(path, content).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        #[cfg(not(unix))]
        let _ = mode;
    }

    #[test]
    fn a_missing_secret_is_made_once_and_read_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        let (made, was_made) = ClusterSecret::open(&path, Creation::Allowed).unwrap();
        assert!(was_made);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, format!("{}\n", hex::encode(made.bytes.as_slice())));
        let (read, was_made) = ClusterSecret::open(&path, Creation::Allowed).unwrap();
        assert!(!was_made);
        assert_eq!(read.bytes, made.bytes);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "a temporary file stayed");
    }

    #[test]
    fn two_new_secrets_differ() {
        let folder = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"]
            .map(|name| ClusterSecret::open(&folder.path().join(name), Creation::Allowed).unwrap().0);
        assert_ne!(one.bytes, two.bytes);
    }

    #[cfg(unix)]
    #[test]
    fn a_new_secret_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        ClusterSecret::open(&path, Creation::Allowed).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        for mode in [0o644, 0o640, 0o604] {
            write(&path, TEXT, mode);
            let error = ClusterSecret::open(&path, Creation::Allowed).unwrap_err();
            assert!(matches!(error, IdentityError::OpenToOthers { mode: found, .. } if found == mode));
            assert!(error.hint().unwrap().starts_with("Run `chmod 600 "));
        }
        write(&path, TEXT, 0o400);
        ClusterSecret::open(&path, Creation::Allowed).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_is_no_secret_and_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        assert!(
            std::process::Command::new("mkfifo").args(["-m", "600"]).arg(&path).status().unwrap().success()
        );
        let error = ClusterSecret::open(&path, Creation::Allowed).unwrap_err();
        assert!(error.to_string().contains("it is a named pipe"), "{error}");
    }

    #[test]
    fn a_missing_secret_is_an_error_where_none_may_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        let error = ClusterSecret::open(&path, Creation::Forbidden).unwrap_err();
        assert!(matches!(error, IdentityError::Missing { .. }));
        assert!(!path.exists());
    }

    #[test]
    fn creation_is_forbidden_with_locked_and_in_ci() {
        assert_eq!(Creation::of(false, None), Creation::Allowed);
        assert_eq!(Creation::of(true, None), Creation::Forbidden);
        for (value, creation) in [
            ("true", Creation::Forbidden),
            ("1", Creation::Forbidden),
            ("false", Creation::Allowed),
            ("", Creation::Allowed),
        ] {
            assert_eq!(Creation::of(false, Some(OsStr::new(value))), creation, "{value}");
        }
    }

    #[test]
    fn the_environment_goes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        let (secret, was_made) = ClusterSecret::obtain(&path, Creation::Allowed, Some(TEXT)).unwrap();
        assert!(!was_made && !path.exists());
        assert_eq!(hex::encode(secret.bytes.as_slice()), TEXT);
        let empty = ClusterSecret::obtain(&path, Creation::Allowed, Some("")).unwrap_err();
        assert!(matches!(empty, IdentityError::MalformedVariable));
        assert!(ClusterSecret::obtain(&path, Creation::Allowed, None).unwrap().1);
    }

    #[test]
    fn a_file_with_something_else_is_refused_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.secret");
        let nearly = format!("{TEXT}0");
        let endless = TEXT.repeat(100);
        for content in ["", "hunter2", &nearly, &endless] {
            write(&path, content, 0o600);
            let error = ClusterSecret::open(&path, Creation::Allowed).unwrap_err();
            assert!(matches!(error, IdentityError::MalformedFile { .. }), "{error}");
            let shown = format!("{error} {error:?} {}", error.hint().unwrap());
            assert!(!shown.contains("hunter2") && !shown.contains(TEXT), "{shown}");
        }
    }

    #[test]
    fn a_debug_print_does_not_tell_the_secret() {
        assert_eq!(format!("{:?}", ClusterSecret::from_hex(TEXT).unwrap()), "ClusterSecret(…)");
    }

    #[test]
    fn a_password_is_hashed_once_for_each_user_of_a_node() {
        let secret = ClusterSecret::from_hex(TEXT).unwrap();
        let first = secret.password_hash("north", "ann", "correct horse");
        assert_eq!(secret.password_hash("north", "ann", "correct horse"), first);
        let known = |password: &str| {
            let mut hashed = secret.hashed.lock().unwrap();
            let account = hashed.get_mut(&("north".to_owned(), "ann".to_owned())).unwrap();
            assert_eq!(*account.password, password);
            account.hash = Zeroizing::new("not made anew".to_owned());
        };
        known("correct horse");
        assert_eq!(*secret.password_hash("north", "ann", "correct horse"), "not made anew");
        // Another password, user or node has another hash.
        let others = [("north", "ann", "battery"), ("north", "bob", "battery"), ("east", "ann", "battery")];
        let others = others.map(|(node, user, password)| secret.password_hash(node, user, password));
        known("battery");
        assert!(
            others.iter().all(|hash| hash.starts_with("$6$"))
                && others[0] != others[1]
                && others[0] != others[2]
        );
    }
}
