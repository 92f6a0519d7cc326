//! Tests of joining: the servers joined, the tokens, and the files of the first server alone.

use super::*;
use crate::identity::Authority;

const TLS: &str = "/var/lib/rancher/k3s/server/tls";

/// Three servers and an agent before them.
fn three_servers() -> Cluster {
    let nothing = json!({});
    cluster(vec![
        node("worker", 10, Some(Role::Agent), &nothing),
        node("one", 11, Some(Role::Server), &nothing),
        node("two", 12, Some(Role::Server), &nothing),
        node("three", 13, Some(Role::Server), &nothing),
    ])
}

fn with_virtual_address(mut cluster: Cluster) -> Cluster {
    cluster.k3s.as_mut().unwrap().access.virtual_address =
        Some(VirtualAddress { address: Ipv4Addr::new(192, 168, 50, 9), by: Answerer::Other });
    cluster
}

/// The full token, made of the very bytes of server-ca.crt on the card of the server that starts the cluster.
fn full_token(cluster: &Cluster, starter: &str, name: &str, password: &str) -> String {
    let certificate = text(&plan(cluster, starter), &format!("{TLS}/server-ca.crt"));
    format!("K10{}::{name}:{password}", Digest::of(certificate.as_bytes()))
}

fn paths(patch: &Patch) -> Vec<&str> {
    patch.edits.iter().map(|edit| edit.path.as_str()).collect()
}

/// Every file of a plan as text.
fn everything(patch: &Patch) -> String {
    let files = patch.edits.iter().filter_map(|edit| match &edit.action {
        Action::File { content, .. } => Some(String::from_utf8_lossy(content.bytes()?).into_owned()),
        _ => None,
    });
    files.collect()
}

#[test]
fn a_single_server_starts_the_cluster_without_etcd() {
    let secret = secret();
    let expected = json!({
        "node-name": "north",
        "node-ip": "192.168.50.11",
        "token": secret.server_token().as_str(),
        "resolv-conf": "/etc/rancher/k3s/resolv.conf",
        "agent-token": secret.agent_token().as_str(),
    });
    assert_eq!(Value::Object(config(&compass(), "north")), expected);
    let unit = text(&plan(&compass(), "north"), "/etc/systemd/system/k3s.service");
    assert!(unit.ends_with("\nExecStart=/usr/local/bin/k3s server\n"), "{unit}");
}

#[test]
fn an_agent_joins_the_server_with_the_token_of_agents_only() {
    let expected = json!({
        "node-name": "east",
        "node-ip": "192.168.50.12",
        "server": "https://192.168.50.11:6443",
        "token": full_token(&compass(), "north", "node", &secret().agent_token()),
        "resolv-conf": "/etc/rancher/k3s/resolv.conf",
    });
    assert_eq!(Value::Object(config(&compass(), "east")), expected);
    let everything = everything(&plan(&compass(), "east"));
    assert!(!everything.contains(secret().server_token().as_str()), "a server's token on an agent's card");
}

#[test]
fn of_several_servers_the_first_starts_the_cluster_and_the_others_join() {
    let cluster = three_servers();
    let one = config(&cluster, "one");
    assert_eq!(one.get("cluster-init"), Some(&json!(true)));
    assert_eq!(one.get("server"), None);
    assert_eq!(one.get("token"), Some(&json!(secret().server_token().as_str())));
    let token = full_token(&cluster, "one", "server", &secret().server_token());
    for name in ["two", "three"] {
        let config = config(&cluster, name);
        assert_eq!(config.get("server"), Some(&json!("https://192.168.50.11:6443")));
        assert_eq!(config.get("cluster-init"), None);
        assert_eq!(config.get("token"), Some(&json!(token)));
        assert_eq!(config.get("agent-token"), one.get("agent-token"));
    }
}

