//! The engine below every format: many files with the bytes of one template, except where nodes differ.
//!
//! ```text
//! template   ░░░░░░░░░░░░░░░░░░░░░░░░     a disk, or a compressed file of one (`template/`)
//! north      ░░░░N░░░░░N░░░░░░░░░░NN░     N, E: the changes of each node
//! east       ░░░░E░░░░░E░░░░░░░░░░EE░
//! ```
//!
//! The template is read once for several replicas at a time; each is written and hashed on the way. Where the
//! filesystem can share blocks between files (FICLONE, clonefile), they are shared, and only what differs is written:
//!
//! ```text
//! stock image ──▶ north ──▶ east, south, west     it differs in what all nodes share: written once, in north
//! stock image ──▶ north, east, south, west        it is the template: they are written side by side
//!                 north ──▶ east, south, west     there is none, or it is on another filesystem
//! ```

use super::OutputError;
use super::image_job::{ImageJob, Replica};
use super::regions::overlapping;
use crate::io::sync::flush_and_forget;
use crate::io::{Layer, ReadAt, WriteAt as _, parallel};
use crate::types::number::{self, usize_from};
use crate::types::{ByteCount, ByteOffset, Sha256};
use std::fs::File;
use std::io;
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// The part of the template that is in memory at once: little enough to stay in the cache of a core while every replica
/// is hashed and written.
const PIECE: usize = 256 << 10;

/// The most replicas that one worker writes at a time.
const MOST_AT_ONCE: usize = 4;

/// After how much of a replica the disk is set to work on it. Were all left to the end, all would wait for the
/// disk there.
const FLUSH_EVERY: u64 = 64 << 20;

/// Bytes that a replica has in place of those of the template.
pub(super) struct Change {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

impl Change {
    fn range(&self) -> Range<u64> {
        self.at..self.at + self.bytes.len() as u64
    }

    /// Copies the bytes over those that begin at `start`, as far as the two overlap.
    fn copy_onto(&self, start: u64, bytes: &mut [u8]) {
        // How much of either lies before the other.
        let skipped = usize_from(number::excess(start, self.at)).min(self.bytes.len());
        let place = usize_from(number::excess(self.at, start)).min(bytes.len());
        let ((_, new), (_, bytes)) = (self.bytes.split_at(skipped), bytes.split_at_mut(place));
        let length = new.len().min(bytes.len());
        bytes.split_at_mut(length).0.copy_from_slice(new.split_at(length).0);
    }
}

/// A file to share blocks with: it holds the bytes of the template except in some places, and may be shorter.
#[derive(Clone)]
pub(super) struct BlockSource<'work> {
    pub(super) file: &'work File,
    /// The places, in order and apart. All that the template has behind the end of the file is zeros, or one of them.
    pub(super) differs: Vec<Range<u64>>,
}

/// Replicas of one template that are to be written.
pub(super) struct Replication<'work> {
    pub(super) template: &'work dyn ReadAt,
    /// Returns the error of reading the template.
    pub(super) unreadable: fn(io::Error) -> OutputError,
    pub(super) block_source: Option<BlockSource<'work>>,
    /// Leaves blocks of zeros out.
    pub(super) sparse: bool,
    /// Hashes the files. Otherwise, where blocks are shared, only what differs is ever looked at.
    pub(super) hashed: bool,
    /// Returns what a node with this layer changes, in order and apart.
    pub(super) changes: &'work (dyn Fn(&Layer) -> Result<Vec<Change>, OutputError> + Sync),
    pub(super) threads: usize,
    /// Called with the number of bytes of every piece of every replica.
    pub(super) progress: &'work (dyn Fn(ByteCount) + Sync),
}

