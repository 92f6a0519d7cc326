//! The engine below every format: many files that hold the same bytes, but for some places.
//!
//! The original is read once for several copies at a time; every copy is written and hashed on the way.
//! Where the filesystem can share blocks between files, they are shared, and only the places that differ
//! are written.

use super::OutputError;
use super::image_job::put;
use crate::io::sync::flush_and_forget;
use crate::io::{AtomicFile, DiskFile, ReadAt, WriteAt as _};
use crate::types::Digest;
use crate::types::Sha256;
use crate::types::number::usize_from;
use crate::types::{ByteCount, ByteOffset};
use std::borrow::Cow;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

/// How much of the original is in memory at once: little enough to stay in the cache of a core while every copy
/// is hashed and written.
const PIECE: usize = 256 << 10;

/// The most copies that one worker makes at a time.
const MOST_AT_ONCE: usize = 4;

/// After how much of a copy the disk is set to work on it. Were all left to the end, all would wait for the
/// disk there.
const FLUSH_EVERY: u64 = 64 << 20;

/// What a copy has in place of the bytes of the original.
pub(super) struct Change<'work> {
    /// Where it begins.
    pub(super) at: u64,
    /// What stands there.
    pub(super) bytes: Cow<'work, [u8]>,
}

impl Change<'_> {
    fn range(&self) -> Range<u64> {
        self.at..self.at + self.bytes.len() as u64
    }
}

/// A file that holds the bytes of the original but for some places, and of which the original may be longer.
pub(super) struct Kin<'work> {
    /// The file.
    pub(super) file: &'work File,
    /// The places, in order and apart. All that the original has beyond the file is zeros, or one of them.
    pub(super) differs: Vec<Range<u64>>,
}

/// Copies that are to be made.
pub(super) struct Copies<'work> {
    /// What they are copies of.
    pub(super) original: &'work dyn ReadAt,
    /// A file to share blocks with.
    pub(super) kin: Option<Kin<'work>>,
    /// Whether blocks of zeros are left out.
    pub(super) sparse: bool,
    /// Whether they are hashed. Otherwise, where blocks are shared, only what differs is ever looked at.
    pub(super) hashed: bool,
    /// Where they go.
    pub(super) paths: Vec<&'work Path>,
    /// In which places, in order and apart, the copy of that number differs from the original.
    pub(super) changes: &'work (dyn Fn(usize) -> Result<Vec<Change<'work>>, OutputError> + Sync),
}

/// A copy that is whole, and flushed to the disk, but does not have its name yet.
pub(super) struct Copied {
    pub(super) file: AtomicFile,
    /// Its SHA-256, where that is wanted.
    pub(super) digest: Option<Digest>,
    /// How long the worker that made it was at work, perhaps on some others as well.
    pub(super) elapsed: Duration,
}

impl Copies<'_> {
    /// Makes the copies, on so many threads. What they hold does not depend on the number. `progress` hears
    /// of every piece of every copy.
    ///
    /// # Errors
    /// When the original cannot be read or a copy cannot be written; then nothing is left behind.
    pub(super) fn make(
        &self,
        threads: usize,
        progress: &(dyn Fn(ByteCount) + Sync),
    ) -> Result<Vec<Copied>, OutputError> {
        let mut copies = Vec::new();
        for (number, path) in self.paths.iter().enumerate() {
            // Images hold the node's tokens and password in clear.
            copies.push(Copy::begin(number, path, self.original.size())?);
        }
        let differs = self.share_blocks(&mut copies, progress)?;
        // One of them may be done by now.
        let waiting: Vec<&mut Copy> = copies.iter_mut().filter(|copy| copy.elapsed.is_none()).collect();
        let batch = waiting.len().div_ceil(threads.max(1)).clamp(1, MOST_AT_ONCE);
        let work = Work { copies: self, differs, stop: AtomicBool::new(false), progress };
        work.run(waiting, batch, threads)?;
        let done = copies.into_iter().map(|copy| {
            let elapsed = copy.elapsed.ok_or(OutputError::Worker)?;
            Ok(Copied { file: copy.file, digest: copy.digest, elapsed })
        });
        done.collect()
    }

    /// Lets the copies begin with blocks of a file that is nearly what they are to be. Gives the places where
    /// what they begin with differs from the original; `None` where they begin empty, because the filesystem
    /// cannot share blocks, or there is nobody to share with.
    ///
    /// ```text
    /// stock image ──▶ north ──▶ east, south, west     it differs in what all cards get: made once, in north
    /// stock image ──▶ north, east, south, west        it is the original: they are made side by side
    ///                 north ──▶ east, south, west     there is none, or it is on another filesystem
    /// ```
    fn share_blocks(
        &self,
        copies: &mut [Copy],
        progress: &(dyn Fn(ByteCount) + Sync),
    ) -> Result<Option<Vec<Range<u64>>>, OutputError> {
        let [first, others @ ..] = copies else { return Ok(None) };
        let shared = self.kin.as_ref().filter(|kin| first.share(kin.file).is_ok());
        let differs = shared.map(|kin| kin.differs.clone());
        if let Some(Kin { file, differs }) = shared
            && differs.is_empty()
        {
            others.iter_mut().try_for_each(|other| other.must_share(file))?;
        }
        if others.is_empty() || differs.as_ref().is_some_and(Vec::is_empty) {
            return Ok(differs);
        }
        let file = first.file.file().try_clone();
        let file = file.map_err(OutputError::write("creating", first.file.path()))?;
        // Tried with one that is still empty, before anything depends on it.
        if differs.is_none() && others.first_mut().is_none_or(|probe| probe.share(&file).is_err()) {
            return Ok(None);
        }
        let work = Work { copies: self, differs, stop: AtomicBool::new(false), progress };
        work.copy(&mut [first], &|_| ())?;
        others.iter_mut().try_for_each(|other| other.must_share(&file))?;
        Ok(Some((self.changes)(first.number)?.iter().map(Change::range).collect()))
    }
}

