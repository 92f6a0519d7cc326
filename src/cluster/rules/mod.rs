//! The rules that hold across nodes.

mod contradictions;
mod k3s_nodes;
mod k3s_values;
mod name_servers;
mod network;

use crate::cluster::diagnostic::{Wrong, also_in};
use crate::cluster::document::value::{Reader, Setting};
use crate::cluster::draft::{DEFAULT_USER, Draft};
use crate::cluster::fields::files;

/// Puts down every rule that is broken. What could not be read is left out: that was put down already.
pub(crate) fn check(draft: &Draft, reader: &mut Reader) {
    names_are_unique(draft, reader);
    network::check(draft, reader);
    k3s_nodes::check(draft, reader);
    name_servers::check(draft, reader);
    users_can_get_in(draft, reader);
    contradictions::check(draft, reader);
    k3s_values::check(draft, reader);
    files_are_free(draft, reader);
}

/// No file of a node's takes the place of another, or of what cardwright itself writes.
fn files_are_free(draft: &Draft, reader: &mut Reader) {
    for node in &draft.nodes {
        let user = match &node.settings.user_name {
            Setting::Absent => DEFAULT_USER,
            Setting::Given(name) => name.value.as_str(),
            Setting::Invalid => continue,
        };
        files::check_node(&node.settings.files, user, node.role().is_some(), reader);
    }
}

fn names_are_unique(draft: &Draft, reader: &mut Reader) {
    let names: Vec<_> = draft.nodes.iter().filter_map(|node| node.name.given()).collect();
    for (index, name) in names.iter().enumerate() {
        if let Some(first) = names.iter().take(index).find(|first| first.value == name.value) {
            let message = format!("another node is called `{}`, too", name.value);
            reader.report(&name.spot, Wrong::new(message, also_in(&first.spot)));
        }
    }
}

fn users_can_get_in(draft: &Draft, reader: &mut Reader) {
    const HINT: &str = "Add `password_hash:` under `user:`, or remove this";
    for node in &draft.nodes {
        let settings = &node.settings;
        if !settings.password_hash.is_absent() {
            continue;
        }
        if let Some(login) = settings.ssh_password_login.given().filter(|login| login.value) {
            reader.report(
                &login.spot,
                Wrong::new("nobody can log in with a password: the user has none", HINT),
            );
        }
        if let Some(sudo) = settings.passwordless_sudo.given().filter(|sudo| !sudo.value) {
            let message = "sudo would ask for a password, but the user has none";
            reader.report(&sudo.spot, Wrong::new(message, HINT));
        }
    }
}
