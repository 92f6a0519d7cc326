//! Encrypting what is written, and decrypting what is read, a chunk at a time.

use crate::identity::ClusterSecret;
use aead_stream::{DecryptorBE32, EncryptorBE32};
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::Payload;
use std::io::{self, BufRead, Read, Write};
use std::mem;
use zeroize::Zeroizing;

/// The bytes of a chunk before it is encrypted.
const CHUNK: usize = 64 * 1024;

/// The bytes of its tag.
const TAG: usize = 16;

/// The part of the nonce that STREAM leaves to its caller. No key is used for two streams.
const NONCE: [u8; 7] = [0; 7];

/// A writer that encrypts. What was written is a backup only after [`finish`](Self::finish).
pub(super) struct Sealer<W> {
    to: W,
    encryptor: EncryptorBE32<ChaCha20Poly1305>,
    header: Vec<u8>,
    chunk: Zeroizing<Vec<u8>>,
}

impl<W: Write> Sealer<W> {
    /// Writes the header, and begins the stream.
    pub(super) fn new(
        mut to: W,
        header: Vec<u8>,
        salt: &[u8; 16],
        secret: &ClusterSecret,
    ) -> io::Result<Self> {
        to.write_all(&header)?;
        let key = secret.backup_key(salt);
        let encryptor = EncryptorBE32::new((&*key).into(), (&NONCE).into());
        // Never longer, so that no copy of it is left where it was before it grew.
        let chunk = Zeroizing::new(Vec::with_capacity(CHUNK));
        Ok(Self { to, encryptor, header, chunk })
    }

    /// Writes the last chunk, and returns the writer.
    pub(super) fn finish(self) -> io::Result<W> {
        let Self { mut to, encryptor, header, chunk } = self;
        let last = encryptor.encrypt_last(Payload { msg: &chunk, aad: &header }).map_err(too_long)?;
        to.write_all(&last)?;
        Ok(to)
    }
}