/// A copy that is being made.
struct Copy {
    number: usize,
    file: AtomicFile,
    disk: DiskFile,
    digest: Option<Digest>,
    /// `None` until it is whole.
    elapsed: Option<Duration>,
}

impl Copy {
    fn begin(number: usize, path: &Path, size: ByteCount) -> Result<Self, OutputError> {
        let file = AtomicFile::create(path, true)?;
        let disk = file.file().try_clone().and_then(|file| DiskFile::with_size(file, size));
        let disk = disk.map_err(OutputError::write("creating", path))?;
        Ok(Self { number, file, disk, digest: None, elapsed: None })
    }

    /// Lets it begin with the blocks of `from`, which is no longer than it will be; what is behind them is a hole.
    ///
    /// The file is emptied first: a clone whose end is no multiple of the filesystem's blocks may not end
    /// inside another file (ioctl_ficlonerange(2), EINVAL).
    fn share(&mut self, from: &File) -> std::io::Result<()> {
        let size = self.disk.size();
        self.file.file().set_len(0)?;
        let shared = self.file.share(from);
        self.disk = DiskFile::with_size(self.file.file().try_clone()?, size)?;
        shared
    }

    /// As [`share`](Self::share), where it is known to be possible.
    fn must_share(&mut self, from: &File) -> Result<(), OutputError> {
        self.share(from).map_err(OutputError::write("writing", self.file.path()))
    }
}

/// What the workers share.
struct Work<'run, 'work> {
    copies: &'run Copies<'work>,
    /// Where the files, which hold the bytes of the original already, do not; `None` when they are empty.
    differs: Option<Vec<Range<u64>>>,
    /// Set by the first worker that fails.
    stop: AtomicBool,
    progress: &'run (dyn Fn(ByteCount) + Sync),
}

impl Work<'_, '_> {
    fn run(&self, copies: Vec<&mut Copy>, batch: usize, threads: usize) -> Result<(), OutputError> {
        let mut batches: Vec<Vec<&mut Copy>> = Vec::new();
        for copy in copies {
            match batches.last_mut().filter(|last| last.len() < batch) {
                Some(last) => last.push(copy),
                None => batches.push(vec![copy]),
            }
        }
        let workers = threads.clamp(1, batches.len().max(1));
        let batches = Mutex::new(batches.into_iter());
        thread::scope(|scope| {
            let (to_flusher, to_flush) = mpsc::channel::<File>();
            // While the disk works, so do the other threads.
            let flusher = scope.spawn(move || to_flush.iter().try_for_each(|file| flush_and_forget(&file)));
            let spawn =
                |to_flusher: mpsc::Sender<File>| scope.spawn(|| self.take_turns(&batches, to_flusher));
            let workers: Vec<_> = (0..workers).map(|_| spawn(to_flusher.clone())).collect();
            drop(to_flusher);
            let results = workers.into_iter().map(|worker| worker.join().unwrap_or(Err(OutputError::Worker)));
            let all_made = results.fold(Ok(()), Result::and);
            let on_disk = flusher.join().map_err(|_| OutputError::Worker)?;
            let first = self.copies.paths.first().copied().unwrap_or(Path::new("."));
            all_made.and_then(|()| on_disk.map_err(OutputError::write("flushing", first)))
        })
    }

