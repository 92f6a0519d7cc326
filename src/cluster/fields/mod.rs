//! The keys of nodes.yaml, a file for each of its sections: their tables, and the readers of their values.

pub(crate) mod addresses;
pub(crate) mod beside;
mod boot;
pub(crate) mod cluster;
pub(crate) mod files;
pub(crate) mod image;
pub(crate) mod k3s;
mod keyboard;
pub(crate) mod link;
pub(crate) mod network;
pub(crate) mod node;
mod password_file;
pub(crate) mod range;
mod size;
mod source;
mod system;
pub(crate) mod user;
pub(crate) mod wifi;

use crate::cluster::document::keys::Level;
use crate::cluster::document::{example, reference, schema};
pub use boot::Boot;
pub use node::Node;
pub use user::{Ssh, User};

/// Every kind of mapping in nodes.yaml.
pub(crate) const LEVELS: &[&Level] = &[
    &cluster::CLUSTER,
    &cluster::NODE,
    &network::NETWORK,
    &network::NETWORK_IPV6,
    &beside::ADAPTER,
    &beside::VLAN,
    &link::ROUTE,
    &wifi::WIFI,
    &wifi::SSID,
    &keyboard::KEYBOARD,
    &user::USER,
    &user::GITHUB_KEYS,
    &user::SSH,
    &boot::BOOT,
    &files::FILE,
    &k3s::K3S,
    &k3s::access::KUBECONFIG,
    &k3s::access::VIRTUAL_ADDRESS,
    &k3s::flags::K3S_ROLE,
    &k3s::K3S_NODE,
    &k3s::INSTALL,
    &k3s::DOWNLOAD,
    &k3s::DOWNLOAD_SHA256,
    &k3s::bundled::BUNDLED,
    &k3s::bundled::BUNDLED_BINARY,
    &source::ARTIFACT,
    &image::IMAGE,
    &image::OUTPUT,
    &cluster::INCLUDED,
    &cluster::DEFAULTS,
    &cluster::NODE_DEFAULTS,
];

/// Returns the JSON Schema of nodes.yaml, which editors check it by: nodes.schema.json.
pub fn json_schema() -> serde_json::Value {
    schema::schema(LEVELS)
}

/// Returns a nodes.yaml with every key in a comment, each with its help and an example: the text of
/// docs/nodes.example.yaml.
pub fn example() -> String {
    example::example(LEVELS)
}

/// Returns the sentences about a key of a level, and an example of its value, which may be empty. The level of the whole
/// file has no name.
pub fn key_help(level: &str, key: &str) -> Option<(&'static str, &'static str)> {
    let level = LEVELS.iter().find(|known| known.name == level)?;
    level.rows().find(|row| row.key == key).map(|row| (row.help, row.example))
}

/// Returns a page about every key of nodes.yaml: the text of docs/nodes-yaml.md.
pub fn reference() -> String {
    reference::page(LEVELS)
}
