//! Sizes of disks and memories, as nodes.yaml writes them.

use crate::cluster::diagnostic::{Finding, shown};
use crate::types::ByteCount;

/// Larger than any card, and than any partition of one: its table, an MBR, counts sectors of 512 bytes in 32 bits.
pub(crate) const LARGEST: u64 = 2 << 40;

/// `512MiB`, `1GiB`.
pub(crate) fn size(text: &str) -> Result<ByteCount, Finding> {
    let (number, unit) = number_and_unit(text);
    let shift = match unit {
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    byte_count(number, shift)
        .ok_or_else(|| Finding::new(format!("{} is not a size", shown(text)), hint(number, unit)))
}

/// Splits a text behind its digits, and drops the spaces there.
fn number_and_unit(text: &str) -> (&str, &str) {
    let (number, unit) =
        text.split_at(text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len()));
    (number, unit.trim_start())
}

/// Returns as many units of `1 << shift` bytes as the number says, if some card could have them.
fn byte_count(number: &str, shift: Option<u32>) -> Option<ByteCount> {
    let bytes = number.parse::<u64>().ok()?.checked_mul(1 << shift?)?;
    (1..=LARGEST).contains(&bytes).then(|| ByteCount::new(bytes))
}

/// The memory of a board. Its maker sells it in gigabytes and means GiB, and there are so few sizes that a
/// bare number has only one meaning.
pub(crate) fn memory(text: &str) -> Result<ByteCount, Finding> {
    const GIB: [u64; 5] = [1, 2, 4, 8, 16];
    const MIB: [u64; 7] = [256, 512, 1024, 2048, 4096, 8192, 16384];
    let (number, unit) = number_and_unit(text);
    let shift = match (unit.to_ascii_lowercase().as_str(), number.parse()) {
        ("", Ok(number)) if GIB.contains(&number) => Some(30),
        ("", Ok(number)) if MIB.contains(&number) => Some(20),
        ("m" | "mb" | "mi" | "mib", Ok(_)) => Some(20),
        ("g" | "gb" | "gi" | "gib", Ok(_)) => Some(30),
        _ => None,
    };
    byte_count(number, shift).ok_or_else(|| {
        let message = format!("{} is not the memory of a board", shown(text));
        Finding::new(message, "Write it as it is sold, like `512MiB` or `4GiB`")
    })
}

/// Returns the hint for somebody who wrote another unit.
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
    use super::{memory, size};
    use crate::types::ByteCount;

    #[test]
    fn memory_is_read_as_boards_are_sold() {
        for (text, mebibytes) in [
            ("4GiB", 4096),
            ("4 GB", 4096),
            ("4G", 4096),
            ("4", 4096),
            ("512", 512),
            ("4096", 4096),
            ("512M", 512),
            ("3GiB", 3072),
        ] {
            assert_eq!(memory(text).unwrap(), ByteCount::new(mebibytes << 20), "{text}");
        }
        for invalid in
            ["", "3", "5", "1000", "0", "GiB", "4TB", "4 k", "0GiB", "4.5GiB", "-4", "99999999999GiB"]
        {
            assert!(memory(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn sizes_have_a_number_and_a_unit() {
        assert_eq!(size("512MiB").unwrap(), ByteCount::new(512 << 20));
        assert_eq!(size("1 GiB").unwrap(), ByteCount::new(1 << 30));
        for invalid in
            ["", "1", "GiB", "1GB", "0GiB", "-1GiB", "1.5GiB", "99999999999GiB", "3000000GiB", "1KiB", "²GiB"]
        {
            assert!(size(invalid).is_err(), "{invalid}");
        }
    }
}
