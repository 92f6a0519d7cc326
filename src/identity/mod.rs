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
//! `NODE` is the node's host name. The login key's comment, which is no part of the key, is
//! `cardwright-CLUSTER`.
//!
//! # Test vectors
//! Of the secret `000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f`, which were also
//! computed by another implementation of HMAC (Python's), so that they hold the schedule and not the code:
//!
//! | label | output |
//! |---|---|
//! | `k3s/server-token` | `008cb6bdbd7f71a54e9e34f98624595ebc76a40e30e8d1687517aa14076b47a1` |
//! | `k3s/agent-token` | `d04e1e73fe1d1c7ba6e010e094caee529d6827c485cda560bfd07783ffd26db6` |
//! | `k3s/node-password/north` | `e327ebceb92dafe26277ba8302adbb02` |
//! | `k3s/node-password/west` | `1742d6985a82064e155bd64680cff363` |
//! | `ssh/login-key` | `83c8efa5b4dc7e60db95e677b4b28f4bdf07e45ed4f1d3d8203226670d753342` |

mod error;
mod hexadecimal;
mod login_key;
mod permissions;
mod schedule;
mod secret;

pub use error::IdentityError;
pub use login_key::LoginKey;
pub use secret::{ClusterSecret, Creation, SECRET_ENVIRONMENT_VARIABLE};

#[cfg(test)]
mod tests;
