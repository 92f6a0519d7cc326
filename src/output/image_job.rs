//! One image on its way out. It takes three shapes, and each takes over the one before:
//!
//! ```text
//! ImageJob ──write──▶ Replica ──publish──▶ BuiltImage
//! node, layer,        the file, without    path, size, digests:
//! path, plan          its name yet         what is said of it
//! ```

use super::OutputError;
use crate::io::{AtomicFile, DiskFile, Layer, ReadAt as _};
use crate::types::{ByteCount, Digest};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// An image that is to be written.
pub struct ImageJob {
    /// The name of the node.
    pub node: String,
    /// A title of a few words, for lists that people choose from.
    pub title: String,
    /// A description of a line, for the same lists.
    pub description: String,
    /// The path of the image.
    pub path: PathBuf,
    /// The blocks that the node has over the disk that all nodes share. Secrets belong here.
    pub layer: Arc<Layer>,
    /// The parts of its disk that are free, in order, where a bmap is wanted.
    pub unused: Option<Vec<Range<u64>>>,
    /// The SHA-256 of the plan, without secrets.
    pub plan: Digest,
    /// The number of files, links and directories that differ from the stock image.
    pub edits: usize,
    /// The number of blocks of 4 KiB that differ from the stock image.
    pub changed_blocks: usize,
}

/// An image that is being written, or is whole and does not have its name yet.
pub(super) struct Replica {
    pub(super) job: ImageJob,
    pub(super) file: AtomicFile,
    pub(super) bytes: DiskFile,
    /// The SHA-256 of the file, where that is wanted.
    pub(super) sha256: Option<Digest>,
    /// The time that the worker took, perhaps for some others as well; `None` until the file is whole.
    pub(super) elapsed: Option<Duration>,
    /// The SHA-256 of the disk, where that is wanted.
    pub(super) disk_sha256: Option<Digest>,
    /// The parts of the disk that are in use, with the SHA-256 of each, where a bmap is wanted.
    pub(super) mapped: Vec<(Range<u64>, Digest)>,
    pub(super) bmap: Option<AtomicFile>,
}

/// An image that was written.
#[derive(Debug, Clone, serde::Serialize)]
pub struct BuiltImage {
    /// The name of the node.
    pub node: String,
    /// The path of the image.
    pub path: PathBuf,
    /// The size of the file, holes included.
    pub size: ByteCount,
    /// The SHA-256 of the file, where checksums are wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// The size of the disk in it.
    pub disk_size: ByteCount,
    /// The SHA-256 of the disk in it, where something needed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_sha256: Option<Digest>,
    /// The path of its bmap, where one was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bmap: Option<PathBuf>,
    /// The number of files, links and directories that differ from the stock image.
    pub edits: usize,
    /// The number of blocks of 4 KiB that differ from the stock image.
    pub changed_blocks: usize,
    /// The time it took to write, perhaps with others at the same time.
    #[serde(skip)]
    pub elapsed: Duration,
    /// A title of a few words, for lists that people choose from.
    #[serde(skip)]
    pub title: String,
    /// A description of a line, for the same lists.
    #[serde(skip)]
    pub description: String,
    /// The SHA-256 of the plan, without secrets.
    #[serde(skip)]
    pub plan: Digest,
}

impl Replica {
    /// Creates the file, of that size and empty.
    pub(super) fn create(job: ImageJob, size: ByteCount) -> Result<Self, OutputError> {
        // Images hold the node's tokens and password in clear.
        let file = AtomicFile::create(&job.path, true)?;
        let bytes = file.file().try_clone().and_then(|file| DiskFile::with_size(file, size));
        let bytes = bytes.map_err(OutputError::write("creating", &job.path))?;
        Ok(Self {
            job,
            file,
            bytes,
            sha256: None,
            elapsed: None,
            disk_sha256: None,
            mapped: Vec::new(),
            bmap: None,
        })
    }

    /// Lets the file begin with the blocks of `from`, which is no longer than it will be; what is behind them is a
    /// hole.
    ///
    /// The file is emptied first: a clone whose end is no multiple of the filesystem's blocks may not end
    /// inside another file (ioctl_ficlonerange(2), EINVAL).
    pub(super) fn share(&mut self, from: &File) -> io::Result<()> {
        let size = self.bytes.size();
        self.file.file().set_len(0)?;
        let shared = self.file.share(from);
        self.bytes = DiskFile::with_size(self.file.file().try_clone()?, size)?;
        shared
    }

    /// Takes it apart: what is said of the image, its file, and the bmap; both files get their names later.
    #[expect(clippy::expect_used, reason = "an image is published only when it and all others are whole")]
    pub(super) fn finish(
        self,
        disk_size: ByteCount,
    ) -> Result<(BuiltImage, AtomicFile, Option<AtomicFile>), OutputError> {
        let Self { job, file, bmap, .. } = self;
        let size = file.file().metadata().map(|metadata| ByteCount::new(metadata.len()));
        let image = BuiltImage {
            node: job.node,
            size: size.map_err(OutputError::write("reading back", &job.path))?,
            path: job.path,
            sha256: self.sha256,
            disk_size,
            disk_sha256: self.disk_sha256,
            bmap: bmap.as_ref().map(|bmap| bmap.path().to_owned()),
            edits: job.edits,
            changed_blocks: job.changed_blocks,
            elapsed: self.elapsed.expect("every image is whole"),
            title: job.title,
            description: job.description,
            plan: job.plan,
        };
        Ok((image, file, bmap))
    }
}
