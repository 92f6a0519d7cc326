//! From one `nodes.yaml` and one stock Raspberry Pi OS image to one ready-to-flash image per node of a
//! k3s cluster: offline, without root, without mounting anything, the same bytes on every run.
//!
//! # The road
//!
//! ```text
//! nodes.yaml ──parse, check──▶ Cluster ┐
//! cluster.secret ──derive──▶ keys      ├─plan (pure)─▶ Patch per node ─apply─▶ Layer ─emit─▶ north.img.xz …
//! stock image ──open, detect──▶ Base   ┘          │                        above the Base
//!                                                  shown by `plan`, held against an image by `verify`
//! ```
//!
//! 1. [`cluster`] reads `nodes.yaml` into a [`Cluster`](cluster::Cluster) that is valid by construction.
//! 2. [`identity`] derives every key the cluster needs from one secret.
//! 3. [`disk`] opens the stock image, read-only and at random, whatever it is packed in; [`base`] finds its
//!    two partitions and the [`Release`](raspios::Release) in them.
//! 4. [`plan`] turns one node into a [`Patch`](patch::Patch): an ordered list of file edits, as plain data. What it
//!    writes is decided in [`raspios`] (what Raspberry Pi OS is) and [`k3s`].
//! 5. [`foundation`] makes the stock image as large as cards have to be, and puts above it what all of them
//!    get alike (what [`payload`] fetched). [`patch`] applies a patch through [`fs`] to an
//!    [`Overlay`](disk::Overlay) above that: blocks that differ.
//! 6. [`emit`] writes base and blocks as images, in every [`format`](mod@format), and what describes them;
//!    [`papers`] are what their owner gets in with.
//! 7. [`verify`](mod@verify) reads an image back and holds the plan against it; [`inspect`](mod@inspect) says what an image is.
//!
//! [`pipeline`] is this road as code. Arrows only go down: no room knows the rooms above it.
//!
//! # Example
//!
//! ```
#![doc = include_str!("../examples/cluster_of_two.rs")]
//! ```

pub mod access;
pub mod artifacts;
pub mod base_layer;
mod cache;
pub mod cluster;
pub mod demo;
pub mod fetch;
mod first_start;
pub mod formats;
pub mod fs;
pub mod identity;
pub mod io;
pub mod k3s;
pub mod output;
pub mod partition;
pub mod patch;
pub mod pipeline;
pub mod plan;
pub mod raspios;
pub mod stock_image;
pub mod stock_system;
pub mod types;
