//! Keys of neighbouring programs that have no key of the same kind here, and what to write instead.
//!
//! People bring what they know: Raspberry Pi Imager's settings and its `custom.toml` and `rpi-preseed.toml`,
//! cloud-init's user-data, netplan, DietPi's `dietpi.txt`, sdm's plugins, inventories of k3s-ansible. A key
//! that a mapping does not have is looked up in its tables, which have the words for their own keys, and here. Words are in
//! small letters with `_` for `-`.

use crate::cluster::document::keys::{Level, Levels, Row};
use Counterpart::{Example, K3sExample, Key, KeyWith, Nothing};

/// The way in which nodes.yaml says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counterpart {
    /// A key with a value of the same kind.
    Key(&'static str),
    /// A key with a value of another kind, as an example for the same place.
    KeyWith(&'static str, &'static str),
    /// Something of another shape, as an example to stand at the top of the file or in a node.
    Example(&'static str),
    /// The same, to stand under the top-level `k3s:`.
    K3sExample(&'static str),
    /// Nothing; why, and what to do instead.
    Nothing(&'static str),
}

/// Words, apart by spaces, with one counterpart, and the levels (by their names in nodes.schema.json) where they mean it.
/// Empty: anywhere.
struct Foreign(&'static str, &'static [&'static str], Counterpart);

/// At the top, for the whole cluster or one node.
const SETTINGS: &[&str] = &["", "node"];

/// The keys of other tools. Rows for one level go before those for every level.
const TABLE: &[Foreign] = &[
    // The cluster.
    Foreign(
        "hosts servers agents masters workers master worker machines inventory children all server \
         agent control_plane node_groups",
        &[""],
        Nothing(
            "List the nodes with their roles: `nodes: [{name: north, address: 192.168.50.11, k3s: server}]`",
        ),
    ),
    Foreign(
        "apiversion kind metadata spec config_version",
        &[""],
        Nothing("Remove it: nodes.yaml has neither a version nor a kind"),
    ),
    // The network.
    Foreign("subnet network_cidr", &[], Example("network: {prefix: 24, gateway: 192.168.50.1}")),
    Foreign(
        "dhcp dhcp4 use_dhcp auto_setup_net_usestatic auto_setup_dhcp_to_static",
        &["network"],
        KeyWith("method", "method: dhcp"),
    ),
    Foreign("gateway6", &[], Example("network: {ipv6: {gateway: fd00::1}}")),
    Foreign(
        "dhcp dhcp4 dhcp6 use_dhcp auto_setup_net_usestatic auto_setup_dhcp_to_static",
        &[],
        Example("network: {method: dhcp}"),
    ),
    Foreign(
        "renderer optional link_local auto_setup_net_ethernet_enabled",
        &[],
        Nothing("Remove it: `address` and `method` say all of it"),
    ),
    Foreign(
        "version",
        &["network", ""],
        Nothing("Remove it: nodes.yaml has no version; that of k3s belongs under `k3s:`"),
    ),
    Foreign(
        "ssid wifissid wifi_ssid wifipassword wifi_password wificountry wifi_country psk hidden \
         auto_setup_net_wifi_enabled auto_setup_net_wifi_country_code",
        &["", "node", "network"],
        Example("wifi: {ssid: my home, password: the password, country: DE}"),
    ),
    Foreign("name", &["interface", "network"], Key("interface")),
    Foreign("name", &["vlan"], Nothing("Remove it: a VLAN is called by its number, like `vlan20`")),
    Foreign(
        "bonds bridges wakeonlan",
        &[],
        Nothing("No key sets it; bring a file of NetworkManager's under `files:`"),
    ),
    // The user.
    Foreign(
        "username user_name login default_user adduser sshusername ansible_user",
        SETTINGS,
        Example("user: {name: ann}"),
    ),
    Foreign("passwordless_sudo nopasswd", &[], Example("user: {sudo: nopasswd}")),
    Foreign(
        "gecos homedir lock_passwd primary_group no_create_home expiredate",
        &["user", "", "node"],
        Nothing(
            "A user has a home in /home, a group of its own, and no password unless one is given; change the rest with a command of `first_boot:`",
        ),
    ),
    Foreign(
        "sshenabled ssh_enabled enable_ssh enabled disable_root ssh_deletekeys ssh_genkeytypes \
         auto_setup_ssh_server_index port ansible_port",
        &["ssh", "", "node"],
        Nothing(
            "Remove it: SSH is always on, at port 22, with host keys that known_hosts beside the images holds",
        ),
    ),
    // The system.
    Foreign(
        "packages package install_packages apt apt_install apps package_update package_upgrade \
         package_reboot_if_required auto_setup_apt_installs auto_setup_install_software_id",
        SETTINGS,
        Example("first_boot: [\"apt-get update && apt-get install -y htop\"]"),
    ),
    Foreign(
        "config_txt bootconfig dtparam dtoverlay interfaces i2c spi rpi enable_usb_gadget raspiconfig",
        SETTINGS,
        Example("boot: {config: [dtparam=i2c_arm=on]}"),
    ),
    Foreign(
        "cmdline cmdline_txt kernel_args kernel_cmdline kernel_params",
        SETTINGS,
        Example("boot: {cmdline: [quiet]}"),
    ),
    Foreign(
        "growpart resize_rootfs expand_filesystem expand_root resize",
        SETTINGS,
        Nothing(
            "Remove it: the root partition fills the card at the first start; for more room in the image itself there is `image: {path: …, grow: 1GiB}`",
        ),
    ),
    Foreign(
        "ca_certs ca_certificates",
        SETTINGS,
        Example(
            "files: [{path: /usr/local/share/ca-certificates/mine.crt, content: \"…\"}], first_boot: [update-ca-certificates]",
        ),
    ),
    Foreign(
        "mounts fstab",
        SETTINGS,
        Nothing(
            "No key mounts disks; bring a systemd unit under `files:`, like /etc/systemd/system/data.mount",
        ),
    ),
    Foreign(
        "connect rpi_connect piconnectenabled power_state final_message phone_home manage_etc_hosts \
         preserve_hostname prefer_fqdn_over_hostname ansible_connection ansible_become \
         ansible_become_password ansible_ssh_private_key_file ansible_ssh_common_args systemd_dir \
         api_port user_kubectl survey_opted_in auto_setup_automated auto_setup_headless vars \
         extra_install_envs",
        &[],
        Nothing("Remove it: it means nothing here"),
    ),
    // k3s.
    Foreign("k3s_version", &[""], K3sExample("version: v1.36.4+k3s1")),
    Foreign(
        "token k3s_token cluster_token node_token agent_token server_token",
        &["", "node", "k3s", "k3s_role", "k3s_node"],
        Nothing("Remove it: every node gets its token from the cluster's secret"),
    ),
    Foreign(
        "server_config_yaml extra_server_args server_args opt_server_init_args k3s_server_args",
        &[],
        K3sExample("server: {config: {write-kubeconfig-mode: \"0640\"}}"),
    ),
    Foreign(
        "agent_config_yaml extra_agent_args agent_args k3s_agent_args",
        &[],
        K3sExample("agent: {config: {kubelet-arg: [max-pods=50]}}"),
    ),
    Foreign("extra_args k3s_extra_args", SETTINGS, K3sExample("config: {debug: true}")),
    Foreign(
        "metal_lb_ip_range metallb metal_lb_type kube_vip_tag_version calico_iface cilium_iface",
        &[],
        K3sExample("manifests: manifests/"),
    ),
    Foreign(
        "tls_san tls_sans opt_tls_san",
        &[],
        K3sExample("server: {config: {tls-san: [k3s.example.org]}}"),
    ),
    Foreign(
        "cluster_cidr pod_cidr pod_subnet",
        &[],
        K3sExample("server: {config: {cluster-cidr: 10.52.0.0/16}}"),
    ),
    Foreign("service_cidr service_subnet", &[], K3sExample("server: {config: {service-cidr: 10.53.0.0/16}}")),
    Foreign("cni flannel_backend", &[], K3sExample("server: {config: {flannel-backend: vxlan}}")),
    Foreign("flannel_iface", &[], K3sExample("config: {flannel-iface: eth0}")),
    Foreign(
        "datastore_endpoint use_external_database external_database",
        &[],
        K3sExample("server: {config: {datastore-endpoint: \"https://192.168.50.2:2379\"}}"),
    ),
    Foreign(
        "airgap airgap_dir air_gap",
        &[],
        Nothing(
            "Write `install: {bundled: {binary: {arm64: k3s-arm64}, images: [k3s-airgap-images-arm64.tar.zst]}}` under `k3s:`",
        ),
    ),
    // A file.
    Foreign(
        "encoding append defer mkdirif",
        &["file"],
        Nothing("Remove it: a file is written whole, as it is, with the folders above it"),
    ),
    // Images, in and out.
    // What the download page shows beside the image.
    Foreign(
        "sha256 checksum sha256sum sha hash",
        &["", "output"],
        Nothing("Write it under `image:`, like `image: {path: images/raspios.img.xz, sha256: …}`"),
    ),
];

/// Returns the counterpart of a key that a level does not have: by the words for that level, else by those for any.
pub(crate) fn counterpart(levels: Levels, level: &Level, unknown: &str) -> Option<Counterpart> {
    let unknown = unknown.to_lowercase().replace('-', "_");
    let has = |words: &str| words.split_whitespace().any(|word| word == unknown);
    let foreign = |wanted: fn(&Foreign, &Level) -> bool| {
        TABLE.iter().find(|foreign| wanted(foreign, level) && has(foreign.0)).map(|foreign| foreign.2)
    };
    let key = |row: &Row| Key(row.key);
    let mut rows = level.rows();
    rows.find(|row| has(row.here))
        .map(key)
        .or_else(|| foreign(|foreign, level| foreign.1.contains(&level.name)))
        .or_else(|| levels.iter().flat_map(|level| level.rows()).find(|row| has(row.others)).map(key))
        .or_else(|| foreign(|foreign, _| foreign.1.is_empty()))
}

/// Every word with the levels it stands at, and its counterpart.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (Vec<&'static str>, &'static [&'static str], Counterpart)> {
    TABLE.iter().map(|row| (row.0.split_whitespace().collect(), row.1, row.2))
}

#[cfg(test)]
mod tests {
    use super::{Counterpart, all};
    use crate::cluster::Cluster;
    use crate::cluster::fields::LEVELS;
    use std::path::Path;

    fn problems(text: &str) -> Vec<String> {
        match Cluster::parse(text, Path::new("no-such-folder/nodes.yaml")) {
            Ok(_) => Vec::new(),
            Err(invalid) => invalid.problems.into_iter().map(|problem| problem.message).collect(),
        }
    }

    #[test]
    fn every_example_is_one() {
        for (words, _, counterpart) in all() {
            let (top, k3s) = match counterpart {
                // It is in the text below already.
                Counterpart::K3sExample(text) if text.starts_with("version:") => continue,
                Counterpart::Example(text) => (text, ""),
                Counterpart::K3sExample(text) => ("", text),
                Counterpart::Key(_) | Counterpart::KeyWith(..) | Counterpart::Nothing(_) => continue,
            };
            let k3s = if k3s.is_empty() { String::new() } else { format!(", {k3s}") };
            let node = if top.is_empty() { String::new() } else { format!(", {top}") };
            let found = problems(&format!(
                "cluster: compass\nimage: demo\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
                 k3s: {{version: v1.36.4+k3s1{k3s}}}\nnodes:\n  \
                 - {{name: north, address: 192.168.50.11, k3s: server, ipv6: fd00::11{node}}}\n"
            ));
            // That the folder of the example is not there is right.
            let found: Vec<_> = found.iter().filter(|message| !message.contains("no-such-folder")).collect();
            assert!(found.is_empty(), "{words:?}: {found:?}");
        }
    }

    #[test]
    fn no_word_means_two_things_at_a_level() {
        let mut seen = std::collections::BTreeMap::new();
        let mut add = |word: &'static str, level: &'static str, counterpart| {
            assert_eq!(word, word.to_lowercase().replace('-', "_"));
            let earlier = seen.insert((word, level), counterpart);
            assert!(
                earlier.is_none_or(|earlier| earlier == counterpart),
                "{word} {level}: {earlier:?} and {counterpart:?}"
            );
        };
        for (words, levels, counterpart) in all() {
            for word in words {
                for level in if levels.is_empty() { &["anywhere"] } else { levels } {
                    add(word, level, counterpart);
                }
            }
        }
        for level in LEVELS {
            for row in level.rows() {
                row.here.split_whitespace().for_each(|word| add(word, level.name, Counterpart::Key(row.key)));
                row.others
                    .split_whitespace()
                    .for_each(|word| add(word, "anywhere", Counterpart::Key(row.key)));
            }
        }
    }
}
