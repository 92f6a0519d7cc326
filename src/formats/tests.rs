//! What is packed and stored here is unpacked again, part by part in any order of kinds.

use super::gzip::Gzip;
use super::xz::{Check, Xz};
use super::zstd::Zstd;
use super::{PartFormat, gzip, xz, zstd};
use proptest::prelude::*;
use std::io::{BufReader, Read};

fn unpacked(mut reader: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

/// A file of these parts, each packed or stored.
fn file(format: &dyn PartFormat, parts: &[(Vec<u8>, bool)]) -> Vec<u8> {
    let mut file = format.head();
    let mut records = Vec::new();
    for (bytes, stored) in parts {
        let part = if *stored { format.store(bytes) } else { format.pack(bytes).unwrap() };
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
    fn any_mixture_of_packed_and_stored_parts_is_what_it_was(
        parts in parts(),
        check in prop::sample::select(vec![Check::None, Check::Crc32, Check::Crc64, Check::Sha256]),
    ) {
        let whole: Vec<u8> = parts.iter().flat_map(|(bytes, _)| bytes).copied().collect();
        let packed = file(&Xz { check }, &parts);
        prop_assert!(unpacked(xz::decoder(BufReader::new(&packed[..]), 64 << 20).unwrap()) == whole);
        let packed = file(&Gzip, &parts);
        prop_assert!(unpacked(gzip::decoder(BufReader::new(&packed[..]))) == whole);
        let packed = file(&Zstd, &parts);
        prop_assert!(unpacked(zstd::decoder(BufReader::new(&packed[..])).unwrap()) == whole);
    }

    #[test]
    fn the_layout_of_a_stored_part_depends_on_its_length_alone(
        (one, other) in (1..300_000_usize).prop_map(|length| (vec![1; length], vec![2; length])),
    ) {
        for format in [&Xz { check: Check::Sha256 } as &dyn PartFormat, &Gzip, &Zstd] {
            let (one, other) = (format.store(&one), format.store(&other));
            prop_assert_eq!(one.bytes.len(), other.bytes.len());
            prop_assert_eq!(one.record.packed, other.record.packed);
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
    let formats: [&dyn PartFormat; 2] = [&Xz { check: Check::Crc64 }, &Gzip];
    for format in formats {
        assert_eq!(format.pack(&bytes).unwrap(), format.store(&bytes));
    }
    // A tenth of it that shrinks is worth it.
    bytes[..50_000].fill(b'a');
    for format in formats {
        let (packed, stored) = (format.pack(&bytes).unwrap(), format.store(&bytes));
        assert!(packed.bytes.len() < stored.bytes.len() - 45_000);
    }
}
