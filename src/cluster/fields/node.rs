//! The settings that the top of nodes.yaml gives to all nodes and a node may give for itself.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::document::keys;
use crate::cluster::document::value::{Field, FieldValue, Fields, Spanned};
use crate::cluster::fields::boot::{cmdline_word, config_line, warn_of_words_that_go};
use crate::cluster::fields::network::{
    apart, domain, interface, ipv4, ipv6_on_the_wire, name_server, one_of_two, prefix, with_prefix,
};
use crate::cluster::fields::system::{command, locale, swap, time_server, timezone};
use crate::cluster::fields::user::{all_authorized_keys, password_hash, shell};
use crate::cluster::fields::{files, size};
use crate::cluster::{
    AuthorizedKey, Boot, ExtraFile, FieldSpan, Interface, NodeSpans, PageSize, Secret, Swap, TimeServer,
    UserName, mac,
};
use crate::types::absent::OrEmpty as _;
use crate::types::{ByteCount, ImagePath};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// One layer of settings: the cluster's, a node's own, or a node's own above the cluster's.
#[derive(Debug, Clone, Default)]
pub(crate) struct NodeFields {
    pub(crate) interface: Field<Interface>,
    pub(crate) prefix: Field<u8>,
    pub(crate) gateway: Field<Ipv4Addr>,
    pub(crate) dns: Field<Vec<IpAddr>>,
    pub(crate) search: Field<Vec<String>>,
    /// The place of `network.ipv6`.
    pub(crate) ipv6: Field<()>,
    pub(crate) ipv6_prefix: Field<u8>,
    pub(crate) ipv6_gateway: Field<Ipv6Addr>,
    pub(crate) user_name: Field<UserName>,
    pub(crate) shell: Field<ImagePath>,
    pub(crate) password_hash: Field<Secret>,
    pub(crate) authorized_keys: Field<Vec<AuthorizedKey>>,
    pub(crate) passwordless_sudo: Field<bool>,
    pub(crate) ssh_password_login: Field<bool>,
    pub(crate) timezone: Field<String>,
    pub(crate) locale: Field<String>,
    pub(crate) ntp: Field<Vec<TimeServer>>,
    pub(crate) boot: Boot,
    /// The places of the words of `boot.cmdline`.
    pub(crate) cmdline_spans: BTreeMap<String, FieldSpan>,
    pub(crate) page_size: Field<PageSize>,
    pub(crate) swap: Field<Swap>,
    /// The memory of the board, for warnings.
    pub(crate) memory: Field<ByteCount>,
    pub(crate) files: Vec<Spanned<ExtraFile>>,
    pub(crate) first_boot: Vec<String>,
}

impl NodeFields {
    /// Reads one layer from the keys of the cluster or of a node.
    pub(crate) fn read(fields: &Fields<'_>) -> Self {
        let mut layer = Self {
            timezone: fields.text("timezone", timezone),
            locale: fields.text("locale", locale),
            ntp: fields.optional("ntp", |value| value.list(|item| item.parse_token(time_server))),
            swap: fields.optional("swap", swap),
            memory: fields.token("memory", size::memory),
            files: fields.get("files").and_then(|value| files::read(&value)).or_empty(),
            first_boot: fields
                .get("first_boot")
                .and_then(|value| value.list(|item| item.parse(command)))
                .or_empty(),
            ..Self::default()
        };
        let network = fields.get("network").map(|value| value.fields(&keys::NETWORK));
        if fields.is_mistyped("network") || matches!(network, Some(None)) {
            (layer.prefix, layer.gateway) = (Field::Invalid, Field::Invalid);
        }
        if let Some(Some(network)) = network {
            layer.read_network(&network);
        }
        if let Some(user) = fields.get("user").and_then(|value| value.fields(&keys::USER)) {
            layer.read_user(&user);
        }
        if let Some(ssh) = fields.get("ssh").and_then(|value| value.fields(&keys::SSH)) {
            layer.ssh_password_login = ssh.optional("password_login", FieldValue::boolean);
        }
        if let Some(boot) = fields.get("boot").and_then(|value| value.fields(&keys::BOOT)) {
            let list = |key, parse: fn(&str) -> Result<String, Finding>| {
                let one = |item: &FieldValue<'_>| item.parse_token(parse).map(|text| item.spanned(text));
                boot.get(key).and_then(|value| value.list(one)).or_empty()
            };
            let (config, cmdline) = (list("config", config_line), list("cmdline", cmdline_word));
            warn_of_words_that_go(&cmdline, fields.diagnostics());
            let span_of = |word: &Spanned<String>| (word.value.clone(), word.span.clone());
            layer.cmdline_spans = cmdline.iter().map(span_of).collect();
            let texts = |lines: Vec<Spanned<String>>| lines.into_iter().map(|line| line.value).collect();
            let (config, cmdline) = (texts(config), texts(cmdline));
            layer.boot = Boot { config, cmdline, ..Boot::default() };
            layer.page_size = boot.optional("page_size", |value| {
                value.one_of(&[("4k", PageSize::FourKib), ("stock", PageSize::Stock)])
            });
        }
        layer
    }

