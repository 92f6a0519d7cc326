//! What a valid nodes.yaml means.

use crate::nodes_yaml::{EAST, HASH, KEY, TOP, VALID, edited, parse, parse_in, rendered};
use crate::support::python;
use cardwright::cluster::{
    Access, Answerer, CaStartYear, CannotRejoin, Cluster, ExtraFile, FileOwner, FileSource, Grow,
    ImageSource, Install, Interface, InterfaceName, Ipv4, Lifetime, Link, MacAddress, Node, NodeSpans,
    PageSize, Role, Sudo, Swap, TimeServer, VirtualAddress,
};
use cardwright::fetch::FileLocation;
use cardwright::formats::ImageFormat;
use cardwright::patch::Partition;
use cardwright::types::{ByteCount, Digest, Mode, Owner};
use std::path::Path;

#[test]
fn the_example_is_a_cluster_of_four_on_a_machine_without_any_key() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes.yaml");
    let cluster = Cluster::load(&path).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    let names: Vec<_> = cluster.nodes.iter().map(|node| (node.name.as_str(), node.role())).collect();
    assert_eq!(
        names,
        [
            ("north", Some(Role::Server)),
            ("east", Some(Role::Agent)),
            ("south", Some(Role::Agent)),
            ("west", Some(Role::Agent))
        ]
    );
    assert!(cluster.nodes.iter().all(|node| node.user.ssh_authorized_keys.is_empty()));
    assert_eq!(cluster.first_server().unwrap().name.as_str(), "north");
}

#[test]
fn what_the_example_suggests_in_comments_is_valid_too() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("backup.sh"), "#!/bin/sh\n").unwrap();
    let manifests = folder.path().join("manifests");
    std::fs::create_dir(&manifests).unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/it-works.yaml");
    std::fs::copy(shipped, manifests.join("it-works.yaml")).unwrap();
    let suggested: String = text
        .lines()
        .map(|line| {
            let indentation = line.len() - line.trim_start().len();
            let comment = line.trim_start().strip_prefix("# ").unwrap_or_default();
            // A commented key, or an item of a commented list; `~` is not known on a machine that tests, and
            // what `…` stands for nowhere.
            let key = comment.split(':').next().unwrap_or_default();
            let is_setting = comment.contains(':')
                && !key.is_empty()
                && !key.contains([' ', '`', '-'])
                && !comment.ends_with('.')
                || comment.trim_start().starts_with("- {");
            if is_setting && !comment.contains(['~', '…']) && indentation <= 2 {
                format!("{}{comment}\n", &line[..indentation])
            } else {
                format!("{line}\n")
            }
        })
        .collect();
    let cluster = parse_in(folder.path(), &suggested)
        .unwrap_or_else(|invalid| panic!("{}\n{suggested}", rendered(&invalid)));
    let north = &cluster.nodes[0];
    assert_eq!(north.timezone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(north.locale.as_deref(), Some("de_DE.UTF-8"));
    assert_eq!(north.files.len(), 2);
    assert_eq!(north.boot.cmdline, ["usb-storage.quirks=152d:0578:u"]);
    assert_eq!(north.ntp.iter().map(TimeServer::as_str).collect::<Vec<_>>(), ["192.168.50.1"]);
    assert_eq!(north.first_boot, ["apt-get update"]);
    assert_eq!(north.k3s.as_ref().unwrap().config["disable"][0], "metrics-server");
}

fn named(interface: &str) -> Link {
    Link::Wired(Interface::Named(InterfaceName::new(interface).unwrap()))
}

fn prefix_of(node: &Node) -> u8 {
    let Ipv4::Static(network) = &node.network.main.ipv4 else { panic!("{:?}", node.network) };
    network.prefix
}

#[test]
fn what_is_not_said_has_its_default() {
    let cluster = parse(VALID).unwrap();
    assert_eq!(cluster.image, ImageSource::Demo);
    assert_eq!(cluster.output.folder, Path::new("no-such-folder").join("images"));
    assert_eq!(cluster.output.format, ImageFormat::Xz);
    let Install::Download { base_url, sha256_arm64, .. } = cluster.k3s.unwrap().install else { panic!() };
    assert_eq!(base_url, "https://github.com/k3s-io/k3s/releases/download");
    assert_eq!(sha256_arm64, None);
    let node = &cluster.nodes[0];
    assert_eq!(node.network.main.link, named("eth0"));
    assert_eq!(node.network.dns, ["192.168.50.1".parse::<std::net::IpAddr>().unwrap()]);
    assert_eq!(node.user.name.as_str(), "pi");
    assert_eq!(node.user.shell.as_str(), "/bin/bash");
    assert_eq!(node.user.sudo, Sudo::WithoutPassword);
    assert!(node.user.login && node.user.groups.is_empty() && node.users.is_empty());
    assert!(!node.ssh.password_login);
    assert_eq!(node.timezone, None);
}