#[test]
fn a_first_server_that_is_flashed_again_joins_another_and_starts_nothing() {
    let mut cluster = three_servers();
    let others = ["worker", "two", "three"].map(|name| plan(&cluster, name));
    let token = full_token(&cluster, "one", "server", &secret().server_token());
    cluster.rejoin("one").unwrap();
    let one = config(&cluster, "one");
    assert_eq!(one.get("cluster-init"), None);
    assert_eq!(one.get("server"), Some(&json!("https://192.168.50.12:6443")));
    assert_eq!(one.get("token"), Some(&json!(token)));
    let patch = plan(&cluster, "one");
    assert!(!paths(&patch).iter().any(|path| path.contains("/tls")), "{:#?}", paths(&patch));
    for (name, before) in ["worker", "two", "three"].iter().zip(others) {
        assert_eq!(plan(&cluster, name), before, "{name}");
    }
}

#[test]
fn agents_join_at_the_virtual_address_and_servers_are_certified_for_it() {
    let cluster = with_virtual_address(three_servers());
    assert_eq!(config(&cluster, "worker").get("server"), Some(&json!("https://192.168.50.9:6443")));
    assert_eq!(config(&cluster, "worker").get("tls-san"), None);
    assert_eq!(config(&cluster, "one").get("tls-san"), Some(&json!(["192.168.50.9"])));
    let two = config(&cluster, "two");
    assert_eq!(two.get("tls-san"), Some(&json!(["192.168.50.9"])));
    // The virtual address is nobody's before the first server runs.
    assert_eq!(two.get("server"), Some(&json!("https://192.168.50.11:6443")));
}

#[test]
fn the_users_names_stay_beside_the_virtual_address() {
    let names = |given: Value| {
        let extra = json!({ "tls-san": given });
        let cluster = with_virtual_address(cluster(vec![node("north", 11, Some(Role::Server), &extra)]));
        config(&cluster, "north").get("tls-san").cloned().unwrap()
    };
    let expected = json!(["192.168.50.9", "kube.lan", "kube"]);
    assert_eq!(names(json!("kube.lan, 192.168.50.9,kube")), expected);
    assert_eq!(names(json!(["kube.lan", "kube"])), expected);
}

#[test]
fn the_first_server_alone_has_the_authorities() {
    let first = plan(&three_servers(), "one");
    let outline = outline(&first);
    for folder in ["/var/lib/rancher/k3s/server", TLS, &format!("{TLS}/etcd")] {
        let line = format!("{folder}/ 0700");
        assert!(outline.contains(&line), "{line} is not in {outline:#?}");
    }
    let end = Access::default().ca_start_year.authorities_end();
    for (authority, name) in Authority::ALL.into_iter().zip([
        "server-ca",
        "client-ca",
        "request-header-ca",
        "etcd/server-ca",
        "etcd/peer-ca",
    ]) {
        let pair = secret().authority(authority, end).unwrap();
        assert!(outline.contains(&format!("{TLS}/{name}.crt 0644")), "{outline:#?}");
        assert!(outline.contains(&format!("{TLS}/{name}.key 0600 secret")), "{outline:#?}");
        assert_eq!(text(&first, &format!("{TLS}/{name}.crt")), pair.certificate);
        assert_eq!(text(&first, &format!("{TLS}/{name}.key")), *pair.private_key);
    }
    let in_tls = paths(&first).iter().filter(|path| path.starts_with(&format!("{TLS}/"))).count();
    assert_eq!(in_tls, 11, "ten files and the folder of etcd, and no certificate that k3s makes itself");
    for (cluster, name) in [
        (three_servers(), "two"),
        (three_servers(), "three"),
        (three_servers(), "worker"),
        (compass(), "east"),
    ] {
        let patch = plan(&cluster, name);
        assert!(!paths(&patch).iter().any(|path| path.starts_with("/var/lib/rancher")), "{name}");
        assert!(!everything(&patch).contains("PRIVATE KEY"), "{name}");
    }
}

