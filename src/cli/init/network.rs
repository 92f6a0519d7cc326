//! The network of this machine, as its default route and its name servers tell: good defaults for nodes beside it.

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;

/// A network with its router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HostNetwork {
    pub(super) router: Ipv4Addr,
    pub(super) prefix: u8,
    pub(super) name_servers: Vec<Ipv4Addr>,
    /// The address of this machine.
    pub(super) own: Option<Ipv4Addr>,
}

/// Looks at this machine; `None` where it has no default route for IPv4, or none that is understood.
pub(super) fn detect() -> Option<HostNetwork> {
    let (router, prefix) = match std::env::consts::OS {
        "linux" => linux_route(&std::fs::read_to_string("/proc/net/route").ok()?),
        "macos" => {
            let (router, interface) = bsd_route(&printed("route", &["-n", "get", "default"])?)?;
            Some((router, bsd_prefix(&printed("ifconfig", &[&interface])?)?))
        }
        "windows" => windows_route(&printed("route", &["print", "-4"])?),
        _ => None,
    }?;
    Some(HostNetwork { router, prefix, name_servers: name_servers(), own: own_address(router) })
}

/// Returns what a program of the system prints.
fn printed(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output();
    if let Err(error) = &output {
        tracing::debug!("{program}: {error}");
    }
    Some(String::from_utf8_lossy(&output.ok()?.stdout).into_owned())
}

/// Returns the address that this machine has towards its router. Nothing is sent for it.
fn own_address(router: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((router, 9)).ok()?;
    match socket.local_addr().ok()?.ip() {
        std::net::IpAddr::V4(own) => Some(own),
        std::net::IpAddr::V6(_) => None,
    }
}

/// Returns the name servers of this machine. Windows tells them to no program that is always there.
fn name_servers() -> Vec<Ipv4Addr> {
    // systemd-resolved stands in for the real ones, which are in a file of its own (resolved.conf(5)).
    let files = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
    let texts = files.into_iter().filter_map(|file| std::fs::read_to_string(file).ok());
    texts.map(|text| resolv_conf(&text)).find(|servers| !servers.is_empty()).unwrap_or_else(Vec::new)
}

/// Reads resolv.conf(5).
fn resolv_conf(text: &str) -> Vec<Ipv4Addr> {
    let server = |line: &str| line.strip_prefix("nameserver")?.trim().parse().ok();
    let servers = text.lines().filter_map(server).filter(|server: &Ipv4Addr| !server.is_loopback());
    servers.take(3).collect()
}

/// Reads /proc/net/route (proc_pid_net(5)): addresses are numbers of the machine's own byte order.
fn linux_route(text: &str) -> Option<(Ipv4Addr, u8)> {
    let address = |field: &str| Some(Ipv4Addr::from(u32::from_str_radix(field, 16).ok()?.to_ne_bytes()));
    let rows: Vec<(&str, Ipv4Addr, Ipv4Addr, u32, Ipv4Addr)> = text
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let &[interface, destination, gateway, _, _, _, metric, mask, ..] = fields.as_slice() else {
                return None;
            };
            Some((interface, address(destination)?, address(gateway)?, metric.parse().ok()?, address(mask)?))
        })
        .collect();
    let is_default = |row: &&(_, Ipv4Addr, Ipv4Addr, _, Ipv4Addr)| {
        row.1.is_unspecified() && row.4.is_unspecified() && !row.2.is_unspecified()
    };
    let &(interface, _, router, ..) = rows.iter().filter(is_default).min_by_key(|row| row.3)?;
    let is_around = |row: &&(&str, Ipv4Addr, Ipv4Addr, u32, Ipv4Addr)| {
        row.0 == interface && row.2.is_unspecified() && !row.4.is_unspecified() && router & row.4 == row.1
    };
    Some((router, prefix_of(rows.iter().find(is_around)?.4)?))
}

/// Reads what `route -n get default` prints on macOS: the router, and the interface that leads there.
fn bsd_route(text: &str) -> Option<(Ipv4Addr, String)> {
    let field = |name: &str| text.lines().find_map(|line| line.trim().strip_prefix(name)).map(str::trim);
    Some((field("gateway:")?.parse().ok()?, field("interface:")?.to_owned()))
}

