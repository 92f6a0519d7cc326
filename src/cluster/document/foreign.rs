//! Keys of neighbouring programs, and what says the same here.
//!
//! People bring what they know: Raspberry Pi Imager's settings and its `custom.toml` and `rpi-preseed.toml`,
//! cloud-init's user-data, netplan, DietPi's `dietpi.txt`, sdm's plugins, inventories of k3s-ansible. A key
//! that a mapping does not have is looked up here; words are in small letters with `_` for `-`.

use crate::cluster::document::keys::Level;
use Counterpart::{Example, K3sExample, Key, Nothing};

/// The way in which nodes.yaml says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counterpart {
    /// A key with a value of the same kind.
    Key(&'static str),
    /// Something of another shape, as an example to stand at the top of the file or in a node.
    Example(&'static str),
    /// The same, to stand under the top-level `k3s:`.
    K3sExample(&'static str),
    /// Nothing; why, and what to do instead.
    Nothing(&'static str),
}

/// Words, apart by spaces, with one counterpart, and the levels (by their names in nodes.schema.json) where they mean it.
/// Empty: anywhere.
struct Row(&'static str, &'static [&'static str], Counterpart);

impl Row {
    fn words(&self) -> impl Iterator<Item = &'static str> {
        self.0.split_whitespace()
    }
}

/// At the top, for the whole cluster or one node.
const SETTINGS: &[&str] = &["", "node"];

const K3S: &[&str] = &["k3s", "k3s_role", "k3s_node"];

/// The keys of other tools. Rows for one level go before those for every level.
const TABLE: &[Row] = &[
    // The cluster.
    Row("name cluster_name clustername cluster_context", &[""], Key("cluster")),
    Row(
        "hosts servers agents masters workers master worker machines inventory children all server \
         agent control_plane node_groups",
        &[""],
        Nothing(
            "List the nodes with their roles: `nodes: [{name: north, address: 192.168.50.11, k3s: server}]`",
        ),
    ),
    Row(
        "apiversion kind metadata spec config_version",
        &[""],
        Nothing("Remove it: nodes.yaml has neither a version nor a kind"),
    ),
    Row("users", SETTINGS, Example("user: {name: ann}")),
    // A node.
    Row(
        "host hostname host_name node_name nodename fqdn sethostname auto_setup_net_hostname",
        &[],
        Key("name"),
    ),
    Row(
        "ip ipv4 addr ip_address ipaddress ipaddr ip4 ipv4_address static_ip ansible_host addresses \
         auto_setup_net_static_ip ipv4_static_ip",
        &[],
        Key("address"),
    ),
    Row("ip6 ipv6_address ipv6_static_ip address6", &[], Key("ipv6")),
    Row("role roles type node_type k3s_role kubernetes k8s k3s_cluster", SETTINGS, Key("k3s")),
    // The network.
    Row("ethernets ethernet eth0 lan wired networking network_config", SETTINGS, Key("network")),
    Row("subnet network_cidr", &[], Example("network: {prefix: 24, gateway: 192.168.50.1}")),
    Row("cidr prefixlen prefix_length bits", &[], Key("prefix")),
    Row("mask subnet_mask auto_setup_net_static_mask", &[], Key("netmask")),
    Row(
        "routers router gw gateway4 default_gateway via auto_setup_net_static_gateway \
         ipv4_static_gateway",
        &[],
        Key("gateway"),
    ),
    Row("gateway6", &[], Example("network: {ipv6: {gateway: fd00::1}}")),
    Row("routes", &[], Example("network: {gateway: 192.168.50.1}")),
    Row(
        "nameservers nameserver name_servers dns_servers dns_nameservers resolvers \
         domain_name_servers auto_setup_net_static_dns ipv4_static_dns",
        &[],
        Key("dns"),
    ),
    Row("domain domains domain_search search_domains dns_search ipv4_static_dns_search", &[], Key("search")),
    Row("nic ifname iface device dev", &[], Key("interface")),
    Row("macaddress mac_address hwaddr hwaddress match", &[], Key("mac")),
    Row(
        "dhcp dhcp4 dhcp6 method renderer optional link_local auto_setup_net_usestatic \
         auto_setup_dhcp_to_static auto_setup_net_ethernet_enabled",
        &[],
        Nothing("Remove it: every node has the static address that its `address` names"),
    ),
    Row(
        "version",
        &["network", ""],
        Nothing("Remove it: nodes.yaml has no version; that of k3s belongs under `k3s:`"),
    ),
    Row(
        "wifi wifis wlan wlan0 wireless ssid wifissid wifi_ssid wifipassword wifi_password \
         wificountry wifi_country country psk wpa wpa_supplicant hidden access_points \
         auto_setup_net_wifi_enabled auto_setup_net_wifi_country_code",
        &[],
        Nothing("Remove it: cardwright sets up the wired network, and has no key for Wi-Fi"),
    ),
    Row(
        "mtu bonds bridges vlans wakeonlan",
        &[],
        Nothing("No key sets it; bring a file of NetworkManager's under `files:`"),
    ),
    // The user.
    Row(
        "username user_name login default_user adduser sshusername ansible_user",
        SETTINGS,
        Example("user: {name: ann}"),
    ),
    Row("username user_name login user", &["user"], Key("name")),
    Row(
        "password passwd hashed_passwd hashed_password password_encrypted pass user_password \
         plain_text_passwd chpasswd password_user sshuserpassword auto_setup_global_password",
        &[],
        Key("password_hash"),
    ),
    Row(
        "ssh_keys ssh_key authorized_keys authorized_key public_key public_keys pubkey ssh_public_key \
         ssh_public_keys ssh_pub_key sshpublickey sshauthorizedkeys ssh_import_id authkey import_key \
         sshkey auto_setup_ssh_pubkey",
        &[],
        Key("ssh_authorized_keys"),
    ),
    Row(
        "ssh_pwauth password_authentication passwordauthentication sshpasswordauth ssh_password_login \
         ssh_password_auth software_disable_ssh_password_logins",
        &[],
        Key("password_login"),
    ),
    Row("passwordless_sudo nopasswd", &[], Example("user: {sudo: passwordless}")),
    Row(
        "groups gecos uid homedir lock_passwd primary_group no_create_home expiredate",
        &["user", "", "node"],
        Nothing(
            "The user has the stock image's number, home and groups; change them with a command of `first_boot:`",
        ),
    ),
    Row(
        "sshenabled ssh_enabled enable_ssh enabled disable_root ssh_deletekeys ssh_genkeytypes \
         auto_setup_ssh_server_index port ansible_port",
        &["ssh", "", "node"],
        Nothing(
            "Remove it: SSH is always on, at port 22, with host keys that known_hosts beside the images holds",
        ),
    ),
    // The system.
    Row("tz time_zone system_timezone auto_setup_timezone", &[], Key("timezone")),
    Row("locales lang language auto_setup_locale", &[], Key("locale")),
    Row(
        "keyboard keymap keyboard_layout keyboardlayout xkblayout keyboard_model \
         auto_setup_keyboard_layout",
        SETTINGS,
        Nothing("No key sets the keyboard; bring /etc/default/keyboard under `files:`"),
    ),
    Row("time_servers timeservers ntp_servers fallback_ntp config_ntp_mirror timesync", &[], Key("ntp")),
    Row("write_files copyfile copy_files copydir file extra_files", SETTINGS, Key("files")),
    Row(
        "runcmd bootcmd commands command run script scripts firstrun first_run runonce runatboot \
         runscript late early custom_script auto_setup_custom_script_exec post_install",
        &[],
        Key("first_boot"),
    ),
    Row(
        "packages package install_packages apt apt_install apps package_update package_upgrade \
         package_reboot_if_required auto_setup_apt_installs auto_setup_install_software_id",
        SETTINGS,
        Example("first_boot: [\"apt-get update && apt-get install -y htop\"]"),
    ),
    Row(
        "config_txt bootconfig dtparam dtoverlay interfaces i2c spi rpi enable_usb_gadget raspiconfig",
        SETTINGS,
        Example("boot: {config: [dtparam=i2c_arm=on]}"),
    ),
    Row(
        "cmdline cmdline_txt kernel_args kernel_cmdline kernel_params",
        SETTINGS,
        Example("boot: {cmdline: [quiet]}"),
    ),
    Row("config_txt dtparam dtoverlay lines", &["boot"], Key("config")),
    Row("cmdline_txt append kernel_args kernel_params args", &["boot"], Key("cmdline")),
    Row("swapfile swap_size zram disable_swap auto_setup_swapfile_size rpi_swap", SETTINGS, Key("swap")),
    Row("ram mem", SETTINGS, Key("memory")),
    Row(
        "growpart resize_rootfs expand_filesystem expand_root resize",
        SETTINGS,
        Nothing(
            "Remove it: the root partition fills the card at the first start; for more room in the image itself there is `image: {path: …, grow: 1GiB}`",
        ),
    ),
    Row(
        "ca_certs ca_certificates",
        SETTINGS,
        Example(
            "files: [{path: /usr/local/share/ca-certificates/mine.crt, content: \"…\"}], first_boot: [update-ca-certificates]",
        ),
    ),
    Row(
        "mounts fstab",
        SETTINGS,
        Nothing(
            "No key mounts disks; bring a systemd unit under `files:`, like /etc/systemd/system/data.mount",
        ),
    ),
    Row(
        "connect rpi_connect piconnectenabled power_state final_message phone_home manage_etc_hosts \
         preserve_hostname prefer_fqdn_over_hostname ansible_connection ansible_become \
         ansible_become_password ansible_ssh_private_key_file ansible_ssh_common_args systemd_dir \
         api_port user_kubectl survey_opted_in auto_setup_automated auto_setup_headless vars \
         extra_install_envs",
        &[],
        Nothing("Remove it: it means nothing here"),
    ),
    // k3s.
    Row("k3s_version", &[""], K3sExample("version: v1.36.4+k3s1")),
    Row("k3s_version release channel tag k3s_channel", K3S, Key("version")),
    Row(
        "token k3s_token cluster_token node_token agent_token server_token",
        &["", "node", "k3s", "k3s_role", "k3s_node"],
        Nothing("Remove it: every node gets its token from the cluster's secret"),
    ),
    Row(
        "api_endpoint apiserver_endpoint virtual_ip vip kube_vip kubevip apivip apihost endpoint \
         load_balancer kube_vip_address",
        &[],
        Key("virtual_address"),
    ),
    Row("founded", SETTINGS, Key("ca_start_year")),
    Row(
        "server_config_yaml extra_server_args server_args opt_server_init_args k3s_server_args",
        &[],
        K3sExample("server: {config: {write-kubeconfig-mode: \"0640\"}}"),
    ),
    Row(
        "agent_config_yaml extra_agent_args agent_args k3s_agent_args",
        &[],
        K3sExample("agent: {config: {kubelet-arg: [max-pods=50]}}"),
    ),
    Row("args extra_args k3s_extra_args flags options", K3S, Key("config")),
    Row("extra_args k3s_extra_args", SETTINGS, K3sExample("config: {debug: true}")),
    Row(
        "registries_config_yaml custom_registries_yaml private_registry registry mirrors",
        &[],
        Key("registries"),
    ),
    Row("extra_manifests manifest manifests_dir charts helm helm_charts auto_deploy", &[], Key("manifests")),
    Row(
        "metal_lb_ip_range metallb metal_lb_type kube_vip_tag_version calico_iface cilium_iface",
        &[],
        K3sExample("manifests: manifests/"),
    ),
    Row("node_label node_labels label", K3S, Key("labels")),
    Row("node_taint node_taints taint", K3S, Key("taints")),
    Row("node_label node_labels", &[], Key("labels")),
    Row("node_taint node_taints", &[], Key("taints")),
    Row("disabled disable_components k3s_disable no_deploy", &[], Key("disable")),
    Row("tls_san tls_sans opt_tls_san", &[], K3sExample("server: {config: {tls-san: [k3s.example.org]}}")),
    Row(
        "cluster_cidr pod_cidr pod_subnet",
        &[],
        K3sExample("server: {config: {cluster-cidr: 10.52.0.0/16}}"),
    ),
    Row("service_cidr service_subnet", &[], K3sExample("server: {config: {service-cidr: 10.53.0.0/16}}")),
    Row("cni flannel_backend", &[], K3sExample("server: {config: {flannel-backend: vxlan}}")),
    Row("flannel_iface", &[], K3sExample("config: {flannel-iface: eth0}")),
    Row(
        "datastore_endpoint use_external_database external_database",
        &[],
        K3sExample("server: {config: {datastore-endpoint: \"https://192.168.50.2:2379\"}}"),
    ),
    Row(
        "airgap airgap_dir air_gap",
        &[],
        Nothing(
            "Write `install: {bundled: {binary: {arm64: k3s-arm64}, images: [k3s-airgap-images-arm64.tar.zst]}}` under `k3s:`",
        ),
    ),
    // A file.
    Row("permissions chmod perm perms", &[], Key("mode")),
    Row("chown user group", &["file"], Key("owner")),
    Row("src local from", &[], Key("source")),
    Row("contents text data body", &["file"], Key("content")),
    Row("contents", &[], Key("content")),
    Row("to dest destination target filename", &["file"], Key("path")),
    Row(
        "encoding append defer mkdirif",
        &["file"],
        Nothing("Remove it: a file is written whole, as it is, with the folders above it"),
    ),
    // Images, in and out.
    Row("img base_image source_image stock_image os", &[""], Key("image")),
    Row("file name filename", &["image_path", "artifact_path"], Key("path")),
    Row("link address download", &["image_path", "artifact_path"], Key("url")),
    // What the download page shows beside the image.
    Row(
        "sha256 checksum sha256sum sha hash",
        &["", "output"],
        Nothing("Write it under `image:`, like `image: {path: images/raspios.img.xz, sha256: …}`"),
    ),
    Row("checksum sha256sum sha hash", &[], Key("sha256")),
    Row("size image_size", &["image_path", "image_url"], Key("grow")),
    Row("out output_dir images_dir", &[""], Key("output")),
    Row("folder directory path", &["output"], Key("dir")),
    Row("folder directory", &[], Key("dir")),
    Row("type compression extension", &["output"], Key("format")),
];

/// Returns the counterpart of a key that a level does not have.
pub(crate) fn counterpart(level: &Level, unknown: &str) -> Option<Counterpart> {
    let word = unknown.to_lowercase().replace('-', "_");
    let of = |wanted: fn(&Row, &Level) -> bool| {
        TABLE.iter().find(|row| wanted(row, level) && row.words().any(|known| known == word)).map(|row| row.2)
    };
    of(|row, level| row.1.contains(&level.name)).or_else(|| of(|row, _| row.1.is_empty()))
}

/// Every word with the levels it stands at, and its counterpart.
#[cfg(test)]
pub(crate) fn all() -> impl Iterator<Item = (Vec<&'static str>, &'static [&'static str], Counterpart)> {
    TABLE.iter().map(|row| (row.words().collect(), row.1, row.2))
}

#[cfg(test)]
mod tests {
    use super::{Counterpart, all};
    use crate::cluster::Cluster;
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
                Counterpart::Key(_) | Counterpart::Nothing(_) => continue,
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
        for (words, levels, counterpart) in all() {
            for word in words {
                assert_eq!(word, word.to_lowercase().replace('-', "_"));
                for level in if levels.is_empty() { &["anywhere"] } else { levels } {
                    let earlier = seen.insert((word, *level), counterpart);
                    assert!(earlier.is_none(), "{word} {level}: {earlier:?} and {counterpart:?}");
                }
            }
        }
    }
}
