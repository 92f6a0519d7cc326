//! The files that a build writes, compared with what is there before anything is written.
//!
//! A build replaces its own results and nothing else. At every path that it would write or
//! remove, these are looked for:
//!
//! - an *input* of the same build, by path and by file identity, so that neither a link nor another spelling
//!   of the path hides one;
//! - a file that this program did not write. Text files have a first line or a shape of their own, images a
//!   record inside ([`CardRecord`](crate::raspios::CardRecord)), and all of them are known in the results of the version
//!   before, too;
//! - an image that somebody changed since. The lists of this program name its SHA-256; reading it whole is
//!   avoided where the time of its last change tells that it is as the build left it. Without a list, only
//!   that time is left, compared with the access files that every build writes right after the images;
//! - a key or kubeconfig of another cluster secret ([`check_secret`]): cards may be running that nothing else opens.

pub(super) use super::image_names::image_names;
use super::own_secret::{check_secret, read_text};
use super::{Error, secret_path};
use crate::access::{AccessFile, Author};
use crate::cluster::{Cluster, ImageSource, Node};
use crate::fetch::FileLocation;
use crate::formats::ImageFormat;
use crate::identity::ClusterSecret;
use crate::output::sidecar::{self, Sidecar, bmap, build_json, sha256sums};
use crate::raspios;
use crate::stock_image::StockImage;
use crate::stock_system::Disk;
use crate::types::escape::escaped;
use crate::types::{Digest, Hint};
use std::cmp::Ordering;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Files that a build would write over, though they are not its own results.
#[derive(Debug, thiserror::Error)]
pub struct OccupiedOutputs {
    /// The folder for the results.
    pub folder: PathBuf,
    /// The files, and what each is; at least one.
    pub files: Vec<(PathBuf, Occupant)>,
}

/// A file or folder in the place of a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Occupant {
    /// A file that the build reads: what it is to the build, and under which path.
    #[error("is {role} `{path}`", role = .0, path = .1.display())]
    Input(&'static str, PathBuf),
    /// A file that this program did not write, or that was changed since.
    #[error("was not written by cardwright, or was changed since")]
    Stranger,
    /// An image that this program made, with which a machine was started since.
    #[error("is a copy of a card that was in use")]
    UsedCard,
    /// An image that this program made, and somebody changed since.
    #[error("was changed since cardwright wrote it")]
    Changed,
    /// An image that this program made, of which a part is missing or damaged.
    #[error("is an image of cardwright's that was cut short or is damaged")]
    Incomplete,
    /// A file that may not be read.
    #[error("may not be read, so nobody knows whose it is")]
    Unreadable,
    /// A folder or a device.
    #[error("is no regular file")]
    NoFile,
    /// A file or a device in the place of the folder.
    #[error("is a file where a folder is needed")]
    NoFolder,
}

impl OccupiedOutputs {
    /// The beginning of what is said of it.
    pub const SUMMARY: &str = "the build would write over what is not its own";

    /// Returns what is said of each of the files. Paths are as they are.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.files.iter().map(|(path, occupant)| format!("{} {occupant}", path.display()))
    }
}

impl fmt::Display for OccupiedOutputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The line ends between them are not those of a path.
        write!(formatter, "{}:", Self::SUMMARY)?;
        self.lines().try_for_each(|line| write!(formatter, "\n  {}", escaped(&line)))
    }
}

impl Hint for OccupiedOutputs {
    fn hint(&self) -> Option<String> {
        use Occupant::{Changed, Incomplete, NoFolder};
        let has = |wanted: &[Occupant]| self.files.iter().any(|(_, occupant)| wanted.contains(occupant));
        let what = if self.files.len() == 1 { "that file" } else { "those files" };
        let (folder, elsewhere) =
            (self.folder.display(), "another folder with `--output` (or `dir:` under `output:`)");
        if has(&[NoFolder]) {
            return Some(format!("Choose {elsewhere}, or move {what} away"));
        }
        let are_needless = self.files.iter().all(|(_, occupant)| [Incomplete, Changed].contains(occupant));
        let delete = if are_needless { ", or delete what nobody needs" } else { "" };
        Some(format!("Choose {elsewhere}, or move {what} out of {folder}{delete}"))
    }
}

