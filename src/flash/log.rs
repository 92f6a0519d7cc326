//! The log of cards, `cards.json` beside nodes.yaml: which nodes have one, so that nobody writes two of the same node.

use super::{FlashError, Flashed};
use crate::device::Device;
use crate::io::AtomicFile;
use crate::types::{Digest, UnixTime};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

/// The cards of a cluster that were written, the oldest first.
#[derive(Debug)]
pub struct CardLog {
    path: PathBuf,
    cards: Vec<FlashedCard>,
}

/// A card that was written and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashedCard {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the node.
    pub node: String,
    /// The device that it was written to.
    pub device: PathBuf,
    /// The maker and the model of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Its serial number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// Its size, in bytes.
    pub size: u64,
    /// The time at which it was whole, in seconds since 1970.
    pub time: i64,
    /// The date of that.
    pub date: String,
    /// The number of bytes that were written.
    pub written: u64,
    /// The SHA-256 of the bytes that were written.
    pub sha256: String,
    /// The SHA-256 that tells the stock image and the plan from others. Absent where an image was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// The fingerprint of the cluster's secret. Absent where an image was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
}

impl FlashedCard {
    /// Makes the entry of a card that is whole.
    pub fn new(
        cluster: &str,
        node: &str,
        device: &Device,
        flashed: &Flashed,
        origin: Option<Digest>,
        time: UnixTime,
    ) -> Self {
        Self {
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            device: device.path.clone(),
            model: device.model.clone(),
            serial: device.serial.clone(),
            size: device.size.get(),
            time: time.seconds(),
            date: time.date(),
            written: flashed.written.get(),
            sha256: flashed.sha256.to_string(),
            origin: origin.map(|origin| origin.to_string()),
            secret: None,
        }
    }
}

/// The content of the file.
#[derive(Debug, Serialize, Deserialize)]
struct LogContent {
    cards: Vec<FlashedCard>,
}

impl CardLog {
    /// Returns the path of the log of the cluster of a nodes.yaml.
    pub fn path_beside(nodes_yaml: &Path) -> PathBuf {
        nodes_yaml.with_file_name("cards.json")
    }

    /// Reads a log; one that is not there yet has no cards.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub fn read(path: PathBuf) -> Result<Self, FlashError> {
        let read = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LogContent { cards: Vec::new() }),
            Err(error) => Err(error),
        };
        match read {
            Ok(LogContent { cards }) => Ok(Self { path, cards }),
            Err(source) => Err(FlashError::ReadLog { path, source }),
        }
    }

    /// Returns the newest card of a node, where there is one.
    pub fn card_of(&self, cluster: &str, node: &str) -> Option<&FlashedCard> {
        self.cards.iter().rev().find(|card| card.cluster == cluster && card.node == node)
    }

    /// Returns `true` if the card of a node, as it is known here, is in a device; by its serial number, where it has one.
    pub fn is_card_of(&self, device: &Device, cluster: &str, node: &str) -> bool {
        self.card_of(cluster, node).is_some_and(|card| card.serial == device.serial)
    }

    /// Returns the cards of a cluster, the oldest first.
    pub fn cards_of(&self, cluster: &str) -> impl Iterator<Item = &FlashedCard> {
        self.cards.iter().filter(move |card| card.cluster == cluster)
    }

    /// Removes the cards of a node that is about to be written anew: it may be one of them that is written over.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn withdraw(&mut self, cluster: &str, node: &str) -> Result<(), FlashError> {
        self.change(|cards| cards.retain(|card| card.cluster != cluster || card.node != node))
    }

    /// Removes the cards of a cluster, except those that were made with the secret of this fingerprint; all where there is
    /// none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn withdraw_others(&mut self, cluster: &str, secret: Option<&str>) -> Result<(), FlashError> {
        let is_of_others = |card: &FlashedCard| {
            card.cluster == cluster && (secret.is_none() || card.secret.as_deref() != secret)
        };
        self.change(|cards| cards.retain(|card| !is_of_others(card)))
    }

    /// Adds a card.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn add(&mut self, card: FlashedCard) -> Result<(), FlashError> {
        self.change(|cards| cards.push(card))
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<FlashedCard>)) -> Result<(), FlashError> {
        // Another run may have added one meanwhile.
        self.cards = Self::read(self.path.clone())?.cards;
        let before = self.cards.len();
        change(&mut self.cards);
        if self.cards.len() == before {
            return Ok(());
        }
        let content = LogContent { cards: self.cards.clone() };
        let text = serde_json::to_string_pretty(&content)
            .map_err(|error| FlashError::ReadLog { path: self.path.clone(), source: error.into() })?;
        AtomicFile::write_whole(&self.path, format!("{text}\n").as_bytes(), false)
            .map_err(|source| FlashError::WriteLog { source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(node: &str, time: i64) -> FlashedCard {
        FlashedCard {
            cluster: "compass".to_owned(),
            node: node.to_owned(),
            device: "/dev/sdb".into(),
            model: None,
            serial: Some("12".to_owned()),
            size: 1000,
            time,
            date: UnixTime::new(time).date(),
            written: 10,
            sha256: Digest::of(b"").to_string(),
            origin: None,
            secret: None,
        }
    }

    #[test]
    fn the_newest_card_of_a_node_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = CardLog::path_beside(&folder.path().join("nodes.yaml"));
        let mut log = CardLog::read(path.clone()).unwrap();
        assert!(log.card_of("compass", "north").is_none());
        for (node, time) in [("north", 1), ("south", 2), ("north", 3)] {
            log.add(card(node, time)).unwrap();
        }
        let mut log = CardLog::read(path.clone()).unwrap();
        assert_eq!(log.card_of("compass", "north"), Some(&card("north", 3)));
        assert!(log.card_of("compass", "east").is_none() && log.card_of("other", "north").is_none());
        log.withdraw("compass", "north").unwrap();
        log = CardLog::read(path.clone()).unwrap();
        assert!(log.card_of("compass", "north").is_none() && log.card_of("compass", "south").is_some());
        assert!(log.cards_of("compass").count() == 1 && log.cards_of("other").next().is_none());
        log.add(FlashedCard { secret: Some("5a".to_owned()), ..card("west", 4) }).unwrap();
        log.withdraw_others("other", None).unwrap();
        assert_eq!(log.cards_of("compass").count(), 2);
        log.withdraw_others("compass", Some("5a")).unwrap();
        let left = CardLog::read(path.clone()).unwrap();
        assert!(left.cards_of("compass").map(|card| &*card.node).eq(["west"]));
        std::fs::write(&path, "{").unwrap();
        assert!(matches!(CardLog::read(path), Err(FlashError::ReadLog { .. })));
    }
}
