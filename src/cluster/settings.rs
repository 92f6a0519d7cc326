//! The settings that the top of nodes.yaml gives to all nodes and a node may give for itself.

use super::document::Kind;
use super::extra_files;
use super::keys;
use super::mac;
use super::paths;
use super::reader::{Cursor, FieldSpan, Fields, Located, Reader, Setting, Wrong, shown};
use super::size;
use super::ssh::{self, NotAPublicKey};
use super::{
    AuthorizedKey, Boot, ExtraFile, Interface, InterfaceName, NodeSpots, PageSize, Secret, Swap, TimeServer,
    UserName,
};
use crate::io::plain_file;
use crate::types::ByteCount;
use crate::types::ImagePath;
use crate::types::absent::OrEmpty as _;
use crate::types::escape;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::SystemTime;

/// One layer of settings: the cluster's, a node's own, or a node's own above the cluster's.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    pub(super) interface: Setting<Interface>,
    pub(super) prefix: Setting<u8>,
    pub(super) gateway: Setting<Ipv4Addr>,
    pub(super) dns: Setting<Vec<IpAddr>>,
    pub(super) search: Setting<Vec<String>>,
    /// Where `network.ipv6` stands.
    pub(super) ipv6: Setting<()>,
    pub(super) ipv6_prefix: Setting<u8>,
    pub(super) ipv6_gateway: Setting<Ipv6Addr>,
    pub(super) user_name: Setting<UserName>,
    pub(super) shell: Setting<ImagePath>,
    pub(super) password_hash: Setting<Secret>,
    pub(super) authorized_keys: Setting<Vec<AuthorizedKey>>,
    pub(super) passwordless_sudo: Setting<bool>,
    pub(super) ssh_password_login: Setting<bool>,
    pub(super) timezone: Setting<String>,
    pub(super) locale: Setting<String>,
    pub(super) ntp: Setting<Vec<TimeServer>>,
    pub(super) boot: Boot,
    /// The places of the words of `boot.cmdline`.
    pub(super) cmdline_spots: BTreeMap<String, FieldSpan>,
    pub(super) page_size: Setting<PageSize>,
    pub(super) swap: Setting<Swap>,
    /// How much the board has, for warnings.
    pub(super) memory: Setting<ByteCount>,
    pub(super) files: Vec<Located<ExtraFile>>,
    pub(super) first_boot: Vec<String>,
}

