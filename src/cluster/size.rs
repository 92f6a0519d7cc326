//! Sizes of disks and memories, as nodes.yaml writes them.

use super::reader::{Wrong, shown};
use crate::disk::ByteCount;

/// Larger than any card.
const LARGEST: u64 = 2 << 40;

/// `512MiB`, `1GiB`.
pub(super) fn size(text: &str) -> Result<ByteCount, Wrong> {
    let digits = text.len() - text.trim_start_matches(|character: char| character.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let shift = match unit.trim_start() {
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    let bytes =
        number.parse::<u64>().ok().zip(shift).and_then(|(number, shift)| number.checked_mul(1 << shift));
    match bytes {
        Some(bytes @ 1..=LARGEST) => Ok(ByteCount(bytes)),
        _ => Err(Wrong::new(format!("{} is not a size", shown(text)), hint(number, unit.trim_start()))),
    }
}

/// What somebody meant who wrote another unit.
fn hint(number: &str, unit: &str) -> String {
    let meant = match unit.to_ascii_lowercase().as_str() {
        "m" | "mb" | "mib" => "MiB",
        "g" | "gb" | "gib" => "GiB",
        _ => return "Write it like `512MiB` or `1GiB`".to_owned(),
    };
    match number {
        "" | "0" => "Write it like `512MiB` or `1GiB`".to_owned(),
        number => format!("Did you mean `{number}{meant}`?"),
    }
}

#[cfg(test)]
mod tests {
    use super::size;
    use crate::disk::ByteCount;

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        assert_eq!(size("512MiB").unwrap(), ByteCount(512 << 20));
        assert_eq!(size("1 GiB").unwrap(), ByteCount(1 << 30));
        for wrong in
            ["", "1", "GiB", "1GB", "0GiB", "-1GiB", "1.5GiB", "99999999999GiB", "3000000GiB", "1KiB", "²GiB"]
        {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
