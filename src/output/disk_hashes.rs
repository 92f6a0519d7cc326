//! Hashes of the disks in images: for sidecar files that describe those. The disk that all nodes share is read once
//! for several images at a time.

use super::OutputError;
use super::image_job::Replica;
use super::sidecar::bmap;
use crate::io::{LayeredDisk, ReadAt as _, parallel};
use crate::types::number::{self, usize_from};
use crate::types::{ByteCount, Progress, Sha256, Stage};
use std::mem;
use std::ops::Range;

/// The part of the disk that is in memory at once: little enough to stay in the cache of a core while it is hashed
/// for every image.
const PIECE: usize = 256 << 10;

/// Hashes the disks of several images, as a whole where `whole` is wanted, and the parts that are mapped where a bmap
/// is.
///
/// # Errors
/// When the stock image cannot be read.
pub(super) fn hash_disks(
    disk: &LayeredDisk,
    replicas: &mut [Replica],
    whole: bool,
    threads: usize,
    progress: &dyn Progress,
) -> Result<(), OutputError> {
    let share = replicas.len().div_ceil(threads.max(1)).max(1);
    let total = ByteCount::new(disk.size().get() * replicas.len() as u64);
    let report = |more| progress.working(Stage::Hashing, more, total);
    parallel::map(threads, replicas.chunks_mut(share), |share| hash_share(disk, share, whole, &report))?;
    Ok(())
}

fn hash_share(
    disk: &LayeredDisk,
    share: &mut [Replica],
    whole: bool,
    report: &dyn Fn(ByteCount),
) -> Result<(), OutputError> {
    let size = disk.size();
    let mut all: Vec<_> = share.iter_mut().map(|replica| Hashing::new(replica, size, whole)).collect();
    let (mut shared, mut own) = (vec![0; PIECE], vec![0; PIECE]);
    for (offset, length) in size.chunks(PIECE) {
        let ((shared, _), (own, _)) = (shared.split_at_mut(length), own.split_at_mut(length));
        disk.read_at(offset, shared).map_err(OutputError::StockImage)?;
        for hashing in &mut all {
            own.copy_from_slice(shared);
            hashing.replica.job.layer.copy_onto(offset, own).map_err(OutputError::Layer)?;
            hashing.update(offset.get(), own);
        }
        report(ByteCount::new((length * all.len()) as u64));
    }
    all.into_iter().for_each(Hashing::finish);
    Ok(())
}

/// Hashes that grow as the bytes of a disk go by.
struct Hashing<'replica> {
    replica: &'replica mut Replica,
    whole: Option<Sha256>,
    /// All parts that are mapped, in order and apart. Those that are done are in the replica.
    mapped: Vec<Range<u64>>,
    /// Of the part that is not done yet.
    part: Sha256,
}

impl<'replica> Hashing<'replica> {
    fn new(replica: &'replica mut Replica, size: ByteCount, whole: bool) -> Self {
        let unused = replica.job.unused.as_ref();
        let mapped = unused.map_or_else(Vec::new, |unused| bmap::mapped(size, unused));
        Self { replica, whole: whole.then(Sha256::new), mapped, part: Sha256::new() }
    }

    /// Takes the bytes that begin at `at`.
    fn update(&mut self, at: u64, bytes: &[u8]) {
        if let Some(whole) = &mut self.whole {
            whole.update(bytes);
        }
        let end = at + bytes.len() as u64;
        let done = &mut self.replica.mapped;
        while let Some(part) = self.mapped.get(done.len()).filter(|part| part.start < end) {
            let within = |offset: u64| usize_from(number::excess(offset, at)).min(bytes.len());
            let (bytes, _) = bytes.split_at(within(part.end));
            self.part.update(bytes.split_at(within(part.start)).1);
            if part.end > end {
                return;
            }
            done.push((part.clone(), mem::take(&mut self.part).finalize()));
        }
    }

    fn finish(self) {
        self.replica.disk_sha256 = self.whole.map(Sha256::finalize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Overlay, WriteAt as _};
    use crate::output::tests::job;
    use crate::types::{ByteOffset, Digest};
    use std::sync::Arc;

    #[test]
    fn every_mapped_part_of_every_disk_is_hashed() {
        let bytes: Vec<u8> = (0..3 * (1 << 20) + 500).map(|at| u8::try_from(at / 3 % 251).unwrap()).collect();
        let disk = LayeredDisk::new(Arc::new(bytes.clone()));
        let folder = tempfile::tempdir().unwrap();
        let changed = [5, PIECE - 3, 2_000_000];
        for threads in [1, 2, 7] {
            let replica = |at: usize| {
                let overlay = Overlay::above(disk.clone());
                overlay.write_at(ByteOffset::new(at as u64), b"changed").unwrap();
                let mut job = job(folder.path().join(at.to_string()), overlay.into_layer().unwrap());
                job.unused = Some(vec![8192..12_288, 2_500_000..2_600_960, 2_700_001..2_700_002]);
                Replica::create(job, ByteCount::ZERO).unwrap()
            };
            let mut replicas: Vec<_> = changed.map(replica).into();
            hash_disks(&disk, &mut replicas, threads != 2, threads, &crate::types::Silent).unwrap();
            for (replica, at) in replicas.iter().zip(changed) {
                let mut content = bytes.clone();
                content[at..at + 7].copy_from_slice(b"changed");
                assert_eq!(replica.disk_sha256, (threads != 2).then(|| Digest::of(&content)));
                let mapped = [0..8192, 12_288..2_502_656, 2_600_960..bytes.len() as u64];
                assert_eq!(replica.mapped.iter().map(|(part, _)| part.clone()).collect::<Vec<_>>(), mapped);
                for (part, digest) in &replica.mapped {
                    assert_eq!(*digest, Digest::of(&content[usize_from(part.start)..usize_from(part.end)]));
                }
            }
        }
    }
}
