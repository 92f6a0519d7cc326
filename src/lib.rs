//! From one `nodes.yaml` and one stock Raspberry Pi OS image to one ready-to-flash image per node of a
//! k3s cluster: offline, without root, without mounting anything, the same bytes on every run.
//!
//! # The pipeline
//!
//! ```text
//! nodes.yaml ──parse, validate──▶ Cluster ┐
//! cluster.secret ──derive──▶ Identity     ├─plan (pure)─▶ Patch per node ─apply─▶ Layer ─write─▶ north.img.xz …
//! stock image ──open, detect──▶ System    ┘          │                     (over the base layer all nodes share)
//!                                               `plan` shows it, `verify` compares an image with it
//! ```
//!
//! 1. [`cluster`] reads `nodes.yaml` into a [`Cluster`](cluster::Cluster) that is valid by construction.
//! 2. [`identity`] derives every key the cluster needs from one secret.
//! 3. [`stock_image`] opens the stock image, read-only and with random access, whatever it is compressed with;
//!    [`stock_system`] finds its two partitions and the [`Release`](raspios::Release) in them.
//! 4. [`plan`] turns one node into a [`Patch`](patch::Patch): an ordered list of file edits, as plain data. The edits are
//!    decided in [`raspios`] and [`k3s`].
//! 5. [`base_layer`] makes the stock image as large as the nodes need it, and writes over it what all nodes share (the
//!    [`artifacts`]). [`patch`] applies a patch through [`fs`] to an [`Overlay`](io::Overlay) over that.
//! 6. [`output`] writes the images, in every [format](formats::ImageFormat), and the sidecar files that describe
//!    them; [`access`] writes the files their owner logs in with.
//! 7. [`pipeline`] runs all of it: a [`Session`](pipeline::Session) plans, builds and verifies. It
//!    [inspects](pipeline::inspect) an image, too.
//! 8. [`flash`] writes the disk of a node over a [`device`], without an image in between.
//! 9. [`status`] watches the nodes start.
//!
//! # Features
//!
//! `cli` (the program), `download` (images and files named by an address) and `progress` (its bar) are on by default. None
//! is needed to edit an image.
//!
//! # Example
//!
//! ```
#![doc = include_str!("../examples/cluster_of_two.rs")]
//! ```

pub mod access;
pub mod artifacts;
pub mod backup;
pub mod base_layer;
pub mod cache;
pub mod cluster;
pub mod demo;
pub mod device;
pub mod fetch;
mod first_start;
pub mod flash;
pub mod formats;
pub mod fs;
pub mod github_keys;
pub mod identity;
pub mod io;
pub mod k3s;
pub mod output;
pub mod partition;
pub mod patch;
pub mod pins;
pub mod pipeline;
pub mod plan;
pub mod raspios;
pub mod status;
pub mod stock_image;
pub mod stock_system;
pub mod systemd;
pub mod types;
pub mod upgrade;

// The other examples are compiled and run with the documentation, too.
#[cfg(doctest)]
#[doc = concat!("```\n", include_str!("../examples/edit_one_file.rs"), "\n```")]
struct EditOneFile;
#[cfg(doctest)]
#[doc = concat!("```\n", include_str!("../examples/own_step.rs"), "\n```")]
struct OwnStep;
#[cfg(doctest)]
#[doc = concat!("```\n", include_str!("../examples/nodes_from_csv.rs"), "\n```")]
struct NodesFromCsv;
#[cfg(doctest)]
#[doc = concat!("```\n", include_str!("../examples/image_to_writer.rs"), "\n```")]
struct ImageToWriter;
