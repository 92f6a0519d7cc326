//! Images decompress to what was meant, whatever the stock image is compressed with and however its Blocks
//! lie: `decode(write(base, layers)) == apply(base, layers)`.

use super::{BuiltImage, ImageJob, ImageWriter};
use crate::cache::Bucket;
use crate::formats::{Compression, ImageFormat};
use crate::io::{Extended, Layer, LayeredDisk, Overlay, ReadAt, Window, WriteAt as _};
use crate::stock_image::StockImage;
use crate::types::{ByteCount, ByteOffset, Digest};
use proptest::prelude::*;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;
use xz2::stream::{Action, Check, MtStreamBuilder, Stream};

const CHECKS: [Check; 4] = [Check::None, Check::Crc32, Check::Crc64, Check::Sha256];

/// A disk with an MBR of one partition, and text, noise and zeros behind it.
fn disk(size: usize) -> Vec<u8> {
    let mut disk = crate::partition::made::mbr_disk(size / 512, &[(0x83, 8, 8)]);
    disk.resize(size, 0);
    let mut noise = 0x9e37_79b9_u32;
    for (at, byte) in disk.iter_mut().enumerate().skip(512) {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *byte = match at / 50_000 % 3 {
            0 => noise.to_be_bytes()[0],
            1 => b"a stock image\n"[at % 14],
            _ => 0,
        };
    }
    disk
}

fn encoded(mut stream: Stream, bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(bytes.len() * 2 + 1_000_000);
    let status = stream.process_vec(bytes, &mut packed, Action::Finish).unwrap();
    assert_eq!(status, xz2::stream::Status::StreamEnd);
    packed
}

/// Blocks with sizes in their headers.
fn blocks(bytes: &[u8], block_size: u64, check: Check) -> Vec<u8> {
    let mut builder = MtStreamBuilder::new();
    let stream = builder.threads(1).preset(0).check(check).block_size(block_size).encoder().unwrap();
    encoded(stream, bytes)
}

/// One Block, without sizes in its header.
fn one_block(bytes: &[u8], check: Check) -> Vec<u8> {
    encoded(Stream::new_easy_encoder(0, check).unwrap(), bytes)
}

/// One stream of several Blocks without sizes in their headers, as `xz -T1 --block-size` makes them.
fn blocks_without_sizes(bytes: &[u8], block_size: usize, check: Check) -> Vec<u8> {
    let mut stream = Stream::new_easy_encoder(0, check).unwrap();
    let mut packed = Vec::with_capacity(bytes.len() * 2 + 1_000_000);
    for block in bytes.chunks(block_size) {
        stream.process_vec(block, &mut packed, Action::FullFlush).unwrap();
    }
    stream.process_vec(&[], &mut packed, Action::Finish).unwrap();
    packed
}

/// An image of a node without anything else about it.
pub(super) fn job(path: PathBuf, layer: Layer) -> ImageJob {
    ImageJob {
        node: "node".to_owned(),
        title: String::new(),
        description: String::new(),
        path,
        layer: Arc::new(layer),
        unused: None,
        plan: Digest::of(b""),
        edits: 0,
        changed_blocks: 0,
    }
}

fn layer(base: &Arc<dyn ReadAt>, below: Option<&Arc<Layer>>, writes: &[(usize, Vec<u8>)]) -> Arc<Layer> {
    let disk = LayeredDisk::new(Arc::clone(base));
    let overlay = Overlay::above(below.map_or(disk.clone(), |below| disk.with(Arc::clone(below))));
    for (at, bytes) in writes {
        let at = (*at).min(base.size().as_usize());
        let length = bytes.len().min(base.size().as_usize() - at);
        overlay.write_at(ByteOffset::new(at as u64), &bytes[..length]).unwrap();
    }
    Arc::new(overlay.into_layer().unwrap())
}

fn content(disk: &dyn ReadAt) -> Vec<u8> {
    let mut bytes = vec![0; disk.size().as_usize()];
    disk.read_at(ByteOffset::ZERO, &mut bytes).unwrap();
    bytes
}

fn unpacked(path: &Path, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    format.decode(&fs::read(path).unwrap(), |reader| reader.read_to_end(&mut bytes)).unwrap().unwrap();
    bytes
}

/// A way to make images.
#[derive(Clone, Copy)]
struct Way<'way> {
    format: ImageFormat,
    compression: Compression,
    size: usize,
    threads: usize,
    only: Option<usize>,
    cache: Option<&'way Path>,
}

impl Way<'_> {
    fn plain(format: ImageFormat) -> Self {
        Self { format, compression: Compression::Fast, size: SIZE, threads: 2, only: None, cache: None }
    }
}

/// A stock image, as a file, with a folder to work in.
struct Workshop {
    folder: TempDir,
    stock: Arc<StockImage>,
}

