//! SHA-256 digests: of stock images, artifacts and results.

use crate::types::hex;
use sha2::Digest as _;
use std::fmt;
use std::io;

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Takes the bytes of a digest.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the digest.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Computes the digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Computes the digest of everything up to the end of `reader`.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of_reader(reader: &mut dyn io::Read) -> io::Result<Self> {
        // Enough at once that the system calls do not count.
        let mut hasher = io::BufWriter::with_capacity(1 << 20, Sha256::new());
        io::copy(reader, &mut hasher)?;
        Ok(hasher.into_inner()?.finalize())
    }

    /// Reads 64 hexadecimal digits of either case.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 32];
        hex::decode_into(text.as_bytes(), &mut bytes).then_some(Self(bytes))
    }
}

/// A SHA-256 that is being computed.
#[derive(Debug, Clone, Default)]
pub struct Sha256(sha2::Sha256);

impl Sha256 {
    /// Starts with nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds some bytes.
    pub fn update(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.update(bytes);
    }

    /// Returns the digest of all bytes that were added.
    pub fn finalize(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

impl io::Write for Sha256 {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Display for Digest {
    /// Writes 64 lower-case hexadecimal digits.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl serde::Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not a SHA-256")))
    }
}

#[cfg(test)]
mod tests {
    use crate::types::Digest;

    #[test]
    fn a_stream_has_the_digest_of_its_bytes() {
        let bytes = vec![7; 3_000_000];
        assert_eq!(Digest::of_reader(&mut &bytes[..]).unwrap(), Digest::of(&bytes));
    }

    #[test]
    fn digests_are_read_as_they_are_written() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::parse(&digest.to_string().to_uppercase()), Some(digest));
        for wrong in ["", "ba78", &"g".repeat(64), &"+1".repeat(32), &"é".repeat(32), &"0".repeat(66)] {
            assert_eq!(Digest::parse(wrong), None, "{wrong}");
        }
    }
}
