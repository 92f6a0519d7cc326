//! Whole numbers in another width.
//!
//! A number whose size is decided elsewhere (by an image, a server, nodes.yaml) is checked first; too large a one
//! is an error with words of its own.

// Images are larger than 4 GiB, and every length in one is a number of 64 bits.
#[cfg(not(target_pointer_width = "64"))]
compile_error!("cardwright needs a machine with addresses of 64 bits");

/// Returns a number as a length or an index in memory: on a machine of 64 bits each is one.
#[expect(clippy::cast_possible_truncation, reason = "addresses have 64 bits, see above")]
pub(crate) fn usize_from(number: impl Into<u64>) -> usize {
    number.into() as usize
}

/// Returns by how much a number exceeds a limit: by nothing where it does not.
#[expect(clippy::disallowed_methods, reason = "that is what it is for")]
pub(crate) fn excess(number: u64, limit: u64) -> u64 {
    number.saturating_sub(limit)
}

#[cfg(test)]
mod tests {
    use super::excess;
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
    fn what_is_below_a_limit_exceeds_it_by_nothing() {
        assert_eq!([4, 5, 7].map(|number| excess(number, 5)), [0, 0, 2]);
    }
}
