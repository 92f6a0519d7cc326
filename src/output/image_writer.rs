//! The images of a cluster, in every format: which template they are replicas of, and what differs in each.

use super::OutputError;
use super::disk_hashes::hash_disks;
use super::image_job::{BuiltImage, ImageJob, Replica};
use super::regions::{NodeRegions, changed};
use super::replicas::{BlockSource, Change, Replication};
use super::sidecar::bmap;
use super::template::{self, Key, Maker};
use crate::formats::xz::{Check, XzBlock};
use crate::formats::{Compression, ImageFormat, PartEncoder};
use crate::io::{AtomicFile, BLOCK_SIZE, BlockIndex, Layer, LayeredDisk, ReadAt};
use crate::stock_image::{StockImage, VerifiedImage};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset, Progress, Stage};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes the images of a cluster.
pub struct ImageWriter<'build> {
    /// The format of the images.
    pub format: ImageFormat,
    /// The effort of compressing.
    pub compression: Compression,
    /// The disk that all nodes share. Compressed parts of it may be cached: nothing in it may be a secret.
    pub disk: &'build LayeredDisk,
    /// The blocks in which some node of the cluster differs, also those whose images are not wanted: the layout of an
    /// image depends on it.
    pub node_blocks: &'build BTreeSet<BlockIndex>,
    /// The stock image that the disk is made from.
    pub stock: &'build StockImage,
    /// The number of threads. The results do not depend on it.
    pub threads: usize,
    /// Hashes the files.
    pub hash_files: bool,
    /// Hashes the disks in them, where that is not the same.
    pub hash_disks: bool,
    /// The folder for what saves work on the next run.
    pub cache: Option<&'build Path>,
}

impl ImageWriter<'_> {
    /// Writes the images, and flushes them to the disk. They have no names yet.
    ///
    /// # Errors
    /// When the stock image cannot be read or a file cannot be written. Then nothing is left behind.
    pub fn write(&self, jobs: Vec<ImageJob>, progress: &dyn Progress) -> Result<NewImages, OutputError> {
        // A shard may be empty. No template is needed for it then.
        let (mut replicas, cache_error) = match self.format {
            _ if jobs.is_empty() => Ok((Vec::new(), None)),
            ImageFormat::Raw => self.write_raw(jobs, progress).map(|replicas| (replicas, None)),
            format => {
                let reusable =
                    if format == ImageFormat::Xz { template::reusable_blocks(self.stock) } else { None };
                let (check, blocks) = reusable.unwrap_or((Check::Crc64, vec![]));
                let encoder =
                    format.encoder(self.compression, check).ok_or(OutputError::NotWritten(format))?;
                self.write_compressed(&*encoder, &blocks, jobs, progress)
            }
        }?;
        // The SHA-256 of a raw image is that of the disk, and known where files are hashed.
        let whole = self.hash_disks && !(self.hash_files && self.format == ImageFormat::Raw);
        if whole || replicas.iter().any(|replica| replica.job.unused.is_some()) {
            self.decompress(progress)?;
            hash_disks(self.disk, &mut replicas, whole, self.threads, progress)?;
        }
        for replica in replicas.iter_mut().filter(|replica| replica.job.unused.is_some()) {
            let path = bmap::path_beside(&replica.job.path);
            let file = AtomicFile::create(&path, false)?;
            let text = bmap::text(self.disk.size(), &replica.mapped);
            file.file().write_all(text.as_bytes()).map_err(OutputError::write("writing", &path))?;
            replica.bmap = Some(file);
        }
        Ok(NewImages { replicas, disk_size: self.disk.size(), cache_error })
    }

    fn write_raw(&self, jobs: Vec<ImageJob>, progress: &dyn Progress) -> Result<Vec<Replica>, OutputError> {
        self.decompress(progress)?;
        let may_share = |file: &&File| {
            file.metadata()
                .is_ok_and(|metadata| metadata.is_file() && metadata.len() <= self.disk.size().get())
        };
        let blocks = self.disk.layers().iter().flat_map(|layer| layer.indices());
        let differs = changed(blocks, self.disk.size(), BLOCK_SIZE as u64, u64::MAX);
        let stock = self.stock.raw_file().filter(may_share);
        let replication = Replication {
            template: self.disk,
            unreadable: OutputError::StockImage,
            block_source: stock.map(|file| BlockSource { file, differs }),
            sparse: true,
            hashed: self.hash_files,
            changes: &|layer| blocks_of(layer, self.disk.size()).map_err(OutputError::Layer),
            threads: self.threads,
            progress: &writing(self.disk, jobs.len(), progress),
        };
        replication.write(jobs)
    }

    fn write_compressed(
        &self,
        format: &dyn PartEncoder,
        blocks: &[XzBlock],
        jobs: Vec<ImageJob>,
        progress: &dyn Progress,
    ) -> Result<(Vec<Replica>, Option<io::Error>), OutputError> {
        let maker = Maker {
            format,
            disk: self.disk,
            regions: &NodeRegions::of(self.node_blocks.iter().copied(), self.disk.size()),
            stock: self.stock.file_bytes(),
            blocks,
            threads: self.threads,
            progress: &|more, total| progress.working(Stage::Compressing, more, total),
        };
        let stock = self.stock.expected_digest().map_err(OutputError::StockImage)?;
        let key = Key { stock, format: self.format.extension(), compression: self.compression };
        let folder = jobs.iter().find_map(|job| job.path.parent()).unwrap_or(Path::new("."));
        let verify = || self.stock.verify().map(drop).map_err(io::Error::other);
        let (template, cache_error) = template::obtain(&maker, &key, self.cache, folder, &verify)?;
        let replication = Replication {
            template: &template,
            unreadable: OutputError::Template,
            block_source: None,
            sparse: false,
            hashed: self.hash_files,
            changes: &|layer| template.changes(layer).map_err(OutputError::Template),
            threads: self.threads,
            progress: &writing(&template, jobs.len(), progress),
        };
        Ok((replication.write(jobs)?, cache_error))
    }

    /// Decompresses all of the stock image, with all threads, for whoever then reads all of it.
    fn decompress(&self, progress: &dyn Progress) -> Result<(), OutputError> {
        let total = self.stock.size();
        let report = |more| progress.working(Stage::Decompressing, more, total);
        self.stock.decompress_all(&[], self.threads, &report).map_err(OutputError::StockImage)
    }
}

