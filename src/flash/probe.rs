//! Cards that say they are larger than they are.
//!
//! Such a card has, say, 8 GB and claims 64: the addresses beyond wrap around to its beginning, or what is written there is lost. Both show
//! when blocks that are told apart by what is in them are written at distances of powers of two and near the end, and
//! then read back: a card that wraps around gives the last one that was written for all that fell on the same place. (f3probe
//! finds more, in minutes.)

use super::FlashError;
use super::error::{CardPlace, Failed};
use crate::device::{AlignedBuffer, OpenDevice};
use crate::types::{ByteCount, ByteOffset, Digest};
use std::path::Path;
use std::time::SystemTime;

/// The size of a block.
const BLOCK: usize = 4096;

/// The distance of each block from its power of two: wherever the card wraps around, one block lies there as well.
const SHIFT: u64 = 1 << 20;

/// Returns the places of the blocks on a device of this size, in order.
fn places(size: ByteCount) -> Vec<u64> {
    let end = size.get() / BLOCK as u64 * BLOCK as u64;
    let powers = (21..63).map(|power| (1_u64 << power) + SHIFT);
    let near_end = [2 * SHIFT, BLOCK as u64].into_iter().filter_map(|distance| end.checked_sub(distance));
    let mut places: Vec<u64> = [SHIFT].into_iter().chain(powers).chain(near_end).collect();
    places.retain(|place| place + BLOCK as u64 <= end);
    places.sort_unstable();
    places.dedup();
    places
}

/// Fills a block with what tells it from the others, and from those of another time.
fn fill(block: &mut [u8], run: &str, place: u64) {
    let digest = Digest::of(format!("{run} {place}").as_bytes());
    for part in block.chunks_mut(digest.as_bytes().len()) {
        part.copy_from_slice(digest.as_bytes().split_at(part.len()).0);
    }
}

/// Checks that a device is as large as it says. What was on it at the places of the blocks is zeros then.
///
/// # Errors
/// When it is not, or cannot be written to or read.
pub(super) fn check(device: &dyn OpenDevice, path: &Path) -> Result<(), FlashError> {
    let run = format!("{:?} {}", SystemTime::now(), std::process::id());
    let places = places(device.size());
    let failed = |what: Failed, place: u64| {
        let place = CardPlace::outside(place..place + BLOCK as u64);
        move |source| what.with(path.to_owned(), place, source)
    };
    let mut block = AlignedBuffer::new(BLOCK);
    for place in &places {
        fill(block.first_mut(BLOCK), &run, *place);
        device
            .write_at(ByteOffset::new(*place), block.first(BLOCK))
            .map_err(failed(Failed::Write, *place))?;
    }
    device.flush().map_err(failed(Failed::Flush, 0))?;
    let mut expected = vec![0; BLOCK];
    for place in &places {
        device
            .read_at(ByteOffset::new(*place), block.first_mut(BLOCK))
            .map_err(failed(Failed::ReadBack, *place))?;
        fill(&mut expected, &run, *place);
        if block.first(BLOCK) != expected {
            let other = places.iter().copied().find(|other| {
                fill(&mut expected, &run, *other);
                block.first(BLOCK) == expected
            });
            let (device, size) = (path.to_owned(), device.size());
            return Err(FlashError::Counterfeit {
                device,
                size,
                place: ByteCount::new(*place),
                other: other.map(ByteCount::new),
            });
        }
    }
    block.first_mut(BLOCK).fill(0);
    for place in &places {
        device
            .write_at(ByteOffset::new(*place), block.first(BLOCK))
            .map_err(failed(Failed::Write, *place))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_lie_at_powers_of_two_and_near_the_end() {
        let mib = |places: Vec<u64>| places.into_iter().map(|place| place >> 20).collect::<Vec<_>>();
        assert_eq!(mib(places(ByteCount::new(20 << 20))), [1, 3, 5, 9, 17, 18, 19]);
        assert_eq!(places(ByteCount::new(1 << 20)), [(1 << 20) - 4096]);
        assert!(places(ByteCount::new(4095)).is_empty());
        assert_eq!(places(ByteCount::new(32 << 30)).len(), 1 + 14 + 2);
    }
}
