//! The settings that the top of nodes.yaml gives to all nodes and a node may give for itself.

use crate::cluster::diagnostic::{Wrong, shown};
use crate::cluster::document::keys;
use crate::cluster::document::value::{Cursor, Fields, Located, Reader, Setting};
use crate::cluster::fields::boot::{cmdline_word, config_line, warn_of_words_that_go};
use crate::cluster::fields::network::{
    apart, domain, interface, ipv4, ipv6_on_the_wire, name_server, one_of_two, prefix, with_prefix,
};
use crate::cluster::fields::system::{command, locale, swap, time_server, timezone};
use crate::cluster::fields::user::{all_authorized_keys, password_hash, shell};
use crate::cluster::fields::{files, size};
use crate::cluster::{
    AuthorizedKey, Boot, ExtraFile, FieldSpan, Interface, NodeSpots, PageSize, Secret, Swap, TimeServer,
    UserName, mac,
};
use crate::types::absent::OrEmpty as _;
use crate::types::{ByteCount, ImagePath};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One layer of settings: the cluster's, a node's own, or a node's own above the cluster's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) interface: Setting<Interface>,
    pub(crate) prefix: Setting<u8>,
    pub(crate) gateway: Setting<Ipv4Addr>,
    pub(crate) dns: Setting<Vec<IpAddr>>,
    pub(crate) search: Setting<Vec<String>>,
    /// Where `network.ipv6` stands.
    pub(crate) ipv6: Setting<()>,
    pub(crate) ipv6_prefix: Setting<u8>,
    pub(crate) ipv6_gateway: Setting<Ipv6Addr>,
    pub(crate) user_name: Setting<UserName>,
    pub(crate) shell: Setting<ImagePath>,
    pub(crate) password_hash: Setting<Secret>,
    pub(crate) authorized_keys: Setting<Vec<AuthorizedKey>>,
    pub(crate) passwordless_sudo: Setting<bool>,
    pub(crate) ssh_password_login: Setting<bool>,
    pub(crate) timezone: Setting<String>,
    pub(crate) locale: Setting<String>,
    pub(crate) ntp: Setting<Vec<TimeServer>>,
    pub(crate) boot: Boot,
    /// The places of the words of `boot.cmdline`.
    pub(crate) cmdline_spots: BTreeMap<String, FieldSpan>,
    pub(crate) page_size: Setting<PageSize>,
    pub(crate) swap: Setting<Swap>,
    /// How much the board has, for warnings.
    pub(crate) memory: Setting<ByteCount>,
    pub(crate) files: Vec<Located<ExtraFile>>,
    pub(crate) first_boot: Vec<String>,
}

impl Settings {
    /// Reads one layer from the keys of the cluster or of a node.
    pub(crate) fn read(fields: &Fields<'_>, reader: &mut Reader) -> Self {
        let mut settings = Self {
            timezone: fields.setting("timezone", reader, |value, reader| value.parse(reader, timezone)),
            locale: fields.setting("locale", reader, |value, reader| value.parse(reader, locale)),
            ntp: fields.setting("ntp", reader, |value, reader| {
                value.list(reader, |item, reader| item.parse_token(reader, time_server))
            }),
            swap: fields.setting("swap", reader, swap),
            memory: fields.setting("memory", reader, |value, reader| value.parse_token(reader, size::memory)),
            files: fields.get("files").and_then(|value| files::read(&value, reader)).or_empty(),
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
    pub(crate) fn above(&self, other: &Self) -> Self {
        let files = other
            .files
            .iter()
            .filter(|file| !self.files.iter().any(|own| files::same_place(&own.value, &file.value)))
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
    pub(crate) fn spots(&self) -> NodeSpots {
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
