//! Tools that oracle, with all their arguments as texts. The caller has asked for them with `all_here`.

use crate::support;
use std::path::Path;
use std::process::Command;

/// Runs a tool. Returns whether it succeeded, and all it said.
pub(crate) fn run(tool: &str, arguments: &[&str]) -> (bool, String) {
    let program = support::tool(tool).unwrap_or_else(|| panic!("{tool} is not installed"));
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
