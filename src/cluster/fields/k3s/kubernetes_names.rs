//! The names that Kubernetes takes: of objects, namespaces, labels and annotations (kubernetes.io, "Object Names and
//! IDs" and "Labels and Selectors").
//!
//! With them, the values of Secrets and ConfigMaps. k3s tries to deploy a manifest for ever and says in its log alone why the API server refuses it.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::fields::k3s::flags::{is_plain, qualified_name};
use crate::cluster::names::is_label;
use serde_json::Value;

/// The rule for the name of an object.
#[derive(Clone, Copy)]
enum Rule {
    /// Labels of RFC 1123 with dots between them, at most so many characters.
    Subdomain(usize),
    /// One label of RFC 1123.
    Label,
    /// Whatever can stand in the path of an address.
    PathSegment,
}

/// Checks an object, or each of a list, and gives everything that is wrong with its names. `what` begins the messages.
pub(crate) fn check(object: &Value, what: &str, findings: &mut Vec<Finding>) {
    let text = |key: &str| object.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
    let (Some(api_version), Some(kind)) = (text("apiVersion"), text("kind")) else {
        let key = if text("apiVersion").is_none() { "apiVersion" } else { "kind" };
        let message = format!("{what}: what begins here is no Kubernetes object: it has no `{key}`");
        findings.push(Finding::new(message, "Begin every object with `apiVersion:` and `kind:`"));
        return;
    };
    if api_version.starts_with("kustomize.config.k8s.io/") {
        let message = format!("{what}: this is a file for kustomize, which k3s does not read");
        findings.push(Finding::new(message, "Name what `kubectl kustomize FOLDER > all.yaml` makes of it"));
        return;
    }
    if let Some(items) = object.get("items").and_then(Value::as_array).filter(|_| kind.ends_with("List")) {
        for item in items {
            check(item, what, findings);
        }
        return;
    }
    let object_name = format!("{what}: the {}", shown(kind));
    check_name(object, api_version, kind, &object_name, findings);
    check_data(object, api_version, kind, &object_name, findings);
    check_metadata(object.get("metadata"), &object_name, findings);
    // Where workloads have the metadata of their pods.
    let templates = ["/spec/template/metadata", "/spec/jobTemplate/spec/template/metadata"];
    for template in templates {
        check_metadata(
            object.pointer(template),
            &format!("{what}: the pod template of the {}", shown(kind)),
            findings,
        );
    }
}

fn check_name(object: &Value, api_version: &str, kind: &str, what: &str, findings: &mut Vec<Finding>) {
    let name = match object.pointer("/metadata/name") {
        Some(Value::String(name)) => name,
        None | Some(Value::Null) => {
            let hint = "Add `metadata: {name: …}`; k3s makes no use of `generateName`";
            findings.push(Finding::new(format!("{what} has no `metadata.name`"), hint));
            return;
        }
        Some(_) => {
            let message = format!("{what} has a `metadata.name` that YAML does not read as a text");
            findings.push(Finding::new(message, "Put it in quotes"));
            return;
        }
    };
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let rule = match (group, kind) {
        ("rbac.authorization.k8s.io", _) | ("", "Event") | ("networking.k8s.io", "IPAddress") => {
            Rule::PathSegment
        }
        ("", "Namespace" | "Service") => Rule::Label,
        // A Job's name is its own, and eleven characters more.
        ("batch", "CronJob") => Rule::Subdomain(52),
        _ => Rule::Subdomain(253),
    };
    let right = match rule {
        Rule::Subdomain(longest) => name.len() <= longest && name.split('.').all(is_label),
        Rule::Label => name.len() <= 63 && is_label(name),
        Rule::PathSegment => !matches!(name.as_str(), "" | "." | "..") && !name.contains(['/', '%']),
    };
    if !right {
        let candidate: String = name.to_lowercase().replace(['_', ' ', '/', ':'], "-");
        let longest = match rule {
            Rule::Subdomain(longest) => longest,
            Rule::Label | Rule::PathSegment => 63,
        };
        let hint = if is_label(&candidate) && candidate.len() <= longest {
            format!("Did you mean `{candidate}`?")
        } else {
            format!("Use up to {longest} letters a to z, digits and `-`, with a letter or digit at both ends")
        };
        findings
            .push(Finding::new(format!("{what} is called {}, which Kubernetes refuses", shown(name)), hint));
    }
}

/// Checks the values of a Secret or ConfigMap, which the API server takes as texts or in Base64 alone. They are never
/// shown.
fn check_data(object: &Value, api_version: &str, kind: &str, what: &str, findings: &mut Vec<Finding>) {
    let fields = match (api_version, kind) {
        ("v1", "Secret") => [("data", true), ("stringData", false)],
        ("v1", "ConfigMap") => [("binaryData", true), ("data", false)],
        _ => return,
    };
    for (field, in_base64) in fields {
        let entries = match object.get(field) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(entries)) => entries,
            Some(_) => {
                let message = format!("{what} has `{field}` that is no mapping");
                findings.push(Finding::new(message, format!("Write it like `{field}: {{key: …}}`")));
                continue;
            }
        };
        for (key, value) in entries {
            let (problem, hint) = match value {
                Value::Null => continue,
                Value::String(text) if !in_base64 || is_base64(text) => continue,
                Value::String(_) if kind == "Secret" => {
                    ("is not Base64", "Write the plain text under `stringData:`, or what `base64 -w0` prints")
                }
                Value::String(_) => {
                    ("is not Base64", "Write a text under `data:`, or what `base64 -w0` prints")
                }
                _ => ("is read by YAML as something else than a text", "Put it in quotes"),
            };
            findings
                .push(Finding::new(format!("{what} has {} in `{field}`, which {problem}", shown(key)), hint));
        }
    }
}

