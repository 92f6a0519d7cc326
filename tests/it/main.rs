//! Every test of the program and of the library's public interface, in one crate: one thing to compile and to link.
//!
//! `cargo test --test it` runs them in threads of one process. So no test changes what belongs to the process (its
//! environment, working directory, umask, limits or signals): each starts the program, or a shell around it, as a
//! child with its own.
//!
//! Slow tests are told by their module, and by nothing else:
//!
//! - `boot` starts machines, for minutes each. Its tests are the ignored ones, and no others are:
//!   `tests/harness/boot-test.sh`, which makes the test images that they need, runs them.
//! - `test_images` builds from images as large as the real ones, for a minute or two, and needs root. Leave it out with
//!   `cargo test --test it -- --skip test_images::`.
//! - Everything else is done in seconds each; `filesystems` and `formats` take longest.

#![cfg_attr(
    not(target_os = "linux"),
    allow(dead_code, unused_imports, reason = "some tests, and what they share, are for Linux only")
)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    unreachable_pub,
    missing_docs,
    reason = "a test fails by panicking, and who waits for one wants to see how far it is"
)]

mod access_files;
mod architecture;
mod artifacts;
#[cfg(unix)]
mod backup;
#[cfg(unix)]
mod boot;
mod cache;
mod changes;
mod command_line;
mod completions;
mod demo;
mod digests;
mod fetch;
mod filesystems;
#[cfg(target_os = "linux")]
mod flash;
mod formats;
mod identity;
mod images;
#[cfg(unix)]
mod init;
#[cfg(target_os = "linux")]
mod interruptions;
#[cfg(target_os = "linux")]
mod k3s_install;
mod k3s_settings;
mod kubeconfig;
mod levels;
mod nodes_yaml;
mod outputs;
#[cfg(unix)]
mod own_secret;
mod page;
mod reference;
mod second_day;
mod sessions;
mod shards;
#[cfg(unix)]
mod shared_folders;
mod ssh;
#[cfg(target_os = "linux")]
mod status;
mod stock_images;
mod support;
mod terminal;
#[cfg(target_os = "linux")]
mod test_images;
mod upgrade;
mod users;
mod verify;
