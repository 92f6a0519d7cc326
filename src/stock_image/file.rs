//! The file of a stock image as it was given, and its SHA-256, which is computed once, perhaps in the background.

use super::error::StockImageError;
use super::known_digests::KnownDigests;
use crate::formats::FormatError;
use crate::io::cursor::Cursor;
use crate::io::plain_file::{self, NotPlain};
use crate::io::{DiskFile, ReadAt, temporary};
use crate::types::Digest;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

/// A file that holds an image.
pub(super) struct ImageFile {
    /// Its path, or whatever errors call it.
    pub(super) name: PathBuf,
    pub(super) bytes: Arc<dyn ReadAt>,
    /// The same bytes, where they are in a file of this machine.
    pub(super) on_disk: Option<Arc<DiskFile>>,
    /// The folder for what is decompressed.
    scratch: PathBuf,
    /// The digest that it has to have.
    pub(super) pinned: Option<Digest>,
    digest: OnceLock<Digest>,
    /// The digests that are cached.
    known: Option<Arc<KnownDigests>>,
    /// The thread that computes the digest.
    hashing: Mutex<Option<JoinHandle<io::Result<Digest>>>>,
}

impl ImageFile {
    /// Opens a regular file.
    pub(super) fn open(path: &Path, pinned: Option<Digest>, scratch: &Path) -> Result<Self, StockImageError> {
        let cannot_open = |source| match NotPlain::of(&source) {
            Some(other) => StockImageError::NotAFile { file: path.to_owned(), found: other.found() },
            None => StockImageError::Open { file: path.to_owned(), source },
        };
        let file = Arc::new(plain_file::open(path).and_then(DiskFile::new).map_err(cannot_open)?);
        let on_disk = Some(Arc::clone(&file));
        Ok(Self { on_disk, pinned, ..Self::of_bytes(file, path, scratch) })
    }

    pub(super) fn of_bytes(bytes: Arc<dyn ReadAt>, name: &Path, scratch: &Path) -> Self {
        Self {
            name: name.to_owned(),
            bytes,
            on_disk: None,
            scratch: scratch.to_owned(),
            pinned: None,
            digest: OnceLock::new(),
            known: None,
            hashing: Mutex::default(),
        }
    }

    /// Makes a file in the scratch folder. It has no name (or none that outlives the program, on Windows), so nothing is
    /// left behind however the program ends.
    pub(super) fn anonymous_file(&self) -> Result<File, StockImageError> {
        temporary::anonymous(&self.scratch).map_err(|source| self.cannot_decompress(source))
    }

    /// Uses the digests that are known in `cache`, and saves this one there.
    pub(super) fn with_known(self, cache: &Path) -> Self {
        Self { known: Some(Arc::new(KnownDigests::new(cache))), ..self }
    }

    /// Returns the digest that the file had when it was hashed last, unless it changed since.
    pub(super) fn known_digest(&self) -> Option<Digest> {
        self.known.as_ref()?.find(self.on_disk.as_ref()?.file())
    }

    /// Begins to compute the digest, on a thread of its own, unless it is known already.
    pub(super) fn start_hashing(&self) {
        let mut hashing = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        if hashing.is_none() && self.digest.get().is_none() {
            *hashing = Some(thread::spawn(self.to_hash()));
        }
    }

    /// Returns the work of computing the digest.
    fn to_hash(&self) -> impl FnOnce() -> io::Result<Digest> + Send + 'static {
        let bytes = Arc::clone(&self.bytes);
        let known = self.known.clone().zip(self.on_disk.clone());
        move || {
            let stamp = known.as_ref().and_then(|(_, file)| KnownDigests::stamp(file.file()));
            let digest = Digest::of_reader(&mut Cursor::new(&*bytes))?;
            if let Some(((known, file), stamp)) = known.zip(stamp) {
                known.save(file.file(), &stamp, digest);
            }
            Ok(digest)
        }
    }

    /// Returns the digest of the file, when it is known.
    pub(super) fn digest(&self) -> io::Result<Digest> {
        // Held while it is computed, so that this is done once. Nothing is left half done.
        let mut hashing = self.hashing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(digest) = self.digest.get() {
            return Ok(*digest);
        }
        let digest = match hashing.take() {
            Some(thread) => thread.join().map_err(|_| io::Error::other("a worker thread died"))?,
            None => self.to_hash()(),
        }?;
        Ok(*self.digest.get_or_init(|| digest))
    }

    /// Compares the digest of the file with the one it has to have, if there is one.
    pub(super) fn verify(&self) -> Result<(), StockImageError> {
        self.compare(|| self.digest())
    }

    /// Does as [`verify`](Self::verify), and takes a file that did not change since it was hashed for what it was.
    pub(super) fn verify_unless_known(&self) -> Result<(), StockImageError> {
        self.compare(|| self.known_digest().map_or_else(|| self.digest(), Ok))
    }

    fn compare(&self, digest: impl FnOnce() -> io::Result<Digest>) -> Result<(), StockImageError> {
        let Some(expected) = self.pinned else { return Ok(()) };
        let found = digest().map_err(|source| self.unreadable(FormatError::Read(source)))?;
        if found == expected {
            return Ok(());
        }
        Err(StockImageError::WrongDigest { file: self.name.clone(), expected, found })
    }

    pub(super) fn unreadable(&self, problem: FormatError) -> StockImageError {
        StockImageError::Format { file: self.name.clone(), problem }
    }

    pub(super) fn cannot_decompress(&self, source: io::Error) -> StockImageError {
        StockImageError::Scratch { file: self.name.clone(), folder: self.scratch.clone(), source }
    }
}
