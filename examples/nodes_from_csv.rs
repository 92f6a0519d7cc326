//! Plans a hundred nodes that a CSV lists.

use cardwright::cluster::Cluster;
use cardwright::identity::ClusterSecret;
use cardwright::pipeline::{self, OpenedImage, Session, Silent};
use cardwright::stock_system::OpenOptions;
use std::fmt::Write as _;
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut csv = String::new();
    for number in 1..=100 {
        writeln!(csv, "node-{number},10.0.0.{number}")?;
    }

    let mut text =
        "cluster: fleet\nimage: demo\nnetwork: {prefix: 16, gateway: 10.0.255.1}\nnodes:\n".to_owned();
    for row in csv.lines() {
        let (name, address) = row.split_once(',').ok_or("a row is a name and an address")?;
        writeln!(text, "  - {{name: {name}, address: {address}}}")?;
    }
    // Everything in the file is checked here: names, addresses, what contradicts each other.
    let cluster = Cluster::parse(&text, Path::new("nodes.yaml"))?;

    let secret = ClusterSecret::from_hex(&"5a".repeat(32))?;
    let image = pipeline::open_image(&cluster.image, &std::env::temp_dir(), None, &Silent)?;
    let stock = OpenedImage::new(image, &cluster, OpenOptions::default())?;
    let session = Session::new(cluster, stock, secret, None);
    let plans = session.plan(&Silent)?;
    assert_eq!(plans.nodes().count(), 100);
    Ok(())
}
