//! Removing the images of nodes that are gone from nodes.yaml.

use super::Error;
use super::cards::CardDisk;
use super::changes::{plans_of, read};
use super::session::Session;
use crate::io::AtomicFile;
use crate::output::sidecar::{bmap, plans_json};
use crate::output::{self, OutputError};
use crate::raspios::CardRecord;
use std::path::{Path, PathBuf};

impl Session {
    /// Removes the images of nodes that are gone from nodes.yaml, with their bmaps, as far as an earlier build of this cluster made
    /// them. Returns what was removed.
    ///
    /// # Errors
    /// When a file cannot be removed, or plans.json not be written.
    pub fn prune(&self) -> Result<Vec<PathBuf>, Error> {
        let folder = &self.cluster.output.folder;
        let Some(mut plans) =
            read(folder).filter(|plans| plans.is_of(&plans_of(&self.cluster, &self.secret, Vec::new())))
        else {
            return Ok(Vec::new());
        };
        let mut removed = Vec::new();
        for old in plans.nodes.iter().filter(|old| self.cluster.node(&old.node).is_none()) {
            let path = folder.join(&old.image);
            // The name is from a file: what it leads to has to say itself whose it is.
            let is_plain = Path::new(&old.image).file_name().is_some_and(|name| name == &*old.image);
            let record = if is_plain && path.is_file() {
                CardDisk::open(&path, &self.scratch())?.record
            } else {
                None
            };
            let is_ours =
                |record: &CardRecord| record.cluster == self.cluster.name.as_str() && record.node == old.node;
            if record.as_ref().is_some_and(is_ours) {
                for path in [bmap::path_beside(&path), path].into_iter().filter(|path| path.is_file()) {
                    output::remove(&path)?;
                    removed.push(path);
                }
            }
        }
        plans.nodes.retain(|old| self.cluster.node(&old.node).is_some() || folder.join(&old.image).is_file());
        let path = folder.join(plans_json::NAME);
        AtomicFile::write_whole(&path, plans.text().as_bytes(), false).map_err(OutputError::from)?;
        Ok(removed)
    }
}
