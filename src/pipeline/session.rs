//! A cluster with its stock image and its secret: what planning, building and verifying share.

use super::plans::{Planner, Plans, Step};
use super::{Error, Progress, image_name};
use crate::cluster::{Cluster, Node};
use crate::identity::ClusterSecret;
use crate::patch::{Draft, PatchError};
use crate::stock_image::StockImage;
use crate::stock_system::{OpenOptions, StockSystem};
use crate::types::Warning;
use std::path::PathBuf;
use std::sync::Arc;

/// A stock image, and the system that was found in it.
pub struct OpenedImage {
    pub(super) image: Arc<StockImage>,
    pub(super) system: StockSystem,
}

impl OpenedImage {
    /// Finds the system in the stock image of a cluster, which [`open_image`](super::open_image) opens, or
    /// [`StockImage::from_read_at`].
    ///
    /// # Errors
    /// When it is no stock image of a known release, or has another SHA-256 than the one pinned.
    pub fn new(image: StockImage, cluster: &Cluster, options: OpenOptions) -> Result<Self, Error> {
        let (image, name) = (Arc::new(image), image_name(cluster));
        tracing::debug!(file = %image.name().display(), format = %image.format(), "opened a stock image");
        match StockSystem::open(Arc::clone(&image) as _, options) {
            Ok(system) => Ok(Self { image, system }),
            Err(source) => Err(wrong_image_or(&image, Error::StockImage { image: name, source })),
        }
    }

    /// Waits for the SHA-256 of the stock image. [`Session::build`] does so before an image gets its name.
    ///
    /// # Errors
    /// When it is not the one pinned.
    pub fn verify(&self) -> Result<(), Error> {
        self.image.verify()?;
        Ok(())
    }

    /// Compares the SHA-256 of the stock image with the one pinned, as [`verify`](Self::verify) does, and takes a file that
    /// did not change since it was hashed for what it was: enough for showing plans.
    ///
    /// # Errors
    /// When it is not the one pinned.
    pub fn verify_unless_known(&self) -> Result<(), Error> {
        Ok(self.image.verify_unless_known()?)
    }

    /// Returns the system.
    pub fn system(&self) -> &StockSystem {
        &self.system
    }

    /// Returns the findings that may disappoint.
    pub fn warnings(&self) -> Vec<Warning> {
        let of_image = self.image.warnings();
        of_image.iter().map(Warning::of).chain(self.system.warnings.iter().map(Warning::of)).collect()
    }
}

/// Returns what is wrong with an image that is another one than was named: then nothing else is of interest.
pub(super) fn wrong_image_or(image: &StockImage, error: Error) -> Error {
    image.verify().err().map_or(error, Error::from)
}

/// A cluster with its stock image and its secret: what planning, building and verifying share.
pub struct Session {
    pub(super) cluster: Cluster,
    pub(super) stock: OpenedImage,
    pub(super) secret: ClusterSecret,
    /// The folder for what saves work on the next run; without it nothing is kept.
    pub(super) cache: Option<PathBuf>,
    pub(super) steps: Vec<Step>,
    /// Verifying reads every file of both images.
    pub(super) reads_every_file: bool,
}

impl Session {
    /// Joins what was opened. Downloads, and what saves work on the next run, are kept in `cache`.
    pub fn new(cluster: Cluster, stock: OpenedImage, secret: ClusterSecret, cache: Option<PathBuf>) -> Self {
        Self { cluster, stock, secret, cache, steps: Vec::new(), reads_every_file: false }
    }

    /// Adds edits of the caller's own to the plan of every node. They pass the same checks as all others, and what they
    /// write is planned, built and verified like everything else.
    #[must_use]
    pub fn with_step(
        mut self,
        step: impl Fn(&Node, &mut Draft<'_>) -> Result<(), PatchError> + Send + Sync + 'static,
    ) -> Self {
        self.steps.push(Box::new(step));
        self
    }

    /// Has [`verify`](Self::verify) read every file of both images with the other reader, also where all bytes are as
    /// planned: for those who doubt the writer. Both images are decompressed for it.
    #[must_use]
    pub fn reading_every_file(self, reads_every_file: bool) -> Self {
        Self { reads_every_file, ..self }
    }

    /// Returns the cluster.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Returns the stock image, and the system in it.
    pub fn stock(&self) -> &OpenedImage {
        &self.stock
    }

    /// Plans every node, and checks what is planned. What is to be put onto the nodes and named by an address is downloaded
    /// into the cache; without one, into a folder that is gone with the plans.
    ///
    /// # Errors
    /// When the stock image lacks something that nodes.yaml asks for, when what is to be put onto the nodes cannot be
    /// read or downloaded, or does not fit.
    pub fn plan(&self, progress: &dyn Progress) -> Result<Plans<'_>, Error> {
        self.plan_as(&self.cluster, progress)
    }

    /// Plans every node of the cluster as it is seen by a caller that changed something in it.
    pub(super) fn plan_as<'run>(
        &'run self,
        cluster: &'run Cluster,
        progress: &dyn Progress,
    ) -> Result<Plans<'run>, Error> {
        let (system, cache) = (&self.stock.system, self.cache.as_deref());
        let opened = Planner::open(system, cluster, &self.secret, &self.steps, cache, progress);
        opened.and_then(Planner::plan_all).map_err(|error| wrong_image_or(&self.stock.image, error))
    }

    /// Saves what was read of the stock image, so that the next run need not decompress it.
    pub fn save_pages(&self, progress: &dyn Progress) {
        if let Err(error) = self.stock.image.save_pages() {
            progress.warning(crate::cache::cache_warning(&error));
        }
    }

    /// Returns a folder for large temporary files: the cache, which is on a real disk, or else the system's own.
    pub(super) fn scratch(&self) -> PathBuf {
        self.cache.clone().unwrap_or_else(std::env::temp_dir)
    }
}
