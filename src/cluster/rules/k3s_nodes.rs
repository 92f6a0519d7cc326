//! Rules about the servers and agents of k3s.

use crate::cluster::diagnostic::{Diagnostics, Finding};
use crate::cluster::document::value::Field;
use crate::cluster::draft::ClusterDraft;
use crate::cluster::rules::member::K3sMember;
use crate::cluster::{Role, k3s_flags};
use crate::types::ByteCount;

/// Reports roles and flags that make no cluster.
pub(crate) fn check(draft: &ClusterDraft, members: &[K3sMember<'_>], diagnostics: &Diagnostics) {
    roles_make_a_cluster(draft, diagnostics);
    backups_are_the_first_servers(members, diagnostics);
    flags_agree(members, diagnostics);
    memory_suffices(members, diagnostics);
}

/// The flag of both roles whose value is put onto all cards alike.
const DATA_DIR: &str = "data-dir";

/// Holds the flags of nodes against each other that have to be the same: k3s lets no server join that differs in one
/// of its "critical configuration values", and what lies in `data-dir` is put onto all cards alike.
fn flags_agree(members: &[K3sMember<'_>], diagnostics: &Diagnostics) {
    let servers: Vec<_> = members.iter().filter(|member| member.role == Role::Server).collect();
    for flag in k3s_flags::critical_flags() {
        let Some((first, others)) = servers.split_first() else { break };
        let before = flag.compared(&first.config);
        let Some(other) = others.iter().find(|other| flag.compared(&other.config) != before) else {
            continue;
        };
        // All else is the same for all servers: one of the two has it of its own.
        let span = [other, first].into_iter().find_map(|member| member.own.value.flags.span_of(flag.name));
        let (other_called, first_called) = (other.node.called(), first.node.called());
        let (what, why) = flag.shared_by_servers();
        let message = format!("{what} is not the same on {other_called} as on {first_called}, and {why}");
        let hint = "Set it for all servers at once: under `server: {config: …}` of `k3s:`";
        diagnostics.report(span.unwrap_or(&other.own.span), Finding::new(message, hint));
    }
    for server in &servers {
        // The file belongs to root:root where no group is named (k3s's `write-kubeconfig-group`).
        if k3s_flags::lets_an_empty_group_in(&server.config) {
            let span = server.span_of("write-kubeconfig-mode");
            let message =
                "`write-kubeconfig-mode` lets a group read the kubeconfig, and the group is root's own";
            let hint = "Name a group that somebody is in, like `write-kubeconfig-group: sudo`";
            diagnostics.warn(span, Finding::new(message, hint));
        }
    }
    let Some((first, others)) = members.split_first() else { return };
    if let Some(other) = others.iter().find(|other| first.config.get(DATA_DIR) != other.config.get(DATA_DIR))
    {
        let span = [other, first].into_iter().find_map(|member| member.own.value.flags.span_of(DATA_DIR));
        let message =
            format!("`{DATA_DIR}` is not the same on {} as on {}", other.node.called(), first.node.called());
        let hint = "Set it for all nodes at once: in `config:` of the top-level `k3s:`";
        diagnostics.report(span.unwrap_or(&other.own.span), Finding::new(message, hint));
    }
}

fn roles_make_a_cluster(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let with = |role| {
        let nodes = draft.nodes.iter().filter(move |node| node.role() == Some(role));
        nodes.filter_map(|node| Some(&node.keys.k3s.given()?.span)).collect::<Vec<_>>()
    };
    let (servers, agents) = (with(Role::Server), with(Role::Agent));
    let undecided = draft.has_unreadable_nodes || draft.nodes.iter().any(|node| node.keys.k3s.is_invalid());
    match &draft.k3s {
        Field::Absent => {
            let first = draft
                .nodes
                .iter()
                .filter(|node| node.role().is_some())
                .find_map(|node| node.keys.k3s.given());
            if let Some(first) = first {
                let hint = "Add `k3s: {version: v1.36.4+k3s1, install: download}` at the top of the file, or write `k3s: none`";
                let finding = Finding::new("this node is to run k3s, but the cluster has no `k3s:`", hint);
                diagnostics.report(&first.span, finding);
            }
        }
        Field::Given(k3s) if servers.is_empty() && agents.is_empty() && !undecided => {
            let hint = "Add `k3s: server` to one node and `k3s: agent` to the others, or remove this";
            diagnostics.report(&k3s.span, Finding::new("k3s is described here, but no node runs it", hint));
        }
        Field::Given(_) | Field::Invalid => {}
    }
    if undecided {
        return;
    }
    if let (Some(agent), []) = (agents.first(), servers.as_slice()) {
        let finding = Finding::new(
            "there is no server that this agent could join",
            "Make one node a server: `k3s: server`",
        );
        diagnostics.report(agent, finding);
    }
    if let Some(last) = servers.last()
        && servers.len().is_multiple_of(2)
    {
        let message = format!("there are {} servers, but etcd needs an odd number of them", servers.len());
        let hint = "Make this one an agent, or add one more server: an even number survives no more failures than one less";
        diagnostics.report(last, Finding::new(message, hint));
    }
    // docs.k3s.io, "Requirements": SD cards and eMMC cannot handle the load.
    if let [_, second, ..] = servers.as_slice() {
        let message = format!(
            "{} servers keep what they know in etcd, which is too much writing for an SD card",
            servers.len()
        );
        let hint = "Let the servers start from an SSD, or keep one server: the others can be agents";
        diagnostics.warn(second, Finding::new(message, hint));
    }
}

/// Refuses backups for nodes that join a cluster: they get from its server what they need.
fn backups_are_the_first_servers(members: &[K3sMember<'_>], diagnostics: &Diagnostics) {
    let first = members.iter().find(|member| member.role == Role::Server);
    for member in members {
        let Some(restore) = &member.own.value.restore else { continue };
        let is_first = first.is_some_and(|first| std::ptr::eq(first.node, member.node));
        if is_first {
            continue;
        }
        let message = match member.role {
            Role::Agent => {
                format!("{} is an agent, and has nothing that could be restored", member.node.called())
            }
            Role::Server => {
                format!("{} joins the cluster, and gets from it what a backup holds", member.node.called())
            }
        };
        let hint = first.map_or_else(String::new, |first| {
            format!("Write `restore:` under `k3s:` of {}", first.node.called())
        });
        diagnostics.report(&restore.span, Finding::new(message, hint));
    }
}

/// Warns of boards with less memory than k3s asks for (docs.k3s.io, "Requirements"), which are seen to crawl
/// (k3s#3976).
fn memory_suffices(members: &[K3sMember<'_>], diagnostics: &Diagnostics) {
    const SERVER: ByteCount = ByteCount::new(2 << 30);
    const AGENT: ByteCount = ByteCount::new(512 << 20);
    for &K3sMember { node, role, k3s, .. } in members {
        let Some(memory) = node.fields.memory.given() else { continue };
        let needed = match role {
            Role::Server => SERVER,
            Role::Agent => AGENT,
        };
        if memory.value >= needed {
            continue;
        }
        let message = format!("{} has {}, but a k3s {role} asks for {needed}", node.called(), memory.value);
        let hint = if role == Role::Agent {
            "Keep what runs on it small"
        } else if k3s.disables_the_heaviest() {
            "Make a board with more memory the server"
        } else {
            "Make a board with more memory the server, or at least set `disable: [traefik, metrics-server]` under `k3s:`"
        };
        diagnostics.warn(&memory.span, Finding::new(message, hint));
    }
}