#[test]
fn the_authorities_depend_on_nothing_that_a_later_card_does_not_know() {
    let cluster = compass();
    let at = |time: i64| {
        let stock = MemoryStock::new();
        let mut draft = Draft::new(&stock, UnixTime::new(time));
        configure(&mut draft, &cluster, &cluster.nodes[0], &releases(), &HOST, &secret()).unwrap();
        text(&draft.finish(), &format!("{TLS}/server-ca.crt"))
    };
    assert_eq!(at(1_600_000_000), at(2_000_000_000));
    let mut renamed = compass();
    renamed.nodes[0] = node("other", 99, Some(Role::Server), &json!({}));
    assert_eq!(text(&plan(&renamed, "other"), &format!("{TLS}/server-ca.crt")), at(1_600_000_000));
}

#[test]
fn authorities_that_have_ended_are_refused() {
    let cluster = compass();
    let stock = MemoryStock::new();
    let mut draft = Draft::new(&stock, UnixTime::new(2_114_380_799));
    let planned = configure(&mut draft, &cluster, &cluster.nodes[0], &releases(), &HOST, &secret());
    assert!(matches!(planned, Err(K3sError::Expired { .. })));
}

#[test]
fn an_agent_without_a_server_is_refused() {
    let cluster = cluster(vec![node("east", 12, Some(Role::Agent), &json!({}))]);
    let error = plan_with(&cluster, "east", &releases(), &HOST).unwrap_err();
    assert!(matches!(error, K3sError::NoServer { .. }));
}

#[test]
fn node_passwords_are_the_nodes_own() {
    let password = |name| text(&plan(&compass(), name), "/etc/rancher/node/password");
    assert_eq!(password("east"), format!("{}\n", *secret().node_password("east")));
    assert_ne!(password("east"), password("south"));
}

#[test]
fn nothing_secret_lands_where_everybody_can_read_it() {
    let secret = secret();
    let end = Access::default().ca_start_year.authorities_end();
    let mut secrets = vec![secret.server_token(), secret.agent_token(), secret.node_password("north")];
    for authority in Authority::ALL {
        let key = secret.authority(authority, end).unwrap().private_key;
        // The number itself is in the first two lines; what follows is the public half.
        let lines = key.lines().skip(1).take(2);
        secrets.extend(lines.map(|line| line.to_owned().into()));
    }
    for edit in plan(&compass(), "north").edits {
        let Action::File { content, sensitivity: Sensitivity::Plain, .. } = &edit.action else { continue };
        let text = String::from_utf8_lossy(content.bytes().unwrap()).into_owned();
        assert!(!secrets.iter().any(|secret| text.contains(secret.as_str())), "{}", edit.path);
    }
}

#[test]
fn a_port_of_servers_is_followed_by_all_who_join() {
    let mut cluster = three_servers();
    for node in &mut cluster.nodes {
        let k3s = node.k3s.as_mut().unwrap();
        if k3s.role == Role::Server {
            k3s.config.insert("https-listen-port".to_owned(), 7443.into());
        }
    }
    for name in ["worker", "two", "three"] {
        assert_eq!(config(&cluster, name)["server"], "https://192.168.50.11:7443", "{name}");
    }
    assert_eq!(config(&cluster, "one")["https-listen-port"], 7443);
}

#[test]
fn what_k3s_keeps_lies_in_its_data_dir() {
    let manifest = Manifest {
        file_name: "it-works.yaml".to_owned(),
        text: "kind: x\n".to_owned(),
        holds_secrets: false,
    };
    let k3s = K3s { manifests: vec![manifest], ..releases() };
    let mut cluster = three_servers();
    for node in &mut cluster.nodes {
        node.k3s.as_mut().unwrap().config.insert("data-dir".to_owned(), "/srv/k3s".into());
    }
    let plan = plan_with(&cluster, "one", &k3s, &HOST).unwrap();
    assert!(paths(&plan).iter().all(|path| !path.starts_with("/var/lib/rancher")), "{:?}", paths(&plan));
    for path in ["/srv/k3s/server/tls/etcd/server-ca.key", "/srv/k3s/server/manifests/it-works.yaml"] {
        assert!(paths(&plan).contains(&path), "{path}");
    }
    assert_eq!(config(&cluster, "worker")["data-dir"], "/srv/k3s");
    let stock = MemoryStock::new();
    let mut draft = Draft::new(&stock, UnixTime::new(1_781_740_800));
    let artifacts = Artifacts { binary: "program".into(), images: vec![("a.tar".to_owned(), "a".into())] };
    write_artifacts(&mut draft, &artifacts, cluster.k3s_data_dir()).unwrap();
    let written = outline(&draft.finish());
    assert!(written.contains(&"/srv/k3s/agent/images/a.tar 0644".to_owned()), "{written:?}");
}

