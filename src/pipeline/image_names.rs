//! The names of images.

use crate::cluster::Cluster;
use crate::formats::ImageFormat;

/// Returns the names of the images of all nodes, in every format.
pub(super) fn image_names(cluster: &Cluster) -> Vec<String> {
    let formats = ImageFormat::WRITTEN.into_iter();
    formats
        .flat_map(|format| cluster.nodes.iter().map(move |node| format!("{}.{format}", node.name)))
        .collect()
}
