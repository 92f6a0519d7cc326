//! Whole numbers in another width, where they fit.
//!
//! Rust converts nothing to `usize` without asking what happens to a number that does not fit. Each function
//! here has its one reason why that cannot be. A number whose size is decided elsewhere (by an image, a server,
//! nodes.yaml) is checked first; too large a one is an error with words of its own.

const _: () = assert!(usize::BITS >= 32, "cardwright does not fit machines with addresses of 16 bits");

/// Returns a number of 32 bits as a length in memory.
pub(crate) const fn length(number: u32) -> usize {
    number as usize
}

/// Returns the length of something that memory holds, or that is known to fit it.
#[expect(clippy::expect_used, reason = "nothing in memory is longer than its addresses reach")]
pub(crate) fn in_memory(length: u64) -> usize {
    usize::try_from(length).expect("what memory holds is no longer than its addresses reach")
}

/// Returns the smaller of a number and a length in memory.
pub(crate) fn at_most(number: u64, limit: usize) -> usize {
    usize::try_from(number).map_or(limit, |number| number.min(limit))
}

/// Returns by how much a number exceeds a limit: by nothing where it does not.
#[expect(clippy::disallowed_methods, reason = "that is what it is for")]
pub(crate) fn excess(number: u64, limit: u64) -> u64 {
    number.saturating_sub(limit)
}

#[cfg(test)]
mod tests {
    use super::{at_most, excess};
    use std::path::Path;

    /// clippy.toml forbids `saturating_add` and its kind; this is the same by other words.
    #[test]
    fn no_number_that_does_not_fit_becomes_another() {
        let mut found = Vec::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        let mut files = 0;
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                    continue;
                }
                if path.extension().is_none_or(|ending| ending != "rs") {
                    continue;
                }
                files += 1;
                let text = std::fs::read_to_string(&path).unwrap();
                for (number, line) in (1..).zip(text.lines()) {
                    let default = line.split_once(".unwrap_or(").map(|(_, default)| default);
                    let is_silent = default.is_some_and(|default| {
                        default.starts_with("0)")
                            || default.split_once(')').is_some_and(|(it, _)| it.ends_with("::MAX"))
                    });
                    if is_silent {
                        found.push(format!("{}:{number}: {}", path.display(), line.trim()));
                    }
                }
            }
        }
        assert!(files > 100, "{files}");
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn what_does_not_fit_memory_is_more_than_any_limit() {
        assert_eq!([0, 5, 6, u64::MAX].map(|number| at_most(number, 5)), [0, 5, 5, 5]);
    }

    #[test]
    fn what_is_below_a_limit_exceeds_it_by_nothing() {
        assert_eq!([4, 5, 7].map(|number| excess(number, 5)), [0, 0, 2]);
    }
}
