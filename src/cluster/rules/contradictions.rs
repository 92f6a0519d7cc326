//! Parts of nodes.yaml that are right by themselves and do not go together.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::yaml_files;
use crate::cluster::draft::ClusterDraft;
use crate::cluster::fields::k3s::ClusterK3s;
use crate::cluster::{Answerer, Install, Role};
use serde_json::Value;

/// Something of k3s that can be switched off, and who needs it.
struct Component {
    /// Its name among `disable`, or the flag that switches it off.
    name: &'static str,
    /// The need that an object has of it, if any.
    need: fn(&Value) -> Option<&'static str>,
    /// Parts of the names of what people deploy in its place.
    substitutes: &'static [&'static str],
}

const COMPONENTS: [Component; 6] = [
    Component { name: "traefik", need: needs_traefik, substitutes: &["traefik"] },
    Component {
        name: "servicelb",
        need: |object| {
            let is_balanced = text(object, "/spec/type") == "LoadBalancer";
            (text(object, "/kind") == "Service" && is_balanced).then_some("a Service of type LoadBalancer")
        },
        substitutes: &["metallb", "kube-vip", "cilium", "load-balancer", "loadbalancer"],
    },
    Component {
        name: "metrics-server",
        need: |object| {
            (text(object, "/kind") == "HorizontalPodAutoscaler").then_some("a HorizontalPodAutoscaler")
        },
        substitutes: &["metrics-server"],
    },
    Component { name: "local-storage", need: needs_local_storage, substitutes: &["local-path"] },
    Component {
        name: "disable-helm-controller",
        need: |object| {
            let group = text(object, "/apiVersion").starts_with("helm.cattle.io/");
            group.then_some("a HelmChart or HelmChartConfig")
        },
        substitutes: &["helm-controller"],
    },
    Component {
        name: "disable-network-policy",
        need: |object| (text(object, "/kind") == "NetworkPolicy").then_some("a NetworkPolicy"),
        substitutes: &["calico", "cilium", "canal", "kube-router", "antrea"],
    },
];

/// Warns of what is deployed without what it needs, and of a virtual address that nothing answers at.
pub(crate) fn check(draft: &ClusterDraft, diagnostics: &Diagnostics) {
    let Some(k3s) = draft.k3s.given() else { return };
    manifests_find_what_they_need(draft, &k3s.value, diagnostics);
    the_virtual_address_is_answered(draft, &k3s.value, diagnostics);
}

/// Lists the parts of k3s that the servers do without.
fn switched_off(draft: &ClusterDraft, k3s: &ClusterK3s) -> Vec<String> {
    let mut off = Vec::new();
    for node in draft.nodes.iter().filter(|node| node.role() == Some(Role::Server)) {
        let Some(role) = node.keys.k3s.given() else { continue };
        let config = k3s.config_of(Role::Server, &role.value.flags);
        let disabled = match config.get("disable") {
            Some(Value::String(names)) => vec![names.as_str()],
            Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        off.extend(disabled.iter().flat_map(|names| names.split(',')).map(|name| name.trim().to_owned()));
        off.extend(config.iter().filter(|(_, value)| is_true(value)).map(|(flag, _)| flag.clone()));
    }
    off
}

fn is_true(value: &Value) -> bool {
    value == &Value::Bool(true) || value.as_str() == Some("true")
}

fn manifests_find_what_they_need(draft: &ClusterDraft, k3s: &ClusterK3s, diagnostics: &Diagnostics) {
    let off = switched_off(draft, k3s);
    let off: Vec<&Component> =
        COMPONENTS.iter().filter(|component| off.iter().any(|name| name == component.name)).collect();
    if off.is_empty() {
        return;
    }
    // They were read once already, and are read again only where something is switched off.
    let objects: Vec<_> = k3s
        .keys
        .manifests
        .items()
        .iter()
        .flat_map(|manifest| {
            let documents = if manifest.value.file_name.rsplit('.').next() == Some("json") {
                yaml_files::json(&manifest.value.text, "").map(|document| vec![document])
            } else {
                yaml_files::documents(&manifest.value.text, "")
            };
            let values = documents.into_iter().flatten().flat_map(|document| objects_of(document.value));
            values.map(move |object| (manifest, object)).collect::<Vec<_>>()
        })
        .collect();
    for component in off {
        if objects.iter().any(|(_, object)| is_substitute(object, component.substitutes)) {
            continue;
        }
        for (manifest, object) in &objects {
            let Some(what) = (component.need)(object) else { continue };
            let name = shown(&manifest.value.file_name);
            let (message, hint) = if component.name.starts_with("disable-") {
                let message = format!("{name} has {what}, but `{}` is set", component.name);
                (message, "Remove the flag, or deploy something else for it under `manifests:`")
            } else {
                let message = format!("{name} has {what}, but `{}` is disabled", component.name);
                (message, "Take it out of `disable:`, or deploy something else for it under `manifests:`")
            };
            diagnostics.warn(&manifest.span, Finding::new(message, hint));
        }
    }
}

/// Returns an object, or those of a list.
fn objects_of(value: Value) -> Vec<Value> {
    match value.get("items").and_then(Value::as_array) {
        Some(items) if text(&value, "/kind").ends_with("List") => items.clone(),
        _ => vec![value],
    }
}

fn is_substitute(object: &Value, names: &[&str]) -> bool {
    const KINDS: [&str; 6] =
        ["HelmChart", "Deployment", "DaemonSet", "IngressClass", "StorageClass", "APIService"];
    KINDS.contains(&text(object, "/kind"))
        && ["/metadata/name", "/spec/chart"]
            .iter()
            .any(|field| names.iter().any(|name| text(object, field).contains(name)))
}

/// Returns a text inside an object; empty where there is none.
fn text<'v>(object: &'v Value, pointer: &str) -> &'v str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn needs_traefik(object: &Value) -> Option<&'static str> {
    let group = text(object, "/apiVersion");
    match text(object, "/kind") {
        "Ingress"
            if text(object, "/spec/ingressClassName") == "traefik"
                || text(object, "/metadata/annotations/kubernetes.io~1ingress.class") == "traefik" =>
        {
            Some("an Ingress of the class `traefik`")
        }
        "HelmChartConfig" if text(object, "/metadata/name") == "traefik" => {
            Some("settings of the chart `traefik`")
        }
        _ if group.starts_with("traefik.io/") || group.starts_with("traefik.containo.us/") => {
            Some("an object of Traefik's own")
        }
        _ => None,
    }
}

