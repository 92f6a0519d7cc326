//! Tests of the files that are planned for the nodes of a cluster.

use super::*;
use crate::cluster::{
    Access, Answerer, Boot, ClusterName, Connection, Country, Grow, Hostname, ImageSource, Install,
    Interface, InterfaceName, Ipv4, Ipv4Network, Ipv6Network, K3sVersion, Link, Manifest, Network, NodeK3s,
    NodeSpans, Output, PageSize, Registries, Role, Secret, Ssh, Ssid, Swap, User, UserName, VirtualAddress,
    Wifi, WifiSecurity,
};
use crate::formats::ImageFormat;
use crate::patch::{Action, Content, MemoryStock, Partition, Patch, Sensitivity};
use crate::types::{Digest, Hint as _, Mode, Owner, UnixTime, image_path};
use serde_json::{Map, Value, json};
use std::net::Ipv4Addr;

mod joining;

const HOST: Host<'_> =
    Host { boot_mount: "/boot/firmware", architecture: Architecture::Arm64, network_manager: true };

fn secret() -> ClusterSecret {
    ClusterSecret::from_hex(&"5a".repeat(32)).unwrap()
}

fn node(name: &str, last: u8, role: Option<Role>, config: &Value) -> Node {
    let [address, gateway] = [last, 1].map(|last| Ipv4Addr::new(192, 168, 50, last));
    Node {
        name: Hostname::new(name).unwrap(),
        network: Network {
            main: Connection {
                link: Link::Wired(Interface::Named(InterfaceName::new("eth0").unwrap())),
                ipv4: Ipv4::Static(Ipv4Network { address, prefix: 24, gateway: Some(gateway) }),
                ipv6: Some(Ipv6Network {
                    address: format!("fd00::{last}").parse().unwrap(),
                    prefix: 64,
                    gateway: None,
                }),
                mtu: None,
                routes: Vec::new(),
            },
            beside: Vec::new(),
            dns: vec![gateway.into()],
            search: Vec::new(),
        },
        user: User::named(UserName::new("pi").unwrap()),
        users: Vec::new(),
        ssh: Ssh { password_login: false },
        timezone: None,
        spans: NodeSpans::default(),
        locale: None,
        keyboard: None,
        ntp: Vec::new(),
        boot: Boot { config: Vec::new(), cmdline: Vec::new(), page_size: PageSize::Stock },
        swap: Swap::Stock,
        memory: None,
        files: Vec::new(),
        first_boot: Vec::new(),
        k3s: role.map(|role| NodeK3s {
            role,
            config: config.as_object().cloned().unwrap(),
            rejoins: false,
            through: None,
            restore: None,
        }),
    }
}

fn download(base_url: &str, sha256_arm64: Option<Digest>) -> K3s {
    let install = Install::Download { base_url: base_url.to_owned(), sha256_arm64, sha256_armhf: None };
    K3s {
        version: K3sVersion::new("v1.36.4+k3s1").unwrap(),
        install,
        registries: None,
        manifests: Vec::new(),
        access: Access::default(),
    }
}

fn releases() -> K3s {
    download("https://github.com/k3s-io/k3s/releases/download", None)
}

fn cluster(nodes: Vec<Node>) -> Cluster {
    Cluster {
        name: ClusterName::new("compass").unwrap(),
        source: "nodes.yaml".into(),
        source_digest: Digest::of(b""),
        source_text: Secret::new(String::new()),
        included: vec![],
        image_span: None,
        named_paths: Vec::new(),
        image: ImageSource::Demo,
        grow: Grow::Auto,
        output: Output { folder: "images".into(), format: ImageFormat::Raw },
        nodes,
        k3s: Some(releases()),
        warnings: Vec::new(),
    }
}

/// north serves, east and south are agents; the plain case.
fn compass() -> Cluster {
    cluster(vec![
        node("north", 11, Some(Role::Server), &json!({})),
        node("east", 12, Some(Role::Agent), &json!({})),
        node("south", 13, Some(Role::Agent), &json!({})),
    ])
}

