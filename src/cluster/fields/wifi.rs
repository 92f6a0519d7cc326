//! `wifi:`, the Wi-Fi network that nodes join.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys::Level;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{boolean, by, like, required, text, token, words};
use crate::cluster::document::value::{FieldValue, Fields};
use crate::cluster::fields::addresses::adapter;
use crate::cluster::fields::beside::BesideFields;
use crate::cluster::fields::password_file;
use crate::cluster::wifi::DerivedKeys;
use crate::cluster::{
    Country, FieldSpan, Interface, InterfaceName, NodeSpans, Passphrase, Ssid, Wifi, WifiKey, WifiSecurity,
};
use crate::types::hex;
use serde_json::json;

/// The Wi-Fi network, with the addresses of a node that has the wire as well.
pub(crate) const WIFI: Level = Level {
    name: "wifi",
    home: "under `wifi:`",
    help: "A Wi-Fi network that nodes join. Without an address here, `address` and `network:` are those of the Wi-Fi, \
           which takes the place of the wire. With `address`, `ipv6` or `method` it is a second interface beside the \
           wire, which keeps `address` and the default route: a node without a cable has none. For an `address` that the \
           router has reserved for the radio, write `method: dhcp` under `network:` instead.",
    tables: &[WifiFields::TABLE, BesideFields::TABLE],
    ..Level::EMPTY
};

keys! {
    draft WifiFields;

    key ssid: Ssid = by(ssid); {
        help: "The network's name, of 1 to 32 bytes: a text, or `{hex: 6d79…}` for bytes that are none.",
        example: "my home",
        schema: || json!({"anyOf": [{"type": ["string", "number"]}, {"$ref": "#/definitions/ssid"}]}),
        here: "name network essid wifissid wifi_ssid",
    }
    key password: Passphrase = by(password); {
        help: "Its password, of 8 to 63 characters. Only what is derived from it is on the cards; with `security: wpa3` or \
              `mixed`, it is itself.",
        example: "open sesame",
        schema: || json!({"type": ["string", "number"]}),
        here: "passphrase pass passwd pwd key secret code kennwort passwort clave wifipassword wifi_password \
              wpa_passphrase pre_shared_key preshared_key presharedkey network_key",
    }
    | password_file = by(password_file); {
        help: "A file with the password, relative to nodes.yaml's folder; instead of `password`.",
        example: "wifi.txt",
        schema: || json!({"type": "string"}),
    }
    key psk: WifiKey = by(psk); {
        help: "The key that `wpa_passphrase` makes of name and password, 64 hexadecimal digits; instead of `password`.",
        example: "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e",
        schema: || json!({"type": ["string", "number"], "pattern": "^[0-9A-Fa-f]{64}$"}),
        here: "pmk wpa_psk",
        instead_of: "password",
    }
    key country: Country = like("^[A-Z]{2}$", token(country)); {
        help: "The country that the nodes are in, by two letters of ISO 3166: its rules are those of the radio. It has to be \
              there.",
        example: "DE",
        here: "regdomain regulatory_domain wificountry wifi_country country_code",
    }
    key hidden: bool = boolean(); {
        help: "Whether the network keeps its name to itself.",
        example: "true",
        here: "scan_ssid hidden_ssid",
    }
    key security: Security = words([
        ("wpa2", Security::Wpa2),
        ("mixed", Security::Mixed),
        ("wpa3", Security::Wpa3),
        ("open", Security::Open),
    ]); {
        help: "What the access point offers: `wpa2`, which is usual and often enough beside WPA3; `mixed` for WPA2 and WPA3 in \
              one; `wpa3` alone, not on bullseye; `open` for a network without a password.",
        example: "wpa2",
        schema: || json!({"default": "wpa2"}),
        here: "key_mgmt auth encryption",
    }
    key interface: Interface = like("^wl[A-Za-z0-9._-]{1,13}$", text(radio)); {
        help: "The radio: `wlan0` is the board's own, `wlan1` one on USB.",
        example: "wlan0",
        schema: || json!({"default": "wlan0"}),
        others: "nic ifname iface device dev",
    }
    | mac = like("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", token(adapter)); {
        help: "The radio by its MAC address; instead of `interface`. Not on bullseye.",
        example: "b8:27:eb:12:34:58",
    }
}

keys! {
    level SSID: "ssid", "under `ssid:`", "The name of a Wi-Fi network that is no text.";
    draft SsidFields;

    key hex: Ssid = required("6d7920686f6d65", token(ssid_in_hex)); {
        help: "Its bytes, two hexadecimal digits each.",
        example: "6d7920686f6d65",
        schema: || json!({"type": ["string", "number"]}),
    }
}

