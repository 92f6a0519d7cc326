//! Stock images in every format, made here with the libraries and programs themselves, and everything that can be wrong
//! with one.

use super::{StockImage, StockImageError};
use crate::formats::ImageFormat;
use crate::formats::xz::{CRC32, XzBlock, block_reader};
use crate::io::ReadAt as _;
use crate::partition::made::mbr_disk;
use crate::types::{ByteOffset, Digest, Hint as _};
use ::zip::write::{SimpleFileOptions, ZipWriter};
use flate2::write::GzEncoder;
use proptest::prelude::*;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use tempfile::TempDir;
use xz2::stream::{Action, Check, MtStreamBuilder, Stream};

/// A disk of about a megabyte: noise, text and zeros, whole sectors, and no multiple of 4096 bytes long.
fn disk() -> Vec<u8> {
    static DISK: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut disk = mbr_disk(2051, &[(0x0c, 8, 500), (0x83, 508, 1543)]);
        let mut noise = 0x9e37_79b9_u32;
        for byte in &mut disk[600..300_000] {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = noise.to_be_bytes()[0];
        }
        for (at, byte) in disk[700_000..].iter_mut().enumerate() {
            *byte = b"a stock image\n"[at % 14];
        }
        disk
    });
    DISK.clone()
}

fn encoded(mut stream: Stream, bytes: &[u8]) -> Vec<u8> {
    let mut compressed = Vec::with_capacity(bytes.len() * 2 + 1_000_000);
    let status = stream.process_vec(bytes, &mut compressed, Action::Finish).unwrap();
    assert_eq!(status, xz2::stream::Status::StreamEnd);
    compressed
}

/// Blocks of `block_size`, with both sizes in each header.
fn xz_blocks(bytes: &[u8], block_size: u64, check: Check) -> Vec<u8> {
    let mut builder = MtStreamBuilder::new();
    let stream = builder.threads(1).preset(0).check(check).block_size(block_size).encoder().unwrap();
    encoded(stream, bytes)
}

/// One Block, without sizes in its header.
fn xz_single(bytes: &[u8], check: Check) -> Vec<u8> {
    encoded(Stream::new_easy_encoder(0, check).unwrap(), bytes)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A function that makes a compressed file of an image.
type Compressor = fn(&[u8]) -> Vec<u8>;

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A folder with one file in it and another folder to decompress into.
struct Place {
    folder: TempDir,
}

impl Place {
    fn with(bytes: &[u8]) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        fs::create_dir(place.scratch()).unwrap();
        fs::write(place.file(), bytes).unwrap();
        place
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("stock")
    }

    fn scratch(&self) -> PathBuf {
        self.folder.path().join("scratch")
    }

    fn open(&self) -> Result<StockImage, StockImageError> {
        StockImage::open(&self.file(), None, &self.scratch())
    }

    /// The error of opening the file, with its folder left out. Whatever went wrong, nothing is left behind.
    fn error(&self) -> String {
        let error = self.open().map(|_| ()).unwrap_err();
        assert!(error.hint().is_some(), "{error} has no hint");
        assert_eq!(fs::read_dir(self.scratch()).unwrap().count(), 0);
        error.to_string().replace(&self.folder.path().display().to_string(), "")
    }
}

fn error_of(bytes: &[u8]) -> String {
    Place::with(bytes).error()
}

/// Compares all of an image, and pieces of it at odd offsets, with what was compressed.
fn assert_holds(image: &StockImage, disk: &[u8]) {
    assert_eq!(image.size().get(), disk.len() as u64);
    let mut all = vec![0; disk.len()];
    image.read_at(ByteOffset::ZERO, &mut all).unwrap();
    assert!(all == disk);
    for (at, length) in
        [(0, 1), (4095, 2), (65_535, 70_000), (299_990, 20), (disk.len() - 1, 1), (disk.len(), 0)]
    {
        let mut part = vec![0; length];
        image.read_at(ByteOffset::new(at as u64), &mut part).unwrap();
        assert!(part == disk[at..at + length], "{length} bytes at {at}");
    }
    let beyond = image.read_at(ByteOffset::new(disk.len() as u64 - 1), &mut [0; 2]).unwrap_err();
    assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
}

