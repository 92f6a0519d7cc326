//! Wi-Fi: a radio that may send, and on bullseye the network that it joins.
//!
//! A stock image keeps its radio off until somebody says in which country it is, whose rules it has to keep. This
//! does on the card what `raspi-config nonint do_wifi_country` does on a running system, and in the images that
//! pi-gen makes with `WPA_COUNTRY`.

use super::text::map_lines;
use super::{NetworkStack, RaspiosError, Release, boot_files};
use crate::cluster::{Country, Wifi, WifiKey, WifiSecurity};
use crate::patch::{Draft, Partition};
use crate::types::{hex, image_path};

/// Lets the radio send by the rules of the country, and tells wpa_supplicant about the network where NetworkManager
/// does not.
///
/// # Errors
/// When the stock image cannot be read, does not know the country, or its release has no WPA3.
pub(super) fn switch_on(draft: &mut Draft<'_>, release: &Release, wifi: &Wifi) -> Result<(), RaspiosError> {
    check_country(draft, wifi.country)?;
    boot_files::set_cmdline_word(draft, "cfg80211.ieee80211_regdom", &wifi.country.to_string())?;
    unblock(draft)?;
    match release.network {
        // It keeps the radio off by itself where it was told so once.
        NetworkStack::NetworkManager => {
            let state = image_path!("/var/lib/NetworkManager/NetworkManager.state");
            Ok(draft.edit_plain_text(Partition::Root, &state, |text| {
                let switched = |line: &str| line.replace("WirelessEnabled=false", "WirelessEnabled=true");
                map_lines(text, |line| Some(switched(line)))
            })?)
        }
        NetworkStack::Dhcpcd => {
            let text = wpa_supplicant_conf(wifi).ok_or(RaspiosError::Unsupported {
                wanted: "WPA3 alone",
                codename: release.codename,
                instead: "Let the router offer WPA2 as well and write `security: mixed`, or take an image of bookworm or trixie",
            })?;
            Ok(draft.secret(&image_path!("/etc/wpa_supplicant/wpa_supplicant.conf"), text)?)
        }
    }
}

/// Checks the country against the list of the stock image, where it has one, as raspi-config does.
fn check_country(draft: &Draft<'_>, country: Country) -> Result<(), RaspiosError> {
    let list = draft.read_text(Partition::Root, &image_path!("/usr/share/zoneinfo/iso3166.tab"))?;
    let country = country.to_string();
    match list {
        Some(list) if !list.lines().any(|line| line.split('\t').next() == Some(&country)) => {
            Err(RaspiosError::UnknownCountry { country })
        }
        _ => Ok(()),
    }
}

/// Unblocks the radios that the stock image remembers as blocked (systemd-rfkill.service(8)).
fn unblock(draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    let folder = image_path!("/var/lib/systemd/rfkill");
    for name in draft.list_stock(Partition::Root, &folder)? {
        if name.ends_with(":wlan") {
            draft.edit_text(Partition::Root, &folder.join(&name)?, |_| "0\n".to_owned())?;
        }
    }
    Ok(())
}

