//! The library's sessions, as a caller with a program of its own uses them.

use crate::support::{SECRET, root_file};
use cardwright::cluster::Cluster;
use cardwright::identity::ClusterSecret;
use cardwright::patch::Partition;
use cardwright::pipeline::{self, BuildOptions, OpenedImage, Session, Silent};
use cardwright::stock_system::OpenOptions;
use cardwright::types::{Mode, Owner, image_path};
use std::path::Path;

const NODES_YAML: &str = "
cluster: compass
image: demo
output: {format: img}
network: {prefix: 24, gateway: 192.168.50.1}
nodes:
  - {name: north, address: 192.168.50.11}
  - {name: south, address: 192.168.50.13}
";

fn session(folder: &Path) -> Session {
    let cluster = Cluster::parse(NODES_YAML, &folder.join("nodes.yaml")).unwrap();
    let image = pipeline::open_image(&cluster.image, folder, None, &Silent).unwrap();
    let stock = OpenedImage::new(image, &cluster, OpenOptions::default()).unwrap();
    Session::new(cluster, stock, ClusterSecret::from_hex(SECRET).unwrap(), None)
}

#[test]
fn an_own_step_is_built_and_verified_like_the_rest_of_the_plan() {
    let folder = tempfile::tempdir().unwrap();
    let with_step = session(folder.path()).with_step(|node, draft| {
        let rack = format!("rack 4, {}\n", node.name);
        draft.file(Partition::Root, &image_path!("/etc/rack"), rack, Mode::FILE, Owner::ROOT)
    });
    let plans = with_step.plan(&Silent).unwrap();
    let built = with_step.build(&plans, &BuildOptions::default(), &Silent).unwrap();
    let without_step = session(folder.path());
    for (image, node) in built.images.iter().zip(["north", "south"]) {
        if let Some(rack) = root_file(&image.path, "/etc/rack") {
            assert_eq!(rack, format!("rack 4, {node}\n"));
        }
        let differences = |session: &Session| {
            let verified = session.verify(&image.path, None, 1, &Silent).unwrap();
            assert_eq!(verified.node, node);
            verified.differences.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(differences(&with_step), [""; 0]);
        assert_eq!(
            differences(&without_step),
            ["root: /etc/rack is there, but neither the stock image nor the plan has it"]
        );
    }
}
