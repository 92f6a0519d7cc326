//! A disk drawn to scale.

use cardwright::partition::PartitionEntry;
use cardwright::types::ByteCount;

/// The width of the drawing, in characters: fits into 80 columns with its margin.
pub(super) const WIDTH: usize = 74;

/// Three rows: the numbers of the partitions above, their blocks to scale, their sizes below.
///
/// Every partition gets at least one character, so a tiny one is drawn larger than it is.
pub(super) fn draw(size: ByteCount, partitions: &[PartitionEntry], width: usize) -> [String; 3] {
    let mut rows = [vec![' '; width], vec!['·'; width], vec![' '; width]];
    let column = |bytes: u64| {
        let scaled = u128::from(bytes) * width as u128 / u128::from(size.get().max(1));
        // What lies behind the end of the disk is drawn at its end.
        usize::try_from(scaled).map_or(width, |scaled| scaled.min(width))
    };
    for (entry, shade) in partitions.iter().zip(['█', '▓', '▒', '░'].into_iter().cycle()) {
        let first = column(entry.start.get()).min(width - 1);
        let end = entry.start.checked_add(entry.length).map_or(width, |end| column(end.get())).max(first + 1);
        for place in rows.get_mut(1).into_iter().flatten().take(end).skip(first) {
            *place = shade;
        }
        for (row, text) in [(0, entry.number.to_string()), (2, entry.length.to_string())] {
            let places = rows.get_mut(row).into_iter().flatten().take(end).skip(first);
            if text.chars().count() <= end - first {
                places.zip(text.chars()).for_each(|(place, letter)| *place = letter);
            }
        }
    }
    rows.map(|row| row.into_iter().collect::<String>().trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwright::partition::PartitionKind;
    use cardwright::types::ByteOffset;

    fn entry(number: u32, start: u64, length: u64) -> PartitionEntry {
        PartitionEntry {
            number,
            start: ByteOffset::new(start),
            length: ByteCount::new(length),
            kind: PartitionKind::Linux,
        }
    }

    #[test]
    fn partitions_are_drawn_to_scale_and_never_vanish() {
        let partitions = [entry(1, 1024, 4096), entry(2, 5120, 10240), entry(3, 20479, 1)];
        let rows = draw(ByteCount::new(20480), &partitions, 20);
        assert_eq!(rows, [" 1   2             3", "·████▓▓▓▓▓▓▓▓▓▓····▒", "     10 KiB"]);
    }
}
