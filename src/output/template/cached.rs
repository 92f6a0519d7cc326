//! Templates in the cache: a file each in a bucket. Whoever gives the same inputs another template, or its file another
//! layout, raises the version of the [bucket](Bucket::Templates).
//!
//! Such a file is the pieces, the [`Contents`] as JSON, how long that JSON is (eight bytes, the lowest
//! first), and the SHA-256 of all before it.

use super::{Contents, Maker, Template};
use crate::cache::{Bucket, BucketFiles};
use crate::formats::Compression;
use crate::io::cursor::Cursor;
use crate::io::{BLOCK_SIZE, DiskFile, ReadAt, temporary};
use crate::output::OutputError;
use crate::types::number::usize_from;
use crate::types::{ByteOffset, Digest, Sha256};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

/// Contents of more than this are damaged.
const LARGEST_CONTENTS: u64 = 64 << 20;

/// The inputs that decide what a template is.
pub(in crate::output) struct Key {
    /// The SHA-256 of the stock image's file as it was given.
    pub(in crate::output) stock: Digest,
    pub(in crate::output) format: &'static str,
    pub(in crate::output) compression: Compression,
}

impl Key {
    /// Returns the name of the template's file.
    fn name(&self, maker: &Maker<'_>) -> io::Result<String> {
        let mut text = format!(
            "template of cardwright {}\n{}\n{}\n{}\n",
            env!("CARGO_PKG_VERSION"),
            self.stock,
            self.format,
            maker.disk.size().get()
        );
        if self.compression != Compression::default() {
            text = format!("{text}{}\n", self.compression.as_str());
        }
        text.extend(maker.regions.all().iter().map(|region| format!("{}-{}\n", region.start, region.end)));
        let mut hasher = Sha256::new();
        hasher.update(text);
        let mut block = [0; BLOCK_SIZE];
        for layer in maker.disk.layers() {
            for index in layer.indices() {
                layer.read(index, &mut block)?;
                hasher.update(index.get().to_le_bytes());
                hasher.update(block);
            }
            hasher.update([0xff; 8]);
        }
        Ok(hasher.finalize().to_string())
    }
}

/// Returns the template that `maker` would make: the one in the cache, or else a new one, which is then cached.
/// Without a cache, or where that cannot be used, it goes into an anonymous file in `scratch`; then the error
/// of the cache is returned beside it. `verify` checks that the stock image is the one that the key names, before a
/// template of it is cached.
///
/// # Errors
/// Fails when the stock image cannot be read, or `scratch` cannot be written to.
pub(in crate::output) fn obtain<'build>(
    maker: &Maker<'build>,
    key: &Key,
    cache: Option<&Path>,
    scratch: &Path,
    verify: &dyn Fn() -> io::Result<()>,
) -> Result<(Template<'build>, Option<io::Error>), OutputError> {
    let cache_error = match cache.map(|cache| obtain_from(cache, maker, key, verify)) {
        Some(Err(OutputError::Cache(error))) => Some(error),
        Some(obtained) => return obtained,
        None => None,
    };
    let in_scratch = |error| OutputError::write("writing a temporary file in", scratch)(error);
    let file = temporary::anonymous(scratch).map_err(in_scratch)?;
    let contents = maker.make(&file).map_err(|error| match error {
        OutputError::Cache(error) => in_scratch(error),
        error => error,
    })?;
    Ok((new_template(maker, file, contents).map_err(in_scratch)?, cache_error))
}

fn obtain_from<'build>(
    cache: &Path,
    maker: &Maker<'build>,
    key: &Key,
    verify: &dyn Fn() -> io::Result<()>,
) -> Result<(Template<'build>, Option<io::Error>), OutputError> {
    let bucket = BucketFiles::new(cache, Bucket::Templates);
    let name = key.name(maker).map_err(OutputError::Layer)?;
    let found = bucket.find(&name).and_then(|file| {
        let contents = read(&file)?;
        Template::new(maker.format, maker.stock, DiskFile::new(file).ok()?, contents)
    });
    tracing::debug!("template {name}: {}", if found.is_some() { "cached" } else { "made anew" });
    if let Some(template) = found {
        return Ok((template, None));
    }
    let new = bucket.begin().map_err(OutputError::Cache)?;
    let contents = maker.make(new.file())?;
    verify().map_err(OutputError::StockImage)?;
    let cached = match finish(new.file(), &contents) {
        Ok(()) => bucket.put(new, &name),
        Err(error) => Err((error, new)),
    };
    // One that cannot be cached serves this run all the same.
    let (file, cache_error) = match cached {
        Ok(file) => (file, None),
        Err((error, file)) => (file.into_anonymous(), Some(error)),
    };
    Ok((new_template(maker, file, contents).map_err(OutputError::Cache)?, cache_error))
}

/// Opens a template that was made just now.
#[expect(clippy::expect_used, reason = "a template that was made does not contradict itself")]
fn new_template<'build>(
    maker: &Maker<'build>,
    file: File,
    contents: Contents,
) -> io::Result<Template<'build>> {
    let file = DiskFile::new(file)?;
    Ok(Template::new(maker.format, maker.stock, file, contents).expect("the contents were made for it"))
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
    let mut contents = vec![0; usize_from(length)];
    disk.read_at(ByteOffset::new(start), &mut contents).ok()?;
    serde_json::from_slice(&contents).ok()
}

/// Returns the SHA-256 of the first `length` bytes.
fn digest(disk: &dyn ReadAt, length: u64) -> io::Result<Digest> {
    Digest::of_reader(&mut Cursor::new(disk).take(length))
}