impl<W: Write> Write for Sealer<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk is written once more follows, as the last one is marked.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            let payload = Payload { msg: &self.chunk, aad: &self.header };
            self.to.write_all(&self.encryptor.encrypt_next(payload).map_err(too_long)?)?;
            self.chunk.clear();
        }
        let (taken, _) = bytes.split_at(bytes.len().min(CHUNK - self.chunk.len()));
        self.chunk.extend_from_slice(taken);
        Ok(taken.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// STREAM counts chunks with 32 bits, which is enough for 256 TiB.
fn too_long(_: chacha20poly1305::Error) -> io::Error {
    io::ErrorKind::FileTooLarge.into()
}

/// A reader that decrypts, and fails at the first chunk that is not as it was written.
pub(super) struct Unsealer<R> {
    from: R,
    /// Gone once the last chunk was read.
    decryptor: Option<DecryptorBE32<ChaCha20Poly1305>>,
    header: Vec<u8>,
    chunk: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl<R: BufRead> Unsealer<R> {
    pub(super) fn new(from: R, header: Vec<u8>, salt: &[u8; 16], secret: &ClusterSecret) -> Self {
        let key = secret.backup_key(salt);
        let decryptor = Some(DecryptorBE32::new((&*key).into(), (&NONCE).into()));
        Self { from, decryptor, header, chunk: Zeroizing::default(), taken: 0 }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let mut sealed = Vec::new();
        self.from.by_ref().take((CHUNK + TAG) as u64).read_to_end(&mut sealed)?;
        let is_last = self.from.fill_buf()?.is_empty();
        let Some(mut decryptor) = mem::take(&mut self.decryptor) else { return Ok(()) };
        let payload = Payload { msg: &sealed, aad: &self.header };
        let opened = if is_last {
            decryptor.decrypt_last(payload)
        } else {
            let opened = decryptor.decrypt_next(payload);
            self.decryptor = Some(decryptor);
            opened
        };
        self.chunk = Zeroizing::new(opened.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?);
        self.taken = 0;
        Ok(())
    }
}

impl<R: BufRead> Read for Unsealer<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.chunk.len() && self.decryptor.is_some() {
            self.next_chunk()?;
        }
        let (_, left) = self.chunk.split_at(self.taken);
        let mut left = left;
        let count = left.read(buffer)?;
        self.taken += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::BufReader;

    const SALT: [u8; 16] = [7; 16];

    fn secret(digits: &str) -> ClusterSecret {
        ClusterSecret::from_hex(&digits.repeat(32)).unwrap()
    }

    fn sealed(header: &[u8], text: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(Vec::new(), header.to_vec(), &SALT, &secret("5a")).unwrap();
        // Not in pieces that chunks are a multiple of.
        text.chunks(1000).for_each(|piece| sealer.write_all(piece).unwrap());
        sealer.finish().unwrap().split_off(header.len())
    }

    fn opened(header: &[u8], sealed: &[u8], by: &ClusterSecret) -> io::Result<Vec<u8>> {
        let mut text = Vec::new();
        let from = BufReader::with_capacity(100, sealed);
        Unsealer::new(from, header.to_vec(), &SALT, by).read_to_end(&mut text)?;
        Ok(text)
    }

    fn text(length: usize) -> Vec<u8> {
        (0..length).map(|number| (number % 251).to_le_bytes()[0]).collect()
    }

    #[test]
    fn what_is_sealed_comes_back_whatever_its_length() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 5] {
            let (text, header) = (text(length), b"header");
            let sealed = sealed(header, &text);
            assert_eq!(opened(header, &sealed, &secret("5a")).unwrap(), text, "{length}");
            assert!(opened(header, &sealed, &secret("5b")).is_err());
            assert!(opened(b"Header", &sealed, &secret("5a")).is_err());
        }
    }

    #[test]
    fn what_was_cut_extended_or_changed_is_refused() {
        let text = text(2 * CHUNK + 100);
        let whole = sealed(b"h", &text);
        let chunk = CHUNK + TAG;
        let fails = |sealed: &[u8]| opened(b"h", sealed, &secret("5a")).is_err();
        for length in [0, 1, TAG, chunk - 1, chunk, chunk + 1, 2 * chunk, whole.len() - 1] {
            assert!(fails(&whole[..length]), "cut to {length}");
        }
        assert!(fails(&[whole.as_slice(), b"x"].concat()));
        assert!(fails(&[&whole[chunk..2 * chunk], &whole[..chunk], &whole[2 * chunk..]].concat()));
        assert!(fails(&[&whole[..chunk], &whole[2 * chunk..]].concat()));
        for at in [0, chunk - 1, chunk, 2 * chunk + 3, whole.len() - 1] {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(fails(&changed), "changed at {at}");
        }
    }

    /// A second implementation, where it is installed: Python's `cryptography`.
    #[test]
    fn another_implementation_opens_it() {
        let script = "
import sys
try:
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
except ImportError:
    sys.exit(9)
key, sealed, header = (bytes.fromhex(argument) for argument in sys.argv[1:])
cipher, chunk, text = ChaCha20Poly1305(key), 65552, b''
pieces = [sealed[at:at + chunk] for at in range(0, len(sealed), chunk)]
for number, piece in enumerate(pieces):
    nonce = bytes(7) + number.to_bytes(4, 'big') + bytes([number == len(pieces) - 1])
    text += cipher.decrypt(nonce, piece, header)
print(len(text), sum(text))
";
        let text = text(30_000);
        let key = secret("5a").backup_key(&SALT);
        let hex = |bytes: &[u8]| crate::types::hex::encode(bytes).clone();
        let run = std::process::Command::new("python3")
            .args(["-c", script, &hex(key.as_slice()), &hex(&sealed(b"h", &text)), &hex(b"h")])
            .output();
        let Ok(output) = run else { return crate::types::test_oracle::skipped("python3 is not installed") };
        if output.status.code() == Some(9) {
            return crate::types::test_oracle::skipped("Python's cryptography is not installed");
        }
        let sum: u64 = text.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{} {sum}\n", text.len()));
    }
}