fn plan_with(cluster: &Cluster, name: &str, k3s: &K3s, host: &Host<'_>) -> Result<Patch, K3sError> {
    let stock = MemoryStock::new();
    let mut draft = Draft::new(&stock, UnixTime::new(1_781_740_800));
    configure(&mut draft, cluster, cluster.node(name).unwrap(), k3s, host, &secret())?;
    Ok(draft.finish())
}

fn plan(cluster: &Cluster, name: &str) -> Patch {
    plan_with(cluster, name, cluster.k3s.as_ref().unwrap(), &HOST).unwrap()
}

/// The paths that cardwright writes, and the table of what a file of the user's may not replace, are one
/// list.
#[test]
fn the_table_of_claimed_paths_is_what_is_written() {
    use crate::cluster::claimed::{self, ClaimedBy};
    let home = image_path!("/home/pi");
    let mut cluster = compass();
    let k3s = cluster.k3s.as_mut().unwrap();
    k3s.registries = Some(Registries::Inline(Map::new()));
    let text = "kind: Namespace\n".to_owned();
    k3s.manifests = vec![Manifest { file_name: "own.yaml".to_owned(), text, holds_secrets: false }];
    for name in ["north", "east"] {
        for bundled in [false, true] {
            let stock = MemoryStock::new();
            let mut draft = Draft::new(&stock, UnixTime::new(1_781_740_800));
            let mut k3s = cluster.k3s.clone().unwrap();
            if bundled {
                let images = vec![("a.tar".to_owned(), Content::from("a"))];
                write_artifacts(
                    &mut draft,
                    &Artifacts { binary: Content::from("#!"), images },
                    "/var/lib/rancher/k3s",
                )
                .unwrap();
                k3s.install = Install::Bundled { arm64: None, armhf: None, images: Vec::new() };
            }
            let node = cluster.node(name).unwrap();
            configure(&mut draft, &cluster, node, &k3s, &HOST, &secret()).unwrap();
            if name == "north" {
                restore(&mut draft, node, &HOST, &restored()).unwrap();
            }
            for (partition, path) in draft.claimed() {
                assert!(partition == Partition::Root && claimed::find(path, &home).is_some(), "{path}");
            }
            for every in claimed::ALL.iter().filter(|claimed| claimed.by == ClaimedBy::EveryK3s) {
                let mut written = draft.claimed().filter_map(|(_, path)| claimed::find(path, &home));
                assert!(written.any(|known| known.pattern == every.pattern), "{name}: {}", every.pattern);
            }
        }
    }
}

/// All that a backup may have, of both datastores.
fn restored() -> Restored {
    let file = |name: &str| (name.to_owned(), Content::from(name));
    let names = [
        "cred/ipsec.psk",
        "db/state.db",
        "tls/etcd/client.key",
        "tls/server-ca.crt",
        "tls/service.key",
        "token",
    ];
    let snapshot = Some(Content::from("snapshot"));
    Restored { time: "2026-11-28T14:23:10Z".to_owned(), files: names.map(file).into(), snapshot }
}