impl Settings {
    /// Reads one layer from the keys of the cluster or of a node.
    pub(super) fn read(fields: &Fields<'_>, reader: &mut Reader) -> Self {
        let mut settings = Self {
            timezone: fields.setting("timezone", reader, |value, reader| value.parse(reader, timezone)),
            locale: fields.setting("locale", reader, |value, reader| value.parse(reader, locale)),
            ntp: fields.setting("ntp", reader, |value, reader| {
                value.list(reader, |item, reader| item.parse_token(reader, time_server))
            }),
            swap: fields.setting("swap", reader, swap),
            memory: fields.setting("memory", reader, |value, reader| value.parse_token(reader, size::memory)),
            files: fields.get("files").and_then(|value| extra_files::read(&value, reader)).or_empty(),
            first_boot: fields
                .get("first_boot")
                .and_then(|value| value.list(reader, |item, reader| item.parse(reader, command)))
                .or_empty(),
            ..Self::default()
        };
        let network = fields.get("network").map(|value| value.fields(&keys::NETWORK, reader));
        if fields.is_mistyped("network") || matches!(network, Some(None)) {
            (settings.prefix, settings.gateway) = (Setting::Invalid, Setting::Invalid);
        }
        if let Some(Some(network)) = network {
            settings.read_network(&network, reader);
        }
        if let Some(user) = fields.get("user").and_then(|value| value.fields(&keys::USER, reader)) {
            settings.read_user(&user, reader);
        }
        if let Some(ssh) = fields.get("ssh").and_then(|value| value.fields(&keys::SSH, reader)) {
            settings.ssh_password_login = ssh.setting("password_login", reader, Cursor::boolean);
        }
        if let Some(boot) = fields.get("boot").and_then(|value| value.fields(&keys::BOOT, reader)) {
            let mut list = |key, parse: fn(&str) -> Result<String, Wrong>| {
                let one = |item: &Cursor<'_>, reader: &mut Reader| {
                    item.parse_token(reader, parse).map(|text| item.located(text))
                };
                boot.get(key).and_then(|value| value.list(reader, one)).or_empty()
            };
            let (config, cmdline) = (list("config", config_line), list("cmdline", cmdline_word));
            warn_of_words_that_go(&cmdline, reader);
            let spot_of = |word: &Located<String>| (word.value.clone(), word.spot.clone());
            settings.cmdline_spots = cmdline.iter().map(spot_of).collect();
            let texts = |lines: Vec<Located<String>>| lines.into_iter().map(|line| line.value).collect();
            let (config, cmdline) = (texts(config), texts(cmdline));
            settings.boot = Boot { config, cmdline, ..Boot::default() };
            settings.page_size = boot.setting("page_size", reader, |value, reader| {
                value.one_of(&[("4k", PageSize::FourKib), ("stock", PageSize::Stock)], reader)
            });
        }
        settings
    }

    fn read_network(&mut self, network: &Fields<'_>, reader: &mut Reader) {
        let by_name = network.setting("interface", reader, |value, reader| {
            value.parse(reader, interface).map(Interface::Named)
        });
        let by_mac = network.setting("mac", reader, |value, reader| {
            value.parse_token(reader, mac::mac).map(Interface::WithMac)
        });
        self.interface = one_of_two(["interface", "mac"], [by_name, by_mac], reader);
        let prefix_of = |key, reader: &mut Reader| {
            network.setting(key, reader, |value, reader| value.parse_token(reader, |text| prefix(text, 30)))
        };
        let both = [prefix_of("prefix", reader), prefix_of("netmask", reader)];
        self.prefix = one_of_two(["prefix", "netmask"], both, reader);
        let gateway = network.setting("gateway", reader, |value, reader| {
            value.parse_token(reader, |text| with_prefix(text, 30, ipv4))
        });
        self.gateway = apart(gateway, &mut self.prefix, reader);
        self.dns = network.setting("dns", reader, |value, reader| {
            value.list(reader, |item, reader| item.parse_token(reader, name_server))
        });
        self.search = network.setting("search", reader, |value, reader| {
            value.list(reader, |item, reader| item.parse(reader, domain))
        });
        let Some(value) = network.get("ipv6") else { return };
        let Some(ipv6) = value.fields(&keys::NETWORK_IPV6, reader) else { return };
        self.ipv6 = Setting::Given(value.located(()));
        self.ipv6_prefix = ipv6
            .setting("prefix", reader, |value, reader| value.parse_token(reader, |text| prefix(text, 126)));
        let gateway = ipv6.setting("gateway", reader, |value, reader| {
            value.parse_token(reader, |text| with_prefix(text, 126, ipv6_on_the_wire))
        });
        self.ipv6_gateway = apart(gateway, &mut self.ipv6_prefix, reader);
    }

    fn read_user(&mut self, user: &Fields<'_>, reader: &mut Reader) {
        self.user_name = user.setting("name", reader, |value, reader| {
            value.parse(reader, |text| {
                UserName::new(text).map_err(|reason| {
                    Wrong::new(
                        format!("{} is no name for the user: it {reason}", shown(text)),
                        "Use letters a to z, digits, `-` and `_`, beginning with a letter, and no name of the system",
                    )
                })
            })
        });
        self.shell = user.setting("shell", reader, |value, reader| value.parse(reader, shell));
        self.password_hash =
            user.setting("password_hash", reader, |value, reader| value.parse_token(reader, password_hash));
        self.authorized_keys = user.setting("ssh_authorized_keys", reader, all_authorized_keys);
        self.passwordless_sudo = user.setting("sudo", reader, |value, reader| {
            value.one_of(&[("passwordless", true), ("password", false)], reader)
        });
    }

    /// This layer above another: what it does not say comes from the other, and what is a list of
    /// additions is added to the other's.
    pub(super) fn above(&self, other: &Self) -> Self {
        let files = other
            .files
            .iter()
            .filter(|file| !self.files.iter().any(|own| extra_files::same_place(&own.value, &file.value)))
            .chain(&self.files)
            .cloned()
            .collect();
        let both = |own: &[String], others: &[String]| others.iter().chain(own).cloned().collect();
        Self {
            interface: self.interface.or(&other.interface),
            prefix: self.prefix.or(&other.prefix),
            gateway: self.gateway.or(&other.gateway),
            dns: self.dns.or(&other.dns),
            search: self.search.or(&other.search),
            ipv6: self.ipv6.or(&other.ipv6),
            ipv6_prefix: self.ipv6_prefix.or(&other.ipv6_prefix),
            ipv6_gateway: self.ipv6_gateway.or(&other.ipv6_gateway),
            user_name: self.user_name.or(&other.user_name),
            shell: self.shell.or(&other.shell),
            password_hash: self.password_hash.or(&other.password_hash),
            authorized_keys: self.authorized_keys.or(&other.authorized_keys),
            passwordless_sudo: self.passwordless_sudo.or(&other.passwordless_sudo),
            ssh_password_login: self.ssh_password_login.or(&other.ssh_password_login),
            timezone: self.timezone.or(&other.timezone),
            locale: self.locale.or(&other.locale),
            ntp: self.ntp.or(&other.ntp),
            boot: Boot {
                config: both(&self.boot.config, &other.boot.config),
                cmdline: both(&self.boot.cmdline, &other.boot.cmdline),
                ..Boot::default()
            },
            cmdline_spots: other
                .cmdline_spots
                .clone()
                .into_iter()
                .chain(self.cmdline_spots.clone())
                .collect(),
            page_size: self.page_size.or(&other.page_size),
            swap: self.swap.or(&other.swap),
            memory: self.memory.or(&other.memory),
            files,
            first_boot: both(&self.first_boot, &other.first_boot),
        }
    }

    /// Returns the places of the values that only a stock image can judge.
    pub(super) fn spots(&self) -> NodeSpots {
        fn spot_of<T>(setting: &Setting<T>) -> Option<FieldSpan> {
            setting.given().map(|given| given.spot.clone())
        }
        NodeSpots {
            timezone: spot_of(&self.timezone),
            locale: spot_of(&self.locale),
            user_name: spot_of(&self.user_name),
            shell: spot_of(&self.shell),
            cmdline: self.cmdline_spots.clone(),
        }
    }
}

