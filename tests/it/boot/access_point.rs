//! An access point inside a machine. QEMU has no radio, but the machine's kernel simulates two of them
//! (`mac80211_hwsim`): the node keeps the first; the second goes, together with one of the machine's wires, into a
//! network namespace where hostapd bridges the two. So what this side of that wire hears from the node went over
//! the air.

use crate::boot::cluster::Suite;
use crate::boot::command::run;
use std::path::Path;
use std::process::Command;

/// The name of every network here: 32 bytes, the most there can be, and not all of them are ASCII.
pub(crate) const SSID: &str = "#Küche; \"north\" \\ =50 % Größe";

/// What the access point asks for, where it asks.
pub(crate) const PASSPHRASE: &str = "in the kitchen; \"quoted\" \\ = 50%";

/// Moves what is not the node's out of its sight: the second radio, and the wire WIRE.
const MOVE: &str = "\
#!/bin/sh
set -e
ip netns add air
rfkill unblock $(cat /sys/class/ieee80211/phy1/rfkill*/index)
iw phy phy1 set netns name air
ip link set WIRE netns air
ip -n air link add bridge type bridge forward_delay 0
ip -n air link set WIRE master bridge up
ip -n air link set bridge up
";

const UNIT: &str = "\
[Unit]
Description=An access point in a network namespace of its own
Wants=network-pre.target
After=systemd-modules-load.service
Before=network-pre.target NetworkManager.service dhcpcd.service wpa_supplicant.service
[Service]
ExecStartPre=/bin/sh /etc/access-point/move
ExecStart=/usr/bin/env ip netns exec air /usr/local/sbin/hostapd /etc/access-point/hostapd.conf
";

/// What the access point wants of whoever comes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Open,
    Wpa2,
    /// WPA2, and a network that is not announced.
    Wpa2Hidden,
    Wpa3,
}

impl Security {
    /// The management of keys as wpa_supplicant names it.
    pub(crate) fn key_management(self) -> &'static str {
        match self {
            Self::Open => "NONE",
            Self::Wpa2 | Self::Wpa2Hidden => "WPA2-PSK",
            Self::Wpa3 => "SAE",
        }
    }

    fn hostapd_conf(self) -> String {
        // No country: the regulatory domain has to come from the node.
        let ssid: String = SSID.bytes().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat();
        let network = format!(
            "interface=wlan1\nbridge=bridge\ndriver=nl80211\nhw_mode=g\nchannel=6\nssid2={ssid}\nutf8_ssid=1\n"
        );
        let keys = "wpa=2\nrsn_pairwise=CCMP\n";
        let psk = format!("{keys}wpa_key_mgmt=WPA-PSK\nwpa_passphrase={PASSPHRASE}\n");
        network
            + &match self {
                Self::Open => String::new(),
                Self::Wpa2 => psk,
                Self::Wpa2Hidden => psk + "ignore_broadcast_ssid=1\n",
                Self::Wpa3 => {
                    format!("{keys}wpa_key_mgmt=SAE\nieee80211w=2\nsae_password={PASSPHRASE}\n")
                }
            }
    }
}

/// The items of `files:` that put the access point onto a card, with that wire behind it.
pub(crate) fn files(suite: Suite, security: Security, wire: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/harness/hostapd.sh");
    let hostapd = run(Command::new(script).arg(suite.name()));
    let mut files =
        format!("  - {{path: /usr/local/sbin/hostapd, source: '{}', mode: 0755}}\n", hostapd.trim());
    for (path, content) in [
        ("/etc/modules-load.d/radios.conf", "mac80211_hwsim\n"),
        ("/etc/modprobe.d/radios.conf", "options mac80211_hwsim radios=2\n"),
        ("/etc/access-point/move", &MOVE.replace("WIRE", wire)),
        ("/etc/access-point/hostapd.conf", &security.hostapd_conf()),
        ("/etc/systemd/system/access-point.service", UNIT),
        ("/etc/systemd/system/multi-user.target.d/access-point.conf", "[Unit]\nWants=access-point.service\n"),
    ] {
        // YAML takes what JSON writes.
        let content = serde_json::to_string(content).unwrap();
        files.extend(["  - {path: ", path, ", content: ", &content, "}\n"]);
    }
    files
}