#[test]
fn a_backup_lies_where_k3s_finds_it_and_is_roots_alone() {
    let stock = MemoryStock::new();
    let mut draft = Draft::new(&stock, UnixTime::new(1_781_740_800));
    let mut cluster = compass();
    let config = &mut cluster.nodes[0].k3s.as_mut().unwrap().config;
    config.insert("data-dir".to_owned(), "/srv/k3s".into());
    let north = &cluster.nodes[0];
    configure(&mut draft, &cluster, north, cluster.k3s.as_ref().unwrap(), &HOST, &secret()).unwrap();
    restore(&mut draft, north, &HOST, &restored()).unwrap();
    let patch = draft.finish();
    let outline = outline(&patch);
    for line in [
        "/srv/k3s/server/ 0700",
        "/srv/k3s/server/token 0600 secret",
        "/srv/k3s/server/db/ 0700",
        "/srv/k3s/server/db/state.db 0600 secret",
        "/srv/k3s/server/cred/ 0700",
        "/srv/k3s/server/cred/ipsec.psk 0600 secret",
        "/srv/k3s/server/tls/ 0700",
        "/srv/k3s/server/tls/server-ca.crt 0644",
        "/srv/k3s/server/tls/service.key 0600 secret",
        "/srv/k3s/server/tls/etcd/client.key 0600 secret",
        "/var/lib/cardwright/k3s-snapshot 0600 secret",
        "/usr/local/lib/cardwright/restore-k3s 0755",
        "/usr/local/lib/cardwright/restore-k3s.settings 0644",
    ] {
        assert!(outline.iter().any(|found| found == line), "{line} is not in {outline:#?}");
    }
    // The cluster goes on with its own authorities, and k3s starts after it was restored.
    assert_eq!(text(&patch, "/srv/k3s/server/tls/server-ca.crt"), "tls/server-ca.crt");
    let drop_in = text(&patch, "/etc/systemd/system/k3s.service.d/cardwright.conf");
    assert!(
        drop_in.ends_with("\n[Service]\nExecStartPre=/usr/local/lib/cardwright/restore-k3s\n"),
        "{drop_in}"
    );
    let settings = text(&patch, "/usr/local/lib/cardwright/restore-k3s.settings");
    assert!(settings.contains("data_dir='/srv/k3s'\n"), "{settings}");
}

fn action<'a>(plan: &'a Patch, path: &str) -> Option<&'a Action> {
    plan.edits.iter().find(|edit| edit.path.as_str() == path).map(|edit| &edit.action)
}

fn text(plan: &Patch, path: &str) -> String {
    let Some(Action::File { content, .. }) = action(plan, path) else { panic!("no file {path}") };
    String::from_utf8(content.bytes().unwrap().to_vec()).unwrap()
}

fn config(cluster: &Cluster, name: &str) -> Map<String, Value> {
    serde_yaml::from_str(&text(&plan(cluster, name), "/etc/rancher/k3s/config.yaml")).unwrap()
}

/// Path, mode, whether secret; of a link, its target.
fn outline(patch: &Patch) -> Vec<String> {
    let lines = patch.edits.iter().map(|edit| match &edit.action {
        Action::File { mode, sensitivity, .. } => {
            let secret = if *sensitivity == Sensitivity::Secret { " secret" } else { "" };
            format!("{} {:04o}{secret}", edit.path, mode.bits())
        }
        Action::Directory { mode, .. } => format!("{}/ {:04o}", edit.path, mode.bits()),
        Action::Symlink { target } => format!("{} -> {target}", edit.path),
        other => panic!("{other:?}"),
    });
    lines.collect()
}

#[test]
fn an_agent_gets_what_the_installer_would_leave_and_the_first_boot() {
    let patch = plan(&compass(), "east");
    let outline = outline(&patch);
    for line in [
        "/etc/rancher/k3s/ 0755",
        "/etc/rancher/k3s/config.yaml 0600 secret",
        "/etc/rancher/node/ 0755",
        "/etc/rancher/node/password 0600 secret",
        "/etc/NetworkManager/conf.d/90-cardwright-k3s.conf 0644",
        "/etc/systemd/system/k3s-agent.service 0644",
        "/etc/systemd/system/k3s-agent.service.env 0600",
        "/etc/systemd/system/k3s-agent.service.d/cardwright.conf 0644",
        "/etc/systemd/system/multi-user.target.wants/k3s-agent.service -> /etc/systemd/system/k3s-agent.service",
        "/usr/local/lib/cardwright/install-k3s 0755",
        "/usr/local/lib/cardwright/install-k3s.settings 0644",
        "/etc/systemd/system/cardwright-install-k3s.service 0644",
        "/etc/systemd/system/multi-user.target.wants/cardwright-install-k3s.service -> /etc/systemd/system/cardwright-install-k3s.service",
    ] {
        assert!(outline.iter().any(|found| found == line), "{line} is not in {outline:#?}");
    }
    assert!(!outline.iter().any(|line| line.contains("/k3s.service")), "{outline:#?}");
}

