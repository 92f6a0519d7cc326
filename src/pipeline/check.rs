//! Checks a nodes.yaml against its stock image, where the image is at hand: for `check`, which downloads nothing,
//! decompresses next to nothing, and writes nothing.

use super::plans::Planner;
use super::{Error, image_name};
use crate::artifacts;
use crate::cluster::{Cluster, Diagnostic, FetchedKeys, ImageSource, Install};
use crate::demo;
use crate::fetch::{Fetched, FileLocation};
use crate::identity::ClusterSecret;
use crate::raspios::{self, DOWNLOAD_PAGE};
use crate::stock_image::StockImage;
use crate::stock_system::{OpenOptions, StockSystem, StockSystemError};
use crate::types::{Silent, Warning};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// The findings.
#[derive(Debug, Default)]
pub struct Checked {
    /// Mistakes in nodes.yaml, or in its image.
    pub problems: Vec<Diagnostic>,
    /// Findings that may disappoint, and things that could not be looked at.
    pub warnings: Vec<Diagnostic>,
}

/// The reason why a check ends early.
enum End {
    /// The image is not looked at: why, as a clause, and the way to have it looked at.
    Unseen(String, String),
    /// There is a problem.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Holds a nodes.yaml against its stock image: time zones, locales, the user, files, words for the kernel, and
/// whether all of it fits. `cache` is where downloads are, `scratch` a folder for what is decompressed.
pub fn check(cluster: &Cluster, options: OpenOptions, cache: Option<&Path>, scratch: &Path) -> Checked {
    let mut checked = Checked::default();
    match checked.look(cluster, options, cache, scratch) {
        Ok(()) => {}
        Err(End::Unseen(reason, hint)) => checked.warn(
            cluster,
            format!(
                "time zones, locales, keyboards, paths, packages and free space were not checked: {reason}"
            ),
            hint,
        ),
        Err(End::Failed(Error::Unfit(unfit))) => checked.problems.extend(unfit.problems),
        Err(End::Failed(error)) => {
            let span = cluster.image_span.as_ref().filter(|_| !matches!(error, Error::Artifacts(_)));
            checked.problems.push(Diagnostic::at(span, &error));
        }
    }
    checked
}

impl Checked {
    fn look(
        &mut self,
        cluster: &Cluster,
        options: OpenOptions,
        cache: Option<&Path>,
        scratch: &Path,
    ) -> Result<(), End> {
        let span = cluster.image_span.as_ref();
        let image = Arc::new(open(cluster, cache, scratch)?);
        self.warnings.extend(image.warnings().iter().map(|warning| Diagnostic::at(span, warning)));
        let system = match StockSystem::open(Arc::clone(&image) as _, options) {
            // `--force-release` is for the commands that make something.
            Err(StockSystemError::Release(error)) => {
                return Err(End::Unseen(error.to_string(), WITH_THE_IMAGE.to_owned()));
            }
            opened => opened.map_err(|source| Error::StockImage { image: image_name(cluster), source })?,
        };
        self.warnings.extend(system.warnings.iter().map(|warning| Diagnostic::at(span, warning)));
        let asks_for_keyboards = cluster.nodes.iter().any(|node| node.keyboard.is_some());
        if asks_for_keyboards && !raspios::lists_keyboards(&system.disk.files).map_err(Error::from)? {
            let message = "keyboards were not checked: the image has no list of them".to_owned();
            self.warn(
                cluster,
                message,
                "Raspberry Pi OS has one: check with it in the place of this image".to_owned(),
            );
        }
        let install = cluster.k3s.as_ref().map(|k3s| &k3s.install);
        let artifacts = if let Some(missing) = install.and_then(|install| missing_download(install, cache)) {
            let message =
                format!("whether all fits on the cards was not checked: `{missing}` is not downloaded yet");
            self.warn(cluster, message, "`cardwright plan` downloads it, and checks that too".to_owned());
            None
        } else {
            let open = |install| artifacts::open(install, system.release.architecture, cache, &Silent);
            install.map(open).transpose()?.flatten()
        };
        // Nothing is made from it.
        let secret = ClusterSecret::throwaway()?;
        // Keys that are not at hand are left out, and others do not change what is checked.
        let mut cluster = cluster.clone();
        for node in &mut cluster.nodes {
            let users = std::iter::once(&mut node.user).chain(&mut node.users);
            users.for_each(|user| user.ssh_authorized_keys.pinned.clear());
        }
        let (keys, sources) = (FetchedKeys::default(), RefCell::default());
        let (system, cluster, secret) = (&system, &cluster, &secret);
        // A backup opens with the secret of the cluster alone.
        let restored = BTreeMap::new();
        Planner { system, cluster, secret, steps: &[], artifacts, keys, restored, sources }.plan_all()?;
        Ok(())
    }

    /// Warnings about the image stand where nodes.yaml names it.
    fn warn(&mut self, cluster: &Cluster, message: String, hint: String) {
        let warning = Warning { message, hint: Some(hint) };
        self.warnings.push(Diagnostic::at(cluster.image_span.as_ref(), &warning));
    }
}

const WITH_THE_IMAGE: &str = "`cardwright plan` checks them, with the image";

fn open(cluster: &Cluster, cache: Option<&Path>, scratch: &Path) -> Result<StockImage, End> {
    let location = match &cluster.image {
        ImageSource::Demo => return Ok(demo::open()?),
        ImageSource::Named(name) => {
            let reason = format!("which file `{name}` is was not looked up yet");
            return Err(End::Unseen(reason, "`cardwright fetch` finds and downloads it".to_owned()));
        }
        ImageSource::File(location) => location,
    };
    let Some(Fetched { path, hold, .. }) = location.find(cache) else {
        let (reason, hint) = match location {
            // `plan` and `build` do not go on without it either.
            FileLocation::Path { path, .. } => (
                format!("there is no file `{}`", path.display()),
                format!(
                    "Download Raspberry Pi OS Lite from {DOWNLOAD_PAGE} and keep it there, or write `image: demo` to try everything without it"
                ),
            ),
            FileLocation::Url { .. } => (
                "the image is not downloaded yet".to_owned(),
                "`cardwright plan` downloads it, and checks them".to_owned(),
            ),
        };
        return Err(End::Unseen(reason, hint));
    };
    let opened = StockImage::open_at_hand(&path, location.sha256(), scratch, cache)?;
    opened.map(|image| image.keeping(hold)).ok_or_else(|| {
        let reason = format!("`{}` would have to be decompressed as a whole first", path.display());
        End::Unseen(reason, WITH_THE_IMAGE.to_owned())
    })
}

/// Returns the name of a file for the cards that is not downloaded yet.
fn missing_download(install: &Install, cache: Option<&Path>) -> Option<String> {
    let (arm64, armhf, images) = match install {
        Install::Bundled { arm64, armhf, images } => (arm64, armhf, images),
        Install::Published => return Some("k3s".to_owned()),
        Install::Download { .. } => return None,
    };
    let is_missing = |artifact: &&FileLocation| {
        matches!(artifact, FileLocation::Url { .. }) && artifact.find(cache).is_none()
    };
    arm64.iter().chain(armhf).chain(images).find(is_missing).map(FileLocation::file_name)
}
