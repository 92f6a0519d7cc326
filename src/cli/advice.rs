//! Advice on the next steps, after a build.

use super::paint::{CYAN, Line, paint, spans};
use cardwright::cluster::{Cluster, ImageSource, Install, Node, Role};
use cardwright::formats::ImageFormat;
use cardwright::k3s::STATUS_FILE;
use cardwright::pipeline::{Built, BuiltImage, Commands, Undertaking};
use cardwright::raspios::DOWNLOAD_PAGE;
use cardwright::types::shell;
use std::fmt::Display;
use std::path::Path;

/// On which system cards are flashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum System {
    Linux,
    MacOs,
    Windows,
}

impl System {
    /// The one that this program runs on.
    pub(super) fn here() -> Self {
        if cfg!(target_os = "macos") {
            Self::MacOs
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Linux
        }
    }
}

/// A build that went well.
pub(super) struct Ending<'build> {
    pub(super) cluster: &'build Cluster,
    pub(super) built: &'build Built,
    /// The images are those of all nodes, as nodes.yaml has them.
    pub(super) is_whole: bool,
    /// The server that is to rejoin its cluster.
    pub(super) rejoin: Option<&'build str>,
    /// The commands that mean the same cluster, stock image and results.
    pub(super) commands: Commands,
}

impl Ending<'_> {
    /// Returns the next steps on a system.
    pub(super) fn advice(&self, system: System) -> Vec<Line> {
        let Some(first) = self.built.images.first() else { return Vec::new() };
        let next = if self.cluster.image == ImageSource::Demo {
            self.look_at(first)
        } else {
            [self.flash(system), self.start().advice()].concat()
        };
        [vec![Line::default()], self.rejoin(), self.join(), next].concat()
    }

    /// The demo's images are for looking at.
    fn look_at(&self, first: &BuiltImage) -> Vec<Line> {
        let (arguments, path) = (&self.commands.stock, shown(&first.path));
        vec![
            "These images are made from the demo image: the right shape, but they do not boot, so do not flash them. Look at one:".into(),
            command(format!("cardwright plan{arguments} --only {}", first.node)),
            command(format!("cardwright inspect {path}")),
            command(format!("cardwright verify{arguments} {path}")),
            "For cards that boot, download Raspberry Pi OS Lite (64-bit), leave it compressed, name it under `image:` in nodes.yaml and build again:".into(),
            command(DOWNLOAD_PAGE),
        ]
    }

    /// From images to cards.
    fn flash(&self, system: System) -> Vec<Line> {
        let images = &self.built.images;
        let manifest = self.built.sidecars.get("manifest");
        let mut lines = match manifest {
            Some(manifest) => vec![
                "Flash one card per image with Raspberry Pi Imager, which lists them:".into(),
                command(format!("rpi-imager --repo {}", shown(manifest))),
                "For the next card choose the next image: \"write another\" keeps the same one.".into(),
            ],
            None if system == System::Linux => Vec::new(),
            None => {
                let first = "Flash one card per image with Raspberry Pi Imager: choose \"Use custom\" and the image, and skip customisation:";
                let paths = images.iter().map(|image| command(image.path.display()));
                [first.into()].into_iter().chain(paths).collect()
            }
        };
        let format = self.cluster.output.format;
        match system {
            System::Linux => {
                let begin = if manifest.is_some() { "Or in a terminal" } else { "Flash one card per image" };
                lines.push(
                    format!(
                        "{begin}: put a card in; it shows what is on the card, and asks before that is lost:"
                    )
                    .into(),
                );
                if self.is_whole {
                    lines.push(command(self.commands.flash_all()));
                } else {
                    let paths = images.iter().map(|image| shown(&image.path));
                    lines.extend(paths.map(|path| command(format!("sudo cardwright flash {path}"))));
                }
                if manifest.is_none() {
                    lines.push("Or with Raspberry Pi Imager: choose \"Use custom\" and the image, and skip customisation.".into());
                }
            }
            System::MacOs => {
                lines.push("Or in a terminal: see what the card is called, and write to it. All that was on it is lost:".into());
                lines.extend(
                    ["diskutil list external physical", "diskutil unmountDisk /dev/diskN"].map(command),
                );
                lines.extend(images.iter().map(|image| command(write_command(format, image))));
            }
            System::Windows => {}
        }
        lines
    }

    /// Returns what is next when the cards are written.
    fn start(&self) -> Start<'_> {
        Start {
            cluster: self.cluster,
            nodes: self.nodes().collect(),
            kubeconfig: self.built.access.kubeconfig.as_deref(),
            commands: &self.commands,
        }
    }

    /// The advice for a server that joins its cluster once more.
    fn rejoin(&self) -> Vec<Line> {
        let Some(node) = self.rejoin else { return Vec::new() };
        // etcd lets nobody in under a name that it still has a member of (k3s#4210).
        vec![
            format!("Before `{node}` is switched on, take the old one out of the cluster:").into(),
            command(format!("kubectl delete node {node}")),
        ]
    }

    /// Through which server nodes join a cluster of several, and what to do when that one is gone for good.
    fn join(&self) -> Vec<Line> {
        let Some(k3s) = &self.cluster.k3s else { return Vec::new() };
        let by_one_address = |node: &Node| match node.role()? {
            // What answers at the virtual address is there as long as one server is.
            Role::Agent if k3s.access.virtual_address.is_some() => None,
            Role::Server if !node.k3s.as_ref()?.rejoins => None,
            _ => self.cluster.joined_by(node),
        };
        let joining = self.nodes().find_map(|node| Some((&node.name, &by_one_address(node)?.name)));
        let Some((node, server)) = joining else { return Vec::new() };
        let mut others = self.cluster.servers().map(|other| &other.name);
        let Some(other) = others.find(|other| *other != server && *other != node) else { return Vec::new() };
        let how = if self.rejoin == Some(node.as_str()) { "--rejoin" } else { "--only" };
        let arguments = &self.commands.stock;
        vec![
            format!("`{node}` joins the cluster through `{server}`, and knows all servers from then on. Where `{server}` is gone for good, let it join through another:").into(),
            command(format!("cardwright build{arguments} {how} {node} --through {other}")),
        ]
    }

    /// Returns the nodes whose images were built.
    fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.built.images.iter().filter_map(|image| self.cluster.node(&image.node))
    }
}