#[test]
fn a_node_without_k3s_gets_nothing() {
    let mut cluster = compass();
    cluster.nodes.push(node("west", 14, None, &json!({})));
    assert_eq!(plan(&cluster, "west").edits, []);
}

#[test]
fn network_manager_is_told_only_where_it_is() {
    let host = Host { network_manager: false, ..HOST };
    let patch = plan_with(&compass(), "east", &releases(), &host).unwrap();
    assert!(!outline(&patch).iter().any(|line| line.contains("NetworkManager")));
}

#[test]
fn network_manager_leaves_the_links_of_k3s_and_ignores_the_carrier_of_the_wire() {
    let written = text(&plan(&compass(), "east"), "/etc/NetworkManager/conf.d/90-cardwright-k3s.conf");
    for section in [
        "\n[keyfile]\nunmanaged-devices=interface-name:cni*;interface-name:flannel*;interface-name:veth*\n",
        "\n[device-cardwright-k3s]\nmatch-device=interface-name:eth0\nignore-carrier=yes\n",
    ] {
        assert!(written.contains(section), "{written}");
    }
}

#[test]
fn the_carrier_of_an_adapter_that_is_known_by_its_mac_address_is_ignored_too() {
    let mut cluster = compass();
    for node in &mut cluster.nodes {
        node.network.main.link =
            Link::Wired(Interface::WithMac(crate::cluster::MacAddress::parse("b8:27:eb:12:34:56").unwrap()));
    }
    let written = text(&plan(&cluster, "east"), "/etc/NetworkManager/conf.d/90-cardwright-k3s.conf");
    assert!(written.contains("\nmatch-device=mac:B8:27:EB:12:34:56\n"), "{written}");
}

/// Returns config.yaml of east in the cluster that `change` makes.
fn config_of_east(change: impl FnOnce(&mut Cluster)) -> String {
    let mut cluster = compass();
    change(&mut cluster);
    text(&plan(&cluster, "east"), "/etc/rancher/k3s/config.yaml")
}

#[test]
fn an_address_by_dhcp_is_known_to_others_and_not_to_k3s_itself() {
    let reserve = |node: &mut Node| {
        let reserved = node.network.main.ipv4.address();
        node.network.main.ipv4 = Ipv4::Dhcp { reserved };
        node.network.dns.clear();
    };
    let mut cluster = compass();
    cluster.nodes.iter_mut().for_each(reserve);
    let planned = plan(&cluster, "east");
    let config = text(&planned, "/etc/rancher/k3s/config.yaml");
    assert!(config.contains("server: https://192.168.50.11:6443\n"), "{config}");
    assert!(!config.contains("node-ip") && !config.contains("resolv-conf"), "{config}");
    assert!(!planned.edits.iter().any(|edit| edit.path.as_str() == RESOLV_CONF));
}

#[test]
fn a_node_with_ipv6_alone_is_joined_at_that() {
    let config = config_of_east(|cluster| {
        for node in &mut cluster.nodes {
            node.network.main.ipv4 = Ipv4::Off;
        }
        let config = &mut cluster.nodes[0].k3s.as_mut().unwrap().config;
        config.insert("cluster-cidr".to_owned(), json!("fd00:42::/56"));
        for node in &mut cluster.nodes {
            node.network.dns = vec!["fd00::53".parse().unwrap()];
        }
    });
    assert!(config.contains("https://[fd00::11]:6443") && config.contains("node-ip: fd00::12\n"), "{config}");
}

