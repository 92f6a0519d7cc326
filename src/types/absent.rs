//! Absent texts and lists that mean the same as empty ones.

/// A text or a list: nothing else has a value that its absence means. Lengths, offsets and counts are not among these:
/// none becomes 0 because nobody thought of its absence. clippy.toml forbids `unwrap_or_default()`, which would.
pub(crate) trait TextOrList: Default {}

impl TextOrList for String {}
impl TextOrList for &str {}
impl<T> TextOrList for Vec<T> {}
impl<T> TextOrList for &[T] {}

/// A text or list that may be absent, which means the same as empty.
pub(crate) trait OrEmpty<T> {
    /// Returns the text or list, or an empty one.
    fn or_empty(self) -> T;
}

impl<T: TextOrList> OrEmpty<T> for Option<T> {
    #[expect(clippy::disallowed_methods, reason = "this is the one way to it, for texts and lists")]
    fn or_empty(self) -> T {
        self.unwrap_or_default()
    }
}
