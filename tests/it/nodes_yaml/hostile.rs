//! Texts that nobody would write.

use crate::nodes_yaml::{VALID, parse};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_the_loader_panic(text in ".*") {
        let _ = parse(&text);
    }

    #[test]
    fn no_change_of_a_valid_file_makes_the_loader_panic(
        start in 0..VALID.len(),
        length in 0..20_usize,
        replacement in "[-a-z0-9:{}\\[\\],\"'|>&*!%@`~#?. \n\tä]{0,12}",
    ) {
        let end = (start + length).min(VALID.len());
        let text = format!("{}{replacement}{}", &VALID[..start], &VALID[end..]);
        if let Err(invalid) = parse(&text) {
            prop_assert!(!invalid.problems.is_empty());
            for problem in &invalid.problems {
                prop_assert!(problem.line >= 1 && problem.column >= 1, "{problem:?}");
                let _ = invalid.source_line(problem);
            }
        }
    }
}
