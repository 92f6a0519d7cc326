//! What should be in a filesystem: everything that was in it, and what was written since.

use cardwright::fs::{FileKind, Metadata, ReadFilesystem, WriteFilesystem};
use cardwright::types::{ByteCount, ImagePath, Mode, Owner, UnixTime};
use std::collections::BTreeMap;

/// The time of everything that is written. Even, as FAT counts in steps of two seconds.
pub(crate) const TIME: UnixTime = UnixTime::new(1_781_740_800);
/// More than any file here.
const LIMIT: ByteCount = ByteCount::new(64 << 20);

/// One thing in a filesystem.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    pub(crate) kind: FileKind,
    pub(crate) mode: Mode,
    pub(crate) owner: Owner,
    pub(crate) modified: UnixTime,
    /// The content of a file, the target of a link.
    pub(crate) content: Vec<u8>,
}

/// Everything in a filesystem, by path.
pub(crate) type Tree = BTreeMap<ImagePath, Node>;

pub(crate) fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

/// Reads all of a filesystem.
pub(crate) fn read_tree(reader: &dyn ReadFilesystem) -> Tree {
    let mut tree = Tree::new();
    let mut left = vec![ImagePath::root()];
    while let Some(directory) = left.pop() {
        for name in reader.list(&directory).unwrap() {
            let path = directory.join(&name).unwrap();
            let Metadata { kind, mode, owner, modified, size } = reader.metadata(&path).unwrap().unwrap();
            let content = match kind {
                FileKind::File => reader.read(&path, LIMIT).unwrap(),
                FileKind::Symlink => reader.read_link(&path).unwrap().into_bytes(),
                _ => Vec::new(),
            };
            if kind == FileKind::Directory {
                left.push(path.clone());
            } else {
                assert_eq!(size.get(), content.len() as u64, "{path}");
            }
            tree.insert(path, Node { kind, mode, owner, modified, content });
        }
    }
    tree
}

/// Says where two trees differ, and nothing more: some hold many megabytes.
pub(crate) fn assert_same(found: &Tree, expected: &Tree) {
    let missing: Vec<_> = expected.keys().filter(|path| !found.contains_key(path)).collect();
    let added: Vec<_> = found.keys().filter(|path| !expected.contains_key(path)).collect();
    assert!(missing.is_empty() && added.is_empty(), "missing: {missing:?}\nadded: {added:?}");
    for (path, node) in found {
        let wanted = &expected[path];
        assert!(node.content == wanted.content, "{path} has another content");
        let without = |node: &Node| Node { content: Vec::new(), ..node.clone() };
        assert_eq!(without(node), without(wanted), "{path}");
    }
}

/// Writes to a filesystem, and to the tree of what should be in it then.
pub(crate) struct Recorder {
    pub(crate) writer: Box<dyn WriteFilesystem>,
    pub(crate) tree: Tree,
    /// FAT has no modes and no owners.
    pub(crate) has_modes: bool,
}

impl Recorder {
    fn put(&mut self, at: &str, kind: FileKind, mode: Mode, owner: Owner, content: &[u8]) {
        let (mode, owner) = if self.has_modes { (mode, owner) } else { (Mode::EXECUTABLE, Owner::ROOT) };
        let node = Node { kind, mode, owner, modified: TIME, content: content.to_vec() };
        self.tree.insert(path(at), node);
    }

    pub(crate) fn file_of(&mut self, at: &str, content: &[u8], mode: u16, owner: Owner) {
        let mode = Mode::new(mode).unwrap();
        let size = ByteCount::of(content);
        self.writer.write_file(&path(at), &mut &*content, size, mode, owner).unwrap();
        self.put(at, FileKind::File, mode, owner, content);
    }

    pub(crate) fn file(&mut self, at: &str, content: &[u8]) {
        self.file_of(at, content, 0o644, Owner::ROOT);
    }

    pub(crate) fn directory_of(&mut self, at: &str, mode: u16, owner: Owner) {
        let mode = Mode::new(mode).unwrap();
        self.writer.make_directory(&path(at), mode, owner).unwrap();
        match self.tree.get_mut(&path(at)) {
            Some(node) if self.has_modes => (node.mode, node.owner) = (mode, owner),
            Some(_) => {}
            None => self.put(at, FileKind::Directory, mode, owner, b""),
        }
    }

    pub(crate) fn directory(&mut self, at: &str) {
        self.directory_of(at, 0o755, Owner::ROOT);
    }

    pub(crate) fn link(&mut self, at: &str, target: &str) {
        self.writer.make_symlink(&path(at), target).unwrap();
        self.put(at, FileKind::Symlink, Mode::new(0o777).unwrap(), Owner::ROOT, target.as_bytes());
    }

    pub(crate) fn remove(&mut self, at: &str) {
        self.writer.remove(&path(at)).unwrap();
        self.tree.remove(&path(at)).unwrap();
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        let (from, to) = (path(from), path(to));
        self.writer.rename(&from, &to).unwrap();
        let moved = std::mem::take(&mut self.tree).into_iter();
        self.tree = moved.map(|(path, node)| (path.after_rename(&from, &to), node)).collect();
    }

    /// Ends the writing; returns what should be there.
    pub(crate) fn finish(self) -> Tree {
        self.writer.finish().unwrap();
        self.tree
    }
}

/// Bytes that look like nothing, the same on every run.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    (0..length).map(|_| random.next().to_le_bytes()[0]).collect()
}

/// Numbers that look like chance, the same on every run (xorshift64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 16) % end
    }
}
