//! Templates that were made before: a file each in a bucket of the cache. Whoever gives the same inputs another template, or its file
//! another layout, raises the version of the [bucket](Bucket::Templates).
//!
//! Such a file is the pieces, the [`Contents`] as JSON, how long that JSON is (eight bytes, the lowest
//! first), and the SHA-256 of all before it.

use super::{Contents, Maker, Template};
use crate::cache::{Bucket, BucketFiles};
use crate::io::{BLOCK_SIZE, DiskFile, ReadAt, temporary};
use crate::output::OutputError;
use crate::types::ByteOffset;
use crate::types::Digest;
use crate::types::Sha256;
use crate::types::number::usize_from;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

/// A contents of more than this is none.
const LARGEST_CONTENTS: u64 = 64 << 20;

/// What a template depends on.
pub(in crate::output) struct Key {
    /// The SHA-256 of the stock image's file as it was given.
    pub(in crate::output) stock: Digest,
    /// The format.
    pub(in crate::output) format: &'static str,
}

impl Key {
    /// The name of the template's file.
    fn name(&self, maker: &Maker<'_>) -> io::Result<String> {
        let mut text = format!(
            "template of cardwright {}\n{}\n{}\n{}\n",
            env!("CARGO_PKG_VERSION"),
            self.stock,
            self.format,
            maker.disk.size.get()
        );
        for slot in maker.slots.all() {
            let _ = writeln!(text, "{}-{}", slot.start, slot.end);
        }
        let mut hasher = Sha256::new();
        hasher.update(text);
        let mut block = [0; BLOCK_SIZE];
        for layer in &maker.disk.shared {
            for index in layer.indices() {
                layer.read(index, &mut block)?;
                hasher.update(index.0.to_le_bytes());
                hasher.update(block);
            }
            hasher.update([0xff; 8]);
        }
        Ok(hasher.finalize().to_string())
    }
}

/// The template that `maker` would make: the one in the cache, or else a new one, which is then there.
/// Without a cache, or where that cannot be used, it goes into a nameless file in `scratch`; then the error
/// of the cache is handed out beside it. `is_right` says whether the stock image is the one that the key
/// names, before a template of it is kept.
///
/// # Errors
/// Fails when the stock image cannot be read, or `scratch` cannot be written to.
pub(in crate::output) fn obtain<'build>(
    maker: &Maker<'build>,
    key: &Key,
    cache: Option<&Path>,
    scratch: &Path,
    is_right: &dyn Fn() -> io::Result<()>,
) -> Result<(Template<'build>, Option<io::Error>), OutputError> {
    let trouble = match cache.map(|cache| obtain_from(cache, maker, key, is_right)) {
        Some(Err(OutputError::Cache(error))) => Some(error),
        Some(obtained) => return obtained,
        None => None,
    };
    let in_scratch = OutputError::write("writing a temporary file in", scratch);
    let file = match temporary::anonymous(scratch) {
        Ok(file) => file,
        Err(error) => return Err(in_scratch(error)),
    };
    let contents = match maker.make(&file) {
        Err(OutputError::Cache(error)) => return Err(in_scratch(error)),
        made => made?,
    };
    Ok((opened(maker, file, contents).ok_or(OutputError::Worker)?, trouble))
}

fn obtain_from<'build>(
    cache: &Path,
    maker: &Maker<'build>,
    key: &Key,
    is_right: &dyn Fn() -> io::Result<()>,
) -> Result<(Template<'build>, Option<io::Error>), OutputError> {
    let (shelf, name) =
        (BucketFiles::new(cache, Bucket::Templates), key.name(maker).map_err(OutputError::Layer)?);
    let found = shelf.find(&name).and_then(|file| {
        let contents = read(&file)?;
        opened(maker, file, contents)
    });
    if let Some(template) = found {
        return Ok((template, None));
    }
    let new = shelf.begin().map_err(OutputError::Cache)?;
    let contents = maker.make(new.file())?;
    is_right().map_err(OutputError::StockImage)?;
    let kept = match finish(new.file(), &contents) {
        Ok(()) => shelf.put(new, &name),
        Err(error) => Err((error, new)),
    };
    // One that cannot be kept serves this run all the same.
    let (file, trouble) = match kept {
        Ok(file) => (file, None),
        Err((error, file)) => (file.into_anonymous(), Some(error)),
    };
    Ok((opened(maker, file, contents).ok_or(OutputError::Worker)?, trouble))
}

fn opened<'build>(maker: &Maker<'build>, file: File, contents: Contents) -> Option<Template<'build>> {
    Template::new(maker.format, maker.stock, DiskFile::new(file).ok()?, contents)
}

/// Writes what follows the pieces.
fn finish(mut file: &File, contents: &Contents) -> io::Result<()> {
    let contents = serde_json::to_vec(contents).map_err(io::Error::other)?;
    file.write_all(&contents)?;
    file.write_all(&(contents.len() as u64).to_le_bytes())?;
    let disk = DiskFile::new(file.try_clone()?)?;
    file.write_all(digest(&disk, disk.size().get())?.as_bytes())
}

/// Reads the contents of a file that is whole and undamaged.
fn read(file: &File) -> Option<Contents> {
    let disk = DiskFile::new(file.try_clone().ok()?).ok()?;
    let end = disk.size().get().checked_sub(8 + 32)?;
    let (mut length, mut expected) = ([0; 8], [0; 32]);
    disk.read_at(ByteOffset::new(end), &mut length).ok()?;
    disk.read_at(ByteOffset::new(end + 8), &mut expected).ok()?;
    if *digest(&disk, end + 8).ok()?.as_bytes() != expected {
        return None;
    }
    let length = u64::from_le_bytes(length);
    let start = end.checked_sub(length).filter(|_| length <= LARGEST_CONTENTS)?;
    let mut contents = vec![0; usize::try_from(length).ok()?];
    disk.read_at(ByteOffset::new(start), &mut contents).ok()?;
    serde_json::from_slice(&contents).ok()
}

/// The SHA-256 of the first `length` bytes.
fn digest(disk: &dyn ReadAt, length: u64) -> io::Result<Digest> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    let mut at = 0;
    while at < length {
        let left = usize_from(length - at).min(piece.len());
        let (piece, _) = piece.split_at_mut(left);
        disk.read_at(ByteOffset::new(at), piece)?;
        hasher.update(&piece);
        at += left as u64;
    }
    Ok(hasher.finalize())
}
