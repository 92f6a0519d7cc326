//! What is to be written: a disk that all cards begin as, and what each card has above it.

use crate::io::{BLOCK_SIZE, BlockIndex, Layer, ReadAt, check_range};
use crate::types::number::{self, usize_from};
use crate::types::{ByteCount, ByteOffset};
use std::io;
use std::path::Path;

/// [`BLOCK_SIZE`] as the offsets count.
pub(super) const BLOCK: u64 = BLOCK_SIZE as u64;

/// What all cards have in common.
///
/// It is packed once for all of them, and packed parts of it may be kept in the cache: nothing in it may be
/// a secret.
pub struct Disk<'build> {
    /// The stock image, unpacked.
    pub base: &'build dyn ReadAt,
    /// What lies above it on every card, from the bottom up; later layers win.
    pub shared: Vec<&'build Layer>,
    /// How large the disk is: as large as the base, or larger. What is beyond the base is zeros.
    pub size: ByteCount,
}

/// One card.
pub struct Card<'build> {
    /// What it is called in `build.json` and manifests: the node.
    pub name: &'build str,
    /// What it has above the [`Disk`], from the bottom up; later layers win. Secrets belong here.
    pub layers: Vec<&'build Layer>,
    /// Where its image goes. `None` when none is wanted this time: then the card counts only for where the
    /// images of the others can differ.
    pub image: Option<&'build Path>,
}

impl ReadAt for Disk<'_> {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        check_range(offset, buffer.len(), self.size)?;
        let inside = number::excess(self.base.size().get(), offset.get());
        let (of_base, beyond) = buffer.split_at_mut(usize_from(inside).min(buffer.len()));
        beyond.fill(0);
        if !of_base.is_empty() {
            self.base.read_at(offset, of_base)?;
        }
        lay(&self.shared, offset.get(), buffer)
    }
}

/// Puts the blocks of some layers over the bytes that begin at `start` of the disk.
///
/// # Errors
/// When a layer cannot be read.
pub(super) fn lay(layers: &[&Layer], start: u64, bytes: &mut [u8]) -> io::Result<()> {
    let end = start + bytes.len() as u64;
    let blocks = BlockIndex(start / BLOCK)..BlockIndex(end.div_ceil(BLOCK));
    let mut block = [0; BLOCK_SIZE];
    for layer in layers {
        for index in layer.indices_in(blocks.clone()) {
            layer.read(index, &mut block)?;
            put(start, bytes, index.0 * BLOCK, &block);
        }
    }
    Ok(())
}

/// Puts `new`, which belongs at `at`, over the bytes that begin at `start`, as far as the two overlap.
pub(super) fn put(start: u64, bytes: &mut [u8], at: u64, new: &[u8]) {
    // How much of either lies before the other.
    let skipped = usize_from(number::excess(start, at)).min(new.len());
    let place = usize_from(number::excess(at, start)).min(bytes.len());
    let ((_, new), (_, bytes)) = (new.split_at(skipped), bytes.split_at_mut(place));
    let length = new.len().min(bytes.len());
    bytes.split_at_mut(length).0.copy_from_slice(new.split_at(length).0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Overlay, WriteAt as _};
    use std::sync::Arc;

    #[test]
    fn a_disk_is_its_base_with_the_shared_layers_and_zeros_beyond() {
        let base: Arc<dyn ReadAt> = Arc::new(vec![7; 10_000]);
        let overlay = Overlay::new(Arc::clone(&base));
        overlay.write_at(ByteOffset::new(4000), &[9; 200]).unwrap();
        let shared = overlay.into_layer().unwrap();
        let disk = Disk { base: &base, shared: vec![&shared], size: ByteCount::new(20_000) };
        let mut wanted = vec![0; 20_000];
        wanted[..10_000].fill(7);
        wanted[4000..4200].fill(9);
        for (at, length) in [(0, 20_000), (4001, 3), (4100, 100), (9000, 2000), (15_000, 5000), (20_000, 0)] {
            let mut bytes = vec![1; length];
            disk.read_at(ByteOffset::new(at as u64), &mut bytes).unwrap();
            assert!(bytes == wanted[at..at + length], "{length} at {at}");
        }
        assert!(disk.read_at(ByteOffset::new(19_999), &mut [0; 2]).is_err());
    }
}
