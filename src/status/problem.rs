//! What keeps a node from being ready, each with its remedy.

use crate::types::{ByteCount, errors};
use std::net::IpAddr;
use std::time::Duration;

/// The chance that a problem passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outlook {
    /// The node is on its way, as far as anybody can tell.
    Unfinished,
    /// It may pass, and may not.
    MayPass,
    /// Waiting does not help.
    Lasting,
}

errors! {
    /// A reason why a node is not ready, or may not stay so.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum NodeProblem {
        /// A machine that is not of this cluster has the address, or the node's card is of another secret.
        #[error("another machine answers at {host}: {}{}", key_words(key.as_deref()), hardware_words(hardware.as_deref()))]
        AddressTaken { host: String, key: Option<String>, hardware: Option<String> }
            => "Give that machine another address, or the node in nodes.yaml, and flash its card again. Where it is the node all the same, its card was made with another cluster.secret: flash it again",
        /// The card of another node answers.
        #[error("the card of `{other}` answers at {host}")]
        OtherCard { host: String, other: String }
            => "Where the router gives the addresses, correct what it reserves; otherwise that card is older than nodes.yaml: flash the cards of both again",
        /// Two nodes answer at each other's addresses.
        #[error("this node and `{other}` are at each other's addresses")]
        Swapped { other: String }
            => "Where the router gives the addresses, swap what it reserves for the two boards; otherwise the cards are older than nodes.yaml: flash both again",
        /// Two machines have the same card.
        #[error("two machines answer as this node by turns: the boards {} and {}", boards.0, boards.1)]
        SameNodeTwice { boards: (String, String) }
            => "A card was written twice: switch off one of the two, and flash its card for the node that is missing",
        /// The first boot left the root filesystem as small as in the image.
        #[error("its root filesystem has {root} of the card's {disk}: the first boot did not grow it")]
        NotGrown { node: String, root: ByteCount, disk: ByteCount }
            => format!("Run `cardwright ssh {node} sudo raspi-config nonint do_expand_rootfs`, then `cardwright ssh {node} sudo reboot`; or flash the card again"),
        /// No time server answers.
        #[error("no time server answers it{}", clock_words(*off))]
        NoTime { off: Option<Duration> }
            => "Name a server that the node reaches with `ntp:` in nodes.yaml (the router often is one) and flash its card again, or let UDP port 123 out",
        /// There is no way out of its network.
        #[error("it has no default route, without which k3s does not start")]
        NoRoute => "Correct `gateway:` in nodes.yaml and flash its card again; where the router gives the address, see that it gives a gateway as well",
        /// Names cannot be resolved.
        #[error("it does not find the address of {host}")]
        NoNames { host: String }
            => "Name a server that answers with `dns:` under `network:` in nodes.yaml and flash its card again, or let port 53 out",
        /// The kernel keeps no account of memory.
        #[error("its kernel has no memory cgroup, without which k3s does not start")]
        NoMemoryCgroup
            => "End the one line of cmdline.txt, on the card's first partition, with `cgroup_memory=1 cgroup_enable=memory`, as `build` does, and start the node anew",
        /// The API is that of another cluster.
        #[error("its k3s shows a certificate of another authority than this cluster's")]
        OtherAuthority
            => "Its card was made with another cluster.secret, or somebody installed k3s anew: flash the card again, or put the cluster.secret of the card back and build",
        /// The API does not let the kubeconfig in.
        #[error("its k3s refuses the certificate of the kubeconfig, with status {status}")]
        ApiRefuses { status: u16 }
            => "The kubeconfig was made with another cluster.secret, or its time is over: run `cardwright build` once more",
        /// The certificate of the API is of another time.
        #[error("its k3s shows a certificate that is not valid now")]
        CertificateTime { node: String }
            => format!("Compare the clock of this machine with that of the node (`cardwright ssh {node} date`). Once both are right, start k3s anew: `cardwright ssh {node} sudo systemctl restart k3s`"),
        /// The node is the right one and lets nobody in.
        #[error("it is the right machine, and lets `{user}` in by none of your keys")]
        LoginRefused { user: String }
            => "Where your key has a passphrase, run `ssh-add` first; where nodes.yaml names another key than yours, correct that and flash its card again",
        /// A script of the first start has failed; it tries again.
        #[error("{topic}: {reason}")]
        Failing { node: String, topic: String, reason: String }
            => format!("It tries again by itself. `cardwright logs {node}` shows more"),
        /// k3s ends as soon as it is started.
        #[error("{unit} ended and was started again {times} times")]
        Restarts { node: String, unit: String, times: u32 }
            => format!("See why: `cardwright ssh {node} sudo journalctl -n 50 -u {unit}`"),
        /// The kubelet is short of something.
        #[error("k3s reports {condition}")]
        Pressure { node: String, condition: String }
            => match condition.as_str() {
                "DiskPressure" => format!("Its card is nearly full: `cardwright ssh {node} df -h`"),
                "MemoryPressure" => format!("It has little memory left: `cardwright ssh {node} free -h`"),
                _ => format!("Look at `kubectl describe node {node}`"),
            },
        /// Nothing is there.
        #[error("nothing answers at {host}")]
        Silent { host: String }
            => if host.parse::<IpAddr>().is_err() {
                "See that it has power, its card and its network. Where this machine finds no names that end in `.local`, look its address up in the router, and reserve it there and in nodes.yaml"
            } else {
                "See that it has power, its card and its network, and that this machine is in the same one. A screen at the node shows how far it is"
            },
        /// Something is there that does not let ssh in.
        #[error("something is at {host}, and there is no login by ssh: {reason}")]
        NoLogin { host: String, reason: String }
            => "A first boot takes a few minutes. Where it takes longer, see on a screen whether that is the node",
        /// It has not come to an end.
        #[error("it is not done: {state}")]
        Unfinished { node: String, state: String }
            => format!("Wait longer with `cardwright status --timeout 1h`, or look at `cardwright logs {node}`"),
    }
}

