//! The papers that speak of what is on a card, unpacked.

pub(crate) mod bmap;
pub(crate) mod checksums;
pub(crate) mod manifest;
pub(crate) mod provenance;

use super::OutputError;
use super::contents::{self, Wanted};
use super::image_job::Card;
use super::images::{Images, Progress};
use crate::formats::ImageFormat;
use crate::types::Digest;
use std::ops::Range;
use std::path::PathBuf;

/// What is wanted beside the images.
#[derive(Debug, Default)]
pub struct SidecarOptions {
    /// The SHA-256 of every disk.
    pub disk_digests: bool,
    /// A bmap of every image: for each card with one, the parts of its disk that are free, in order.
    pub unused: Option<Vec<Vec<Range<u64>>>>,
}

/// What was made beside one image.
#[derive(Debug, Clone)]
pub struct Sidecars {
    /// The SHA-256 of the disk.
    pub disk_sha256: Option<Digest>,
    /// The bmap.
    pub bmap: Option<PathBuf>,
}

impl Images<'_> {
    /// Makes papers beside the images, which are written already, in their order.
    ///
    /// # Errors
    /// When the stock image cannot be read or a file cannot be written.
    pub fn write_papers(
        &self,
        papers: &SidecarOptions,
        progress: &Progress<'_>,
    ) -> Result<Vec<Sidecars>, OutputError> {
        let cards: Vec<&Card<'_>> = self.cards.iter().filter(|card| card.image.is_some()).collect();
        let nothing = Sidecars { disk_sha256: None, bmap: None };
        // The SHA-256 of a raw image is that of the disk, and known where images are hashed.
        let whole = papers.disk_digests && !(self.hashed && self.format == ImageFormat::Raw);
        if !whole && papers.unused.is_none() {
            return Ok(vec![nothing; cards.len()]);
        }
        self.unpack(progress)?;
        let wanted: Vec<_> = cards
            .iter()
            .enumerate()
            .map(|(number, card)| {
                let unused = papers.unused.as_ref().and_then(|unused| unused.get(number));
                let parts = unused.map_or_else(Vec::new, |unused| bmap::mapped(self.disk.size, unused));
                Wanted { card, whole, parts }
            })
            .collect();
        let hashed = contents::hash(self.disk, &wanted, self.threads, progress)?;
        let mut made = Vec::new();
        for (wanted, hashed) in wanted.into_iter().zip(hashed) {
            let mut paper = Sidecars { disk_sha256: hashed.whole, ..nothing.clone() };
            if let (Some(_), Some(image)) = (&papers.unused, wanted.card.image) {
                let parts: Vec<_> = wanted.parts.into_iter().zip(hashed.parts).collect();
                paper.bmap = Some(bmap::write(image, self.disk.size, &parts)?);
            }
            made.push(paper);
        }
        Ok(made)
    }
}
