//! Files of several compressed streams, one after the other: the members of gzip, the frames of Zstandard.

use std::io::{self, BufRead, Chain, Cursor, Read};

/// The rest of a file, and before it what was read to find out whether a stream begins there.
pub(super) type Rest<R> = Chain<Cursor<Vec<u8>>, R>;

/// A reader of the contents of all streams of a file.
pub(super) struct Concatenated<D, N> {
    /// The decoder of the current stream; `None` at the end.
    stream: Option<D>,
    /// Opens the stream behind the one that a decoder has come to the end of, if there is one.
    next: N,
}

impl<D: Read, N: FnMut(D) -> io::Result<Option<D>>> Concatenated<D, N> {
    pub(super) fn new(first: D, next: N) -> Self {
        Self { stream: Some(first), next }
    }
}

impl<D: Read, N: FnMut(D) -> io::Result<Option<D>>> Read for Concatenated<D, N> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(mut stream) = self.stream.take() {
            let length = stream.read(buffer)?;
            if length > 0 || buffer.is_empty() {
                self.stream = Some(stream);
                return Ok(length);
            }
            self.stream = (self.next)(stream)?;
        }
        Ok(0)
    }
}

/// Returns a file of which nothing was read.
pub(super) fn start_of<R: BufRead>(file: R) -> Rest<R> {
    Cursor::new(Vec::new()).chain(file)
}

/// Reads the first `length` bytes of what follows a stream, fewer at the end of the file, and puts them back.
pub(super) fn peek<R: BufRead>(rest: Rest<R>, length: usize) -> io::Result<(Vec<u8>, Rest<R>)> {
    // What was put back before was read by the last stream.
    let (_, mut rest) = rest.into_inner();
    let mut start = Vec::new();
    (&mut rest).take(length as u64).read_to_end(&mut start)?;
    Ok((start.clone(), Cursor::new(start).chain(rest)))
}
