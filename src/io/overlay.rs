//! Copy on write, in blocks of 4 KiB, over a disk that is never written to.

use super::blocks::{BLOCK, Block, BlockFile, BlockIndex, BlockMap, part_of_block};
use super::layered_disk::{Layer, LayeredDisk};
use super::{BLOCK_SIZE, ReadAt, Rollback, WriteAt, check_range};
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::path::Path;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A disk that is only read, and above it the blocks written through this overlay.
pub struct Overlay {
    below: LayeredDisk,
    own: RwLock<BlockMap>,
}

impl Overlay {
    /// Puts an empty overlay over a disk. What is written is kept in memory.
    pub fn new(base: Arc<dyn ReadAt>) -> Self {
        Self::above(LayeredDisk::new(base))
    }

    /// Puts an empty overlay over a disk with layers. What is written is kept in memory.
    pub fn above(below: LayeredDisk) -> Self {
        Self { below, own: RwLock::default() }
    }

    /// Puts an empty overlay over a disk with layers. What is written is kept in an anonymous file in `folder`,
    /// however much it is.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn in_file(below: LayeredDisk, folder: &Path) -> io::Result<Self> {
        let own = BlockMap::in_file(BlockFile::create(folder)?);
        Ok(Self { below, own: RwLock::new(own) })
    }

    /// Returns what was written through this overlay and differs from what lies below it.
    ///
    /// # Errors
    /// When the base cannot be read, or the file that the blocks are in.
    pub fn into_layer(self) -> io::Result<Layer> {
        let mut blocks = {
            let mut own = self.own_for_writing()?;
            std::mem::take(&mut *own)
        };
        let mut unchanged = Vec::new();
        let mut block = [0; BLOCK_SIZE];
        for index in blocks.indices_in(BlockIndex(0)..BlockIndex(u64::MAX)) {
            blocks.read(index, 0, &mut block)?;
            if block == *self.below(index)? {
                unchanged.push(index);
            }
        }
        for index in unchanged {
            blocks.remove(index);
        }
        Ok(Layer::new(blocks))
    }

    /// Returns a block as it is below the overlay.
    fn below(&self, index: BlockIndex) -> io::Result<Block> {
        let mut block = Box::new([0; BLOCK_SIZE]);
        let inside = usize_from(self.size().get() - index.start()).min(BLOCK_SIZE);
        self.below.read_at(ByteOffset::new(index.start()), block.split_at_mut(inside).0)?;
        Ok(block)
    }

    fn own_for_reading(&self) -> io::Result<RwLockReadGuard<'_, BlockMap>> {
        self.own.read().map_err(|_| poisoned())
    }

    fn own_for_writing(&self) -> io::Result<RwLockWriteGuard<'_, BlockMap>> {
        self.own.write().map_err(|_| poisoned())
    }
}

/// Makes the error of a disk on which a thread ended in the middle of a write: it cannot be trusted.
fn poisoned() -> io::Error {
    io::Error::other("an earlier write to this disk was not finished")
}

impl ReadAt for Overlay {
    fn size(&self) -> ByteCount {
        self.below.size()
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let own = self.own_for_reading()?;
        self.below.read_under(Some(&own), offset, buffer)
    }
}

impl WriteAt for Overlay {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        let size = self.size();
        check_range(offset, bytes.len(), size)
            .map_err(|error| io::Error::new(io::ErrorKind::WriteZero, error.to_string()))?;
        let mut own = self.own_for_writing()?;
        let mut at = offset.get();
        let mut rest = bytes;
        while !rest.is_empty() {
            let index = BlockIndex::holding(at);
            let (within, length) = part_of_block(at, rest.len());
            let (piece, behind) = rest.split_at(length);
            let end = at + length as u64;
            let whole = within == 0 && (length == BLOCK_SIZE || end == size.get());
            let below = if whole || own.contains(index) { None } else { Some(self.below(index)?) };
            own.write(index, within, piece, below)?;
            at = end;
            rest = behind;
        }
        Ok(())
    }
}