impl Workshop {
    fn with(file: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stock");
        fs::write(&path, file).unwrap();
        let stock = StockImage::open(&path, None, folder.path()).unwrap();
        Self { folder, stock: Arc::new(stock) }
    }

    /// Writes images of all nodes in one format, or of one of them, and compares.
    fn check(&self, way: Way<'_>, shared: Option<&Arc<Layer>>, layers: &[Arc<Layer>]) -> Vec<BuiltImage> {
        let Way { format, compression, size, threads, only, cache } = way;
        // Opened, it is padded to whole sectors.
        let stock =
            Window::new(Arc::clone(&self.stock), ByteOffset::ZERO, ByteCount::new(SIZE as u64)).unwrap();
        let larger = Extended::new(stock, ByteCount::new(size as u64)).unwrap();
        let disk = LayeredDisk::new(Arc::new(larger));
        let disk = shared.map_or(disk.clone(), |shared| disk.with(Arc::clone(shared)));
        let wanted = layers.iter().enumerate().filter(|(number, _)| only.is_none_or(|only| only == *number));
        let jobs = wanted.map(|(number, layer)| {
            let path = self.folder.path().join(format!("{number}.{format}"));
            let job = job(path, Layer::default());
            ImageJob { node: number.to_string(), layer: Arc::clone(layer), ..job }
        });
        let writer = ImageWriter {
            format,
            compression,
            disk: &disk,
            node_blocks: &layers.iter().flat_map(|layer| layer.indices()).collect(),
            stock: &self.stock,
            threads,
            hash_files: true,
            hash_disks: false,
            cache,
        };
        let images = writer
            .write(jobs.collect(), &crate::types::Silent)
            .unwrap()
            .publish(self.stock.verify().unwrap())
            .unwrap();
        for image in &images {
            let layer = &layers[image.node.parse::<usize>().unwrap()];
            let wanted = content(&disk.with(Arc::clone(layer)));
            assert!(unpacked(&image.path, format) == wanted, "{format} is something else");
            assert_eq!(image.sha256.unwrap(), Digest::of(&fs::read(&image.path).unwrap()));
        }
        images
    }
}

#[derive(Debug, Clone)]
enum Packed {
    Raw,
    Blocks(u64, usize),
    WithoutSizes(usize, usize),
    OneBlock(usize),
    Streams(Vec<(u64, usize, usize)>),
    Gzip,
}

fn packed() -> impl Strategy<Value = Packed> {
    // 192 MiB is the Block of `xz -9`, and larger than all of this disk.
    let size = prop_oneof![4 => 4096..400_000_u64, 1 => Just(192 << 20)];
    prop_oneof![
        1 => Just(Packed::Raw),
        1 => Just(Packed::Gzip),
        4 => (size.clone(), 0..4_usize).prop_map(|(size, check)| Packed::Blocks(size, check)),
        2 => (4096..400_000_usize, 0..4_usize)
            .prop_map(|(size, check)| Packed::WithoutSizes(size, check)),
        1 => (0..4_usize).prop_map(Packed::OneBlock),
        2 => prop::collection::vec((size, 0..4_usize, 0..3_usize), 2..4).prop_map(Packed::Streams),
    ]
}

fn file(packed: &Packed, disk: &[u8]) -> Vec<u8> {
    match packed {
        Packed::Raw => disk.to_vec(),
        Packed::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(disk).unwrap();
            encoder.finish().unwrap()
        }
        Packed::Blocks(size, check) => blocks(disk, *size, CHECKS[*check]),
        Packed::WithoutSizes(size, check) => blocks_without_sizes(disk, *size, CHECKS[*check]),
        Packed::OneBlock(check) => one_block(disk, CHECKS[*check]),
        Packed::Streams(streams) => {
            let part = disk.len().div_ceil(streams.len());
            let mut file = Vec::new();
            for (bytes, (size, check, padding)) in disk.chunks(part).zip(streams) {
                file.extend(blocks(bytes, *size, CHECKS[*check]));
                file.resize(file.len() + 4 * padding, 0);
            }
            file
        }
    }
}

const SIZE: usize = 1_000_000;

