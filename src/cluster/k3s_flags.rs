//! Every flag of `k3s server` and `k3s agent`, and what it means for a card that cardwright makes.
//!
//! Names, aliases and roles are those of `pkg/cli/cmds/server.go`, `agent.go`, `log.go` and `root.go` of k3s; what
//! all servers have to agree on is `CriticalControlArgs` in `pkg/daemons/config/types.go`. A flag that the table does
//! not know is passed on: k3s gets new ones with every release.

use crate::cluster::diagnostic::{Finding, shown};
use crate::cluster::{NodeK3s, Role};
use crate::types::{ImagePath, escape, similar};
use ipnet::IpNet;
use serde_json::{Map, Value};
use std::net::IpAddr;

/// The folder for all that k3s keeps, unless `data-dir` names another.
pub(crate) const DATA_DIR: &str = "/var/lib/rancher/k3s";

/// The port of a server where nothing else is said: for nodes that join, and for kubectl.
pub(crate) const PORT: u16 = 6443;

/// The flag for the networks of pods, with k3s's default (docs.k3s.io, "k3s server").
pub(crate) const PODS: (&str, &str) = ("cluster-cidr", "10.42.0.0/16");

/// The flag for the networks of services, with k3s's default.
pub(crate) const SERVICES: (&str, &str) = ("service-cidr", "10.43.0.0/16");

/// A flag of k3s.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    /// Its long name, which is its key in config.yaml.
    pub(crate) name: &'static str,
    /// Its short form, which k3s takes as a key as well.
    pub(crate) alias: Option<&'static str>,
    /// The role that has it; `None` for both.
    pub(crate) role: Option<Role>,
    pub(crate) effect: FlagEffect,
    /// The default, of a flag that has to be the same on all servers.
    critical: Option<FlagDefault>,
}

/// The effect of a flag on what a card has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FlagEffect {
    /// Nothing: k3s is told what nodes.yaml says.
    Passed,
    /// cardwright changes what it writes accordingly.
    Followed(Followed),
    /// Another key of nodes.yaml decides it: what to do instead.
    Decided(&'static str),
    /// It contradicts what is on the card: why, and what to do instead.
    Refused(&'static str, &'static str),
}

/// The flags whose values cardwright follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Followed {
    /// Certificates, manifests and container images lie below it.
    DataDir,
    /// It is in the addresses that nodes join, and in the kubeconfig.
    Port,
    /// Subnets have to be clear of it.
    Networks,
}

