//! The name servers that pods can reach, among those of nodes.yaml.

use crate::cluster::diagnostic::{Diagnostics, Finding};
use crate::cluster::document::value::Field;
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::pods::{FLAG, names_a_resolv_conf};
use crate::cluster::{FieldSpan, PodFamilies, Role};
use std::net::IpAddr;

/// Reports nodes of k3s whose pods could reach none of their name servers.
pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let Some(k3s) = draft.k3s.given() else { return };
    let config_of = |node: &NodeDraft| {
        let given = node.k3s.given()?;
        Some(k3s.value.config_of(given.value.role?, &given.value.flags))
    };
    let first_server = draft.nodes.iter().find(|node| node.role() == Some(Role::Server));
    let config = first_server.and_then(config_of);
    let families = PodFamilies::of_networks(config.as_ref().and_then(|config| config.get("cluster-cidr")));
    let mut reported: Vec<&FieldSpan> = Vec::new();
    for node in &draft.nodes {
        if config_of(node).is_none_or(|config| names_a_resolv_conf(&config)) {
            continue;
        }
        let (servers, span) = match (&node.fields.dns, node.fields.gateway.given()) {
            (Field::Given(dns), _) if !dns.value.is_empty() => (dns.value.clone(), &dns.span),
            // Where no name server is named, the gateway is one.
            (Field::Given(_) | Field::Absent, Some(gateway)) => (vec![IpAddr::V4(gateway.value)], &node.span),
            (Field::Given(_) | Field::Absent, None) | (Field::Invalid, _) => continue,
        };
        if reported.contains(&span) || servers.iter().any(|server| families.reach(server)) {
            continue;
        }
        reported.push(span);
        let family = if families.ipv4 { "an IPv4" } else { "an IPv6" };
        let message = format!("the pods of {} can reach none of its name servers", node.called());
        let hint = format!(
            "Name one with {family} address that is neither link-local nor the machine itself under `dns:`, or a file of your own as `{FLAG}` under k3s's `config:`"
        );
        diagnostics.report(span, Finding::new(message, hint));
    }
}
