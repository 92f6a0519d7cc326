//! The files that nodes.yaml adds of its own.

use super::accounts::Account;
use super::{RaspiosError, Release};
use crate::cluster::{ExtraFile, FileOwner, FileSource, claimed};
use crate::fs::FileKind;
use crate::io::plain_file;
use crate::patch::{Content, Draft, NewFile, Partition, PatchError, Sensitivity};
use crate::types::{ImagePath, Mode, Owner};
use std::io::{self, Read as _};
use std::path::Path;

/// The largest content that is held in memory; a larger one stays in its own file until it is written.
const LARGEST_IN_MEMORY: u64 = 1 << 20;

/// The directories in which a running system mounts something above what the root partition has there.
const MOUNTS: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// Writes an extra file of a node, in the place of an earlier one with the same path.
///
/// It is written as by somebody who is root on the node and types `cp`: a file that is there keeps its owner and
/// its mode, a new one goes to the owner of its directory, as do the directories that are made for it. A file that
/// only its owner and group may read counts as a secret: no plan shows what is in it.
///
/// # Errors
/// Fails when a file of this machine cannot be read, and when the path is one that the running system cannot see,
/// that cardwright itself writes to, or where no file can be.
pub fn add_file(
    draft: &mut Draft<'_>,
    release: &Release,
    account: &Account,
    file: &ExtraFile,
) -> Result<(), RaspiosError> {
    write(draft, release, account, file).map_err(|source| RaspiosError::ExtraFile {
        path: file.path.clone(),
        place: file.span.clone(),
        source: Box::new(source),
    })
}

fn write(
    draft: &mut Draft<'_>,
    release: &Release,
    account: &Account,
    file: &ExtraFile,
) -> Result<(), RaspiosError> {
    let written = file.path.on_card(&account.home)?;
    draft.refuse_below_moved(file.partition, &written)?;
    // One place has one path in a plan, or two edits of it would not know of each other.
    let path = draft.without_links(file.partition, &written)?;
    match file.partition {
        Partition::Root => {
            refuse_hidden(release, &path)?;
            refuse_directory_link(draft, &path)?;
        }
        Partition::Boot => {
            if let Some(claimed) = claimed::find_on_boot(&path) {
                return Err(RaspiosError::Reserved { path, what: claimed.what, instead: claimed.instead });
            }
        }
    }
    if let Some(other) = draft.users_path(file.partition, &path)?
        && file.partition.one_spelling(other) != file.partition.one_spelling(&written)
    {
        return Err(RaspiosError::SameFile { path: written, other: other.clone() });
    }
    let content = match &file.content {
        FileSource::Inline(text) => Content::from(text.as_str()),
        FileSource::Path(path) => {
            content_of(path).map_err(|source| RaspiosError::SourceFile { path: path.clone(), source })?
        }
    };
    let (mode, owner) = match file.partition {
        Partition::Boot => (Mode::FILE, Owner::ROOT),
        Partition::Root => attributes(draft, account, file, &path)?,
    };
    let sensitivity = if file.partition == Partition::Root && !mode.open_to_others() {
        Sensitivity::Secret
    } else {
        Sensitivity::Plain
    };
    let partition = file.partition;
    let new = NewFile { content, mode, owner, sensitivity };
    draft.extra_file(partition, &path, &written, new).map_err(|error| match error {
        PatchError::Claimed { at } if partition == Partition::Root => {
            let known = claimed::find(&at.path, &account.home);
            RaspiosError::Claimed {
                path: at.path,
                what: known.map_or("the node depends on it", |known| known.what),
                instead: known.map_or(claimed::OTHER, |known| known.instead),
            }
        }
        other => other.into(),
    })
}

/// Refuses a path, without links in it, that is hidden once the node runs.
fn refuse_hidden(release: &Release, path: &ImagePath) -> Result<(), RaspiosError> {
    for mount in MOUNTS.into_iter().chain([release.boot_mount.path()]) {
        if path.starts_with(&ImagePath::new(mount)?) {
            return Err(RaspiosError::HiddenByMount { path: path.clone(), mount });
        }
    }
    Ok(())
}