/// The value that k3s takes where a flag is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlagDefault {
    Value(&'static str),
    /// The tenth address of each network of services.
    OfServices,
    /// Of the list, only whether this is in it.
    Listed(&'static str),
}

const SERVER: Option<Role> = Some(Role::Server);

const AGENT: Option<Role> = Some(Role::Agent);

const BOTH: Option<Role> = None;

const fn passed(name: &'static str, role: Option<Role>) -> Flag {
    Flag { name, alias: None, role, effect: FlagEffect::Passed, critical: None }
}

const fn critical(name: &'static str, default: &'static str) -> Flag {
    Flag { critical: Some(FlagDefault::Value(default)), ..passed(name, SERVER) }
}

const fn decided(name: &'static str, role: Option<Role>, instead: &'static str) -> Flag {
    Flag { effect: FlagEffect::Decided(instead), ..passed(name, role) }
}

const fn refused(name: &'static str, role: Option<Role>, why: &'static str, instead: &'static str) -> Flag {
    Flag { effect: FlagEffect::Refused(why, instead), ..passed(name, role) }
}

const fn followed(name: &'static str, role: Option<Role>, what: Followed) -> Flag {
    Flag { effect: FlagEffect::Followed(what), ..passed(name, role) }
}

impl Flag {
    const fn short(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    const fn same_on_servers(self, default: FlagDefault) -> Self {
        Self { critical: Some(default), ..self }
    }
}

const TOKENS: &str = "Remove it: every node gets its token from the cluster's secret";

const JOINED: &str = "Remove it: nodes join the first node of `nodes:` with `k3s: server`, at its `address`";

const ONE_PORT: &str = "servers answer nodes and kubectl at one port";

const SET_PORT: &str = "Set `https-listen-port`, which all cards follow";

const ONCE: &str = "it is for one start, and a card has it at every start";

const RESET: &str = "Run `k3s server --cluster-reset` on the node";

const VPN: &str = "the node would have the address of the VPN, and other cards know its `address`";

const REMOVE: &str = "Remove it";

const WHOLE_SERVER: &str = "every other card and the kubeconfig need it on a server";

/// All of them, in the order in which k3s lists them.
#[rustfmt::skip]
pub(crate) const FLAGS: &[Flag] = &[
    refused("config", BOTH, "k3s reads this very file", "Put files of your own into `/etc/rancher/k3s/config.yaml.d`, with `files:`").short("c"),
    passed("debug", BOTH),
    passed("v", BOTH),
    passed("vmodule", BOTH),
    passed("log", BOTH).short("l"),
    passed("alsologtostderr", BOTH),
    // Listener
    refused("bind-address", BOTH, "a server has to answer at its `address`, at the virtual address and at its own loopback", "Remove it, and keep others out with a firewall"),
    followed("https-listen-port", SERVER, Followed::Port).same_on_servers(FlagDefault::Value("6443")),
    refused("supervisor-port", SERVER, ONE_PORT, SET_PORT),
    refused("apiserver-port", SERVER, ONE_PORT, SET_PORT),
    refused("apiserver-bind-address", SERVER, ONE_PORT, REMOVE),
    passed("advertise-address", SERVER),
    refused("advertise-port", SERVER, "nodes learn from it at which port servers answer", SET_PORT),
    passed("tls-san", SERVER),
    passed("tls-san-security", SERVER),
    // Data
    followed("data-dir", BOTH, Followed::DataDir).short("d"),
    // Networking
    followed(PODS.0, SERVER, Followed::Networks).same_on_servers(FlagDefault::Value(PODS.1)),
    followed(SERVICES.0, SERVER, Followed::Networks).same_on_servers(FlagDefault::Value(SERVICES.1)),
    passed("service-node-port-range", SERVER),
    passed("cluster-dns", SERVER).same_on_servers(FlagDefault::OfServices),
    critical("cluster-domain", "cluster.local"),
    critical("flannel-backend", "vxlan"),
    critical("flannel-ipv6-masq", "false"),
    critical("flannel-ip-masq-disable-random-fully", "false"),
    critical("flannel-external-ip", "false"),
    critical("egress-selector-mode", "agent"),
    passed("servicelb-namespace", SERVER),
    // Client
    passed("write-kubeconfig", SERVER).short("o"),
    passed("write-kubeconfig-mode", SERVER),
    passed("write-kubeconfig-group", SERVER),
    passed("helm-job-image", SERVER),
    // Cluster
    decided("token", BOTH, TOKENS).short("t"),
    decided("token-file", BOTH, TOKENS),
    decided("agent-token", SERVER, TOKENS),
    decided("agent-token-file", SERVER, TOKENS),
    decided("cluster-secret", BOTH, TOKENS),
    decided("server", BOTH, JOINED).short("s"),
    decided("cluster-init", SERVER, "Remove it: the number of nodes with `k3s: server` decides it"),
    refused("cluster-reset", SERVER, ONCE, RESET),
    refused("cluster-reset-restore-path", SERVER, ONCE, RESET),
    // Flags of the parts of Kubernetes
    passed("kube-apiserver-arg", SERVER),
    passed("etcd-arg", SERVER),
    passed("kube-controller-manager-arg", SERVER),
    passed("kube-scheduler-arg", SERVER),
    passed("kube-cloud-controller-manager-arg", SERVER),
    passed("kube-controller-arg", SERVER),
    passed("kube-cloud-controller-arg", SERVER),
    passed("helm-controller-arg", SERVER),
    // Database: an outside one takes the place of SQLite and etcd, and keeps the certificates that are on the card.
    passed("datastore-endpoint", SERVER),
    passed("datastore-cafile", SERVER),
    passed("datastore-certfile", SERVER),
    passed("datastore-keyfile", SERVER),
    passed("kine-tls", SERVER),
    passed("etcd-expose-metrics", SERVER),
    passed("etcd-disable-snapshots", SERVER),
    passed("etcd-snapshot-name", SERVER),
    passed("etcd-snapshot-schedule-cron", SERVER),
    passed("etcd-snapshot-reconcile-interval", SERVER),
    passed("etcd-snapshot-retention", SERVER),
    passed("etcd-snapshot-dir", SERVER),
    passed("etcd-snapshot-compress", SERVER),
    passed("etcd-s3", SERVER),
    passed("etcd-s3-endpoint", SERVER),
    passed("etcd-s3-endpoint-ca", SERVER),
    passed("etcd-s3-skip-ssl-verify", SERVER),
    passed("etcd-s3-access-key", SERVER),
    passed("etcd-s3-secret-key", SERVER),
    passed("etcd-s3-session-token", SERVER),
    passed("etcd-s3-bucket", SERVER),
    passed("etcd-s3-bucket-lookup-type", SERVER),
    passed("etcd-s3-region", SERVER),
    passed("etcd-s3-folder", SERVER),
    passed("etcd-s3-retention", SERVER),
    passed("etcd-s3-proxy", SERVER),
    passed("etcd-s3-config-secret", SERVER),
    passed("etcd-s3-insecure", SERVER),
    passed("etcd-s3-timeout", SERVER),
    passed("default-local-storage-path", SERVER),
    // Components. k3s compares of `disable` only what the load balancer is about.
    passed("disable", SERVER).same_on_servers(FlagDefault::Listed("servicelb")),
    passed("disable-scheduler", SERVER),
    critical("disable-cloud-controller", "false"),
    passed("disable-kube-proxy", SERVER),
    critical("disable-network-policy", "false"),
    critical("disable-helm-controller", "false"),
    refused("disable-apiserver", SERVER, WHOLE_SERVER, "Remove it, or make the node an agent"),
    passed("disable-controller-manager", SERVER),
    refused("disable-etcd", SERVER, WHOLE_SERVER, "Remove it, or make the node an agent"),
    passed("disable-agent", SERVER),
    critical("embedded-registry", "false"),
    critical("supervisor-metrics", "false"),
    // Node
    decided("node-name", BOTH, "Remove it: the `name` of the node decides it"),
    refused("with-node-id", BOTH, "the node would have another name than its card", "Remove it: the `name` of the node decides it"),
    passed("node-label", BOTH),
    passed("node-taint", BOTH),
    passed("image-credential-provider-bin-dir", BOTH),
    passed("image-credential-provider-config", BOTH),
    passed("selinux", BOTH),
    passed("disable-selinux", BOTH),
    passed("lb-server-port", BOTH),
    passed("protect-kernel-defaults", BOTH),
    // Runtime
    passed("docker", BOTH),
    passed("container-runtime-endpoint", BOTH),
    passed("default-runtime", BOTH),
    passed("image-service-endpoint", BOTH),
    passed("disable-default-registry-endpoint", BOTH),
    passed("nonroot-devices", BOTH),
    passed("pause-image", BOTH),
    passed("snapshotter", BOTH),
    decided("private-registry", BOTH, "Remove it: what `registries:` says is where k3s looks"),
    passed("system-default-registry", SERVER),
    passed("airgap-extra-registry", BOTH),
    // Networking of a node
    decided("node-ip", BOTH, "Remove it: the `address` and `ipv6` of the node decide it").short("i"),
    passed("node-external-ip", BOTH),
    passed("node-internal-dns", BOTH),
    passed("node-external-dns", BOTH),
    passed("resolv-conf", BOTH),
    passed("flannel-iface", BOTH),
    passed("flannel-conf", BOTH),
    passed("flannel-cni-conf", BOTH),
    passed("no-flannel", AGENT),
    refused("vpn-auth", BOTH, VPN, "Remove it"),
    refused("vpn-auth-file", BOTH, VPN, "Remove it"),
    passed("disable-apiserver-lb", AGENT),
    passed("kubelet-arg", BOTH),
    passed("kube-proxy-arg", BOTH),
    critical("secrets-encryption", "false"),
    critical("secrets-encryption-provider", "aescbc"),
    passed("enable-pprof", BOTH),
    refused("rootless", BOTH, "k3s runs as root on a card, and everything of it lies where root's lies", REMOVE),
    passed("prefer-bundled-bin", BOTH),
];

/// Returns the flag of a key of config.yaml.
pub(crate) fn find(key: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == key || flag.alias == Some(key))
}

/// Lists the keys of config.yaml that nodes.yaml may not have.
pub(crate) fn forbidden_keys() -> impl Iterator<Item = &'static str> {
    let is_refused = |flag: &&Flag| matches!(flag.effect, FlagEffect::Decided(_) | FlagEffect::Refused(..));
    let names = FLAGS.iter().filter(is_refused).map(|flag| flag.name);
    names.chain(FLAGS.iter().filter_map(|flag| flag.alias))
}