#[test]
fn an_image_reads_the_same_whatever_it_is_compressed_in() {
    let disk = disk();
    let (first, second) = disk.split_at(500_000);
    let checks = [Check::None, Check::Crc32, Check::Crc64, Check::Sha256];
    let streams = [
        xz_blocks(first, 65_536, Check::Crc32),
        vec![0; 64],
        xz_single(&[], Check::Crc64),
        xz_single(second, Check::Sha256),
        vec![0; 4],
    ];
    let mut compressed = vec![
        (ImageFormat::Raw, disk.clone()),
        (ImageFormat::Xz, streams.concat()),
        (ImageFormat::Gzip, gzip(&disk)),
        (ImageFormat::Gzip, [gzip(first), gzip(second)].concat()),
        (ImageFormat::Zstd, ::zstd::encode_all(&disk[..], 1).unwrap()),
        (
            ImageFormat::Zstd,
            [::zstd::encode_all(first, 1).unwrap(), ::zstd::encode_all(second, 1).unwrap()].concat(),
        ),
        (
            ImageFormat::Zip,
            zip(&[("readme.txt", b"hello"), ("a/stock.IMG", &disk), ("__MACOSX/a/._stock.img", b"")]),
        ),
    ];
    compressed.extend(checks.map(|check| (ImageFormat::Xz, xz_blocks(&disk, 100_000, check))));
    compressed.extend(checks.map(|check| (ImageFormat::Xz, xz_single(&disk, check))));
    for (format, bytes) in compressed {
        let place = Place::with(&bytes);
        let image = place.open().unwrap();
        assert_eq!(image.format(), format);
        assert_holds(&image, &disk);
        assert_eq!(image.file_digest().unwrap(), Digest::of(&bytes));
        assert_eq!(image.file_bytes().size().get(), bytes.len() as u64);
        assert_eq!(image.xz_layout().is_some(), format == ImageFormat::Xz);
    }
}

#[test]
fn the_name_of_a_file_says_nothing() {
    let place = Place::with(&gzip(&disk()));
    let misnamed = place.folder.path().join("stock.img.xz");
    fs::rename(place.file(), &misnamed).unwrap();
    let image = StockImage::open(&misnamed, None, &place.scratch()).unwrap();
    assert_eq!(image.format(), ImageFormat::Gzip);
}

#[test]
fn what_is_decompressed_leaves_nothing_behind() {
    let place = Place::with(&gzip(&disk()));
    let image = place.open().unwrap();
    // On Windows a file that is open has a name.
    if cfg!(unix) {
        assert_eq!(fs::read_dir(place.scratch()).unwrap().count(), 0);
    }
    drop(image);
    assert_eq!(fs::read_dir(place.scratch()).unwrap().count(), 0);
}

#[test]
fn an_image_in_memory_is_read_like_a_file() {
    let disk = disk();
    let compressed = xz_blocks(&disk, 50_000, Check::Crc64);
    let image = StockImage::from_read_at(compressed.clone(), "demo", &std::env::temp_dir()).unwrap();
    assert_holds(&image, &disk);
    let error = StockImage::from_read_at(compressed[..1000].to_vec(), "demo", &std::env::temp_dir())
        .map(|_| ())
        .unwrap_err();
    assert!(error.to_string().starts_with("the image `demo` is damaged: "), "{error}");
}

#[test]
fn several_threads_read_one_image() {
    let disk = disk();
    let place = Place::with(&xz_blocks(&disk, 50_000, Check::Crc64));
    let image = place.open().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| assert_holds(&image, &disk));
        }
    });
}

#[test]
fn the_pinned_digest_is_that_of_the_file_as_given() {
    let bytes = gzip(&disk());
    let place = Place::with(&bytes);
    let right = Digest::of(&bytes);
    assert_eq!(
        StockImage::open(&place.file(), Some(right), &place.scratch()).unwrap().file_digest().unwrap(),
        right
    );
    let wrong = Digest::from_bytes([0xab; 32]);
    let error = StockImage::open(&place.file(), Some(wrong), &place.scratch()).map(|_| ()).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("the image `{}` has the SHA-256 `{right}`, not `{wrong}`", place.file().display())
    );
    assert!(error.hint().is_some());
}