/// Returns what is said under one of two keys that mean the same; both at once are put down.
fn one_of_two<T>(keys: [&str; 2], settings: [Setting<T>; 2], reader: &mut Reader) -> Setting<T> {
    match settings {
        [Setting::Given(_), Setting::Given(second)] => {
            let message = format!("`{}` and `{}` are two ways to say one thing", keys[0], keys[1]);
            reader.report(&second.spot, Wrong::new(message, "Keep one of the two"));
            Setting::Invalid
        }
        [Setting::Invalid, _] | [_, Setting::Invalid] => Setting::Invalid,
        [Setting::Absent, other] | [other, Setting::Absent] => other,
    }
}

/// An address behind which its network's prefix may stand, as netplan and `ip` write it.
pub(super) fn with_prefix<A>(
    text: &str,
    longest: u8,
    address: fn(&str) -> Result<A, Wrong>,
) -> Result<(A, Option<u8>), Wrong> {
    match text.split_once('/') {
        None => Ok((address(text)?, None)),
        Some((text, bits)) => Ok((address(text)?, Some(prefix(bits, longest)?))),
    }
}

/// The address without its prefix. That has to be the network's; where nobody named the network's, it is it.
pub(super) fn apart<A>(
    setting: Setting<(A, Option<u8>)>,
    prefix: &mut Setting<u8>,
    reader: &mut Reader,
) -> Setting<A> {
    let Located { value: (address, own), spot } = match setting {
        Setting::Absent => return Setting::Absent,
        Setting::Invalid => return Setting::Invalid,
        Setting::Given(located) => located,
    };
    match (own, &*prefix) {
        (Some(own), Setting::Absent) => {
            *prefix = Setting::Given(Located { value: own, spot: spot.clone() });
        }
        (Some(own), Setting::Given(network)) if own != network.value => {
            let message =
                format!("the prefix {own} of this address is not that of its network, {}", network.value);
            let hint = format!(
                "Leave it out, or make the two the same; the network's is in line {}",
                network.spot.place.line
            );
            reader.report(&spot, Wrong::new(message, hint));
        }
        (None, _) | (Some(_), Setting::Invalid | Setting::Given(_)) => {}
    }
    Setting::Given(Located { value: address, spot })
}

