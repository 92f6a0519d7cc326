//! Checks a nodes.yaml against its stock image, where the image is at hand: for `check`, which downloads nothing,
//! decompresses next to nothing, and writes nothing.

use super::plans::plan_with;
use super::{Error, image_name};
use crate::artifacts::{self, ArtifactError};
use crate::cluster::{Cluster, Diagnostic, ImageSource, Install};
use crate::demo;
use crate::fetch::{Fetched, FileLocation};
use crate::identity::ClusterSecret;
use crate::k3s::Artifacts;
use crate::raspios::DOWNLOAD_PAGE;
use crate::stock_image::{StockImage, StockImageError};
use crate::stock_system::{OpenOptions, StockSystem, StockSystemError};
use crate::types::{Silent, Warning};
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

/// Holds a nodes.yaml against its stock image: time zones, locales, the user, files, words for the kernel, and
/// whether all of it fits. `cache` is where downloads are, `scratch` a folder for what is decompressed.
pub fn check(cluster: &Cluster, options: OpenOptions, cache: Option<&Path>, scratch: &Path) -> Checked {
    let mut checked = Checked::default();
    let image = match open(cluster, cache, scratch) {
        Ok(AtHand::Open(image)) => Arc::new(*image),
        Ok(AtHand::Not(reason)) => {
            checked.skip(cluster, reason);
            return checked;
        }
        Err(error) => {
            checked.problems.push(Diagnostic::at(cluster.image_span.as_ref(), &error));
            return checked;
        }
    };
    checked.warn(cluster, image.warnings().iter().map(Warning::of));
    let base = match StockSystem::open(Arc::clone(&image) as _, options) {
        Ok(base) => base,
        // `--force-release` is for the commands that make something.
        Err(StockSystemError::Release(error)) => {
            let hint = "`cardwright plan` checks them, with the image".to_owned();
            checked.skip(cluster, Unseen { reason: error.to_string(), hint });
            return checked;
        }
        Err(error) => {
            let error = Error::StockImage { image: image_name(cluster), source: error };
            checked.problems.push(Diagnostic::at(cluster.image_span.as_ref(), &error));
            return checked;
        }
    };
    checked.warn(cluster, base.warnings.iter().map(Warning::of));
    checked.plan(cluster, &base, cache);
    checked
}

impl Checked {
    fn plan(&mut self, cluster: &Cluster, base: &StockSystem, cache: Option<&Path>) {
        let artifacts = match artifacts_at_hand(cluster, base, cache) {
            Ok(artifacts) => artifacts,
            Err(NoPayload::NotDownloaded(what)) => {
                let message =
                    format!("whether all fits on the cards was not checked: {what} is not downloaded yet");
                let hint = "`cardwright plan` downloads it, and checks that too".to_owned();
                self.warn(cluster, [Warning { message, hint: Some(hint) }]);
                None
            }
            Err(NoPayload::Failed(error)) => {
                self.problems.push(Diagnostic::at(None, &error));
                return;
            }
        };
        // Nothing is made from it.
        let secret = ClusterSecret::throwaway().map_err(Error::from);
        let planned =
            secret.and_then(|secret| plan_with(base, cluster, &secret, artifacts.as_ref(), &[]).map(|_| ()));
        match planned {
            Ok(()) => {}
            Err(Error::Unfit(unfit)) => self.problems.extend(unfit.problems),
            Err(error) => self.problems.push(Diagnostic::at(cluster.image_span.as_ref(), &error)),
        }
    }

    fn skip(&mut self, cluster: &Cluster, unseen: Unseen) {
        let Unseen { reason, hint } = unseen;
        let message =
            format!("time zones, locales, paths, packages and free space were not checked: {reason}");
        self.warn(cluster, [Warning { message, hint: Some(hint) }]);
    }

    /// Warnings about the image stand where nodes.yaml names it.
    fn warn(&mut self, cluster: &Cluster, warnings: impl IntoIterator<Item = Warning>) {
        let at = |Warning { message, hint }| {
            let spot = cluster.image_span.as_ref();
            Diagnostic {
                line: spot.map_or(0, |spot| spot.position.line),
                column: spot.map_or(0, |spot| spot.position.column),
                at: spot.map_or_else(String::new, |spot| spot.path.clone()),
                message,
                hint,
                hide_source: false,
            }
        };
        self.warnings.extend(warnings.into_iter().map(at));
    }
}

/// A stock image, or why it is not looked at.
enum AtHand {
    Open(Box<StockImage>),
    Not(Unseen),
}

/// An image that is not looked at.
struct Unseen {
    /// The reason, a clause.
    reason: String,
    /// The way to have it looked at.
    hint: String,
}

fn open(cluster: &Cluster, cache: Option<&Path>, scratch: &Path) -> Result<AtHand, StockImageError> {
    let location = match &cluster.image {
        ImageSource::Demo => return Ok(AtHand::Open(Box::new(demo::open()?))),
        ImageSource::File(location) => location,
    };
    let Some(Fetched { path, hold, .. }) = location.find(cache) else {
        return Ok(AtHand::Not(match location {
            // `plan` and `build` do not go on without it either.
            FileLocation::Path { path, .. } => Unseen {
                reason: format!("there is no file `{}`", path.display()),
                hint: format!(
                    "Download Raspberry Pi OS Lite from {DOWNLOAD_PAGE} and keep it there, or write `image: demo` to try everything without it"
                ),
            },
            FileLocation::Url { .. } => Unseen {
                reason: "the image is not downloaded yet".to_owned(),
                hint: "`cardwright plan` downloads it, and checks them".to_owned(),
            },
        }));
    };
    let opened = StockImage::open_at_hand(&path, location.sha256(), scratch, cache)?;
    let slow = || {
        let reason = format!("`{}` would have to be decompressed as a whole first", path.display());
        AtHand::Not(Unseen { reason, hint: "`cardwright plan` checks them, with the image".to_owned() })
    };
    Ok(opened.map_or_else(slow, |image| AtHand::Open(Box::new(image.keeping(hold)))))
}

/// The reason why the files for the cards are not looked at.
enum NoPayload {
    NotDownloaded(String),
    Failed(ArtifactError),
}

fn artifacts_at_hand(
    cluster: &Cluster,
    base: &StockSystem,
    cache: Option<&Path>,
) -> Result<Option<Artifacts>, NoPayload> {
    let Some(k3s) = &cluster.k3s else { return Ok(None) };
    if let Install::Bundled { arm64, armhf, images } = &k3s.install {
        for artifact in arm64.iter().chain(armhf).chain(images) {
            if matches!(artifact, FileLocation::Url { .. }) && artifact.find(cache).is_none() {
                return Err(NoPayload::NotDownloaded(format!("`{}`", artifact.file_name())));
            }
        }
    }
    let opened = artifacts::open(&k3s.install, base.release.architecture, cache, &Silent);
    opened.map(|opened| opened.map(|opened| opened.artifacts)).map_err(NoPayload::Failed)
}