#[test]
fn the_network_of_pods_is_on_the_main_interface_where_there_are_several() {
    let second = Connection {
        link: Link::Wired(Interface::Named(InterfaceName::new("eth1").unwrap())),
        ipv4: Ipv4::Dhcp { reserved: None },
        ipv6: None,
        mtu: None,
        routes: Vec::new(),
    };
    assert!(!config_of_east(|_| ()).contains("flannel-iface"));
    let with_second = |cluster: &mut Cluster| {
        for node in &mut cluster.nodes {
            node.network.beside.push(second.clone());
        }
    };
    assert!(config_of_east(with_second).contains("flannel-iface: eth0\n"));
    // A cable that is plugged in would have the default route.
    let wifi = Wifi {
        interface: Interface::Named(InterfaceName::new("wlan0").unwrap()),
        ssid: Ssid::new("attic").unwrap(),
        security: WifiSecurity::Open,
        country: Country::parse("DE").unwrap(),
        hidden: false,
    };
    let by_dhcp = Ipv4::Dhcp { reserved: Some(Ipv4Addr::new(192, 168, 50, 12)) };
    for (ipv4, is_said) in [(None, true), (Some(by_dhcp), false)] {
        let config = config_of_east(|cluster| {
            let east = &mut cluster.nodes[1].network.main;
            east.link = Link::Wifi(Box::new(wifi.clone()));
            east.ipv4 = ipv4.clone().unwrap_or_else(|| east.ipv4.clone());
        });
        assert!(config.contains("flannel-iface: wlan0\n"), "{config}");
        assert_eq!(config.contains("node-ip: \"192.168.50.12\"\n"), is_said, "{config}");
    }
    let said = config_of_east(|cluster| {
        with_second(cluster);
        for node in &mut cluster.nodes {
            let k3s = node.k3s.iter_mut();
            k3s.for_each(|k3s| drop(k3s.config.insert("flannel-iface".to_owned(), json!("eth1"))));
        }
    });
    assert!(said.contains("flannel-iface: eth1\n"), "{said}");
}

const RESOLV_CONF: &str = "/etc/rancher/k3s/resolv.conf";

#[test]
fn pods_ask_the_name_servers_of_nodes_yaml_that_they_can_reach() {
    let mut cluster = compass();
    for node in &mut cluster.nodes {
        let servers = ["fe80::1", "127.0.0.1", "192.168.50.1", "fd00::53", "1.1.1.1", "9.9.9.9", "8.8.4.4"];
        node.network.dns = servers.map(|server| server.parse().unwrap()).to_vec();
        node.network.search = vec!["lan".to_owned(), "example.org".to_owned()];
    }
    for name in ["north", "east"] {
        assert_eq!(config(&cluster, name).get("resolv-conf"), Some(&json!(RESOLV_CONF)), "{name}");
        let patch = plan(&cluster, name);
        assert!(outline(&patch).iter().any(|line| *line == format!("{RESOLV_CONF} 0644")));
        assert_eq!(
            text(&patch, RESOLV_CONF),
            "# Written by cardwright, from nodes.yaml: the name servers of pods.\nsearch lan example.org\n\
             nameserver 192.168.50.1\nnameserver 1.1.1.1\nnameserver 9.9.9.9\n"
        );
    }
    let both = json!({"cluster-cidr": "10.42.0.0/16,fd00:42::/56"});
    cluster.nodes[0].k3s.as_mut().unwrap().config = both.as_object().unwrap().clone();
    let servers = "nameserver 192.168.50.1\nnameserver fd00::53\nnameserver 1.1.1.1\n";
    assert!(text(&plan(&cluster, "east"), RESOLV_CONF).ends_with(servers));
}

#[test]
fn a_resolv_conf_of_the_users_own_stays_the_only_one() {
    for own in [json!({"resolv-conf": "/etc/mine"}), json!({"kubelet-arg": ["resolv-conf=/etc/mine"]})] {
        let cluster = cluster(vec![node("north", 11, Some(Role::Server), &own)]);
        assert_eq!(config(&cluster, "north").get("resolv-conf"), own.get("resolv-conf"));
        assert_eq!(action(&plan(&cluster, "north"), RESOLV_CONF), None);
    }
}

#[test]
fn a_node_whose_pods_reach_no_name_server_is_refused() {
    let mut cluster = compass();
    cluster.nodes[1].network.dns = vec!["fd00::53".parse().unwrap(), "127.0.0.53".parse().unwrap()];
    let error = plan_with(&cluster, "east", &releases(), &HOST).unwrap_err();
    assert_eq!(error.to_string(), "the pods of `east` can reach none of its name servers");
    assert!(error.hint().unwrap().contains("`resolv-conf`"));
}

