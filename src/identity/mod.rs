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
//!
//! `NODE` is the node's host name. The test vectors are in `tests` below.

mod error;
mod login_key;
mod secret;

pub use error::IdentityError;
pub use login_key::LoginKey;
pub use secret::{ClusterSecret, Creation, SECRET_ENVIRONMENT_VARIABLE};