/// The security that an access point offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Security {
    Open,
    Wpa2,
    Mixed,
    Wpa3,
}

/// The keys of one layer about Wi-Fi.
#[derive(Debug, Clone, Default)]
pub(crate) struct WifiLayer {
    /// `wifi: none`, in a node that stays on the wire.
    is_off: bool,
    pub(crate) keys: WifiFields,
    pub(crate) beside: BesideFields,
    /// Set when `psk` is from above, where it stands beside another `ssid`.
    pub(crate) psk_is_of_another: bool,
}

impl WifiLayer {
    pub(crate) fn read_at(fields: &Fields<'_>, key: &str) -> Self {
        match fields.get(key) {
            None if fields.is_mistyped(key) => Self::invalid(),
            None => Self::default(),
            Some(value) if value.is_off() => Self { is_off: true, ..Self::default() },
            Some(value) => match value.fields(&WIFI) {
                None => Self::invalid(),
                Some(fields) => Self {
                    is_off: false,
                    keys: WifiFields::read(&fields),
                    beside: BesideFields::read(&fields),
                    psk_is_of_another: false,
                },
            },
        }
    }

    pub(crate) fn invalid() -> Self {
        Self { keys: WifiFields::invalid(), beside: BesideFields::invalid(), ..Self::default() }
    }

    pub(crate) fn is_invalid(&self) -> bool {
        self.keys.is_invalid() || self.beside.is_invalid()
    }

    /// Returns a node's layer above the cluster's. Of password and key, a node's own takes the place of either.
    pub(crate) fn above(&self, cluster: &Self) -> Self {
        if self.is_off {
            return self.clone();
        }
        let mut keys = self.keys.above(&cluster.keys);
        let ssid = |layer: &Self| layer.keys.ssid.to_value();
        let is_renamed = ssid(self).zip(ssid(cluster)).is_some_and(|(own, above)| own != above);
        let mut psk_is_of_another = cluster.psk_is_of_another || is_renamed;
        if !(self.keys.password.is_absent() && self.keys.psk.is_absent()) {
            (keys.password, keys.psk) = (self.keys.password.clone(), self.keys.psk.clone());
            psk_is_of_another = false;
        }
        Self { is_off: false, keys, beside: self.beside.above(&cluster.beside), psk_is_of_another }
    }

    pub(crate) fn spans(&self, path: &str, spans: &mut NodeSpans) {
        self.keys.spans(path, spans);
    }

    /// Returns the place of what asks for Wi-Fi; `None` where nothing does.
    pub(crate) fn span(&self) -> Option<&FieldSpan> {
        self.keys.span.as_ref().filter(|_| !self.is_off)
    }

    /// Returns the place of what asks for Wi-Fi in the place of the wire.
    pub(crate) fn span_of_main(&self) -> Option<&FieldSpan> {
        self.span().filter(|_| !self.beside.has_address())
    }

    /// Returns the Wi-Fi network; `None` where a part of it could not be read.
    pub(crate) fn finish(&self, derived: &mut DerivedKeys) -> Option<Wifi> {
        let ssid = self.keys.ssid.to_value()?;
        let (password, psk) = (self.keys.password.to_value(), self.keys.psk.to_value());
        let security = match (self.security(), password, psk) {
            (Security::Open, ..) => WifiSecurity::Open,
            (Security::Wpa2, None, Some(key)) => WifiSecurity::Wpa2(key),
            (Security::Wpa2, Some(password), _) => WifiSecurity::Wpa2(derived.of(&ssid, &password)),
            (Security::Mixed, Some(password), _) => WifiSecurity::Mixed(password),
            (Security::Wpa3, Some(password), _) => WifiSecurity::Wpa3(password),
            (_, None, _) => return None,
        };
        Some(Wifi {
            interface: self.keys.interface.to_value().unwrap_or_else(default_radio),
            ssid,
            security,
            country: self.keys.country.to_value()?,
            hidden: self.keys.hidden.to_value().unwrap_or(false),
        })
    }

    pub(crate) fn security(&self) -> Security {
        self.keys.security.to_value().unwrap_or(Security::Wpa2)
    }
}

/// Returns the name that Raspberry Pi OS gives the radio of a board.
#[expect(clippy::expect_used, reason = "the name is a constant")]
fn default_radio() -> Interface {
    Interface::Named(InterfaceName::new("wlan0").expect("`wlan0` is a valid name"))
}