/// `stock`, or one of the many words for none.
fn swap(value: &Cursor<'_>, reader: &mut Reader) -> Option<Swap> {
    if value.is_off() {
        return Some(Swap::Off);
    }
    value.one_of(&[("off", Swap::Off), ("stock", Swap::Stock)], reader)
}

/// An IPv4 address that a machine can have.
pub(super) fn ipv4(text: &str) -> Result<Ipv4Addr, Wrong> {
    const EXAMPLE: &str = "Write it like `192.168.50.11`";
    if let Some((address, _)) = text.split_once('/') {
        let message = format!("{} has a prefix", shown(text));
        return Err(Wrong::new(message, format!("Write `{address}`; the prefix belongs under `network:`")));
    }
    let Ok(address) = text.parse::<Ipv4Addr>() else {
        return Err(Wrong::new(format!("{} is not an IPv4 address", shown(text)), EXAMPLE));
    };
    if address.is_unspecified()
        || address.is_loopback()
        || address.is_link_local()
        || address.octets().first().is_none_or(|first| *first == 0 || *first >= 224)
    {
        return Err(Wrong::new(
            format!("`{address}` is not an address that a machine can be given"),
            EXAMPLE,
        ));
    }
    Ok(address)
}

/// An IPv6 address of a node: one that others can reach.
pub(super) fn ipv6(text: &str) -> Result<Ipv6Addr, Wrong> {
    let address = ipv6_on_the_wire(text)?;
    if address.is_unicast_link_local() {
        let message = format!("`{address}` is link-local: every machine gives itself such an address");
        return Err(Wrong::new(message, "Write one of your network, like `fd00::11`"));
    }
    Ok(address)
}

/// An IPv6 address that a machine can have. That of a router is mostly link-local.
fn ipv6_on_the_wire(text: &str) -> Result<Ipv6Addr, Wrong> {
    let Ok(address) = text.parse::<Ipv6Addr>() else {
        return Err(Wrong::new(
            format!("{} is not an IPv6 address", shown(text)),
            "Write it like `fd00::11`",
        ));
    };
    let special = address.is_unspecified() || address.is_loopback() || address.is_multicast();
    if special || address.to_ipv4_mapped().is_some() {
        let message = format!("`{address}` is not an address that a machine can be given");
        return Err(Wrong::new(message, "Write it like `fd00::11`"));
    }
    Ok(address)
}

/// The address of one machine: a name server is asked by it alone.
fn name_server(text: &str) -> Result<IpAddr, Wrong> {
    const EXAMPLE: &str = "Write it like `192.168.50.1` or `fd00::1`; a name server is named by its address";
    let Ok(address) = text.parse::<IpAddr>() else {
        let parts: Vec<&str> = text.split([',', ' ']).filter(|part| !part.is_empty()).collect();
        let hint = if parts.len() > 1 {
            format!("Write a list: `[{}]`", parts.join(", "))
        } else {
            EXAMPLE.to_owned()
        };
        return Err(Wrong::new(format!("{} is not an IP address", shown(text)), hint));
    };
    let of_one_machine = match address {
        // 0.0.0.0/8 means "here", 224.0.0.0/4 groups, 240.0.0.0/4 nobody and everybody (RFC 6890).
        IpAddr::V4(address) => (1..224).contains(&address.octets()[0]),
        IpAddr::V6(address) => {
            !address.is_unspecified() && !address.is_multicast() && address.to_ipv4_mapped().is_none()
        }
    };
    if of_one_machine {
        Ok(address)
    } else {
        Err(Wrong::new(format!("`{address}` is not the address of one machine"), EXAMPLE))
    }
}