/// Reports the writing of so many replicas of a template.
fn writing<'a>(
    template: &dyn ReadAt,
    replicas: usize,
    progress: &'a dyn Progress,
) -> impl Fn(ByteCount) + Sync + 'a {
    let total = ByteCount::new(template.size().get() * replicas as u64);
    move |more| progress.working(Stage::Writing, more, total)
}

/// Returns the blocks of a layer as changes of a disk of this size.
fn blocks_of(layer: &Layer, size: ByteCount) -> io::Result<Vec<Change>> {
    let change = |at: u64| {
        // The last block of a disk may reach beyond its end.
        let mut bytes = vec![0; usize_from(size.get() - at).min(BLOCK_SIZE)];
        layer.copy_onto(ByteOffset::new(at), &mut bytes)?;
        Ok(Change { at, bytes })
    };
    layer.indices().map(|index| change(index.start())).collect()
}

/// Images that are whole and on the disk, but have no names yet. When this is dropped, they are gone.
pub struct NewImages {
    replicas: Vec<Replica>,
    disk_size: ByteCount,
    /// The reason why the cache could not be used, if so: the next build will take as long as this one.
    pub cache_error: Option<io::Error>,
}

impl NewImages {
    /// Returns the paths that the images will have.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.replicas.iter().map(|replica| &*replica.job.path)
    }

    /// Gives the images and their bmaps their names, now that they are known to be made from the right file. Bmaps of
    /// old images beside them are removed.
    ///
    /// # Errors
    /// When a file cannot be renamed or removed.
    pub fn publish(self, _stock: VerifiedImage<'_>) -> Result<Vec<BuiltImage>, OutputError> {
        let (mut images, mut files, mut bmaps) = (Vec::new(), Vec::new(), Vec::new());
        for replica in self.replicas {
            // Before the new image has its name: a bmap is never beside an image that it is not of.
            super::remove(&bmap::path_beside(&replica.job.path))?;
            let (image, file, bmap) = replica.finish(self.disk_size)?;
            images.push(image);
            files.push(file);
            bmaps.extend(bmap);
        }
        files.extend(bmaps);
        AtomicFile::publish_all(files)?;
        Ok(images)
    }
}
