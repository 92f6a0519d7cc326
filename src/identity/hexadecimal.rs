//! Hexadecimal digits of secrets, leaving no copy in memory.

use zeroize::Zeroizing;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Two lower-case digits for each byte.
pub(super) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    // Room for all of it at once: a string that grows would leave its shorter self behind.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for byte in bytes {
        for digit in [byte >> 4, byte & 0x0f] {
            text.extend(DIGITS.get(usize::from(digit)).copied().map(char::from));
        }
    }
    text
}

/// The 32 bytes of 64 digits of either case, or `None`.
pub(super) fn decode(text: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    if text.len() != 64 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        for digit in pair {
            let value = char::from(*digit).to_digit(16)?;
            *byte = (*byte << 4) | u8::try_from(value).ok()?;
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_as_they_are_written() {
        let bytes: Vec<u8> = (0..32).map(|number| number * 8 + 7).collect();
        let text = encode(&bytes);
        assert!(text.starts_with("070f171f"), "{}", *text);
        assert_eq!(decode(text.as_bytes()).unwrap().as_slice(), bytes);
        assert_eq!(decode(text.to_uppercase().as_bytes()).unwrap().as_slice(), bytes);
    }

    #[test]
    fn anything_but_64_digits_is_refused() {
        for wrong in ["", "00", &"0".repeat(63), &"0".repeat(65), &"g".repeat(64), &"+0".repeat(32)] {
            assert!(decode(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }
}