/// A number, perhaps with the `/` that it has behind an address, or of IPv4 a netmask: `255.255.255.0`.
fn prefix(text: &str, longest: u8) -> Result<u8, Wrong> {
    if longest == 30
        && let Ok(netmask) = text.parse::<Ipv4Addr>()
    {
        let ones = netmask.to_bits().leading_ones();
        let prefix = u8::try_from(ones).ok().filter(|prefix| (1..=longest).contains(prefix));
        let whole = ones + netmask.to_bits().trailing_zeros() == u32::BITS;
        return prefix.filter(|_| whole).ok_or_else(|| {
            let message = format!("`{netmask}` is not the netmask of a network with nodes in it");
            Wrong::new(message, "Write it like `255.255.255.0`, or as a prefix: `24`")
        });
    }
    match text.strip_prefix('/').unwrap_or(text).parse::<u8>() {
        Ok(prefix) if (1..=longest).contains(&prefix) => Ok(prefix),
        _ => {
            let usual = if longest == 30 { "`24` for 255.255.255.0" } else { "`64`" };
            let message = format!("{} is not a prefix: a number from 1 to {longest}", shown(text));
            Err(Wrong::new(
                message,
                format!("Write how many bits of the address name the network, mostly {usual}"),
            ))
        }
    }
}

fn interface(text: &str) -> Result<InterfaceName, Wrong> {
    if text.starts_with("wl") {
        let message = format!("{} is a wireless interface; cardwright sets up the wired one", shown(text));
        return Err(Wrong::new(message, "Write `eth0`"));
    }
    InterfaceName::new(text).map_err(|reason| {
        Wrong::new(format!("{} is no name of an interface: it {reason}", shown(text)), "Write `eth0`")
    })
}

fn domain(text: &str) -> Result<String, Wrong> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= 253 && text.split('.').all(label) {
        Ok(text.to_owned())
    } else {
        Err(Wrong::new(format!("{} is not a domain", shown(text)), "Write it like `home.arpa`"))
    }
}

fn shell(text: &str) -> Result<ImagePath, Wrong> {
    // The fields of /etc/passwd are separated by colons, its lines by line ends.
    match ImagePath::new(text) {
        Ok(path)
            if !text.contains(|character: char| {
                character == ':' || character.is_whitespace() || escape::is_control(character)
            }) && text != "/" =>
        {
            Ok(path)
        }
        _ => Err(Wrong::new(
            format!("{} is not the path of a shell", shown(text)),
            "Write the whole path inside the image, like `/bin/bash`",
        )),
    }
}

/// crypt(5): `$id$…` of yescrypt, gost-yescrypt, scrypt, bcrypt, SHA-512, SHA-256.
fn password_hash(text: &str) -> Result<Secret, Wrong> {
    let salt_and_hash = ["$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$6$", "$5$"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let plausible = salt_and_hash.is_some_and(|rest| {
        rest.len() >= 30
            && text.len() <= 512
            && rest.contains('$')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'!' | b'*' | b'\\'))
    });
    if plausible {
        return Ok(Secret::new(text.to_owned()));
    }
    let message = if salt_and_hash.is_some() {
        "this password hash is not whole"
    } else {
        "this is not a password hash (a password itself may not be written here)"
    };
    Err(Wrong::new(message, "Run `openssl passwd -6` and put what it prints here, in single quotes").secret())
}

/// A `.pub` file is some hundred bytes; an authorized_keys file of a thousand people, a quarter of this.
const LONGEST_KEY_FILE: u64 = 1 << 20;

/// The list `ssh_authorized_keys`, each key once. It is the key that counts: a second line with the same key
/// and the same options changes nothing, whatever its comment.
fn all_authorized_keys(value: &Cursor<'_>, reader: &mut Reader) -> Option<Vec<AuthorizedKey>> {
    let items = value.list(reader, |item, reader| Some((item.spot(), authorized_keys(item, reader)?)))?;
    let mut keys: Vec<AuthorizedKey> = Vec::new();
    for (spot, key) in
        items.into_iter().flat_map(|(spot, keys)| keys.into_iter().map(move |key| (spot.clone(), key)))
    {
        if let Some(known) = keys.iter_mut().find(|known| known.is_equivalent(&key)) {
            known.learn_from(&key);
            continue;
        }
        if keys.iter().any(|known| known.is_same_key(&key)) {
            let message = "the same key is named twice, with different options before it";
            let hint =
                "Keep one of the two: sshd goes by the first whose `from` and `expiry-time` fit, not by both";
            reader.warn(&spot, Wrong::new(message, hint));
        }
        warn_of_terms(&key, &spot, reader);
        keys.push(key);
    }
    if !keys.is_empty() && keys.iter().all(|key| key.terms().cert_authority) {
        let message = "every key here is that of a CA: only who has a certificate from it gets in";
        let hint =
            "Sign a key with `ssh-keygen -s CA -I NAME -n USER KEY.pub`, or add a key that logs in by itself";
        reader.warn(&value.spot(), Wrong::new(message, hint));
    }
    Some(keys)
}