impl Rollback for Overlay {
    fn rollback(&self, offset: ByteOffset, length: ByteCount) -> io::Result<()> {
        let size = self.size().get();
        check_range(offset, length.as_usize(), self.size())?;
        let end = offset + length;
        let first = BlockIndex(offset.get().div_ceil(BLOCK));
        // The last block of the disk may be a short one, and is then whole all the same.
        let behind = BlockIndex(if end.get() == size { size.div_ceil(BLOCK) } else { end.get() / BLOCK });
        let mut own = self.own_for_writing()?;
        let dropped: Vec<BlockIndex> = own.indices_in(first..behind).collect();
        for index in dropped {
            own.remove(index);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A disk that counts how often it is read and refuses to be read beyond its end.
    struct CountingDisk {
        bytes: Vec<u8>,
        reads: AtomicUsize,
    }

    impl ReadAt for CountingDisk {
        fn size(&self) -> ByteCount {
            self.bytes.size()
        }
        fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            self.bytes.read_at(offset, buffer)
        }
    }

    fn disk(size: usize) -> Vec<u8> {
        (0..size).map(|at| u8::try_from(at % 251).unwrap()).collect()
    }

    fn content(disk: &dyn ReadAt) -> Vec<u8> {
        let mut bytes = vec![0; disk.size().as_usize()];
        disk.read_at(ByteOffset::ZERO, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_write_beyond_the_end_is_refused_and_changes_nothing() {
        let overlay = Overlay::new(Arc::new(disk(5000)));
        let error = overlay.write_at(ByteOffset::new(4990), &[0; 11]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WriteZero);
        assert!(overlay.write_at(ByteOffset::new(u64::MAX), &[0; 2]).is_err());
        let error = overlay.read_at(ByteOffset::new(4990), &mut [0; 11]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        assert!(overlay.rollback(ByteOffset::ZERO, ByteCount::new(5001)).is_err());
        assert_eq!(overlay.into_layer().unwrap().indices().count(), 0);
    }

    #[test]
    fn the_short_last_block_of_a_disk_is_written_whole_without_reading_it() {
        let base = Arc::new(CountingDisk { bytes: disk(5000), reads: AtomicUsize::new(0) });
        let overlay = Overlay::new(base.clone());
        overlay.write_at(ByteOffset::new(4096), &[7; 904]).unwrap();
        assert_eq!(base.reads.load(Ordering::Relaxed), 0);
        let layer = overlay.into_layer().unwrap();
        assert_eq!(layer.indices().collect::<Vec<_>>(), [BlockIndex(1)]);
        let mut block = [9; BLOCK_SIZE];
        assert!(layer.read(BlockIndex(1), &mut block).unwrap());
        assert!(!layer.read(BlockIndex(0), &mut [0; 7]).unwrap());
        assert_eq!(block[..904], [7; 904]);
        assert_eq!(block[904..], [0; BLOCK_SIZE - 904]);
    }

    #[test]
    fn a_block_written_with_the_bytes_it_had_is_no_change() {
        let base = Arc::new(disk(3 * BLOCK_SIZE));
        let lower = Overlay::new(base.clone());
        lower.write_at(ByteOffset::ZERO, &[9; BLOCK_SIZE]).unwrap();
        let shared = Arc::new(lower.into_layer().unwrap());
        let upper = Overlay::above(LayeredDisk::new(base.clone()).with(shared));
        upper.write_at(ByteOffset::ZERO, &[9; 100]).unwrap();
        upper.write_at(ByteOffset::new(4096), &base[4096..2 * 4096]).unwrap();
        upper.write_at(ByteOffset::new(2 * 4096), &[1]).unwrap();
        let layer = upper.into_layer().unwrap();
        assert_eq!(layer.indices().collect::<Vec<_>>(), [BlockIndex(2)]);
    }

    #[test]
    fn what_was_written_back_to_the_base_over_a_shared_layer_is_a_change() {
        let base = Arc::new(disk(BLOCK_SIZE));
        let lower = Overlay::new(base.clone());
        lower.write_at(ByteOffset::ZERO, &[9; BLOCK_SIZE]).unwrap();
        let upper =
            Overlay::above(LayeredDisk::new(base.clone()).with(Arc::new(lower.into_layer().unwrap())));
        upper.write_at(ByteOffset::ZERO, &base).unwrap();
        assert_eq!(upper.into_layer().unwrap().indices().count(), 1);
    }

    #[test]
    fn a_long_read_asks_the_base_once_for_every_run() {
        let base = Arc::new(CountingDisk { bytes: disk(100 * BLOCK_SIZE), reads: AtomicUsize::new(0) });
        let overlay = Overlay::new(base.clone());
        overlay.write_at(ByteOffset::new(50 * 4096), &[1; BLOCK_SIZE]).unwrap();
        assert_eq!(content(&overlay)[50 * 4096 - 1..=50 * 4096], [base.bytes[50 * 4096 - 1], 1]);
        assert_eq!(base.reads.load(Ordering::Relaxed), 2);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Write { at: usize, length: usize, byte: u8 },
        Rollback { at: usize, length: usize },
    }

    fn step() -> impl Strategy<Value = Step> {
        let (at, length) = (0..20_000_usize, 0..9_000_usize);
        prop_oneof![
            3 => (at.clone(), length.clone(), any::<u8>())
                .prop_map(|(at, length, byte)| Step::Write { at, length, byte }),
            1 => (at, length).prop_map(|(at, length)| Step::Rollback { at, length }),
        ]
    }

    /// A file that holds the blocks of another layer already.
    fn shared_file(folder: &Path) -> Arc<BlockFile> {
        let file = Arc::new(BlockFile::create(folder).unwrap());
        let other = Overlay::new(Arc::new(disk(3 * BLOCK_SIZE)));
        other.write_at(ByteOffset::ZERO, &[7; 3 * BLOCK_SIZE]).unwrap();
        other.into_layer().unwrap().into_file(&file).unwrap();
        file
    }

    /// The same step on an overlay and on plain bytes.
    fn apply(step: &Step, overlay: &Overlay, model: &mut [u8], below: &[u8]) {
        let clip = |at: usize, length: usize| {
            let at = at.min(model.len());
            (at, length.min(model.len() - at))
        };
        match *step {
            Step::Write { at, length, byte } => {
                let (at, length) = clip(at, length);
                overlay.write_at(ByteOffset::new(at as u64), &vec![byte; length]).unwrap();
                model[at..at + length].fill(byte);
            }
            Step::Rollback { at, length } => {
                let (at, length) = clip(at, length);
                overlay.rollback(ByteOffset::new(at as u64), ByteCount::new(length as u64)).unwrap();
                for start in (0..model.len()).step_by(BLOCK_SIZE) {
                    let end = (start + BLOCK_SIZE).min(model.len());
                    if start >= at && end <= at + length {
                        model[start..end].copy_from_slice(&below[start..end]);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn an_overlay_behaves_like_a_plain_copy_of_the_disk(
            size in 0..20_000_usize,
            lower_steps in prop::collection::vec(step(), 0..4),
            upper_steps in prop::collection::vec(step(), 0..8),
            at in 0..20_000_usize,
            length in 0..20_000_usize,
            in_file in any::<bool>(),
            shares_file in any::<bool>(),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let overlay = |below| {
                if in_file { Overlay::in_file(below, folder.path()).unwrap() } else { Overlay::above(below) }
            };
            let bytes = disk(size);
            let base: Arc<dyn ReadAt> = Arc::new(bytes.clone());
            let lower = overlay(LayeredDisk::new(base.clone()));
            let mut below = bytes.clone();
            for step in &lower_steps {
                apply(step, &lower, &mut below, &bytes);
            }
            let shared = LayeredDisk::new(base).with(Arc::new(lower.into_layer().unwrap()));
            let upper = overlay(shared.clone());
            let mut model = below.clone();
            for step in &upper_steps {
                apply(step, &upper, &mut model, &below);
            }
            prop_assert_eq!(content(&upper), &model[..]);
            let at = at.min(size);
            let length = length.min(size - at);
            let mut part = vec![0; length];
            upper.read_at(ByteOffset::new(at as u64), &mut part).unwrap();
            prop_assert_eq!(&part[..], &model[at..at + length]);

            let layer = upper.into_layer().unwrap();
            let layer = if shares_file { layer.into_file(&shared_file(folder.path())).unwrap() } else { layer };
            let layer = Arc::new(layer);
            let mut block = [0; BLOCK_SIZE];
            for index in layer.indices() {
                layer.read(index, &mut block).unwrap();
                let start = usize::try_from(index.start()).unwrap();
                let inside = BLOCK_SIZE.min(size - start);
                prop_assert_ne!(&block[..inside], &below[start..start + inside]);
                prop_assert!(block[inside..].iter().all(|byte| *byte == 0));
            }
            let mut over_below = below;
            layer.copy_onto(ByteOffset::ZERO, &mut over_below).unwrap();
            prop_assert_eq!(&over_below, &model);
            let mut over_part = vec![0; length];
            shared.read_at(ByteOffset::new(at as u64), &mut over_part).unwrap();
            layer.copy_onto(ByteOffset::new(at as u64), &mut over_part).unwrap();
            prop_assert_eq!(&over_part[..], &model[at..at + length]);
            prop_assert_eq!(content(&shared.with(layer)), model);
        }
    }
}