/// A file that a build writes or removes.
struct ResultFile {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Image(ImageFormat),
    Bmap,
    Sidecar(&'static dyn Sidecar),
    Access(AccessFile),
}

/// Checks that a build would replace nothing but its own results. Nothing is written or made.
/// `secret` is that of the cluster, where there is one yet: a login key may be known by it alone. `only` names the nodes
/// whose images are wanted, all where it is absent. Old images that are compressed are decompressed in `cache`.
///
/// # Errors
/// Every file that would be lost, at once; those that were made with another secret alone.
pub fn check_outputs(
    cluster: &Cluster,
    secret: Option<&ClusterSecret>,
    only: Option<&[String]>,
    cache: Option<&Path>,
) -> Result<(), Error> {
    check_strangers(cluster, secret, only, cache)?;
    check_secret(cluster, &cluster.output.folder, secret)
}

/// Does as [`check_outputs`], and takes what was made with another secret for the build's own: for
/// [`begin_new_cluster`](super::begin_new_cluster), which moves that aside.
///
/// # Errors
/// Every file that would be lost, at once.
pub fn check_strangers(
    cluster: &Cluster,
    secret: Option<&ClusterSecret>,
    only: Option<&[String]>,
    cache: Option<&Path>,
) -> Result<(), Error> {
    check(cluster, secret, cache, outputs(cluster, only))
}

/// Checks that access files would replace nothing but those of the same cluster.
pub(super) fn check_access_files(cluster: &Cluster, secret: &ClusterSecret) -> Result<(), Error> {
    check(cluster, Some(secret), None, access_files(cluster).collect())?;
    check_secret(cluster, &cluster.output.folder, Some(secret))
}

fn check(
    cluster: &Cluster,
    secret: Option<&ClusterSecret>,
    cache: Option<&Path>,
    outputs: Vec<ResultFile>,
) -> Result<(), Error> {
    let folder = &cluster.output.folder;
    if let Some(file) = file_in_place_of(folder) {
        let files = vec![(file, Occupant::NoFolder)];
        return Err(OccupiedOutputs { folder: folder.clone(), files }.into());
    }
    let inputs = inputs_of(cluster);
    let statement = folder.join(build_json::NAME);
    let known = Known {
        cluster,
        secret,
        // One that is not ours is found as an output itself.
        images: read_text(&statement).and_then(|text| build_json::images_of(&text)),
        statement: fs::metadata(&statement).ok(),
        sums: read_text(&folder.join(sha256sums::NAME)),
        access_files: AccessFile::ALWAYS.map(|file| fs::metadata(folder.join(file.name())).ok()),
        names: image_names(cluster),
        scratch: cache.filter(|folder| folder.is_dir()).map_or_else(std::env::temp_dir, Path::to_owned),
    };
    let occupied = |output: ResultFile| {
        let input = inputs.iter().find(|(_, input)| is_same_file(input, &output.path));
        let input = input.map(|(role, input)| Occupant::Input(role, input.clone()));
        let occupant = input.or_else(|| known.occupant(&output))?;
        Some((output.path, occupant))
    };
    let files: Vec<_> = outputs.into_iter().filter_map(occupied).collect();
    if files.is_empty() {
        return Ok(());
    }
    Err(OccupiedOutputs { folder: folder.clone(), files }.into())
}

/// Returns what is no folder, in the place of a folder that is to be used or made, or of one above it.
fn file_in_place_of(folder: &Path) -> Option<PathBuf> {
    let mut there = folder.ancestors().filter_map(|path| Some((path, fs::metadata(path).ok()?)));
    there.next().filter(|(_, metadata)| !metadata.is_dir()).map(|(path, _)| path.to_owned())
}

/// Returns all that a build writes or removes.
fn outputs(cluster: &Cluster, only: Option<&[String]>) -> Vec<ResultFile> {
    let output = |name: &str, kind| ResultFile { path: cluster.output.folder.join(name), kind };
    let is_wanted = |node: &str| only.is_none_or(|only| only.iter().any(|name| name == node));
    let mut outputs = Vec::new();
    for node in cluster.nodes.iter().filter(|node| is_wanted(node.name.as_str())) {
        let image = output(&file_name(cluster, node), Kind::Image(cluster.output.format));
        outputs.push(ResultFile { path: bmap::path_beside(&image.path), kind: Kind::Bmap });
        outputs.push(image);
    }
    let name = |sidecar: &dyn Sidecar| sidecar.file_name(cluster.name.as_str());
    outputs.extend(sidecar::ALL.map(|sidecar| output(&name(sidecar), Kind::Sidecar(sidecar))));
    outputs.extend(access_files(cluster));
    outputs
}

fn access_files(cluster: &Cluster) -> impl Iterator<Item = ResultFile> {
    AccessFile::of(cluster)
        .into_iter()
        .map(|file| ResultFile { path: cluster.output.folder.join(file.name()), kind: Kind::Access(file) })
}

/// Returns the path of the image of a node.
pub fn image_path(cluster: &Cluster, node: &Node) -> PathBuf {
    cluster.output.folder.join(file_name(cluster, node))
}

/// Returns the name of the image of a node.
pub(super) fn file_name(cluster: &Cluster, node: &Node) -> String {
    format!("{}.{}", node.name, cluster.output.format)
}

/// Returns what any build of a cluster may write, in any format: of all of it a killed run may have left a
/// part.
pub(super) fn all_names(cluster: &Cluster) -> Vec<String> {
    let mut names = image_names(cluster);
    names.extend(cluster.nodes.iter().map(|node| format!("{}.img.bmap", node.name)));
    names.extend(sidecar::ALL.map(|sidecar| sidecar.file_name(cluster.name.as_str())));
    names.extend(AccessFile::of(cluster).into_iter().map(|file| file.name().to_owned()));
    names
}

/// Returns the files that a build reads, and what each is to it.
fn inputs_of(cluster: &Cluster) -> Vec<(&'static str, PathBuf)> {
    let mut inputs =
        vec![("the nodes.yaml", cluster.source.clone()), ("the cluster's secret", secret_path(cluster))];
    // Not only the one that nodes.yaml names: the command line may name another.
    if let ImageSource::File(FileLocation::Path { path, .. }) = &cluster.image {
        inputs.push(("the stock image", path.clone()));
    }
    inputs.extend(cluster.named_paths.iter().map(|path| ("a file that nodes.yaml names,", path.clone())));
    inputs
}

/// Returns whether two paths lead to the same file, be it through links, or would if there were one.
pub(super) fn is_same_file(one: &Path, other: &Path) -> bool {
    match (identity(one), identity(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => spelled_out(one) == spelled_out(other),
        _ => false,
    }
}

/// Returns the device and number that a file has under any name: hard links have them in common.
#[cfg(unix)]
fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

/// Windows tells no more without `unsafe` than the path behind all links, spelled as it is on the disk.
#[cfg(not(unix))]
fn identity(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// A path to a file that is not there, with the links in its folder followed.
fn spelled_out(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = fs::canonicalize(folder).or_else(|_| std::path::absolute(folder));
    match (folder, path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

/// The marks by which results of earlier builds are recognised.
struct Known<'build> {
    cluster: &'build Cluster,
    secret: Option<&'build ClusterSecret>,
    /// The images that build.json speaks of, where it is ours.
    images: Option<Vec<(String, Option<Digest>)>>,
    statement: Option<Metadata>,
    /// SHA256SUMS.
    sums: Option<Zeroizing<String>>,
    /// The access files that every build writes after the images.
    access_files: [Option<Metadata>; 2],
    /// The names that images of this cluster have.
    names: Vec<String>,
    scratch: PathBuf,
}

impl Known<'_> {
    /// Returns what is in the place of an output, where that is not ours.
    fn occupant(&self, ResultFile { path, kind }: &ResultFile) -> Option<Occupant> {
        // A link that leads nowhere holds nothing that could be lost, and is replaced as a name.
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => return Some(Occupant::Unreadable),
        };
        if !metadata.is_file() {
            return Some(Occupant::NoFile);
        }
        if metadata.len() == 0 {
            return None;
        }
        // Also where it could be replaced, because its folder is ours.
        if File::open(path).is_err() {
            return Some(Occupant::Unreadable);
        }
        let text = || read_text(path);
        let is_ours = match kind {
            Kind::Image(format) => return self.image_occupant(path, *format, &metadata),
            Kind::Access(file) => {
                return match text().map(|text| file.author(&text, self.cluster, self.secret)) {
                    Some(Author::Us | Author::OtherSecret) => None,
                    Some(Author::Stranger) | None => Some(Occupant::Stranger),
                };
            }
            Kind::Bmap => text().is_some_and(|text| bmap::is_bmap(&text)),
            // A SHA256SUMS beside a build.json of ours is ours, whatever images it names.
            Kind::Sidecar(sidecar) => text().is_some_and(|text| {
                sidecar.is_ours(&text, &self.names)
                    || sidecar.file_name("") == sha256sums::NAME && self.images.is_some()
            }),
        };
        (!is_ours).then_some(Occupant::Stranger)
    }

    /// As [`occupant`](Self::occupant), of an image: from the quickest way to tell to the slowest.
    fn image_occupant(&self, path: &Path, format: ImageFormat, metadata: &Metadata) -> Option<Occupant> {
        let is_as_written = self.is_as_written(path, metadata);
        tracing::debug!(path = %path.display(), ?is_as_written, "compared an image that is there with the lists");
        let is_changed = match is_as_written {
            Some(true) => return None,
            Some(false) => true,
            None => false,
        };
        // Zstandard and gzip can only be decompressed from their beginning. But what nodes differ in is stored in
        // them as it is, and the record is among it.
        let holds_record = || holds(path, raspios::IN_EVERY_RECORD).unwrap_or(false);
        let unused = is_changed.then_some(Occupant::Changed);
        if matches!(format, ImageFormat::Zstd | ImageFormat::Gzip) && holds_record() {
            return unused;
        }
        let open = || Disk::open(Arc::new(StockImage::open(path, None, &self.scratch).ok()?)).ok();
        let Some(disk) = open() else {
            return Some(if holds_record() { Occupant::Incomplete } else { Occupant::Stranger });
        };
        let Ok(Some(_)) = raspios::read_card_record(&disk.files) else { return Some(Occupant::Stranger) };
        let release = raspios::detect(&disk.files).ok();
        let used = release.and_then(|release| raspios::booted_before(&disk.files, &release).ok()?);
        if used.is_some() { Some(Occupant::UsedCard) } else { unused }
    }

    /// Returns whether an image is as a build left it; `None` where nothing tells.
    fn is_as_written(&self, path: &Path, metadata: &Metadata) -> Option<bool> {
        let name = path.file_name()?.to_str()?;
        let listed = self.images.iter().flatten().find(|(listed, _)| listed == name);
        let change =
            |other: &Option<Metadata>| other.as_ref().and_then(|other| change_beside(metadata, other));
        // Within one tick of the filesystem's clock it may have been changed behind the statement: the digests tell.
        if listed.is_some() && change(&self.statement) == Some(Ordering::Less) {
            return Some(true);
        }
        let listed = listed.and_then(|(_, digest)| *digest);
        let sums = self.sums.as_deref().map_or("", |sums| sums);
        let mut digests = listed.into_iter().chain(sha256sums::digests_of(sums, name)).peekable();
        if digests.peek().is_some() {
            // One that cannot be read to its end is not what was written.
            let found = File::open(path).and_then(|mut file| Digest::of_reader(&mut file)).ok();
            return Some(digests.all(|digest| Some(digest) == found));
        }
        // Both before they are compared: a build that was killed between its images and its access files left the
        // old known_hosts, which is older than the images, and no ssh_config.
        let [known_hosts, ssh_config] = self.access_files.each_ref().map(change);
        let (known_hosts, ssh_config) = known_hosts.zip(ssh_config)?;
        Some(known_hosts.is_le() && ssh_config.is_le())
    }
}

/// Compares the time at which a file was last changed with that at which another was written. The content of the
/// first may be older than it says: `cp -p` and `mv` keep that time. But they cannot set the time of the change of
/// the inode (inode(7)). `None` where the filesystem does not tell.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems may not tell")]
fn change_beside(file: &Metadata, other: &Metadata) -> Option<Ordering> {
    use std::os::unix::fs::MetadataExt as _;
    Some((file.ctime(), file.ctime_nsec()).cmp(&(other.mtime(), other.mtime_nsec())))
}

/// There is no such time here; a copy keeps that of the content.
#[cfg(not(unix))]
fn change_beside(file: &Metadata, other: &Metadata) -> Option<Ordering> {
    Some(file.modified().ok()?.cmp(&other.modified().ok()?))
}

/// Returns whether a file holds these bytes.
///
/// # Errors
/// Fails when it cannot be read.
fn holds(path: &Path, wanted: &[u8]) -> io::Result<bool> {
    const PIECE: usize = 1 << 20;
    let finder = memchr::memmem::Finder::new(wanted);
    let mut file = File::open(path)?;
    let mut window = Vec::with_capacity(PIECE + wanted.len());
    loop {
        let read = file.by_ref().take(PIECE as u64).read_to_end(&mut window)?;
        if finder.find(&window).is_some() {
            return Ok(true);
        }
        if read == 0 {
            return Ok(false);
        }
        // What is found may begin in one piece and end in the next.
        window.drain(..window.len() - window.len().min(wanted.len() - 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_found_wherever_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        for at in [0, 5, (1 << 20) - 3, 1 << 20, (3 << 20) - 1] {
            let mut bytes = vec![b'x'; 4 << 20];
            bytes[at..at + 6].copy_from_slice(b"record");
            fs::write(&path, &bytes).unwrap();
            assert!(holds(&path, b"record").unwrap(), "{at}");
            assert!(!holds(&path, b"Record").unwrap(), "{at}");
        }
        fs::write(&path, "rec").unwrap();
        assert!(!holds(&path, b"record").unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_the_same_under_every_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("below")).unwrap();
        fs::write(at("file"), "x").unwrap();
        fs::write(at("copy"), "x").unwrap();
        fs::hard_link(at("file"), at("below/hard")).unwrap();
        std::os::unix::fs::symlink(at("file"), at("soft")).unwrap();
        std::os::unix::fs::symlink(at("below"), at("also")).unwrap();
        for name in ["file", "below/hard", "soft", "also/hard", "below/../file"] {
            assert!(is_same_file(&at("file"), &at(name)), "{name}");
        }
        assert!(!is_same_file(&at("file"), &at("copy")) && !is_same_file(&at("file"), &at("new")));
        assert!(is_same_file(&at("below/new"), &at("also/new")));
        assert!(!is_same_file(&at("below/new"), &at("new")));
    }
}