/// Warns of a line that sshd takes and that may let nobody in.
fn warn_of_terms(key: &AuthorizedKey, spot: &FieldSpan, reader: &mut Reader) {
    const DAY: u64 = 24 * 60 * 60;
    let terms = key.terms();
    if terms.from_names_alone {
        let message =
            "`from` has names alone, and sshd compares it with addresses alone: nobody gets in by this line";
        let hint = "Write addresses or networks, like `from=\"192.168.50.0/24\"`, or set `UseDNS yes` for sshd, with `files:`";
        reader.warn(spot, Wrong::new(message, hint));
    }
    // A warning may go by this machine's clock; nothing that is written does. sshd goes by the card's time zone, so
    // the day itself is left out.
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs() / DAY);
    if let (Some(expiry), Ok(today)) = (terms.expiry, today)
        && expiry + 1 < today
    {
        let message = "the `expiry-time` of this key is past: nobody gets in by this line";
        reader.warn(spot, Wrong::new(message, "Write a later time, or name another key"));
    }
}

/// An entry of `ssh_authorized_keys`: a file, or a key itself.
fn authorized_keys(item: &Cursor<'_>, reader: &mut Reader) -> Option<Vec<AuthorizedKey>> {
    if let Kind::Scalar(scalar) = item.kind()
        && ssh::looks_like_key(&scalar.text)
    {
        let text = scalar.text.trim();
        let keys = if text.contains('\n') {
            AuthorizedKey::parse_all(text).map_err(|(_, error)| error)
        } else {
            AuthorizedKey::parse(text).map(|key| vec![key])
        };
        let keys = keys.map_err(|error| not_a_key(error, None)).and_then(|keys| {
            let none = || {
                Wrong::new("there is no key in this text, only comments", "Write the line of a `.pub` file")
            };
            if keys.is_empty() { Err(none()) } else { Ok(keys) }
        });
        return item.parse(reader, |_| keys);
    }
    let folders = reader.folders.clone();
    item.parse(reader, |text| {
        if let Some(wrong) = keys_of_a_website(text) {
            return Err(wrong);
        }
        let path = folders.existing_file(text)?;
        let name = shown(text);
        let content = key_file(&path, &name)?;
        let keys = AuthorizedKey::parse_all(&content)
            .map_err(|(line, error)| not_a_key(error, Some((text, line))))?;
        if keys.is_empty() {
            return Err(Wrong::new(format!("{name} holds no key"), "Name the `.pub` file of a key"));
        }
        Ok(keys.into_iter().map(|key| key.of_file(&path)).collect())
    })
}

/// The whole text of a file with keys: a part of it would leave people out without a word.
fn key_file(path: &std::path::Path, name: &str) -> Result<String, Wrong> {
    let mut content = Vec::new();
    plain_file::open(path)
        .and_then(|file| file.take(LONGEST_KEY_FILE + 1).read_to_end(&mut content))
        .map_err(|error| paths::unreadable(path, name, &error))?;
    if content.len() as u64 > LONGEST_KEY_FILE {
        let message = format!("{name} is larger than 1 MiB, which no file of public keys is");
        return Err(Wrong::new(message, "Check that this is the file that you mean"));
    }
    // Windows PowerShell's `>` writes UTF-16.
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        let message = format!("{name} is UTF-16, which sshd does not read");
        return Err(Wrong::new(message, "Save the file as UTF-8"));
    }
    String::from_utf8(content)
        .map_err(|_| Wrong::new(format!("{name} is not UTF-8"), "Save the file as UTF-8").secret())
}

/// cloud-init's `ssh_import_id`, and the address it stands for: nothing is downloaded for a login.
fn keys_of_a_website(text: &str) -> Option<Wrong> {
    let address = match text.split_once(':') {
        Some(("gh", name)) => format!("https://github.com/{name}.keys"),
        Some(("lp", name)) => format!("https://launchpad.net/~{name}/+sshkeys"),
        _ if text.starts_with("https://") || text.starts_with("http://") => text.to_owned(),
        _ => return None,
    };
    let message = format!("{} is not a file: who may log in is not asked of a website", shown(text));
    let hint = format!(
        "Download it, look at it, and name the file: {}",
        shown(&format!("curl -o me.keys {address}"))
    );
    Some(Wrong::new(message, hint))
}