impl NodeProblem {
    /// Returns the chance that it passes by itself.
    pub fn outlook(&self) -> Outlook {
        match self {
            Self::Silent { .. } | Self::NoLogin { .. } | Self::Unfinished { .. } => Outlook::Unfinished,
            Self::NoTime { .. }
            | Self::NoRoute
            | Self::NoNames { .. }
            | Self::Failing { .. }
            | Self::Restarts { .. }
            | Self::CertificateTime { .. }
            | Self::Pressure { .. } => Outlook::MayPass,
            _ => Outlook::Lasting,
        }
    }

    /// Returns its name for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AddressTaken { .. } => "address-taken",
            Self::OtherCard { .. } => "other-card",
            Self::Swapped { .. } => "swapped",
            Self::SameNodeTwice { .. } => "same-node-twice",
            Self::NotGrown { .. } => "not-grown",
            Self::NoTime { .. } => "no-time",
            Self::NoRoute => "no-route",
            Self::NoNames { .. } => "no-names",
            Self::NoMemoryCgroup => "no-memory-cgroup",
            Self::OtherAuthority => "other-authority",
            Self::ApiRefuses { .. } => "api-refuses",
            Self::CertificateTime { .. } => "certificate-time",
            Self::LoginRefused { .. } => "login-refused",
            Self::Failing { .. } => "failing",
            Self::Restarts { .. } => "restarts",
            Self::Pressure { .. } => "pressure",
            Self::Silent { .. } => "silent",
            Self::NoLogin { .. } => "no-login",
            Self::Unfinished { .. } => "unfinished",
        }
    }
}

fn key_words(key: Option<&str>) -> String {
    key.map_or_else(
        || "it has no host key of this cluster's kind".to_owned(),
        |key| format!("its host key {key} is none of this cluster's"),
    )
}

/// Says which board it is, and whether that is a Raspberry Pi: the first three bytes are those of its maker
/// (IEEE's list of MA-L).
fn hardware_words(address: Option<&str>) -> String {
    const RASPBERRY_PI: [&str; 6] = ["28:cd:c1", "2c:cf:67", "b8:27:eb", "d8:3a:dd", "dc:a6:32", "e4:5f:01"];
    address.map_or_else(String::new, |address| {
        let is_one = RASPBERRY_PI.iter().any(|maker| address.to_lowercase().starts_with(maker));
        format!("; its hardware address is {address}{}", if is_one { ", of a Raspberry Pi" } else { "" })
    })
}

fn clock_words(off: Option<Duration>) -> String {
    off.map_or_else(String::new, |off| format!(", and its clock is off by {}", super::duration_words(off)))
}
