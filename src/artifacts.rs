//! The files that are put inside every card: k3s and container images, from this machine or downloaded, and checked.

use crate::cache::{CacheError, Hold};
use crate::cluster::Install;
use crate::fetch::{FetchError, FileLocation};
use crate::io::plain_file;
use crate::k3s::Artifacts;
use crate::patch::Content;
use crate::types::{Architecture, Digest, Progress, errors};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

errors! {
    /// An error of opening a file that is to be put inside cards.
    #[derive(Debug, thiserror::Error)]
    pub enum ArtifactError {
        /// A failed download.
        #[error(transparent)]
        Fetch(#[from] FetchError),
        /// A file that cannot be read.
        #[error("`{}`, which is to be put on the cards, cannot be read: {source}", path.display())]
        Read { path: PathBuf, source: io::Error } => "Check the paths under `bundled:`, and that you may read the file",
        /// Another file than the one whose SHA-256 was given.
        #[error("`{}` has the SHA-256 `{found}`, not `{expected}`", path.display())]
        WrongDigest { path: PathBuf, expected: Digest, found: Digest }
            => "Download the file again; if you meant to use another one, change `sha256:`",
        /// A nodes.yaml whose pins were not applied to the cluster.
        #[error("which files of k3s go inside the cards was not looked up")]
        NotPinned => "Run `cardwright fetch` once with a connection; in a program, call `pins::settle` and `pins::apply` first",
        /// A nodes.yaml that names a program for another architecture only.
        #[error("the stock image needs `k3s-{architecture}`, and nodes.yaml names no such program")]
        NoBinary { architecture: Architecture }
            => format!("Add `{architecture}: k3s-{architecture}` under `binary:` of `bundled:`"),
        /// A file that is something else than the program, such as `empty`.
        #[error("`{}` is {found}: the stock image needs `k3s-{architecture}` of a k3s release", path.display())]
        NotTheBinary { path: PathBuf, found: &'static str, architecture: Architecture }
            => format!("Download `k3s-{architecture}` from https://github.com/k3s-io/k3s/releases"),
    }
}

/// The files that are to be put inside the cards, opened and checked.
#[derive(Debug)]
pub struct OpenedArtifacts {
    /// The files.
    pub artifacts: Artifacts,
    /// Keeps the downloads where they are.
    _downloads: Vec<Hold>,
    /// The reason why the cache could not be used, if so.
    pub trouble: Option<CacheError>,
}

/// Opens the files that nodes.yaml puts inside the cards; `None` where k3s is downloaded at the first boot. A file that
/// is named by a URL is downloaded into `cache`, unless it is there.
///
/// # Errors
/// When a file cannot be downloaded or read, or is not the one that it has to be.
pub fn open(
    install: &Install,
    architecture: Architecture,
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<Option<OpenedArtifacts>, ArtifactError> {
    let (arm64, armhf, images) = match install {
        Install::Bundled { arm64, armhf, images } => (arm64, armhf, images),
        Install::Published => return Err(ArtifactError::NotPinned),
        Install::Download { .. } => return Ok(None),
    };
    let program = match architecture {
        Architecture::Arm64 => arm64,
        Architecture::Armhf => armhf,
    };
    let program = program.as_ref().ok_or(ArtifactError::NoBinary { architecture })?;
    let (mut downloads, mut trouble) = (Vec::new(), None);
    let mut get = |artifact: &FileLocation| {
        let fetched = artifact.fetch(cache, &std::env::temp_dir(), progress)?;
        let content = checked(&fetched.path, artifact.sha256())?;
        downloads.push(fetched.hold);
        trouble = trouble.take().or(fetched.trouble);
        Ok::<_, ArtifactError>((fetched.path, content))
    };
    let (path, program) = get(program)?;
    if let Some(found) =
        plain_file::open(&path).and_then(|file| other_kind(&file, architecture)).map_err(failed(&path))?
    {
        return Err(ArtifactError::NotTheBinary { path, found, architecture });
    }
    let mut archives = Vec::new();
    for image in images {
        let (_, content) = get(image)?;
        archives.push((image.file_name(), content));
    }
    let artifacts = Artifacts { binary: program, images: archives };
    Ok(Some(OpenedArtifacts { artifacts, _downloads: downloads, trouble }))
}

/// Returns the content of a file that has the SHA-256 it is to have. A download was checked already, but the cache is
/// only a folder, and anything may have happened to it.
fn checked(path: &Path, expected: Option<Digest>) -> Result<Content, ArtifactError> {
    let content = Content::of_file(path).map_err(failed(path))?;
    let found = content.read_digest().map_err(failed(path))?;
    match expected {
        Some(expected) if expected != found => {
            Err(ArtifactError::WrongDigest { path: path.to_owned(), expected, found })
        }
        _ => Ok(content),
    }
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::Read { path, source }
}

/// Returns what a file is, unless it is a program for an architecture. Of an ELF file that is `e_machine`, the number at
/// byte 18 (elf(5)); a script may be anything.
fn other_kind(file: &File, architecture: Architecture) -> io::Result<Option<&'static str>> {
    let mut start = Vec::new();
    file.take(20).read_to_end(&mut start)?;
    let machine = start.get(18..20).map(|bytes| bytes == [wanted_machine(architecture), 0]);
    Ok(match (start.as_slice(), machine) {
        ([0x7f, b'E', b'L', b'F', ..], Some(true)) | ([b'#', b'!', ..], _) => None,
        ([0x7f, b'E', b'L', b'F', ..], _) => Some("a program for another architecture"),
        ([], _) => Some("empty"),
        _ => Some("not a program"),
    })
}

/// Returns `EM_AARCH64` or `EM_ARM`.
fn wanted_machine(architecture: Architecture) -> u8 {
    match architecture {
        Architecture::Arm64 => 183,
        Architecture::Armhf => 40,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ByteCount, Hint as _, Silent};

    fn bundled(arm64: FileLocation, images: Vec<FileLocation>) -> Install {
        Install::Bundled { arm64: Some(arm64), armhf: None, images }
    }

    fn elf(machine: u8) -> Vec<u8> {
        let mut elf = vec![0; 64];
        elf[..4].copy_from_slice(b"\x7fELF");
        elf[18] = machine;
        elf
    }

    fn open_with(
        content: &[u8],
        sha256: Option<Digest>,
        architecture: Architecture,
    ) -> Result<Option<Artifacts>, ArtifactError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("k3s");
        std::fs::write(&path, content).unwrap();
        let install = bundled(FileLocation::Path { path, sha256 }, Vec::new());
        Ok(open(&install, architecture, Some(folder.path()), &Silent)?.map(|opened| opened.artifacts))
    }

    #[test]
    fn the_program_is_one_for_the_cards() {
        let artifacts = open_with(&elf(183), None, Architecture::Arm64).unwrap().unwrap();
        assert_eq!(
            (artifacts.binary.size(), artifacts.binary.digest()),
            (ByteCount::new(64), Some(Digest::of(&elf(183))))
        );
        assert!(open_with(b"#!/bin/sh\n", None, Architecture::Arm64).is_ok());
        for (content, found) in [
            (elf(62), "a program for another architecture"),
            (elf(40), "a program for another architecture"),
            (b"\x7fELF".to_vec(), "a program for another architecture"),
            (b"<!DOCTYPE html>".to_vec(), "not a program"),
            (Vec::new(), "empty"),
        ] {
            let error = open_with(&content, None, Architecture::Arm64).unwrap_err();
            assert!(
                matches!(error, ArtifactError::NotTheBinary { found: what, .. } if what == found),
                "{error}"
            );
        }
    }

    #[test]
    fn another_digest_and_another_architecture_are_refused() {
        let error = open_with(&elf(183), Some(Digest::of(b"")), Architecture::Arm64).unwrap_err();
        assert!(matches!(error, ArtifactError::WrongDigest { .. }));
        assert!(open_with(&elf(183), Some(Digest::of(&elf(183))), Architecture::Arm64).is_ok());
        let error = open_with(&elf(40), None, Architecture::Armhf).unwrap_err();
        assert_eq!(error.hint().unwrap(), "Add `armhf: k3s-armhf` under `binary:` of `bundled:`");
    }

    #[test]
    fn archives_keep_their_names_and_order() {
        let folder = tempfile::tempdir().unwrap();
        let mut locations = Vec::new();
        for name in ["k3s", "b.tar", "a.tar.zst"] {
            let path = folder.path().join(name);
            std::fs::write(&path, format!("#!{name}")).unwrap();
            locations.push(FileLocation::Path { path, sha256: None });
        }
        let program = locations.remove(0);
        let artifacts = open(&bundled(program, locations), Architecture::Arm64, None, &Silent);
        let images = artifacts.unwrap().unwrap().artifacts.images;
        assert_eq!(images.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["b.tar", "a.tar.zst"]);
        assert_eq!(images[0].1.digest(), Some(Digest::of(b"#!b.tar")));
    }

    #[test]
    fn a_missing_file_is_named() {
        let missing = FileLocation::Path { path: "nowhere/k3s".into(), sha256: None };
        let error = open(&bundled(missing, Vec::new()), Architecture::Arm64, None, &Silent).unwrap_err();
        assert!(error.to_string().starts_with("`nowhere/k3s`"), "{error}");
    }
}
