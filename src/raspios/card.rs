//! The record that cardwright leaves on a card: /etc/cardwright/card.json.

use super::RaspiosError;
use crate::patch::{Draft, Partition, Stock};
use crate::types::image_path;
use serde::{Deserialize, Serialize};

const PATH: &str = "/etc/cardwright/card.json";

/// The text in every record: enough to find one in a file of which the filesystem is not read.
pub(crate) const IN_EVERY_RECORD: &[u8] = b"\"program\": \"cardwright ";

/// The node that an image is for, and the program that made it. Everybody on the node may read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRecord {
    /// The name of the cluster.
    pub cluster: String,
    /// The name of the node.
    pub node: String,
    /// The program that made it, with its version: `cardwright 0.1.0`.
    pub program: String,
    /// It is a server's that joins a cluster which went on without it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rejoins: bool,
    /// The server through which it joins, where that is not the one that it would join by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub through: Option<String>,
}

impl CardRecord {
    /// Makes the record of an image that this program makes.
    pub fn new(cluster: &str, node: &str) -> Self {
        Self {
            cluster: cluster.to_owned(),
            node: node.to_owned(),
            program: format!("cardwright {}", env!("CARGO_PKG_VERSION")),
            rejoins: false,
            through: None,
        }
    }
}

/// Reads the record of an image, or `None` when cardwright has not customised it.
///
/// # Errors
/// When the image cannot be read, or there is a record that cannot be understood.
pub fn read_card_record(stock: &dyn Stock) -> Result<Option<CardRecord>, RaspiosError> {
    let found = stock.read(Partition::Root, &image_path!(PATH))?;
    let card = found.map(|bytes| serde_json::from_slice(&bytes)).transpose();
    card.map_err(|source| RaspiosError::CardRecord { source })
}

/// Leaves the record on a card.
///
/// # Errors
/// When the stock image cannot be read.
pub fn write_card_record(draft: &mut Draft<'_>, card: &CardRecord) -> Result<(), RaspiosError> {
    let json = serde_json::to_string_pretty(card).map_err(|source| RaspiosError::CardRecord { source })?;
    Ok(draft.text(&image_path!(PATH), format!("{json}\n"))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raspios::test_stock::{applied, attributes, patch, put, trixie};

    #[test]
    fn a_card_is_recognised_by_its_record() {
        let stock = trixie();
        assert_eq!(read_card_record(&stock).unwrap(), None);
        let card = CardRecord::new("compass", "north");
        let patch = patch(&stock, |draft| write_card_record(draft, &card).unwrap());
        assert_eq!(attributes(&patch, PATH).0, 0o644);
        let json = serde_json::to_vec_pretty(&card).unwrap();
        assert!(json.windows(IN_EVERY_RECORD.len()).any(|window| window == IN_EVERY_RECORD));
        assert_eq!(read_card_record(&applied(stock, &patch)).unwrap(), Some(card));
    }

    #[test]
    fn a_record_from_elsewhere_is_an_error_and_not_a_stock_image() {
        let error = read_card_record(&put(trixie(), PATH, "{}")).unwrap_err();
        assert!(error.to_string().contains("missing field `cluster`"), "{error}");
    }
}
