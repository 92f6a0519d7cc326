//! Backups of a server: what it cannot make again, in one file that is encrypted to the cluster's secret.
//!
//! A card is made from nodes.yaml and the secret, and so can be made again; what people put into the cluster cannot: it is
//! in the datastore of k3s. With it go the server's token, by which k3s encrypts a part of the datastore, and the keys
//! that k3s itself made (docs.k3s.io, "Backup and Restore"). The volumes of pods are not in a backup.
//!
//! # The file, version 1
//!
//! ```text
//! cardwright-backup 1⏎
//! {"cluster":"compass","node":"north","secret":"…","k3s":"v1.36.4+k3s1","datastore":"sqlite","time":"…","salt":"…"}⏎
//! chunks of 64 KiB, each encrypted and followed by its tag of 16 bytes; the last may be shorter
//! ```
//!
//! `secret` is the fingerprint of the cluster's secret. The key is derived from that and `salt`
//! ([`identity`](crate::identity)). The chunks are those of STREAM with a counter of 32 bits, big-endian, and a
//! flag for the last one (Hoang, Reyhanitabar, Rogaway and Vizár, 2015), over ChaCha20-Poly1305; the rest of the nonce is
//! zero, for no key is used twice; the two lines of the header are the associated data of every chunk. So a file that was cut,
//! extended, put in another order or given another header is not taken for a backup.
//!
//! Encrypted is what the script on the node prints, from the fourth line on:
//!
//! ```text
//! cardwright-backup 1⏎
//! k3s v1.36.4+k3s1⏎
//! datastore sqlite⏎
//! file 64 token⏎
//! … 64 bytes
//! end⏎
//! ```
//!
//! # Facts of k3s, which cannot be run here
//!
//! - sqlite: the datastore is `server/db/state.db`, restored by being there before k3s starts ("Backup and Restore
//!   with SQLite"). Its maintainers copy it from a stopped k3s (k3s#1318). The log of changes beside it (WAL) makes a plain copy
//!   of a running one worthless (sqlite.org, "How To Corrupt", 1.2); SQLite's own online backup reads one state of it, and k3s
//!   need not stop. Python has that, and Raspberry Pi OS has Python, so that is how it is copied; k3s is
//!   stopped for the copy where Python is missing. Its pods go on then: the unit has `KillMode=process`.
//! - etcd: `k3s etcd-snapshot save` writes a snapshot, and `k3s server --cluster-reset --cluster-reset-restore-path=…` makes
//!   a datastore of it, once ("k3s etcd-snapshot", Restoring Snapshots; see [`k3s::restore`](crate::k3s::restore)).
//! - The datastore also holds the authorities, `service.key`, `cred/passwd` and `cred/ipsec.psk`, encrypted with the token. k3s
//!   ends where one of them differs on the disk and is newer there (pkg/cluster/bootstrap.go, `ReconcileBootstrapData`;
//!   k3s#4910); where it is older, the datastore wins. Files on a card are as old as its stock image.

mod entries;
mod error;
mod fetch;
mod header;
mod restore;
mod seal;

pub use error::BackupError;
pub use fetch::{Fetched, default_path, fetch};
pub use header::{Datastore, Header};
pub use restore::{choose, open};
