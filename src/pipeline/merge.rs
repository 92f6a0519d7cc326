//! The shards of a build, merged into what a whole build writes, byte for byte.

use super::build::{Sidecars, prepare_folder, publish};
use super::outputs::{self, check_outputs, is_same_file};
use super::page::page_of;
use super::{Error, Progress, named_node};
use crate::access::{AccessFiles, WrittenAccessFiles};
use crate::cluster::Cluster;
use crate::identity::ClusterSecret;
use crate::io::{AtomicFile, DiskFile, ReadAt as _, parallel};
use crate::output::sidecar::{self, Place, ShardDifference, ShardRecord, bmap};
use crate::output::{self, OutputError};
use crate::types::{ByteCount, Digest, Sha256, Stage, errors};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

errors! {
    /// An error of merging shards.
    #[derive(Debug, thiserror::Error)]
    pub enum MergeError {
        /// A folder is none that a build with checksums wrote.
        #[error("{} is no shard of the cluster `{cluster}`: it has no build.json that is whole", folder.display())]
        NoShard { folder: PathBuf, cluster: String }
            => "Name the folders that `cardwright build --shard` wrote, without `--no-checksums`",
        /// A shard would be written over.
        #[error("{} is a shard, and the folder for the results", folder.display())]
        InPlace { folder: PathBuf } => "Choose another folder for the results with `--output`",
        /// A shard was built from another nodes.yaml than the one that is there.
        #[error("{} was built from another nodes.yaml than {}", folder.display(), nodes_yaml.display())]
        NodesYaml { folder: PathBuf, nodes_yaml: PathBuf }
            => "Build all shards from this nodes.yaml, or name theirs with `--file`",
        /// A shard was built by another program than this one.
        #[error("{} was built by cardwright {version}, and this is {}", folder.display(), env!("CARGO_PKG_VERSION"))]
        Program { folder: PathBuf, version: String }
            => format!("Merge with cardwright {version}, or build all shards with this one"),
        /// Two shards are not of the same build.
        #[error("{} was built with another {what} than {}", folder.display(), first.display())]
        Different { folder: PathBuf, what: &'static str, first: PathBuf }
            => "Build all shards with the same program, nodes.yaml, cluster secret, stock image and arguments",
        /// The shards were built with another secret than the one at hand.
        #[error("{} was built with the secret {shard}, and the one at hand is {present}", folder.display())]
        Secret { folder: PathBuf, shard: String, present: String }
            => "Put the secret back that the shards were built with, or build them again",
        /// Two shards have the same node.
        #[error("the node `{node}` is in {} and in {}", first.display(), second.display())]
        Twice { node: String, first: PathBuf, second: PathBuf } => "Name one of the two",
        /// Nodes are in none of the shards.
        #[error("{} of the cluster {} in none of the shards: {}", count(nodes.len()), if nodes.len() == 1 { "is" } else { "are" }, nodes.join(", "))]
        Missing { nodes: Vec<String> } => "Name the folders of all shards, and build those that failed again",
        /// An image is not the one that its shard speaks of.
        #[error("{} is not the image that build.json beside it speaks of", image.display())]
        Damaged { image: PathBuf } => "Copy the shard again, or build it again",
    }
}

fn count(nodes: usize) -> String {
    format!("{nodes} node{}", if nodes == 1 { "" } else { "s" })
}

/// The results of a merge.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Merged {
    /// The paths of the images, in the order of nodes.yaml.
    pub images: Vec<PathBuf>,
    /// The paths of the sidecar files that there are: `checksums`, `provenance`, `manifest` and `page`.
    #[serde(flatten)]
    pub sidecars: Sidecars,
    /// The files that the owner gets in with.
    #[serde(flatten)]
    pub access: WrittenAccessFiles,
}

