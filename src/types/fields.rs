//! Little-endian numbers at fixed offsets, as filesystems and partition tables keep their fields.
//!
//! Offsets come from the specifications, and a structure is in memory as a whole before its fields are looked
//! at. An offset outside of it is a mistake in cardwright. It stops there: going on with zero, or with nothing
//! written, would make a filesystem that looks right and is not.

const OUTSIDE: &str = "a structure is in memory whole before its fields are read or written";

/// Returns the byte at `offset`.
pub(crate) fn u8_at(bytes: &[u8], offset: usize) -> u8 {
    let [byte] = array_at(bytes, offset);
    byte
}

/// Returns the number in the two bytes at `offset`.
pub(crate) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, offset))
}

/// Returns the number in the four bytes at `offset`.
pub(crate) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

/// Returns the `N` bytes at `offset`.
#[expect(clippy::expect_used, reason = "an offset outside is a mistake of the caller's")]
pub(crate) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    *bytes.get(offset..).and_then(<[u8]>::first_chunk).expect(OUTSIDE)
}

/// Sets the bytes at `offset` to `new`.
#[expect(clippy::expect_used, reason = "an offset outside is a mistake of the caller's")]
pub(crate) fn set_at(bytes: &mut [u8], offset: usize, new: &[u8]) {
    let field = offset.checked_add(new.len()).and_then(|end| bytes.get_mut(offset..end));
    field.expect(OUTSIDE).copy_from_slice(new);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_little_endian() {
        let mut bytes = [1, 2, 3, 4, 5];
        assert_eq!((u8_at(&bytes, 4), u16_at(&bytes, 3), u32_at(&bytes, 1)), (5, 0x0504, 0x0504_0302));
        set_at(&mut bytes, 3, &[8, 9]);
        assert_eq!(bytes, [1, 2, 3, 8, 9]);
    }

    #[test]
    #[should_panic(expected = "in memory whole")]
    fn a_field_outside_is_not_zero() {
        u32_at(&[0; 5], 2);
    }

    #[test]
    #[should_panic(expected = "in memory whole")]
    fn a_field_that_reaches_outside_is_not_left_unwritten() {
        set_at(&mut [0; 5], 4, &[1, 2]);
    }

    #[test]
    #[should_panic(expected = "in memory whole")]
    fn an_offset_beyond_all_numbers_is_outside() {
        set_at(&mut [0; 5], usize::MAX, &[1, 2]);
    }
}
