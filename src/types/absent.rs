//! Absent texts and lists that mean the same as empty ones.

/// A text or list that may be absent, which means the same as empty. Lengths, offsets and counts are not among these: none
/// becomes 0 because nobody thought of its absence. clippy.toml forbids `unwrap_or_default()`, which would.
pub(crate) trait OrEmpty {
    /// The text or list itself.
    type Value;

    /// Returns the text or list, or an empty one.
    fn or_empty(self) -> Self::Value;
}

impl OrEmpty for Option<String> {
    type Value = String;
    #[expect(clippy::disallowed_methods, reason = "this is the one way to it, for texts and lists")]
    fn or_empty(self) -> String {
        self.unwrap_or_default()
    }
}

impl<'text> OrEmpty for Option<&'text str> {
    type Value = &'text str;
    fn or_empty(self) -> &'text str {
        self.unwrap_or("")
    }
}

impl<T> OrEmpty for Option<Vec<T>> {
    type Value = Vec<T>;
    #[expect(clippy::disallowed_methods, reason = "this is the one way to it, for texts and lists")]
    fn or_empty(self) -> Vec<T> {
        self.unwrap_or_default()
    }
}

impl<'list, T> OrEmpty for Option<&'list [T]> {
    type Value = &'list [T];
    fn or_empty(self) -> &'list [T] {
        self.unwrap_or(&[])
    }
}