/// Merges the folders of all [shards](super::Shard) of a build: copies the images, comparing each with its SHA-256, and
/// writes the files beside them, so that the folder of the results of `cluster` has what a whole build writes. The
/// folders stay as they are.
///
/// `secret` is that of the cluster, where it is at hand: by it the keys of an earlier build are known, which are replaced.
///
/// # Errors
/// When the shards are not those of one build of this cluster by this program, or not all; when an image is damaged,
/// or the results cannot be written.
pub fn merge(
    mut cluster: Cluster,
    secret: Option<&ClusterSecret>,
    folders: &[PathBuf],
    cache: Option<&Path>,
    threads: usize,
    progress: &dyn Progress,
) -> Result<Merged, Error> {
    let shards = read(&cluster, folders)?;
    let access = compare(&cluster, &shards)?;
    check_fingerprint(secret, &access, folders)?;
    let places = places(&cluster, &shards)?;
    if let Some(first) = shards.first() {
        cluster.output.format = first.format;
    }
    check_outputs(&cluster, secret, None, cache)?;
    prepare_folder(&cluster, progress)?;
    let (folder, image_names) = (&cluster.output.folder, outputs::image_names(&cluster));
    let joined = sidecar::join(&shards, &places, folder, &image_names, page_of(&cluster, &access))?;
    let copies: Vec<Copy> = joined
        .images
        .iter()
        .map(|(from, name, sha256)| Copy { from: from.join(name), to: folder.join(name), sha256: *sha256 })
        .collect();
    let total = copies.iter().filter_map(|copy| Some(fs::metadata(&copy.from).ok()?.len())).sum();
    let report = |more| progress.working(Stage::Writing, more, ByteCount::new(total));
    let files = parallel::map(threads, copies.iter(), |copy| copy.copy(&report))?;
    let paths: Vec<PathBuf> = copies.into_iter().map(|copy| copy.to).collect();
    let name_all = || {
        // Before a new image has its name: a bmap is never beside an image that it is not of.
        paths.iter().try_for_each(|path| output::remove(&bmap::path_beside(path)))?;
        Ok(AtomicFile::publish_all(files.into_iter().flatten().collect())?)
    };
    let write_sidecars = |(): &()| sidecar::write_joined(&joined, cluster.name.as_str());
    let ((), sidecars, access) = publish(&cluster, &paths, name_all, &access, write_sidecars)?;
    Ok(Merged { images: paths, sidecars, access })
}

/// Reads what the shards say of themselves.
fn read(cluster: &Cluster, folders: &[PathBuf]) -> Result<Vec<ShardRecord>, MergeError> {
    let name = cluster.name.as_str();
    let read = |folder: &PathBuf| {
        let no_shard = || MergeError::NoShard { folder: folder.clone(), cluster: name.to_owned() };
        let shard = ShardRecord::read(folder, name).ok_or_else(no_shard)?;
        let folder = folder.clone();
        if is_same_file(&folder, &cluster.output.folder) {
            return Err(MergeError::InPlace { folder });
        }
        // What a shard of another version says may be said in another way.
        if shard.version != env!("CARGO_PKG_VERSION") {
            return Err(MergeError::Program { folder, version: shard.version });
        }
        if shard.nodes_yaml != cluster.source_digest {
            return Err(MergeError::NodesYaml { folder, nodes_yaml: cluster.source.clone() });
        }
        Ok(shard)
    };
    folders.iter().map(read).collect()
}

/// Compares how the shards were built; returns the access files, which all of them have.
fn compare(cluster: &Cluster, shards: &[ShardRecord]) -> Result<AccessFiles, Error> {
    let [first, others @ ..] = shards else {
        return Err(MergeError::Missing { nodes: names(cluster) }.into());
    };
    let access = AccessFiles::of_shard(cluster, &first.folder)?;
    let mut what = sidecar::difference(shards);
    for shard in others {
        if what.is_none() && !AccessFiles::of_shard(cluster, &shard.folder)?.are_same(&access) {
            what = Some(ShardDifference { shard, what: "cluster secret" });
        }
    }
    match what {
        Some(ShardDifference { shard, what }) => {
            let (folder, first) = (shard.folder.clone(), first.folder.clone());
            Err(MergeError::Different { folder, what, first }.into())
        }
        None => Ok(access),
    }
}