/// Refuses the path of a link that leads to a directory, as `/bin` does: all that is found through the link would be
/// gone.
fn refuse_directory_link(draft: &Draft<'_>, path: &ImagePath) -> Result<(), RaspiosError> {
    if draft.kind(Partition::Root, path)? != Some(FileKind::Symlink) {
        return Ok(());
    }
    let behind = draft.behind_links(Partition::Root, path)?;
    if draft.kind(Partition::Root, &behind)? == Some(FileKind::Directory) {
        return Err(RaspiosError::DirectoryLink { path: path.clone(), directory: behind });
    }
    Ok(())
}

/// Returns the mode and the owner that a file on the root partition gets.
fn attributes(
    draft: &mut Draft<'_>,
    account: &Account,
    file: &ExtraFile,
    path: &ImagePath,
) -> Result<(Mode, Owner), RaspiosError> {
    let found = draft.attributes(Partition::Root, path)?.filter(|found| found.kind == FileKind::File);
    let inherited = match found {
        Some(found) => found.owner,
        None => make_directories(draft, path)?,
    };
    let owner = match &file.owner {
        None => inherited,
        Some(FileOwner::Numeric(owner)) => *owner,
        Some(FileOwner::User) => account.owner,
    };
    let mode = match (file.mode, found) {
        (Some(mode), _) => mode,
        (None, None) => Mode::FILE,
        (None, Some(found)) if found.owner == owner => found.mode,
        // chown(2) takes these bits away: nobody is to run as the new owner because the old one allowed it.
        (None, Some(found)) => found.mode.without_set_id(),
    };
    Ok((mode, owner))
}

/// Makes the directories above `path` that are missing. They belong to whoever the nearest one above them that
/// is there belongs to: made by root, ~/.config would shut its owner out. Returns that owner.
fn make_directories(draft: &mut Draft<'_>, path: &ImagePath) -> Result<Owner, RaspiosError> {
    let mut missing = Vec::new();
    let mut above = path.parent();
    let owner = loop {
        let Some(directory) = above else { break Owner::ROOT };
        let behind = draft.behind_links(Partition::Root, &directory)?;
        if let Some(found) = draft.attributes(Partition::Root, &behind)? {
            break found.owner;
        }
        above = directory.parent();
        missing.push(directory);
    };
    for directory in missing.iter().rev() {
        draft.directory(Partition::Root, directory, Mode::EXECUTABLE, owner)?;
    }
    Ok(owner)
}

