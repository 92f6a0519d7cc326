//! The commands that nodes.yaml wants run at the first boot.
//!
//! Each command is a file of its own below `first-boot.d`, closed to everybody but root because commands
//! may hold secrets, and run as `sh -e` in a shell of its own by one small script, which is the same on
//! every card. They run when the network and the time are there, in their order, at least once and at most
//! once more than the power fails; one that fails is tried again until it succeeds, and what went through is
//! not run again. The output goes to the journal and, as journals of trixie are gone after a boot, to
//! /var/log/cardwright-first-boot.log; how it went, to the boot partition.
//!
//! k3s does not wait for them, nor they for k3s: both begin when the network is up.

use super::{BootMount, RaspiosError};
use crate::first_start::Script;
use crate::patch::{Draft, Partition};
use crate::systemd;
use crate::types::{Mode, Owner, image_path};

const UNIT: &str = "cardwright-first-boot.service";
const FOLDER: &str = "/usr/local/lib/cardwright";

/// apt's configuration while the commands run, and for nobody else: it is named in their environment.
///
/// At the first boot apt-daily.service may have the package database at the same time (apt.conf(5),
/// `DPkg::Lock::Timeout`, from apt 1.9.11 on).
const APT_CONFIGURATION: &str = "DPkg::Lock::Timeout \"600\";\n";

/// Has these shell commands run once, as root, at the first boot: `own`, which need neither network nor time,
/// and then `commands`.
///
/// # Errors
/// When the stock image cannot be read.
pub fn run_at_first_boot(
    draft: &mut Draft<'_>,
    boot_mount: BootMount,
    own: &[impl AsRef<str>],
    commands: &[impl AsRef<str>],
) -> Result<(), RaspiosError> {
    if own.is_empty() && commands.is_empty() {
        return Ok(());
    }
    let folder = image_path!(FOLDER);
    let settings = [("own", own.len().to_string()), ("total", commands.len().to_string())];
    Script { name: "first-boot", parts: &[include_str!("first-boot.sh")], settings: &settings }
        .write(draft, boot_mount.path())?;
    let path = folder.join("first-boot.apt.conf")?;
    draft.text(&path, APT_CONFIGURATION)?;
    let all = own.iter().map(AsRef::as_ref).chain(commands.iter().map(AsRef::as_ref));
    for (number, command) in (1_usize..).zip(all) {
        // The shell's `*` sorts by name: as many digits for each.
        let path = folder.join(&format!("first-boot.d/{number:04}"))?;
        let text = format!("{}\n", command.trim_end_matches('\n'));
        if number <= own.len() {
            // This program's own, which hold none.
            draft.file(Partition::Root, &path, text, Mode::SECRET, Owner::ROOT)?;
        } else {
            draft.secret(&path, text)?;
        }
    }
    Ok(systemd::install(draft, UNIT, include_str!("cardwright-first-boot.service"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::Sensitivity;
    use crate::raspios::test_stock::{TIME, applied, attributes, link, patch, paths, text, trixie};
    use crate::types::Owner;

    const NONE: &[&str] = &[];

    #[test]
    fn the_own_commands_of_this_program_are_no_secret() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            run_at_first_boot(draft, BootMount::BootFirmware, &["locale-gen"], &["echo hunter2"]).unwrap();
        });
        let of = |name| attributes(&patch, &format!("/usr/local/lib/cardwright/first-boot.d/{name}"));
        assert_eq!(of("0001"), (0o600, Owner::ROOT, Sensitivity::Plain));
        assert_eq!(of("0002"), (0o600, Owner::ROOT, Sensitivity::Secret));
    }

    #[test]
    fn every_command_is_a_file_that_only_root_reads() {
        let stock = trixie();
        let commands = ["apt-get update", "echo 'hunter2' >/root/x\n"];
        let run = |draft: &mut Draft<'_>| {
            run_at_first_boot(draft, BootMount::BootFirmware, NONE, &commands).unwrap();
        };
        let once = patch(&stock, run);
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
        let again = patch(&again, run);
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn without_commands_nothing_is_written() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            run_at_first_boot(draft, BootMount::BootFirmware, NONE, NONE).unwrap();
        });
        assert_eq!(paths(&patch), <[&str; 0]>::default());
    }

    #[test]
    fn cardwrights_own_commands_come_first_and_are_counted_apart() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            run_at_first_boot(draft, BootMount::Boot, &["locale-gen"], &["apt-get update"]).unwrap();
        });
        let folder = "/usr/local/lib/cardwright";
        assert_eq!(text(&patch, &format!("{folder}/first-boot.d/0001")), "locale-gen\n");
        assert_eq!(text(&patch, &format!("{folder}/first-boot.d/0002")), "apt-get update\n");
        let settings = text(&patch, &format!("{folder}/first-boot.settings"));
        for line in ["own='1'\n", "total='1'\n", "status='/boot/cardwright-status.txt'\n"] {
            assert!(settings.contains(line), "{line} is not in {settings}");
        }
        assert!(settings.contains(&format!("earliest='{}'\n", TIME.seconds())), "{settings}");
    }

    /// systemd's own judgement, on a machine that has it: `Restart=` with `Type=oneshot` is refused by
    /// systemd before 244.
    #[test]
    fn systemd_finds_nothing_wrong_with_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(UNIT);
        let unit = include_str!("cardwright-first-boot.service");
        for line in
            ["Type=oneshot\n", "Restart=on-failure\n", "RestartSec=30s\n", "StartLimitIntervalSec=0\n"]
        {
            assert!(unit.contains(line), "{line}");
        }
        let program = format!("ExecStart={FOLDER}/first-boot\n");
        assert!(unit.contains(&program));
        // The script is not on this machine; whether it is is not the question.
        std::fs::write(&path, unit.replace(&program, "ExecStart=/bin/true\n")).unwrap();
        let output = match std::process::Command::new("systemd-analyze").arg("verify").arg(&path).output() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                crate::types::test_oracle::skipped("systemd-analyze is not installed");
                return;
            }
            output => output.unwrap(),
        };
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && !said.contains(UNIT), "{said}");
    }
}