/// Returns `true` if a text is Base64 with its padding, as Go's `base64.StdEncoding` takes it: in one line or more.
pub(crate) fn is_base64(text: &str) -> bool {
    let text: String = text.chars().filter(|character| !matches!(character, '\r' | '\n')).collect();
    let bare = text.trim_end_matches('=');
    text.len().is_multiple_of(4)
        && text.len() - bare.len() <= 2
        && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn check_metadata(metadata: Option<&Value>, what: &str, findings: &mut Vec<Finding>) {
    let Some(metadata) = metadata else { return };
    match metadata.get("namespace") {
        None | Some(Value::Null) => {}
        Some(Value::String(namespace))
            if namespace.is_empty() || (namespace.len() <= 63 && is_label(namespace)) => {}
        Some(namespace) => {
            let namespace = namespace.as_str().map_or_else(|| namespace.to_string(), str::to_owned);
            let message = format!("{what} is in the namespace {}, which cannot be", shown(&namespace));
            findings.push(Finding::new(message, "Use up to 63 letters a to z, digits and `-`"));
        }
    }
    for (field, is_label_field) in [("labels", true), ("annotations", false)] {
        let entries = match metadata.get(field) {
            None | Some(Value::Null) => continue,
            Some(Value::Object(entries)) => entries,
            Some(_) => {
                let message = format!("{what} has `{field}` that are not a mapping");
                findings.push(Finding::new(message, format!("Write them like `{field}: {{app: web}}`")));
                continue;
            }
        };
        for (key, value) in entries {
            // Of annotations, capital letters count as small ones.
            let folded = if is_label_field { key.clone() } else { key.to_lowercase() };
            if let Err(refused) = qualified_name(&folded) {
                findings.push(refused.inside(&format!("{what}, `{field}`")));
            }
            match value {
                Value::Null => {}
                Value::String(value) if !is_label_field || is_plain(value) => {}
                Value::String(value) => {
                    let message =
                        format!("{what} has a label with the value {}, which cannot be", shown(value));
                    let hint = "Use up to 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends; `annotations` take any text";
                    findings.push(Finding::new(message, hint));
                }
                _ => {
                    let message = format!(
                        "{what} has {} in `{field}`, whose value YAML does not read as a text",
                        shown(key)
                    );
                    findings.push(Finding::new(message, "Put the value in quotes"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use serde_json::{Value, json};

    fn count(object: &Value) -> usize {
        let mut findings = Vec::new();
        check(object, "a.yaml, line 1", &mut findings);
        findings.len()
    }

    fn named(api_version: &str, kind: &str, name: &Value) -> usize {
        count(&json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}}))
    }

    #[test]
    fn names_follow_the_rule_of_their_kind() {
        let (long, for_cron, too_long_for_cron) = ("x".repeat(64), "x".repeat(52), "x".repeat(53));
        for (api_version, kind, name) in [
            ("v1", "ConfigMap", "kube-root-ca.crt"),
            ("v1", "ConfigMap", long.as_str()),
            ("v1", "Namespace", "it-works"),
            ("v1", "Service", "web"),
            ("apps/v1", "Deployment", "web.v2"),
            ("rbac.authorization.k8s.io/v1", "ClusterRole", "system:aggregate-to-View"),
            ("apiextensions.k8s.io/v1", "CustomResourceDefinition", "ingressroutes.traefik.io"),
            ("batch/v1", "CronJob", for_cron.as_str()),
            // A kind of somebody else's group follows the general rule.
            ("serving.knative.dev/v1", "Service", "a.b"),
        ] {
            assert_eq!(named(api_version, kind, &json!(name)), 0, "{kind} {name}");
        }
        for (api_version, kind, name) in [
            ("v1", "ConfigMap", "My_Config"),
            ("v1", "ConfigMap", ""),
            ("v1", "ConfigMap", "a..b"),
            ("v1", "Namespace", "a.b"),
            ("v1", "Namespace", long.as_str()),
            ("v1", "Service", "Web"),
            ("batch/v1", "CronJob", too_long_for_cron.as_str()),
            ("rbac.authorization.k8s.io/v1", "Role", "a/b"),
        ] {
            assert_eq!(named(api_version, kind, &json!(name)), 1, "{kind} {name}");
        }
        assert_eq!(named("v1", "ConfigMap", &json!(12)), 1);
        assert_eq!(named("v1", "ConfigMap", &Value::Null), 1);
    }

    #[test]
    fn labels_are_checked_in_pods_and_in_lists_too() {
        let metadata = |labels: Value| json!({"name": "a", "labels": labels});
        let object = |labels: Value| json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(labels)});
        for right in
            [json!({}), json!({"app": "web", "example.org/tier": "1.0"}), Value::Null, json!({"a": ""})]
        {
            assert_eq!(count(&object(right.clone())), 0, "{right}");
        }
        for invalid in [
            json!({"app": "two words"}),
            json!({"app": 1.0}),
            json!({"app": true}),
            json!({"-app": "a"}),
            json!({"Example.org/app": "a"}),
            json!(["app"]),
        ] {
            assert_eq!(count(&object(invalid.clone())), 1, "{invalid}");
            let list = json!({"apiVersion": "v1", "kind": "List", "items": [object(invalid.clone())]});
            assert_eq!(count(&list), 1, "{invalid}");
            let pods = json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                "spec": {"template": {"metadata": {"labels": invalid}}},
            });
            assert_eq!(count(&pods), 1);
        }
        // An annotation's value is any text.
        let annotated = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {
            "name": "a", "annotations": {"Example.org/Note": "two words"}, "namespace": "b"}});
        assert_eq!(count(&annotated), 0);
        let elsewhere =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "b.c"}});
        assert_eq!(count(&elsewhere), 1);
    }
}