impl Replication<'_> {
    /// Writes the replicas, and flushes them to the disk. What they hold does not depend on the number of threads.
    ///
    /// # Errors
    /// When the template cannot be read or a replica cannot be written; then nothing is left behind.
    pub(super) fn write(&self, jobs: Vec<ImageJob>) -> Result<Vec<Replica>, OutputError> {
        let size = self.template.size();
        let replicas = jobs.into_iter().map(|job| Replica::create(job, size));
        let mut replicas = replicas.collect::<Result<Vec<_>, _>>()?;
        let differs = self.share_blocks(&mut replicas)?;
        // One of them may be done by now.
        let mut waiting: Vec<_> = replicas.iter_mut().filter(|replica| replica.elapsed.is_none()).collect();
        Pass { replication: self, differs, stop: AtomicBool::new(false) }.run(&mut waiting)?;
        Ok(replicas)
    }

    /// Lets the replicas begin with blocks of a file that is nearly what they are to be. Returns the places where
    /// what they begin with differs from the template; `None` where they begin empty.
    fn share_blocks(&self, replicas: &mut [Replica]) -> Result<Option<Vec<Range<u64>>>, OutputError> {
        let [first, others @ ..] = replicas else { return Ok(None) };
        let source = self.block_source.clone().filter(|source| can_share(first, source.file, "stock image"));
        if let Some(BlockSource { file, differs }) = &source
            && differs.is_empty()
        {
            others.iter_mut().try_for_each(|other| must_share(other, file))?;
        }
        let differs = source.map(|source| source.differs);
        if others.is_empty() || differs.as_ref().is_some_and(Vec::is_empty) {
            return Ok(differs);
        }
        let file = first.file.file().try_clone();
        let file = file.map_err(OutputError::write("creating", first.file.path()))?;
        // Tried with one that is still empty, before anything depends on it.
        if differs.is_none() && others.first_mut().is_none_or(|probe| !can_share(probe, &file, "first image"))
        {
            return Ok(None);
        }
        Pass { replication: self, differs, stop: AtomicBool::new(false) }.copy(&mut [first], &|_| ())?;
        others.iter_mut().try_for_each(|other| must_share(other, &file))?;
        Ok(Some((self.changes)(&first.job.layer)?.iter().map(Change::range).collect()))
    }
}

fn can_share(replica: &mut Replica, from: &File, what: &str) -> bool {
    let shared = replica.share(from);
    if let Err(error) = &shared {
        let path = replica.file.path().display();
        tracing::debug!("{path} cannot share the blocks of the {what}: {error}");
    }
    shared.is_ok()
}

/// Shares blocks where it is known to be possible.
fn must_share(replica: &mut Replica, from: &File) -> Result<(), OutputError> {
    replica.share(from).map_err(OutputError::write("writing", replica.file.path()))
}

/// One pass over the template, with all workers, for replicas that begin alike.
struct Pass<'run, 'work> {
    replication: &'run Replication<'work>,
    /// The places where the files, which hold the bytes of the template already, do not; `None` when they are empty.
    differs: Option<Vec<Range<u64>>>,
    /// Set by the first worker that fails: the others need not go on to the end of what they are at.
    stop: AtomicBool,
}

/// A replica, while it is written.
struct Writing<'replica> {
    replica: &'replica mut Replica,
    changes: Vec<Change>,
    hasher: Option<Sha256>,
}

impl Pass<'_, '_> {
    fn run(&self, replicas: &mut [&mut Replica]) -> Result<(), OutputError> {
        let Some(first) = replicas.first().map(|first| first.file.path().to_owned()) else { return Ok(()) };
        let threads = self.replication.threads.max(1);
        let batch = replicas.len().div_ceil(threads).clamp(1, MOST_AT_ONCE);
        thread::scope(|scope| {
            let (to_flusher, to_flush) = mpsc::channel::<File>();
            // While the disk works, so do the other threads.
            let flusher = scope.spawn(move || to_flush.iter().try_for_each(|file| flush_and_forget(&file)));
            let flush = |file: &File| {
                let sent = file.try_clone().map(|file| to_flusher.send(file));
                // Publishing it flushes it once more, and tells why that fails.
                if !matches!(sent, Ok(Ok(()))) {
                    tracing::debug!("a file is flushed only at the end");
                }
            };
            let threads = threads.min(replicas.len().div_ceil(batch));
            let written = parallel::map(threads, replicas.chunks_mut(batch), |batch| {
                let copied = self.copy(batch, &flush);
                self.stop.fetch_or(copied.is_err(), Ordering::Relaxed);
                copied
            });
            // The flusher ends when nothing more can come.
            drop(to_flusher);
            let on_disk = flusher.join().unwrap_or_else(|panic| resume_unwind(panic));
            written.and_then(|_: Vec<()>| on_disk.map_err(OutputError::write("flushing", &first)))
        })
    }

