//! A tiny stand-in for Raspberry Pi OS (trixie, lite, arm64) inside the program: for trying cardwright with
//! nothing downloaded, and for tests. It has the stock files that cardwright reads and edits, and does
//! not boot. `tests/rig/make-demo.sh` makes it from text files.

use crate::io::DiskError;
use crate::stock_image::StockImage;

/// The image, packed with xz.
pub const IMAGE: &[u8] = include_bytes!("trixie-lite.img.xz");

/// Opens it.
///
/// # Errors
/// Never, as long as the program was built from an undamaged source.
pub fn open() -> Result<StockImage, DiskError> {
    StockImage::from_xz_bytes(IMAGE, "the demo image")
}