    fn read_network(&mut self, network: &Fields<'_>) {
        let by_name = network.optional("interface", |value| value.parse(interface).map(Interface::Named));
        let by_mac = network.optional("mac", |value| value.parse_token(mac::mac).map(Interface::WithMac));
        self.interface = one_of_two(["interface", "mac"], [by_name, by_mac], network.diagnostics());
        let prefix_of = |key| network.optional(key, |value| value.parse_token(|text| prefix(text, 30)));
        let both = [prefix_of("prefix"), prefix_of("netmask")];
        self.prefix = one_of_two(["prefix", "netmask"], both, network.diagnostics());
        let gateway =
            network.optional("gateway", |value| value.parse_token(|text| with_prefix(text, 30, ipv4)));
        self.gateway = apart(gateway, &mut self.prefix, network.diagnostics());
        self.dns = network.optional("dns", |value| value.list(|item| item.parse_token(name_server)));
        self.search = network.optional("search", |value| value.list(|item| item.parse(domain)));
        let Some(value) = network.get("ipv6") else { return };
        let Some(ipv6) = value.fields(&keys::NETWORK_IPV6) else { return };
        self.ipv6 = Field::Given(value.spanned(()));
        self.ipv6_prefix = ipv6.optional("prefix", |value| value.parse_token(|text| prefix(text, 126)));
        let gateway = ipv6
            .optional("gateway", |value| value.parse_token(|text| with_prefix(text, 126, ipv6_on_the_wire)));
        self.ipv6_gateway = apart(gateway, &mut self.ipv6_prefix, network.diagnostics());
    }

    fn read_user(&mut self, user: &Fields<'_>) {
        self.user_name = user.optional("name", |value| {
            value.parse(|text| {
                UserName::new(text).map_err(|reason| {
                    Finding::new(
                        format!("{} is no name for the user: it {reason}", shown(text)),
                        "Use letters a to z, digits, `-` and `_`, beginning with a letter, and no name of the system",
                    )
                })
            })
        });
        self.shell = user.text("shell", shell);
        self.password_hash = user.token("password_hash", password_hash);
        self.authorized_keys = user.optional("ssh_authorized_keys", all_authorized_keys);
        self.passwordless_sudo =
            user.optional("sudo", |value| value.one_of(&[("passwordless", true), ("password", false)]));
    }

    /// This layer above another: what it does not say comes from the other, and what is a list of
    /// additions is added to the other's.
    pub(crate) fn above(&self, other: &Self) -> Self {
        let files = other
            .files
            .iter()
            .filter(|file| !self.files.iter().any(|own| files::same_target(&own.value, &file.value)))
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
            cmdline_spans: other
                .cmdline_spans
                .clone()
                .into_iter()
                .chain(self.cmdline_spans.clone())
                .collect(),
            page_size: self.page_size.or(&other.page_size),
            swap: self.swap.or(&other.swap),
            memory: self.memory.or(&other.memory),
            files,
            first_boot: both(&self.first_boot, &other.first_boot),
        }
    }

    /// Returns the places of the values that only a stock image can judge.
    pub(crate) fn spans(&self) -> NodeSpans {
        fn span_of<T>(field: &Field<T>) -> Option<FieldSpan> {
            field.given().map(|given| given.span.clone())
        }
        NodeSpans {
            timezone: span_of(&self.timezone),
            locale: span_of(&self.locale),
            user_name: span_of(&self.user_name),
            shell: span_of(&self.shell),
            cmdline: self.cmdline_spans.clone(),
        }
    }
}
