//! Errors of making an image a node's own.

use super::Codename;
use crate::cluster::{FieldSpan, FilePath, Position};
use crate::patch::{Partition, PatchError};
use crate::systemd::UnitError;
use crate::types::{ImagePath, InvalidPath, errors};
use std::io;
use std::path::PathBuf;

errors! {
    /// An error of finding out which release an image holds. `found` is the evidence.
    #[derive(Debug, thiserror::Error)]
    pub enum DetectError {
        /// The image could not be read.
        #[error(transparent)]
        Patch(#[from] PatchError),
        /// A card, but not one with Raspberry Pi OS.
        #[error("this is not a Raspberry Pi OS image: {found}")]
        NotRaspberryPiOs { found: String } => PUBLISHED,
        /// A Debian for the Raspberry Pi that somebody else built, and the release that it says it is.
        #[error("this is a Debian, but not Raspberry Pi OS: {found}")]
        OtherDebian { found: String, codename: Option<Codename> } => format!(
            "Start from an image that Raspberry Pi publishes; to try with this one all the same, add `--force-release {}`",
            codename.unwrap_or(Codename::NEWEST)
        ),
        /// Raspberry Pi OS, of a release that is older than all that cardwright knows.
        #[error("this Raspberry Pi OS is too old: /etc/os-release says `{found}`, and bullseye is the oldest release that is supported")]
        TooOld { found: String } => "Take an image of bullseye (from September 2022 on), bookworm or trixie",
        /// Raspberry Pi OS of a known release, from before its first boot was what it is today.
        #[error("this Raspberry Pi OS {codename} is too old: its first boot is still `init=/usr/lib/raspi-config/init_resize.sh`")]
        TooOldFirstBoot { codename: Codename }
            => "Take an image from 2022-09 or later; the date is part of its name",
        /// Raspberry Pi OS, of a release that cardwright has never seen.
        #[error("this is a Raspberry Pi OS that cardwright does not know: /etc/os-release says `{found}`")]
        UnknownRelease { found: String }
            => format!("Treat it as the newest release cardwright knows with `--force-release {}`, and try one card first", Codename::NEWEST),
        /// Programs that no Raspberry Pi runs, or only one without k3s.
        #[error("this image is made for `{found}`, not for arm64 or armhf")]
        UnsupportedArchitecture { found: String } => PUBLISHED,
    }
}

const PUBLISHED: &str = "Start from an image that Raspberry Pi publishes as Raspberry Pi OS";
const UNMODIFIED: &str = "Start from an unmodified image as Raspberry Pi publishes it";

errors! {
    /// An error of making an image a node's own. `found`, `reason`, `breaks` and `what` are clauses; `instead` is the
    /// remedy.
    #[derive(Debug, thiserror::Error)]
    pub enum RaspiosError {
        /// The stock image could not be read, or has something in the way.
        #[error(transparent)]
        Patch(#[from] PatchError),
        /// A name that leads to no path.
        #[error(transparent)]
        Path(#[from] InvalidPath),
        /// A file that every Raspberry Pi OS has.
        #[error("the stock image has no `{path}` on the {partition} partition")]
        MissingFile { partition: Partition, path: ImagePath } => UNMODIFIED,
        /// A systemd unit cannot be enabled.
        #[error(transparent)]
        Unit(#[from] UnitError),
        /// A file that does not say what it has to.
        #[error("`{path}` of the stock image {found}")]
        DamagedFile { path: ImagePath, found: &'static str } => UNMODIFIED,
        /// A name for the user that somebody else has.
        #[error("the user cannot be called `{name}`: the stock image has that name in `{path}` already")]
        NameTaken { name: String, path: ImagePath } => "Choose another `name:` for it in nodes.yaml",
        /// A number for a user that somebody else, or a group, has.
        #[error("the user cannot have the number {uid}: the stock image has it already")]
        UidTaken { uid: u32 } => "Choose another `uid:`, or remove it: the next free number is taken then",
        /// A group that the image does not know, and the names most like it.
        #[error("the stock image has no group `{group}`")]
        UnknownGroup { group: String, nearest: Vec<String> } => did_you_mean(
            nearest,
            "Name a group of the image; one that a package brings is joined under `first_boot:`, after the package was installed, as in `usermod -aG docker pi`",
        ),
        /// A mistake in a user of `users:`.
        #[error("user `{name}`: {source}")]
        AddedUser { name: String, source: Box<RaspiosError> } => source.hint(),
        /// A login shell that is not installed.
        #[error("the stock image has no `{shell}` for a login shell")]
        MissingShell { shell: ImagePath }
            => "Choose a shell that is installed, such as `/bin/bash`, and install the other one later",
        /// A password hash that would break /etc/shadow. It is not shown.
        #[error("the password hash has a character that /etc/shadow cannot hold")]
        PasswordHash => "Make a hash with `openssl passwd -6` and paste its one line",
        /// A cmdline.txt that is not one line of words.
        #[error("cmdline.txt of the stock image {found}")]
        Cmdline { found: &'static str } => UNMODIFIED,
        /// A word that may not be added to cmdline.txt.
        #[error("`{word}` cannot be added to cmdline.txt: {reason}")]
        CmdlineWord { word: String, reason: &'static str } => "Take the word out of `boot.cmdline` in nodes.yaml",
        /// A word in cmdline.txt, of the stock image or of nodes.yaml, that takes back what is planned.
        #[error("`{word}` in cmdline.txt contradicts the plan: {breaks}")]
        Contradiction { word: String, breaks: &'static str }
            => "Start from an unmodified image as Raspberry Pi publishes it, or take the word out of its cmdline.txt",
        /// A time zone that the image does not know, and the names most like it.
        #[error("the stock image has no time zone `{zone}`")]
        UnknownTimezone { zone: String, nearest: Vec<String> } => did_you_mean(nearest, "Write a zone as `Europe/Berlin`"),
        /// A locale that the image does not know, and the names most like it.
        #[error("the stock image has no locale `{locale}`")]
        UnknownLocale { locale: String, nearest: Vec<String> } => did_you_mean(nearest, "Write a locale as `de_DE.UTF-8`"),
        /// A part of a keyboard that the image does not know, and the names most like it.
        #[error("the stock image has no keyboard {part} `{name}`")]
        UnknownKeyboard { part: &'static str, name: String, nearest: Vec<String> }
            => did_you_mean(nearest, "Write a layout as `de`, and a variant that it has, like `nodeadkeys`"),
        /// A country that the image does not know.
        #[error("the stock image does not know the country `{country}`")]
        UnknownCountry { country: String } => "Start from a newer image, or name another `country` under `wifi:`",
        /// Something that this release has no way to do.
        #[error("{wanted} cannot be set on {codename}")]
        Unsupported { wanted: &'static str, codename: Codename, instead: &'static str } => *instead,
        /// A file put where the running system has something mounted.
        #[error("`{path}` on the root partition is hidden by what is mounted at `{mount}` once the node runs")]
        HiddenByMount { path: ImagePath, mount: &'static str } => match path.as_str().strip_prefix(mount) {
            Some(rest) if mount.starts_with("/boot") && !rest.is_empty() => {
                format!("Write `partition: boot` and `path: {rest}`")
            }
            _ => "Choose another path in nodes.yaml".to_owned(),
        },
        /// A file of `files:` that cannot be put on the card, and its place in nodes.yaml.
        #[error("{}: {source}", named(path, place.as_ref()))]
        ExtraFile { path: FilePath, place: Option<FieldSpan>, source: Box<RaspiosError> } => source.hint(),
        /// A file of `files:` in the place of one that cardwright itself writes. The path has no links in it.
        #[error("`{path}` is written by cardwright itself: {what}")]
        Claimed { path: ImagePath, what: &'static str, instead: &'static str } => *instead,
        /// A file of `files:` with a name on the boot partition that settles a first boot.
        #[error("`{path}` on the boot partition is reserved: {what}")]
        Reserved { path: ImagePath, what: &'static str, instead: &'static str } => *instead,
        /// A file of `files:` in the place of a link that the system finds a directory through.
        #[error("`{path}` is a link to the directory `{directory}`")]
        DirectoryLink { path: ImagePath, directory: ImagePath }
            => format!("Write the path of a file below it, like `{directory}/name`"),
        /// A file of `files:` that is another one of them, by links of the image. Both paths are as nodes.yaml has them.
        #[error("`{path}` is the same file as `{other}`, through a link of the stock image")]
        SameFile { path: ImagePath, other: ImagePath } => "Keep one of the two, or give both the same path",
        /// A file of this machine that could not be read.
        #[error("cannot read {}: {source}", path.display())]
        SourceFile { path: PathBuf, source: io::Error } => "Name a plain file that you may read",
        /// The record that cardwright leaves on a card, unreadable.
        #[error("cannot read `/etc/cardwright/card.json` of this image: {source}")]
        CardRecord { source: serde_json::Error } => UNMODIFIED,
    }
}

/// Names a file of `files:` by its place in nodes.yaml, or by its path where it has none.
fn named(path: &FilePath, place: Option<&FieldSpan>) -> String {
    match place {
        Some(FieldSpan { position: Position { line, column }, .. }) => {
            format!("`files:`, line {line}, column {column}")
        }
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
                | Self::UnknownKeyboard { .. }
                | Self::UnknownCountry { .. }
                | Self::NameTaken { .. }
                | Self::MissingShell { .. }
                | Self::UidTaken { .. }
                | Self::UnknownGroup { .. }
                | Self::AddedUser { .. }
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