/// Cards that were written, and what is next.
pub(super) struct Start<'cards> {
    pub(super) cluster: &'cards Cluster,
    /// The nodes that the cards are for.
    pub(super) nodes: Vec<&'cards Node>,
    /// The kubeconfig, where there is one.
    pub(super) kubeconfig: Option<&'cards Path>,
    pub(super) commands: &'cards Commands,
}

impl Start<'_> {
    /// From cards to a cluster.
    pub(super) fn advice(&self) -> Vec<Line> {
        let Some(first) = self.nodes.first().map(|node| node.name.as_str()) else { return Vec::new() };
        let member = self.nodes.iter().find(|node| node.k3s.is_some());
        let mut lines: Vec<Line> = vec!["Then put the cards in and switch on. How far the nodes are:".into()];
        lines.push(command(self.commands.status()));
        lines.push("A node answers after a minute or two. Log in, or see what it says:".into());
        let node = member.map_or(first, |node| node.name.as_str());
        lines.extend([self.commands.ssh(node), self.commands.logs(node)].map(command));
        let (Some(_), Some(k3s)) = (member, &self.cluster.k3s) else { return lines };
        let how_long = if matches!(k3s.install, Install::Download { .. }) { DOWNLOADED } else { BUNDLED };
        lines.push(
            format!("k3s follows by itself: {how_long} Any computer can read {STATUS_FILE} on the card's first partition, too.")
                .into(),
        );
        if let Some(kubeconfig) = self.kubeconfig {
            lines.push("When the first server is done:".into());
            lines.push(command(self.commands.kubectl(&shown(kubeconfig))));
        }
        lines
    }
}