fn ssid(value: &FieldValue<'_>) -> Option<Ssid> {
    if let YamlKind::Mapping(_) = value.kind() {
        return SsidFields::read(&value.fields(&SSID)?).hex.value();
    }
    value.warn_where_cut("the name of the Wi-Fi");
    value.parse_token(|text| named(text.as_bytes().to_vec(), text))
}

fn named(bytes: Vec<u8>, text: &str) -> Result<Ssid, Finding> {
    Ssid::new(bytes).map_err(|reason| {
        let message = format!("{} is no name of a Wi-Fi: it {reason}", shown(text));
        Finding::new(message, "A Wi-Fi's name has 1 to 32 bytes; a letter beyond ASCII has two or more")
    })
}

fn ssid_in_hex(text: &str) -> Result<Ssid, Finding> {
    let mut bytes = vec![0; text.len() / 2];
    if !hex::decode_into(text.as_bytes(), &mut bytes) {
        let message = format!("{} is not in hexadecimal digits, two a byte", shown(text));
        return Err(Finding::new(message, "Write it like `6d7920686f6d65`, in quotes"));
    }
    named(bytes, text)
}

/// Reads a secret: what is wrong with it is said without showing it.
fn secret<T>(
    value: &FieldValue<'_>,
    what: &str,
    parse: impl FnOnce(&str) -> Result<T, Finding>,
) -> Option<T> {
    let parsed = match value.kind() {
        YamlKind::Scalar(scalar) => parse(&scalar.text),
        YamlKind::Nothing => {
            let hint = "Write it, in single quotes where it has other signs than letters and digits in it";
            Err(Finding::new(format!("there is no {what} here"), hint))
        }
        YamlKind::List(_) | YamlKind::Mapping(_) => {
            Err(Finding::new(format!("this is not a {what}"), "Write it as a text in quotes"))
        }
    };
    parsed.map_err(|finding| value.report(finding.secret())).ok()
}

fn password(value: &FieldValue<'_>) -> Option<Passphrase> {
    value.warn_where_cut("the password");
    password_file::warn_if_in_the_open(value);
    secret(value, "password", |text| {
        let password = passphrase(text, "the password")?;
        if value.folders().exists(text) {
            let hint =
                "Write `password_file:` if the password is in the file; otherwise give the file another name";
            return Err(Finding::new("there is a file of this name", hint));
        }
        Ok(password)
    })
}

fn passphrase(text: &str, called: &str) -> Result<Passphrase, Finding> {
    Passphrase::new(text).map_err(|reason| {
        let hint = if reason.contains("key") {
            "Write it as `psk:`"
        } else {
            "The password of a Wi-Fi has 8 to 63 characters; put one with `#`, `:` or quotes in it in single quotes"
        };
        Finding::new(format!("{called} {reason}"), hint)
    })
}

fn password_file(value: &FieldValue<'_>) -> Option<Passphrase> {
    let file = password_file::read(value, 64)?;
    let read = passphrase(&file.password, &format!("the password in {}", file.name));
    read.map_err(|finding| value.report(finding)).ok()
}

fn psk(value: &FieldValue<'_>) -> Option<WifiKey> {
    password_file::warn_if_in_the_open(value);
    secret(value, "key", |text| {
        WifiKey::parse(text).ok_or_else(|| {
            let hint = "Write what `wpa_passphrase SSID` prints behind `psk=`, or the password itself as `password:`";
            Finding::new("this is not a key of 64 hexadecimal digits", hint)
        })
    })
}

fn country(text: &str) -> Result<Country, Finding> {
    Country::parse(text).ok_or_else(|| {
        let hint = match Country::meant(text) {
            Some(country) => format!("Did you mean `{country}`?"),
            None => "Write the two letters of ISO 3166, like `DE`, `GB` or `US`".to_owned(),
        };
        Finding::new(format!("{} is not a country", shown(text)), hint)
    })
}

fn radio(text: &str) -> Result<Interface, Finding> {
    const EXAMPLE: &str = "Write `wlan0`";
    if !text.starts_with("wl") {
        return Err(Finding::new(format!("{} is not a wireless interface", shown(text)), EXAMPLE));
    }
    InterfaceName::new(text).map(Interface::Named).map_err(|reason| {
        Finding::new(format!("{} is no name of an interface: it {reason}", shown(text)), EXAMPLE)
    })
}
