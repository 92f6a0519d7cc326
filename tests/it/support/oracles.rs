//! Programs that nobody here wrote, which check results.

use super::text;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of a program. Those of root are often not in an ordinary user's PATH.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file())
}

/// Says why something is not tested here; with CARDWRIGHT_ORACLES=1 (as in CI) that is a failure.
#[track_caller]
pub fn skipped(why: &str) {
    assert!(std::env::var_os("CARDWRIGHT_ORACLES").is_none(), "{why}, and CARDWRIGHT_ORACLES asks for it");
    eprintln!("skipped: {why}");
}

/// A tool of the system that checks results. `None` where it is missing, which is said.
#[track_caller]
pub fn oracle(name: &str) -> Option<Command> {
    let found = tool(name);
    if found.is_none() {
        skipped(&format!("`{name}` is not installed"));
    }
    found.map(Command::new)
}

/// Returns whether all tools are here. Says which are not.
#[track_caller]
pub fn all_here(names: &[&str]) -> bool {
    names.iter().all(|name| oracle(name).is_some())
}

/// Runs an oracle, which has to be content.
pub fn content(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = format!("{}{}", text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?} said:\n{said}");
    said
}

/// Runs a command that has to succeed, and gives the most memory it took at once, in bytes (the resident
/// set, as getrusage counts it). `None` where there is no Python to ask it.
pub fn peak_memory(command: &Command) -> Option<u64> {
    const ASK: &str = "import resource, subprocess, sys\n\
        subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)\n\
        print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let mut python = oracle("python3")?;
    python.args(["-c", ASK]).arg(command.get_program()).args(command.get_args());
    python.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    // In KiB on Linux.
    Some(text(&output.stdout).trim().parse::<u64>().unwrap() * 1024)
}

/// All documents of a YAML text, as PyYAML reads them.
pub fn yaml(text: &str) -> Option<Vec<serde_json::Value>> {
    const PRINT: &str = "import json, sys, yaml\n\
        print(json.dumps(list(yaml.safe_load_all(sys.stdin.buffer.read().decode()))))";
    let said = python(PRINT, &[], text.as_bytes())?;
    Some(serde_json::from_str(&said).unwrap())
}

/// Runs a program in Python, with a standard input, and gives its standard output.
pub fn python(program: &str, arguments: &[&Path], input: &[u8]) -> Option<String> {
    use std::io::Write as _;
    use std::process::Stdio;
    let mut python = oracle("python3")?;
    python.args(["-c", program]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program}");
    Some(text(&output.stdout))
}
