//! Raw images: what is in them, as tools that nobody here wrote see it.

use super::{content, oracle, text};
use cardwright::io::ReadAt as _;
use cardwright::types::ByteOffset;
use std::fs;
use std::path::Path;

/// The demo image, decompressed.
pub fn raw_demo() -> Vec<u8> {
    let image = cardwright::demo::open().unwrap();
    let mut bytes = vec![0; image.size().as_usize()];
    image.read_at(ByteOffset::ZERO, &mut bytes).unwrap();
    bytes
}

/// A disk compressed into Blocks of 4 MiB, as `xz -T` would: they can be reused one by one.
pub fn many_blocks(disk: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut settings = xz2::stream::MtStreamBuilder::new();
    settings.threads(1).block_size(4 << 20).preset(1).check(xz2::stream::Check::Crc64);
    let mut encoder = xz2::write::XzEncoder::new_stream(Vec::new(), settings.encoder().unwrap());
    encoder.write_all(disk).unwrap();
    encoder.finish().unwrap()
}

/// Start and length in bytes of partition 1 or 2 of a raw image with an MBR.
pub fn partition(image: &Path, number: usize) -> (u64, u64) {
    use std::io::Read as _;
    let mut sector = [0; 512];
    fs::File::open(image).unwrap().read_exact(&mut sector).unwrap();
    let entry = &sector[446 + 16 * (number - 1)..][..16];
    let field = |at: usize| u64::from(u32::from_le_bytes(entry[at..at + 4].try_into().unwrap())) * 512;
    (field(8), field(12))
}

/// The root partition of a raw image, as programs of e2fsprogs take it.
pub fn root_partition(image: &Path) -> String {
    format!("{}?offset={}", image.display(), partition(image, 2).0)
}

/// The boot partition of a raw image, as programs of mtools take it with `-i`.
pub fn boot_partition(image: &Path) -> String {
    format!("{}@@{}", image.display(), partition(image, 1).0)
}

/// Lets e2fsck and fsck.vfat look at a card.
pub fn assert_oracles_accept(image: &Path) {
    if let Some(mut e2fsck) = oracle("e2fsck") {
        e2fsck.arg("-fn").arg(root_partition(image));
        content(e2fsck);
    }
    let (start, length) = partition(image, 1);
    let fat = cut(image, start, length);
    if let Some(mut fsck) = oracle("fsck.vfat") {
        fsck.arg("-n").arg(fat.path());
        content(fsck);
    }
}

/// A part of a file as a file of its own, sparse.
pub fn cut(image: &Path, start: u64, length: u64) -> tempfile::NamedTempFile {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
    let mut from = fs::File::open(image).unwrap();
    from.seek(SeekFrom::Start(start)).unwrap();
    let mut to = tempfile::NamedTempFile::new().unwrap();
    let mut piece = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left.min(piece.len() as u64)).unwrap();
        from.read_exact(&mut piece[..count]).unwrap();
        if piece[..count].iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Current(i64::try_from(count).unwrap())).unwrap();
        } else {
            to.write_all(&piece[..count]).unwrap();
        }
        left -= count as u64;
    }
    to.as_file().set_len(length).unwrap();
    to
}

/// All that debugfs says to a request about the root partition of a raw image.
pub fn debugfs(image: &Path, request: &str) -> Option<String> {
    let mut debugfs = oracle("debugfs")?;
    debugfs.args(["-R", request]).arg(root_partition(image));
    Some(content(debugfs))
}

/// All that debugfs says of a path on the root partition.
pub fn stat(image: &Path, path: &str) -> Option<String> {
    debugfs(image, &format!("stat {path}"))
}

/// Changes the root partition of a raw image by requests to debugfs. `None` without it.
pub fn change_root(image: &Path, requests: &[&str]) -> Option<()> {
    for request in requests {
        let mut debugfs = oracle("debugfs")?;
        debugfs.args(["-w", "-R", request]).arg(root_partition(image));
        content(debugfs);
    }
    Some(())
}

/// The content of a file on the ext4 partition, as debugfs reads it.
pub fn root_file(image: &Path, path: &str) -> Option<String> {
    let mut debugfs = oracle("debugfs")?;
    debugfs.args(["-R", &format!("cat {path}")]).arg(root_partition(image));
    Some(text(&debugfs.output().unwrap().stdout))
}

/// The content of a file on the FAT partition, as mtools reads it.
pub fn boot_file(image: &Path, path: &str) -> Option<String> {
    let mut mtype = oracle("mtype")?;
    mtype.env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(boot_partition(image)).arg(format!("::{path}"));
    Some(content(mtype))
}