#[test]
fn all_who_join_do_so_through_another_server_when_told_so() {
    let mut cluster = three_servers();
    cluster.rejoin("three").unwrap();
    cluster.join_through("two").unwrap();
    let server = |cluster: &Cluster, name: &str| config(cluster, name).get("server").cloned();
    let two = Some(json!("https://192.168.50.12:6443"));
    assert_eq!(["worker", "three"].map(|name| server(&cluster, name)), [two.clone(), two]);
    // It founds the cluster where it is not told to rejoin, and the one that all go through is as before.
    assert_eq!(server(&cluster, "one"), None);
    assert_eq!(server(&cluster, "two"), Some(json!("https://192.168.50.11:6443")));
    cluster.rejoin("one").unwrap();
    cluster.join_through("two").unwrap();
    assert_eq!(server(&cluster, "one"), Some(json!("https://192.168.50.12:6443")));
    let error = cluster.join_through("three").unwrap_err();
    assert_eq!(error.to_string(), "`three` cannot rejoin the cluster through itself");
    let error = cluster.join_through("worker").unwrap_err();
    assert_eq!(error.to_string(), "no node can join the cluster through `worker`, which is no server");
    assert_eq!(error.hint().unwrap(), "The servers are one, two, three");
}

#[test]
fn agents_join_at_the_virtual_address_whoever_is_gone() {
    let mut cluster = with_virtual_address(three_servers());
    let before = plan(&cluster, "worker");
    cluster.join_through("two").unwrap();
    assert_eq!(config(&cluster, "worker")["server"], "https://192.168.50.9:6443");
    assert_eq!(outline(&plan(&cluster, "worker")), outline(&before));
    assert_eq!(config(&cluster, "three")["server"], "https://192.168.50.12:6443");
}

/// The environment of kube-vip's container, by the names of its variables.
fn kube_vip(cluster: &Cluster) -> Map<String, Value> {
    let manifest = text(&plan(cluster, "one"), "/var/lib/rancher/k3s/server/manifests/kube-vip.yaml");
    let daemon_set = manifest.split("\n---\n").last().unwrap();
    let daemon_set: Value = serde_yaml::from_str(daemon_set).unwrap();
    let container = daemon_set.pointer("/spec/template/spec/containers/0").unwrap();
    let variables = container["env"].as_array().unwrap();
    variables.iter().map(|set| (set["name"].as_str().unwrap().to_owned(), set["value"].clone())).collect()
}

#[test]
fn kube_vip_answers_at_the_interface_that_all_servers_have() {
    let mut cluster = with_virtual_address(three_servers());
    let access = &mut cluster.k3s.as_mut().unwrap().access;
    access.virtual_address.as_mut().unwrap().by = Answerer::KubeVip;
    let variables = kube_vip(&cluster);
    assert_eq!(variables["address"], "192.168.50.9");
    assert_eq!(variables["port"], "6443");
    assert_eq!(variables["vip_interface"], "eth0");
    for other in ["worker", "two", "three"] {
        let plan = plan(&cluster, other);
        assert!(!paths(&plan).iter().any(|path| path.contains("manifests")), "{other}: {:#?}", paths(&plan));
    }

    let three = cluster.nodes.iter_mut().find(|node| node.name.as_str() == "three").unwrap();
    three.network.main.link = Link::Wired(Interface::Named(InterfaceName::new("end0").unwrap()));
    assert_eq!(kube_vip(&cluster).get("vip_interface"), None);
}

#[test]
fn kube_vip_is_deployed_where_it_is_asked_for_alone() {
    let plan = plan(&with_virtual_address(three_servers()), "one");
    assert!(!paths(&plan).iter().any(|path| path.contains("manifests")), "{:#?}", paths(&plan));
}
