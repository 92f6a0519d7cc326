//! nodes.yaml: read, checked and resolved.
//!
//! A [`Cluster`] is valid by construction: whoever holds one need not check anything again. Reading goes in
//! four steps: the text becomes a tree that knows the position of every value (`document/`), the tree becomes a
//! draft with the top level's fields filled into each node (`fields/`, `draft`), the rules across nodes are
//! checked (`rules/`), and a draft without mistakes becomes the cluster (`resolve`, `model`). Every step collects
//! the mistakes and goes on, so that all of them are reported at once, as [`Diagnostic`]s.
//!
//! A key is declared in one row of a table in `fields/` (`document/keys` has the form of it), and held against others in
//! `rules/`.

pub(crate) mod claimed;
mod country;
mod diagnostic;
mod document;
mod draft;
mod fields;
mod image_name;
mod joining;
mod k3s_flags;
mod keyboard;
mod mac;
mod model;
mod names;
mod network;
mod pods;
mod resolve;
mod rules;
mod ssh;
mod user;
mod validity;
mod values;
mod wifi;

pub use country::Country;
pub use diagnostic::{Diagnostic, FieldSpan, InvalidCluster, Position};
pub use fields::{Boot, Node, Ssh, User, example, json_schema, key_help, reference};
pub use image_name::ImageName;
pub use joining::CannotRejoin;
pub use keyboard::{Keyboard, XkbNames};
pub use mac::MacAddress;
pub use model::Cluster;
pub use names::{ClusterName, Hostname, InterfaceName, K3sVersion, TimeServer, UserName};
pub use network::{Connection, Ipv4, Ipv4Network, Ipv6Network, Link, Network, Route};
pub use pods::PodFamilies;
pub(crate) use ssh::shown_fingerprint;
pub use ssh::{AuthorizedKey, FetchedKeys, NotAPublicKey, PinnedKeys};
pub use user::{AuthorizedKeys, Password, Sudo};
pub use validity::{CaStartYear, Lifetime};
pub use values::{
    Access, Answerer, ExtraFile, FileOwner, FilePath, FileSource, Grow, ImageSource, Install, Interface, K3s,
    Manifest, NodeK3s, NodeSpans, Output, PageSize, Registries, Role, Secret, Swap, VirtualAddress,
};
pub use wifi::{Passphrase, Ssid, Wifi, WifiKey, WifiSecurity};
