//! Sidecar files in JSON that are joined: all but the entries of their lists is the same in each.

use super::page_facts::Page;
use crate::types::Digest;
use serde_json::Value;
use std::path::Path;

/// A node in one of several shards: the number of the shard, and the node's place in the lists there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) shard: usize,
    pub(crate) index: usize,
}

/// A file in JSON that is joined: the lists in it with an entry an image, and what is at other places.
pub(super) struct Format {
    pub(super) lists: &'static [&'static str],
    /// JSON pointers, and what the values there are; the last one is that of the whole.
    pub(super) parts: &'static [(&'static str, &'static str)],
}

impl Format {
    /// Returns whether every list has an entry for each of so many images.
    pub(super) fn is_of(&self, value: &Value, images: usize) -> bool {
        let length = |list: &&str| Some(value.pointer(list)?.as_array()?.len());
        self.lists.iter().all(|list| length(list) == Some(images))
    }

    /// Returns a text without the entries of its lists.
    fn rest(&self, value: &Value) -> Value {
        let mut rest = value.clone();
        for list in self.lists {
            if let Some(list) = rest.pointer_mut(list) {
                *list = Value::Array(Vec::new());
            }
        }
        rest
    }

    /// Returns what two of these files do not have in common beside the entries of their lists.
    pub(super) fn difference(&self, one: &Value, other: &Value) -> Option<&'static str> {
        let (one, other) = (self.rest(one), self.rest(other));
        self.parts.iter().find(|(part, _)| one.pointer(part) != other.pointer(part)).map(|(_, what)| *what)
    }

    /// Returns the file with the entries of several, which have all else in common.
    pub(super) fn join(&self, values: &[&Value], places: &[Place]) -> Option<Value> {
        let mut joined = self.rest(values.first()?);
        for list in self.lists {
            let entry = |place: &Place| values.get(place.shard)?.pointer(list)?.get(place.index).cloned();
            *joined.pointer_mut(list)? = places.iter().map(entry).collect::<Option<Value>>()?;
        }
        Some(joined)
    }
}

/// The content of the sidecar files of a whole build.
pub(crate) struct JoinedRecord<'build> {
    /// The folder of the results.
    pub(crate) folder: &'build Path,
    /// The names that images of the cluster may have, in any format.
    pub(crate) image_names: &'build [String],
    /// The images: the folders of their shards, the names of the files, and the SHA-256.
    pub(crate) images: Vec<(&'build Path, &'build str, Digest)>,
    /// The facts for the page to print.
    pub(super) page: Page,
    /// build.json.
    pub(super) statement: Value,
    /// The manifest for Raspberry Pi Imager, where there is one.
    pub(super) manifest: Option<Value>,
    /// plans.json, where there is one.
    pub(super) plans: Option<Value>,
}
