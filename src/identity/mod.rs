//! Every key the cluster needs, derived from one secret.
//!
//! The same secret gives the same cluster again, on any machine, for ever: the key schedule below is a
//! format, and may never change.
//!
//! # Key schedule, version 1
//! `HKDF-SHA256` (RFC 5869) with the 32 bytes of the cluster secret as input key material, the ASCII
//! bytes `cardwright/v1` as salt, and as `info` one label per key, in ASCII:
//!
//! | key | label | output |
//! |---|---|---|
//! | k3s server token | `k3s/server-token` | 32 bytes, as 64 lower-case hexadecimal digits |
//! | k3s agent token | `k3s/agent-token` | 32 bytes, as 64 lower-case hexadecimal digits |
//! | node password | `k3s/node-password/NODE` | 16 bytes, as 32 lower-case hexadecimal digits |
//! | login key | `ssh/login-key` | 32 bytes, the seed of an Ed25519 key (RFC 8032) |
//! | host key | `ssh/host-key/ed25519/NODE` | 32 bytes, the seed of an Ed25519 key |
//! | salt of a password | `user/password-salt/NODE/USER` | 12 bytes, as 16 characters of crypt(5)'s Base64 |
//! | key of a backup | `backup/SALT` | 32 bytes, a key of ChaCha20-Poly1305 (RFC 8439) |
//! | certificate authorities | `k3s/ca/server`, `k3s/ca/client`, `k3s/ca/request-header`, `k3s/ca/etcd-server`, `k3s/ca/etcd-peer` | 48 bytes, a P-256 key |
//! | their serial numbers | `LABEL/serial` | 16 bytes, a serial number |
//! | the owner's key | `k3s/admin` | 48 bytes, a P-256 key |
//! | its serial number | `k3s/admin/serial/END` | 16 bytes, a serial number |
//! | fingerprint of the secret, which is public | `secret/fingerprint` | 16 bytes, as 32 lower-case hexadecimal digits |
//! | digest of a part of a plan, which is public | `plan/SHA256`, of its text | 8 bytes, as 16 lower-case hexadecimal digits |
//!
//! `SALT` is that in the header of the backup, 32 lower-case hexadecimal digits,
//! `NODE` the node's host name, `USER` the login name of a user, `END` the last second of the certificate, in decimal seconds since 1970.
//! Comments of SSH keys, which are no part of the keys: `cardwright-CLUSTER` of the login key, `NODE` of a
//! host key.
//!
//! A **P-256 key** is the scalar `(c mod (n - 1)) + 1`, where `c` is the 48 bytes as a big-endian number and
//! `n` the order of the group (FIPS 186-5, appendix A.2.1). A **serial number** is the 16 bytes with the
//! highest bit off and the next one on.
//!
//! # Certificates, version 1
//! X.509 version 3, signed with ECDSA and SHA-256 and the nonce of RFC 6979, in PEM with lines of 64
//! characters that end as Unix ends them; private keys as PKCS#8 with their public half.
//!
//! | certificate | subject, in UTF-8 strings | issuer | extensions, in this order |
//! |---|---|---|---|
//! | authority | `CN=k3s-server-ca@1577836800`; `k3s-client-ca@…`, `k3s-request-header-ca@…`, `etcd-server-ca@…`, `etcd-peer-ca@…` | itself | key usage (critical): digital signature, key encipherment, certificate signing; basic constraints (critical): CA; subject key identifier |
//! | the owner's | `O=system:masters`, `CN=cardwright-admin` | the client authority | key usage (critical): digital signature, key encipherment; extended key usage: client; authority key identifier |
//!
//! Key identifiers are the first 20 bytes of the SHA-256 of the public key (RFC 7093, section 2, method 1).
//!
//! All are valid from 2020-01-01. When they end is no secret and not derived: nodes.yaml decides it. It may
//! depend neither on the clock nor on the stock image, for the server authority's hash is pinned in every
//! token, and a card made later has to hold the same.
//!
//! # Test vectors
//! Of the secret `000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f`. A second implementation,
//! tests/harness/key-schedule.py, computes them too, so that they hold the schedule and not the code. Of P-256
//! keys they are the scalars. The certificates are in src/identity/vectors, and were compared with those
//! that Python's cryptography package makes.
//!
//! | label | output |
//! |---|---|
//! | `k3s/server-token` | `008cb6bdbd7f71a54e9e34f98624595ebc76a40e30e8d1687517aa14076b47a1` |
//! | `k3s/agent-token` | `d04e1e73fe1d1c7ba6e010e094caee529d6827c485cda560bfd07783ffd26db6` |
//! | `k3s/node-password/north` | `e327ebceb92dafe26277ba8302adbb02` |
//! | `k3s/node-password/west` | `1742d6985a82064e155bd64680cff363` |
//! | `ssh/login-key` | `83c8efa5b4dc7e60db95e677b4b28f4bdf07e45ed4f1d3d8203226670d753342` |
//! | `ssh/host-key/ed25519/north` | `327cc80ecaa7d432296e5b32cc00264cb74a682d095c13aa18711762ef0f0d9b` |
//! | `ssh/host-key/ed25519/west` | `6a4b96104ce53b8d31c56e1b3d6924ce56c4d180163b493eb80147600efcd43d` |
//! | `user/password-salt/north/pi` | `edd9ff1b981804fedd924e8a` |
//! | `user/password-salt/west/pi` | `ceeadb0275fb183c1b9bf77e` |
//! | `backup/000102030405060708090a0b0c0d0e0f` | `c40cf49c5f4e19740353d5eabbf550f58a70a8fe8d661283af7df84fe0447652` |
//! | `k3s/ca/server` | `a4875a8ac2b9106e05d88ec45a1a512d765d2edc244eb226e9132c7fd12d3abb` |
//! | `k3s/ca/server/serial` | `4c51e03b261cd91b8bcf4f267a1df5ac` |
//! | `k3s/ca/client` | `4640b8ce487b1a9af33ff2e51ff9ef3069c5e534fbca5001fb19cde107ac9798` |
//! | `k3s/ca/client/serial` | `4de570c7ee5f90b2e74a65e89c18d85c` |
//! | `k3s/ca/request-header` | `3a06af2698ff36ad4e1d7e476eb09ccc8b499ec6ee244758f909dcd18edb870d` |
//! | `k3s/ca/request-header/serial` | `55a92e30397690f19761c02cc35324a3` |
//! | `k3s/ca/etcd-server` | `a9632805d404cabf5c73acf29eb6a00a6b01cf43faa511fabb0e47d0cbb20154` |
//! | `k3s/ca/etcd-server/serial` | `6b9b47f1478d08656f7913b231d561bb` |
//! | `k3s/ca/etcd-peer` | `fe758abf0e3a5af9b594d34f0f77d48b6c036e7a425c558fd9b2711e766908df` |
//! | `k3s/ca/etcd-peer/serial` | `430b90a562e96944186a739c3ae21e3a` |
//! | `k3s/admin` | `8f75705c28fe65d21903a0ac036862a3a8647c7519f85950dd2e511a58c91234` |
//! | `k3s/admin/serial/1885939200` | `726d60f7eaa330b03a563fe10ae1e735` |
//! | `secret/fingerprint` | `ec71699fd596b0a253d42208f57645ce` |

mod certificate;
mod elliptic_key;
mod error;
mod fingerprint;
mod schedule;
mod secret;
mod secret_fingerprint;
mod ssh_key_pair;

pub(crate) use certificate::have_same_key;
pub use certificate::{Authority, CERTIFICATES_BEGIN, CertifiedKey};
pub use error::IdentityError;
pub(crate) use fingerprint::SshFingerprint;
pub use secret::{ClusterSecret, Creation};
pub use secret_fingerprint::SecretFingerprint;
pub use ssh_key_pair::SshKeyPair;
pub(crate) use ssh_key_pair::SshPublicKey;

/// Overrides the secret file: 64 hexadecimal digits.
pub const SECRET_ENVIRONMENT_VARIABLE: &str = "CARDWRIGHT_SECRET";

#[cfg(test)]
mod tests;
