//! The SHA-256 of a file as it was given, computed once, and perhaps while other things are done.

use super::{Source, digest_of};
use crate::types::Digest;
use std::io;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

/// The SHA-256 that a file has, and the one it has to have.
pub(super) struct FileDigest {
    given: Arc<Source>,
    pub(super) pinned: Option<Digest>,
    found: OnceLock<Digest>,
    /// The thread that computes it.
    running: Mutex<Option<JoinHandle<io::Result<Digest>>>>,
}

impl FileDigest {
    pub(super) fn new(given: &Arc<Source>, pinned: Option<Digest>) -> Self {
        Self { given: Arc::clone(given), pinned, found: OnceLock::new(), running: Mutex::default() }
    }

    /// Begins to compute it, on a thread of its own.
    pub(super) fn start(&self) {
        let given = Arc::clone(&self.given);
        let thread = thread::spawn(move || digest_of(&*given));
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
    }

    /// The one the file has.
    pub(super) fn found(&self) -> io::Result<Digest> {
        // Held while it is computed, so that this is done once. Nothing is left half done.
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = self.found.get() {
            return Ok(*found);
        }
        let found = match running.take() {
            Some(thread) => thread.join().map_err(|_| io::Error::other("a worker thread died"))?,
            None => digest_of(&*self.given),
        }?;
        Ok(*self.found.get_or_init(|| found))
    }

    /// The one the file has to have, or else the one it has.
    pub(super) fn expected(&self) -> io::Result<Digest> {
        self.pinned.map_or_else(|| self.found(), Ok)
    }
}
