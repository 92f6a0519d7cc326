//! Where the images of several cards differ.

use super::image_job::{BLOCK, Card};
use crate::types::ByteCount;
use std::ops::Range;

/// Slots begin and end at multiples of this, so that a few blocks beside each other make one slot.
const GRANULE: u64 = 16 << 10;

/// The longest slot: its bytes are in memory at once.
const LONGEST: u64 = 1 << 20;

/// The parts of a disk that some card has changed above what all have in common: in order, and apart from
/// each other or at most touching. All else is the same on every card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Slots(Vec<Range<u64>>);

impl Slots {
    /// The slots of all these cards, whether an image of them is wanted or not: so that an image does not
    /// depend on which others are made with it.
    pub(super) fn of(cards: &[Card<'_>], size: ByteCount) -> Self {
        let layers = cards.iter().flat_map(|card| &card.layers);
        let blocks = layers.flat_map(|layer| layer.indices().map(|index| index.0));
        let mut granules: Vec<u64> = blocks.map(|block| block * BLOCK / GRANULE).collect();
        granules.sort_unstable();
        granules.dedup();
        let mut slots: Vec<Range<u64>> = Vec::new();
        for granule in granules {
            let start = granule * GRANULE;
            let end = (start + GRANULE).min(size.get());
            match slots.last_mut() {
                Some(last) if last.end == start && end - last.start <= LONGEST => last.end = end,
                _ if start < end => slots.push(start..end),
                _ => {}
            }
        }
        Self(slots)
    }

    /// All of them.
    pub(super) fn all(&self) -> &[Range<u64>] {
        &self.0
    }

    /// Those that begin in, or reach into, a part of the disk.
    pub(super) fn in_part(&self, part: &Range<u64>) -> &[Range<u64>] {
        let first = self.0.partition_point(|slot| slot.end <= part.start);
        let behind = self.0.partition_point(|slot| slot.start < part.end);
        self.0.split_at(behind).0.split_at(first).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Overlay, WriteAt as _};
    use crate::types::ByteOffset;
    use std::sync::Arc;

    #[test]
    fn slots_are_granules_that_some_card_changes() {
        let layer = |writes: &[u64]| {
            let overlay = Overlay::new(Arc::new(vec![0; 3_000_000]));
            for at in writes {
                overlay.write_at(ByteOffset::new(*at), &[1]).unwrap();
            }
            overlay.into_layer().unwrap()
        };
        let (one, other) = (layer(&[5, 16_384, 2_999_999]), layer(&[100_000, 40_000]));
        let cards = [&one, &other].map(|layer| Card { name: "", layers: vec![layer], image: None });
        let slots = Slots::of(&cards, ByteCount::new(3_000_000));
        assert_eq!(slots.all(), [0..49_152, 98_304..114_688, 2_998_272..3_000_000]);
        assert_eq!(slots.in_part(&(49_152..98_305)), vec![98_304..114_688]);
        assert_eq!(slots.in_part(&(49_151..50_000)), vec![0..49_152]);
        assert_eq!(slots.in_part(&(49_152..98_304)), []);

        let long: Vec<u64> = (0..120).map(|granule| granule * GRANULE).collect();
        let long = layer(&long);
        let card = Card { name: "", layers: vec![&long], image: None };
        assert_eq!(Slots::of(&[card], ByteCount::new(3_000_000)).all(), [0..LONGEST, LONGEST..120 * GRANULE]);
    }
}
