//! What the tests with k3s have in common: the nodes.yaml, the stub that stands for k3s, and its records.

use crate::cluster::{NODES, Suite, TestCluster, User};
use crate::machine::Machine;
use crate::release_server::{ReleaseServer, Reply, Request};
use crate::wire::GATEWAY;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

pub(crate) const VERSION: &str = "v1.36.4+k3s1";

/// Where the releases are.
const PORT: u16 = 8080;

/// What is downloaded as k3s: a script that calls the stub, as large as makes a download that can be
/// interrupted.
pub(crate) fn binary() -> Vec<u8> {
    let mut binary =
        b"#!/bin/sh\nK3S_STUB_NAME=$0 exec /usr/bin/python3 /usr/local/lib/k3s_stub.py \"$@\"\n".to_vec();
    // No two blocks alike, so that a piece in the wrong place is noticed.
    for number in 0_u32..1_000_000 {
        binary.extend_from_slice(&number.to_be_bytes());
    }
    binary
}

/// Builds the images of four nodes: north the server, the others agents. They ask this side of the wire for
/// the time and for k3s.
pub(crate) fn build(test: &str) -> TestCluster {
    let user = User { name: "pi", password: "not-for-ssh", passwordless_sudo: true };
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/boot/k3s_stub.py");
    let sha256 = Sha256::digest(binary()).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    let nodes = NODES.map(|(name, address)| {
        let role = if name == "north" { "server" } else { "agent" };
        format!("  - {{name: {name}, address: {address}, k3s: {role}}}\n")
    });
    let rest = format!(
        "files:\n\
         \x20 - {{path: /etc/systemd/timesyncd.conf.d/wire.conf, content: \"[Time]\\nNTP={GATEWAY}\\n\"}}\n\
         \x20 - {{path: /usr/local/lib/k3s_stub.py, source: '{}'}}\n\
         k3s:\n\
         \x20 version: {VERSION}\n\
         \x20 install: {{download: {{base_url: 'http://{GATEWAY}:{PORT}', sha256: {{arm64: {sha256}}}}}}}\n\
         \x20 server: {{config: {{disable: [traefik]}}}}\n\
         nodes:\n{}",
        stub.display(),
        nodes.concat()
    );
    TestCluster::build(test, Suite::Trixie, &user, &rest)
}

/// The records of the stub on a machine, a JSON value each.
pub(crate) fn records(machine: &Machine, name: &str) -> Vec<serde_json::Value> {
    let text = machine.ask_as_root(&format!("cat /var/lib/k3s-stub/{name} 2>/dev/null || true"));
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Waits until the server let `node` in for the `times`-th time, and gives the node password it came with.
pub(crate) fn wait_for_welcome(server: &mut Machine, node: &str, times: usize) -> String {
    let count = format!(
        "grep '\"node\": \"{node}\"' /var/lib/k3s-stub/visitors 2>/dev/null | grep -c welcome || true"
    );
    server.wait_until(&count, &times.to_string());
    let visit = records(server, "visitors").into_iter().rfind(|visit| visit["node"] == node).unwrap();
    visit["password"].as_str().unwrap().to_owned()
}

/// Serves releases where the cards look for them. `answer` is asked as [`ReleaseServer::start`] tells.
pub(crate) fn serve_releases(answer: impl Fn(usize, &Request) -> Reply + Send + 'static) -> ReleaseServer {
    ReleaseServer::start_at(&format!("{GATEWAY}:{PORT}"), answer)
}

/// Serves what [`binary`] is, and nothing goes wrong.
pub(crate) fn serve_good_releases() -> ReleaseServer {
    serve_releases(|_, _| Reply::Whole(binary()))
}
