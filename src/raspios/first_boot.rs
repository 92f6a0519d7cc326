//! The commands that nodes.yaml wants run at the first boot.
//!
//! Each command is a file of its own below `first-boot.d`, closed to everybody but root because commands
//! may hold secrets, and run as `sh -e` in a shell of its own by one small script, which is the same on
//! every card. They run when the network is up, in their order, at least once and at most once more than
//! the power fails; what went through is not run again. The output goes to the journal and, as journals
//! of trixie are gone after a boot, to /var/log/cardwright-first-boot.log.

use super::RaspiosError;
use super::services::install_unit;
use crate::patch::{Draft, ImagePath, Mode, Owner, Partition};

const UNIT: &str = "cardwright-first-boot.service";
const FOLDER: &str = "/usr/local/lib/cardwright";

/// Has these shell commands run once, as root, at the first boot.
///
/// # Errors
/// When the stock image cannot be read.
pub fn run_at_first_boot(draft: &mut Draft<'_>, commands: &[impl AsRef<str>]) -> Result<(), RaspiosError> {
    if commands.is_empty() {
        return Ok(());
    }
    let folder = ImagePath::new(FOLDER)?;
    let script = folder.join("first-boot")?;
    draft.file(Partition::Root, &script, include_str!("first-boot.sh"), Mode::EXECUTABLE, Owner::ROOT)?;
    for (number, command) in (1_usize..).zip(commands) {
        // The shell's `*` sorts by name: as many digits for each.
        let path = folder.join(&format!("first-boot.d/{number:04}"))?;
        draft.secret(&path, format!("{}\n", command.as_ref().trim_end_matches('\n')))?;
    }
    install_unit(draft, UNIT, include_str!("cardwright-first-boot.service"), "multi-user.target")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Sensitivity;
    use crate::raspios::test_stock::{applied, attributes, link, patch, paths, text, trixie};

    #[test]
    fn every_command_is_a_file_that_only_root_reads() {
        let stock = trixie();
        let commands = ["apt-get update", "echo 'hunter2' >/root/x\n"];
        let once = patch(&stock, |draft| run_at_first_boot(draft, &commands).unwrap());
        let second = "/usr/local/lib/cardwright/first-boot.d/0002";
        assert_eq!(text(&once, second), "echo 'hunter2' >/root/x\n");
        assert_eq!(attributes(&once, second), (0o600, Owner::ROOT, Sensitivity::Secret));
        let script = "/usr/local/lib/cardwright/first-boot";
        assert_eq!(attributes(&once, script), (0o755, Owner::ROOT, Sensitivity::Plain));
        assert_eq!(
            link(&once, "/etc/systemd/system/multi-user.target.wants/cardwright-first-boot.service"),
            "/etc/systemd/system/cardwright-first-boot.service"
        );
        let again = applied(stock, &once);
        let again = patch(&again, |draft| run_at_first_boot(draft, &commands).unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn without_commands_nothing_is_written() {
        let stock = trixie();
        let patch = patch(&stock, |draft| run_at_first_boot(draft, &[] as &[&str]).unwrap());
        assert_eq!(paths(&patch), <[&str; 0]>::default());
    }

    /// Runs the script with its folders moved below a temporary one.
    #[cfg(unix)]
    mod running {
        use std::fs;
        use std::os::unix::fs::PermissionsExt as _;
        use std::path::Path;
        use std::process::Command;

        fn run(root: &Path, commands: &[&str]) -> (bool, String) {
            let below = |path: &str| format!("{}{path}", root.display());
            let mut script = include_str!("first-boot.sh").to_owned();
            for path in ["/usr/local/lib/cardwright", "/var/lib/cardwright", "/var/log/cardwright"] {
                script = script.replace(path, &below(path));
            }
            let folder = below("/usr/local/lib/cardwright/first-boot.d");
            fs::create_dir_all(&folder).unwrap();
            fs::create_dir_all(below("/var/log")).unwrap();
            for (number, command) in (1..).zip(commands) {
                let command = command.replace("ROOT", &root.display().to_string());
                fs::write(format!("{folder}/{number:04}"), command).unwrap();
            }
            let path = below("/first-boot");
            fs::write(&path, script).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let output = Command::new("sh").arg(&path).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        }

        fn done(root: &Path) -> bool {
            root.join("var/lib/cardwright/first-boot.done").exists()
        }

        #[test]
        fn commands_run_in_order_and_their_output_is_kept() {
            let root = tempfile::tempdir().unwrap();
            let (success, output) = run(root.path(), &["echo one", "echo two >&2"]);
            assert!(success && done(root.path()), "{output}");
            let log = root.path().join("var/log/cardwright-first-boot.log");
            assert_eq!(fs::read_to_string(&log).unwrap(), output);
            assert!(output.find("one\n").unwrap() < output.find("two\n").unwrap());
            assert_eq!(fs::metadata(log).unwrap().permissions().mode() & 0o777, 0o600);
        }

        #[test]
        fn a_failure_ends_the_run_and_the_next_boot_goes_on_with_it() {
            let root = tempfile::tempdir().unwrap();
            let commands =
                ["echo one >>ROOT/ran", "test -e ROOT/ready\necho two >>ROOT/ran", "echo three >>ROOT/ran"];
            let ran = || fs::read_to_string(root.path().join("ran")).unwrap();
            let (success, output) = run(root.path(), &commands);
            assert!(!success && !done(root.path()));
            assert!(output.contains("command 0002 failed"), "{output}");
            assert_eq!(ran(), "one\n");
            fs::write(root.path().join("ready"), "").unwrap();
            assert!(run(root.path(), &commands).0 && done(root.path()));
            assert_eq!(ran(), "one\ntwo\nthree\n");
            assert!(run(root.path(), &commands).0);
            assert_eq!(ran(), "one\ntwo\nthree\n");
        }

        #[test]
        fn a_command_that_is_no_shell_script_fails_alone() {
            let root = tempfile::tempdir().unwrap();
            let (success, _) = run(root.path(), &["echo one >>ROOT/ran", "if 'unfinished"]);
            assert!(!success && !done(root.path()));
            assert_eq!(fs::read_to_string(root.path().join("ran")).unwrap(), "one\n");
        }
    }
}