    /// Makes one batch after the other, until there is none left.
    fn take_turns<'copy>(
        &self,
        batches: &Mutex<impl Iterator<Item = Vec<&'copy mut Copy>>>,
        to_flusher: mpsc::Sender<File>,
    ) -> Result<(), OutputError> {
        // The last one that is dropped tells the flusher that nothing more will come.
        let to_flusher = to_flusher;
        loop {
            let batch = batches.lock().map_err(|_| OutputError::Worker)?.next();
            let Some(mut batch) = batch.filter(|_| !self.stop.load(Ordering::Relaxed)) else { return Ok(()) };
            let result = self.copy(&mut batch, &|copy: &Copy| {
                if let Ok(file) = copy.file.file().try_clone() {
                    // The flusher ends early only with an error, which is told when it is joined.
                    let _ = to_flusher.send(file);
                }
            });
            self.stop.fetch_or(result.is_err(), Ordering::Relaxed);
            result?;
        }
    }

    /// Makes some copies in one pass over the original. `flush` hears now and then of each.
    fn copy(&self, copies: &mut [&mut Copy], flush: &dyn Fn(&Copy)) -> Result<(), OutputError> {
        let started = Instant::now();
        let original = self.copies.original;
        let changes = copies.iter().map(|copy| (self.copies.changes)(copy.number));
        let changes = changes.collect::<Result<Vec<_>, _>>()?;
        let mut hashers = vec![self.copies.hashed.then(Sha256::new); copies.len()];
        let (mut piece, mut own) = (vec![0; PIECE], vec![0; PIECE]);
        let mut at = 0;
        while at < original.size().get() && !self.stop.load(Ordering::Relaxed) {
            let length = usize_from(original.size().get() - at).min(PIECE);
            let ((piece, _), (own, _)) = (piece.split_at_mut(length), own.split_at_mut(length));
            let range = at..at + length as u64;
            if self.copies.hashed || self.writes_into(&range, &changes) {
                original.read_at(ByteOffset::new(at), piece).map_err(OutputError::StockImage)?;
            }
            for ((copy, changes), hasher) in copies.iter().zip(&changes).zip(&mut hashers) {
                let changes = overlapping(changes, &range, Change::range);
                let bytes = if changes.is_empty() {
                    &*piece
                } else {
                    own.copy_from_slice(piece);
                    for change in changes {
                        put(at, own, change.at, &change.bytes);
                    }
                    &*own
                };
                let written = self.write(copy, at, bytes, changes);
                written.map_err(OutputError::write("writing", copy.file.path()))?;
                if let Some(hasher) = hasher {
                    hasher.update(bytes);
                }
            }
            (self.progress)(ByteCount::new((length * copies.len()) as u64));
            at = range.end;
            if at.is_multiple_of(FLUSH_EVERY) || at == original.size().get() {
                for copy in &*copies {
                    flush(copy);
                }
            }
        }
        for (copy, hasher) in copies.iter_mut().zip(hashers) {
            copy.digest = hasher.map(Sha256::finalize);
            copy.elapsed = Some(started.elapsed());
        }
        Ok(())
    }

    /// Whether a range of a file is written to by copies with these changes.
    fn writes_into(&self, range: &Range<u64>, changes: &[Vec<Change<'_>>]) -> bool {
        let Some(differs) = &self.differs else { return true };
        let is_changed = |changes: &Vec<_>| !overlapping(changes, range, Change::range).is_empty();
        !overlapping(differs, range, Range::clone).is_empty() || changes.iter().any(is_changed)
    }

    fn write(&self, copy: &Copy, at: u64, bytes: &[u8], changes: &[Change<'_>]) -> std::io::Result<()> {
        let Some(differs) = &self.differs else {
            return if self.copies.sparse {
                copy.disk.write_without_holes(ByteOffset::new(at), bytes)
            } else {
                copy.disk.write_at(ByteOffset::new(at), bytes)
            };
        };
        let range = at..at + bytes.len() as u64;
        let differs = overlapping(differs, &range, Range::clone).iter().cloned();
        for place in differs.chain(changes.iter().map(Change::range)) {
            let start = place.start.max(range.start);
            let within = |offset: u64| usize_from(offset - at);
            let (bytes, _) = bytes.split_at(within(place.end.min(range.end)));
            copy.disk.write_at(ByteOffset::new(start), bytes.split_at(within(start)).1)?;
        }
        Ok(())
    }
}

/// Those of some places, which are in order and apart, that overlap a range.
fn overlapping<'all, T>(all: &'all [T], range: &Range<u64>, place: impl Fn(&T) -> Range<u64>) -> &'all [T] {
    let first = all.partition_point(|one| place(one).end <= range.start);
    let behind = all.partition_point(|one| place(one).start < range.end);
    all.split_at(behind).0.split_at(first).1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn original() -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..3 * PIECE + 1000).map(|at| u8::try_from(at / 7 % 251).unwrap()).collect();
        bytes[100_000..600_000].fill(0);
        bytes
    }

    /// Where copy `number` of `count` differs from the original: over the edge of two pieces, at the start,
    /// at the end, with zeros.
    fn changes(number: usize) -> Vec<Change<'static>> {
        let change = |at: usize, bytes: &'static [u8]| Change { at: at as u64, bytes: Cow::from(bytes) };
        match number % 3 {
            0 => vec![change(0, b"first"), change(PIECE - 3, b"across pieces")],
            1 => vec![change(9000, &[0; 5000]), change(3 * PIECE + 996, b"last")],
            _ => vec![],
        }
    }

    fn expected(number: usize) -> Vec<u8> {
        let mut bytes = original();
        for change in changes(number) {
            let at = usize::try_from(change.at).unwrap();
            bytes[at..at + change.bytes.len()].copy_from_slice(&change.bytes);
        }
        bytes
    }

    fn make(folder: &Path, count: usize, threads: usize, sparse: bool, hashed: bool, shared: Option<&File>) {
        let original = original();
        let paths: Vec<_> = (0..count).map(|number| folder.join(format!("{number}.img"))).collect();
        let copies = Copies {
            original: &original,
            kin: shared.map(|file| Kin { file, differs: Vec::new() }),
            sparse,
            hashed,
            paths: paths.iter().map(std::path::PathBuf::as_path).collect(),
            changes: &|number| Ok(changes(number)),
        };
        let told = std::sync::atomic::AtomicU64::new(0);
        let tell = |more: ByteCount| {
            told.fetch_add(more.get(), Ordering::Relaxed);
        };
        let made = copies.make(threads, &tell).unwrap();
        assert_eq!(told.into_inner(), (original.len() * count) as u64);
        for (number, copied) in made.into_iter().enumerate() {
            assert_eq!(copied.digest, hashed.then(|| Digest::of(&expected(number))));
            copied.file.publish().unwrap();
            assert!(std::fs::read(&paths[number]).unwrap() == expected(number), "copy {number}");
        }
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), count);
    }

    #[test]
    fn a_copy_is_the_original_with_its_changes_whatever_the_number_of_threads() {
        for (count, threads, sparse) in [(1, 1, true), (3, 1, false), (3, 2, true), (13, 5, false)] {
            for hashed in [true, false] {
                make(tempfile::tempdir().unwrap().path(), count, threads, sparse, hashed, None);
            }
        }
    }

    #[test]
    fn a_copy_may_share_its_blocks_with_the_original() {
        use std::io::Write as _;
        // Where the filesystem cannot, this is the test above once more.
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&original()).unwrap();
        for hashed in [true, false] {
            make(tempfile::tempdir().unwrap().path(), 4, 2, true, hashed, Some(&file));
        }
    }

    /// An original that fails half-way.
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
    fn when_the_original_breaks_no_copy_appears_and_the_old_one_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (north, east) = (folder.path().join("north.img"), folder.path().join("east.img"));
        std::fs::write(&north, "old").unwrap();
        let copies = Copies {
            original: &Broken(original()),
            kin: None,
            sparse: true,
            hashed: true,
            paths: vec![&north, &east],
            changes: &|_| Ok(Vec::new()),
        };
        assert!(matches!(copies.make(2, &|_| ()), Err(OutputError::StockImage(_))));
        drop(copies);
        assert_eq!(std::fs::read(&north).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
