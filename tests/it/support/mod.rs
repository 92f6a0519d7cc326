//! What the tests share: the program in a folder of its own, and oracles that nobody here wrote.

mod images;
pub(crate) mod mount;
mod oracles;
pub(crate) mod publisher;
pub(crate) mod release_server;

use crate::nodes_yaml::schema::collect_at_first_start;
pub(crate) use images::*;
pub(crate) use oracles::*;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// Holds a text against `tests/it/snapshots/NAME.snap`, where NAME begins with the module of the test. What is there
/// is accepted anew by `cargo insta review`, or by the test itself with INSTA_UPDATE=always.
macro_rules! assert_snapshot {
    ($name:expr, $seen:expr) => {
        insta::with_settings!({
            snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, { insta::assert_snapshot!($name, $seen) })
    };
}
pub(crate) use assert_snapshot;

/// A fixed cluster secret, for results that are the same on every run.
pub const SECRET: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

/// The nodes.yaml of one server and one agent.
pub const SERVER_AND_AGENT: &str = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 10.0.0.1}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 10.0.0.11, k3s: server}
  - {name: east, address: 10.0.0.12, k3s: agent}
";

/// The nodes of the example.
pub const NODES: [&str; 4] = ["north", "east", "south", "west"];

/// A folder with a nodes.yaml in it, and the program run inside it.
pub struct Workshop {
    folder: TempDir,
}

impl Workshop {
    /// A folder with the example nodes.yaml of the repository.
    pub fn with_example() -> Self {
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes.yaml");
        Self::with_nodes(&fs::read_to_string(example).unwrap())
    }

    /// A folder with this nodes.yaml, and the manifests that the example names.
    pub fn with_nodes(text: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("nodes.yaml"), text).unwrap();
        // What the example names.
        fs::create_dir(folder.path().join("manifests")).unwrap();
        let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests/it-works.yaml");
        fs::copy(shipped, folder.path().join("manifests/it-works.yaml")).unwrap();
        Self { folder }
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    /// The program, in this folder, with nothing of the caller's environment that would change what it does.
    pub fn command(&self) -> Command {
        self.command_of(Path::new(env!("CARGO_BIN_EXE_cardwright")))
    }

    /// As [`command`](Self::command), of a copy of the program.
    pub fn command_of(&self, program: &Path) -> Command {
        collect_at_first_start(self.folder.path());
        let mut command = Command::new(program);
        command.current_dir(self.folder.path());
        for name in ["CI", "SOURCE_DATE_EPOCH", "CARDWRIGHT_SECRET", "CLICOLOR_FORCE"] {
            command.env_remove(name);
        }
        command.env("NO_COLOR", "1").env("CARDWRIGHT_CACHE", self.folder.path().join("cache"));
        command
    }

    /// Runs the program with the fixed secret.
    pub fn run(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Output {
        self.command().env("CARDWRIGHT_SECRET", SECRET).args(arguments).output().unwrap()
    }

    /// Runs the program, which has to succeed, and gives its standard output.
    pub fn succeed(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    }

    /// What a person saw, both streams, with the folder's own name taken out.
    pub fn seen(&self, output: &Output) -> String {
        let shown = format!(
            "exit code: {}\n----- stdout\n{}----- stderr\n{}",
            output.status.code().unwrap_or(-1),
            text(&output.stdout),
            text(&output.stderr)
        );
        shown.replace(&self.folder.path().display().to_string(), "[FOLDER]")
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The files in a folder, links by what they lead to, and nothing for what is no file.
pub fn listing(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
    entries.map(|entry| (name(&entry), fs::read(entry.path()).unwrap_or_default())).collect()
}
