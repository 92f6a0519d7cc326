//! Inspecting an image: its partitions, its filesystems, its release, and whether it is a card already.

use crate::formats::ImageFormat;
use crate::fs::{FsError, FsResult, ReadFilesystem, Summary, ext4, fat};
use crate::io::ReadAt;
use crate::partition::{PartitionEntry, PartitionTable};
use crate::pipeline::Error;
use crate::raspios::{self, CardRecord, Customisation, Release};
use crate::stock_image::StockImage;
use crate::stock_system::Disk;
use crate::types::{ByteCount, Warning};
use std::sync::Arc;

/// The findings about an image.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Inspection {
    /// Its compression, as the format of the file.
    #[serde(rename = "packing", serialize_with = "by_name")]
    pub compression: ImageFormat,
    /// The size of the disk, decompressed.
    pub size: ByteCount,
    /// The partition table.
    pub table: PartitionTable,
    /// The filesystem of each partition, in the order of the table.
    pub filesystems: Vec<Found>,
    /// The release, where it is one that cardwright knows.
    pub release: Option<Release>,
    /// The reason why no release was found.
    pub no_release: Option<String>,
    /// For which node cardwright made it, where it did.
    pub card: Option<CardRecord>,
    /// Traces of other tools on it.
    pub customisations: Vec<Customisation>,
    /// Findings about the file that may disappoint.
    pub warnings: Vec<Warning>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn by_name<S: serde::Serializer>(format: &ImageFormat, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(format.name())
}

/// The findings about one partition.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Found {
    /// The number of the partition.
    pub partition: u32,
    /// Its filesystem, where there is one that cardwright reads.
    pub filesystem: Option<Summary>,
    /// The reason why none was found.
    pub problem: Option<String>,
}

/// Looks at an image.
///
/// # Errors
/// When it cannot be read or has no partition table. What is inside the partitions is no error.
pub fn inspect(image: StockImage) -> Result<Inspection, Error> {
    let compression = image.format();
    let warnings = image.warnings().iter().map(Warning::of).collect();
    let table = image.partition_table()?;
    let image: Arc<dyn ReadAt> = Arc::new(image);
    let filesystems = table.partitions.iter().map(|entry| look(&image, entry)).collect();
    let mut inspection = Inspection {
        compression,
        size: image.size(),
        table,
        filesystems,
        release: None,
        no_release: None,
        card: None,
        customisations: Vec::new(),
        warnings,
    };
    match Disk::open(image) {
        Ok(disk) => {
            inspection.card = raspios::read_card_record(&disk.files)?;
            match raspios::detect(&disk.files) {
                Ok(release) => {
                    inspection.customisations = raspios::customisations(&disk.files, &release)?;
                    inspection.release = Some(release);
                }
                Err(error) => inspection.no_release = Some(error.to_string()),
            }
        }
        Err(error) => inspection.no_release = Some(error.to_string()),
    }
    Ok(inspection)
}

/// Looks at one partition: whatever its type says, it is what it holds.
fn look(image: &Arc<dyn ReadAt>, entry: &PartitionEntry) -> Found {
    let window = || -> FsResult<_> { Ok(Arc::new(entry.window(Arc::clone(image))?)) };
    let as_ext4 = || ext4::Ext4Reader::open(window()?)?.summary();
    let as_fat = || fat::FatReader::open(window()?)?.summary();
    let found = match as_ext4() {
        // What it is instead is said by the first.
        Err(no_ext4 @ FsError::NotThisFilesystem { .. }) => match as_fat() {
            Err(FsError::NotThisFilesystem { .. }) => Err(no_ext4),
            found => found,
        },
        found => found,
    };
    match found {
        Ok(summary) => Found { partition: entry.number, filesystem: Some(summary), problem: None },
        Err(error) => Found { partition: entry.number, filesystem: None, problem: Some(error.to_string()) },
    }
}
