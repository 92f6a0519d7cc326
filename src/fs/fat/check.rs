//! One look at every directory and every chain of clusters, before `fatfs` follows them.
//!
//! `fatfs` computes with the numbers it finds: a chain in a circle would keep it busy for ever, a number
//! that no cluster has would make it fail in ways that are no errors.

use super::boot_sector::Root;
use super::directory::{DirectoryStart, EntryKind};
use super::volume::Volume;
use crate::fs::{FsResult, damaged};
use crate::io::ReadAt;
use crate::types::number::usize_from;
use std::collections::BTreeSet;

impl<D: ReadAt + ?Sized> Volume<D> {
    /// Checks every directory and every chain.
    pub(super) fn check(&self) -> FsResult<()> {
        let mut claims = ClaimedClusters::new(self.boot_sector.clusters);
        let mut directories = Vec::new();
        if let Root::Cluster(first) = self.boot_sector.root {
            self.claim(first, &mut claims)?;
        }
        let mut next = Some(DirectoryStart::Root);
        while let Some(directory) = next {
            // `fatfs` also finds a file by its short name, and takes the first one.
            let mut short_names = BTreeSet::new();
            for entry in self.raw_entries(directory)? {
                let kind = entry.kind();
                let is_named = matches!(kind, EntryKind::File | EntryKind::Directory);
                if is_named && !short_names.insert(entry.short_name()) {
                    return Err(damaged("two entries of a directory have the same short name"));
                }
                let first = entry.first_cluster(self.boot_sector.width);
                match kind {
                    EntryKind::File => self.check_file(first, entry.size(), &mut claims)?,
                    EntryKind::Directory => {
                        self.claim(first, &mut claims)?;
                        directories.push(DirectoryStart::Cluster(first));
                    }
                    _ => {}
                }
            }
            next = directories.pop();
        }
        Ok(())
    }

    fn check_file(&self, first: u32, size: u32, claims: &mut ClaimedClusters) -> FsResult<()> {
        if first == 0 {
            return if size == 0 { Ok(()) } else { Err(damaged("a file has a size and no clusters")) };
        }
        let clusters = self.claim(first, claims)?;
        if clusters * self.boot_sector.bytes_per_cluster < u64::from(size) {
            return Err(damaged("a file is larger than its clusters"));
        }
        Ok(())
    }

    /// Claims the clusters of one chain, which nothing else may have. Returns their number.
    fn claim(&self, first: u32, claims: &mut ClaimedClusters) -> FsResult<u64> {
        let most = usize_from(self.boot_sector.clusters);
        let chain = self.chain(first, most.min(claims.left))?;
        for cluster in &chain {
            claims.take(*cluster)?;
        }
        Ok(chain.len() as u64)
    }
}

/// The clusters that belong to something already, a bit for each.
struct ClaimedClusters {
    bits: Vec<u64>,
    left: usize,
}

impl ClaimedClusters {
    fn new(clusters: u32) -> Self {
        let clusters = usize_from(clusters);
        Self { bits: vec![0; (clusters + 2).div_ceil(64)], left: clusters }
    }

    #[expect(clippy::expect_used, reason = "a chain has only clusters that there are")]
    fn take(&mut self, cluster: u32) -> FsResult<()> {
        let index = usize_from(cluster / 64);
        let bit = 1_u64 << (cluster % 64);
        let word = self.bits.get_mut(index).expect("the clusters of a chain are those of the table");
        if *word & bit != 0 {
            return Err(damaged("two files share a cluster"));
        }
        *word |= bit;
        self.left -= 1;
        Ok(())
    }
}
