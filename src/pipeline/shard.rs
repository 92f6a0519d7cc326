//! One of several parts of the nodes of a cluster, for a build that many machines share.

use crate::cluster::{Cluster, Node};
use crate::types::number::usize_from;
use std::fmt;
use std::num::NonZero;
use std::str::FromStr;

/// One of several parts of the nodes of a cluster, `3/8`. The parts are neighbours in the order of nodes.yaml, and their
/// sizes differ by one at most: every node is in exactly one, and some have none where there are fewer nodes than parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// From 1 to `count`.
    number: u32,
    count: NonZero<u32>,
}

impl Shard {
    /// Returns the nodes of a cluster that are in this part.
    pub fn nodes(self, cluster: &Cluster) -> &[Node] {
        let nodes = &*cluster.nodes;
        // No product of a length and an u32 reaches beyond this.
        let end =
            |number: u32| usize_from(nodes.len() as u64 * u64::from(number) / u64::from(self.count.get()));
        let (before, _) = nodes.split_at(end(self.number));
        before.split_at(end(self.number - 1)).1
    }
}

impl FromStr for Shard {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(number, count)| {
            Some(Self { number: number.parse().ok()?, count: count.parse().ok()? })
        });
        let shard = parts.ok_or("it has to be two numbers, as in 3/8: the third of eight parts")?;
        match shard.number {
            0 => Err("the first part has the number 1"),
            number if number > shard.count.get() => Err("there are fewer parts than that"),
            _ => Ok(shard),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.number, self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_node_is_in_exactly_one_part() {
        for nodes in [1, 2, 3, 8, 13, 40] {
            let lines =
                (0..nodes).map(|number| format!("  - {{name: n{number}, address: 10.0.0.{}}}\n", number + 2));
            let lines: String = lines.collect();
            let text = format!(
                "cluster: c\nimage: demo\nnetwork: {{prefix: 24, gateway: 10.0.0.1}}\nnodes:\n{lines}"
            );
            let cluster = Cluster::parse(&text, Path::new("nodes.yaml")).unwrap();
            for count in [1, 2, 3, 7, 8, 100] {
                let shards = (1..=count).map(|number| format!("{number}/{count}").parse::<Shard>().unwrap());
                let parts: Vec<&[Node]> = shards.map(|shard| shard.nodes(&cluster)).collect();
                assert!(parts.concat() == cluster.nodes, "{nodes} in {count}");
                let sizes = || parts.iter().map(|part| part.len());
                assert!(sizes().max().unwrap() - sizes().min().unwrap() <= 1, "{nodes} in {count}");
            }
        }
    }

    #[test]
    fn a_part_is_named_by_two_numbers() {
        for text in ["1/1", "3/8", "8/8", "4294967295/4294967295"] {
            assert_eq!(text.parse::<Shard>().unwrap().to_string(), text);
        }
        for text in ["", "3", "/", "0/8", "9/8", "1/0", "0/0", "-1/8", "a/b", "1/2/3", "1/4294967296"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