fn writes() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
    let bytes = (any::<u8>(), 1..30_000_usize).prop_map(|(byte, length)| vec![byte; length]);
    prop::collection::vec((0..SIZE + 400_000, bytes), 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn what_comes_out_unpacks_to_what_was_meant(
        packed in packed(),
        format in prop::sample::select(ImageFormat::WRITTEN.to_vec()),
        compression in prop::sample::select(Compression::ALL.to_vec()),
        shared in writes(),
        nodes in prop::collection::vec(writes(), 1..4),
        grown in prop_oneof![Just(0), 1..400_000_usize],
        threads in 1..4_usize,
    ) {
        let workshop = Workshop::with(&file(&packed, &disk(SIZE)));
        let size = SIZE + grown;
        let mut grown_disk = disk(SIZE);
        grown_disk.resize(size, 0);
        let grown_disk: Arc<dyn ReadAt> = Arc::new(grown_disk);
        let shared = layer(&grown_disk, None, &shared);
        let layers: Vec<_> =
            nodes.iter().map(|writes| layer(&grown_disk, Some(&shared), writes)).collect();
        let cache = workshop.folder.path().join("cache");
        let all = workshop.check(Way { format, compression, size, threads, only: None, cache: Some(&cache) }, Some(&shared), &layers);
        // The same bytes on another number of threads, from the cache or without one, and of one node alone.
        for (threads, cache, only) in [(5, Some(&*cache), None), (1, None, Some(layers.len() - 1))] {
            let again = workshop.check(Way { format, compression, size, threads, only, cache }, Some(&shared), &layers);
            for again in again {
                let before = all.iter().find(|one| one.path == again.path).unwrap();
                prop_assert_eq!(before.sha256, again.sha256);
            }
        }
    }
}

#[test]
fn blocks_that_no_node_changes_are_taken_from_the_stock_image() {
    let disk = disk(SIZE);
    let file = blocks(&disk, 100_000, Check::Sha256);
    let workshop = Workshop::with(&file);
    let base: Arc<dyn ReadAt> = Arc::new(disk);
    let layers = [layer(&base, None, &[(450_000, vec![1; 10])])];
    let written = workshop.check(Way::plain(ImageFormat::Xz), None, &layers);
    let image = fs::read(&written[0].path).unwrap();
    let layout = workshop.stock.xz_layout().unwrap();
    for (number, block) in layout.blocks.iter().enumerate() {
        let start = usize::try_from(block.compressed_offset).unwrap();
        let bytes = &file[start..start + usize::try_from(block.padded_size()).unwrap()];
        let cached = image.windows(bytes.len()).any(|window| window == bytes);
        assert_eq!(cached, number != 4, "Block {number}");
    }
    // The same check as the stock image's: SHA-256 is number 10.
    assert_eq!(image[7], 0x0a);
    // One Stream, whatever the stock image had.
    assert_eq!(image.windows(6).filter(|window| window == b"\xfd7zXZ\0").count(), 1);
}

#[test]
fn no_secret_is_in_the_cache() {
    let disk = disk(SIZE);
    let secret = b"a token that nobody may see";
    for format in [ImageFormat::Xz, ImageFormat::Zstd, ImageFormat::Gzip] {
        let workshop = Workshop::with(&blocks(&disk, 100_000, Check::Crc64));
        let base: Arc<dyn ReadAt> = Arc::new(disk.clone());
        let layers = [layer(&base, None, &[(450_000, secret.to_vec())])];
        let cache = workshop.folder.path().join("cache");
        let written = workshop.check(Way { cache: Some(&cache), ..Way::plain(format) }, None, &layers);
        let holds = |path: &Path| fs::read(path).unwrap().windows(secret.len()).any(|bytes| bytes == secret);
        // It is stored in the image, so it would be seen in the cache.
        assert!(holds(&written[0].path));
        let cached: Vec<_> = fs::read_dir(Bucket::Templates.folder(&cache)).unwrap().collect();
        assert_eq!(cached.len(), 1);
        assert!(!holds(&cached.into_iter().next().unwrap().unwrap().path()));
    }
}

#[test]
fn a_damaged_template_is_made_again() {
    let disk = disk(SIZE);
    let workshop = Workshop::with(&blocks(&disk, 100_000, Check::Crc64));
    let base: Arc<dyn ReadAt> = Arc::new(disk);
    let layers = [layer(&base, None, &[(450_000, vec![7; 10])])];
    let cache = workshop.folder.path().join("cache");
    let way = Way { cache: Some(&cache), ..Way::plain(ImageFormat::Xz) };
    let check = || workshop.check(way, None, &layers);
    let first = check();
    let cached = fs::read_dir(Bucket::Templates.folder(&cache)).unwrap().next().unwrap().unwrap().path();
    let mut bytes = fs::read(&cached).unwrap();
    bytes[1000] ^= 1;
    fs::write(&cached, &bytes).unwrap();
    assert_eq!(check()[0].sha256, first[0].sha256);
    fs::write(&cached, &bytes[..30]).unwrap();
    assert_eq!(check()[0].sha256, first[0].sha256);
}

#[test]
fn a_new_image_leaves_no_old_bmap_beside_it() {
    let disk = disk(SIZE);
    let workshop = Workshop::with(&disk);
    let base: Arc<dyn ReadAt> = Arc::new(disk);
    let layers = [layer(&base, None, &[(450_000, vec![7; 10])])];
    for format in ImageFormat::WRITTEN {
        let stale = workshop.folder.path().join("0.img.bmap");
        fs::write(&stale, "of another image").unwrap();
        workshop.check(Way::plain(format), None, &layers);
        assert!(!stale.exists());
    }
}