#[test]
fn the_users_keys_are_added_and_replace_none_of_ours() {
    let extra = json!({"disable": ["traefik"], "write-kubeconfig-mode": "0644", "token": "mine"});
    let cluster = cluster(vec![node("north", 11, Some(Role::Server), &extra)]);
    let config = config(&cluster, "north");
    assert_eq!(config.get("disable"), Some(&json!(["traefik"])));
    assert_eq!(config.get("write-kubeconfig-mode"), Some(&json!("0644")));
    assert_eq!(config.get("token"), Some(&json!(secret().server_token().as_str())));
}

#[test]
fn both_addresses_are_given_in_a_cluster_of_both_families_only() {
    let both = json!({"cluster-cidr": "10.42.0.0/16,fd00:42::/56"});
    let dual = cluster(vec![
        node("north", 11, Some(Role::Server), &both),
        node("east", 12, Some(Role::Agent), &json!({})),
    ]);
    assert_eq!(config(&dual, "north").get("node-ip"), Some(&json!("192.168.50.11,fd00::11")));
    assert_eq!(config(&dual, "east").get("node-ip"), Some(&json!("192.168.50.12,fd00::12")));
    assert_eq!(config(&compass(), "east").get("node-ip"), Some(&json!("192.168.50.12")));
}

#[test]
fn the_settings_name_the_release_the_program_and_its_digest() {
    let digest = Digest::of(b"k3s");
    let settings = |k3s: &K3s, host: &Host<'_>| {
        let patch = plan_with(&compass(), "east", k3s, host).unwrap();
        text(&patch, "/usr/local/lib/cardwright/install-k3s.settings")
    };
    let pinned = settings(&download("http://10.0.2.2:8000/", Some(digest)), &HOST);
    for line in [
        "version='v1.36.4+k3s1'\n",
        "release='http://10.0.2.2:8000/v1.36.4%2Bk3s1'\n",
        "binary='k3s-arm64'\n",
        &format!("sha256='{digest}'\n"),
        "service='k3s-agent.service'\n",
        "role='agent'\n",
        "status='/boot/firmware/cardwright-status.txt'\n",
        "earliest='1781740800'\n",
    ] {
        assert!(pinned.contains(line), "{line} is not in {pinned}");
    }
    let armhf = Host { architecture: Architecture::Armhf, boot_mount: "/boot", ..HOST };
    let unpinned = settings(&releases(), &armhf);
    for line in [
        "binary='k3s-armhf'\n",
        "checksums='sha256sum-arm.txt'\n",
        "sha256=''\n",
        "status='/boot/cardwright-status.txt'\n",
    ] {
        assert!(unpinned.contains(line), "{line} is not in {unpinned}");
    }
}

#[test]
fn an_unencrypted_download_needs_the_digest_of_the_very_program() {
    let digest = Some(Digest::of(b"k3s"));
    let error = |k3s: &K3s, host: &Host<'_>| plan_with(&compass(), "east", k3s, host).unwrap_err();
    let unpinned = error(&download("http://10.0.2.2:8000", None), &HOST);
    assert!(matches!(unpinned, K3sError::UntrustedDownload { architecture: Architecture::Arm64, .. }));
    assert!(unpinned.hint().unwrap().contains("arm64: …"));
    let other =
        error(&download("http://10.0.2.2:8000", digest), &Host { architecture: Architecture::Armhf, ..HOST });
    assert!(matches!(other, K3sError::UntrustedDownload { architecture: Architecture::Armhf, .. }));
}

#[test]
fn a_late_time_is_waited_for_on_servers_and_agents_however_k3s_got_there() {
    for (name, service) in [("north", "k3s.service"), ("east", "k3s-agent.service")] {
        for k3s in [releases(), bundled()] {
            let patch = plan_with(&compass(), name, &k3s, &HOST).unwrap();
            let outline = outline(&patch);
            for line in [
                "/usr/local/lib/cardwright/k3s-time 0755",
                "/etc/systemd/system/cardwright-k3s-time.service 0644",
                "/etc/systemd/system/multi-user.target.wants/cardwright-k3s-time.path -> /etc/systemd/system/cardwright-k3s-time.path",
            ] {
                assert!(outline.iter().any(|found| found == line), "{line} is not in {outline:#?}");
            }
            let settings = text(&patch, "/usr/local/lib/cardwright/k3s-time.settings");
            assert!(settings.contains(&format!("service='{service}'\n")), "{settings}");
        }
    }
}

