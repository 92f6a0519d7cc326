//! The files that a build writes, held against what is there before anything is written.
//!
//! A build replaces its own results and nothing else. Two things are looked for at every path that it would
//! write or remove:
//!
//! - an *input* of the same build, by path and by file identity, so that neither a link nor another spelling
//!   of the path hides one;
//! - a file that this program did not write. Text files have a first line or a shape of their own, images a
//!   record inside ([`Card`](crate::raspios::Card)), and all of them are known in the results of the version
//!   before, too.

use super::{BuildOptions, Error, secret_path};
use crate::base::Disk;
use crate::cluster::{Cluster, ImageSource};
use crate::disk::StockImage;
use crate::emit;
use crate::format::ImageFormat;
use crate::hint::Hint;
use crate::identity::ClusterSecret;
use crate::papers::PaperFile;
use crate::plan;
use crate::raspios;
use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Longer texts are none of this program's: the build.json of a thousand nodes has half a megabyte.
const LONGEST_TEXT: u64 = 16 << 20;

/// Files that a build would write over, though they are not its own results.
#[derive(Debug, thiserror::Error)]
pub struct OccupiedOutputs {
    /// The folder for the results.
    pub folder: PathBuf,
    /// The files, and what each is; at least one.
    pub files: Vec<(PathBuf, Occupant)>,
}

/// A file or folder in the place of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occupant {
    /// A file that the build reads: what it is to the build, and under which path.
    Input(&'static str, PathBuf),
    /// A file that this program did not write, or that was changed since.
    Stranger,
    /// An image that this program made, with which a machine was started since.
    UsedCard,
    /// A folder or a device.
    NoFile,
}

impl fmt::Display for OccupiedOutputs {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // In one line: whoever shows it may escape line ends, which a path may hold, too.
        let files = self.files.iter().map(|(path, occupant)| format!("{} {occupant}", path.display()));
        let files: Vec<String> = files.collect();
        write!(formatter, "the build would write over what is not its own: {}", files.join("; "))
    }
}

impl fmt::Display for Occupant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Input(role, path) => write!(formatter, "is {role} `{}`", path.display()),
            Self::Stranger => write!(formatter, "was not written by cardwright, or was changed since"),
            Self::UsedCard => write!(formatter, "is a copy of a card that was in use"),
            Self::NoFile => write!(formatter, "is no regular file"),
        }
    }
}

impl Hint for OccupiedOutputs {
    fn hint(&self) -> Option<String> {
        let what = if self.files.len() == 1 { "that file" } else { "those files" };
        Some(format!(
            "Choose another folder with `--output` (or `dir:` under `output:`), or move {what} out of {}",
            self.folder.display()
        ))
    }
}

/// A file that a build writes or removes.
struct Output {
    path: PathBuf,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Image(ImageFormat),
    Bmap,
    Checksums,
    Provenance,
    Manifest,
    Paper(PaperFile),
}

/// Checks that a build would replace nothing but its own results. Nothing is written or made.
/// `secret` is that of the cluster, where there is one yet: a login key may be known by it alone.
///
/// # Errors
/// Every file that would be lost, at once.
pub fn check_outputs(
    cluster: &Cluster,
    secret: Option<&ClusterSecret>,
    options: &BuildOptions,
) -> Result<(), Error> {
    let inputs = Inputs::of(cluster);
    let names = image_names(cluster);
    let statement = cluster.output.folder.join(PROVENANCE);
    let known = Known {
        // One that is not ours is found as an output itself.
        images: read_text(&statement).and_then(|text| emit::images_of(&text)),
        statement: fs::metadata(&statement).ok(),
        names,
        login_key: secret.and_then(|secret| plan::login_key(cluster, secret).ok()).map(|key| key.public),
        scratch: options.cache.clone().filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir),
    };
    let outputs = outputs(cluster, options);
    let occupied = |output: Output| {
        let occupant = inputs.find(&output.path).or_else(|| known.occupant(&output))?;
        Some((output.path, occupant))
    };
    let files: Vec<_> = outputs.into_iter().filter_map(occupied).collect();
    if files.is_empty() {
        return Ok(());
    }
    Err(OccupiedOutputs { folder: cluster.output.folder.clone(), files }.into())
}

/// The name of the statement of what was made from what.
pub(super) const PROVENANCE: &str = "build.json";

/// Returns the name of the manifest for Raspberry Pi Imager.
pub(super) fn manifest_name(cluster: &Cluster) -> String {
    format!("{}.rpi-imager-manifest", cluster.name)
}

/// Returns all that a build writes or removes.
fn outputs(cluster: &Cluster, options: &BuildOptions) -> Vec<Output> {
    let output = |name: &str, kind| Output { path: cluster.output.folder.join(name), kind };
    let is_wanted =
        |node: &str| options.only.as_ref().is_none_or(|only| only.iter().any(|name| name == node));
    let mut outputs = Vec::new();
    for node in cluster.nodes.iter().filter(|node| is_wanted(node.name.as_str())) {
        let image = output(&super::build::file_name(cluster, node), Kind::Image(cluster.output.format));
        outputs.push(Output { path: emit::bmap_path(&image.path), kind: Kind::Bmap });
        outputs.push(image);
    }
    outputs.push(output(emit::CHECKSUMS, Kind::Checksums));
    outputs.push(output(PROVENANCE, Kind::Provenance));
    outputs.push(output(&manifest_name(cluster), Kind::Manifest));
    outputs.extend(PaperFile::of(cluster).into_iter().map(|file| output(file.name(), Kind::Paper(file))));
    outputs
}

