//! From one `nodes.yaml` and one stock Raspberry Pi OS image to one ready-to-flash image per node of a
//! k3s cluster: offline, without root, without mounting anything, the same bytes on every run.
//!
//! # The pipeline
//!
//! ```text
//! nodes.yaml ──parse, validate──▶ Cluster ┐
//! cluster.secret ──derive──▶ Identity     ├─plan (pure)─▶ Patch per node ─apply─▶ Layer ─write─▶ north.img.xz …
//! stock image ──open, detect──▶ Stock     ┘          │                     (over the base layer all nodes share)
//!                                               `plan` shows it, `verify` compares an image with it
//! ```
//!
//! 1. [`cluster`] reads `nodes.yaml` into a [`Cluster`](cluster::Cluster) that is valid by construction.
//! 2. [`identity`] derives every key the cluster needs from one secret.
//! 3. [`stock_image`] opens the stock image, read-only and with random access, whatever it is compressed with;
//!    [`stock_system`] finds its two partitions and the [`Release`](raspios::Release) in them.
//! 4. [`plan`] turns one node into a [`Patch`](patch::Patch): an ordered list of file edits, as plain data. What it
//!    writes is decided in [`raspios`] and [`k3s`].
//! 5. [`base_layer`] makes the stock image as large as the cards have to be, and writes over it what all nodes
//!    share (the [`artifacts`]). [`patch`] applies a patch through [`fs`] to an [`Overlay`](io::Overlay) over that.
//! 6. [`output`] writes the images, in every [format](formats::ImageFormat), and the sidecar files that describe
//!    them; [`access`] writes the files their owner logs in with.
//! 7. [`pipeline`] runs all of it, [verifies](pipeline::verify) an image against the plan and
//!    [inspects](pipeline::inspect) one.
//!
//! # Example
//!
//! ```
#![doc = include_str!("../examples/cluster_of_two.rs")]
//! ```

pub mod access;
pub mod artifacts;
pub mod base_layer;
pub mod cache;
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
pub mod systemd;
pub mod types;