fn bundled() -> K3s {
    let url = "https://x/k3s-arm64".to_owned();
    let arm64 = Some(crate::fetch::FileLocation::url(url, Digest::of(b"k3s")));
    let install = Install::Bundled { arm64, armhf: None, images: Vec::new() };
    K3s { install, ..releases() }
}

#[test]
fn a_bundled_k3s_waits_in_its_own_unit_and_installs_nothing() {
    let patch = plan_with(&compass(), "east", &bundled(), &HOST).unwrap();
    let outline = outline(&patch);
    assert!(!outline.iter().any(|line| line.contains("install-k3s")), "{outline:#?}");
    let enabled = "/etc/systemd/system/multi-user.target.wants/k3s-agent.service -> /etc/systemd/system/k3s-agent.service";
    assert!(outline.iter().any(|line| line == enabled), "{outline:#?}");
    let drop_in = text(&patch, "/etc/systemd/system/k3s-agent.service.d/cardwright.conf");
    assert!(drop_in.contains("\nAfter=rpi-resize.service\n") && !drop_in.contains("Condition"), "{drop_in}");
    let settings = text(&patch, "/usr/local/lib/cardwright/start-k3s.settings");
    for line in [
        "version='v1.36.4+k3s1'\n",
        "role='agent'\n",
        "status='/boot/firmware/cardwright-status.txt'\n",
        "earliest='1781740800'\n",
    ] {
        assert!(settings.contains(line), "{line} is not in {settings}");
    }
}

#[test]
fn artifacts_land_where_k3s_looks_for_it() {
    let stock = MemoryStock::new()
        .file(Partition::Root, &image_path!("/usr/bin/kubectl"), Mode::EXECUTABLE, Owner::ROOT, "own")
        .file(Partition::Root, &image_path!("/usr/local/bin/ctr"), Mode::EXECUTABLE, Owner::ROOT, "own");
    let put = |images: Vec<(String, Content)>| {
        let mut draft = Draft::new(&stock, UnixTime::new(1_781_740_800));
        write_artifacts(&mut draft, &Artifacts { binary: "program".into(), images }, "/var/lib/rancher/k3s")
            .unwrap();
        outline(&draft.finish())
    };
    assert_eq!(put(Vec::new()), ["/usr/local/bin/k3s 0755", "/usr/local/bin/crictl -> k3s"]);
    let with_images = put(vec![("a.tar".to_owned(), "a".into()), ("b.tar.zst".to_owned(), "b".into())]);
    assert_eq!(
        with_images[2..],
        [
            "/var/ 0755",
            "/var/lib/ 0755",
            "/var/lib/rancher/ 0755",
            "/var/lib/rancher/k3s/ 0755",
            "/var/lib/rancher/k3s/agent/ 0755",
            "/var/lib/rancher/k3s/agent/images/ 0755",
            "/var/lib/rancher/k3s/agent/images/a.tar 0644",
            "/var/lib/rancher/k3s/agent/images/b.tar.zst 0644",
            "/var/lib/rancher/k3s/agent/images/.cache.json 0644",
        ]
    );
}

#[test]
fn manifests_are_for_the_founding_server_alone_and_may_hold_secrets() {
    let manifest = |file_name: &str, holds_secrets| Manifest {
        file_name: file_name.to_owned(),
        text: "kind: x\n".to_owned(),
        holds_secrets,
    };
    let manifests = vec![manifest("it-works.yaml", false), manifest("keys.json", true)];
    let k3s = K3s { manifests, ..releases() };
    let mut cluster = compass();
    cluster.nodes.push(node("two", 14, Some(Role::Server), &json!({})));
    let of = |name| outline(&plan_with(&cluster, name, &k3s, &HOST).unwrap());
    let north = of("north");
    for line in [
        "/var/lib/rancher/k3s/server/manifests/ 0700",
        "/var/lib/rancher/k3s/server/manifests/it-works.yaml 0600",
        "/var/lib/rancher/k3s/server/manifests/keys.json 0600 secret",
    ] {
        assert!(north.iter().any(|found| found == line), "{line} is not in {north:#?}");
    }
    for name in ["two", "east"] {
        assert!(!of(name).iter().any(|line| line.contains("manifests")), "{name}");
    }
}

