//! The images themselves, in every format: which original the copies are made of, and what is put into them.

use super::OutputError;
use super::image_job::{BLOCK, Card, Disk};
use super::regions::Slots;
use super::replicas::{Change, Copied, Copies, Kin};
use super::sidecar::bmap;
use super::template::{self, Key, Maker};
use crate::formats::ImageFormat;
use crate::formats::PartEncoder;
use crate::formats::xz::{Check, XzBlock};
use crate::io::{AtomicFile, BLOCK_SIZE, Layer, ReadAt};
use crate::stock_image::{StockImage, VerifiedImage};
use crate::types::ByteCount;
use crate::types::Digest;
use crate::types::number::usize_from;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What is being done to how many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The stock image is unpacked.
    Unpacking,
    /// An image and the stock image are unpacked, to be compared.
    ReadingBoth,
    /// What all images have in common is packed.
    Compression,
    /// Images are written.
    Writing,
    /// Content is hashed.
    Hashing,
}

/// Hears of work that was done: in which stage, how many bytes more, and how many there are in it.
pub type Progress<'build> = dyn Fn(Stage, ByteCount, ByteCount) + Sync + 'build;

/// Images that are to be written.
pub struct Images<'build> {
    /// Their format.
    pub format: ImageFormat,
    /// What they have in common.
    pub disk: &'build Disk<'build>,
    /// Every card of the cluster, those without an image too.
    pub cards: &'build [Card<'build>],
    /// The stock image that the disk is made from.
    pub stock: &'build StockImage,
    /// How many threads work. The results do not depend on it.
    pub threads: usize,
    /// Whether their files are hashed.
    pub hashed: bool,
    /// The folder for what saves work on the next run.
    pub cache: Option<&'build Path>,
}

/// An image that was written.
#[derive(Debug, Clone)]
pub struct Written {
    /// Of which card.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// How large the file is.
    pub size: ByteCount,
    /// The SHA-256 of the file, where images are hashed.
    pub sha256: Option<Digest>,
    /// How long it took; other images may have been written at the same time.
    pub elapsed: Duration,
}

impl Images<'_> {
    /// Makes the images, in the order of the cards, and flushes them to the disk. They have no names yet.
    ///
    /// # Errors
    /// When the stock image cannot be read or a file cannot be written. Then nothing is left behind.
    pub fn make(&self, progress: &Progress<'_>) -> Result<Made, OutputError> {
        let wanted: Vec<&Card<'_>> = self.cards.iter().filter(|card| card.image.is_some()).collect();
        let (copied, cache_trouble) = match self.format {
            ImageFormat::Raw => self.make_raw(&wanted, progress).map(|copied| (copied, None)),
            format => {
                let kept = template::blocks_to_keep(self.stock).filter(|_| format == ImageFormat::Xz);
                let (check, blocks) = kept.unwrap_or((Check::Crc64, vec![]));
                let encoder = format.encoder(check).ok_or(OutputError::NotWritten(format))?;
                self.make_packed(&*encoder, &blocks, &wanted, progress)
            }
        }?;
        let images = wanted.into_iter().map(|card| card.name.to_owned()).zip(copied).collect();
        Ok(Made { images, cache_trouble })
    }

    fn make_raw(&self, wanted: &[&Card<'_>], progress: &Progress<'_>) -> Result<Vec<Copied>, OutputError> {
        self.unpack(progress)?;
        let may_share = |file: &&File| {
            file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= self.disk.size.get())
        };
        let stock = self.stock.raw_file().filter(may_share);
        let copies = Copies {
            original: self.disk,
            kin: stock.map(|file| Kin { file, differs: places_of(&self.disk.shared, self.disk.size) }),
            sparse: true,
            hashed: self.hashed,
            paths: wanted.iter().filter_map(|card| card.image).collect(),
            changes: &|number| {
                let layers = layers_of(wanted, number);
                blocks_of(layers, self.disk.size).map_err(OutputError::Layer)
            },
        };
        self.copy(&copies, progress)
    }

    fn make_packed(
        &self,
        format: &dyn PartEncoder,
        blocks: &[XzBlock],
        wanted: &[&Card<'_>],
        progress: &Progress<'_>,
    ) -> Result<(Vec<Copied>, Option<io::Error>), OutputError> {
        let slots = Slots::of(self.cards, self.disk.size);
        let maker = Maker {
            format,
            disk: self.disk,
            slots: &slots,
            stock: self.stock.file_bytes(),
            blocks,
            threads: self.threads,
            progress: &|more, total| progress(Stage::Compression, more, total),
        };
        let stock = self.stock.expected_digest().map_err(OutputError::StockImage)?;
        let key = Key { stock, format: self.format.extension() };
        let folder = wanted.iter().find_map(|card| card.image?.parent()).unwrap_or(Path::new("."));
        let is_right = || self.stock.verify().map(drop).map_err(io::Error::other);
        let (template, trouble) = template::obtain(&maker, &key, self.cache, folder, &is_right)?;
        let copies = Copies {
            original: &template,
            kin: None,
            sparse: false,
            hashed: self.hashed,
            paths: wanted.iter().filter_map(|card| card.image).collect(),
            changes: &|number| {
                let layers = layers_of(wanted, number);
                template.changes(layers).map_err(OutputError::Cache)
            },
        };
        Ok((self.copy(&copies, progress)?, trouble))
    }

    fn copy(&self, copies: &Copies<'_>, progress: &Progress<'_>) -> Result<Vec<Copied>, OutputError> {
        let total = ByteCount::new(copies.original.size().get() * copies.paths.len() as u64);
        copies.make(self.threads, &|more| progress(Stage::Writing, more, total))
    }

    /// Unpacks all of the stock image, with all threads: for whoever then reads all of it.
    pub(super) fn unpack(&self, progress: &Progress<'_>) -> Result<(), OutputError> {
        let total = self.stock.size();
        let tell = |more| progress(Stage::Unpacking, more, total);
        self.stock.decompress_all(self.threads, &tell).map_err(OutputError::StockImage)
    }
}

