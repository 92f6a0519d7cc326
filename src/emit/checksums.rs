//! SHA256SUMS: what `sha256sum -c` reads.

use super::{EmitError, PendingFile};
use crate::digest::Digest;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::thread;

/// How much is read at once: enough to fully amortise the system call.
const PIECE: usize = 1 << 20;

/// The SHA-256 of a file.
///
/// # Errors
/// When it cannot be read.
pub fn digest_file(path: &Path) -> Result<Digest, EmitError> {
    let mut file = File::open(path).map_err(EmitError::write("reading back", path))?;
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece).map_err(EmitError::write("reading back", path))?;
        if count == 0 {
            return Ok(Digest(hasher.finalize().into()));
        }
        hasher.update(piece.get(..count).unwrap_or_default());
    }
}

/// The SHA-256 of several files, in their order, on several threads.
///
/// # Errors
/// When one of them cannot be read.
pub fn digest_files(paths: &[&Path], threads: usize) -> Result<Vec<Digest>, EmitError> {
    let share = paths.len().div_ceil(threads.max(1)).max(1);
    thread::scope(|scope| {
        let digest_share =
            |share: &[&Path]| share.iter().map(|path| digest_file(path)).collect::<Result<Vec<_>, _>>();
        let workers: Vec<_> =
            paths.chunks(share).map(|share| scope.spawn(move || digest_share(share))).collect();
        let mut digests = Vec::new();
        for worker in workers {
            digests.extend(worker.join().unwrap_or(Err(EmitError::Worker))?);
        }
        Ok(digests)
    })
}

/// Writes SHA256SUMS into `folder`, a line a file, in the order given.
///
/// # Errors
/// When the folder cannot be written to.
pub fn write_sha256sums(folder: &Path, sums: &[(String, Digest)]) -> Result<(), EmitError> {
    let mut text = String::new();
    for (name, digest) in sums {
        // The two spaces and the newline are sha256sum's own format (text mode).
        let _ = writeln!(text, "{digest}  {name}");
    }
    PendingFile::write_whole(&folder.join("SHA256SUMS"), text.as_bytes(), false)
}