/// Returns what is wrong, and what to do about it. `place` is the file and the line in it; the key is never
/// shown, as it may be a private one.
fn not_a_key(error: NotAPublicKey, place: Option<(&str, usize)>) -> Wrong {
    let file = place.map_or_else(|| "FILE".to_owned(), |(file, _)| file.to_owned());
    let hint = match error {
        NotAPublicKey::Private => {
            "Name the file that ends in `.pub`; a private key never leaves your machine".to_owned()
        }
        NotAPublicKey::PrivateOfPutty => format!(
            "Run {}, or copy what PuTTYgen shows for pasting, and name the file with that: a private key never leaves your machine",
            shown(&format!("puttygen {file} -O public-openssh -o {file}.pub"))
        ),
        NotAPublicKey::Ssh2 => format!(
            "Run {} and name that file",
            shown(&format!("ssh-keygen -i -f {file} > {file}.openssh.pub"))
        ),
        NotAPublicKey::Pem { format } => format!(
            "Run {} and name that file",
            shown(&format!("ssh-keygen -i -m {format} -f {file} > {file}.openssh.pub"))
        ),
        NotAPublicKey::Certificate => {
            "Name the key itself (the `.pub` file without `-cert`), or that of the CA, with `cert-authority` before it"
                .to_owned()
        }
        NotAPublicKey::Comment => "Remove the `#`, or the whole item".to_owned(),
        NotAPublicKey::UnknownOption => {
            "Remove what stands before the key type, or look options up in sshd(8) under AUTHORIZED_KEYS FILE FORMAT"
                .to_owned()
        }
        NotAPublicKey::Option { name: "principals", .. } => {
            "Remove it, or write it like `cert-authority,principals=\"ann\"`".to_owned()
        }
        NotAPublicKey::Option { name: "command" | "from", .. } => {
            "Write it like `from=\"192.168.50.*\"`, options separated by commas without spaces".to_owned()
        }
        NotAPublicKey::Option { .. } => {
            "Look it up in sshd(8) under AUTHORIZED_KEYS FILE FORMAT, or remove it".to_owned()
        }
        NotAPublicKey::Dsa | NotAPublicKey::ShortRsa => "Make another with `ssh-keygen -t ed25519`".to_owned(),
        NotAPublicKey::Unreadable => {
            "Use the whole line of the `.pub` file, beginning with `ssh-ed25519` or the like".to_owned()
        }
    };
    let place = place.map_or_else(String::new, |(file, line)| format!("{}, line {line}: ", shown(file)));
    Wrong::new(format!("{place}{error}"), hint).secret()
}

/// A name of the tz database, as /usr/share/zoneinfo has it. Whether it is there the image has to say.
fn timezone(text: &str) -> Result<String, Wrong> {
    let part = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+'))
    };
    if text.split('/').all(part) {
        Ok(text.to_owned())
    } else {
        Err(Wrong::new(
            format!("{} is not a time zone", shown(text)),
            "Write it like `Europe/Berlin` or `Etc/UTC`",
        ))
    }
}

fn time_server(text: &str) -> Result<TimeServer, Wrong> {
    TimeServer::new(text).map_err(|reason| {
        Wrong::new(
            format!("{} is no time server: it {reason}", shown(text)),
            "Write its name or its address, like `ntp.example.org` or `192.168.50.1`",
        )
    })
}

/// `language_COUNTRY.UTF-8`, with an optional `@variant`, or `C.UTF-8`.
fn locale(text: &str) -> Result<String, Wrong> {
    let (name, variant) = text.split_once('@').unwrap_or((text, "x"));
    let (language, charset) = name.split_once('.').unwrap_or((name, ""));
    let known = language == "C"
        || language.split_once('_').is_some_and(|(language, country)| {
            (2..=3).contains(&language.len())
                && language.bytes().all(|byte| byte.is_ascii_lowercase())
                && (2..=3).contains(&country.len())
                && country.bytes().all(|byte| byte.is_ascii_uppercase())
        });
    let message = format!("{} is not a locale", shown(text));
    if !known || variant.is_empty() || !variant.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(Wrong::new(message, "Write it like `de_DE.UTF-8`"));
    }
    if charset != "UTF-8" {
        let hint = format!("Write `{language}.UTF-8`");
        return Err(Wrong::new(format!("{message} in UTF-8"), hint));
    }
    Ok(text.to_owned())
}

