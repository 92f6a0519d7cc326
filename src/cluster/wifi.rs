//! A Wi-Fi network and what lets a node in.

use crate::cluster::{Country, Interface, Secret};
use crate::types::{escape, hex};
use sha1::Sha1;

/// A Wi-Fi network that a node joins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wifi {
    /// The radio; `wlan0`, which is the board's own, unless said otherwise.
    pub interface: Interface,
    /// The network's name.
    pub ssid: Ssid,
    /// The proof of belonging that it asks for.
    pub security: WifiSecurity,
    /// By whose rules the radio sends.
    pub country: Country,
    /// The network does not announce its name.
    pub hidden: bool,
}

/// The proof of belonging that a Wi-Fi network asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WifiSecurity {
    /// Nothing.
    Open,
    /// WPA2. The key is for this network alone: the passphrase that it was made from stays off the card.
    Wpa2(WifiKey),
    /// WPA2 and WPA3, as the access point likes. WPA3 needs the passphrase itself, and a radio that finds both does
    /// not get in by the key alone (raspberrypi/linux issue 7634).
    Mixed(Passphrase),
    /// WPA3 alone.
    Wpa3(Passphrase),
}

/// The name of a Wi-Fi network: 1 to 32 bytes, which need not be text (IEEE 802.11, 9.4.2.2).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ssid(Vec<u8>);

impl Ssid {
    /// Takes the bytes of a name; says in a clause why they are none.
    ///
    /// # Errors
    /// Fails when there are none, or more than 32.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, &'static str> {
        match bytes.into() {
            empty if empty.is_empty() => Err("is empty"),
            long if long.len() > 32 => Err("is longer than 32 bytes"),
            bytes => Ok(Self(bytes)),
        }
    }

    /// Returns the bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// A passphrase: 8 to 63 bytes without control characters. It is wiped from memory, and not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passphrase(Secret);

impl Passphrase {
    /// Takes a text; says in a clause why it is none. A line end behind it, which pasting leaves there, is cut.
    ///
    /// # Errors
    /// Fails when it has another length, or a control character.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        let text = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
        if text.contains(escape::is_control) {
            return Err("has a line end or another control character in it");
        }
        match text.len() {
            0..8 => Err("is shorter than 8 characters"),
            8..64 => Ok(Self(Secret::new(text.to_owned()))),
            64 if is_key(text) => Err("has 64 hexadecimal digits, and so is a key"),
            _ => Err("is longer than 63 bytes"),
        }
    }

    /// Returns the text itself, for writing it where it belongs.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// The key of a WPA2 network, 256 bits as 64 hexadecimal digits. It is wiped from memory, and not shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WifiKey(Secret);

impl WifiKey {
    /// Takes 64 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        is_key(text).then(|| Self(Secret::new(text.to_ascii_lowercase())))
    }

    /// Derives the key of a network from its passphrase (IEEE 802.11, J.4.1; wpa_passphrase(8)).
    pub fn derive(ssid: &Ssid, passphrase: &Passphrase) -> Self {
        const ROUNDS: u32 = 4096;
        let key: [u8; 32] =
            pbkdf2::pbkdf2_hmac_array::<Sha1, 32>(passphrase.reveal().as_bytes(), ssid.as_bytes(), ROUNDS);
        Self(Secret::new(hex::encode(&key)))
    }

    /// Returns the digits, for writing them where they belong.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// Keys that were derived already: it takes its time, and all nodes of a cluster mostly have the same.
#[derive(Debug, Default)]
pub(crate) struct DerivedKeys(Vec<(Ssid, Passphrase, WifiKey)>);

impl DerivedKeys {
    /// Returns the key of a network.
    pub(crate) fn of(&mut self, ssid: &Ssid, passphrase: &Passphrase) -> WifiKey {
        let known = self.0.iter().find(|(known, of, _)| known == ssid && of == passphrase);
        if let Some((_, _, key)) = known {
            return key.clone();
        }
        let key = WifiKey::derive(ssid, passphrase);
        self.0.push((ssid.clone(), passphrase.clone(), key.clone()));
        key
    }
}

fn is_key(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn derived(ssid: &[u8], passphrase: &str) -> String {
        WifiKey::derive(&Ssid::new(ssid).unwrap(), &Passphrase::new(passphrase).unwrap()).reveal().to_owned()
    }

    #[test]
    fn keys_are_those_of_the_standard() {
        // IEEE 802.11-2020, J.4.2.
        for (ssid, passphrase, key) in [
            ("IEEE", "password", "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e"),
            (
                "ThisIsASSID",
                "ThisIsAPassword",
                "0dc0d6eb90555ed6419756b9a15ec3e3209b63df707dd508d14581f8982721af",
            ),
            (
                "ZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZZ",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "becb93866bb8c3832cb777c2f559807c8c59afcb6eae734885001300a981cc62",
            ),
        ] {
            assert_eq!(derived(ssid.as_bytes(), passphrase), key);
        }
    }

    #[test]
    fn another_program_derives_the_same() {
        let cases = [("my home; #1 \\", "p\"a$s 'w\\ord;#"), ("Müller", "pässwörter"), (" a ", "12345678 ")];
        for (ssid, passphrase) in cases {
            let Ok(output) = Command::new("wpa_passphrase").args([ssid, passphrase]).output() else {
                crate::types::test_oracle::skipped("wpa_passphrase is not installed");
                return;
            };
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let key = text.lines().find_map(|line| line.trim().strip_prefix("psk="));
            assert_eq!(key, Some(derived(ssid.as_bytes(), passphrase).as_str()), "{ssid}: {text}");
        }
    }

    #[test]
    fn a_name_has_1_to_32_bytes() {
        assert_eq!(Ssid::new("").unwrap_err(), "is empty");
        assert_eq!(Ssid::new("é".repeat(16)).unwrap().as_bytes().len(), 32);
        assert_eq!(Ssid::new([0xff; 33]).unwrap_err(), "is longer than 32 bytes");
    }

    #[test]
    fn a_passphrase_has_8_to_63_characters_and_loses_one_line_end() {
        assert_eq!(Passphrase::new("12345678\n").unwrap().reveal(), "12345678");
        assert_eq!(Passphrase::new("12345678\r\n").unwrap().reveal(), "12345678");
        assert_eq!(Passphrase::new(" 1234567 ").unwrap().reveal(), " 1234567 ", "spaces belong to it");
        assert_eq!(Passphrase::new(&"a".repeat(63)).unwrap().reveal().len(), 63);
        for (wrong, reason) in [
            ("1234567\n", "is shorter than 8 characters"),
            ("12345678\n\n", "has a line end or another control character in it"),
            ("1234\t5678", "has a line end or another control character in it"),
            (&"a".repeat(64), "has 64 hexadecimal digits, and so is a key"),
            (&"x".repeat(64), "is longer than 63 bytes"),
        ] {
            assert_eq!(Passphrase::new(wrong).unwrap_err(), reason);
        }
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let passphrase = Passphrase::new("open sesame").unwrap();
        let key = WifiKey::derive(&Ssid::new("home").unwrap(), &passphrase);
        let shown = format!("{passphrase:?} {key:?} {:?}", WifiSecurity::Wpa2(key.clone()));
        assert!(!shown.contains("sesame") && !shown.contains(key.reveal()), "{shown}");
        assert_eq!(WifiKey::parse(&key.reveal().to_uppercase()), Some(key));
        assert_eq!(WifiKey::parse("open sesame"), None);
    }
}
