//! Ranges: one item of `nodes:` that stands for several nodes, whose names and addresses follow each other.

use crate::cluster::FieldSpan;
use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys::Row;
use crate::cluster::document::syntax::{YamlEntry, YamlKind, YamlValue};
use crate::cluster::document::value::FieldValue;
use serde_json::json;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The most nodes that an item stands for: more than any cluster of k3s has.
const MOST: u32 = 10_000;

/// It is read before the nodes are, for it makes several of one.
pub(crate) const COUNT: Row = Row {
    key: "count",
    help: "How many nodes this is, where it is more than one. Their names and addresses, those of `interfaces`, `vlans` \
           and `wifi` included, follow those of the first, which are written here: the number in braces in the name is counted up, or else the one at its end. Such a \
           name is put in quotes where the node is in braces, too: \
           `{count: 40, name: \"rack1-{01}\", address: 10.0.1.10}`.",
    example: "1",
    others: "replicas instances quantity",
    schema: || json!({"type": "integer", "minimum": 1, "maximum": MOST}),
    ..Row::EMPTY
};

/// Returns the nodes that an item stands for, each as if it had been written out at the same place; `None` where it is
/// one node.
pub(crate) fn unfold(item: &FieldValue<'_>) -> Option<Vec<YamlValue>> {
    let YamlKind::Mapping(entries) = item.kind() else { return None };
    let count = item.entries()?.into_iter().find(|(key, _)| key.value == "count")?.1.parse_token(count);
    // The first mistake at a place that all of them have in common is enough.
    let diagnostics = item.diagnostics();
    let span = |position, path| FieldSpan { position, path, ..item.span() };
    diagnostics.share(&item.span());
    let mut nodes = Vec::new();
    for number in 0..count.unwrap_or(1) {
        let mut node = entries.clone();
        let mut failed = None;
        let keys = ["name", "address", "ipv6"];
        each_that_counts(&mut node, &keys, &item.span().path, &mut |key, path, value| {
            let YamlKind::Scalar(scalar) = &mut value.kind else { return };
            diagnostics.share(&span(value.position, String::new()));
            match counted(key, &scalar.text, number) {
                Ok(text) => scalar.text = text,
                Err(finding) if failed.is_none() => failed = Some((value.position, path, finding)),
                Err(_) => {}
            }
        });
        if let Some((position, path, finding)) = failed {
            diagnostics.report(&span(position, path), finding);
            return Some(nodes);
        }
        nodes.push(YamlValue { position: item.span().position, kind: YamlKind::Mapping(node) });
    }
    Some(nodes)
}

/// The keys of another connection that count up.
const BESIDE: &[&str] = &["address", "ipv6"];

/// Calls `change` with the name of a node and with each of its addresses, and their keys and paths.
fn each_that_counts(
    entries: &mut [YamlEntry],
    keys: &[&str],
    path: &str,
    change: &mut impl FnMut(&str, String, &mut YamlValue),
) {
    for entry in entries {
        let path = format!("{path}.{}", entry.key);
        match (&*entry.key, &mut entry.value.kind) {
            (key, YamlKind::Scalar(_)) if keys.contains(&key) => change(&entry.key, path, &mut entry.value),
            ("network" | "wifi" | "interfaces" | "vlans", YamlKind::Mapping(inner)) => {
                each_that_counts(inner, BESIDE, &path, change);
            }
            ("interfaces" | "vlans", YamlKind::List(items)) => {
                for (index, item) in items.iter_mut().enumerate() {
                    if let YamlKind::Mapping(inner) = &mut item.kind {
                        each_that_counts(inner, BESIDE, &format!("{path}[{index}]"), change);
                    }
                }
            }
            _ => {}
        }
    }
}