/// Checks that shards were built with the secret at hand, where there is one: by that, what is in the place of their access files is
/// known to be the cluster's.
fn check_fingerprint(
    secret: Option<&ClusterSecret>,
    access: &AccessFiles,
    folders: &[PathBuf],
) -> Result<(), MergeError> {
    let (Some(secret), Some(folder)) = (secret, folders.first()) else { return Ok(()) };
    let (shard, present) = (&access.fingerprint, secret.fingerprint());
    if *shard == present {
        return Ok(());
    }
    let (shard, present) = (shard.short().to_owned(), present.short().to_owned());
    Err(MergeError::Secret { folder: folder.clone(), shard, present })
}

fn names(cluster: &Cluster) -> Vec<String> {
    cluster.nodes.iter().map(|node| node.name.to_string()).collect()
}

/// Returns in which shard each node is, in the order of nodes.yaml.
fn places(cluster: &Cluster, shards: &[ShardRecord]) -> Result<Vec<Place>, Error> {
    let mut found: BTreeMap<&str, (Place, &Path)> = BTreeMap::new();
    for (shard, record) in shards.iter().enumerate() {
        for (index, node) in record.nodes.iter().enumerate() {
            named_node(cluster, node)?;
            if let Some((_, first)) = found.insert(node, (Place { shard, index }, &record.folder)) {
                let (first, second) = (first.to_owned(), record.folder.clone());
                return Err(MergeError::Twice { node: node.clone(), first, second }.into());
            }
        }
    }
    let (mut places, mut nodes) = (Vec::new(), Vec::new());
    for node in names(cluster) {
        match found.get(&*node) {
            Some((place, _)) => places.push(*place),
            None => nodes.push(node),
        }
    }
    if nodes.is_empty() { Ok(places) } else { Err(MergeError::Missing { nodes }.into()) }
}

/// An image of a shard that is to be copied.
struct Copy {
    from: PathBuf,
    to: PathBuf,
    sha256: Digest,
}

impl Copy {
    /// Copies the image, and its bmap where there is one. Both have no names yet.
    fn copy(&self, progress: &dyn Fn(ByteCount)) -> Result<Vec<AtomicFile>, Error> {
        let failed = || OutputError::write("copying", &self.from);
        let from = DiskFile::new(File::open(&self.from).map_err(failed())?).map_err(failed())?;
        // Images hold the node's tokens and password in clear.
        let mut image = AtomicFile::create(&self.to, true).map_err(OutputError::from)?;
        // Where the filesystem shares blocks, they need only be read.
        let to = match image.share(from.file()) {
            Ok(()) => None,
            Err(error) => {
                tracing::debug!(image = %self.to.display(), "sharing no blocks with the shard: {error}");
                let file = image.file().try_clone().and_then(|file| DiskFile::with_size(file, from.size()));
                Some(file.map_err(OutputError::write("creating", &self.to))?)
            }
        };
        let (mut piece, mut sha256) = (vec![0; 1 << 20], Sha256::new());
        for (offset, length) in from.size().chunks(piece.len()) {
            let (bytes, _) = piece.split_at_mut(length);
            from.read_at(offset, bytes).map_err(failed())?;
            sha256.update(&*bytes);
            if let Some(to) = &to {
                to.write_without_holes(offset, bytes).map_err(OutputError::write("writing", &self.to))?;
            }
            progress(ByteCount::of(bytes));
        }
        if sha256.finalize() != self.sha256 {
            return Err(MergeError::Damaged { image: self.from.clone() }.into());
        }
        let mut files = vec![image];
        let bmap = bmap::path_beside(&self.from);
        if bmap.is_file() {
            let text = fs::read(&bmap).map_err(OutputError::write("copying", &bmap))?;
            let (path, mut text) = (bmap::path_beside(&self.to), &*text);
            let file = AtomicFile::create(&path, false).map_err(OutputError::from)?;
            io::copy(&mut text, &mut file.file()).map_err(OutputError::write("writing", &path))?;
            files.push(file);
        }
        Ok(files)
    }
}
