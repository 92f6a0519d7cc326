//! Writes the image of one node to a writer: here a gzip encoder, which might as well be a socket or a block device.

use cardwright::cluster::Cluster;
use cardwright::identity::ClusterSecret;
use cardwright::pipeline::{self, OpenedImage, Session, Silent};
use cardwright::stock_image::StockImage;
use cardwright::stock_system::OpenOptions;
use flate2::{Compression, write::GzEncoder};
use std::path::Path;

const NODES_YAML: &str = "
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
nodes: [{name: north, address: 192.168.50.11}]
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cluster = Cluster::parse(NODES_YAML, Path::new("nodes.yaml"))?;
    let secret = ClusterSecret::from_hex(&"5a".repeat(32))?;

    // A stock image may come from memory, or anything else that is read at offsets.
    let disk = pipeline::open_image(&cluster.image, &std::env::temp_dir(), None, &Silent)?;
    let image = StockImage::from_read_at(disk, "a disk in memory", &std::env::temp_dir())?;
    let stock = OpenedImage::new(image, &cluster, OpenOptions::default())?;
    let session = Session::new(cluster, stock, secret, None);

    let node = pipeline::named_node(session.cluster(), "north")?;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    session.write_image(&session.plan(&Silent)?, node, &mut encoder, &Silent)?;
    assert!(!encoder.finish()?.is_empty());
    Ok(())
}