/// Reads the netmask in what `ifconfig` prints on macOS.
fn bsd_prefix(text: &str) -> Option<u8> {
    let mask = text.split_once("netmask 0x")?.1.split_whitespace().next()?;
    prefix_of(Ipv4Addr::from(u32::from_str_radix(mask, 16).ok()?))
}

/// Reads what `route print -4` prints on Windows: columns of addresses, whatever the language around them.
fn windows_route(text: &str) -> Option<(Ipv4Addr, u8)> {
    let rows: Vec<Vec<Option<Ipv4Addr>>> =
        text.lines().map(|line| line.split_whitespace().map(|field| field.parse().ok()).collect()).collect();
    let router = rows.iter().find_map(|row| match row.as_slice() {
        [Some(destination), Some(mask), Some(router), ..]
            if destination.is_unspecified() && mask.is_unspecified() =>
        {
            Some(*router)
        }
        _ => None,
    })?;
    // The others have words in the place of the router.
    let around = rows.iter().filter_map(|row| match row.as_slice() {
        [Some(destination), Some(mask), None, ..]
            if !mask.is_unspecified() && router & *mask == *destination =>
        {
            prefix_of(*mask)
        }
        _ => None,
    });
    Some((router, around.max()?))
}

fn prefix_of(mask: Ipv4Addr) -> Option<u8> {
    let bits = u32::from(mask);
    (bits.leading_ones() == bits.count_ones()).then_some(u8::try_from(bits.count_ones()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 168, 50, 1);

    #[test]
    #[cfg(target_endian = "little")]
    fn the_route_with_the_smallest_metric_is_linux_own() {
        let text = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                    wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
                    eth0\t00000000\t0132A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
                    docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
                    eth0\t0032A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
                    wlan0\t0001A8C0\t00000000\t0001\t0\t0\t600\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(linux_route(text), Some((ROUTER, 24)));
        let (head, _) = text.split_once('\n').unwrap();
        assert_eq!(linux_route(head), None);
        assert_eq!(linux_route("eth0 x\n\nwhat\n"), None);
    }

    #[test]
    fn macos_tells_router_and_interface_and_then_the_mask() {
        let text = "   route to: default\ndestination: default\n       mask: default\n    gateway: 192.168.50.1\n  interface: en0\n";
        assert_eq!(bsd_route(text), Some((ROUTER, "en0".to_owned())));
        let text = "en0: flags=8863<UP> mtu 1500\n\tinet 192.168.50.23 netmask 0xffffff00 broadcast 192.168.50.255\n";
        assert_eq!(bsd_prefix(text), Some(24));
        assert_eq!((bsd_route(""), bsd_prefix("")), (None, None));
    }

    #[test]
    fn windows_tells_it_in_columns() {
        let text = "IPv4-Routentabelle\r\n\
                    \x20         0.0.0.0          0.0.0.0     192.168.50.1    192.168.50.23     25\r\n\
                    \x20       127.0.0.0        255.0.0.0   Auf Verbindung         127.0.0.1    331\r\n\
                    \x20    192.168.50.0    255.255.255.0   Auf Verbindung     192.168.50.23    281\r\n\
                    \x20   192.168.50.23  255.255.255.255   Auf Verbindung     192.168.50.23    281\r\n\
                    \x20       224.0.0.0        240.0.0.0   Auf Verbindung         127.0.0.1    331\r\n";
        assert_eq!(windows_route(text), Some((ROUTER, 24)));
        assert_eq!(windows_route("nothing"), None);
    }

    #[test]
    fn name_servers_that_only_this_machine_reaches_are_left_out() {
        let text = "# made by hand\nsearch lan\nnameserver 127.0.0.53\nnameserver 192.168.50.1\nnameserver fd00::1\nnameserver 1.1.1.1\n";
        assert_eq!(resolv_conf(text), [ROUTER, Ipv4Addr::new(1, 1, 1, 1)]);
    }

    #[test]
    fn only_whole_masks_have_a_prefix() {
        assert_eq!(prefix_of(Ipv4Addr::new(255, 255, 240, 0)), Some(20));
        assert_eq!(prefix_of(Ipv4Addr::new(255, 0, 255, 0)), None);
    }
}
