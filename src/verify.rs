//! Reading a finished image back and holding the plan against it.

use crate::base::{Base, Disk};
use crate::cluster::Cluster;
use crate::disk::{ReadAt, StockImage};
use crate::emit;
use crate::identity::ClusterSecret;
use crate::patch::{self, Difference};
use crate::pipeline::{Error, named_node, plan_node};
use crate::raspios;
use std::path::Path;
use std::sync::Arc;

/// What reading an image back found.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Verified {
    /// The node whose plan it was held against.
    pub node: String,
    /// Where it differs; empty when it is what it should be.
    pub differences: Vec<Difference>,
}

/// Holds the image at `path` against the plan of a node: the one named, or the one the image says it was
/// made for.
///
/// # Errors
/// When one of the images cannot be read, or it is not known which node the image is for. What differs is
/// no error.
pub fn verify(
    cluster: &Cluster,
    base: &Base,
    secret: &ClusterSecret,
    path: &Path,
    node: Option<&str>,
    scratch: &Path,
) -> Result<Verified, Error> {
    let image = Arc::new(StockImage::open(path, None, scratch)?);
    let named = |source| Error::Base { image: path.display().to_string(), source };
    let disk = Disk::open(image).map_err(named)?;
    let card = match (raspios::customised_card(&disk.files), node) {
        (Ok(card), _) => card,
        // A record that is damaged is a difference like any other, where nothing hangs on it.
        (Err(_), Some(_)) => None,
        (Err(error), None) => return Err(error.into()),
    };
    let name = node.or(card.as_ref().map(|card| card.node.as_str()));
    let name = name.ok_or_else(|| Error::NotACard { image: path.to_owned() })?;
    let mut cluster = cluster.clone();
    if card.as_ref().is_some_and(|card| card.rejoins) {
        cluster.rejoin(name)?;
    }
    let node = named_node(&cluster, name)?;
    let plan = plan_node(base, &cluster, secret, node)?;
    let mut differences = outside_the_partitions(base, &disk, path)?;
    differences.extend(patch::check(&plan, &base.disk.files, &disk.files)?);
    Ok(Verified { node: node.name.to_string(), differences })
}

/// The partition table is nothing a plan names, so it has to be what the stock image has.
fn outside_the_partitions(base: &Base, disk: &Disk, path: &Path) -> Result<Vec<Difference>, Error> {
    let mut differences = Vec::new();
    let mut differs = |what: String| {
        let root = patch::ImagePath::root();
        differences.push(Difference { partition: patch::Partition::Boot, path: root, what });
    };
    if disk.bytes.size() != base.disk.bytes.size() {
        let (found, wanted) = (disk.bytes.size().0, base.disk.bytes.size().0);
        differs(format!("lies on a disk of {found} bytes, the stock image has {wanted}"));
    }
    if disk.table != base.disk.table {
        differs("lies on a disk with another partition table than the stock image".to_owned());
    }
    let first = base.disk.boot.start.0.min(base.disk.root.start.0);
    let length = usize::try_from(first.min(disk.bytes.size().0)).unwrap_or_default();
    let (mut found, mut wanted) = (vec![0; length], vec![0; length]);
    let read = |disk: &Disk, bytes: &mut [u8]| disk.bytes.read_at(crate::disk::ByteOffset(0), bytes);
    read(disk, &mut found).map_err(emit::EmitError::write("reading", path))?;
    read(&base.disk, &mut wanted).map_err(emit::EmitError::Base)?;
    if found != wanted {
        differs("comes after other bytes than in the stock image".to_owned());
    }
    Ok(differences)
}