#[test]
fn registries_are_for_every_node_and_never_shown() {
    let text_of = |k3s: &K3s, name| {
        let patch = plan_with(&compass(), name, k3s, &HOST).unwrap();
        assert!(outline(&patch).iter().any(|line| line == "/etc/rancher/k3s/registries.yaml 0600 secret"));
        text(&patch, "/etc/rancher/k3s/registries.yaml")
    };
    let yaml = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
k3s:
  version: v1.36.4+k3s1
  registries:
    mirrors: {docker.io: {endpoint: ['https://mirror.lan:5000']}}
    configs: {'mirror.lan:5000': {auth: {username: ann, password: 0644}}}
nodes: [{name: north, address: 192.168.50.11, k3s: server}]
";
    let cluster = Cluster::parse(yaml, std::path::Path::new("nodes.yaml")).unwrap();
    let k3s = cluster.k3s.unwrap();
    assert!(!format!("{k3s:?}").contains("0644"));
    for name in ["north", "east"] {
        let written: Value = serde_yaml::from_str(&text_of(&k3s, name)).unwrap();
        assert_eq!(written["mirrors"]["docker.io"]["endpoint"][0], "https://mirror.lan:5000");
        assert_eq!(written["configs"]["mirror.lan:5000"]["auth"]["password"], "0644");
    }
    // What stands in a file is not read and written anew: nobody could tell `0644` from `644` any more.
    let text = "configs:\n  a: {auth: {password: 0644}} # mine\n".to_owned();
    let registries = Some(Registries::File(crate::cluster::Secret::new(text.clone())));
    assert_eq!(text_of(&K3s { registries, ..releases() }, "east"), text);
}

/// systemd's own judgement, on a machine that has it.
#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let by_duty = std::env::var_os("CARDWRIGHT_ORACLES").is_some();
    for (name, k3s, unit_count) in
        [("north", releases(), 4), ("east", releases(), 4), ("north", bundled(), 3), ("east", bundled(), 3)]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut units = Vec::new();
        for edit in plan_with(&compass(), name, &k3s, &HOST).unwrap().edits {
            let Action::File { content, .. } = &edit.action else { continue };
            let Some(unit) = edit.path.as_str().strip_prefix("/etc/systemd/system/") else { continue };
            let path = folder.path().join(unit);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            // The programs are not on this machine; whether they are is not the question.
            let text = String::from_utf8(content.bytes().unwrap().to_vec()).unwrap();
            let text = text
                .replace("ExecStart=/usr/local/bin/k3s", "ExecStart=/bin/true")
                .replace("ExecStart=/usr/local/lib/cardwright/install-k3s", "ExecStart=/bin/true")
                .replace("ExecStart=/usr/local/lib/cardwright/k3s-time", "ExecStart=/bin/true")
                .replace("ExecStartPre=/usr/local/lib/cardwright/start-k3s", "ExecStartPre=/bin/true")
                .replace("=-/sbin/modprobe", "=-/bin/true");
            std::fs::write(&path, text).unwrap();
            if [".service", ".path"].iter().any(|kind| unit.ends_with(kind)) {
                units.push(path);
            }
        }
        let run = std::process::Command::new("systemd-analyze").arg("verify").args(&units).output();
        let output = match run {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !by_duty => {
                eprintln!("skipped: systemd-analyze is not installed");
                return;
            }
            output => output.unwrap(),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(units.len() == unit_count && output.status.success(), "{said}");
        let about_ours: Vec<_> = said.lines().filter(|line| line.contains("k3s")).collect();
        assert_eq!(about_ours, [""; 0]);
    }
}