    /// Writes some replicas in one pass over the template. `flush` is called with each file now and then.
    fn copy(&self, replicas: &mut [&mut Replica], flush: &dyn Fn(&File)) -> Result<(), OutputError> {
        let started = Instant::now();
        let Replication { template, hashed, changes, progress, .. } = self.replication;
        let writing = replicas.iter_mut().map(|replica| {
            let changes = changes(&replica.job.layer)?;
            Ok(Writing { replica, changes, hasher: hashed.then(Sha256::new) })
        });
        let mut writing = writing.collect::<Result<Vec<_>, OutputError>>()?;
        let size = template.size();
        let (mut shared, mut own) = (vec![0; PIECE], vec![0; PIECE]);
        for (offset, length) in size.chunks(PIECE).take_while(|_| !self.stop.load(Ordering::Relaxed)) {
            let range = offset.get()..offset.get() + length as u64;
            let ((shared, _), (own, _)) = (shared.split_at_mut(length), own.split_at_mut(length));
            if *hashed || self.is_written(&range, &writing) {
                template.read_at(offset, shared).map_err(self.replication.unreadable)?;
                for one in &mut writing {
                    self.write_piece(one, &range, shared, own)?;
                }
            }
            progress(ByteCount::new((length * writing.len()) as u64));
            if range.end.is_multiple_of(FLUSH_EVERY) || range.end == size.get() {
                for one in &writing {
                    flush(one.replica.file.file());
                }
            }
        }
        for one in writing {
            one.replica.sha256 = one.hasher.map(Sha256::finalize);
            one.replica.elapsed = Some(started.elapsed());
        }
        Ok(())
    }

    /// Writes and hashes a piece of one replica. `shared` are the bytes of the template, `own` is room for others.
    fn write_piece(
        &self,
        one: &mut Writing<'_>,
        range: &Range<u64>,
        shared: &[u8],
        own: &mut [u8],
    ) -> Result<(), OutputError> {
        let changes = overlapping(&one.changes, range, Change::range);
        let bytes = if changes.is_empty() {
            shared
        } else {
            own.copy_from_slice(shared);
            for change in changes {
                change.copy_onto(range.start, own);
            }
            own
        };
        let written = self.write_bytes(one.replica, range, bytes, changes);
        written.map_err(OutputError::write("writing", one.replica.file.path()))?;
        if let Some(hasher) = &mut one.hasher {
            hasher.update(bytes);
        }
        Ok(())
    }