fn command(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new("this command is empty", "Write a shell command, or remove the item"));
    }
    if text.contains('\0') {
        return Err(Wrong::new("this command has a NUL", "Remove it"));
    }
    Ok(text.trim_end().to_owned())
}

/// The beginning of the lines between which cardwright's own stand in a file of the system.
const OWN_LINES: &str = "# cardwright:";

/// The longest line of config.txt: the firmware ignores what is behind it (raspberrypi.com, "config.txt", File format).
const LONGEST_CONFIG_LINE: usize = 98;

/// A line of config.txt.
fn config_line(text: &str) -> Result<String, Wrong> {
    if text.trim().is_empty() {
        return Err(Wrong::new(
            "this line is empty",
            "Write a line like `dtparam=audio=off`, or remove the item",
        ));
    }
    if text.contains(escape::is_control) {
        let hint = "Write every line as an item of its own";
        return Err(Wrong::new(format!("{} is more than one line", shown(text)), hint));
    }
    if text.len() > LONGEST_CONFIG_LINE {
        let message = format!(
            "{} has {} bytes, and the firmware reads {LONGEST_CONFIG_LINE} of a line",
            shown(text),
            text.len()
        );
        return Err(Wrong::new(
            message,
            "Write several lines: one `dtparam=` each instead of many with commas",
        ));
    }
    if text.trim_start().starts_with(OWN_LINES) {
        let message = format!("{} is a line by which cardwright knows its own", shown(text));
        return Err(Wrong::new(message, "Write another comment, or remove the item"));
    }
    Ok(text.to_owned())
}

/// The first boot of bullseye and bookworm takes ` quiet` out of cmdline.txt wherever it stands, so that a word it begins
/// is cut as well, unless `splash` is in there too (raspberrypi-sys-mods, `firstboot`).
fn warn_of_words_that_go(words: &[Located<String>], reader: &mut Reader) {
    if words.iter().any(|word| word.value.contains("splash")) {
        return;
    }
    for Located { value: word, spot } in words {
        let Some(rest) = word.strip_prefix("quiet") else { continue };
        let message = if rest.is_empty() {
            "the first boot of bullseye and bookworm removes `quiet`".to_owned()
        } else {
            let (word, rest) = (shown(word), shown(rest));
            format!("the first boot of bullseye and bookworm removes `quiet` from {word}, and leaves {rest}")
        };
        reader.warn(
            spot,
            Wrong::new(message, "Remove it, or write `loglevel=3`, which stays and does the same"),
        );
    }
}

/// A word of cmdline.txt.
fn cmdline_word(text: &str) -> Result<String, Wrong> {
    let refused = |reason: &str, hint: &str| Err(Wrong::new(format!("{} {reason}", shown(text)), hint));
    if text.is_empty()
        || text.contains(|character: char| character.is_whitespace() || escape::is_control(character))
    {
        return refused("is not one word", "Write every word as an item of its own");
    }
    // The kernel takes what stands between double quotes for one word, and what comes after `--` for an
    // argument of init (kernel-parameters.rst): words that are added later would be lost.
    if !text.matches('"').count().is_multiple_of(2) || text == "--" {
        return refused("would swallow the words after it", "Close its quotes, or remove it");
    }
    if text.starts_with("init=") || text.starts_with("root=") || text.starts_with("rootfstype=") {
        return refused("would keep the card from starting", "Remove it: the stock image sets it rightly");
    }
    // Raspberry Pi OS trixie removes ` resize` from cmdline.txt at the first start by a plain text
    // replacement, and bookworm looks for `firstboot` in the same way.
    if text.starts_with("resize") || text.contains("firstboot") {
        return refused(
            "is mistaken by the first start of Raspberry Pi OS for a word of its own",
            "Remove it: the stock image lets its root partition grow by itself",
        );
    }
    Ok(text.to_owned())
}
