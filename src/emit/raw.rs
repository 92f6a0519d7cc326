//! Raw, sparse images, one per node, in one pass over the base.

use super::{EmitError, PendingFile};
use crate::disk::{BLOCK_SIZE, BlockIndex, ByteCount, ByteOffset, DiskFile, Layer, ReadAt};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// How much of the base one worker takes at once: the size of an xz Block of the official images
/// (`xz -6` makes Blocks of 24 MiB), so that workers seldom decode the same Block.
const STRIPE: u64 = 24 << 20;

/// How much of a stripe is in memory at once.
const PIECE: usize = 1 << 20;

/// One image that is to be written.
pub struct RawTarget<'build> {
    /// Where it goes.
    pub path: &'build Path,
    /// What lies above the base, from the bottom up; later layers win.
    pub layers: Vec<&'build Layer>,
}

/// Writes every target: base, and above it the target's layers. All of them appear, or (when writing one
/// of them fails) none.
///
/// The base is read once, by `threads` workers; `progress` hears of the bytes of base that are done. The
/// bytes do not depend on the number of threads.
///
/// # Errors
/// When the base cannot be read or a file cannot be written; then every old file is untouched.
pub fn write_raw(
    base: &dyn ReadAt,
    targets: &[RawTarget<'_>],
    threads: usize,
    progress: &(dyn Fn(ByteCount) + Sync),
) -> Result<(), EmitError> {
    let mut pending = Vec::new();
    let mut images = Vec::new();
    for target in targets {
        // Images hold the node's tokens and password in clear.
        let file = PendingFile::create(target.path, true)?;
        let disk = file.file().and_then(std::fs::File::try_clone);
        let disk = disk.and_then(|disk| DiskFile::with_size(disk, base.size()));
        images.push(Image {
            path: target.path,
            layers: &target.layers,
            disk: disk.map_err(EmitError::write("creating", target.path))?,
        });
        pending.push(file);
    }
    Work::new(base, &images, progress).run_on(threads)?;
    drop(images);
    pending.into_iter().try_for_each(PendingFile::publish)
}

/// Unpacks a base into a nameless file in `scratch`, for whoever reads all over it.
///
/// # Errors
/// When the base cannot be read, or `scratch` has no room.
pub fn unpack(base: &dyn ReadAt, scratch: &Path) -> Result<DiskFile, EmitError> {
    let file = tempfile::tempfile_in(scratch).and_then(|file| DiskFile::with_size(file, base.size()));
    let disk = file.map_err(EmitError::write("unpacking into", scratch))?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let images = [Image { path: scratch, layers: &[], disk }];
    Work::new(base, &images, &|_| ()).run_on(threads)?;
    let [image] = images;
    Ok(image.disk)
}

/// One image being written.
struct Image<'build> {
    path: &'build Path,
    layers: &'build [&'build Layer],
    disk: DiskFile,
}

/// What the workers share.
struct Work<'build> {
    base: &'build dyn ReadAt,
    images: &'build [Image<'build>],
    /// The stripe that is to be taken next.
    next: AtomicU64,
    /// Set by the first worker that fails.
    stop: AtomicBool,
    progress: &'build (dyn Fn(ByteCount) + Sync),
}

impl<'build> Work<'build> {
    fn new(
        base: &'build dyn ReadAt,
        images: &'build [Image<'build>],
        progress: &'build (dyn Fn(ByteCount) + Sync),
    ) -> Self {
        Self { base, images, next: AtomicU64::new(0), stop: AtomicBool::new(false), progress }
    }

    fn run_on(&self, threads: usize) -> Result<(), EmitError> {
        thread::scope(|scope| {
            let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(|| self.run())).collect();
            let results = workers.into_iter().map(|worker| worker.join().unwrap_or(Err(EmitError::Worker)));
            results.fold(Ok(()), Result::and)
        })
    }

    fn run(&self) -> Result<(), EmitError> {
        let mut piece = vec![0; PIECE];
        let mut changed = vec![0; PIECE];
        while !self.stop.load(Ordering::Relaxed) {
            let stripe = self.next.fetch_add(1, Ordering::Relaxed);
            let start = stripe.saturating_mul(STRIPE);
            if start >= self.base.size().0 {
                return Ok(());
            }
            let end = start.saturating_add(STRIPE).min(self.base.size().0);
            let result = self.stripe(start, end, &mut piece, &mut changed);
            if result.is_err() {
                self.stop.store(true, Ordering::Relaxed);
                return result;
            }
        }
        Ok(())
    }

    fn stripe(&self, start: u64, end: u64, piece: &mut [u8], changed: &mut [u8]) -> Result<(), EmitError> {
        let mut at = start;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            let base = piece.get_mut(..length).unwrap_or_default();
            self.base.read_at(ByteOffset(at), base).map_err(EmitError::Base)?;
            for image in self.images {
                let ours = changed.get_mut(..length).unwrap_or_default();
                let patched = patch_piece(image.layers, at, base, ours).map_err(EmitError::Layer)?;
                let bytes: &[u8] = if patched { ours } else { base };
                image
                    .disk
                    .write_without_holes(ByteOffset(at), bytes)
                    .map_err(EmitError::write("writing", image.path))?;
            }
            (self.progress)(ByteCount(length as u64));
            at += length as u64;
        }
        Ok(())
    }
}