#[test]
fn sudo_asks_for_the_password_where_there_is_one_unless_told_otherwise() {
    let sudo = |user: String| {
        let text = edited(&[(TOP, &format!("image: demo\nuser: {{{user}}}"))]);
        parse(&text).unwrap().nodes[0].user.sudo
    };
    assert_eq!(sudo(format!("password_hash: {HASH}")), Sudo::WithPassword);
    assert_eq!(sudo(format!("password_hash: {HASH}, sudo: passwordless")), Sudo::WithoutPassword);
    assert_eq!(sudo("sudo: passwordless".to_owned()), Sudo::WithoutPassword);
    assert_eq!(sudo("sudo: nopasswd".to_owned()), Sudo::WithoutPassword);
    for none in ["none", "false", "no"] {
        assert_eq!(sudo(format!("sudo: {none}")), Sudo::None);
    }
}

#[test]
fn a_node_overrides_every_setting_of_its_own_and_adds_to_lists_of_additions() {
    let text = "\
cluster: compass
image: demo
network: {interface: end0, prefix: 24, gateway: 192.168.50.1, dns: [1.1.1.1], search: [home.arpa], ipv6: {gateway: fd00::1}}
user: {name: ann, shell: /bin/zsh}
timezone: Europe/Berlin
locale: de_DE.UTF-8
boot: {config: [a=1], cmdline: [quiet]}
files:
  - {path: /etc/motd, content: all}
  - {path: /etc/issue, content: all}
first_boot: [echo all]
k3s:
  version: v1.36.4+k3s1
  install: {download: {base_url: http://mirror.lan/k3s/, sha256: {arm64: 483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843}}}
  config: {a: common, b: common, z: common, write-kubeconfig-mode: 0644, list: [1, 1.10, x, true, ~]}
  server: {config: {b: role, z: role}}
nodes:
  - {name: north, address: 192.168.50.11, k3s: {role: server, config: {z: node}}}
  - name: east
    address: 10.0.0.12
    ipv6: fd00::12
    network: {interface: eth1, prefix: 8, gateway: 10.0.0.1, dns: [9.9.9.9], search: [], ipv6: {prefix: 48}}
    user: {shell: /bin/sh}
    timezone: Etc/UTC
    locale: C.UTF-8
    boot: {config: [b=2], cmdline: [splash]}
    files:
      - {path: /etc/motd, content: east, mode: 0600, owner: user}
      - {path: /x.txt, partition: boot, content: 1.10}
      - {path: /opt/x, content: x, mode: \"4755\", owner: 1000:33}
    first_boot: [echo east]
";
    let cluster = parse(text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    let [north, east] = cluster.nodes.as_slice() else { panic!("two nodes") };
    assert_eq!(north.network.main.link, named("end0"));
    assert_eq!(north.network.main.ipv6, None);
    assert_eq!((&east.network.main.link, prefix_of(east)), (&named("eth1"), 8));
    assert_eq!(east.network.search, Vec::<String>::new());
    let ipv6 = east.network.main.ipv6.as_ref().unwrap();
    assert_eq!((ipv6.prefix, ipv6.gateway), (48, Some("fd00::1".parse().unwrap())));
    assert_eq!((east.user.name.as_str(), east.user.shell.as_str()), ("ann", "/bin/sh"));
    assert_eq!(
        (north.timezone.as_deref(), east.timezone.as_deref()),
        (Some("Europe/Berlin"), Some("Etc/UTC"))
    );
    assert_eq!(east.locale.as_deref(), Some("C.UTF-8"));
    assert_eq!(east.boot.config, ["a=1", "b=2"]);
    assert_eq!(east.boot.cmdline, ["quiet", "splash"]);
    assert_eq!(east.first_boot, ["echo all", "echo east"]);
    assert_eq!(east.k3s, None);

    let paths: Vec<_> = east.files.iter().map(|file| (file.path.to_string(), file.content.clone())).collect();
    let inline = |text: &str| FileSource::Inline(text.to_owned());
    assert_eq!(
        paths,
        [
            ("/etc/issue", inline("all")),
            ("/etc/motd", inline("east")),
            ("/x.txt", inline("1.10")),
            ("/opt/x", inline("x"))
        ]
        .map(|(path, content)| (path.to_owned(), content))
    );
    let mode = |index: usize| east.files[index].mode.map(Mode::bits);
    assert_eq!((mode(0), &east.files[0].owner), (None, &None));
    assert_eq!((mode(1), &east.files[1].owner), (Some(0o600), &Some(FileOwner::User)));
    assert_eq!((east.files[2].partition, mode(2)), (Partition::Boot, None));
    assert_eq!(
        (mode(3), &east.files[3].owner),
        (Some(0o4755), &Some(FileOwner::Numeric(Owner { uid: 1000, gid: 33 })))
    );

    let Install::Download { base_url, sha256_arm64, sha256_armhf } = cluster.k3s.unwrap().install else {
        panic!()
    };
    assert_eq!(base_url, "http://mirror.lan/k3s");
    assert!(sha256_arm64.is_some() && sha256_armhf.is_none());
    assert_eq!(
        serde_json::to_string(&north.k3s.as_ref().unwrap().config).unwrap(),
        r#"{"a":"common","b":"role","z":"node","write-kubeconfig-mode":"0644","list":[1,"1.10","x",true,null]}"#
    );
}

#[test]
fn time_servers_are_one_or_several_and_a_node_may_have_its_own_or_none() {
    let text = edited(&[
        (TOP, "image: demo\nntp: [time.lan, 192.168.50.1, 'fd00::1', NTP1.example.org]"),
        (
            "east, address: 192.168.50.12, k3s: agent}",
            "east, address: 192.168.50.12, k3s: agent, ntp: ntp}\n  - {name: west, address: 192.168.50.14, ntp: []}",
        ),
    ]);
    let cluster = parse(&text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    let servers = |node: usize| cluster.nodes[node].ntp.iter().map(TimeServer::as_str).collect::<Vec<_>>();
    assert_eq!(servers(0), ["time.lan", "192.168.50.1", "fd00::1", "NTP1.example.org"]);
    assert_eq!(servers(1), ["ntp"]);
    assert_eq!(servers(2), [""; 0]);
    assert_eq!(parse(VALID).unwrap().nodes[0].ntp, []);
}

#[test]
fn a_bundled_k3s_is_read_as_it_is_written() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["k3s-arm64", "a.tar.zst", "b.tar"] {
        std::fs::write(folder.path().join(name), "").unwrap();
    }
    let digest = "48".repeat(32);
    let armhf = format!("{{url: \"https://x/k3s-armhf?a=b/c\", sha256: {digest}}}");
    let images = format!("[a.tar.zst, {{path: ./b.tar, sha256: {digest}}}]");
    let install = format!("{{bundled: {{binary: {{arm64: k3s-arm64, armhf: {armhf}}}, images: {images}}}}}");
    let text = edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, install: {install}"))]);
    let cluster = parse_in(folder.path(), &text).unwrap();
    let Install::Bundled { arm64, armhf, images } = cluster.k3s.unwrap().install else { panic!() };
    let at = |name: &str, sha256| FileLocation::Path { path: folder.path().join(name), sha256 };
    assert_eq!(arm64, Some(at("k3s-arm64", None)));
    let armhf = armhf.unwrap();
    assert_eq!(armhf.file_name(), "k3s-armhf");
    assert!(matches!(&armhf, FileLocation::Url { url, .. } if url == "https://x/k3s-armhf?a=b/c"));
    assert_eq!(images, [at("a.tar.zst", None), at("./b.tar", Digest::parse(&digest))]);
}

#[test]
fn labels_taints_and_components_become_flags_and_what_comes_later_wins() {
    let text = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
swap: off
boot: {page_size: 4k}
k3s:
  version: v1.36.4+k3s1
  labels: {room: attic, example.org/disk: sd}
  config: {node-label: [mine=1], disable: servicelb}
  taints: [\"a=b:NoSchedule\"]
  disable: [traefik, servicelb]
  agent: {labels: {example.org/disk: ssd, node.kubernetes.io/fast: true}, taints: [\"a=c:NoSchedule\", \"a=c:NoExecute\"]}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server, swap: stock, boot: {page_size: stock}}
  - {name: east, address: 192.168.50.12, k3s: {role: agent, labels: {room: 1.10}, taints: [\"only:PreferNoSchedule\"]}}
";
    let cluster = parse(text).unwrap();
    let config =
        |node: usize| serde_json::to_value(&cluster.nodes[node].k3s.as_ref().unwrap().config).unwrap();
    assert_eq!(
        config(0),
        serde_json::json!({
            "node-label": ["mine=1", "room=attic", "example.org/disk=sd"],
            "node-taint": ["a=b:NoSchedule"],
            "disable": ["servicelb", "traefik"],
        })
    );
    assert_eq!(
        config(1),
        serde_json::json!({
            "node-label": ["mine=1", "example.org/disk=ssd", "node.kubernetes.io/fast=true", "room=1.10"],
            "node-taint": ["a=c:NoSchedule", "a=c:NoExecute", "only:PreferNoSchedule"],
            "disable": "servicelb",
        })
    );
    let board = |node: usize| (cluster.nodes[node].swap, cluster.nodes[node].boot.page_size);
    assert_eq!(board(0), (Swap::Stock, PageSize::Stock));
    assert_eq!(board(1), (Swap::Off, PageSize::FourKib));
}

#[test]
fn memory_that_is_short_is_warned_of() {
    let warnings = |settings: &str, north: &str, east: &str| {
        let text = edited(&[
            ("v1.36.4+k3s1", &format!("v1.36.4+k3s1{settings}")),
            ("192.168.50.11", &format!("192.168.50.11{north}")),
            ("192.168.50.12", &format!("192.168.50.12{east}")),
        ]);
        let warnings = parse(&text).unwrap().warnings;
        warnings
            .iter()
            .map(|warning| format!("{}. {}", warning.message, warning.hint.as_deref().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(warnings("", "", ""), [""; 0]);
    assert_eq!(warnings("", ", memory: 2GiB", ", memory: 512MiB"), [""; 0]);
    assert_eq!(
        warnings("", ", memory: 1GiB", ", memory: 256MiB"),
        [
            "`north` has 1 GiB, but a k3s server asks for 2 GiB. Make a board with more memory the server, or at least set `disable: [traefik, metrics-server]` under `k3s:`",
            "`east` has 256 MiB, but a k3s agent asks for 512 MiB. Keep what runs on it small",
        ]
    );
    assert_eq!(
        warnings(", disable: [metrics-server, traefik]", ", memory: 1GiB", ""),
        ["`north` has 1 GiB, but a k3s server asks for 2 GiB. Make a board with more memory the server"]
    );
}

#[test]
fn manifests_are_read_whole_by_name_and_secrets_in_them_are_known() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    let object = |kind: &str| format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n");
    for (name, text) in [
        ("folder/b.yaml", object("Namespace")),
        (
            "folder/a.json",
            r#"{"apiVersion": "v1", "kind": "List", "items": [{"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "b"}}]}"#.to_owned(),
        ),
        ("folder/notes.txt", "x".to_owned()),
        ("one.yaml", format!("# first\n{}---\n{}", object("Namespace"), object("Secret"))),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let text = edited(&[("v1.36.4+k3s1", "v1.36.4+k3s1, manifests: [one.yaml, folder]")]);
    let manifests = parse_in(folder.path(), &text).unwrap().k3s.unwrap().manifests;
    let outline: Vec<_> =
        manifests.iter().map(|manifest| (manifest.file_name.as_str(), manifest.holds_secrets)).collect();
    assert_eq!(outline, [("one.yaml", true), ("a.json", true), ("b.yaml", false)]);
    assert!(manifests[0].text.starts_with("# first\napiVersion: v1\n"));
    assert!(!format!("{manifests:?}").contains("kind"));
}

#[test]
fn cards_grow_by_what_is_asked_for() {
    let grow = |text: &str| {
        let text = edited(&[("image: demo", &format!("image: {{path: demo{text}}}"))]);
        let cluster = parse(&text).unwrap();
        assert_eq!(cluster.image, ImageSource::Demo);
        cluster.grow
    };
    assert_eq!(grow(""), Grow::Auto);
    assert_eq!(grow(", grow: auto"), Grow::Auto);
    assert_eq!(grow(", grow: none"), Grow::No);
    assert_eq!(grow(", grow: 1GiB"), Grow::By(ByteCount::new(1 << 30)));
}

#[test]
fn modes_are_octal_whether_quoted_or_not() {
    for written in ["0640", "640", "\"0640\"", "'640'", "0o640", "00640"] {
        let text =
            edited(&[(TOP, &format!("image: demo\nfiles: [{{path: /x, content: a, mode: {written}}}]"))]);
        assert_eq!(parse(&text).unwrap().nodes[0].files[0].mode.map(Mode::bits), Some(0o640), "{written}");
    }
}

#[test]
fn quotes_make_a_text_of_what_yaml_takes_for_something_else() {
    for written in ["\"yes\"", "'1e3'", "\"true\""] {
        let text = edited(&[("east", written)]);
        assert_eq!(parse(&text).unwrap().nodes[1].name.as_str(), written.trim_matches(['"', '\'']));
    }
}

/// The cluster that a text means, whatever the text is.
fn meaning(text: &str) -> Cluster {
    let cluster = parse(text).unwrap_or_else(|invalid| panic!("{text}\n{}", rendered(&invalid)));
    let Cluster { source_digest, source_text, .. } = parse(VALID).unwrap();
    // Where something stands is no part of it.
    let nodes = cluster.nodes.into_iter().map(|mut node| {
        node.files.iter_mut().for_each(|file| file.span = None);
        Node { spans: NodeSpans::default(), ..node }
    });
    let nodes = nodes.collect();
    Cluster { source_digest, source_text, image_span: None, nodes, ..cluster }
}

#[test]
fn line_ends_and_a_byte_order_mark_of_windows_change_nothing() {
    let windows = format!("\u{feff}{}", VALID.replace('\n', "\r\n"));
    // The digest is that of the bytes.
    assert_ne!(parse(&windows).unwrap().source_digest, parse(VALID).unwrap().source_digest);
    assert_eq!(meaning(&windows), meaning(VALID));
    let invalid = parse(&windows.replace("cluster:", "clutser:")).unwrap_err();
    assert_eq!(invalid.source_line(&invalid.problems[0]), Some("clutser: compass"));
}

#[test]
fn how_the_cluster_is_reached_is_said_once_for_all() {
    let access = |text: &str| parse(text).unwrap().k3s.unwrap().access;
    assert_eq!(access(VALID), Access::default());
    let said = "version: v1.36.4+k3s1, ca_start_year: 2031, kubeconfig: {lifetime: 90d}, virtual_address: 192.168.50.10";
    assert_eq!(
        access(&edited(&[("version: v1.36.4+k3s1", said)])),
        Access {
            ca_start_year: CaStartYear::new(2031).unwrap(),
            kubeconfig_lifetime: Lifetime::from_days(90).unwrap(),
            virtual_address: Some(VirtualAddress {
                address: "192.168.50.10".parse().unwrap(),
                by: Answerer::Other,
            }),
        }
    );
}

/// The names of the servers that the nodes join.
fn joined(cluster: &Cluster) -> Vec<Option<&str>> {
    cluster.nodes.iter().map(|node| Some(cluster.joined_by(node)?.name.as_str())).collect()
}

#[test]
fn all_join_the_first_server_and_it_joins_the_next_when_it_rejoins() {
    let mut cluster = parse(&edited(&[(
        EAST,
        "east, address: 192.168.50.12, k3s: agent}\n  - {name: south, address: 192.168.50.13, k3s: server}\n  - {name: west, address: 192.168.50.14, k3s: server",
    )]))
    .unwrap();
    let north = Some("north");
    assert_eq!(joined(&cluster), [None, north, north, north]);
    cluster.rejoin("west").unwrap();
    assert_eq!(joined(&cluster), [None, north, north, north]);
    cluster.rejoin("north").unwrap();
    assert_eq!(joined(&cluster), [Some("south"), north, north, north]);
    assert_eq!(cluster.rejoin("east").unwrap_err(), CannotRejoin::NoServer { name: "east".to_owned() });
    assert!(matches!(cluster.rejoin("nobody"), Err(CannotRejoin::NoSuchNode { .. })));
    let mut single = parse(VALID).unwrap();
    assert_eq!(single.rejoin("north").unwrap_err(), CannotRejoin::OnlyServer { name: "north".to_owned() });
}

/// What is warned of in a valid file: the place, the sentence, the hint.
pub(crate) fn warnings(text: &str) -> Vec<String> {
    let cluster = parse(text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
    cluster
        .warnings
        .iter()
        .map(|warning| {
            let hint = warning.hint.as_deref().unwrap();
            format!("{}:{} {}. {hint}", warning.line, warning.column, warning.message)
        })
        .collect()
}

#[test]
fn a_key_that_is_named_twice_is_there_once_with_its_first_comment() {
    let keys = |entries: &str| {
        let text = edited(&[(TOP, &format!("image: demo\nuser: {{ssh_authorized_keys: {entries}}}"))]);
        let cluster = parse(&text).unwrap_or_else(|invalid| panic!("{}", rendered(&invalid)));
        let keys = cluster.nodes[0].user.ssh_authorized_keys.lines.iter();
        (keys.map(|key| key.as_str().to_owned()).collect::<Vec<_>>(), warnings(&text))
    };
    let again = KEY.replace("ann@laptop", "ann@desktop");
    assert_eq!(keys(&format!("['{KEY}', '{again}', '{KEY}']")), (vec![KEY.to_owned()], vec![]));
    // On other terms it is another line.
    let (lines, warned) = keys(&format!("['restrict {KEY}', '{KEY}']"));
    assert_eq!(lines, [format!("restrict {KEY}"), KEY.to_owned()]);
    let column = format!("user: {{ssh_authorized_keys: ['restrict {KEY}', ").len() + 1;
    assert_eq!(
        warned,
        [format!(
            "3:{column} the same key is named twice, with different options before it. Keep one of the two: sshd goes by the first whose `from` and `expiry-time` fit, not by both"
        )]
    );
}

#[test]
fn keys_that_may_let_nobody_in_are_warned_of() {
    let warned = |entries: &str| -> Vec<String> {
        let text = edited(&[(TOP, &format!("image: demo\nuser: {{ssh_authorized_keys: {entries}}}"))]);
        parse(&text).unwrap().warnings.into_iter().map(|warning| warning.message).collect()
    };
    let none = <[&str; 0]>::default();
    let other = KEY.replace("ti ann", "tA ann");
    let authority = "every key here is that of a CA: only who has a certificate from it gets in";
    assert_eq!(warned(&format!("['cert-authority {KEY}']")), [authority]);
    assert_eq!(warned(&format!("['cert-authority,principals=\"ann\" {KEY}']")), [authority]);
    assert_eq!(warned(&format!("['cert-authority {KEY}', '{other}']")), none);
    let names =
        "`from` has names alone, and sshd compares it with addresses alone: nobody gets in by this line";
    assert_eq!(warned(&format!("['from=\"*.lan\" {KEY}']")), [names]);
    assert_eq!(warned(&format!("['from=\"*.lan,192.168.50.*\" {KEY}']")), none);
    let past = "the `expiry-time` of this key is past: nobody gets in by this line";
    assert_eq!(warned(&format!("['expiry-time=\"20260102\" {KEY}']")), [past]);
    assert_eq!(warned(&format!("['expiry-time=\"29991231\" {KEY}']")), none);
}

#[test]
fn a_key_file_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let comment = "#".repeat(100);
    std::fs::write(folder.path().join("keys"), format!("{}{KEY}\n", format!("{comment}\n").repeat(4000)))
        .unwrap();
    let text = edited(&[(TOP, "image: demo\nuser: {ssh_authorized_keys: [keys]}")]);
    assert_eq!(parse_in(folder.path(), &text).unwrap().nodes[0].user.ssh_authorized_keys.lines.len(), 1);
}

#[test]
fn name_servers_out_of_reach_of_pods_are_refused_once_where_they_stand() {
    let problems = |edits: &[(&str, &str)]| match parse(&edited(edits)) {
        Ok(_) => Vec::new(),
        Err(invalid) => {
            invalid.problems.into_iter().map(|problem| (problem.at, problem.message)).collect::<Vec<_>>()
        }
    };
    let message = "the pods of `north` can reach none of its name servers".to_owned();
    let network = |dns: &str| format!("gateway: 192.168.50.1, dns: [{dns}]");
    for dns in ["fd00::53", "127.0.0.1", "169.254.0.1, '::1'"] {
        let found = problems(&[("gateway: 192.168.50.1", &network(dns))]);
        assert_eq!(found, [("network.dns".to_owned(), message.clone())], "{dns}");
    }
    for dns in ["", "fd00::53, 192.168.50.1"] {
        assert_eq!(problems(&[("gateway: 192.168.50.1", &network(dns))]), [], "{dns}");
    }
    let own = "k3s: {role: server, config: {resolv-conf: /etc/mine}}";
    let agent = "k3s: {role: agent, config: {kubelet-arg: ['resolv-conf=/etc/mine']}}";
    let edits = [
        ("gateway: 192.168.50.1", network("fd00::53")),
        ("k3s: server", own.to_owned()),
        ("k3s: agent", agent.to_owned()),
    ];
    assert_eq!(problems(&edits.each_ref().map(|(from, to)| (*from, to.as_str()))), []);
}

#[test]
fn an_interface_that_raspberry_pi_os_does_not_have_is_warned_of_once() {
    let network = |text: &str| {
        let text = edited(&[("{prefix: 24", &format!("{{{text}, prefix: 24"))]);
        warnings(&text)
    };
    for usual in ["interface: eth0", "interface: eth1"] {
        assert_eq!(network(usual), <[&str; 0]>::default());
    }
    for name in ["end0", "enp1s0", "eno1", "enxb827eb000000", "lan0", "eth", "br0"] {
        let hint = "Write `eth0`, or `eth1` for an adapter on USB; an interface with a name of your own is found by `mac:` instead of `interface:`";
        let message = format!(
            "3:22 Raspberry Pi OS calls its wired interface `eth0`, not `{name}`: the card would not get its address. {hint}"
        );
        assert_eq!(network(&format!("interface: {name}")), [message]);
    }
    // Who brings a rule that names interfaces knows how they are called.
    let file = "image: demo\nfiles: [{path: /etc/systemd/network/10-lan.link, content: x}]";
    let text = edited(&[(TOP, file), ("{prefix", "{interface: lan0, prefix")]);
    assert_eq!(warnings(&text), <[&str; 0]>::default());
}

#[test]
fn a_mac_address_takes_the_place_of_the_name_of_an_interface() {
    let text = edited(&[
        ("{prefix", "{interface: eth0, prefix"),
        (EAST, "east, address: 192.168.50.12, k3s: agent, network: {mac: 'B8-27-EB-12-34-56'}"),
    ]);
    let cluster = parse(&text).unwrap();
    assert_eq!(cluster.nodes[0].network.main.link, named("eth0"));
    let mac = MacAddress::parse("b8:27:eb:12:34:56").unwrap();
    assert_eq!(cluster.nodes[1].network.main.link, Link::Wired(Interface::WithMac(mac)));
    assert!(cluster.warnings.is_empty());
}

/// Spellings that other programs have taught people, each with the one that means the same.
/// (Extra files know their place, which is why one of these has two spaces.)
const PLAIN_MEANINGS: [(&str, &str); 35] = [
    ("ca_start_year: 2031", "founded: 2031"),
    ("user: {ssh_authorized_keys: [KEY]}", "user: {ssh_authorized_keys: KEY}"),
    (
        "network: {prefix: 24, gateway: 192.168.50.1, dns: [1.1.1.1]}",
        "network: {prefix: 24, gateway: 192.168.50.1, dns: 1.1.1.1}",
    ),
    (
        "network: {prefix: 24, gateway: 192.168.50.1, search: [lan]}",
        "network: {prefix: 24, gateway: 192.168.50.1, search: lan}",
    ),
    (
        "network: {prefix: 24, gateway: 192.168.50.1}",
        "network: {netmask: 255.255.255.0, gateway: 192.168.50.1}",
    ),
    (
        "network: {prefix: 24, gateway: 192.168.50.1}",
        "network: {prefix: 255.255.255.0, gateway: 192.168.50.1}",
    ),
    ("network: {prefix: 24, gateway: 192.168.50.1}", "network: {prefix: /24, gateway: 192.168.50.1}"),
    ("network: {prefix: 24, gateway: 192.168.50.1}", "network: {netmask: 24, gateway: 192.168.50.1}"),
    ("network: {prefix: 24, gateway: 192.168.50.1}", "network: {gateway: 192.168.50.1/24}"),
    ("network: {prefix: 24, gateway: 192.168.50.1}", "network: {prefix: 24, gateway: 192.168.50.1/24}"),
    ("address: 192.168.50.12", "address: 192.168.50.12/24"),
    ("address: 192.168.50.12", "address: 192.168.50.12, network: {gateway: 192.168.50.1/24}"),
    ("address: 192.168.50.12, ipv6: fd00::12", "address: 192.168.50.12, ipv6: fd00::12/64"),
    (
        "address: 192.168.50.12, ipv6: fd00::12, network: {ipv6: {prefix: 48}}",
        "address: 192.168.50.12, ipv6: fd00::12/48",
    ),
    (
        "address: 192.168.50.12, ipv6: fd00::12, network: {ipv6: {gateway: fd00::1, prefix: 48}}",
        "address: 192.168.50.12, ipv6: fd00::12, network: {ipv6: {gateway: fd00::1/48}}",
    ),
    ("swap: off", "swap: no"),
    ("swap: off", "swap: No"),
    ("swap: off", "swap: false"),
    ("swap: off", "swap: none"),
    ("swap: off", "swap: 'off'"),
    ("memory: 4GiB", "memory: 4"),
    ("memory: 4GiB", "memory: 4GB"),
    ("memory: 512MiB", "memory: 512"),
    ("k3s: none", "k3s: no"),
    ("k3s: none", "k3s: false"),
    ("ssh: {password_login: false}", "ssh: {password_login: no}"),
    ("first_boot: [apt-get update]", "first_boot: apt-get update"),
    ("boot: {config: [dtparam=audio=off]}", "boot: {config: dtparam=audio=off}"),
    ("boot: {cmdline: [loglevel=3]}", "boot: {cmdline: loglevel=3}"),
    ("files: [{path: /etc/motd, content: a}]", "files:  {path: /etc/motd, content: a}"),
    ("disable: [traefik]", "disable: traefik"),
    ("taints: [\"a=b:NoSchedule\"]", "taints: a=b:NoSchedule"),
    ("image: {path: demo, grow: none}", "image: {path: demo, grow: no}"),
    ("image: {path: demo, grow: none}", "image: {path: demo, grow: false}"),
    ("user: {ssh_authorized_keys: [KEY]}", "user: {ssh_authorized_keys: [\"# mine\\nKEY\\n\"]}"),
];

/// The valid file with a setting where it belongs.
fn with_setting(setting: &str) -> String {
    let setting = setting.replace("KEY", KEY);
    let key = setting.split(':').next().unwrap();
    match key {
        "network" => edited(&[("network: {prefix: 24, gateway: 192.168.50.1}", &setting)]),
        "address" => edited(&[("address: 192.168.50.12", &setting)]),
        "disable" | "taints" | "ca_start_year" | "founded" => {
            edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, {setting}"))])
        }
        "k3s" => edited(&[("k3s: agent", &setting)]),
        "image" => edited(&[(TOP, &setting)]),
        _ => edited(&[(TOP, &format!("{TOP}\n{setting}"))]),
    }
}

#[test]
fn what_has_one_plain_meaning_is_taken_for_it() {
    for (usual, other) in PLAIN_MEANINGS {
        assert_eq!(meaning(&with_setting(usual)), meaning(&with_setting(other)), "{other}");
    }
    // Memory shows in what is warned of alone.
    let short = edited(&[("192.168.50.11", "192.168.50.11, memory: 1")]);
    assert!(warnings(&short)[0].contains("`north` has 1 GiB"));
    assert!(
        parse(
            &VALID
                .replace("k3s: {version: v1.36.4+k3s1}", "k3s: no")
                .replace(", k3s: server", "")
                .replace(", k3s: agent", "")
        )
        .unwrap()
        .k3s
        .is_none()
    );
}

#[test]
fn one_node_need_not_stand_in_a_list() {
    let text =
        "cluster: a\nimage: demo\nnetwork: {gateway: 10.0.0.1}\nnodes: {name: one, address: 10.0.0.2/8}\n";
    let cluster = parse(text).unwrap();
    assert_eq!((cluster.nodes[0].name.as_str(), prefix_of(&cluster.nodes[0])), ("one", 8));
}

#[test]
fn the_schema_takes_what_the_program_takes() {
    const VALIDATE: &str = "import sys, json, yaml, jsonschema\n\
        schema = jsonschema.Draft7Validator(json.load(open(sys.argv[1])))\n\
        for text in json.load(sys.stdin):\n    \
            errors = [error.message for error in schema.iter_errors(yaml.safe_load(text))]\n    \
            if errors: print(text, *errors, sep='\\n')\n";
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes.schema.json");
    let example = std::fs::read_to_string(schema.with_file_name("nodes.yaml")).unwrap();
    let mut texts: Vec<String> =
        PLAIN_MEANINGS.iter().flat_map(|(usual, other)| [with_setting(usual), with_setting(other)]).collect();
    texts.push(example);
    let texts = serde_json::to_vec(&texts).unwrap();
    let Some(said) = python(VALIDATE, &[&schema], &texts) else { return };
    assert_eq!(said, "");
}

#[test]
fn a_file_made_in_code_is_the_one_that_nodes_yaml_describes() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("motd"), "hello\n").unwrap();
    let files = "files:\n  - {path: /etc/motd, content: hello}\n  - {path: ~/.bashrc, content: '', mode: 0600, owner: user}\n  - {path: /etc/issue, source: motd}";
    let text = edited(&[(TOP, &format!("{TOP}\n{files}"))]);
    let described = parse_in(folder.path(), &text).unwrap().nodes[0].files.clone();
    let described: Vec<ExtraFile> =
        described.into_iter().map(|file| ExtraFile { span: None, ..file }).collect();
    let made = [
        ExtraFile::text("/etc/motd", "hello").unwrap(),
        ExtraFile::text("~/.bashrc", "")
            .unwrap()
            .with_mode(Mode::new(0o600).unwrap())
            .with_owner(FileOwner::User),
        ExtraFile::copy_of(folder.path().join("motd"), "/etc/issue").unwrap(),
    ];
    assert_eq!(described, made);
    for wrong in ["motd", "", "~ann/x", "/a/../b"] {
        assert!(ExtraFile::text(wrong, "").is_err(), "{wrong}");
    }
}

#[test]
fn flags_that_do_less_than_they_seem_to_are_warned_of() {
    let with = |config: &str| warnings(&edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, {config}"))]));
    assert_eq!(
        with("server: {config: {write-kubeconfig-mode: \"0640\"}}"),
        [
            "4:48 `write-kubeconfig-mode` lets a group read the kubeconfig, and the group is root's own. Name a group \
             that somebody is in, like `write-kubeconfig-group: sudo`"
        ]
    );
    assert!(with("config: {write-kubeconfig-mode: \"0640\", write-kubeconfig-group: sudo}").is_empty());
    assert_eq!(
        with("agent: {config: {tls-san: x}}"),
        [
            "4:47 `tls-san` is a flag of servers, and agents do nothing about it. Write it under `server: {config: …}` \
             of `k3s:`, or remove it"
        ]
    );
    // All nodes may have them in common.
    assert!(with("config: {tls-san: x, data-dir: /srv/k3s, https-listen-port: 7443}").is_empty());
}

#[test]
fn flags_that_most_probably_are_mistakes_are_warned_of() {
    let with = |config: &str| warnings(&edited(&[("v1.36.4+k3s1", &format!("v1.36.4+k3s1, {config}"))]));
    assert_eq!(
        with("server: {config: {disable-agent: true}}"),
        [
            "4:48 with `disable-agent`, `north` runs no pods and `kubectl get nodes` does not list it. Remove it, or keep \
             pods away with `taints: [\"node-role.kubernetes.io/control-plane:NoSchedule\"]`"
        ]
    );
    assert!(with("server: {config: {disable-agent: false}}").is_empty());
    assert_eq!(
        with("server: {config: {advertise-address: 203.0.113.7}}"),
        [
            "4:48 `north` would advertise `203.0.113.7`, which is no address of its own: nodes look for it there. Remove \
             it: a server advertises the `address` of its node"
        ]
    );
    assert!(
        with("server: {config: {advertise-address: 203.0.113.7, node-external-ip: 203.0.113.7}}").is_empty()
    );
    let unknown = "k3s has no flag `nosuchflag` that is known here, and would do nothing about it. Look it up with `k3s \
                   server --help` or `k3s agent --help` of your version";
    assert_eq!(with("config: {nosuchflag: 1}"), [format!("4:39 {unknown}")]);
    assert_eq!(
        with("agent: {config: {kubelet-args: [max-pods=50]}}"),
        [
            "4:47 k3s has no flag `kubelet-args` that is known here, and would do nothing about it. Did you mean \
             `kubelet-arg`?"
        ]
    );
}

#[test]
fn a_resolv_conf_that_nothing_brings_is_warned_of() {
    let with = |config: &str, files: &str| {
        warnings(&edited(&[
            (TOP, &format!("image: demo\nfiles: [{files}]")),
            ("v1.36.4+k3s1", &format!("v1.36.4+k3s1, agent: {{config: {{{config}}}}}")),
        ]))
    };
    let missing = |column: usize, path: &str| {
        format!(
            "5:{column} no file of nodes.yaml is `{path}`, and `east` runs no pods without it. Bring it with `files:`, or \
             remove `resolv-conf`: cardwright writes one with the name servers of `dns:`"
        )
    };
    assert_eq!(with("resolv-conf: /etc/mine", ""), [missing(47, "/etc/mine")]);
    assert_eq!(with("kubelet-arg: ['resolv-conf=/etc/mine']", ""), [missing(47, "/etc/mine")]);
    assert_eq!(
        with("resolv-conf: /boot/firmware/mine", "{path: /mine, content: a}"),
        [missing(47, "/boot/firmware/mine")]
    );
    for (config, files) in [
        ("resolv-conf: /etc/mine", "{path: /etc/mine, content: a}"),
        ("resolv-conf: /boot/firmware/mine", "{path: /mine, partition: boot, content: a}"),
        ("resolv-conf: /etc/resolv.conf", ""),
        ("resolv-conf: /run/systemd/resolve/resolv.conf", ""),
        ("kubelet-arg: [max-pods=50]", ""),
    ] {
        assert_eq!(with(config, files), <[&str; 0]>::default(), "{config} {files}");
    }
}

#[test]
fn words_that_the_first_boot_takes_away_are_warned_of() {
    let with =
        |words: &str| warnings(&edited(&[(TOP, &format!("image: demo\nboot: {{cmdline: [{words}]}}"))]));
    let hint = "Remove it, or write `loglevel=3`, which stays and does the same";
    assert_eq!(
        with("quiet, a=1, quieter=2"),
        [
            format!("3:18 the first boot of bullseye and bookworm removes `quiet`. {hint}"),
            format!(
                "3:30 the first boot of bullseye and bookworm removes `quiet` from `quieter=2`, and leaves `er=2`. {hint}"
            ),
        ]
    );
    assert!(with("loglevel=3, a=quiet").is_empty());
    assert!(with("quiet, splash").is_empty());
}
