//! The key schedule, held against the vectors of its documentation and against oracles.

use super::*;
use crate::types::{UnixTime, hex};
use std::io::Write as _;
use std::process::{Command, Output};

const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The end of the authorities in the vectors, 2036-12-31, and of the owner's certificate, 2029-10-06.
const AUTHORITIES_END: UnixTime = UnixTime::new(2_114_380_799);
const ADMIN_END: UnixTime = UnixTime::new(1_885_939_200);

/// The public half of the login key of `SECRET`, as Python's cryptography package makes it.
const LOGIN_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIElsthtLi5iW5zgyrJ5cmvHVoNKsUc0CEiV827/ctZcK cardwright-compass";

/// The certificates of `SECRET`.
const CERTIFICATES: [(&str, &str); 6] = [
    ("server", include_str!("vectors/server-ca.crt")),
    ("client", include_str!("vectors/client-ca.crt")),
    ("request-header", include_str!("vectors/request-header-ca.crt")),
    ("etcd-server", include_str!("vectors/etcd-server-ca.crt")),
    ("etcd-peer", include_str!("vectors/etcd-peer-ca.crt")),
    ("admin", include_str!("vectors/admin.crt")),
];

fn secret() -> ClusterSecret {
    ClusterSecret::from_hex(SECRET).unwrap()
}

fn certified(secret: &ClusterSecret) -> Vec<CertifiedKey> {
    let authorities = Authority::ALL.map(|which| secret.authority(which, AUTHORITIES_END).unwrap());
    authorities.into_iter().chain([secret.admin(ADMIN_END).unwrap()]).collect()
}

/// Everything derived, as the documentation and tests/harness/key-schedule.py print it.
fn derived(secret: &ClusterSecret) -> Vec<String> {
    let seed = |pair: &SshKeyPair| {
        let key = ssh_key::PrivateKey::from_openssh(pair.private.as_bytes()).unwrap();
        hex::encode(key.key_data().ed25519().unwrap().private.as_ref())
    };
    let mut rows = vec![
        format!("k3s/server-token {}", *secret.server_token()),
        format!("k3s/agent-token {}", *secret.agent_token()),
    ];
    for node in ["north", "west"] {
        rows.push(format!("k3s/node-password/{node} {}", *secret.node_password(node)));
    }
    rows.push(format!("ssh/login-key {}", seed(&secret.login_key("x").unwrap())));
    for node in ["north", "west"] {
        rows.push(format!("ssh/host-key/ed25519/{node} {}", seed(&secret.host_key(node).unwrap())));
    }
    for node in ["north", "west"] {
        let salt = hex::encode(secret.password_salt(node, "pi").as_slice());
        rows.push(format!("user/password-salt/{node}/pi {salt}"));
    }
    let salt: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    let key = secret.backup_key(&salt);
    rows.push(format!("backup/{} {}", hex::encode(&salt), hex::encode(key.as_slice())));
    for ((name, _), key) in CERTIFICATES.iter().zip(certified(secret)) {
        use p256::pkcs8::DecodePrivateKey as _;
        use x509_cert::der::DecodePem as _;
        let scalar = p256::SecretKey::from_pkcs8_pem(&key.private_key).unwrap().to_bytes();
        let certificate = x509_cert::Certificate::from_pem(&key.certificate).unwrap();
        let serial = hex::encode(certificate.tbs_certificate().serial_number().as_bytes());
        let (label, end) = match *name {
            "admin" => ("k3s/admin".to_owned(), format!("/{}", ADMIN_END.seconds())),
            authority => (format!("k3s/ca/{authority}"), String::new()),
        };
        rows.push(format!("{label} {}", hex::encode(&scalar)));
        rows.push(format!("{label}/serial{end} {serial}"));
    }
    rows.push(format!("secret/fingerprint {}", secret.fingerprint()));
    rows
}

/// Runs an oracle; `None` where it is not installed, and need not be.
fn oracle(command: &mut Command) -> Option<Output> {
    match command.output() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            crate::types::test_oracle::skipped(&format!("{command:?} is not installed"));
            None
        }
        output => Some(output.unwrap()),
    }
}

fn file(content: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(content.as_bytes()).unwrap();
    file
}

#[test]
fn the_key_schedule_never_changes() {
    let documentation = include_str!("mod.rs");
    let documented: Vec<_> = documentation
        .lines()
        .skip_while(|line| *line != "//! | label | output |")
        .skip(2)
        .map_while(|line| line.strip_prefix("//! | `")?.strip_suffix("` |"))
        .map(|row| row.replacen("` | `", " ", 1))
        .collect();
    assert_eq!(derived(&secret()), documented);
    assert_eq!(secret().login_key("cardwright-compass").unwrap().public, LOGIN_KEY);
}

#[test]
fn another_implementation_derives_the_same() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/harness/key-schedule.py");
    for secret in [SECRET.to_owned(), "5a".repeat(32), "0".repeat(64), "f".repeat(64)] {
        let mut python = Command::new("python3");
        let Some(output) = oracle(python.args([script, &secret, "north", "west"])) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let theirs = String::from_utf8(output.stdout).unwrap();
        let ours = derived(&ClusterSecret::from_hex(&secret).unwrap());
        assert_eq!(theirs.lines().collect::<Vec<_>>(), ours);
    }
}