/// Images that are whole and on the disk, but have no names yet. When it is dropped, they are gone.
pub struct Made {
    images: Vec<(String, Copied)>,
    /// The reason why the cache could not be used, if so: the next build will take as long as this one.
    pub cache_trouble: Option<io::Error>,
}

impl Made {
    /// Gives the images their names, now that they are known to be made from the right file. A bmap of an old image is
    /// removed.
    ///
    /// # Errors
    /// When a file cannot be renamed or removed.
    pub fn publish(self, _stock: VerifiedImage<'_>) -> Result<Vec<Written>, OutputError> {
        let mut written = Vec::new();
        let mut files = Vec::new();
        for (name, Copied { file, digest, elapsed }) in self.images {
            let path = file.path().to_owned();
            let size = file.file().metadata().map(|metadata| ByteCount::new(metadata.len()));
            let size = size.map_err(OutputError::write("reading back", &path))?;
            // Before the new image has its name: a bmap never stands beside an image it is not of.
            bmap::remove(&path)?;
            written.push(Written { name, path, size, sha256: digest, elapsed });
            files.push(file);
        }
        AtomicFile::publish_all(files)?;
        Ok(written)
    }
}

/// The layers of one of the cards that copies are made of, by the number of the copy.
#[expect(clippy::expect_used, reason = "copies are numbered as the cards are that they are made of")]
fn layers_of<'cards, 'layers>(cards: &'cards [&Card<'layers>], number: usize) -> &'cards [&'layers Layer] {
    &cards.get(number).expect("there is a card for every copy").layers
}

/// The places of a disk of this size where some layers have blocks, in order and apart.
fn places_of(layers: &[&Layer], size: ByteCount) -> Vec<Range<u64>> {
    let blocks: BTreeSet<u64> =
        layers.iter().flat_map(|layer| layer.indices()).map(|index| index.0).collect();
    let mut places: Vec<Range<u64>> = Vec::new();
    for block in blocks {
        let (start, end) = (block * BLOCK, ((block + 1) * BLOCK).min(size.get()));
        match places.last_mut() {
            Some(last) if last.end == start => last.end = end,
            _ => places.push(start..end),
        }
    }
    places
}

/// The blocks of some layers, the topmost of each, as changes of a disk of this size.
fn blocks_of(layers: &[&Layer], size: ByteCount) -> io::Result<Vec<Change<'static>>> {
    let mut blocks: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for layer in layers {
        for index in layer.indices() {
            let at = index.0 * BLOCK;
            // The last block of a disk may reach beyond its end.
            let mut block = vec![0; usize_from(size.get() - at).min(BLOCK_SIZE)];
            layer.read(index, &mut block)?;
            blocks.insert(at, block);
        }
    }
    Ok(blocks.into_iter().map(|(at, bytes)| Change { at, bytes: Cow::from(bytes) }).collect())
}
