//! The nodes as the API of Kubernetes lists them (kubernetes.io, "Node v1 core").

use super::kubernetes::KubernetesNode;
use crate::types::UnixTime;
use serde::Deserialize;

#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: String,
    creation_timestamp: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    conditions: Vec<Condition>,
    node_info: Option<Info>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    kind: String,
    status: String,
    message: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Info {
    kubelet_version: Option<String>,
}

/// Reads the answer to `GET /api/v1/nodes`.
pub(super) fn nodes(json: &[u8]) -> Result<Vec<KubernetesNode>, serde_json::Error> {
    let list: List = serde_json::from_slice(json)?;
    Ok(list.items.into_iter().map(KubernetesNode::of).collect())
}

impl KubernetesNode {
    fn of(Item { metadata, status }: Item) -> Self {
        let (conditions, info) =
            status.map_or((Vec::new(), None), |status| (status.conditions, status.node_info));
        let holds = |condition: &&Condition| condition.status == "True";
        let pressures =
            conditions.iter().filter(|condition| condition.kind.ends_with("Pressure")).filter(holds);
        let readiness = conditions.iter().find(|condition| condition.kind == "Ready");
        let ready = readiness.as_ref().is_some_and(holds);
        Self {
            name: metadata.name,
            ready,
            message: readiness.filter(|_| !ready).and_then(|condition| condition.message.clone()),
            version: info.and_then(|info| info.kubelet_version),
            created: metadata.creation_timestamp.as_deref().and_then(time),
            pressures: pressures.map(|condition| condition.kind.clone()).collect(),
        }
    }
}

/// Reads a time as Kubernetes writes it: `2026-11-28T13:00:00Z`.
fn time(text: &str) -> Option<UnixTime> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, between| -> Option<[u16; 3]> {
        let numbers: Option<Vec<u16>> = text.split(between).map(|number| number.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    UnixTime::from_utc(numbers(date, '-')?, numbers(time, ':')?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_node_is_ready_when_its_condition_says_so() {
        let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "message": "why"});
        let item = |name: &str, conditions: serde_json::Value| {
            json!({
                "metadata": {"name": name, "creationTimestamp": "2026-11-28T13:00:00Z", "labels": {}},
                "spec": {}, "status": {"conditions": conditions, "nodeInfo": {"kubeletVersion": "v1.36.4+k3s1"}, "images": []},
            })
        };
        let items = [
            item("north", json!([condition("MemoryPressure", "False"), condition("Ready", "True")])),
            item("east", json!([condition("DiskPressure", "True"), condition("Ready", "Unknown")])),
            json!({"metadata": {"name": "south"}}),
        ];
        let nodes = nodes(json!({"kind": "NodeList", "items": items}).to_string().as_bytes()).unwrap();
        let [north, east, south] = &nodes[..] else { panic!("{nodes:?}") };
        assert!(north.ready && north.message.is_none() && north.pressures.is_empty());
        assert_eq!(north.version.as_deref(), Some("v1.36.4+k3s1"));
        assert_eq!(north.created, Some(UnixTime::new(1_795_870_800)));
        assert!(!east.ready && east.message.as_deref() == Some("why"));
        assert_eq!(east.pressures, ["DiskPressure"]);
        assert!(!south.ready && south.version.is_none() && south.created.is_none());
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let deep = format!("{{\"items\": {}", "[".repeat(100_000));
        for text in ["", "{}", "[]", "ok", "{\"items\": [{}]}", &deep] {
            assert!(nodes(text.as_bytes()).is_err(), "{text:.40}");
        }
        for text in ["", "2026-11-28", "2026-11-28T13:00:00", "2026-13-28T13:00:00Z", "a-b-cTd:e:fZ"] {
            assert_eq!(time(text), None, "{text}");
        }
    }
}
