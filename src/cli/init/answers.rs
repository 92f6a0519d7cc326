//! The answers that a nodes.yaml is made of, and how each is read.

use cardwright::cluster::{ClusterName, Country, Hostname, ImageName, K3sVersion, Ssid};
use std::net::Ipv4Addr;

/// The release of k3s that is offered.
pub(super) const K3S: &str = "v1.36.4+k3s1";

/// The most nodes that a count makes names for.
const MOST: usize = 250;

/// The names of the first nodes where a count is given.
const NAMES: [&str; 4] = ["north", "east", "south", "west"];

/// All that is asked.
pub(super) struct Answers {
    pub(super) name: String,
    pub(super) nodes: Vec<String>,
    pub(super) wifi: Option<WifiAnswer>,
    pub(super) router: Router,
    pub(super) name_servers: Vec<Ipv4Addr>,
    pub(super) first: Ipv4Addr,
    pub(super) key: KeyAnswer,
    /// The node with the k3s server, and the release; `None` without k3s.
    pub(super) k3s: Option<(String, String)>,
    pub(super) board: Board,
    pub(super) image: String,
}

/// A Wi-Fi network.
pub(super) struct WifiAnswer {
    pub(super) ssid: String,
    pub(super) country: String,
    /// `None` where the file with it is there already.
    pub(super) password: Option<zeroize::Zeroizing<String>>,
}

/// A router with the prefix of its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Router {
    pub(super) address: Ipv4Addr,
    pub(super) prefix: u8,
}

/// The key that lets its owner in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KeyAnswer {
    /// The file with it, or the key itself.
    Own(String),
    /// One that is derived from the cluster's secret.
    Clusters,
}

/// A kind of board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Board {
    Pi5,
    Pi4,
    Pi3,
    Zero2,
}

impl Board {
    pub(super) const ALL: [Self; 4] = [Self::Pi5, Self::Pi4, Self::Pi3, Self::Zero2];

    /// Returns its name as a flag has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Pi5 => "pi5",
            Self::Pi4 => "pi4",
            Self::Pi3 => "pi3",
            Self::Zero2 => "zero2",
        }
    }

    /// Returns its name as people say it.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Pi5 => "Raspberry Pi 5",
            Self::Pi4 => "Raspberry Pi 4",
            Self::Pi3 => "Raspberry Pi 3 (1 GiB of memory)",
            Self::Zero2 => "Raspberry Pi Zero 2 W (512 MiB of memory)",
        }
    }

    /// Returns its memory, where all boards of the kind have the same.
    pub(super) const fn memory(self) -> Option<&'static str> {
        match self {
            Self::Pi5 | Self::Pi4 => None,
            Self::Pi3 => Some("1GiB"),
            Self::Zero2 => Some("512MiB"),
        }
    }

    /// Returns the image that fits it: with little memory, that of 32 bits takes less of it.
    pub(super) const fn image(self) -> &'static str {
        match self {
            Self::Zero2 => "raspios-lite-armhf",
            _ => "raspios-lite-arm64",
        }
    }
}

/// Reads a name of a cluster.
pub(super) fn name(text: &str) -> Result<String, String> {
    ClusterName::new(text).map(|name| name.to_string()).map_err(|reason| format!("it {reason}"))
}

/// Reads names of nodes, apart by commas or spaces, or their number.
pub(super) fn nodes(text: &str) -> Result<Vec<String>, String> {
    if let Ok(count) = text.trim().parse::<usize>() {
        return match count {
            1..=4 => Ok(NAMES.iter().take(count).map(|name| (*name).to_owned()).collect()),
            5..=MOST => Ok((1..=count).map(|number| format!("node{number}")).collect()),
            _ => Err(format!("a number of nodes is between 1 and {MOST}")),
        };
    }
    let mut names: Vec<String> = Vec::new();
    for name in text.split([',', ' ']).filter(|name| !name.is_empty()) {
        let name = Hostname::new(name).map_err(|reason| format!("`{name}` {reason}"))?.to_string();
        if names.contains(&name) {
            return Err(format!("`{name}` is there twice"));
        }
        names.push(name);
    }
    if names.is_empty() { Err("name one node at least".to_owned()) } else { Ok(names) }
}

/// Reads the name of a Wi-Fi network.
pub(super) fn ssid(text: &str) -> Result<String, String> {
    Ssid::new(text.as_bytes()).map(|_| text.to_owned()).map_err(|reason| format!("it {reason}"))
}

/// Reads a country.
pub(super) fn country(text: &str) -> Result<String, String> {
    let text = text.to_ascii_uppercase();
    Country::parse(&text).map(|_| text).ok_or_else(|| "it is two letters, like DE or GB".to_owned())
}

/// Reads an address with the prefix of its network.
pub(super) fn router(text: &str) -> Result<Router, String> {
    let read = || {
        let (address, prefix) = text.trim().split_once('/')?;
        let prefix = prefix.parse().ok().filter(|prefix| (8..=30).contains(prefix))?;
        Some(Router { address: address.parse().ok()?, prefix })
    };
    let router = read().ok_or_else(|| "write it like 192.168.50.1/24".to_owned())?;
    // What comes behind is for groups.
    let is_host = router.address < Ipv4Addr::new(224, 0, 0, 0);
    if is_host && router.hosts().contains(&u32::from(router.address)) {
        Ok(router)
    } else {
        Err("it is no address of a router in such a network".to_owned())
    }
}

