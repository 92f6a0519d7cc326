//! Paths of this machine that nodes.yaml names.

use crate::cluster::diagnostic::{Finding, shown};
use crate::io::ownership::home;
use crate::io::plain_file::{self, NotPlain};
use crate::types::escape;
use std::cell::RefCell;
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

/// The folders that paths are relative to.
#[derive(Debug, Clone)]
pub(crate) struct Folders {
    /// The folder of the file that is read.
    pub(crate) file: PathBuf,
    /// The nodes.yaml itself.
    pub(crate) main: PathBuf,
    /// The file that is read now, where it is another one, which nodes.yaml includes.
    pub(crate) include: Option<Arc<Path>>,
    /// Every such file until now, shared by all clones.
    pub(crate) included: Rc<RefCell<Vec<Included>>>,
    /// The person's home folder, where there is one.
    pub(crate) home: Option<PathBuf>,
    /// Every path that was resolved, shared by all clones. Collected here, in the one place that all paths
    /// of nodes.yaml pass, so that a new key cannot be forgotten when a build protects its inputs.
    named: Rc<RefCell<Vec<PathBuf>>>,
}

/// A file that nodes.yaml includes.
#[derive(Debug)]
pub(crate) struct Included {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl Folders {
    /// Returns those of a nodes.yaml at `path`.
    pub(crate) fn of(path: &Path) -> Self {
        Self {
            file: path.parent().map_or_else(PathBuf::new, Path::to_path_buf),
            main: path.to_path_buf(),
            include: None,
            included: Rc::default(),
            home: home(),
            named: Rc::default(),
        }
    }

    /// Returns those of a file that is included.
    pub(crate) fn of_included(&self, path: &Path) -> Self {
        let file = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        Self { file, include: Some(path.into()), ..self.clone() }
    }

    /// Adds a path to those that nodes.yaml names.
    pub(crate) fn note(&self, path: &Path) {
        self.named.borrow_mut().push(path.to_owned());
    }

    /// Returns every path that nodes.yaml names, the folder for the results included.
    pub(crate) fn named(&self) -> Vec<PathBuf> {
        self.named.borrow().clone()
    }

    /// Returns the path that a text of nodes.yaml means.
    pub(crate) fn resolve(&self, text: &str) -> Result<PathBuf, Finding> {
        let path = self.meant(text)?;
        self.note(&path);
        Ok(path)
    }

    fn meant(&self, text: &str) -> Result<PathBuf, Finding> {
        if text.trim().is_empty() {
            return Err(Finding::new("the path is empty", "Name a file"));
        }
        // Nobody means them, and ssh_config and messages could not hold them.
        if text.contains(escape::is_control) {
            let message = format!("the path {} has a control character", shown(text));
            return Err(Finding::new(message, "Rename what it names"));
        }
        let Some(rest) = text.strip_prefix('~') else {
            return Ok(self.file.join(text));
        };
        let rest = match rest.strip_prefix(['/', '\\']) {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => {
                let message = format!("{} means the home folder of somebody else", shown(text));
                return Err(Finding::new(message, "Begin with `~/`, or write the whole path"));
            }
        };
        let Some(home) = &self.home else {
            let message = format!("{} cannot be found, as your home folder is not known", shown(text));
            return Err(Finding::new(message, "Write the whole path, or set `HOME`"));
        };
        Ok(home.join(rest))
    }

    /// Returns the file that is read.
    pub(crate) fn own_file(&self) -> &Path {
        self.include.as_deref().unwrap_or(&self.main)
    }

    /// Returns `true` if something is at the path that a text means.
    pub(crate) fn exists(&self, text: &str) -> bool {
        self.meant(text).is_ok_and(|path| path.exists())
    }

    /// Does as [`resolve`](Self::resolve) for a plain file that has to be there and to be readable.
    pub(crate) fn existing_file(&self, text: &str) -> Result<PathBuf, Finding> {
        let path = self.resolve(text)?;
        let shown_path = shown(&path.display().to_string());
        match plain_file::open(&path) {
            Ok(_) => Ok(path),
            Err(error) if NotPlain::of(&error).is_none() && error.kind() == io::ErrorKind::NotFound => {
                let hint =
                    "Paths are relative to the folder of nodes.yaml; check the spelling, or make the file";
                Err(Finding::new(format!("there is no file {shown_path}"), hint))
            }
            Err(error) => Err(unreadable(&path, &shown_path, &error)),
        }
    }
}

/// Returns what to say of a file, which `called` names, that was not to be opened or read.
pub(crate) fn unreadable(path: &Path, called: &str, error: &io::Error) -> Finding {
    match NotPlain::of(error) {
        Some(_) if path.is_dir() => {
            Finding::new(format!("{called} is a directory"), "Name a single file, not a directory")
        }
        Some(other) => {
            let hint = "Name a plain file; what a program prints has to be kept in one first";
            Finding::new(format!("{called} is {}", other.found()), hint)
        }
        None => Finding::new(format!("{called} cannot be read: {error}"), "Make the file readable"),
    }
}

#[cfg(test)]
mod tests {
    use super::Folders;
    use std::path::{Path, PathBuf};

    fn folders() -> Folders {
        let home = Some(PathBuf::from("people/ann"));
        Folders { home, ..Folders::of(Path::new("work/cluster/nodes.yaml")) }
    }

    #[test]
    fn relative_paths_begin_at_the_folder_of_nodes_yaml_and_tildes_at_home() {
        let path = |text: &str| folders().resolve(text).unwrap();
        assert_eq!(path("a/b.pub"), Path::new("work/cluster/a/b.pub"));
        assert_eq!(path("~/a"), Path::new("people/ann/a"));
        assert_eq!(path("~"), Path::new("people/ann"));
        assert_eq!(path("a~b"), Path::new("work/cluster/a~b"));
        if cfg!(unix) {
            assert_eq!(path("/a"), Path::new("/a"));
        }
    }

    #[test]
    fn what_cannot_be_a_path_is_refused() {
        for invalid in ["", " ", "a\0b", "a\nb", "a\u{9b}b", "a\u{202e}b", "~bob/a"] {
            assert!(folders().resolve(invalid).is_err(), "{invalid:?}");
        }
        let homeless = Folders { home: None, ..folders() };
        assert!(homeless.resolve("~/a").is_err());
        assert!(homeless.resolve("a").is_ok());
    }

    #[test]
    fn a_file_has_to_be_there_and_to_be_a_file() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let folders = Folders { home: None, ..Folders::of(&folder.path().join("nodes.yaml")) };
        assert!(folders.existing_file("a").is_ok());
        assert!(folders.existing_file("b").is_err());
        assert!(folders.existing_file(".").is_err());
    }
}
