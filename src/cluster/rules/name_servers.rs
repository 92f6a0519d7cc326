//! The name servers that pods can reach, among those of nodes.yaml.

use crate::cluster::diagnostic::{Diagnostics, Finding};
use crate::cluster::document::value::Field;
use crate::cluster::pods::{RESOLV_CONF, names_a_resolv_conf};
use crate::cluster::rules::member::K3sMember;
use crate::cluster::{FieldSpan, PodFamilies, Role};

/// Reports nodes of k3s whose pods could reach none of their name servers.
pub(crate) fn check(members: &[K3sMember<'_>], diagnostics: &Diagnostics) {
    let first_server = members.iter().find(|member| member.role == Role::Server);
    let families = PodFamilies::of_server(first_server.map(|server| &server.config));
    let mut reported: Vec<&FieldSpan> = Vec::new();
    for &K3sMember { node, ref config, .. } in members {
        if names_a_resolv_conf(config) {
            continue;
        }
        let network = &node.fields.network;
        let gateway = network.gateway.given().filter(|_| node.has_static_ipv4());
        let (servers, span) = match (&network.dns, gateway) {
            (Field::Given(dns), _) if !dns.value.is_empty() => (dns.value.clone(), &dns.span),
            // Where no name server is named, the gateway is one.
            (Field::Given(_) | Field::Absent, Some(gateway)) => (vec![gateway.value.into()], &node.span),
            (Field::Given(_) | Field::Absent, None) | (Field::Invalid, _) => continue,
        };
        if reported.contains(&span) || servers.iter().any(|server| families.reach(server)) {
            continue;
        }
        reported.push(span);
        let family = if families.ipv4 { "an IPv4" } else { "an IPv6" };
        let message = format!("the pods of {} can reach none of its name servers", node.called());
        let hint = format!(
            "Name one with {family} address that is neither link-local nor the machine itself under `dns:`, or a file of your own as `{RESOLV_CONF}` under k3s's `config:`"
        );
        diagnostics.report(span, Finding::new(message, hint));
    }
}