/// Returns the steps of a change that wants an order.
pub(super) fn steps(undertaking: &Undertaking) -> Vec<Line> {
    match undertaking {
        Undertaking::AnotherOs { only_server } => {
            let last = match only_server {
                Some(server) => format!(
                    "`{server}` last, with what `cardwright backup` fetches, as it keeps the cluster on its card"
                ),
                None => "servers last, each with `--rejoin`".to_owned(),
            };
            vec![
                format!("Another OS goes onto one card after another, agents first and {last}. For each:").into(),
                command("kubectl drain NODE --ignore-daemonsets --delete-emptydir-data"),
                command("sudo cardwright flash --again NODE"),
                command("cardwright status NODE && kubectl uncordon NODE"),
                "Names, addresses, host keys and the place in the cluster are kept; what was written onto the card since is not.".into(),
            ]
        }
        Undertaking::MoreServers { first, joining } => {
            let mut steps = vec![
                format!("From one server to several: `{first}` turns its datastore into etcd first, then the others join, one after another.").into(),
                command(format!("cardwright backup {first}")),
                command(format!("cardwright ssh {first} \"echo 'cluster-init: true' | sudo tee -a /etc/rancher/k3s/config.yaml && sudo systemctl restart k3s\"")),
            ];
            for server in joining {
                steps.push(command(format!("kubectl delete node {server}")));
                steps.push(command(format!(
                    "sudo cardwright flash --again {server} && cardwright status {server}"
                )));
            }
            steps
        }
    }
}

const DOWNLOADED: &str =
    "it is downloaded, then its images are, which takes five to ten minutes on most lines.";
const BUNDLED: &str =
    "nothing is downloaded, but its images are decompressed first, which takes some minutes.";

/// A line with a command to be typed, or something else to be copied.
fn command(text: impl Display) -> Line {
    spans!["  ", paint(CYAN, text)]
}

/// Returns the command that writes an image to a card on macOS, which has its own dd, and a raw device that is far quicker.
fn write_command(format: ImageFormat, image: &BuiltImage) -> String {
    let path = shown(&image.path);
    let decompress = match format {
        ImageFormat::Raw => return format!("sudo dd if={path} of=/dev/rdiskN bs=4m"),
        ImageFormat::Xz => "xz -dc -T0",
        ImageFormat::Zstd => "zstd -dc",
        ImageFormat::Gzip => "gzip -dc",
        ImageFormat::Zip => "unzip -p",
    };
    format!("{decompress} {path} | sudo dd of=/dev/rdiskN bs=4m")
}

