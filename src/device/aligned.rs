//! Memory that begins where direct input and output want it to.

/// The alignment: the page of every machine, and more than any device asks for (open(2), `O_DIRECT`).
pub(crate) const ALIGNMENT: usize = 4096;

/// Bytes whose address is a multiple of [`ALIGNMENT`].
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    bytes: Vec<u8>,
    start: usize,
    length: usize,
}

impl AlignedBuffer {
    /// Takes memory for so many bytes, all zeros.
    pub(crate) fn new(length: usize) -> Self {
        // More than is needed, of which the part that begins where it should is used.
        let bytes = vec![0; length + ALIGNMENT];
        let start = bytes.as_ptr().align_offset(ALIGNMENT);
        Self { bytes, start, length }
    }

    /// Returns the first `length` bytes.
    pub(crate) fn first(&self, length: usize) -> &[u8] {
        self.bytes.split_at(self.start).1.split_at(self.length).0.split_at(length).0
    }

    /// Returns the first `length` bytes, to be changed.
    pub(crate) fn first_mut(&mut self, length: usize) -> &mut [u8] {
        self.bytes.split_at_mut(self.start).1.split_at_mut(self.length).0.split_at_mut(length).0
    }
}

/// Returns `true` if some bytes begin where direct input and output want them to.
pub(crate) fn is_aligned(bytes: &[u8]) -> bool {
    bytes.as_ptr().addr().is_multiple_of(ALIGNMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_begins_at_a_page() {
        for length in [0, 512, 5000] {
            let mut buffer = AlignedBuffer::new(length);
            assert!(is_aligned(buffer.first(length)));
            buffer.first_mut(length).fill(7);
            assert_eq!(buffer.first(length), vec![7; length]);
        }
        assert!(!is_aligned(&AlignedBuffer::new(512).first(512)[1..]));
    }
}