#[test]
fn a_password_gets_the_hash_that_crypt_gives_it() {
    let hash = secret().password_hash("north", "pi", "Rapunzel, lass dein Haar herunter: äöü");
    let fields: Vec<&str> = hash.split('$').collect();
    assert_eq!(fields[..3], ["", "6", "rounds=5000"]);
    assert_ne!(*hash, *secret().password_hash("north", "ann", "Rapunzel, lass dein Haar herunter: äöü"));
    let openssl = ["passwd", "-6", "-salt", fields[3], "Rapunzel, lass dein Haar herunter: äöü"];
    let Some(output) = oracle(Command::new("openssl").args(openssl)) else { return };
    let theirs = String::from_utf8(output.stdout).unwrap();
    assert_eq!(theirs.trim(), hash.replace("rounds=5000$", ""));
}

#[test]
fn the_certificates_never_change() {
    for ((name, vector), key) in CERTIFICATES.iter().zip(certified(&secret())) {
        assert_eq!(key.certificate, *vector, "{name}");
    }
}

#[test]
fn another_end_changes_the_certificate_and_not_the_key() {
    let [one, other] = [ADMIN_END, AUTHORITIES_END].map(|end| secret().admin(end).unwrap());
    assert_ne!(one.certificate, other.certificate);
    assert_eq!(one.private_key, other.private_key);
}

#[test]
fn a_certificate_can_end_after_the_dates_of_two_digits() {
    use x509_cert::der::DecodePem as _;
    let end = UnixTime::new(4_102_444_799); // 2099-12-31
    let key = secret().authority(Authority::Server, end).unwrap();
    let certificate = x509_cert::Certificate::from_pem(&key.certificate).unwrap();
    assert_eq!(certificate.tbs_certificate().validity().not_after.to_string(), "2099-12-31T23:59:59Z");
    let before_1970 = secret().admin(UnixTime::new(-1));
    assert!(matches!(before_1970, Err(IdentityError::CertificateTime { .. })));
}

#[test]
fn ssh_keygen_reads_the_keys() {
    for (key, comment) in [
        (secret().login_key("cardwright-compass").unwrap(), "cardwright-compass"),
        (secret().host_key("north").unwrap(), "north"),
    ] {
        let file = file(&key.private);
        let mut keygen = Command::new("ssh-keygen");
        let Some(output) = oracle(keygen.args(["-y", "-P", "", "-f"]).arg(file.path())) else { return };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8(output.stdout).unwrap().trim_end(), key.public);
        let list = Command::new("ssh-keygen").arg("-l").arg("-f").arg(file.path()).output().unwrap();
        let line = String::from_utf8(list.stdout).unwrap();
        let end = format!(" {comment} (ED25519)\n");
        assert!(line.starts_with("256 SHA256:") && line.ends_with(&end), "{line}");
    }
}

/// Returns OpenSSL's description of a certificate or key.
fn openssl(arguments: &[&str], content: &str) -> Option<String> {
    let file = file(content);
    let output = oracle(Command::new("openssl").args(arguments).arg("-in").arg(file.path()))?;
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn openssl_finds_each_key_in_its_certificate() {
    for key in certified(&secret()) {
        let Some(of_certificate) = openssl(&["x509", "-noout", "-pubkey"], &key.certificate) else { return };
        assert_eq!(openssl(&["pkey", "-pubout"], &key.private_key).unwrap(), of_certificate);
    }
}

#[test]
fn openssl_verifies_the_authorities_and_the_owners_certificate() {
    let keys = certified(&secret());
    let files: Vec<_> = keys.iter().map(|key| file(&key.certificate)).collect();
    let verify = |authority: usize, certificate: usize, purpose: &[&str]| {
        let mut openssl = Command::new("openssl");
        openssl.args(["verify", "-x509_strict", "-check_ss_sig"]).args(purpose);
        // In the middle of all validity, whatever today is: 2027-01-01.
        openssl.args(["-attime", "1798761600", "-CAfile"]);
        openssl.arg(files[authority].path()).arg(files[certificate].path());
        oracle(&mut openssl).map(|output| output.status.success())
    };
    let admin = 5;
    for authority in 0..5 {
        let Some(verified) = verify(authority, authority, &[]) else { return };
        assert!(verified, "{authority}");
        assert_eq!(verify(authority, admin, &["-purpose", "sslclient"]), Some(authority == 1), "{authority}");
    }
    assert_eq!(verify(1, admin, &["-purpose", "sslserver"]), Some(false));
}

#[test]
fn openssl_reads_what_the_certificates_say() {
    let keys = certified(&secret());
    let options = ["x509", "-noout", "-nameopt", "RFC2253", "-subject", "-issuer", "-dates", "-ext"];
    let authority = [&options[..], &["basicConstraints,keyUsage,subjectKeyIdentifier"]].concat();
    let Some(said) = openssl(&authority, &keys[0].certificate) else { return };
    insta::assert_snapshot!(said);
    let client = [&options[..], &["keyUsage,extendedKeyUsage,authorityKeyIdentifier"]].concat();
    insta::assert_snapshot!(openssl(&client, &keys[5].certificate).unwrap());
}