/// Returns the name of the one flag that a mistyped key most probably was.
pub(crate) fn nearest(key: &str) -> Option<&'static str> {
    const FARTHEST: usize = 2;
    let near = |farthest| {
        FLAGS.iter().filter(move |flag| similar::distance(flag.name, key) <= farthest).map(|flag| flag.name)
    };
    // A third of a word that is another makes it another word.
    let farthest = (key.len() / 3).min(FARTHEST);
    (1..=farthest).find_map(|farthest| {
        let mut near = near(farthest);
        near.next().filter(|_| near.next().is_none())
    })
}

/// Returns the flags that k3s has all servers agree on.
pub(crate) fn critical_flags() -> impl Iterator<Item = &'static Flag> {
    FLAGS.iter().filter(|flag| flag.critical.is_some())
}

impl Flag {
    /// Returns what k3s compares of this flag between two servers, where it does.
    pub(crate) fn compared(&self, config: &Map<String, Value>) -> Option<String> {
        let given = given(config, self.name);
        Some(match self.critical? {
            FlagDefault::Listed(item) => given.iter().any(|given| given == item).to_string(),
            _ if !given.is_empty() => given.join(","),
            FlagDefault::Value(value) => value.to_owned(),
            FlagDefault::OfServices => default_dns(config).join(","),
        })
    }
}

