//! Manifests and settings of k3s, on the cards of the demo image, as readers that nobody here wrote see them.

use crate::support::{Workshop, assert_oracles_accept, boot_file, partition, root_file, stat, text, yaml};
use std::fs;
use std::path::Path;

const PASSWORD: &str = "correct-horse-battery";

const NODES: &str = "\
cluster: compass
image: demo
output: {format: img}
network: {prefix: 24, gateway: 192.168.50.1}
swap: off
boot: {page_size: 4k, config: [dtparam=audio=off]}
k3s:
  version: v1.36.4+k3s1
  manifests: [manifests, extra.json]
  labels: {room: attic}
  disable: [metrics-server]
  registries:
    mirrors: {docker.io: {endpoint: ['https://mirror.lan:5000']}}
    configs: {'mirror.lan:5000': {auth: {username: ann, password: correct-horse-battery}}}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server, memory: 1GiB}
  - {name: east, address: 192.168.50.12, k3s: {role: agent, taints: ['a=b:NoSchedule']}}
";

fn workshop() -> Workshop {
    let workshop = Workshop::with_example();
    fs::write(workshop.path("nodes.yaml"), NODES).unwrap();
    fs::write(
        workshop.path("extra.json"),
        r#"{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}"#,
    )
    .unwrap();
    workshop
}

#[test]
fn the_page_of_the_example_is_kubernetes_and_reachable_on_every_node() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/it-works.yaml");
    let Some(objects) = yaml(&fs::read_to_string(path).unwrap()) else { return };
    let kinds: Vec<&str> = objects.iter().map(|object| object["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Namespace", "ConfigMap", "Deployment", "Service", "Ingress"]);
    for object in &objects[1..] {
        assert_eq!(object["metadata"]["namespace"], "it-works");
    }
    let page = objects[1]["data"]["index.html"].as_str().unwrap();
    assert!(page.contains("<p>it works\n"), "{page}");
    // The links between them.
    let pod = &objects[2]["spec"]["template"];
    assert_eq!(objects[2]["spec"]["selector"]["matchLabels"], pod["metadata"]["labels"]);
    assert_eq!(objects[3]["spec"]["selector"], pod["metadata"]["labels"]);
    assert_eq!(pod["spec"]["volumes"][0]["configMap"]["name"], objects[1]["metadata"]["name"]);
    let backend = &objects[4]["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], objects[3]["metadata"]["name"]);
    assert_eq!(backend["port"]["name"], objects[3]["spec"]["ports"][0]["name"]);
    assert_eq!(
        objects[3]["spec"]["ports"][0]["targetPort"],
        pod["spec"]["containers"][0]["ports"][0]["name"]
    );
}

#[test]
fn manifests_are_on_the_first_server_and_never_from_1970() {
    let workshop = workshop();
    workshop.succeed(["build"]);
    let (north, east) = (workshop.path("images/north.img"), workshop.path("images/east.img"));
    for image in [&north, &east] {
        assert_oracles_accept(image);
    }
    workshop.succeed(["verify", "--every-file", "images/north.img"]);
    let folder = "/var/lib/rancher/k3s/server/manifests";
    for (name, original) in [("it-works.yaml", "manifests/it-works.yaml"), ("extra.json", "extra.json")] {
        let path = format!("{folder}/{name}");
        let Some(found) = root_file(&north, &path) else { return };
        assert_eq!(found, fs::read_to_string(workshop.path(original)).unwrap());
        let said = stat(&north, &path).unwrap();
        let time = said.lines().find(|line| line.trim_start().starts_with("mtime:")).unwrap();
        assert!(!time.contains("0x00000000:"), "{said}");
        assert!(said.contains("Mode:  0600"), "{said}");
        assert!(stat(&east, &path).unwrap().contains("File not found"));
    }
}

#[test]
fn settings_are_what_another_reader_of_yaml_reads() {
    let workshop = workshop();
    let built = workshop.run(["build"]);
    assert!(built.status.success(), "{}", text(&built.stderr));
    assert!(text(&built.stderr).contains("`north` has 1 GiB, but a k3s server asks for 2 GiB"));
    let read = |node: &str, path: &str| {
        let found = root_file(&workshop.path(&format!("images/{node}.img")), path)?;
        yaml(&found)?.pop()
    };
    let Some(north) = read("north", "/etc/rancher/k3s/config.yaml") else { return };
    let east = read("east", "/etc/rancher/k3s/config.yaml").unwrap();
    for config in [&north, &east] {
        assert_eq!(config["node-label"], serde_json::json!(["room=attic"]));
    }
    assert_eq!(north["disable"], serde_json::json!(["metrics-server"]));
    assert_eq!((north.get("node-taint"), east.get("disable")), (None, None));
    assert_eq!(east["node-taint"], serde_json::json!(["a=b:NoSchedule"]));
    for node in ["north", "east"] {
        let registries = read(node, "/etc/rancher/k3s/registries.yaml").unwrap();
        assert_eq!(registries["configs"]["mirror.lan:5000"]["auth"]["password"], PASSWORD);
        let image = workshop.path(&format!("images/{node}.img"));
        let said = stat(&image, "/etc/rancher/k3s/registries.yaml").unwrap();
        assert!(said.contains("Mode:  0600") && said.contains("User:     0"), "{said}");
        let config = boot_file(&image, "/config.txt").unwrap();
        assert!(config.contains("\n[pi5]\nkernel=kernel8.img\n[all]\ndtparam=audio=off\n"), "{config}");
        let swap = root_file(&image, "/etc/rpi/swap.conf.d/90-cardwright.conf").unwrap();
        assert!(swap.contains("[Main]\nMechanism=none\n"), "{swap}");
    }
}

#[test]
fn a_credential_of_a_registry_is_shown_nowhere_and_on_no_boot_partition() {
    let workshop = workshop();
    let mut shown = String::new();
    for arguments in [
        &["check"][..],
        &["check", "--json"],
        &["plan"],
        &["plan", "--json"],
        &["build"],
        &["verify", "images/north.img", "--json"],
    ] {
        let output = workshop.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        shown += &(text(&output.stdout) + &text(&output.stderr));
    }
    let mistaken = NODES.replace("mirrors:", "mirors:");
    fs::write(workshop.path("nodes.yaml"), mistaken).unwrap();
    let output = workshop.run(["check"]);
    assert_eq!(output.status.code(), Some(2));
    shown += &(text(&output.stdout) + &text(&output.stderr));
    assert!(!shown.contains(PASSWORD), "{shown}");
    for node in ["north", "east"] {
        let image = workshop.path(&format!("images/{node}.img"));
        let (start, length) = partition(&image, 1);
        let boot = fs::read(crate::support::cut(&image, start, length).path()).unwrap();
        assert!(memchr::memmem::find(&boot, PASSWORD.as_bytes()).is_none(), "{node}");
    }
}