    /// Returns whether a range of a file is written to for some replica.
    fn is_written(&self, range: &Range<u64>, writing: &[Writing<'_>]) -> bool {
        let Replication { template, sparse, .. } = self.replication;
        let is_in_template = match &self.differs {
            Some(differs) => !overlapping(differs, range, Range::clone).is_empty(),
            None => !sparse || template.next_data(ByteOffset::new(range.start)).get() < range.end,
        };
        let is_changed = |one: &Writing<'_>| !overlapping(&one.changes, range, Change::range).is_empty();
        is_in_template || writing.iter().any(is_changed)
    }

    fn write_bytes(
        &self,
        replica: &Replica,
        range: &Range<u64>,
        bytes: &[u8],
        changes: &[Change],
    ) -> std::io::Result<()> {
        let Some(differs) = &self.differs else {
            let offset = ByteOffset::new(range.start);
            return if self.replication.sparse {
                replica.bytes.write_without_holes(offset, bytes)
            } else {
                replica.bytes.write_at(offset, bytes)
            };
        };
        let differs = overlapping(differs, range, Range::clone).iter().cloned();
        for place in differs.chain(changes.iter().map(Change::range)) {
            let start = place.start.max(range.start);
            let within = |offset: u64| usize_from(offset - range.start);
            let (bytes, _) = bytes.split_at(within(place.end.min(range.end)));
            replica.bytes.write_at(ByteOffset::new(start), bytes.split_at(within(start)).1)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::Overlay;
    use crate::output::tests::job;
    use crate::types::Digest;
    use std::path::Path;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU64;

    const LENGTH: usize = 3 * PIECE + 1000;

    fn template() -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..LENGTH).map(|at| u8::try_from(at / 7 % 251).unwrap()).collect();
        bytes[100_000..600_000].fill(0);
        bytes
    }

    /// A layer that says which replica it is of, by the block that it has.
    fn layer(number: usize) -> Layer {
        let overlay = Overlay::new(Arc::new(vec![0; 100 * 4096]));
        overlay.write_at(ByteOffset::new(number as u64 * 4096), &[1]).unwrap();
        overlay.into_layer().unwrap()
    }

    /// The places where a replica differs from the template: over the edge of two pieces, at the start, at the end,
    /// with zeros.
    fn changes(number: u64) -> Vec<Change> {
        let change = |at: u64, bytes: &[u8]| Change { at, bytes: bytes.to_vec() };
        match number % 3 {
            0 => vec![change(0, b"first"), change(PIECE as u64 - 3, b"across pieces")],
            1 => vec![change(9000, &[0; 5000]), change(LENGTH as u64 - 4, b"last")],
            _ => vec![],
        }
    }

    fn expected(number: u64) -> Vec<u8> {
        let mut bytes = template();
        for change in changes(number) {
            let at = usize_from(change.at);
            bytes[at..at + change.bytes.len()].copy_from_slice(&change.bytes);
        }
        bytes
    }

    fn write(folder: &Path, count: usize, threads: usize, sparse: bool, hashed: bool, shared: Option<&File>) {
        let template = template();
        let reported = AtomicU64::new(0);
        let replication = Replication {
            template: &template,
            unreadable: OutputError::Template,
            block_source: shared.map(|file| BlockSource { file, differs: Vec::new() }),
            sparse,
            hashed,
            changes: &|layer| Ok(changes(layer.indices().next().unwrap().get())),
            threads,
            progress: &|more| {
                reported.fetch_add(more.get(), Ordering::Relaxed);
            },
        };
        let jobs = (0..count).map(|number| job(folder.join(format!("{number}.img")), layer(number)));
        let replicas = replication.write(jobs.collect()).unwrap();
        assert_eq!(reported.into_inner(), (template.len() * count) as u64);
        for (number, replica) in replicas.into_iter().enumerate() {
            let expected = expected(number as u64);
            assert_eq!(replica.sha256, hashed.then(|| Digest::of(&expected)));
            assert!(replica.elapsed.is_some());
            let path = replica.job.path;
            replica.file.publish().unwrap();
            assert!(std::fs::read(&path).unwrap() == expected, "replica {number}");
        }
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), count);
    }

    #[test]
    fn a_replica_is_the_template_with_its_changes_whatever_the_number_of_threads() {
        for (count, threads, sparse) in [(1, 1, true), (3, 1, false), (3, 2, true), (13, 5, false)] {
            for hashed in [true, false] {
                write(tempfile::tempdir().unwrap().path(), count, threads, sparse, hashed, None);
            }
        }
    }

    #[test]
    fn a_replica_may_share_its_blocks_with_the_template() {
        use std::io::Write as _;
        // Where the filesystem cannot, this is the test above once more.
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&template()).unwrap();
        for hashed in [true, false] {
            write(tempfile::tempdir().unwrap().path(), 4, 2, true, hashed, Some(&file));
        }
    }

    /// A template that fails half-way.
    struct Broken(Vec<u8>);
    impl ReadAt for Broken {
        fn size(&self) -> ByteCount {
            self.0.size()
        }
        fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> std::io::Result<()> {
            if offset.get() >= PIECE as u64 {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            self.0.read_at(offset, buffer)
        }
    }

    #[test]
    fn when_the_template_breaks_no_replica_appears_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let north = folder.path().join("north.img");
        std::fs::write(&north, "old").unwrap();
        let replication = Replication {
            template: &Broken(template()),
            unreadable: OutputError::Template,
            block_source: None,
            sparse: true,
            hashed: true,
            changes: &|_| Ok(Vec::new()),
            threads: 2,
            progress: &|_| (),
        };
        let jobs = vec![job(north.clone(), layer(0)), job(folder.path().join("east.img"), layer(1))];
        assert!(matches!(replication.write(jobs), Err(OutputError::Template(_))));
        assert_eq!(std::fs::read(&north).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