impl Flag {
    /// Returns what servers share in this flag, and why they have to, as a clause.
    pub(crate) fn shared_by_servers(&self) -> (String, &'static str) {
        let what = match self.critical {
            Some(FlagDefault::Listed(item)) => format!("`{item}` in `{}`", self.name),
            _ => format!("`{}`", self.name),
        };
        match self.effect {
            FlagEffect::Followed(Followed::Port) => (what, "cards join all of them at one port"),
            _ => (what, "k3s lets no server join that differs"),
        }
    }
}

/// Returns the items that a flag has, written as one text with commas or as a list; `key+` adds to them.
pub(crate) fn given(config: &Map<String, Value>, name: &str) -> Vec<String> {
    fn push(value: &Value, items: &mut Vec<String>) {
        match value {
            Value::Null => {}
            Value::Array(list) => list.iter().for_each(|item| push(item, items)),
            Value::String(text) => items.extend(text.split(',').map(|item| item.trim().to_owned())),
            other => items.push(other.to_string()),
        }
    }
    let mut items = Vec::new();
    for (key, value) in config.iter().filter(|(key, _)| key.trim_end_matches('+') == name) {
        if key == name {
            let mut first = Vec::new();
            push(value, &mut first);
            items.splice(0..0, first);
        } else {
            push(value, &mut items);
        }
    }
    items
}

/// Returns the networks of [`PODS`] or [`SERVICES`].
#[expect(clippy::expect_used, reason = "these flags are checked when nodes.yaml is read")]
pub(crate) fn networks(config: &Map<String, Value>, (flag, default): (&str, &str)) -> Vec<IpNet> {
    let given = given(config, flag);
    let given = if given.is_empty() { vec![default.to_owned()] } else { given };
    given.iter().map(|network| network.parse().expect("a checked flag holds networks")).collect()
}

