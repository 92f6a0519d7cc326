//! What the tests share: the program in a folder of its own, and judges that nobody here wrote.

pub mod release_server;

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
        let mut command = Command::new(env!("CARGO_BIN_EXE_cardwright"));
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

/// A tool of the system that judges our results. `None` where it is missing, which is said; with
/// CARDWRIGHT_JUDGES=1 (as in CI) a missing tool is a failure.
pub fn judge(tool: &str) -> Option<Command> {
    let path = std::env::var_os("PATH").unwrap();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = folders.map(|folder| folder.join(tool)).find(|candidate| candidate.is_file());
    if found.is_none() {
        let required = std::env::var_os("CARDWRIGHT_JUDGES").is_some();
        assert!(!required, "`{tool}` is not installed, and CARDWRIGHT_JUDGES asks for it");
        eprintln!("skipped: `{tool}` is not installed");
    }
    found.map(Command::new)
}

/// Runs a judge that has to be content.
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
    let mut python = judge("python3")?;
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

/// Start and length in bytes of partition 1 or 2 of a raw image with an MBR.
pub fn partition(image: &Path, number: usize) -> (u64, u64) {
    use std::io::Read as _;
    let mut sector = [0; 512];
    fs::File::open(image).unwrap().read_exact(&mut sector).unwrap();
    let entry = &sector[446 + 16 * (number - 1)..][..16];
    let field = |at: usize| u64::from(u32::from_le_bytes(entry[at..at + 4].try_into().unwrap())) * 512;
    (field(8), field(12))
}

/// Lets e2fsck, fsck.vfat and mtools look at a card.
pub fn judge_card(image: &Path) {
    if let Some(mut e2fsck) = judge("e2fsck") {
        e2fsck.arg("-fn").arg(format!("{}?offset={}", image.display(), partition(image, 2).0));
        content(e2fsck);
    }
    let (start, length) = partition(image, 1);
    let fat = cut(image, start, length);
    if let Some(mut fsck) = judge("fsck.vfat") {
        fsck.arg("-n").arg(fat.path());
        content(fsck);
    }
}

/// A part of a file as a file of its own, sparse.
pub fn cut(image: &Path, start: u64, length: u64) -> tempfile::NamedTempFile {
    use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
    let mut from = fs::File::open(image).unwrap();
    from.seek(SeekFrom::Start(start)).unwrap();
    let mut to = tempfile::NamedTempFile::new().unwrap();
    let mut piece = vec![0; 1 << 20];
    let mut left = length;
    while left > 0 {
        let count = usize::try_from(left.min(piece.len() as u64)).unwrap();
        from.read_exact(&mut piece[..count]).unwrap();
        if piece[..count].iter().all(|byte| *byte == 0) {
            to.seek(SeekFrom::Current(i64::try_from(count).unwrap())).unwrap();
        } else {
            to.write_all(&piece[..count]).unwrap();
        }
        left -= count as u64;
    }
    to.as_file().set_len(length).unwrap();
    to
}

/// The content of a file on the ext4 partition, as debugfs reads it.
pub fn root_file(image: &Path, path: &str) -> Option<String> {
    let mut debugfs = judge("debugfs")?;
    debugfs.args(["-R", &format!("cat {path}")]).arg(format!(
        "{}?offset={}",
        image.display(),
        partition(image, 2).0
    ));
    Some(text(&debugfs.output().unwrap().stdout))
}

/// The content of a file on the FAT partition, as mtools reads it.
pub fn boot_file(image: &Path, path: &str) -> Option<String> {
    let mut mtype = judge("mtype")?;
    mtype.env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(format!(
        "{}@@{}",
        image.display(),
        partition(image, 1).0
    ));
    mtype.arg(format!("::{path}"));
    Some(content(mtype))
}
