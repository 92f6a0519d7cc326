//! Little-endian numbers at fixed offsets: what both filesystems keep their fields in.

/// The two bytes at `offset`; zero where `bytes` ends before them.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> u16 {
    array_at(bytes, offset).map_or(0, u16::from_le_bytes)
}

/// The four bytes at `offset`; zero where `bytes` ends before them.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    array_at(bytes, offset).map_or(0, u32::from_le_bytes)
}

/// The `N` bytes at `offset`, if `bytes` has them.
pub(super) fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// Puts `new` at `offset`, as far as `bytes` has room for all of it.
pub(super) fn put_at(bytes: &mut [u8], offset: usize, new: &[u8]) {
    let place = offset.checked_add(new.len()).and_then(|end| bytes.get_mut(offset..end));
    if let Some(place) = place {
        place.copy_from_slice(new);
    }
}