/// A path as a shell takes it.
fn shown(path: &Path) -> String {
    shell::word(&path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cardwright::access::WrittenAccessFiles;
    use cardwright::types::{ByteCount, Digest};
    use std::path::PathBuf;
    use std::time::Duration;

    fn cluster(image: &str, k3s: &str, format: ImageFormat) -> Cluster {
        let text = format!(
            "cluster: compass\nimage: {image}\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n{k3s}nodes:\n\
             \x20 - {{name: north, address: 192.168.50.11{0}server}}\n  - {{name: east, address: 192.168.50.12{0}agent}}\n",
            if k3s.is_empty() { ", locale: C.UTF-8} #" } else { ", k3s: " },
        );
        let mut cluster = Cluster::parse(&text, Path::new("nodes.yaml")).unwrap();
        cluster.output.format = format;
        cluster
    }

    fn built(cluster: &Cluster, bmap: bool, manifest: bool) -> Built {
        let file = |name: &str| Path::new("images").join(name);
        let image = |node: &Node| BuiltImage {
            node: node.name.to_string(),
            path: file(&format!("{}.{}", node.name, cluster.output.format)),
            size: ByteCount::ZERO,
            sha256: None,
            disk_size: ByteCount::ZERO,
            disk_sha256: None,
            bmap: bmap.then(PathBuf::new),
            edits: 0,
            changed_blocks: 0,
            elapsed: Duration::ZERO,
            title: String::new(),
            description: String::new(),
            plan: Digest::of(b""),
        };
        Built {
            images: cluster.nodes.iter().map(image).collect(),
            sidecars: manifest
                .then(|| ("manifest", file("compass.rpi-imager-manifest")))
                .into_iter()
                .collect(),
            changes: Vec::new(),
            undertakings: Vec::new(),
            access: WrittenAccessFiles {
                known_hosts: file("known_hosts"),
                ssh_config: file("ssh_config"),
                login_key: None,
                kubeconfig: cluster.k3s.as_ref().map(|_| file("kubeconfig")),
            },
        }
    }

    #[test]
    fn what_is_next_depends_on_the_image_the_system_and_how_k3s_gets_there() {
        const DOWNLOAD: &str = "k3s: {version: v1.36.4+k3s1}\n";
        const BUNDLED: &str =
            "k3s: {version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: Cargo.toml}}}}\n";
        let mut said = Vec::new();
        for (name, image, k3s, format, system, bmap, manifest) in [
            ("the demo", "demo", DOWNLOAD, ImageFormat::Xz, System::Linux, false, false),
            ("Linux", "x.img", DOWNLOAD, ImageFormat::Xz, System::Linux, false, false),
            ("Linux, k3s inside", "x.img", BUNDLED, ImageFormat::Raw, System::Linux, false, false),
            ("Linux, no k3s, bmap, Imager", "x.img", "", ImageFormat::Xz, System::Linux, true, true),
            ("macOS", "x.img", DOWNLOAD, ImageFormat::Gzip, System::MacOs, false, false),
            ("Windows", "x.img", "", ImageFormat::Xz, System::Windows, false, false),
            ("Windows, Imager", "x.img", "", ImageFormat::Xz, System::Windows, false, true),
        ] {
            let cluster = cluster(image, k3s, format);
            let built = built(&cluster, bmap, manifest);
            let commands = Commands { stock: " --image demo".to_owned(), results: String::new() };
            let ending = Ending {
                cluster: &cluster,
                built: &built,
                is_whole: name != "Linux, k3s inside",
                rejoin: None,
                commands,
            };
            said.push(format!("## {name}"));
            said.extend(ending.advice(system).iter().map(Line::text));
            said.push(String::new());
        }
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn who_joins_a_cluster_of_several_servers_is_told_the_way_in_when_one_is_gone() {
        let nodes = |virtual_address: &str| {
            let text = format!(
                "cluster: compass\nimage: x.img\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
                 k3s: {{version: v1.36.4+k3s1{virtual_address}}}\nnodes:\n\
                 \x20 - {{name: north, address: 192.168.50.11, k3s: server}}\n\
                 \x20 - {{name: south, address: 192.168.50.12, k3s: server}}\n\
                 \x20 - {{name: west, address: 192.168.50.13, k3s: server}}\n\
                 \x20 - {{name: east, address: 192.168.50.14, k3s: agent}}\n"
            );
            Cluster::parse(&text, Path::new("nodes.yaml")).unwrap()
        };
        let said = |cluster: &Cluster, rejoin: Option<&str>| {
            let built = built(cluster, false, false);
            let ending =
                Ending { cluster, built: &built, is_whole: false, rejoin, commands: Commands::default() };
            let lines: Vec<String> = ending.advice(System::Linux).iter().map(Line::text).collect();
            // What the cluster still has under the name goes first.
            assert_eq!(lines.contains(&"  kubectl delete node west".to_owned()), rejoin.is_some());
            lines.into_iter().find(|line| line.contains("--through"))
        };
        let mut cluster = nodes("");
        assert_eq!(said(&cluster, None).unwrap(), "  cardwright build --only east --through south");
        cluster.join_through("west").unwrap();
        assert_eq!(said(&cluster, None).unwrap(), "  cardwright build --only east --through north");
        let mut with_address = nodes(", virtual_address: 192.168.50.9");
        assert_eq!(said(&with_address, None), None);
        with_address.rejoin("west").unwrap();
        assert_eq!(
            said(&with_address, Some("west")).unwrap(),
            "  cardwright build --rejoin west --through south"
        );
    }
}
