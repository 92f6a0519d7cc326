//! Folders that others may write to, and a cache that cannot be used.

use crate::support::{SECRET, Workshop, text};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

const NODES: &str = "\
cluster: compass
image: stock.img.xz
network: {prefix: 24, gateway: 10.0.0.1}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 10.0.0.11, k3s: server}
";

fn workshop() -> Workshop {
    let workshop = Workshop::with_nodes(NODES);
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    workshop
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Builds, which has to succeed, and gives what was said.
fn said(command: &mut Command) -> String {
    let output = command.env("CARDWRIGHT_SECRET", SECRET).arg("build").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stderr)
}

#[test]
fn secrets_do_not_go_through_a_link_that_was_planted() {
    let workshop = workshop();
    let theirs = workshop.path("theirs");
    fs::write(&theirs, "").unwrap();
    fs::create_dir(workshop.path("images")).unwrap();
    set_mode(&workshop.path("images"), 0o777);
    // The names that files in the making had in versions before, and links in the place of results.
    for name in
        [".kubeconfig.partial", ".north.img.xz.partial", ".id_ed25519.partial", "kubeconfig", "id_ed25519"]
    {
        symlink("../theirs", workshop.path("images").join(name)).unwrap();
    }
    said(&mut workshop.command());
    assert_eq!(fs::read(&theirs).unwrap(), b"");
    for (name, expected) in [("kubeconfig", 0o600), ("id_ed25519", 0o600), ("north.img.xz", 0o600)] {
        let path = workshop.path("images").join(name);
        assert!(path.symlink_metadata().unwrap().is_file(), "{name}");
        assert_eq!(mode(&path), expected, "{name}");
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_warned_of() {
    for folder in ["images", "cache"] {
        let workshop = workshop();
        assert!(!said(&mut workshop.command()).contains("warning:"));
        let path = workshop.path(folder);
        let owner = fs::metadata(&path).unwrap();
        // Only root may give a folder to any group; a user has at most their own and a few others.
        let groups = if owner.uid() == 0 { vec![0, 12345] } else { vec![owner.gid()] };
        let bits = [0o755, 0o775, 0o757, 0o1777, 0o700];
        for (group, bits) in groups.iter().flat_map(|group| bits.map(|bits| (*group, bits))) {
            let is_users_own = cfg!(target_os = "linux") && group == owner.uid();
            let is_open = bits & 0o002 != 0 || bits & 0o020 != 0 && !is_users_own;
            chown(&path, None, Some(group)).unwrap();
            set_mode(&path, bits);
            let said = said(&mut workshop.command());
            assert_eq!(said.contains(&format!("its mode is {bits:04o}\n")), is_open, "{said}");
            assert_eq!(said.contains("hint: Run `chmod go-w "), is_open, "{said}");
        }
    }
}

#[test]
fn modes_do_not_depend_on_the_umask_where_there_are_secrets() {
    for (umask, public, folder) in
        [("000", 0o644, 0o755), ("022", 0o644, 0o755), ("077", 0o600, 0o700), ("277", 0o400, 0o500)]
    {
        let workshop = workshop();
        // A folder that nobody may write to stops everybody but root.
        if umask == "277" {
            fs::create_dir(workshop.path("images")).unwrap();
            fs::create_dir(workshop.path("cache")).unwrap();
        }
        let mut shell = Command::new("sh");
        let program = workshop.command();
        shell.args(["-c", "umask $0 && exec \"$@\"", umask]).arg(program.get_program());
        shell.current_dir(workshop.path(""));
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let output = shell.args(["build"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        for name in ["images/kubeconfig", "images/id_ed25519", "images/north.img.xz", "cluster.secret"] {
            assert_eq!(mode(&workshop.path(name)), 0o600, "{name} with umask {umask}");
        }
        assert_eq!(mode(&workshop.path("images/known_hosts")), public, "with umask {umask}");
        if umask != "277" {
            assert_eq!(mode(&workshop.path("images")), folder, "with umask {umask}");
            assert_eq!(mode(&workshop.path("cache")), 0o700, "with umask {umask}");
        }
    }
}

#[test]
fn a_cache_that_cannot_be_used_is_warned_of_and_gone_without() {
    let whole = workshop();
    let north = |workshop: &Workshop| fs::read(workshop.path("images/north.img.xz")).unwrap();
    said(&mut whole.command());
    for shape in ["file", "no home", "folder is a file", "entry is a folder"] {
        let workshop = workshop();
        let cache = workshop.path("cache");
        let mut command = workshop.command();
        match shape {
            "file" => fs::write(&cache, "").unwrap(),
            "no home" => {
                command
                    .env_remove("CARDWRIGHT_CACHE")
                    .env_remove("XDG_CACHE_HOME")
                    .env("HOME", "/dev/null/ann");
            }
            "folder is a file" => {
                fs::create_dir(&cache).unwrap();
                fs::write(cache.join("templates-v1"), "").unwrap();
                fs::write(cache.join("pages-v1"), "").unwrap();
            }
            _ => {
                said(&mut workshop.command());
                for folder in ["templates-v1", "pages-v1"] {
                    for entry in fs::read_dir(cache.join(folder)).unwrap() {
                        let path = entry.unwrap().path();
                        fs::remove_file(&path).unwrap();
                        fs::create_dir(&path).unwrap();
                    }
                }
            }
        }
        let said = said(&mut command);
        assert!(said.contains("warning: the cache cannot be used"), "{shape}: {said}");
        assert!(said.contains("hint: Set CARDWRIGHT_CACHE"), "{shape}: {said}");
        assert!(north(&workshop) == north(&whole), "{shape}");
        let names = fs::read_dir(workshop.path("images")).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name.to_string_lossy().starts_with('.')).count(), 0, "{shape}");
        // The others say it too, and go on.
        let mut verify = workshop.command();
        verify.env("CARDWRIGHT_SECRET", SECRET).env("CARDWRIGHT_CACHE", "/dev/null/x");
        let output = verify.args(["verify", "--json", "images/north.img.xz"]).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(report["warnings"][0]["message"].as_str().unwrap().starts_with("the cache cannot be used"));
    }
}
