//! Builds the images of a cluster of two from the demo image, with a file of our own on one of them.

use cardwright::cluster::{Cluster, ExtraFile};
use cardwright::identity::ClusterSecret;
use cardwright::pipeline::{self, BuildOptions, OpenedImage, Session, Silent};
use cardwright::stock_system::OpenOptions;

const NODES_YAML: &str = "
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
nodes:
  - {name: north, address: 192.168.50.11}
  - {name: south, address: 192.168.50.13}
";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The images go into `images` beside the nodes.yaml, which need not exist.
    let folder = std::env::temp_dir().join(format!("cardwright-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let mut cluster = Cluster::parse(NODES_YAML, &folder.join("nodes.yaml"))?;
    for node in cluster.nodes.iter_mut().filter(|node| node.name.as_str() == "south") {
        node.files.push(ExtraFile::text("/etc/motd", "Hello from the south.\n")?);
    }

    // Every key is derived from it. A real one is made by `ClusterSecret::open` and kept.
    let secret = ClusterSecret::from_hex(&"5a".repeat(32))?;
    let image = pipeline::open_image(&cluster.image, &folder, None, &Silent)?;
    let stock = OpenedImage::new(image, &cluster, OpenOptions::default())?;
    let session = Session::new(cluster, stock, secret, None);
    let built = session.build(&session.plan(&Silent)?, &BuildOptions::default(), &Silent)?;

    assert_eq!(built.images.len(), 2);
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}
