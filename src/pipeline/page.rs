//! The facts for the page to print. They are those of nodes.yaml and known_hosts, which a build and a merge both have, so
//! that both write the same page.

use super::commands::Commands;
use super::outputs;
use crate::access::AccessFiles;
use crate::cluster::{Cluster, Link, Node};
use crate::output::sidecar::{Page, PageFingerprint, PageNode, PageStep};
use crate::types::shell;
use std::path::Path;

/// Returns what the page says of a cluster.
pub(super) fn page_of(cluster: &Cluster, access: &AccessFiles) -> Page {
    let mut keys = access.host_keys();
    let node = |node: &Node| {
        let key = keys.remove(node.name.as_str());
        PageNode {
            name: node.name.to_string(),
            addresses: addresses(node),
            link: link(&node.network.main.link),
            role: node.role().map(|role| role.to_string()),
            image: outputs::file_name(cluster, node),
            fingerprint: key.map(|key| PageFingerprint {
                sha256: key.sha256,
                words: key.words,
                art: key.art,
            }),
        }
    };
    Page {
        nodes: cluster.nodes.iter().map(node).collect(),
        k3s: cluster.k3s.as_ref().map(|k3s| k3s.version.to_string()),
        steps: steps(cluster),
    }
}

fn addresses(node: &Node) -> Vec<String> {
    let others = node.network.main.addresses().skip(1).map(|address| address.to_string());
    std::iter::once(node.host()).chain(others).collect()
}

fn link(link: &Link) -> String {
    match link {
        Link::Wired(_) => "wire".to_owned(),
        Link::Wifi(_) => "Wi-Fi".to_owned(),
        Link::Vlan { id, .. } => format!("VLAN {id}"),
    }
}

/// Returns the steps from images to a cluster.
fn steps(cluster: &Cluster) -> Vec<PageStep> {
    // The folder is another on the next machine; the name of the file is the same.
    let file = cluster.source.file_name().map(Path::new).filter(|file| *file != Path::new("nodes.yaml"));
    let file =
        file.map_or_else(String::new, |file| format!(" -f {}", shell::word(&file.display().to_string())));
    let commands = Commands { stock: file.clone(), results: file };
    let name = cluster.nodes.first().map_or("", |node| node.name.as_str());
    let mut steps = vec![
        PageStep {
            said: "Put a card in, and write it; what is on it is shown before it is lost. On macOS and Windows, write the image with Raspberry Pi Imager: \"Use custom\", and no customisation.",
            commands: vec![commands.flash_all()],
        },
        PageStep {
            said: "Put the cards into the boards and switch on. After a minute or two:",
            commands: vec![commands.status()],
        },
        PageStep {
            said: "Log in at a node, or see what it says:",
            commands: vec![commands.ssh(name), commands.logs(name)],
        },
    ];
    if cluster.k3s.is_some() && cluster.first_server().is_some() {
        let kubectl = commands.kubectl(&commands.kubeconfig());
        steps.push(PageStep { said: "When the first server is ready:", commands: vec![kubectl] });
    }
    steps
}
