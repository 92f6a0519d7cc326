//! Rules about Wi-Fi.

use crate::cluster::diagnostic::{Diagnostics, Finding, also_in, shown};
use crate::cluster::document::value::Field;
use crate::cluster::draft::{ClusterDraft, NodeDraft};
use crate::cluster::fields::link::Method;
use crate::cluster::fields::node::NodeFields;
use crate::cluster::fields::wifi::{Security, WifiLayer};
use crate::cluster::{FieldSpan, Role};

/// The parameter of the kernel that says by which country's rules a radio sends.
const REGULATORY_DOMAIN: &str = "cfg80211.ieee80211_regdom";

/// Reports Wi-Fi without what it needs, and what contradicts it.
pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    radios_keep_one_law(draft, diagnostics);
    for node in &draft.nodes {
        let wifi = &node.fields.wifi;
        let Some(span) = wifi.span() else { continue };
        is_complete(wifi, span, diagnostics);
        one_country(node, diagnostics);
        if let Some(span) = wifi.span_of_main() {
            the_wire_is_not_described(node, draft, diagnostics);
            if node.role() == Some(Role::Server) {
                let message = format!(
                    "{} is a k3s server on Wi-Fi: the whole cluster waits for what its datastore writes and reads",
                    node.called()
                );
                diagnostics.warn(span, Finding::new(message, "Put servers on the wire, and agents on Wi-Fi"));
            }
        } else {
            the_wire_has_a_cable(node, diagnostics);
        }
    }
}

/// Checks that a word of cmdline.txt does not name another country: the kernel takes the last.
fn one_country(node: &NodeDraft, diagnostics: &Diagnostics) {
    let Some(country) = node.fields.wifi.keys.country.given().map(|country| country.value.to_string()) else {
        return;
    };
    for word in node.fields.boot.cmdline.items() {
        // The kernel takes `-` for `_` (kernel-parameters.rst).
        let domain = word.value.split_once('=').filter(|(key, _)| key.replace('-', "_") == REGULATORY_DOMAIN);
        if let Some((key, domain)) = domain.filter(|(_, domain)| *domain != country) {
            let message = format!("{} is not `{country}`, the country of the Wi-Fi", shown(domain));
            let hint = format!("Remove `{key}`: `country` under `wifi:` sets it");
            diagnostics.report(&word.span, Finding::new(message, hint));
        }
    }
}

/// Warns of `method: dhcp` where it may be meant for the radio alone. Who names the wire as well has one.
fn the_wire_has_a_cable(node: &NodeDraft, diagnostics: &Diagnostics) {
    let NodeFields { wifi, network, .. } = &node.fields;
    let Some(method) = wifi.beside.link.method.given().filter(|method| method.value == Method::Dhcp) else {
        return;
    };
    let has_address = !(wifi.beside.address.is_absent() && wifi.beside.ipv6.is_absent());
    if has_address || !network.adapter.interface.is_absent() {
        return;
    }
    let message = "with `method: dhcp` the Wi-Fi stands beside the wire: `eth0` has the node's address and the default \
                   route, and without a cable nobody reaches the node";
    let hint = "For Wi-Fi alone, write `network: {method: dhcp}` in the node instead; for both, name the wire: \
                `network: {interface: eth0}`";
    diagnostics.warn(&method.span, Finding::new(message, hint));
}

/// Warns where nodes of one cluster are in several countries.
fn radios_keep_one_law(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let with_wifi = draft.nodes.iter().filter(|node| node.fields.wifi.span().is_some());
    let mut countries = with_wifi.filter_map(|node| node.fields.wifi.keys.country.given());
    let Some(first) = countries.next() else { return };
    if let Some(other) = countries.find(|country| country.value != first.value) {
        let message =
            format!("this radio keeps the rules of `{}`, others those of `{}`", other.value, first.value);
        diagnostics.warn(&other.span, Finding::new(message, also_in(&first.span, &other.span)));
    }
}

fn is_complete(wifi: &WifiLayer, span: &FieldSpan, diagnostics: &Diagnostics) {
    let missing = |key: &str, example: &str| {
        let span = FieldSpan { path: format!("{}.{key}", span.path), ..span.clone() };
        let finding = Finding::new(format!("the Wi-Fi has no `{key}`"), format!("Add `{key}: {example}`"));
        // A password may be in the same line.
        diagnostics.report(&span, finding);
    };
    let keys = &wifi.keys;
    if keys.ssid.is_absent() {
        missing("ssid", "my home");
    }
    if keys.country.is_absent() {
        missing("country", "DE");
    }
    let (password, psk) = (&keys.password, &keys.psk);
    if let (Field::Given(_), Field::Given(psk)) = (password, psk) {
        let message = "`password` and `psk` are two ways to say one thing";
        return diagnostics.report(&psk.span, Finding::new(message, "Keep one of the two").secret());
    }
    if let (Some(ssid), Some(psk), true) = (keys.ssid.given(), psk.given(), wifi.psk_is_of_another) {
        let place = psk.span.line_from(&ssid.span);
        let message =
            format!("the `psk` in {place} is for a Wi-Fi of another name, and lets nobody into this one");
        let hint = "Write this one's `psk` beside its `ssid`, or a `password_file` instead, from which each is derived";
        return diagnostics.report(&ssid.span, Finding::new(message, hint));
    }
    match (keys.security.given(), wifi.security()) {
        (Some(given), Security::Open) if !(password.is_absent() && psk.is_absent()) => {
            let message = "a Wi-Fi that is `open` asks for no password, and there is one";
            diagnostics.report(&given.span, Finding::new(message, "Remove one of the two"));
        }
        (Some(given), Security::Wpa3 | Security::Mixed) if psk.given().is_some() => {
            let message = "WPA3 needs the password itself: a `psk` does not let a node in";
            diagnostics
                .report(&given.span, Finding::new(message, "Write `password` or `password_file` instead"));
        }
        (_, Security::Wpa2 | Security::Mixed | Security::Wpa3) if password.is_absent() && psk.is_absent() => {
            let message = "the Wi-Fi has no `password`";
            let hint = "Add `password_file: wifi.txt`, or `security: open` for a network that has none";
            diagnostics.report(span, Finding::new(message, hint));
        }
        _ => {}
    }
}

/// Checks that a node whose Wi-Fi takes the place of the wire says nothing of the latter.
fn the_wire_is_not_described(node: &NodeDraft, draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let top = draft.fields.network.adapter.interface.given();
    let own = node.fields.network.adapter.interface.given();
    if let Some(own) = own.filter(|own| top.is_none_or(|top| top.span != own.span)) {
        let message = format!("a wire is named here, and {} is on Wi-Fi in the place of it", node.called());
        let hint = "Remove it, or give the Wi-Fi an address of its own, like `wifi: {address: 192.168.60.11/24}`, to have both";
        diagnostics.report(&own.span, Finding::new(message, hint));
    }
}