/// Returns `true` if a server's kubeconfig may be read by its group, and that is root's, in which nobody is.
pub(crate) fn lets_an_empty_group_in(config: &Map<String, Value>) -> bool {
    let mode = given(config, "write-kubeconfig-mode");
    // As k3s reads it: octal, with a leading zero or without.
    let mode = mode.first().and_then(|mode| u16::from_str_radix(mode, 8).ok());
    let group_alone = mode.is_some_and(|mode| mode & 0o040 != 0 && mode & 0o004 == 0);
    group_alone && given(config, "write-kubeconfig-group").is_empty()
}

/// Returns the addresses of the cluster's own name server where none is named: the tenth of each network of services.
fn default_dns(config: &Map<String, Value>) -> Vec<String> {
    let tenth = |network: IpNet| match network {
        IpNet::V4(network) => Some(IpAddr::V4((network.network().to_bits().checked_add(10)?).into())),
        IpNet::V6(network) => Some(IpAddr::V6((network.network().to_bits().checked_add(10)?).into())),
    };
    networks(config, SERVICES).into_iter().filter_map(tenth).map(|address| address.to_string()).collect()
}

/// Ports that a server of k3s, or the system below it, uses itself (docs.k3s.io, "Requirements", and Kubernetes's
/// "Ports and Protocols").
const TAKEN: [(std::ops::RangeInclusive<u16>, &str); 5] = [
    (22..=22, "sshd"),
    (2379..=2382, "etcd"),
    (6444..=6444, "k3s's own balancer (`lb-server-port`)"),
    (10_248..=10_260, "the kubelet and its neighbours"),
    (5001..=5001, "the embedded registry"),
];

/// Checks a port for servers.
pub(crate) fn port(text: &str) -> Result<u16, Finding> {
    let port = text.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
        Finding::new(format!("{} is not a port", shown(text)), "Write a number from 1 to 65535, like `6443`")
    })?;
    match TAKEN.iter().find(|(taken, _)| taken.contains(&port)) {
        Some((_, whose)) => Err(Finding::new(
            format!("port {port} belongs to {whose} on a server"),
            "Choose another one, or leave `6443`",
        )),
        None => Ok(port),
    }
}

/// Folders in which nothing stays, or that are no place for k3s's data.
const NO_PLACES: [&str; 9] =
    ["/tmp", "/run", "/var/run", "/var/lock", "/proc", "/sys", "/dev", "/boot", "/etc"];

