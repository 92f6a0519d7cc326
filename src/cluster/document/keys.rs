//! The keys of nodes.yaml, level by level: the one list that the loader, its hints and the schema share.

/// One kind of mapping in nodes.yaml.
#[derive(Debug)]
pub(crate) struct Level {
    /// Its name among the definitions of nodes.schema.json; of the whole file, nothing.
    pub(crate) name: &'static str,
    /// Its place, as a hint says it.
    pub(crate) home: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [&'static str],
    /// Earlier names of keys, which are read but offered to nobody.
    pub(crate) former: &'static [&'static str],
}

impl Level {
    /// Returns `true` for a key that is read, under its own or an earlier name.
    pub(crate) fn accepts(&self, key: &str) -> bool {
        self.keys.contains(&key) || self.former.contains(&key)
    }
}

/// Declares the levels, and the list of all.
macro_rules! levels {
    ($($constant:ident $name:literal $home:literal $keys:tt $(former $former:literal)*;)*) => {
        $(pub(crate) const $constant: Level =
            Level { name: $name, home: $home, keys: &$keys, former: &[$($former),*] };)*
        pub(crate) const ALL: &[&Level] = &[$(&$constant),*];
    };
}

levels! {
    CLUSTER "" "at the top of the file" [
        "cluster", "image", "output", "user", "ssh", "network", "timezone", "locale", "ntp", "boot",
        "files", "first_boot", "swap", "memory", "k3s", "nodes",
    ];
    NODE "node" "in a node, under `nodes:`" [
        "name", "address", "ipv6", "k3s", "user", "ssh", "network", "timezone", "locale", "ntp", "boot",
        "files", "first_boot", "swap", "memory",
    ];
    NETWORK "network" "under `network:`" [
        "interface", "mac", "prefix", "netmask", "gateway", "dns", "search", "ipv6",
    ];
    NETWORK_IPV6 "network_ipv6" "under `ipv6:` of `network:`" ["prefix", "gateway"];
    USER "user" "under `user:`" ["name", "shell", "password_hash", "ssh_authorized_keys", "sudo"];
    SSH "ssh" "under `ssh:`" ["password_login"];
    BOOT "boot" "under `boot:`" ["config", "cmdline", "page_size"];
    FILE "file" "in a file, under `files:`" ["path", "content", "source", "partition", "mode", "owner"];
    K3S "k3s" "under `k3s:` at the top of the file" [
        "version", "install", "config", "labels", "taints", "server", "agent", "disable", "registries",
        "manifests", "ca_start_year", "kubeconfig", "virtual_address",
    ] former "founded";
    KUBECONFIG "kubeconfig" "under `kubeconfig:` of `k3s:`" ["lifetime"];
    K3S_ROLE "k3s_role" "under `server:` or `agent:` of `k3s:`" ["config", "labels", "taints"];
    K3S_NODE "k3s_node" "under `k3s:` of a node" ["role", "config", "labels", "taints"];
    INSTALL "install" "under `install:` of `k3s:`" ["download", "bundled"];
    DOWNLOAD "download" "under `download:` of `install:`" ["base_url", "sha256"];
    DOWNLOAD_SHA256 "download_sha256" "under `sha256:` of `download:`" ["arm64", "armhf"];
    BUNDLED "bundled" "under `bundled:` of `install:`" ["binary", "images"];
    BUNDLED_BINARY "bundled_binary" "under `binary:` of `bundled:`" ["arm64", "armhf"];
    ARTIFACT_PATH "artifact_path" "in a file, under `bundled:`" ["path", "sha256"];
    ARTIFACT_URL "artifact_url" "in a file, under `bundled:`" ["url", "sha256"];
    IMAGE_PATH "image_path" "under `image:`" ["path", "sha256", "grow"];
    IMAGE_URL "image_url" "under `image:`" ["url", "sha256", "grow"];
    OUTPUT "output" "under `output:`" ["dir", "format"];
}
