//! Errors of making an image a node's own.

use super::Codename;
use crate::cluster::{FilePath, Position};
use crate::patch::{Partition, PatchError};
use crate::systemd::UnitError;
use crate::types::{Hint, ImagePath, InvalidPath};
use std::io;
use std::path::PathBuf;

/// An error of finding out which release an image holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// The image could not be read.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A card, but not one with Raspberry Pi OS.
    #[error("this is not a Raspberry Pi OS image: {found}")]
    NotRaspberryPiOs {
        /// The evidence.
        found: String,
    },
    /// A Debian for the Raspberry Pi that somebody else built.
    #[error("this is a Debian, but not Raspberry Pi OS: {found}")]
    OtherDebian {
        /// The evidence, as a clause.
        found: String,
        /// The release that it says it is, where cardwright knows that.
        codename: Option<Codename>,
    },
    /// Raspberry Pi OS, of a release that is older than all that cardwright knows.
    #[error(
        "this Raspberry Pi OS is too old: /etc/os-release says `{found}`, and bullseye is the oldest release that is supported"
    )]
    TooOld {
        /// The line of /etc/os-release.
        found: String,
    },
    /// Raspberry Pi OS of a known release, from before its first boot was what it is today.
    #[error(
        "this Raspberry Pi OS {codename} is too old: its first boot is still `init=/usr/lib/raspi-config/init_resize.sh`"
    )]
    TooOldFirstBoot {
        /// The release.
        codename: Codename,
    },
    /// Raspberry Pi OS, of a release that cardwright has never seen.
    #[error("this is a Raspberry Pi OS that cardwright does not know: /etc/os-release says `{found}`")]
    UnknownRelease {
        /// The line of /etc/os-release.
        found: String,
    },
    /// Programs that no Raspberry Pi runs, or only one without k3s.
    #[error("this image is made for `{found}`, not for arm64 or armhf")]
    UnsupportedArchitecture {
        /// Debian's name of the architecture.
        found: String,
    },
}

impl Hint for DetectError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Patch(error) => error.hint(),
            Self::NotRaspberryPiOs { .. } | Self::UnsupportedArchitecture { .. } => {
                Some("Start from an image that Raspberry Pi publishes as Raspberry Pi OS".to_owned())
            }
            Self::OtherDebian { codename, .. } => {
                let codename = codename.unwrap_or(Codename::Trixie);
                Some(format!(
                    "Start from an image that Raspberry Pi publishes; to try with this one all the same, add `--force-release {codename}`"
                ))
            }
            Self::TooOld { .. } => {
                Some("Take an image of bullseye (from September 2022 on), bookworm or trixie".to_owned())
            }
            Self::TooOldFirstBoot { .. } => {
                Some("Take an image from 2022-09 or later; the date is part of its name".to_owned())
            }
            Self::UnknownRelease { .. } => {
                Some("Treat it as the newest release cardwright knows with `--force-release trixie`, and try one card first".to_owned())
            }
        }
    }
}

