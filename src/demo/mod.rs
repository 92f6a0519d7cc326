//! A tiny imitation of Raspberry Pi OS (trixie, lite, arm64) inside the program: for trying cardwright with
//! nothing downloaded, and for tests. It has the stock files that cardwright reads and edits, and does
//! not boot. `tests/harness/make-demo.sh` makes it from text files.

use crate::stock_image::{StockImage, StockImageError};

/// The image, in xz.
pub const IMAGE: &[u8] = include_bytes!("trixie-lite.img.xz");

/// Opens the demo image.
///
/// # Errors
/// When the folder for temporary files cannot be written to.
pub fn open() -> Result<StockImage, StockImageError> {
    StockImage::from_read_at(IMAGE, "the demo image", &std::env::temp_dir())
}
