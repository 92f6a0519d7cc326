//! The parts of a disk where nodes differ.

use crate::io::BlockIndex;
use crate::types::ByteCount;
use std::collections::BTreeSet;
use std::ops::Range;

/// Node regions begin and end at multiples of this, so that a few blocks beside each other make one region.
const GRANULE: u64 = 16 << 10;

/// The longest node region: its bytes are in memory at once.
const LONGEST: u64 = 1 << 20;

/// The parts of a disk that some node changes over what all nodes share: in order, and apart from each other or at
/// most touching. Everything else is the same on every node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeRegions(Vec<Range<u64>>);

impl NodeRegions {
    /// Finds the regions of these blocks, in which some node differs, whether an image of them is wanted or not: so that an image does not
    /// depend on which others are made with it.
    pub(super) fn of(blocks: impl Iterator<Item = BlockIndex>, size: ByteCount) -> Self {
        Self(changed(blocks, size, GRANULE, LONGEST))
    }

    /// Returns all regions.
    pub(super) fn all(&self) -> &[Range<u64>] {
        &self.0
    }

    /// Returns those that begin in, or reach into, a part of the disk.
    pub(super) fn in_part(&self, part: &Range<u64>) -> &[Range<u64>] {
        overlapping(&self.0, part, Range::clone)
    }
}

/// Returns the parts of a disk that these blocks are in, in order: in multiples of `granule`, and joined where they
/// touch, as long as the whole is no longer than `longest`.
pub(super) fn changed(
    blocks: impl Iterator<Item = BlockIndex>,
    size: ByteCount,
    granule: u64,
    longest: u64,
) -> Vec<Range<u64>> {
    let starts: BTreeSet<u64> = blocks.map(|index| index.start() / granule * granule).collect();
    let mut parts: Vec<Range<u64>> = Vec::new();
    for start in starts {
        // The last block of a disk may reach beyond its end.
        let end = (start + granule).min(size.get());
        match parts.last_mut() {
            Some(last) if last.end == start && end - last.start <= longest => last.end = end,
            _ => parts.push(start..end),
        }
    }
    parts
}

/// Returns those of some places, which are in order and apart, that overlap a range.
pub(super) fn overlapping<'all, T>(
    all: &'all [T],
    range: &Range<u64>,
    place: impl Fn(&T) -> Range<u64>,
) -> &'all [T] {
    let first = all.partition_point(|one| place(one).end <= range.start);
    let behind = all.partition_point(|one| place(one).start < range.end);
    all.split_at(behind).0.split_at(first).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Layer, Overlay, WriteAt as _};
    use crate::types::ByteOffset;
    use std::sync::Arc;

    #[test]
    fn node_regions_are_granules_that_some_node_changes() {
        let layer = |writes: &[u64]| {
            let overlay = Overlay::new(Arc::new(vec![0; 3_000_000]));
            for at in writes {
                overlay.write_at(ByteOffset::new(*at), &[1]).unwrap();
            }
            overlay.into_layer().unwrap()
        };
        let regions = |layers: &[Layer]| {
            NodeRegions::of(layers.iter().flat_map(Layer::indices), ByteCount::new(3_000_000))
        };
        let few = regions(&[layer(&[5, 16_384, 2_999_999]), layer(&[100_000, 40_000])]);
        assert_eq!(few.all(), [0..49_152, 98_304..114_688, 2_998_272..3_000_000]);
        assert_eq!(few.in_part(&(49_152..98_305)), vec![98_304..114_688]);
        assert_eq!(few.in_part(&(49_151..50_000)), vec![0..49_152]);
        assert_eq!(few.in_part(&(49_152..98_304)), []);

        let long: Vec<u64> = (0..120).map(|granule| granule * GRANULE).collect();
        assert_eq!(regions(&[layer(&long)]).all(), [0..LONGEST, LONGEST..120 * GRANULE]);
    }
}
