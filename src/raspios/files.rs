//! The files that nodes.yaml adds of its own.

use super::accounts::Account;
use super::{RaspiosError, Release};
use crate::cluster::{ExtraFile, FileOwner, FileSource};
use crate::patch::{Content, Draft, ImagePath, Mode, Owner, Partition};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

/// What is larger than this stays in its own file until it is written.
const LARGEST_IN_MEMORY: u64 = 1 << 20;

/// Where a running system mounts something above what the root partition has there.
const MOUNTS: [&str; 5] = ["/proc", "/sys", "/dev", "/run", "/tmp"];

/// Writes the extra files of a node, in their order: a later one takes the place of an earlier one.
///
/// A file that only its owner and group may read counts as a secret: no plan shows what is in it.
///
/// # Errors
/// When a file of this machine cannot be read, or a path is one that the running system cannot see.
pub fn add_files(
    draft: &mut Draft<'_>,
    release: &Release,
    account: &Account,
    files: &[ExtraFile],
) -> Result<(), RaspiosError> {
    for file in files {
        let content = match &file.content {
            FileSource::Inline(text) => Content::from(text.as_str()),
            FileSource::Path(path) => {
                content_of(path).map_err(|source| RaspiosError::SourceFile { path: path.clone(), source })?
            }
        };
        match file.partition {
            Partition::Boot => {
                draft.file(Partition::Boot, &file.path, content, file.mode, Owner::ROOT)?;
            }
            Partition::Root => add_to_root(draft, release, account, file, content)?,
        }
    }
    Ok(())
}

fn add_to_root(
    draft: &mut Draft<'_>,
    release: &Release,
    account: &Account,
    file: &ExtraFile,
    content: Content,
) -> Result<(), RaspiosError> {
    let path = &file.path;
    for mount in MOUNTS.into_iter().chain([release.boot_mount.path()]) {
        if path.starts_with(&ImagePath::new(mount)?) {
            return Err(RaspiosError::HiddenByMount { path: path.clone(), mount });
        }
    }
    make_folders_at_home(draft, account, path)?;
    let owner = match file.owner {
        FileOwner::Numeric(owner) => owner,
        FileOwner::User => account.owner,
    };
    let for_others = file.mode.bits() & 0o007;
    if for_others == 0 {
        draft.secret_with_mode(path, content, file.mode, owner)?;
    } else {
        draft.file(Partition::Root, path, content, file.mode, owner)?;
    }
    Ok(())
}

/// Missing folders in the user's home belong to the user: made by root, ~/.config would shut its owner out.
fn make_folders_at_home(
    draft: &mut Draft<'_>,
    account: &Account,
    path: &ImagePath,
) -> Result<(), RaspiosError> {
    let mut missing = Vec::new();
    let mut folder = path.parent();
    while let Some(path) = folder.filter(|path| path.starts_with(&account.home)) {
        if draft.exists(Partition::Root, &path)? {
            break;
        }
        folder = path.parent();
        missing.push(path);
    }
    for folder in missing.iter().rev() {
        draft.directory(Partition::Root, folder, Mode::EXECUTABLE, account.owner)?;
    }
    Ok(())
}

fn content_of(path: &Path) -> io::Result<Content> {
    let mut file = File::open(path)?;
    if file.metadata()?.len() <= LARGEST_IN_MEMORY {
        let mut bytes = Vec::new();
        // One byte more, in case it grows meanwhile.
        (&mut file).take(LARGEST_IN_MEMORY.saturating_add(1)).read_to_end(&mut bytes)?;
        return Ok(bytes.into());
    }
    Content::of_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::ByteCount;
    use crate::hint::Hint as _;
    use crate::patch::Digest;
    use crate::patch::{Action, Sensitivity};
    use crate::raspios::detect;
    use crate::raspios::test_stock::{USER, attributes, bullseye, edit, patch, path, paths, text, trixie};

    fn file(at: &str, content: FileSource) -> ExtraFile {
        let owner = FileOwner::Numeric(Owner::ROOT);
        ExtraFile { partition: Partition::Root, path: path(at), content, mode: Mode::FILE, owner }
    }

    fn inline(at: &str) -> ExtraFile {
        file(at, FileSource::Inline("text\n".to_owned()))
    }

    fn add(draft: &mut Draft<'_>, files: &[ExtraFile]) -> Result<(), RaspiosError> {
        let release = detect(&trixie()).unwrap();
        let account = Account::first_user(draft)?;
        add_files(draft, &release, &account, files)
    }

    #[test]
    fn files_get_their_mode_owner_and_place() {
        let mut program = inline("/usr/local/bin/hello");
        program.mode = Mode::EXECUTABLE;
        program.owner = FileOwner::Numeric(Owner { uid: 7, gid: 8 });
        let mut secret = inline("/etc/secret");
        secret.mode = Mode::SECRET;
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
    fn folders_in_the_home_belong_to_the_user() {
        let mut config = inline("/home/pi/.config/one/two");
        config.owner = FileOwner::User;
        let stock = trixie();
        let patch = patch(&stock, |draft| add(draft, &[config]).unwrap());
        assert_eq!(paths(&patch), ["/home/pi/.config", "/home/pi/.config/one", "/home/pi/.config/one/two"]);
        for edited in paths(&patch) {
            assert_eq!(attributes(&patch, edited).1, USER, "{edited}");
        }
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
            assert_eq!((content.size(), content.digest()), (ByteCount(size), Digest::of(&bytes)));
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
            assert!(add(draft, &[inline("/run/x")]).is_err());
            add(draft, &[inline("/boot/x"), inline("/runner")]).unwrap();
            let account = Account::first_user(draft).unwrap();
            let release = detect(&bullseye()).unwrap();
            assert!(add_files(draft, &release, &account, &[inline("/boot/x")]).is_err());
        });
    }
}
