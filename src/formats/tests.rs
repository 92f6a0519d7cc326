//! Round trips: data is compressed and stored, and decompressed again part by part in any order of kinds.

use super::xz::Check;
use super::{Compression, ImageFormat, PartEncoder};
use proptest::prelude::*;

const COMPRESSED: [ImageFormat; 3] = [ImageFormat::Xz, ImageFormat::Gzip, ImageFormat::Zstd];

fn encoder(format: ImageFormat, check: Check) -> Box<dyn PartEncoder> {
    format.encoder(Compression::Fast, check).unwrap()
}

fn decompressed(format: ImageFormat, file: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    format.decode(&file, |reader| reader.read_to_end(&mut bytes)).unwrap().unwrap();
    bytes
}

/// A file of these parts, each compressed or stored.
fn file(format: &dyn PartEncoder, parts: &[(Vec<u8>, bool)]) -> Vec<u8> {
    let mut file = format.head();
    let mut records = Vec::new();
    for (bytes, stored) in parts {
        let part = if *stored { format.store(bytes) } else { format.compress(bytes).unwrap() };
        file.extend(part.bytes);
        records.push(part.record);
    }
    file.extend(format.tail(&records));
    file
}

fn parts() -> impl Strategy<Value = Vec<(Vec<u8>, bool)>> {
    let noise = prop::collection::vec(any::<u8>(), 1..2000);
    let dull = (any::<u8>(), 1..300_000_usize).prop_map(|(byte, length)| vec![byte; length]);
    prop::collection::vec((prop_oneof![noise, dull], any::<bool>()), 1..6)
}

proptest! {
    #[test]
    fn any_mixture_of_compressed_and_stored_parts_is_what_it_was(
        parts in parts(),
        check in prop::sample::select(vec![Check::None, Check::Crc32, Check::Crc64, Check::Sha256]),
    ) {
        let whole: Vec<u8> = parts.iter().flat_map(|(bytes, _)| bytes).copied().collect();
        for format in COMPRESSED {
            let file = file(&*encoder(format, check), &parts);
            prop_assert_eq!(ImageFormat::detect(&file).unwrap(), format);
            prop_assert!(decompressed(format, &file) == whole);
        }
    }

    #[test]
    fn the_layout_of_a_stored_part_depends_on_its_length_alone(
        (one, other) in (1..300_000_usize).prop_map(|length| (vec![1; length], vec![2; length])),
    ) {
        for format in COMPRESSED.map(|format| encoder(format, Check::Sha256)) {
            let (one, other) = (format.store(&one), format.store(&other));
            prop_assert_eq!(one.bytes.len(), other.bytes.len());
            prop_assert_eq!(one.record.compressed, other.record.compressed);
        }
    }
}

#[test]
fn what_is_compressed_already_is_stored() {
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes: Vec<u8> = std::iter::repeat_with(|| {
        noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        noise.to_be_bytes()[0]
    })
    .take(500_000)
    .collect();
    let formats = [ImageFormat::Xz, ImageFormat::Gzip].map(|format| encoder(format, Check::Crc64));
    for format in &formats {
        assert_eq!(format.compress(&bytes).unwrap(), format.store(&bytes));
    }
    // A tenth of it that shrinks is worth it.
    bytes[..50_000].fill(b'a');
    for format in &formats {
        let (compressed, stored) = (format.compress(&bytes).unwrap(), format.store(&bytes));
        assert!(compressed.bytes.len() < stored.bytes.len() - 45_000);
    }
}