/// Returns what any build of a cluster may write, in any format: of all of it a killed run may have left a
/// part.
pub(super) fn all_names(cluster: &Cluster) -> Vec<String> {
    let mut names = image_names(cluster);
    names.extend(cluster.nodes.iter().map(|node| format!("{}.img.bmap", node.name)));
    names.extend([emit::CHECKSUMS, PROVENANCE].map(str::to_owned));
    names.push(manifest_name(cluster));
    names.extend(PaperFile::of(cluster).into_iter().map(|file| file.name().to_owned()));
    names
}

/// Returns the names of the images of all nodes, in every format.
fn image_names(cluster: &Cluster) -> Vec<String> {
    let formats = ImageFormat::ALL.into_iter();
    formats
        .flat_map(|format| cluster.nodes.iter().map(move |node| format!("{}.{format}", node.name)))
        .collect()
}

/// The files that a build reads.
struct Inputs(Vec<(&'static str, PathBuf)>);

impl Inputs {
    fn of(cluster: &Cluster) -> Self {
        let mut inputs =
            vec![("the nodes.yaml", cluster.source.clone()), ("the cluster's secret", secret_path(cluster))];
        // Not only the one that nodes.yaml names: the command line may name another.
        if let ImageSource::Path { path, .. } = &cluster.image {
            inputs.push(("the stock image", path.clone()));
        }
        inputs.extend(cluster.named_paths.iter().map(|path| ("a file that nodes.yaml names,", path.clone())));
        Self(inputs)
    }

    /// Returns which of them is at the path of an output.
    fn find(&self, output: &Path) -> Option<Occupant> {
        let found = self.0.iter().find(|(_, input)| is_same_file(input, output));
        found.map(|(role, input)| Occupant::Input(role, input.clone()))
    }
}

/// Returns whether two paths lead to the same file, be it through links, or would if there were one.
fn is_same_file(one: &Path, other: &Path) -> bool {
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
struct Known {
    /// The images that build.json speaks of, where it is ours.
    images: Option<Vec<String>>,
    statement: Option<Metadata>,
    /// The names that images of this cluster have.
    names: Vec<String>,
    /// The public half of the cluster's own login key.
    login_key: Option<String>,
    scratch: PathBuf,
}

impl Known {
    /// Returns what is in the place of an output, where that is not ours.
    fn occupant(&self, Output { path, kind }: &Output) -> Option<Occupant> {
        // A link that leads nowhere holds nothing that could be lost, and is replaced as a name.
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(_) => return Some(Occupant::Stranger),
        };
        if !metadata.is_file() {
            return Some(Occupant::NoFile);
        }
        if metadata.len() == 0 {
            return None;
        }
        if let Kind::Image(format) = kind {
            return self.image_occupant(path, *format, &metadata);
        }
        let is_ours = read_text(path).is_some_and(|text| match kind {
            Kind::Image(_) => false,
            Kind::Bmap => emit::is_bmap(&text),
            Kind::Checksums => self.images.is_some() || emit::speaks_of(&text, &self.names),
            Kind::Provenance => emit::images_of(&text).is_some(),
            Kind::Manifest => emit::is_manifest(&text),
            Kind::Paper(file) => file.is_ours(&text, self.login_key.as_deref()),
        });
        (!is_ours).then_some(Occupant::Stranger)
    }

    /// As [`occupant`](Self::occupant), of an image: from the quickest way to tell to the slowest.
    fn image_occupant(&self, path: &Path, format: ImageFormat, metadata: &Metadata) -> Option<Occupant> {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
        let is_listed = self.images.iter().flatten().any(|listed| Some(listed) == name.as_ref());
        let is_as_listed =
            || self.statement.as_ref().is_some_and(|listed| is_untouched_since(metadata, listed));
        if is_listed && is_as_listed() {
            return None;
        }
        // These can only be decompressed from their beginning. But what nodes differ in is stored in them
        // as it is, and the record is among it.
        if matches!(format, ImageFormat::ImgZst | ImageFormat::ImgGz)
            && holds(path, raspios::IN_EVERY_RECORD).unwrap_or(false)
        {
            return None;
        }
        let look = || {
            let image = StockImage::open(path, None, &self.scratch).ok()?;
            let disk = Disk::open(Arc::new(image)).ok()?;
            raspios::customised_card(&disk.files).ok()??;
            let release = raspios::detect(&disk.files).ok();
            let used = release.and_then(|release| raspios::booted_before(&disk.files, &release).ok()?);
            Some(used.is_some())
        };
        match look() {
            Some(false) => None,
            Some(true) => Some(Occupant::UsedCard),
            None => Some(Occupant::Stranger),
        }
    }
}

/// Returns whether a file was there, as it is, when another was written. Its content may be older than it
/// says: `cp -p` and `mv` keep that time. But they cannot set the time of the change of the inode (inode(7)).
#[cfg(unix)]
fn is_untouched_since(file: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (file.ctime(), file.ctime_nsec()) <= (other.mtime(), other.mtime_nsec())
}

/// There is no such time here.
#[cfg(not(unix))]
fn is_untouched_since(_file: &Metadata, _other: &Metadata) -> bool {
    false
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

/// Returns the text of a file; `None` where it cannot be read, is no text, or too long for one of ours. It may
/// hold a private key.
fn read_text(path: &Path) -> Option<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let length = File::open(path).ok()?.take(LONGEST_TEXT + 1).read_to_string(&mut text).ok()?;
    (length as u64 <= LONGEST_TEXT).then_some(text)
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
