//! One look at every directory and every chain of clusters, before `fatfs` follows them.
//!
//! `fatfs` computes with the numbers it finds: a chain in a circle would keep it busy for ever, a number
//! that no cluster has would make it fail in ways that are no errors.

use super::boot_sector::Root;
use super::directory::{Directory, Meaning, RawEntry};
use super::volume::Volume;
use crate::fs::FsError;
use crate::types::number::usize_from;
use std::collections::BTreeSet;

impl Volume {
    /// Checks all of it.
    pub(super) fn check(&self) -> Result<(), FsError> {
        let mut claims = Claims::new(self.shape.clusters);
        let mut directories = Vec::new();
        if let Root::Cluster(first) = self.shape.root {
            self.claim(first, &mut claims)?;
        }
        let mut next = Some(Directory::Root);
        while let Some(directory) = next {
            // What is mended behind `fatfs` is found by its short name.
            let mut short_names = BTreeSet::new();
            for entry in self.entries(directory)? {
                let meaning = entry.meaning();
                let is_named = matches!(meaning, Meaning::File | Meaning::Directory);
                if is_named && !short_names.insert(entry.short_name()) {
                    return Err(damaged("two entries of a directory have the same short name"));
                }
                match meaning {
                    Meaning::End => break,
                    Meaning::Nothing | Meaning::Dots => {}
                    Meaning::File => self.check_file(&entry, &mut claims)?,
                    Meaning::Directory => {
                        let first = entry.first_cluster(self.shape.width);
                        self.claim(first, &mut claims)?;
                        directories.push(Directory::Cluster(first));
                    }
                }
            }
            next = directories.pop();
        }
        Ok(())
    }

    fn check_file(&self, entry: &RawEntry, claims: &mut Claims) -> Result<(), FsError> {
        let first = entry.first_cluster(self.shape.width);
        let size = u64::from(entry.size());
        if first == 0 {
            return if size == 0 { Ok(()) } else { Err(damaged("a file has a size and no clusters")) };
        }
        let clusters = self.claim(first, claims)?;
        if clusters * self.shape.bytes_per_cluster < size {
            return Err(damaged("a file is larger than its clusters"));
        }
        Ok(())
    }

    /// Notes the clusters of one chain, none of which anything else may have. Returns how many they are.
    fn claim(&self, first: u32, claims: &mut Claims) -> Result<u64, FsError> {
        let most = usize_from(self.shape.clusters);
        let chain = self.chain(first, most.min(claims.left))?;
        for cluster in &chain {
            claims.take(*cluster)?;
        }
        Ok(chain.len() as u64)
    }
}

/// Which clusters belong to something already.
struct Claims {
    bits: Vec<u64>,
    left: usize,
}

impl Claims {
    fn new(clusters: u32) -> Self {
        let clusters = usize_from(clusters);
        Self { bits: vec![0; (clusters + 2).div_ceil(64)], left: clusters }
    }

    #[expect(clippy::expect_used, reason = "a chain has only clusters that there are")]
    fn take(&mut self, cluster: u32) -> Result<(), FsError> {
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

fn damaged(what: &str) -> FsError {
    FsError::Damaged(what.to_owned())
}
