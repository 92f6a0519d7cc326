//! What is made of the tables of the keys of nodes.yaml, held against the files that are committed.

use cardwright::cluster;
use std::path::Path;

use crate::support::Workshop;

/// Compares a committed file with what the library makes, or writes it where `UPDATE_DOCS` is set.
fn assert_file(name: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        return std::fs::write(path, made).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let differing = committed.lines().zip(made.lines()).find(|(committed, made)| committed != made);
    assert!(
        committed == made,
        "{name} is not what the tables in src/cluster/fields say: {differing:?}\n\
         Run `UPDATE_DOCS=1 cargo test --locked --test it reference::`, look at the change, and commit it"
    );
}

#[test]
fn the_schema_is_that_of_the_tables() {
    let schema = format!("{:#}\n", cluster::json_schema());
    assert_file("nodes.schema.json", &schema);
    assert_eq!(Workshop::with_nodes("").succeed(["schema"]), schema);
}

#[test]
fn the_whole_file_on_the_page_is_one() {
    let page = cluster::reference();
    let text = page.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ann";
    std::fs::write(folder.path().join("wifi.txt"), "password").unwrap();
    let text = text.replace("~/.ssh/id_ed25519.pub", key);
    let cluster = cluster::Cluster::parse(&text, &folder.path().join("nodes.yaml"));
    let cluster = cluster.unwrap_or_else(|invalid| panic!("{:?}", invalid.problems));
    let networks: Vec<_> = cluster.nodes.iter().map(|node| node.network.to_string()).collect();
    assert_eq!(
        networks,
        [
            "192.168.50.11/24 on eth0",
            "192.168.50.12/24 on eth0",
            "192.168.50.13 by DHCP on wlan0",
            "192.168.50.14 by DHCP on eth0"
        ]
    );
}

#[test]
fn the_page_is_that_of_the_tables() {
    assert_file("docs/nodes-yaml.md", &cluster::reference());
}

#[test]
fn the_example_with_every_key_is_that_of_the_tables() {
    assert_file("docs/nodes.example.yaml", &cluster::example());
}