/// Copies `base` to `ours` with the blocks of `layers` in place, or does nothing and says so when no layer
/// has a block in there.
fn patch_piece(layers: &[&Layer], at: u64, base: &[u8], ours: &mut [u8]) -> io::Result<bool> {
    let first = BlockIndex(at / BLOCK_SIZE as u64);
    let end = BlockIndex((at + base.len() as u64).div_ceil(BLOCK_SIZE as u64));
    let mut copied = false;
    for layer in layers {
        for index in layer.indices_in(first..end) {
            if !copied {
                ours.copy_from_slice(base);
                copied = true;
            }
            // Pieces begin at block boundaries, so a block begins inside its piece; the last block of a
            // disk may reach beyond its end.
            let offset = usize::try_from(index.0 - first.0).unwrap_or_default().saturating_mul(BLOCK_SIZE);
            let place = ours.get_mut(offset..).unwrap_or_default();
            let length = place.len().min(BLOCK_SIZE);
            if let Some(place) = place.get_mut(..length) {
                layer.read(index, place)?;
            }
        }
    }
    Ok(copied)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Overlay, WriteAt as _};
    use std::sync::Arc;

    /// A disk of 3 MiB and a bit, with zeros in it and no whole number of blocks.
    fn base() -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..3 * PIECE + 1000).map(|at| u8::try_from(at / 7 % 251).unwrap()).collect();
        bytes[100_000..600_000].fill(0);
        bytes
    }

    #[test]
    fn an_image_is_the_base_with_its_layers_whatever_the_number_of_threads() {
        let base: Arc<dyn ReadAt> = Arc::new(base());
        let shared = Overlay::new(Arc::clone(&base), None);
        shared.write_at(ByteOffset(5), b"shared").unwrap();
        let shared = Arc::new(shared.into_layer().unwrap());
        let own = Overlay::new(Arc::clone(&base), Some(Arc::clone(&shared)));
        own.write_at(ByteOffset(PIECE as u64 - 3), b"across pieces").unwrap();
        own.write_at(ByteOffset(base.size().0 - 4), b"last").unwrap();
        let mut wanted = vec![0; usize::try_from(base.size().0).unwrap()];
        own.read_at(ByteOffset(0), &mut wanted).unwrap();
        let own = own.into_layer().unwrap();

        let folder = tempfile::tempdir().unwrap();
        for threads in [1, 2, 5] {
            let path = folder.path().join("north.img");
            let target = RawTarget { path: &path, layers: vec![&shared, &own] };
            write_raw(&*base, &[target], threads, &|_| ()).unwrap();
            assert!(std::fs::read(&path).unwrap() == wanted, "with {threads} threads");
        }
    }

    /// A base that fails half-way.
    struct Broken(Vec<u8>);
    impl ReadAt for Broken {
        fn size(&self) -> ByteCount {
            self.0.size()
        }
        fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> std::io::Result<()> {
            if offset.0 >= PIECE as u64 {
                Err(std::io::ErrorKind::InvalidData.into())
            } else {
                self.0.read_at(offset, buffer)
            }
        }
    }

    #[test]
    fn when_the_base_breaks_no_image_appears_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (north, east) = (folder.path().join("north.img"), folder.path().join("east.img"));
        std::fs::write(&north, "old").unwrap();
        let targets = [RawTarget { path: &north, layers: vec![] }, RawTarget { path: &east, layers: vec![] }];
        assert!(matches!(write_raw(&Broken(base()), &targets, 2, &|_| ()), Err(EmitError::Base(_))));
        assert_eq!(std::fs::read(&north).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