fn content_of(path: &Path) -> io::Result<Content> {
    let mut file = plain_file::open(path)?;
    if file.metadata()?.len() <= LARGEST_IN_MEMORY {
        let mut bytes = Vec::new();
        // One byte more, in case it grows meanwhile.
        (&mut file).take(LARGEST_IN_MEMORY + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 <= LARGEST_IN_MEMORY {
            return Ok(bytes.into());
        }
    }
    // What does not fit on a card need not be read for its digest, and `check` has no use for one.
    Content::measured(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{FieldSpan, FilePath, Position};
    use crate::patch::{Action, Sensitivity};
    use crate::raspios::test_node::user;
    use crate::raspios::test_stock::{
        USER, attributes, bullseye, edit, patch, path, paths, put_as, put_boot, text, trixie,
    };
    use crate::raspios::{detect, set_user};
    use crate::types::{ByteCount, Digest, Hint as _};

    fn file(at: &str, content: FileSource) -> ExtraFile {
        let path = match at.strip_prefix('~') {
            Some(rest) => FilePath::Home(path(rest)),
            None => FilePath::Absolute(path(at)),
        };
        ExtraFile { partition: Partition::Root, path, content, mode: None, owner: None, span: None }
    }

    fn inline(at: &str) -> ExtraFile {
        file(at, FileSource::Inline("text\n".to_owned()))
    }

    fn add(draft: &mut Draft<'_>, files: &[ExtraFile]) -> Result<(), RaspiosError> {
        let release = detect(&trixie()).unwrap();
        let account = Account::first_user(draft)?;
        files.iter().try_for_each(|file| add_file(draft, &release, &account, file))
    }

    #[test]
    fn files_get_their_mode_owner_and_place() {
        let mut program = inline("/usr/local/bin/hello");
        program.mode = Some(Mode::EXECUTABLE);
        program.owner = Some(FileOwner::Numeric(Owner { uid: 7, gid: 8 }));
        let mut secret = inline("/etc/secret");
        secret.mode = Some(Mode::SECRET);
        let mut boot = inline("/usercfg.txt");
        boot.partition = Partition::Boot;
        let stock = trixie();
        let patch = patch(&stock, |draft| add(draft, &[program, secret, boot]).unwrap());
        let owner = Owner { uid: 7, gid: 8 };
        assert_eq!(attributes(&patch, "/usr/local/bin/hello"), (0o755, owner, Sensitivity::Plain));
        assert_eq!(attributes(&patch, "/etc/secret"), (0o600, Owner::ROOT, Sensitivity::Secret));
        assert_eq!(edit(&patch, "/usercfg.txt").partition, Partition::Boot);
        assert_eq!(text(&patch, "/usercfg.txt"), "text\n");
    }

    #[test]
    fn what_is_new_belongs_to_whoever_the_directory_it_goes_into_belongs_to() {
        let stock = put_as(trixie(), "/srv/mail/x", "", 0o644, Owner::ROOT).directory(
            Partition::Root,
            &path("/srv/mail"),
            Mode::EXECUTABLE,
            Owner { uid: 8, gid: 12 },
        );
        let stock = stock.symlink(Partition::Root, &path("/mail"), "srv/mail");
        let files =
            [inline("~/.config/one/two"), inline("/srv/mail/new/y"), inline("/mail/z"), inline("/opt/a/b")];
        let patch = patch(&stock, |draft| add(draft, &files).unwrap());
        for (edited, mode, owner) in [
            ("/home/pi/.config", 0o755, USER),
            ("/home/pi/.config/one", 0o755, USER),
            ("/home/pi/.config/one/two", 0o644, USER),
            ("/srv/mail/new", 0o755, Owner { uid: 8, gid: 12 }),
            ("/srv/mail/new/y", 0o644, Owner { uid: 8, gid: 12 }),
            ("/srv/mail/z", 0o644, Owner { uid: 8, gid: 12 }),
            ("/opt/a", 0o755, Owner::ROOT),
            ("/opt/a/b", 0o644, Owner::ROOT),
        ] {
            assert_eq!(attributes(&patch, edited), (mode, owner, Sensitivity::Plain), "{edited}");
        }
    }

    #[test]
    fn a_file_that_is_there_keeps_owner_and_mode_unless_told_otherwise() {
        let daemon = Owner { uid: 5, gid: 6 };
        let stock = put_as(trixie(), "/etc/secret", "a\n", 0o640, daemon);
        let stock = put_as(stock, "/usr/bin/helper", "a\n", 0o4755, daemon);
        let with = |at: &str, mode: Option<u16>, owner: Option<FileOwner>| {
            let file = ExtraFile { mode: mode.and_then(Mode::new), owner, ..inline(at) };
            let patch = patch(&stock, |draft| add(draft, &[file]).unwrap());
            attributes(&patch, &at.replace('~', "/home/pi"))
        };
        let root = || Some(FileOwner::Numeric(Owner::ROOT));
        assert_eq!(with("~/.bashrc", None, None), (0o644, USER, Sensitivity::Plain));
        assert_eq!(with("/home/pi/.bashrc", None, root()), (0o644, Owner::ROOT, Sensitivity::Plain));
        // What the stock image hides from others stays hidden, also in the plan.
        assert_eq!(with("/etc/secret", None, None), (0o640, daemon, Sensitivity::Secret));
        assert_eq!(with("/etc/secret", Some(0o644), None), (0o644, daemon, Sensitivity::Plain));
        assert_eq!(with("/usr/bin/helper", None, None), (0o4755, daemon, Sensitivity::Plain));
        assert_eq!(with("/usr/bin/helper", None, root()), (0o755, Owner::ROOT, Sensitivity::Plain));
        // A link is not a file that is there: the file that takes its place is a new one.
        assert_eq!(with("/etc/localtime", None, None), (0o644, Owner::ROOT, Sensitivity::Plain));
    }

    #[test]
    fn a_file_is_not_put_where_none_can_be() {
        let stock = trixie();
        for (files, expected) in [
            (vec![inline("/etc/hostname/x")], "`/etc/hostname` is a file, not a directory"),
            (vec![inline("/etc/ssh")], "a directory is there"),
            (vec![inline("/opt/x"), inline("/opt/x/y")], "`/opt/x` is a file, not a directory"),
            (vec![inline("/opt/x/y"), inline("/opt/x")], "a directory is there"),
        ] {
            let _ = patch(&stock, |draft| {
                let error = add(draft, &files).unwrap_err().to_string();
                assert!(error.contains(expected), "{error}");
            });
        }
    }

    #[test]
    fn an_error_says_where_nodes_yaml_names_the_file() {
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let position = Position { line: 7, column: 12 };
            let span = FieldSpan { file: None, position, path: "files[0].path".to_owned() };
            let file = ExtraFile { span: Some(span), ..inline("/etc/ssh") };
            let error = add(draft, &[file]).unwrap_err();
            assert_eq!(
                error.to_string(),
                "`files:`, line 7, column 12: cannot write the file `/etc/ssh` on the root partition: a directory is there"
            );
            assert!(error.hint().is_some());
        });
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_in_the_place_of_a_source_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let error = add(draft, &[file("/opt/x", FileSource::Path(pipe))]).unwrap_err().to_string();
            assert!(error.contains("it is a named pipe, not a plain file"), "{error}");
        });
    }

    #[test]
    fn the_home_of_a_renamed_user_is_not_written_to_under_its_old_name() {
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let account = set_user(draft, &user("ann")).unwrap();
            let release = detect(&trixie()).unwrap();
            for file in [".bashrc", "new", "one/two"] {
                let file_below = inline(&format!("/home/pi/{file}"));
                let error = add_file(draft, &release, &account, &file_below).unwrap_err();
                assert_eq!(error.hint().unwrap(), format!("Write `/home/ann/{file}` instead"));
            }
            add_file(draft, &release, &account, &inline("~/.bashrc")).unwrap();
            assert_eq!(
                draft.read_text(Partition::Root, &path("/home/ann/.bashrc")).unwrap().unwrap(),
                "text\n"
            );
        });
    }

    #[test]
    fn a_place_has_one_path_whatever_way_it_is_written() {
        let stock = trixie().symlink(Partition::Root, &path("/lib"), "usr/lib");
        let on_boot = |at: &str| ExtraFile { partition: Partition::Boot, ..inline(at) };
        let files = [
            inline("/lib/own/x"),
            inline("/usr/lib/own/y"),
            on_boot("/New/a"),
            on_boot("/new/A"),
            on_boot("/new/b"),
        ];
        let stock = put_boot(stock, "/Config.old", "old\n");
        let patch = patch(&stock, |draft| add(draft, &files).unwrap());
        assert_eq!(
            paths(&patch),
            ["/usr/lib/own", "/usr/lib/own/x", "/usr/lib/own/y", "/New", "/New/a", "/New/b"]
        );
        let replaced = self::patch(&stock, |draft| add(draft, &[on_boot("/CONFIG.OLD")]).unwrap());
        assert_eq!(paths(&replaced), ["/Config.old"]);
    }

    #[test]
    fn two_paths_of_one_file_are_not_two_files() {
        let stock = trixie().symlink(Partition::Root, &path("/mail"), "srv/mail");
        let _ = patch(&stock, |draft| {
            let error = add(draft, &[inline("/mail/a"), inline("/srv/mail/a")]).unwrap_err();
            assert!(error.to_string().contains("`/srv/mail/a` is the same file as `/mail/a`"), "{error}");
            assert!(error.hint().is_some() && error.is_about_nodes_yaml());
            // A home is written in two ways, without a link; a node's own file takes the cluster's place.
            add(draft, &[inline("~/x"), inline("/home/pi/x")]).unwrap();
        });
    }

    #[test]
    fn a_link_to_a_directory_is_not_replaced() {
        let stock = trixie()
            .directory(Partition::Root, &path("/usr/bin"), Mode::EXECUTABLE, Owner::ROOT)
            .symlink(Partition::Root, &path("/bin"), "usr/bin");
        let _ = patch(&stock, |draft| {
            let error = add(draft, &[inline("/bin")]).unwrap_err();
            assert!(error.to_string().ends_with("`/bin` is a link to the directory `/usr/bin`"), "{error}");
            assert!(error.hint().unwrap().contains("`/usr/bin/"), "{:?}", error.hint());
            add(draft, &[inline("/bin/hello")]).unwrap();
        });
    }

    #[test]
    fn a_later_file_takes_the_place_of_an_earlier_one() {
        let second = file("/etc/motd", FileSource::Inline("second\n".to_owned()));
        let stock = trixie();
        let patch = patch(&stock, |draft| add(draft, &[inline("/etc/motd"), second]).unwrap());
        assert_eq!((paths(&patch), text(&patch, "/etc/motd")), (vec!["/etc/motd"], "second\n".to_owned()));
    }

    #[test]
    fn a_large_file_stays_where_it_is() {
        let source = tempfile::NamedTempFile::new().unwrap();
        for (size, in_memory) in [(LARGEST_IN_MEMORY, true), (LARGEST_IN_MEMORY + 1, false)] {
            let bytes = vec![7; usize::try_from(size).unwrap()];
            std::fs::write(source.path(), &bytes).unwrap();
            let stock = trixie();
            let large = file("/opt/large", FileSource::Path(source.path().to_owned()));
            let patch = patch(&stock, |draft| add(draft, &[large]).unwrap());
            let Action::File { content, .. } = &edit(&patch, "/opt/large").action else { panic!() };
            assert_eq!(content.bytes().is_some(), in_memory);
            assert_eq!(content.size(), ByteCount::new(size));
            assert_eq!(content.digest().is_some(), in_memory);
            assert_eq!(content.read_digest().unwrap(), Digest::of(&bytes));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let error = add(draft, &[file("/opt/x", FileSource::Path(missing))]).unwrap_err();
            assert!(error.to_string().contains("missing"), "{error}");
        });
    }

    #[test]
    fn a_file_that_nobody_would_see_is_refused() {
        let stock = trixie();
        let _ = patch(&stock, |draft| {
            let error = add(draft, &[inline("/boot/firmware/x.txt")]).unwrap_err();
            assert_eq!(error.hint().unwrap(), "Write `partition: boot` and `path: /x.txt`");
            let stock = trixie().symlink(Partition::Root, &path("/var/run"), "/run");
            for hidden in ["/run/x", "/var/run/x"] {
                let mut draft = Draft::new(&stock, crate::raspios::test_stock::TIME);
                let error = add(&mut draft, &[inline(hidden)]).unwrap_err().to_string();
                assert!(error.contains("hidden by what is mounted at `/run`"), "{error}");
            }
            add(draft, &[inline("/boot/x"), inline("/runner")]).unwrap();
            let account = Account::first_user(draft).unwrap();
            let release = detect(&bullseye()).unwrap();
            assert!(add_file(draft, &release, &account, &inline("/boot/x")).is_err());
        });
    }
}
