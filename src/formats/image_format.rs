//! The formats that images come out in.

use std::fmt;

/// A format of the images that come out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ImageFormat {
    /// Raw and sparse.
    Img,
    /// Packed with xz: what Raspberry Pi publishes, and everybody's tools read.
    #[default]
    ImgXz,
    /// Packed with Zstandard: quicker to unpack, and read by fewer tools.
    ImgZst,
    /// Packed with gzip: what every tool reads.
    ImgGz,
}

impl ImageFormat {
    /// All of them, in the order in which they are best tried.
    pub const ALL: [Self; 4] = [Self::ImgXz, Self::Img, Self::ImgZst, Self::ImgGz];

    /// What nodes.yaml calls it, and how the names of its files end.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Img => "img",
            Self::ImgXz => "img.xz",
            Self::ImgZst => "img.zst",
            Self::ImgGz => "img.gz",
        }
    }
}

impl fmt::Display for ImageFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl serde::Serialize for ImageFormat {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