/// Reads addresses, apart by commas or spaces.
pub(super) fn name_servers(text: &str) -> Result<Vec<Ipv4Addr>, String> {
    let servers = text.split([',', ' ']).filter(|server| !server.is_empty());
    servers.map(|server| server.parse().map_err(|_| format!("`{server}` is no IPv4 address"))).collect()
}

/// Reads a release of k3s, or `none`.
pub(super) fn k3s_version(text: &str) -> Result<Option<String>, String> {
    match text {
        "none" | "no" => Ok(None),
        text => K3sVersion::new(text)
            .map(|version| Some(version.to_string()))
            .map_err(|reason| format!("it {reason}")),
    }
}

/// Reads a kind of board.
pub(super) fn board(text: &str) -> Result<Board, String> {
    let names = Board::ALL.map(Board::name).join(", ");
    Board::ALL.into_iter().find(|board| board.name() == text).ok_or_else(|| format!("it is one of {names}"))
}

/// Reads the name of an image, a path or `demo`.
pub(super) fn image(text: &str) -> Result<String, String> {
    let is_path = text.contains(['.', '/', '\\']);
    if is_path || text == "demo" || ImageName::parse(text).is_some() {
        return Ok(text.to_owned());
    }
    Err(format!("it is one of {}, or a path", ImageName::ALL.join(", ")))
}

impl Router {
    /// Returns the first and the last address of a host in the network.
    fn hosts(self) -> std::ops::RangeInclusive<u32> {
        let size = 1_u32 << (32 - self.prefix);
        let network = u32::from(self.address) & !(size - 1);
        network + 1..=network + (size - 2)
    }

    /// Reads the first of `count` addresses in a row, none of which may be one of `taken`.
    pub(super) fn first(self, text: &str, count: usize, taken: &[Ipv4Addr]) -> Result<Ipv4Addr, String> {
        let first: Ipv4Addr = text.trim().parse().map_err(|_| "it is no IPv4 address".to_owned())?;
        let count = u32::try_from(count).map_err(|_| "there are too many nodes".to_owned())?;
        let (start, end) = (u64::from(u32::from(first)), u64::from(u32::from(first)) + u64::from(count));
        let hosts = self.hosts();
        if start < u64::from(*hosts.start()) || end - 1 > u64::from(*hosts.end()) {
            return Err(format!(
                "addresses of the network are {} to {}, and {count} are needed",
                Ipv4Addr::from(*hosts.start()),
                Ipv4Addr::from(*hosts.end())
            ));
        }
        match taken.iter().find(|taken| (start..end).contains(&u64::from(u32::from(**taken)))) {
            Some(taken) => Err(format!("{taken} is among them, which somebody has already")),
            None => Ok(first),
        }
    }

    /// Suggests the first of `count` addresses: from .11 where they end below .20, at which many routers begin to hand
    /// out addresses, or else from .201, where many end.
    pub(super) fn suggest(self, count: usize, taken: &[Ipv4Addr]) -> Option<Ipv4Addr> {
        const FEW: usize = 9;
        let network = *self.hosts().start() - 1;
        let begin = if count <= FEW { [11, 201, 31] } else { [201, 11, 31] };
        let rest = self.hosts().map(|host| host - network).take(1 << 12);
        let mut candidates =
            begin.into_iter().chain(rest).map(|number| Ipv4Addr::from(network + number).to_string());
        candidates.find_map(|candidate| self.first(&candidate, count, taken).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_names_or_a_number() {
        assert_eq!(nodes("north, east").unwrap(), ["north", "east"]);
        assert_eq!(nodes("2").unwrap(), ["north", "east"]);
        assert_eq!(nodes("5").unwrap(), ["node1", "node2", "node3", "node4", "node5"]);
        for wrong in ["", " ,", "0", "251", "North", "a a", "a,b,a"] {
            assert!(nodes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_are_in_the_network_and_nobody_elses() {
        let home = router("192.168.50.1/24").unwrap();
        let address = |last| Ipv4Addr::new(192, 168, 50, last);
        assert_eq!(home.suggest(4, &[home.address]), Some(address(11)));
        assert_eq!(home.suggest(4, &[home.address, address(13)]), Some(address(201)));
        assert_eq!(home.suggest(20, &[home.address]), Some(address(201)));
        assert_eq!(home.suggest(254, &[home.address]), None);
        let small = router("10.0.0.1/29").unwrap();
        assert_eq!(small.suggest(4, &[small.address]), Some(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(small.suggest(6, &[small.address]), None);
        for (text, said) in [
            ("192.168.51.11", "addresses of the network"),
            ("192.168.50.252", "addresses of the network"),
            ("192.168.50.0", "addresses of the network"),
            ("192.168.50.1", "somebody has"),
            ("x", "no IPv4 address"),
        ] {
            let error = home.first(text, 4, &[home.address]).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
        for wrong in ["192.168.50.1", "192.168.50.0/24", "192.168.50.255/24", "192.168.50.1/31", "x/24"] {
            assert!(router(wrong).is_err(), "{wrong}");
        }
    }
}