/// Returns the file that dhcpcd starts wpa_supplicant with (wpa_supplicant.conf(5)); `None` for WPA3, which the
/// firmware of the release's time does not know.
fn wpa_supplicant_conf(wifi: &Wifi) -> Option<String> {
    let key = match &wifi.security {
        WifiSecurity::Open => "\tkey_mgmt=NONE\n".to_owned(),
        WifiSecurity::Wpa2(key) => format!("\tkey_mgmt=WPA-PSK\n\tpsk={}\n", key.reveal()),
        WifiSecurity::Mixed(passphrase) => {
            let key = WifiKey::derive(&wifi.ssid, passphrase);
            format!("\tkey_mgmt=WPA-PSK\n\tpsk={}\n", key.reveal())
        }
        WifiSecurity::Wpa3(_) => return None,
    };
    // In hexadecimal, a name may have any bytes.
    let (country, ssid) = (wifi.country, hex::encode(wifi.ssid.as_bytes()));
    let hidden = if wifi.hidden { "\tscan_ssid=1\n" } else { "" };
    Some(format!(
        "country={country}\nctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n\n\
         network={{\n\tssid={ssid}\n{hidden}{key}}}\n"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Link, Passphrase, Ssid};
    use crate::patch::{MemoryStock, Sensitivity};
    use crate::raspios::test_node::{node, wifi};
    use crate::raspios::test_stock::{
        applied, attributes, bookworm, bullseye, patch, paths, put, put_boot, text, trixie,
    };
    use crate::raspios::{detect, set_network};
    use crate::types::{Hint as _, Owner};

    /// Plans a node whose only connection is this Wi-Fi.
    fn planned(stock: &MemoryStock, wifi: &Wifi) -> Result<crate::patch::Patch, RaspiosError> {
        let mut node = node("north", 11);
        node.network.main.link = Link::Wifi(Box::new(wifi.clone()));
        let mut result = Ok(());
        let release = detect(stock).unwrap();
        let patch = patch(stock, |draft| result = set_network(draft, &release, &node));
        result.map(|()| patch)
    }

    fn with_blocked_radio(stock: MemoryStock) -> MemoryStock {
        let stock = put(stock, "/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan", "1\n");
        let stock = put(stock, "/var/lib/systemd/rfkill/platform-fe201000.serial:bluetooth", "1\n");
        put(
            stock,
            "/var/lib/NetworkManager/NetworkManager.state",
            "[main]\nNetworkingEnabled=true\nWirelessEnabled=false\n",
        )
    }

    #[test]
    fn the_radio_is_on_and_keeps_the_rules_of_the_country() {
        for stock in [trixie(), bookworm(), bullseye()] {
            let stock = with_blocked_radio(stock);
            let once = planned(&stock, &wifi()).unwrap();
            assert!(text(&once, "/cmdline.txt").ends_with(" cfg80211.ieee80211_regdom=DE\n"));
            assert_eq!(text(&once, "/var/lib/systemd/rfkill/platform-fe300000.mmcnr:wlan"), "0\n");
            assert!(!paths(&once).iter().any(|path| path.ends_with("bluetooth")), "{:?}", paths(&once));
            assert_eq!(paths(&planned(&applied(stock, &once), &wifi()).unwrap()), <[&str; 0]>::default());
        }
        let once = planned(&with_blocked_radio(trixie()), &wifi()).unwrap();
        let state = text(&once, "/var/lib/NetworkManager/NetworkManager.state");
        assert_eq!(state, "[main]\nNetworkingEnabled=true\nWirelessEnabled=true\n");
    }

    #[test]
    fn the_country_of_the_stock_image_gives_way() {
        let line = "root=PARTUUID=1-02 cfg80211.ieee80211_regdom=GB rootwait resize\n";
        let once = planned(&put_boot(trixie(), "/cmdline.txt", line), &wifi()).unwrap();
        assert_eq!(text(&once, "/cmdline.txt"), line.replace("=GB", "=DE"));
        // Of two words, neither is taken for a part of the other.
        let twice =
            "cfg80211.ieee80211_regdom=G cfg80211.ieee80211_regdom=GB root=PARTUUID=1-02 rootwait resize\n";
        let once = planned(&put_boot(trixie(), "/cmdline.txt", twice), &wifi()).unwrap();
        let both =
            "cfg80211.ieee80211_regdom=DE cfg80211.ieee80211_regdom=DE root=PARTUUID=1-02 rootwait resize\n";
        assert_eq!(text(&once, "/cmdline.txt"), both);
    }

    #[test]
    fn a_country_that_the_image_does_not_know_is_refused() {
        let stock = put(trixie(), "/usr/share/zoneinfo/iso3166.tab", "# codes\nGB\tBritain (UK)\n");
        let error = planned(&stock, &wifi()).unwrap_err();
        assert_eq!(error.to_string(), "the stock image does not know the country `DE`");
        assert!(planned(&put(stock, "/usr/share/zoneinfo/iso3166.tab", "DE\tGermany\n"), &wifi()).is_ok());
    }

    #[test]
    fn bullseye_gets_a_file_for_wpa_supplicant() {
        const PATH: &str = "/etc/wpa_supplicant/wpa_supplicant.conf";
        let (mut network, stock) = (wifi(), bullseye());
        let patch = planned(&stock, &network).unwrap();
        assert_eq!(attributes(&patch, PATH), (0o600, Owner::ROOT, Sensitivity::Secret));
        assert_eq!(
            text(&patch, PATH),
            "country=DE\nctrl_interface=DIR=/var/run/wpa_supplicant GROUP=netdev\nupdate_config=1\n\nnetwork={\n\
             \tssid=49454545\n\tkey_mgmt=WPA-PSK\n\
             \tpsk=f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e\n}\n"
        );
        assert!(text(&patch, "/etc/dhcpcd.conf").contains("\ninterface wlan0\nstatic ip_address="));
        let passphrase = || Passphrase::new("password").unwrap();
        network.hidden = true;
        network.ssid = Ssid::new([0xff, b';']).unwrap();
        network.security = WifiSecurity::Mixed(passphrase());
        let mixed = text(&planned(&stock, &network).unwrap(), PATH);
        assert!(mixed.contains("\tssid=ff3b\n\tscan_ssid=1\n") && !mixed.contains("password"), "{mixed}");
        network.security = WifiSecurity::Open;
        assert!(text(&planned(&stock, &network).unwrap(), PATH).contains("\tkey_mgmt=NONE\n}"));
        network.security = WifiSecurity::Wpa3(passphrase());
        let error = planned(&stock, &network).unwrap_err();
        assert_eq!(error.to_string(), "WPA3 alone cannot be set on bullseye");
        assert!(error.hint().unwrap().contains("security: mixed"));
    }
}
