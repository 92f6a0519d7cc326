//! The tools that judge. Where one is missing the test says so and passes, unless `CARDWRIGHT_JUDGES=1`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a tool is. The directories of root's tools are often not in an ordinary user's PATH.
fn find(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    directories.map(|directory| directory.join(tool)).find(|path| path.is_file())
}

/// Whether all of `tools` are here. Says which one is not.
pub(crate) fn all_here(tools: &[&str]) -> bool {
    let missing: Vec<_> = tools.iter().filter(|tool| find(tool).is_none()).collect();
    let required = std::env::var_os("CARDWRIGHT_JUDGES").is_some_and(|value| value == "1");
    assert!(missing.is_empty() || !required, "missing judges: {missing:?}");
    if !missing.is_empty() {
        println!("skipped: {missing:?} not installed");
    }
    missing.is_empty()
}

/// Runs a tool. Returns whether it succeeded, and all it said.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> (bool, String) {
    let program = find(tool).unwrap_or_else(|| panic!("{tool} is not installed"));
    let output = Command::new(program).args(arguments).env("LC_ALL", "C").output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

/// Runs a tool that has to succeed, and returns all it said.
pub(crate) fn check(tool: &str, arguments: &[&str]) -> String {
    let (success, said) = run(tool, arguments);
    assert!(success, "{tool} {arguments:?}:\n{said}");
    said
}

/// A path as an argument.
pub(crate) fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}