fn needs_local_storage(object: &Value) -> Option<&'static str> {
    const CLASS: &str = "local-path";
    let of_claim = text(object, "/spec/storageClassName") == CLASS;
    let templates = object.pointer("/spec/volumeClaimTemplates").and_then(Value::as_array);
    let of_template =
        templates.is_some_and(|all| all.iter().any(|claim| text(claim, "/spec/storageClassName") == CLASS));
    (of_claim || of_template).then_some("a claim of the storage class `local-path`")
}

fn the_virtual_address_is_answered(draft: &ClusterDraft, k3s: &ClusterK3s, diagnostics: &Diagnostics) {
    let Some(address) = k3s.keys.virtual_address.given() else { return };
    let servers = draft.nodes.iter().filter(|node| node.role() == Some(Role::Server)).count();
    if servers == 1 && !draft.has_unreadable_nodes {
        let message = format!(
            "the virtual address `{}` has one server behind it: no other can take over",
            address.value.address
        );
        let hint =
            "Make three nodes servers, or remove it: agents and kubectl then use the server's own address";
        diagnostics.warn(&address.span, Finding::new(message, hint));
    }
    if address.value.by == Answerer::KubeVip {
        return kube_vip_is_alone(k3s, diagnostics);
    }
    let written = address.value.address.to_string();
    let named = k3s.keys.manifests.items().iter().any(|manifest| {
        let numbers =
            manifest.value.text.split(|character: char| !character.is_ascii_digit() && character != '.');
        numbers.map(|number| number.trim_matches('.')).any(|number| number == written)
    });
    if !named {
        let message = format!(
            "no manifest names the virtual address `{written}`: nothing of the cluster answers there"
        );
        let hint = "Write `virtual_address: {address: ADDRESS, by: kube-vip}`, or name a manifest that answers there; a load balancer outside the cluster does as well";
        diagnostics.warn(&address.span, Finding::new(message, hint));
    }
}

/// Checks that the manifest which deploys kube-vip has its name for itself, and that its container image can be had.
fn kube_vip_is_alone(k3s: &ClusterK3s, diagnostics: &Diagnostics) {
    let items = k3s.keys.manifests.items();
    if let Some(other) = items.iter().find(|manifest| manifest.value.base_name() == Answerer::MANIFEST) {
        let message =
            format!("`{}` has the name of the manifest that `by: kube-vip` writes", other.value.file_name);
        let hint = "Rename it, or remove it; or leave out `by:`, where it is your own kube-vip";
        diagnostics.report(&other.span, Finding::new(message, hint));
    }
    let Some(install) = k3s.keys.install.given() else { return };
    if matches!(install.value, Install::Published | Install::Bundled { .. }) {
        // k3s imports archives under the names in them, and this image is named by its digest.
        let message = "nothing of k3s is downloaded at the first start, but kube-vip's container image is: from ghcr.io";
        let hint = "Where servers have no way out, name a mirror of ghcr.io under `registries:`, or leave out `by:` and deploy a kube-vip of your own from an archive";
        diagnostics.warn(&install.span, Finding::new(message, hint));
    }
}
