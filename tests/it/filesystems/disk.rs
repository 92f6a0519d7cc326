//! A disk in a file, and what was written over it.

use cardwright::io::{Layer, Overlay, ReadAt};
use cardwright::types::{ByteCount, ByteOffset};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// A file that is only read.
pub(crate) struct FileDisk {
    file: Mutex<File>,
    size: ByteCount,
}

impl FileDisk {
    pub(crate) fn open(path: &Path) -> Arc<Self> {
        let file = File::open(path).unwrap();
        let size = ByteCount::new(file.metadata().unwrap().len());
        Arc::new(Self { file: Mutex::new(file), size })
    }
}

impl ReadAt for FileDisk {
    fn size(&self) -> ByteCount {
        self.size
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.file.lock().unwrap();
        file.seek(SeekFrom::Start(offset.get()))?;
        file.read_exact(buffer)
    }
}

/// Runs `write` on an overlay over `stock`, and returns what it changed.
pub(crate) fn changes(stock: &Path, write: impl FnOnce(Arc<Overlay>)) -> Layer {
    let overlay = Arc::new(Overlay::new(FileDisk::open(stock)));
    write(overlay.clone());
    Arc::into_inner(overlay).expect("nobody holds the disk after `finish`").into_layer().unwrap()
}

/// Writes `stock` with `changes` to `patched`.
pub(crate) fn write_patched(stock: &Path, changes: &Layer, patched: &Path) {
    fs::copy(stock, patched).unwrap();
    patch(changes, patched);
}

/// Writes `changes` into `patched`.
pub(crate) fn patch(changes: &Layer, patched: &Path) {
    let mut file = OpenOptions::new().write(true).open(patched).unwrap();
    let mut block = [0; 4096];
    for index in changes.indices() {
        changes.read(index, &mut block).unwrap();
        file.seek(SeekFrom::Start(index.get() * 4096)).unwrap();
        file.write_all(&block).unwrap();
    }
}

/// Whether two runs wrote the same bytes to the same places.
pub(crate) fn same(one: &Layer, other: &Layer) -> bool {
    let read = |layer: &Layer, index| {
        let mut block = vec![0; 4096];
        layer.read(index, &mut block).unwrap().then_some(block)
    };
    one.indices().eq(other.indices()) && one.indices().all(|index| read(one, index) == read(other, index))
}
