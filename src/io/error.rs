//! What can go wrong with a disk.

use crate::types::ByteCount;
use crate::types::Digest;
use crate::types::Hint;
use std::io;
use std::path::PathBuf;

/// An error of opening or reading a stock image, or the partition table of any disk.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// There is no such file, or it may not be read.
    #[error("the image `{}` cannot be opened: {source}", file.display())]
    Open {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something else stands there.
    #[error("the image `{}` is {found}, not a file", file.display())]
    NotAFile {
        /// The path.
        file: PathBuf,
        /// `a directory`, `a device`.
        found: &'static str,
    },
    /// The file could not be read to its end.
    #[error("the image `{}` cannot be read: {source}", file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not the file whose SHA-256 was given.
    #[error("the image `{}` has the SHA-256 `{found}`, not `{expected}`", file.display())]
    WrongDigest {
        /// The file.
        file: PathBuf,
        /// What was asked for.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
    /// No bytes at all, packed or unpacked.
    #[error("the image `{}` is empty", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A packing, or a way of using one, that is not read.
    #[error("the image `{}` is {found}, which cardwright does not read", file.display())]
    UnknownPacking {
        /// The file.
        file: PathBuf,
        /// What it is: `packed with bzip2`, `a web page`.
        found: String,
    },
    /// The compressed data ends, and then the file goes on.
    #[error("something follows the compressed data of the image `{}`: {length} bytes that are not {packing}", file.display())]
    SomethingFollows {
        /// The file.
        file: PathBuf,
        /// The format of the compressed data.
        packing: &'static str,
        /// The number of bytes that follow.
        length: u64,
    },
    /// What is inside the packing contradicts itself, or ends too early.
    #[error("the image `{}` is damaged: {found}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// How it shows.
        found: String,
    },
    /// Larger than any card, or than it is sensible to unpack.
    #[error("the image `{}` unpacks to more than {limit}", file.display())]
    TooLarge {
        /// The file.
        file: PathBuf,
        /// The most that is unpacked.
        limit: ByteCount,
    },
    /// No room for, or no way to write, the unpacked image.
    #[error("the image `{}` cannot be unpacked into `{}`: {source}", file.display(), folder.display())]
    Scratch {
        /// The file.
        file: PathBuf,
        /// Where the unpacked image was to go.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An archive without an image.
    #[error("the zip archive `{}` holds no file that ends in `.img`{}", file.display(), listed(": it holds ", names))]
    NoImageInZip {
        /// The archive.
        file: PathBuf,
        /// Some of the names it holds.
        names: Vec<String>,
    },
    /// An archive with a choice of images.
    #[error("the zip archive `{}` holds several images{}", file.display(), listed(": ", names))]
    SeveralImagesInZip {
        /// The archive.
        file: PathBuf,
        /// Their names.
        names: Vec<String>,
    },
    /// No image of a disk: there is no partition table.
    #[error("this is not the image of a disk: {found}")]
    NoPartitionTable {
        /// What was found instead.
        found: String,
    },
    /// A partition table that contradicts itself.
    #[error("the partition table is damaged: {found}")]
    DamagedTable {
        /// How it shows.
        found: String,
    },
    /// A partition that ends after the disk does.
    #[error(
        "partition {number} ends at byte {end}, but the disk has only {size} bytes: the image is cut short"
    )]
    BeyondTheEnd {
        /// Its number.
        number: u32,
        /// Where it ends.
        end: u64,
        /// How large the disk is.
        size: u64,
    },
    /// A partition that cannot be made to reach to the end of a larger disk.
    #[error("partition {number} cannot be made larger: {reason}")]
    CannotStretch {
        /// Its number.
        number: u32,
        /// Why not: a clause.
        reason: String,
    },
    /// The partition table could not be written.
    #[error("the partition table cannot be written: {0}")]
    WriteTable(io::Error),
    /// The partition table could not be read.
    #[error("the partition table cannot be read: {0}")]
    ReadTable(io::Error),
    /// What is inside an image is of no use.
    #[error("the image `{}`: {problem}", file.display())]
    Inside {
        /// The file.
        file: PathBuf,
        /// What is wrong inside it.
        problem: Box<DiskError>,
    },
}

/// Some names, after `before`.
fn listed(before: &str, names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    format!("{before}{}", names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "))
}

impl Hint for DiskError {
    fn hint(&self) -> Option<String> {
        let download = || {
            "Download the image again, and compare its SHA-256 with the one published beside it".to_owned()
        };
        match self {
            Self::Open { source, .. } => match source.kind() {
                // Who named it knows from where it is looked for.
                io::ErrorKind::NotFound => Some("Check the path of the image".to_owned()),
                io::ErrorKind::PermissionDenied => Some("Make the file readable for your user".to_owned()),
                _ => None,
            },
            Self::NotAFile { found, .. } => Some(match *found {
                "a directory" => "Name the image inside it".to_owned(),
                _ => "Copy it into a file first, and name that file".to_owned(),
            }),
            Self::Read { .. } => Some("Check the medium the file is on, or copy it elsewhere".to_owned()),
            Self::WrongDigest { .. } => {
                Some("Download the image again; if you meant to use another one, change `sha256:`".to_owned())
            }
            Self::UnknownPacking { .. } => Some(
                "Give an image as .img, .img.xz, .img.gz, .img.zst or a .zip that holds one .img".to_owned(),
            ),
            Self::SomethingFollows { packing, .. } => Some(format!(
                "Download the image again, or decompress it with `{packing} -dc`, which leaves that out, and name the result"
            )),
            Self::Empty { .. }
            | Self::Damaged { .. }
            | Self::DamagedTable { .. }
            | Self::NoPartitionTable { .. }
            | Self::BeyondTheEnd { .. }
            | Self::TooLarge { .. } => Some(download()),
            Self::Scratch { source, .. } => (source.kind() == io::ErrorKind::StorageFull)
                .then(|| "Free some space there, or choose another folder with TMPDIR".to_owned()),
            Self::NoImageInZip { .. } | Self::SeveralImagesInZip { .. } => {
                Some("Unpack the archive, and name the image you want".to_owned())
            }
            Self::CannotStretch { .. } => Some(
                "Set `grow: none` under `image:`, or use the stock image as Raspberry Pi publishes it"
                    .to_owned(),
            ),
            Self::WriteTable(_) => None,
            Self::ReadTable(source) => {
                source.get_ref().and_then(|inner| inner.downcast_ref::<Self>()).and_then(Hint::hint)
            }
            Self::Inside { problem, .. } => problem.hint(),
        }
    }
}