/// Checks a folder for what k3s keeps.
pub(crate) fn data_dir(text: &str) -> Result<ImagePath, Finding> {
    let hint = "Write a folder of its own, like `/srv/k3s`";
    let path = ImagePath::new(text).map_err(|error| Finding::new(error.to_string(), hint))?;
    let inside = |folder: &&str| {
        path.as_str().strip_prefix(*folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if path.parent().is_none() || text.contains(escape::is_control) || NO_PLACES.iter().any(inside) {
        return Err(Finding::new(format!("k3s cannot keep its data in {}", shown(text)), hint));
    }
    Ok(path)
}

impl NodeK3s {
    /// Returns the folder in which k3s keeps what it has: `data-dir` of `config:`, or k3s's own.
    pub fn data_dir(&self) -> &str {
        self.config.get("data-dir").and_then(Value::as_str).unwrap_or(DATA_DIR)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::collections::BTreeSet;

    fn compared(name: &str, config: &Value) -> String {
        find(name).unwrap().compared(config.as_object().unwrap()).unwrap()
    }

    #[test]
    fn every_flag_is_there_once_and_says_why() {
        let mut names = BTreeSet::new();
        for flag in FLAGS {
            assert!(names.insert(flag.name), "{}", flag.name);
            assert!(flag.alias.is_none_or(|alias| names.insert(alias)), "{}", flag.name);
            if let FlagEffect::Refused(why, instead) = flag.effect {
                assert!(!why.is_empty() && !instead.is_empty(), "{}", flag.name);
            }
        }
        assert!(FLAGS.len() > 120, "{}", FLAGS.len());
    }

    /// The `cli` tags of k3s's `CriticalControlArgs`; `disable-service-lb` is its word for servicelb in `disable`.
    #[test]
    fn what_k3s_compares_between_servers_is_known() {
        let of_k3s = [
            "cluster-dns",
            "cluster-cidr",
            "cluster-domain",
            "disable-cloud-controller",
            "disable-helm-controller",
            "disable-network-policy",
            "disable",
            "secrets-encryption",
            "secrets-encryption-provider",
            "embedded-registry",
            "flannel-backend",
            "flannel-ipv6-masq",
            "flannel-ip-masq-disable-random-fully",
            "flannel-external-ip",
            "egress-selector-mode",
            "service-cidr",
            "supervisor-metrics",
        ];
        for name in of_k3s {
            assert!(critical_flags().any(|flag| flag.name == name), "{name}");
        }
        // The port is ours: the addresses that nodes join have one.
        assert_eq!(critical_flags().count(), of_k3s.len() + 1);
    }

    #[test]
    fn an_absent_flag_is_what_k3s_takes_for_it() {
        assert_eq!(
            compared("flannel-backend", &json!({})),
            compared("flannel-backend", &json!({"flannel-backend": "vxlan"}))
        );
        assert_eq!(
            compared("secrets-encryption", &json!({})),
            compared("secrets-encryption", &json!({"secrets-encryption": false}))
        );
        let dual = json!({"service-cidr": "10.43.0.0/16, fd00:43::/112"});
        assert_eq!(compared("cluster-dns", &dual), "10.43.0.10,fd00:43::a");
        assert_eq!(
            compared("cluster-dns", &json!({"cluster-dns": ["10.43.0.10"]})),
            compared("cluster-dns", &json!({}))
        );
    }

    #[test]
    fn of_disable_only_the_load_balancer_counts() {
        assert_eq!(compared("disable", &json!({"disable": ["traefik"]})), "false");
        assert_eq!(compared("disable", &json!({"disable": "traefik,servicelb"})), "true");
        assert_eq!(compared("disable", &json!({"disable": "traefik", "disable+": ["servicelb"]})), "true");
    }

    #[test]
    fn a_mistyped_flag_is_the_one_that_is_nearest() {
        for (key, meant) in [
            ("tls-sans", Some("tls-san")),
            ("writekubeconfig-mode", Some("write-kubeconfig-mode")),
            ("flannel-ifcae", Some("flannel-iface")),
            ("nosuchflag", None),
            ("x", None),
        ] {
            assert_eq!(super::nearest(key), meant, "{key}");
        }
    }

    #[test]
    fn a_group_that_may_read_has_to_be_named() {
        let lets = |config: &Value| lets_an_empty_group_in(config.as_object().unwrap());
        assert!(
            lets(&json!({"write-kubeconfig-mode": "0640"})) && lets(&json!({"write-kubeconfig-mode": 640}))
        );
        for fine in [
            json!({}),
            json!({"write-kubeconfig-mode": "0600"}),
            json!({"write-kubeconfig-mode": "0644"}),
            json!({"write-kubeconfig-mode": "0640", "write-kubeconfig-group": "sudo"}),
        ] {
            assert!(!lets(&fine), "{fine}");
        }
    }

    #[test]
    fn a_port_is_one_that_is_free_on_a_server() {
        assert_eq!(port("7443").unwrap(), 7443);
        for invalid in ["0", "65536", "x", "22", "2379", "6444", "10250"] {
            assert!(port(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_data_dir_is_a_folder_that_stays() {
        assert!(data_dir("/srv/k3s").is_ok() && data_dir("/runner").is_ok());
        for invalid in ["/", "srv", "/srv/../k3s", "/tmp/k3s", "/run", "/boot/firmware/k3s"] {
            assert!(data_dir(invalid).is_err(), "{invalid}");
        }
    }
}
