//! Hashes of what is on the cards, unpacked: for papers that speak of that. The disk that all cards begin as
//! is read once for several cards at a time.

use super::OutputError;
use super::image_job::{Card, Disk, lay};
use super::images::{Progress, Stage};
use crate::io::{ReadAt, parallel};
use crate::types::ByteCount;
use crate::types::Digest;
use crate::types::Sha256;
use crate::types::number::{self, usize_from};
use std::ops::Range;

/// How much of the disk is in memory at once: little enough to stay in the cache of a core while it is hashed
/// for every card.
const PIECE: usize = 256 << 10;

/// A card, and which parts of it are to be hashed.
pub(super) struct Wanted<'build> {
    pub(super) card: &'build Card<'build>,
    /// All of it.
    pub(super) whole: bool,
    /// These parts, in order and apart.
    pub(super) parts: Vec<Range<u64>>,
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hashed {
    pub(super) whole: Option<Digest>,
    /// In the order of the parts.
    pub(super) parts: Vec<Digest>,
}

/// Hashes several cards, on so many threads.
///
/// # Errors
/// When the stock image cannot be read.
pub(super) fn hash(
    disk: &Disk<'_>,
    wanted: &[Wanted<'_>],
    threads: usize,
    progress: &Progress<'_>,
) -> Result<Vec<Hashed>, OutputError> {
    let share = wanted.len().div_ceil(threads.max(1)).max(1);
    let total = ByteCount::new(disk.size.get() * wanted.len() as u64);
    let tell = |more| progress(Stage::Hashing, more, total);
    let hashed = parallel::map(threads, wanted.chunks(share), |share| hash_share(disk, share, &tell))?;
    Ok(hashed.into_iter().flatten().collect())
}

fn hash_share(
    disk: &Disk<'_>,
    share: &[Wanted<'_>],
    tell: &(dyn Fn(ByteCount) + Sync),
) -> Result<Vec<Hashed>, OutputError> {
    let mut hashing: Vec<Hashing> = share.iter().map(Hashing::new).collect();
    let (mut piece, mut own) = (vec![0; PIECE], vec![0; PIECE]);
    for (offset, length) in disk.size.chunks(PIECE) {
        let (piece, _) = piece.split_at_mut(length);
        disk.read_at(offset, piece).map_err(OutputError::StockImage)?;
        let at = offset.get();
        for (wanted, hashing) in share.iter().zip(&mut hashing) {
            let own = own.split_at_mut(length).0;
            own.copy_from_slice(piece);
            lay(&wanted.card.layers, at, own).map_err(OutputError::Layer)?;
            hashing.update(at, own, &wanted.parts);
        }
        tell(ByteCount::new((length * share.len()) as u64));
    }
    Ok(hashing.into_iter().map(Hashing::finish).collect())
}

/// Hashes that grow as the bytes of a card go by.
struct Hashing {
    whole: Option<Sha256>,
    done: Vec<Digest>,
    /// Of the part that is not done yet.
    part: Sha256,
}

impl Hashing {
    fn new(wanted: &Wanted<'_>) -> Self {
        Self { whole: wanted.whole.then(Sha256::new), done: Vec::new(), part: Sha256::new() }
    }

    /// Takes the bytes that begin at `at`.
    fn update(&mut self, at: u64, bytes: &[u8], parts: &[Range<u64>]) {
        if let Some(whole) = &mut self.whole {
            whole.update(bytes);
        }
        let end = at + bytes.len() as u64;
        while let Some(part) = parts.get(self.done.len()).filter(|part| part.start < end) {
            let within = |offset: u64| usize_from(number::excess(offset, at)).min(bytes.len());
            let (bytes, _) = bytes.split_at(within(part.end));
            self.part.update(bytes.split_at(within(part.start)).1);
            if part.end > end {
                return;
            }
            self.done.push(std::mem::take(&mut self.part).finalize());
        }
    }

    fn finish(self) -> Hashed {
        Hashed { whole: self.whole.map(Sha256::finalize), parts: self.done }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Layer, Overlay, WriteAt as _};
    use crate::types::ByteOffset;
    use std::sync::Arc;

    #[test]
    fn every_part_of_every_card_is_hashed() {
        let bytes: Vec<u8> = (0..3 * (1 << 20) + 500).map(|at| u8::try_from(at / 3 % 251).unwrap()).collect();
        let layer = |at: u64| -> Layer {
            let overlay = Overlay::new(Arc::new(bytes.clone()));
            overlay.write_at(ByteOffset::new(at), b"changed").unwrap();
            overlay.into_layer().unwrap()
        };
        let layers = [layer(5), layer(PIECE as u64 - 3), layer(2_000_000)];
        let disk = Disk { base: &bytes, shared: vec![], size: bytes.size() };
        let cards = layers.each_ref().map(|layer| Card { name: "", layers: vec![layer], image: None });
        let end = bytes.len() as u64;
        let parts = vec![0..4096, 4096..8192, 10_000..2_500_000, 2_500_000..2_500_001, 3 << 20..end];
        for threads in [1, 2, 7] {
            let wanted: Vec<_> = cards
                .iter()
                .enumerate()
                .map(|(number, card)| Wanted { card, whole: number != 1, parts: parts.clone() })
                .collect();
            let hashed = hash(&disk, &wanted, threads, &|_, _, _| ()).unwrap();
            for ((wanted, hashed), at) in wanted.iter().zip(hashed).zip([5, PIECE - 3, 2_000_000]) {
                let mut content = bytes.clone();
                content[at..at + 7].copy_from_slice(b"changed");
                assert_eq!(hashed.whole, wanted.whole.then(|| Digest::of(&content)));
                for (part, digest) in parts.iter().zip(&hashed.parts) {
                    let place = usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap();
                    assert_eq!(*digest, Digest::of(&content[place]));
                }
                assert_eq!(hashed.parts.len(), parts.len());
            }
        }
    }
}
