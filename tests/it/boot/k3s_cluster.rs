//! What the tests with k3s have in common: the nodes.yaml, the stub that stands for k3s, and its records.

use crate::boot::cluster::{Family, NODES, Recipe, Suite, TestCluster, Uplink, User};
use crate::boot::k3s_binary::{STUB, binary, binary_for};
use crate::boot::machine::Machine;
use crate::support::release_server::{ReleaseServer, Reply, Request};
use cardwright::types::Digest;
use std::net::SocketAddr;
use std::path::Path;

pub(crate) const VERSION: &str = "v1.36.4+k3s1";

/// The archive of container images inside cards.
pub(crate) const ARCHIVE: &str = "images.tar";

/// Where the releases are.
const PORT: u16 = 8080;

/// How k3s gets onto the cards.
pub(crate) enum Install {
    /// From this side of the wire.
    Download,
    /// With the images, and with this archive of container images.
    Bundled(Vec<u8>),
}

/// What a cluster has beside the rest.
#[derive(Default)]
pub(crate) struct More {
    /// What its images are made from.
    pub(crate) suite: Suite,
    /// The network of all nodes.
    pub(crate) uplink: Uplink,
    /// The nodes that are servers beside north.
    pub(crate) other_servers: &'static [&'static str],
    /// Further keys of `k3s:`, with their line ends.
    pub(crate) of_k3s: &'static str,
    /// Further keys of north, behind a comma.
    pub(crate) of_north: String,
    /// Further items of `files:`, a line each.
    pub(crate) files: String,
    /// Further keys, with their line ends.
    pub(crate) keys: &'static str,
    /// Further files beside it: name and content.
    pub(crate) beside: Vec<(&'static str, Vec<u8>)>,
}

/// Builds the images of four nodes: north the server, the others agents. They ask this side of the wire for
/// the time.
pub(crate) fn build(test: &str, install: Install) -> TestCluster {
    build_with(test, install, &NODES.map(|(name, _)| name), More::default())
}

/// As [`build`], with more in nodes.yaml, and images of these nodes only.
pub(crate) fn build_with(test: &str, install: Install, only: &[&str], more: More) -> TestCluster {
    let user = User { name: "pi", password: "not-for-ssh", passwordless_sudo: true };
    let stub = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/boot/k3s_stub.py");
    let More { suite, uplink, other_servers, of_k3s, of_north, files, keys, beside: more_beside } = more;
    let Uplink { family, .. } = uplink;
    let (gateway, key) = (family.gateway(), family.key());
    let nodes = [0, 1, 2, 3].map(|port| {
        let ((name, _), address) = (NODES[port], family.address(port));
        let is_server = name == "north" || other_servers.contains(&name);
        let (role, more) = (
            if is_server { "server" } else { "agent" },
            if name == "north" { of_north.as_str() } else { "" },
        );
        format!("  - {{name: {name}, {key}: '{address}', k3s: {role}{more}}}\n")
    });
    // The pods' networks are of IPv4 by themselves.
    let networks = match family {
        Family::V4 => "",
        Family::V6 => ", cluster-cidr: 'fd00:42::/56', service-cidr: 'fd00:43::/112'",
    };
    let (install, mut beside) = match install {
        Install::Download => {
            let sha256 = Digest::of(&binary_for(suite));
            let architecture = suite.k3s_architecture();
            let host = SocketAddr::new(gateway, PORT);
            let from = format!("base_url: 'http://{host}', sha256: {{{architecture}: {sha256}}}");
            (format!("download: {{{from}}}"), Vec::new())
        }
        Install::Bundled(archive) => (
            format!("bundled: {{binary: {{arm64: k3s-arm64}}, images: [{ARCHIVE}]}}"),
            vec![("k3s-arm64", binary()), (ARCHIVE, archive)],
        ),
    };
    beside.extend(more_beside);
    let rest = format!(
        "ntp: '{gateway}'\n\
         {keys}\
         files:\n\
         \x20 - {{path: {STUB}, source: '{}', mode: 0755}}\n\
         {files}\
         k3s:\n\
         \x20 version: {VERSION}\n\
         \x20 install: {{{install}}}\n\
         {of_k3s}\
         \x20 server: {{config: {{disable: [traefik]{networks}}}}}\n\
         nodes:\n{}",
        stub.display(),
        nodes.concat()
    );
    let (user, uplink, beside, rest) = (&user, &uplink, &beside, &rest);
    Recipe { suite, grow: "auto", user, uplink, only, beside, rest }.build(test)
}

/// Waits until the card tells this of its first start.
pub(crate) fn wait_for_status(machine: &mut Machine, line: &str) {
    let status = machine.status_file();
    machine.wait_until(&format!("grep -q '{line}' {status} 2>/dev/null && echo said"), "said");
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
    serve_releases_at(Family::V4, answer)
}

/// As [`serve_releases`], by this side's address of that family.
pub(crate) fn serve_releases_at(
    family: Family,
    answer: impl Fn(usize, &Request) -> Reply + Send + 'static,
) -> ReleaseServer {
    ReleaseServer::start_at(&SocketAddr::new(family.gateway(), PORT).to_string(), answer)
}

/// Serves what [`binary`] is, and nothing goes wrong.
pub(crate) fn serve_good_releases() -> ReleaseServer {
    serve_releases(|_, _| Reply::Whole(binary()))
}