/// Returns the value of a key in the node of this number, from that of the first.
fn counted(key: &str, first: &str, number: u32) -> Result<String, Finding> {
    match key {
        "name" => numbered(first, number),
        "address" => stepped(first, number, |address: Ipv4Addr| {
            Some(Ipv4Addr::from_bits(address.to_bits().checked_add(number)?))
        }),
        _ => stepped(first, number, |address: Ipv6Addr| {
            Some(Ipv6Addr::from_bits(address.to_bits().checked_add(number.into())?))
        }),
    }
}

fn count(text: &str) -> Result<u32, Finding> {
    let count = text.parse().ok().filter(|count| (1..=MOST).contains(count));
    count.ok_or_else(|| {
        let message = format!("{} is no number of nodes", shown(text));
        Finding::new(message, format!("Write a number from 1 to {MOST}"))
    })
}

/// Returns the name of a node of a range, from that of the first: `rack1-{01}` or `rack1-01`. The number keeps its
/// digits as long as it fits into them.
fn numbered(first: &str, by: u32) -> Result<String, Finding> {
    let in_braces = || {
        let (before, rest) = first.split_once('{')?;
        let (digits, after) = rest.split_once('}')?;
        Some((before, digits, after))
    };
    let at_the_end = || {
        let before = first.trim_end_matches(|character: char| character.is_ascii_digit());
        // A brace that is not closed is a mistake, not a part of the name.
        (!first.contains(['{', '}'])).then_some((before, first.strip_prefix(before)?, ""))
    };
    if first.matches('{').count() > 1 {
        let message = format!("{} has two numbers in braces, and one is counted up", shown(first));
        return Err(Finding::new(message, "Leave the braces around the one that differs from node to node"));
    }
    let (before, digits, after) = in_braces().or_else(at_the_end).unwrap_or((first, "", ""));
    match digits.parse::<u32>().ok().and_then(|number| number.checked_add(by)) {
        Some(number) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(format!("{before}{number:0width$}{after}", width = digits.len()))
        }
        // One node needs no number.
        _ if by == 0 && !first.contains(['{', '}']) => Ok(first.to_owned()),
        _ => {
            let message =
                format!("the nodes cannot all be called {}: there is no number in it", shown(first));
            let name = first.split(['{', '}']).next().unwrap_or(first).trim_end_matches('-');
            Err(Finding::new(
                message,
                format!("Write the number of the first in braces: `\"{name}-{{01}}\"`"),
            ))
        }
    }
}

/// Returns an address of a node of a range, from that of the first, which may have a prefix behind it. What is no
/// address stays as it is, and is reported by its reader.
fn stepped<A: std::str::FromStr + std::fmt::Display>(
    first: &str,
    number: u32,
    step: impl FnOnce(A) -> Option<A>,
) -> Result<String, Finding> {
    let (address, prefix) = first.split_at(first.find('/').unwrap_or(first.len()));
    match address.parse().map(step) {
        Ok(Some(address)) => Ok(format!("{address}{prefix}")),
        Ok(None) => {
            let message =
                format!("there are no {} addresses from {} on", u64::from(number) + 1, shown(address));
            Err(Finding::new(message, "Begin lower, or with fewer nodes"))
        }
        Err(_) => Ok(first.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_counted_up_where_they_stand() {
        for (first, by, expected) in [
            ("rack1-{01}", 0, "rack1-01"),
            ("rack1-{01}", 39, "rack1-40"),
            ("rack1-{08}-a", 2, "rack1-10-a"),
            ("rack1-{1}", 9, "rack1-10"),
            ("{098}", 2, "100"),
            ("rack1-09", 1, "rack1-10"),
            ("node9", 1, "node10"),
            ("north", 0, "north"),
        ] {
            assert_eq!(numbered(first, by), Ok(expected.to_owned()), "{first}");
        }
        for (first, by) in [
            ("north", 1),
            ("n{}", 0),
            ("n{a}", 1),
            ("n{+1}", 1),
            ("n{4294967295}", 1),
            ("n{1", 0),
            ("n{1}-{2}", 0),
        ] {
            assert!(numbered(first, by).is_err(), "{first}");
        }
    }
}