/// An error of making an image a node's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RaspiosError {
    /// The stock image could not be read, or has something in the way.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// A name that leads to no path.
    #[error(transparent)]
    Path(#[from] InvalidPath),
    /// A file that every Raspberry Pi OS has.
    #[error("the stock image has no `{path}` on the {partition} partition")]
    MissingFile {
        /// The partition.
        partition: Partition,
        /// Its name or path.
        path: ImagePath,
    },
    /// A systemd unit cannot be enabled.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// A file that does not say what it has to.
    #[error("`{path}` of the stock image {found}")]
    DamagedFile {
        /// Its name or path.
        path: ImagePath,
        /// The damage, as a clause.
        found: &'static str,
    },
    /// A name for the user that somebody else has.
    #[error("the user cannot be called `{name}`: the stock image has that name in `{path}` already")]
    NameTaken {
        /// The name.
        name: String,
        /// The partition.
        path: ImagePath,
    },
    /// A login shell that is not installed.
    #[error("the stock image has no `{shell}` for a login shell")]
    MissingShell {
        /// Its name or path.
        shell: ImagePath,
    },
    /// A password hash that would break /etc/shadow. It is not shown.
    #[error("the password hash has a character that /etc/shadow cannot hold")]
    PasswordHash,
    /// A cmdline.txt that is not one line of words.
    #[error("cmdline.txt of the stock image {found}")]
    Cmdline {
        /// Its content, as a clause.
        found: &'static str,
    },
    /// A word that may not be added to cmdline.txt.
    #[error("`{word}` cannot be added to cmdline.txt: {reason}")]
    CmdlineWord {
        /// Its name or path.
        word: String,
        /// The reason, as a clause.
        reason: &'static str,
    },
    /// A word in cmdline.txt, of the stock image or of nodes.yaml, that takes back what is planned.
    #[error("`{word}` in cmdline.txt contradicts the plan: {breaks}")]
    Contradiction {
        /// Its name or path.
        word: String,
        /// The thing that it breaks, as a clause.
        breaks: &'static str,
    },
    /// A time zone that the image does not know.
    #[error("the stock image has no time zone `{zone}`")]
    UnknownTimezone {
        /// Its name or path.
        zone: String,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// A locale that the image does not know.
    #[error("the stock image has no locale `{locale}`")]
    UnknownLocale {
        /// Its name or path.
        locale: String,
        /// The names most like it.
        nearest: Vec<String>,
    },
    /// Something that this release has no way to do.
    #[error("{wanted} cannot be set on {codename}")]
    Unsupported {
        /// The setting.
        wanted: &'static str,
        /// The release.
        codename: Codename,
        /// The remedy.
        instead: &'static str,
    },
    /// A file put where the running system has something mounted.
    #[error("`{path}` on the root partition is hidden by what is mounted at `{mount}` once the node runs")]
    HiddenByMount {
        /// Its name or path.
        path: ImagePath,
        /// By what.
        mount: &'static str,
    },
    /// A file of `files:` that cannot be put on the card.
    #[error("{}: {source}", named(path, *place))]
    ExtraFile {
        /// Its name or path.
        path: FilePath,
        /// Its place in nodes.yaml.
        place: Option<Position>,
        /// The cause.
        source: Box<RaspiosError>,
    },
    /// A file of `files:` in the place of one that cardwright itself writes.
    #[error("`{path}` is written by cardwright itself: {what}")]
    Claimed {
        /// Its path, without links in it.
        path: ImagePath,
        /// Its purpose, as a clause.
        what: &'static str,
        /// The remedy.
        instead: &'static str,
    },
    /// A file of `files:` with a name on the boot partition that settles a first boot.
    #[error("`{path}` on the boot partition is reserved: {what}")]
    Reserved {
        /// Its name or path.
        path: ImagePath,
        /// Its purpose, as a clause.
        what: &'static str,
        /// The remedy.
        instead: &'static str,
    },
    /// A file of `files:` in the place of a link that the system finds a directory through.
    #[error("`{path}` is a link to the directory `{directory}`")]
    DirectoryLink {
        /// Its name or path.
        path: ImagePath,
        /// The directory that it leads to.
        directory: ImagePath,
    },
    /// A file of `files:` that is another one of them, by links of the image.
    #[error("`{path}` is the same file as `{other}`, through a link of the stock image")]
    SameFile {
        /// Its path, as nodes.yaml has it.
        path: ImagePath,
        /// The path of the one before, as nodes.yaml has it.
        other: ImagePath,
    },
    /// A file of this machine that could not be read.
    #[error("cannot read {}: {source}", path.display())]
    SourceFile {
        /// Its name or path.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The record that cardwright leaves on a card, unreadable.
    #[error("cannot read `/etc/cardwright/card.json` of this image: {source}")]
    CardRecord {
        /// The cause.
        source: serde_json::Error,
    },
}

impl Hint for RaspiosError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Patch(error) => return error.hint(),
            Self::Unit(error) => return error.hint(),
            Self::ExtraFile { source, .. } => return source.hint(),
            Self::Path(_) => return None,
            Self::SourceFile { .. } => "Name a plain file that you may read".to_owned(),
            Self::MissingFile { .. }
            | Self::DamagedFile { .. }
            | Self::Cmdline { .. }
            | Self::CardRecord { .. } => "Start from an unmodified image as Raspberry Pi publishes it".to_owned(),
            Self::NameTaken { .. } => "Choose another `user.name` in nodes.yaml".to_owned(),
            Self::MissingShell { .. } => {
                "Choose a shell that is installed, such as `/bin/bash`, and install the other one later"
                    .to_owned()
            }
            Self::PasswordHash => "Make a hash with `openssl passwd -6` and paste its one line".to_owned(),
            Self::CmdlineWord { .. } => "Take the word out of `boot.cmdline` in nodes.yaml".to_owned(),
            Self::Contradiction { .. } => {
                "Start from an unmodified image as Raspberry Pi publishes it, or take the word out of its cmdline.txt"
                    .to_owned()
            }
            Self::UnknownTimezone { nearest, .. } => did_you_mean(nearest, "Write a zone as `Europe/Berlin`"),
            Self::UnknownLocale { nearest, .. } => did_you_mean(nearest, "Write a locale as `de_DE.UTF-8`"),
            Self::Claimed { instead, .. }
            | Self::Reserved { instead, .. }
            | Self::Unsupported { instead, .. } => (*instead).to_owned(),
            Self::DirectoryLink { directory, .. } => {
                format!("Write the path of a file below it, like `{directory}/name`")
            }
            Self::SameFile { .. } => "Keep one of the two, or give both the same path".to_owned(),
            Self::HiddenByMount { mount, path } => match path.as_str().strip_prefix(mount) {
                Some(rest) if mount.starts_with("/boot") && !rest.is_empty() => {
                    format!("Write `partition: boot` and `path: {rest}`")
                }
                _ => "Choose another path in nodes.yaml".to_owned(),
            },
        };
        Some(hint)
    }
}

/// Names a file of `files:` by its place in nodes.yaml, or by its path where it has none.
fn named(path: &FilePath, place: Option<Position>) -> String {
    match place {
        Some(Position { line, column }) => format!("`files:`, line {line}, column {column}"),
        None => format!("the file `{path}` of `files:`"),
    }
}

impl RaspiosError {
    /// Returns `true` for a value of nodes.yaml that the stock image has no answer to. Everything else is wrong with
    /// the image itself.
    pub fn is_about_nodes_yaml(&self) -> bool {
        matches!(
            self,
            Self::UnknownTimezone { .. }
                | Self::UnknownLocale { .. }
                | Self::NameTaken { .. }
                | Self::MissingShell { .. }
                | Self::CmdlineWord { .. }
                | Self::ExtraFile { .. }
        )
    }
}

fn did_you_mean(nearest: &[String], otherwise: &str) -> String {
    if nearest.is_empty() {
        return otherwise.to_owned();
    }
    let names: Vec<_> = nearest.iter().map(|name| format!("`{name}`")).collect();
    format!("Did you mean {}?", names.join(" or "))
}
