//! The rules that hold across nodes.

mod contradictions;
mod k3s_nodes;
mod k3s_values;
mod links;
mod member;
mod name_servers;
mod network;
mod users;
mod wifi;

use crate::cluster::diagnostic::{Diagnostics, Finding, also_in};
use crate::cluster::document::value::Field;
use crate::cluster::draft::ClusterDraft;
use crate::cluster::fields::files;
use crate::cluster::fields::user::DEFAULT_USER;

/// Reports every rule that is broken. Values that could not be read are left out: they were reported already.
pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    names_are_unique(draft, diagnostics);
    network::check(draft, diagnostics);
    wifi::check(draft, diagnostics);
    links::check(draft, diagnostics);
    let members = member::members(draft);
    k3s_nodes::check(draft, &members, diagnostics);
    name_servers::check(&members, diagnostics);
    users::check(draft, diagnostics);
    contradictions::check(draft, diagnostics);
    k3s_values::check(draft, &members, diagnostics);
    files_are_free(draft, diagnostics);
}

/// Checks that no file of a node's takes the place of another, or of what cardwright itself writes.
fn files_are_free(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    for node in &draft.nodes {
        let user = match &node.fields.user.name {
            Field::Absent => DEFAULT_USER,
            Field::Given(name) => name.value.as_str(),
            Field::Invalid => continue,
        };
        files::check_node(node.fields.files.items(), user, node.role().is_some(), diagnostics);
    }
}

fn names_are_unique(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let names: Vec<_> = draft.nodes.iter().filter_map(|node| node.keys.name.given()).collect();
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names.iter().take(index).find(|first| first.value == name.value) {
            let message = format!("another node is called `{}`, too", name.value);
            diagnostics.report(&name.span, Finding::new(message, also_in(&first.span, &name.span)));
        }
    }
}