#[test]
fn the_pinned_digest_is_checked_before_anything_is_believed() {
    let place = Place::with(b"PK\x03\x04 no archive");
    let error = StockImage::open(&place.file(), Some(Digest::from_bytes([0; 32])), &place.scratch())
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, StockImageError::WrongDigest { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_that_did_not_change_is_known_to_whoever_only_looks() {
    use super::known_digests::{KnownDigests, Stamp};
    let place = Place::with(&xz_blocks(&disk(), 50_000, Check::Crc64));
    let cache = place.folder.path().join("cache");
    // A digest that it never had shows who looks at the file itself.
    let pinned = Digest::from_bytes([7; 32]);
    let file = fs::File::open(place.file()).unwrap();
    KnownDigests::new(&cache).save(&file, &Stamp::of(&file).unwrap(), pinned);
    let open = || StockImage::open_cached(&place.file(), Some(pinned), &place.scratch(), &cache).unwrap();
    let image = open();
    image.verify_unless_known().unwrap();
    assert_holds(&image, &disk());
    let error = image.verify().map(|_| ()).unwrap_err();
    assert!(matches!(error, StockImageError::WrongDigest { .. }), "{error}");
    assert!(image.save_pages().is_err());

    let mut changed = fs::File::options().append(true).open(place.file()).unwrap();
    changed.write_all(&[0; 4]).unwrap();
    assert!(open().verify_unless_known().is_err());
}

#[test]
fn what_is_no_file_is_refused() {
    let place = Place::with(b"");
    assert_eq!(place.error(), "the image `/stock` is empty");
    fs::remove_file(place.file()).unwrap();
    assert!(place.error().starts_with("the image `/stock` cannot be opened: "), "{}", place.error());
    fs::create_dir(place.file()).unwrap();
    assert_eq!(place.error(), "the image `/stock` is a directory, not a file");
}

#[test]
fn what_is_no_disk_is_refused_in_every_format() {
    let text = b"not a disk at all, but some text that is longer than a sector. ".repeat(20);
    let not_a_disk = "the image `/stock`: not a disk image: its first sector does not end as a \
                      partition table does (with 55 aa)";
    let formats: [Compressor; 5] = [
        <[u8]>::to_vec,
        gzip,
        |bytes| xz_single(bytes, Check::Crc64),
        |bytes| ::zstd::encode_all(bytes, 1).unwrap(),
        |bytes| zip(&[("x.img", bytes)]),
    ];
    for compressed in formats {
        assert_eq!(error_of(&compressed(&text)), not_a_disk);
        assert_eq!(error_of(&compressed(b"")), "the image `/stock` is empty");
        let cut = error_of(&compressed(&disk()[..1_000_000]));
        assert!(cut.starts_with("the image `/stock`: partition 2 ends at byte 1050112, but"), "{cut}");
    }
}

#[test]
fn formats_that_are_not_read_are_named() {
    assert_eq!(
        error_of(b"BZh91AY&SY..."),
        "the image `/stock` is compressed with bzip2, which cardwright does not read"
    );
    assert_eq!(
        error_of(b"<!DOCTYPE html><title>404</title>"),
        "the image `/stock` is a web page, which cardwright does not read"
    );
}

#[test]
fn what_is_cut_short_is_damaged_in_every_format() {
    let disk = disk();
    for whole in [
        xz_blocks(&disk, 65_536, Check::Crc64),
        gzip(&disk),
        ::zstd::encode_all(&disk[..], 1).unwrap(),
        zip(&[("x.img", &disk)]),
    ] {
        for length in [whole.len() - 1, whole.len() / 2, 20] {
            let error = error_of(&whole[..length]);
            assert!(error.starts_with("the image `/stock` is damaged: "), "{error}");
        }
    }
}

#[test]
fn what_follows_the_end_is_no_part_of_it() {
    let disk = disk();
    for (whole, format) in
        [(xz_single(&disk, Check::Crc64), "xz"), (::zstd::encode_all(&disk[..], 1).unwrap(), "zstd")]
    {
        for rest in [&b"something else"[..], b"x", b"\x28\xb5\x2f"] {
            let length = rest.len();
            assert_eq!(
                error_of(&[&whole[..], rest].concat()),
                format!(
                    "the image `/stock` goes on after its compressed data: {length} bytes follow that are not {format}"
                )
            );
        }
    }
}

#[test]
fn frames_to_skip_between_those_of_zstandard_hold_nothing() {
    let disk = disk();
    let (first, second) = disk.split_at(500_000);
    let frame = |bytes| ::zstd::encode_all(bytes, 1).unwrap();
    let skipped = [&0x184d_2a5f_u32.to_le_bytes()[..], &3_u32.to_le_bytes(), b"xyz"].concat();
    let place = Place::with(&[&frame(first)[..], &skipped, &frame(second), &skipped].concat());
    assert_holds(&place.open().unwrap(), &disk);
    // One that is cut short is no whole one.
    let error = error_of(&[&frame(&disk)[..], skipped.split_at(9).0].concat());
    assert!(error.starts_with("the image `/stock` is damaged: it ends too early"), "{error}");
}

#[test]
fn zeros_behind_gzip_are_left_out_and_anything_else_is_said() {
    let disk = disk();
    let (first, second) = disk.split_at(500_000);
    let whole = [gzip(first), gzip(second)].concat();
    for zeros in [1, 2, 511, 3_000_000] {
        let place = Place::with(&[&whole[..], &vec![0; zeros]].concat());
        assert_holds(&place.open().unwrap(), &disk);
    }
    for (rest, length) in
        [(&b"something else"[..], 14), (b"\x1f", 1), (b"\0\0x", 3), (b"\0\0\x1f\x8b\x08", 5)]
    {
        assert_eq!(
            error_of(&[&whole[..], rest].concat()),
            format!(
                "the image `/stock` goes on after its compressed data: {length} bytes follow that are not gzip"
            )
        );
    }
    // What begins as a member is one, and has to be whole.
    let error = error_of(&[&whole[..], b"\x1f\x8b\x08\0"].concat());
    assert!(error.starts_with("the image `/stock` is damaged: "), "{error}");
}

#[test]
fn zeros_behind_gzip_are_read_as_the_gzip_program_reads_them() {
    let disk = disk();
    let place = Place::with(&disk);
    let Some(compressed) = made_by("gzip", &["-c"], &place.file()) else { return };
    let padded = Place::with(&[&compressed[..], &[0; 1000]].concat());
    assert_holds(&padded.open().unwrap(), &disk);
    let judged =
        Command::new("gzip").arg("-dc").stdin(fs::File::open(padded.file()).unwrap()).output().unwrap();
    assert!(judged.status.success() && judged.stdout == disk);
}

/// Returns a program's standard output about a file; `None` where there is no such program.
fn made_by(program: &str, arguments: &[&str], file: &Path) -> Option<Vec<u8>> {
    let Ok(output) = Command::new(program).args(arguments).arg(file).output() else {
        crate::types::test_oracle::skipped(&format!("there is no `{program}` program"));
        return None;
    };
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    Some(output.stdout)
}

#[test]
fn zip_archives_of_7_zip_are_read_or_their_method_is_named() {
    let disk = disk();
    let place = Place::with(&disk);
    let image = place.folder.path().join("stock.img");
    fs::rename(place.file(), &image).unwrap();
    for (method, named) in [
        ("Copy", None),
        ("Deflate", None),
        // What Windows Explorer takes for files of more than 2 GB.
        ("Deflate64", None),
        ("LZMA", Some("Lzma")),
        ("BZip2", Some("Bzip2")),
        ("PPMd", Some("Ppmd")),
    ] {
        let archive = place.folder.path().join(format!("{method}.zip"));
        let archive_name = archive.display().to_string();
        let method_flag = format!("-mm={method}");
        let arguments = ["a", "-tzip", "-bso0", &method_flag, &archive_name];
        if made_by("7z", &arguments, &image).is_none() {
            return;
        }
        match (StockImage::open(&archive, None, &place.scratch()), named) {
            (Ok(opened), None) => assert_holds(&opened, &disk),
            (Err(error), Some(name)) => assert_eq!(
                error.to_string(),
                format!(
                    "the image `{archive_name}` is a zip archive compressed with {name}, which cardwright does not read"
                )
            ),
            (opened, _) => panic!("{method}: {:?}", opened.map(|image| image.size())),
        }
    }
}

#[test]
fn files_of_other_programs_are_named() {
    let place = Place::with(&disk());
    for (program, arguments, named) in [
        ("xz", &["--format=lzma", "-0", "-c"][..], "compressed with LZMA (the format before xz)"),
        ("bzip2", &["-c"], "compressed with bzip2"),
        ("lz4", &["-c", "-q"], "compressed with lz4"),
        ("tar", &["-c", "-O", "-P"], "a tar archive"),
    ] {
        let Some(made) = made_by(program, arguments, &place.file()) else { continue };
        assert_eq!(error_of(&made), format!("the image `/stock` is {named}, which cardwright does not read"));
    }
}

#[test]
fn what_is_inside_without_a_partition_table_is_named() {
    let with = |at: usize, magic: &[u8]| {
        let mut bytes = vec![0; 200_000];
        bytes[at..at + magic.len()].copy_from_slice(magic);
        bytes
    };
    for (bytes, found) in [
        (with(0x438, b"\x53\xef"), "it is one partition without a partition table: ext2, ext3 or ext4"),
        (with(0x1_0040, b"_BHRfS_M"), "it is one partition without a partition table: btrfs"),
        (with(0x101, b"ustar"), "it is a tar archive"),
    ] {
        assert_eq!(error_of(&gzip(&bytes)), format!("the image `/stock`: not a disk image: {found}"));
    }
}

#[test]
fn an_image_that_ends_in_a_sector_is_padded_in_every_format() {
    let disk = disk();
    let cut = &disk[..disk.len() - 100];
    let mut whole = cut.to_vec();
    whole.resize(disk.len(), 0);
    let formats: [Compressor; 5] = [
        <[u8]>::to_vec,
        gzip,
        |bytes| xz_blocks(bytes, 100_000, Check::Crc64),
        |bytes| ::zstd::encode_all(bytes, 1).unwrap(),
        |bytes| zip(&[("x.img", bytes)]),
    ];
    for compressed in formats {
        let place = Place::with(&compressed(cut));
        let image = place.open().unwrap();
        assert_holds(&image, &whole);
        assert_eq!(image.unpadded_size().get(), cut.len() as u64);
        // Shorter than the disk, which whoever takes the file for it has to bear in mind.
        assert!(image.raw_file().is_none_or(|file| file.metadata().unwrap().len() == cut.len() as u64));
        let [warning] = &image.warnings()[..] else { panic!("{:?}", image.warnings()) };
        let sizes = format!("it has {} bytes, and cards get {}", cut.len(), disk.len());
        assert!(warning.to_string().contains(&sizes), "{warning}");
        assert!(Place::with(&compressed(&disk)).open().unwrap().warnings().is_empty());
        // What is kept between runs is what the file holds.
        let cache = place.folder.path().join("cache");
        for _ in 0..2 {
            let again = StockImage::open_cached(&place.file(), None, &place.scratch(), &cache).unwrap();
            assert_holds(&again, &whole);
            again.save_pages().unwrap();
        }
    }
}

#[test]
fn a_changed_byte_inside_is_damage_in_every_format() {
    let disk = disk();
    for mut bytes in [xz_single(&disk, Check::Crc64), gzip(&disk), zip(&[("x.img", &disk)]), {
        let mut encoder = ::zstd::Encoder::new(Vec::new(), 1).unwrap();
        encoder.include_checksum(true).unwrap();
        encoder.write_all(&disk).unwrap();
        encoder.finish().unwrap()
    }] {
        bytes[150_000] ^= 1;
        let error = error_of(&bytes);
        assert!(
            error.contains("is damaged") || error.contains("the partition table cannot be read"),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_block_is_found_when_it_is_read_and_no_other_suffers() {
    let disk = disk();
    let place = Place::with(&xz_blocks(&disk, 100_000, Check::Crc64));
    let block = place.open().unwrap().xz_layout().unwrap().blocks[1];
    let mut bytes = fs::read(place.file()).unwrap();
    bytes[usize::try_from(block.compressed_offset).unwrap() + 5000] ^= 1;
    fs::write(place.file(), bytes).unwrap();
    let image = place.open().unwrap();
    let mut part = [0; 10];
    let error = image.read_at(ByteOffset::new(99_995), &mut part).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let expected = format!(
        "the image `{}` is damaged: its xz Block at byte {} cannot be decoded: ",
        place.file().display(),
        block.compressed_offset
    );
    assert!(error.to_string().starts_with(&expected), "{error}");
    image.read_at(ByteOffset::new(200_000), &mut part).unwrap();
    assert_eq!(part, disk[200_000..200_010]);
}

#[test]
fn a_block_that_holds_something_else_than_the_index_says_is_damaged() {
    let disk = disk();
    // Two Blocks without sizes in their headers, under the Index of two others.
    let streams = [xz_single(&disk[..400_000], Check::Crc64), xz_single(&disk[400_000..], Check::Crc64)];
    let place = Place::with(&streams.concat());
    let layout = place.open().unwrap();
    let blocks = &layout.xz_layout().unwrap().blocks;
    for (claimed, at) in [(399_999_u64, 399_990), (400_001, 399_999)] {
        let block = XzBlock { uncompressed_size: claimed, ..blocks[0] };
        let mut content = Vec::new();
        let mut reader = block_reader(layout.file_bytes(), &block).unwrap();
        let error = reader.read_to_end(&mut content).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error} after {at}");
    }
}

#[test]
fn a_dictionary_too_large_for_memory_is_refused_without_taking_it() {
    let disk = disk();
    let mut options = xz2::stream::LzmaOptions::new_preset(0).unwrap();
    options.dict_size(1 << 20);
    let mut filters = xz2::stream::Filters::new();
    filters.lzma2(&options);
    let mut bytes = encoded(Stream::new_stream_encoder(&filters, Check::Crc64).unwrap(), &disk);
    // The Block header behind the stream header: size, flags, LZMA2, one byte of properties, and that byte.
    assert_eq!(bytes[12..17], [2, 0, 0x21, 1, 16]);
    bytes[16] = 36;
    let checksum = CRC32.checksum(&bytes[12..20]);
    bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
    assert_eq!(
        error_of(&bytes),
        "the image `/stock` is compressed so that reading it takes 1 GiB of memory (the limit is 160 MiB), which \
         cardwright does not read"
    );
}

#[test]
fn an_archive_holds_exactly_one_image() {
    let disk = disk();
    assert_eq!(
        error_of(&zip(&[("a.img", &disk), ("b.img", &disk), ("c.txt", b"")])),
        "the image `/stock` is a zip archive of several images: `a.img`, `b.img`"
    );
    assert_eq!(
        error_of(&zip(&[("a.img.xz", b"x"), ("folder/._a.img", b"")])),
        "the image `/stock` is a zip archive without a file that ends in `.img`: it holds `a.img.xz`, `folder/._a.img`"
    );
    assert_eq!(error_of(&zip(&[])), "the image `/stock` is a zip archive without a file that ends in `.img`");
    assert_eq!(
        error_of(&zip(&[("\u{1b}[31m", b"")])),
        "the image `/stock` is a zip archive without a file that ends in `.img`: it holds `\\u{1b}[31m`"
    );
}

#[test]
fn a_scratch_folder_that_cannot_be_written_to_is_named() {
    let place = Place::with(&gzip(&disk()));
    let missing = place.folder.path().join("missing");
    let error = StockImage::open(&place.file(), None, &missing).map(|_| ()).unwrap_err();
    assert!(matches!(&error, StockImageError::Scratch { folder, .. } if *folder == missing), "{error}");
}

#[test]
fn files_of_the_xz_program_are_read() {
    let disk = disk();
    let place = Place::with(&disk);
    for arguments in [&["-T0", "--block-size=100000"][..], &["-T1", "-1"], &["-T2", "-0", "--check=sha256"]] {
        let compressed = place.folder.path().join("compressed");
        let output = fs::File::create(&compressed).unwrap();
        let run = Command::new("xz").args(arguments).arg("-c").arg(place.file()).stdout(output).status();
        let Ok(status) = run else {
            crate::types::test_oracle::skipped("there is no xz program");
            return;
        };
        assert!(status.success());
        assert_holds(&StockImage::open(&compressed, None, &place.scratch()).unwrap(), &disk);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn any_piece_of_any_block_layout_is_what_was_compressed(
        streams in prop::collection::vec((1_000..1_100_000_u64, 0..4_usize, 0..3_usize), 1..4),
        at in any::<prop::sample::Index>(),
        length in 0..400_000_usize,
    ) {
        let disk = disk();
        let checks = [Check::None, Check::Crc32, Check::Crc64, Check::Sha256];
        let part = disk.len().div_ceil(streams.len());
        let mut compressed = Vec::new();
        for (bytes, (block_size, check, padding)) in disk.chunks(part).zip(&streams) {
            compressed.extend(xz_blocks(bytes, *block_size, checks[*check]));
            compressed.resize(compressed.len() + 4 * padding, 0);
        }
        let image = Place::with(&compressed).open().unwrap();
        let at = at.index(disk.len());
        let length = length.min(disk.len() - at);
        let mut piece = vec![0; length];
        image.read_at(ByteOffset::new(at as u64), &mut piece).unwrap();
        prop_assert!(piece == disk[at..at + length]);
    }
}
