//! The node's own name, and the names of all nodes.

use super::RaspiosError;
use super::text::{map_lines, with_block, with_last_line_ended};
use crate::cluster::{Hostname, Node};
use crate::patch::{Draft, Partition};
use crate::types::image_path;

/// The address that Debian gives a machine's own name in /etc/hosts, whether it has a network or not (Debian
/// reference, section 5.1.1).
const OWN_ADDRESS: &str = "127.0.1.1";

/// Gives the node its name: /etc/hostname, and the line of 127.0.1.1 in /etc/hosts.
///
/// # Errors
/// When the stock image cannot be read.
pub fn set_hostname(draft: &mut Draft<'_>, name: &Hostname) -> Result<(), RaspiosError> {
    let hostname = image_path!("/etc/hostname");
    draft.text(&hostname, format!("{name}\n"))?;
    edit_hosts(draft, |text| with_own_name(text, name.as_str()))
}

/// Writes every node of the cluster into /etc/hosts, so that they know each other without a name server.
///
/// The node itself is among them, after its own line of 127.0.1.1: looked up, its name gives that address
/// first, as on any Debian, and the address on the network as well. A node whose address nobody knows beforehand is
/// not among them.
///
/// # Errors
/// When the stock image cannot be read.
pub fn set_cluster_hosts(draft: &mut Draft<'_>, nodes: &[Node]) -> Result<(), RaspiosError> {
    let lines_of = |node: &Node| {
        let line = |address| format!("{address}\t{}", node.name);
        node.network.main.addresses().map(line).collect::<Vec<_>>()
    };
    let lines: Vec<_> = nodes.iter().flat_map(lines_of).collect();
    edit_hosts(draft, |text| with_block(text, &lines))
}

fn edit_hosts(draft: &mut Draft<'_>, change: impl FnOnce(&str) -> String) -> Result<(), RaspiosError> {
    let hosts = image_path!("/etc/hosts");
    if draft.exists(Partition::Root, &hosts)? {
        draft.edit_text(Partition::Root, &hosts, change)?;
    } else {
        let text = change("127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost ip6-loopback\n");
        draft.text(&hosts, text)?;
    }
    Ok(())
}

/// Puts the new name into the first line of 127.0.1.1 in place of what it has, keeping the space between and
/// a comment behind; or with such a line at the end.
fn with_own_name(text: &str, name: &str) -> String {
    let mut found = false;
    let changed = map_lines(text, |line| {
        let rest = line.strip_prefix(OWN_ADDRESS).filter(|rest| rest.starts_with([' ', '\t']));
        let Some(rest) = rest.filter(|_| !found) else { return Some(line.to_owned()) };
        found = true;
        let (names, comment) = match rest.split_once('#') {
            Some((names, comment)) => (names, format!(" #{comment}")),
            None => (rest, String::new()),
        };
        let space: String = names.chars().take_while(|letter| letter.is_whitespace()).collect();
        Some(format!("{OWN_ADDRESS}{space}{name}{comment}"))
    });
    if found { changed } else { format!("{}{OWN_ADDRESS}\t\t{name}\n", with_last_line_ended(text)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::MemoryStock;
    use crate::raspios::test_node::node;
    use crate::raspios::test_stock::{applied, patch, paths, put, text, trixie};

    fn set_both(draft: &mut Draft<'_>) {
        set_hostname(draft, &Hostname::new("north").unwrap()).unwrap();
        set_cluster_hosts(draft, &[node("north", 11), node("east", 12)]).unwrap();
    }

    #[test]
    fn a_node_knows_its_own_name_and_those_of_the_others() {
        let stock = trixie();
        let patch = patch(&stock, set_both);
        assert_eq!(text(&patch, "/etc/hostname"), "north\n");
        assert_eq!(
            text(&patch, "/etc/hosts"),
            "127.0.0.1\tlocalhost\n::1\t\tlocalhost ip6-localhost\n\n127.0.1.1\t\tnorth\n\
             # cardwright: begin\n192.168.50.11\tnorth\n192.168.50.12\teast\n# cardwright: end\n"
        );
    }

    #[test]
    fn a_second_time_changes_nothing() {
        let stock = trixie();
        let once = patch(&stock, set_both);
        assert_eq!(paths(&patch(&applied(stock, &once), set_both)), <[&str; 0]>::default());
    }

    #[test]
    fn an_ipv6_address_has_its_own_line() {
        let stock = trixie();
        let mut north = node("north", 11);
        north.network.main.ipv6 = Some(crate::raspios::test_node::ipv6());
        let patch = patch(&stock, |draft| set_cluster_hosts(draft, &[north]).unwrap());
        assert!(text(&patch, "/etc/hosts").contains("192.168.50.11\tnorth\nfd00::11\tnorth\n"));
    }

    #[test]
    fn the_line_keeps_its_shape_and_only_one_is_changed() {
        assert_eq!(
            with_own_name("127.0.1.1 old old.lan # mine\r\n127.0.1.10 other\r\n127.0.1.1\tsecond\r\n", "new"),
            "127.0.1.1 new # mine\r\n127.0.1.10 other\r\n127.0.1.1\tsecond\r\n"
        );
    }

    #[test]
    fn a_missing_line_or_file_is_added() {
        assert_eq!(with_own_name("::1 localhost", "new"), "::1 localhost\n127.0.1.1\t\tnew\n");
        let stock = put(MemoryStock::new(), "/etc/other", "");
        let patch = patch(&stock, |draft| set_hostname(draft, &Hostname::new("north").unwrap()).unwrap());
        assert!(text(&patch, "/etc/hosts").starts_with("127.0.0.1\tlocalhost\n"));
        assert!(text(&patch, "/etc/hosts").ends_with("127.0.1.1\t\tnorth\n"));
    }
}
