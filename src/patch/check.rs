//! Holding a patch against an image.
use super::{Patch, PatchError, StockFiles};
/// One way in which an image differs from stock image plus patch.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference;
/// Holds `image` against `stock` with `patch` applied.
pub fn check(
    _patch: &Patch,
    _stock: &StockFiles,
    _image: &StockFiles,
) -> Result<Vec<Difference>, PatchError> {
    todo!()
}
