//! Adds a step of one's own to the plan of every node: a file that names the node, and a line in a file that is there.

use cardwright::cluster::Cluster;
use cardwright::identity::ClusterSecret;
use cardwright::patch::Partition;
use cardwright::pipeline::{self, OpenedImage, Session, Silent};
use cardwright::stock_system::OpenOptions;
use cardwright::types::{Mode, Owner, image_path};
use std::path::Path;

const NODES_YAML: &str = "
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
nodes:
  - {name: north, address: 192.168.50.11}
  - {name: south, address: 192.168.50.13}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::parse(NODES_YAML, Path::new("nodes.yaml"))?;
    let secret = ClusterSecret::from_hex(&"5a".repeat(32))?;
    let image = pipeline::open_image(&cluster.image, &std::env::temp_dir(), None, &Silent)?;
    let stock = OpenedImage::new(image, &cluster, OpenOptions::default())?;

    // `plan`, `build` and `verify` of the session know the step.
    let session = Session::new(cluster, stock, secret, None).with_step(|node, draft| {
        let rack = format!("rack 4, {}\n", node.name);
        draft.file(Partition::Root, &image_path!("/etc/rack"), rack, Mode::FILE, Owner::ROOT)?;
        draft.edit_text(Partition::Boot, &image_path!("/config.txt"), |text| {
            format!("{text}dtparam=audio=off\n")
        })
    });
    let plans = session.plan(&Silent)?;
    for planned in plans.nodes() {
        let (node, patch) = planned?;
        let is_planned = |path: &str| patch.edits.iter().any(|edit| edit.path.as_str() == path);
        assert!(is_planned("/etc/rack") && is_planned("/config.txt"), "{}", node.name);
    }
    Ok(())
}
