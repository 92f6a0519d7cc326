//! The arguments of the command line.

use cardwright::cache::Bucket;
use cardwright::formats::{Compression, ImageFormat};
use cardwright::pins::{OS_LIST, OS_LIST_ENVIRONMENT_VARIABLE};
use cardwright::pipeline::Shard;
use cardwright::raspios::Codename;
use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use clap_complete::ArgValueCandidates;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// One nodes.yaml and one stock Raspberry Pi OS image in, one ready-to-flash image per node out.
#[derive(Debug, Parser)]
#[command(version, bin_name = "cardwright", styles = STYLES, arg_required_else_help = true, after_help = "Begin with: cardwright init\nTry it with nothing downloaded: cardwright init trial --yes --image demo, then cardwright build -f trial/nodes.yaml")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Show what was found and what saved work, on standard error; `-vv` shows more
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a nodes.yaml, and what belongs beside it, from a few questions
    Init(InitArguments),
    /// Write one image per node, with its sidecar files and access files
    Build(BuildArguments),
    /// Merge the folders of all shards of a build into what a whole build writes
    Merge(MergeArguments),
    /// Report everything that is wrong with nodes.yaml, at once
    Check(CheckArguments),
    /// List the stock images that nodes.yaml may name
    Images(ImagesArguments),
    /// Download what nodes.yaml needs into the cache, and pin it in cardwright.lock; `build` does so by itself
    Fetch(FetchArguments),
    /// Move the pins in cardwright.lock to the newest files, and show what changed
    Update(UpdateArguments),
    /// Show every file that a build will create, change or remove
    Plan(PlanArguments),
    /// Show what an image is: partitions, filesystems, release, and whose card
    Inspect(InspectArguments),
    /// Read an image back and compare it with the plan of its node
    Verify(VerifyArguments),
    /// Write cards, one node after another, without images in between
    Flash(FlashArguments),
    /// Watch the nodes start, until all are ready or it is clear what is wrong
    Status(StatusArguments),
    /// Log in at a node, or run a command there, by the system's `ssh` and the ssh_config of the last build
    Ssh(SshArguments),
    /// Show how far a node is: its status, its first boot, and the journal of k3s and cardwright
    Logs(LogsArguments),
    /// Fetch what a server cannot make again into a file that is encrypted to cluster.secret
    Backup(BackupArguments),
    /// Print where the kubeconfig of the cluster is, or merge it into your own
    Kubeconfig(KubeconfigArguments),
    /// Bring k3s on running nodes to the version in nodes.yaml: servers first, one node after another
    Upgrade(UpgradeArguments),
    /// Show or clean what is kept between runs
    #[command(subcommand)]
    Cache(CacheCommand),
    /// Print the JSON Schema of nodes.yaml, for editors
    Schema,
    /// Print what lets a shell complete commands, options and the names of nodes
    Completions(CompletionsArguments),
    /// Write the manual pages into a folder
    Manual(ManualArguments),
}

#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// The shell
    #[arg(value_name = "SHELL", value_parser = ["bash", "elvish", "fish", "powershell", "zsh"])]
    pub(crate) shell: String,
}

const COMPLETIONS_EXAMPLES: &str = "Examples:
  bash: echo 'source <(cardwright completions bash)' >>~/.bashrc
  zsh:  echo 'source <(cardwright completions zsh)' >>~/.zshrc
  fish: echo 'cardwright completions fish | source' >>~/.config/fish/config.fish
  PowerShell: cardwright completions powershell | Out-String | Invoke-Expression, in $PROFILE

What is completed is asked of the program, which reads nodes.yaml in the current folder for the names of nodes.";

#[derive(Debug, Args)]
pub(crate) struct ManualArguments {
    /// The folder, which is made where it is missing; `man -l FOLDER/cardwright.1` shows the first page
    #[arg(value_name = "FOLDER")]
    pub(crate) folder: PathBuf,
}

/// Completes the names of nodes.
fn nodes() -> ArgValueCandidates {
    ArgValueCandidates::new(super::node_names::candidates)
}

/// The stock image, and the options for understanding it.
#[derive(Debug, Args)]
pub(crate) struct ImageSelection {
    /// The stock image instead of the one nodes.yaml names: a path, a name such as `raspios-lite-arm64`, or `demo` for the
    /// tiny one inside the program
    #[arg(long, value_name = "PATH|NAME|demo")]
    pub(crate) image: Option<String>,
    /// Take the stock image for this release, whatever it says it is
    #[arg(long, value_name = "CODENAME", value_parser = named(Codename::ALL, Codename::as_str))]
    pub(crate) force_release: Option<Codename>,
    /// Fail when cluster.secret is missing, instead of making it (always so where CI is set), and when cardwright.lock
    /// would change
    #[arg(long)]
    pub(crate) locked: bool,
    #[command(flatten)]
    pub(crate) sources: Sources,
}

/// The ways to what is downloaded.
#[derive(Debug, Args)]
pub(crate) struct Sources {
    /// Download nothing: fail where something is not in the cache
    #[arg(long)]
    pub(crate) offline: bool,
    #[command(flatten)]
    pub(crate) addresses: Addresses,
}

/// The addresses of what is downloaded.
#[derive(Debug, Args)]
pub(crate) struct Addresses {
    /// A server to try first; it has the same files under the same paths, and may be named several times
    #[arg(long = "mirror", value_name = "URL", value_parser = base_url)]
    pub(crate) mirrors: Vec<String>,
    #[command(flatten)]
    pub(crate) list: ListAddress,
}

/// The address of the list of images.
#[derive(Debug, Args)]
pub(crate) struct ListAddress {
    /// The list of images instead of Raspberry Pi's; also by CARDWRIGHT_OS_LIST
    #[arg(long, value_name = "URL|FILE", value_parser = list_address)]
    os_list: Option<String>,
}

impl ListAddress {
    /// Returns the address that is meant.
    pub(crate) fn get(&self) -> String {
        let variable = || std::env::var(OS_LIST_ENVIRONMENT_VARIABLE).ok().filter(|url| !url.is_empty());
        self.os_list.clone().or_else(variable).unwrap_or_else(|| OS_LIST.to_owned())
    }
}

#[derive(Debug, Args)]
pub(crate) struct InitArguments {
    /// The folder of the new cluster
    #[arg(value_name = "FOLDER", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The name of the cluster
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// The names of the nodes, `north,east`, or how many
    #[arg(long, value_name = "NAMES|COUNT")]
    pub(crate) nodes: Option<String>,
    /// The Wi-Fi network that nodes join instead of the wire; a file `wifi.password` in the folder has its password
    #[arg(long, value_name = "SSID|none")]
    pub(crate) wifi: Option<String>,
    /// The country that the nodes are in, for the rules of its radio
    #[arg(long, value_name = "CODE")]
    pub(crate) country: Option<String>,
    /// The router with the prefix of its network, 192.168.50.1/24; that of this machine where it can be found out
    #[arg(long, value_name = "ADDRESS/PREFIX")]
    pub(crate) router: Option<String>,
    /// The name servers, `192.168.50.1,1.1.1.1`; those of this machine, or the router
    #[arg(long, value_name = "ADDRESSES")]
    pub(crate) dns: Option<String>,
    /// The address of the first node; the others follow
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) first_address: Option<String>,
    /// The public key that logs in: a file, the key itself, or `own` for one of the cluster's
    #[arg(long, value_name = "FILE|KEY|own")]
    pub(crate) key: Option<String>,
    /// The node that is the k3s server, which the others join
    #[arg(long, value_name = "NODE|none")]
    pub(crate) server: Option<String>,
    /// The release of k3s
    #[arg(long, value_name = "VERSION|none")]
    pub(crate) k3s: Option<String>,
    /// The kind of boards: pi5, pi4, pi3 or zero2
    #[arg(long, value_name = "BOARD")]
    pub(crate) board: Option<String>,
    /// The stock image: a name, a path, or `demo`
    #[arg(long, value_name = "NAME|PATH|demo")]
    pub(crate) image: Option<String>,
    /// Ask nothing: take the default wherever no flag says otherwise
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Begin anew where there is a cluster already; what is replaced is kept under another name
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImagesArguments {
    #[command(flatten)]
    pub(crate) list: ListAddress,
    /// Print the list as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct FetchArguments {
    /// The nodes.yaml
    #[arg(long, short, value_name = "NODES_YAML", default_value = "nodes.yaml")]
    pub(crate) file: PathBuf,
    /// Fail when cardwright.lock would change
    #[arg(long)]
    pub(crate) locked: bool,
    #[command(flatten)]
    pub(crate) addresses: Addresses,
    /// Print what was fetched as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArguments {
    /// The nodes.yaml
    #[arg(long, short, value_name = "NODES_YAML", default_value = "nodes.yaml")]
    pub(crate) file: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) list: ListAddress,
    /// Print the changes as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The nodes.yaml, and which of its nodes. Both may be named with or without a flag: no name of a node looks
/// like one of a file.
#[derive(Debug, Args)]
pub(crate) struct ClusterSelection {
    /// A nodes.yaml, or nodes of the one in this folder; all nodes when none is named
    #[arg(value_name = "NODES_YAML|NODE", value_hint = clap::ValueHint::FilePath, add = nodes())]
    pub(crate) words: Vec<OsString>,
    /// The nodes.yaml [default: nodes.yaml]
    #[arg(long, short, value_name = "NODES_YAML")]
    pub(crate) file: Option<PathBuf>,
    /// These nodes only; an image of one is what a build of all nodes gives
    #[arg(long, short = 'n', visible_alias = "node", value_name = "NODE,…", value_delimiter = ',', add = nodes())]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterSelection,
    #[command(flatten)]
    pub(crate) stock: ImageSelection,
    /// The folder for the results instead of the one nodes.yaml names
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// The format of the images instead of the one nodes.yaml names: img.xz, img, img.zst or img.gz
    #[arg(long, value_name = "FORMAT", value_parser = named(ImageFormat::WRITTEN, ImageFormat::extension))]
    pub(crate) format: Option<ImageFormat>,
    /// The effort of compressing what is not in the stock image's own .img.xz: `best` gets as small as `xz -6`, and takes
    /// about as long, once
    #[arg(long, value_name = "EFFORT", default_value = "fast", value_parser = named(Compression::ALL, Compression::as_str))]
    pub(crate) compression: Compression,
    #[command(flatten)]
    pub(crate) sidecars: SidecarSelection,
    /// One of several parts of the nodes only, 3/8 for the third of eight; `cardwright merge` joins them
    #[arg(long, value_name = "N/COUNT", conflicts_with_all = ["only", "rejoin", "through"])]
    pub(crate) shard: Option<Shard>,
    /// Have this server, flashed again, join the cluster that goes on without it, instead of starting another one
    #[arg(long, value_name = "NODE", add = nodes())]
    pub(crate) rejoin: Option<String>,
    /// Have nodes join the cluster through this server, where the first one is gone for good: the one that rejoins, and
    /// agents
    #[arg(long, value_name = "SERVER")]
    pub(crate) through: Option<String>,
    #[command(flatten)]
    pub(crate) restore: RestoreArgument,
    /// Remove the images of nodes that are gone from nodes.yaml, as far as an earlier build of this cluster made them
    #[arg(long, conflicts_with = "shard")]
    pub(crate) prune: bool,
    /// Begin another cluster, with another secret: what is among the results of the one before is moved aside first, and nothing
    /// of it is lost
    #[arg(long, conflicts_with_all = ["shard", "rejoin", "through"])]
    pub(crate) new_cluster: bool,
    /// The number of threads; the results do not depend on it
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
    /// Print the results as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// The files that are written beside the images.
#[derive(Debug, Args)]
pub(crate) struct SidecarSelection {
    /// Leave out SHA256SUMS and build.json: where the filesystem shares blocks, further images then cost next to nothing
    #[arg(long)]
    pub(crate) no_checksums: bool,
    /// Write a bmap beside every image, with which bmaptool skips what is free
    #[arg(long)]
    pub(crate) bmap: bool,
    /// Write a manifest, which shows the images in Raspberry Pi Imager's own list
    #[arg(long)]
    pub(crate) imager: bool,
    /// The URL that the images will be downloaded from, for the manifest; files of this machine otherwise
    #[arg(long, value_name = "URL", requires = "imager", value_parser = base_url)]
    pub(crate) base_url: Option<String>,
}

fn base_url(text: &str) -> Result<String, &'static str> {
    let is_web = ["http://", "https://"].iter().any(|scheme| text.starts_with(scheme));
    let is_plain = !text.contains(|letter: char| letter.is_whitespace() || letter.is_control());
    if is_web && is_plain { Ok(text.to_owned()) } else { Err("it has to begin with https:// or http://") }
}

/// Takes an address of the web, or a file that is there.
fn list_address(text: &str) -> Result<String, &'static str> {
    let path = text.strip_prefix("file://").unwrap_or(text);
    if !text.starts_with("http") && Path::new(path).is_file() {
        return Ok(path.to_owned());
    }
    base_url(text).map_err(|_| "it has to be a file that is there, or begin with https:// or http://")
}

/// Takes the name of one of some values.
#[expect(clippy::expect_used, reason = "the names are those of the values")]
fn named<T, const N: usize>(all: [T; N], name: fn(T) -> &'static str) -> impl TypedValueParser<Value = T>
where
    T: Copy + Send + Sync + 'static,
{
    PossibleValuesParser::new(all.map(name)).map(move |text| {
        let found = all.into_iter().find(|value| name(*value) == text);
        found.expect("the parser before lets no other names pass")
    })
}

#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// The folders that `build --shard` wrote
    #[arg(required = true, value_name = "FOLDER")]
    pub(crate) shards: Vec<PathBuf>,
    /// The nodes.yaml
    #[arg(long, short, value_name = "NODES_YAML", default_value = "nodes.yaml")]
    pub(crate) file: PathBuf,
    /// The folder for the results instead of the one nodes.yaml names
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterSelection,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PlanArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterSelection,
    #[command(flatten)]
    pub(crate) stock: ImageSelection,
    /// Have this server, flashed again, join the cluster that goes on without it, instead of starting another one
    #[arg(long, value_name = "NODE", add = nodes())]
    pub(crate) rejoin: Option<String>,
    /// Have nodes join the cluster through this server, where the first one is gone for good: the one that rejoins, and
    /// agents
    #[arg(long, value_name = "SERVER")]
    pub(crate) through: Option<String>,
    #[command(flatten)]
    pub(crate) restore: RestoreArgument,
    /// Show the text of every new file as well, as far as it is no secret
    #[arg(long)]
    pub(crate) contents: bool,
    /// Print the plan as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The image: a path, compressed or not, or `demo`
    #[arg(value_name = "IMAGE|demo")]
    pub(crate) image: PathBuf,
    /// Not of use here; said so in words
    #[arg(long, short, hide = true, value_name = "NODES_YAML")]
    pub(crate) file: Option<PathBuf>,
    /// Not of use here; said so in words
    #[arg(long, short, hide = true, alias = "only", value_name = "NODE")]
    pub(crate) node: Option<String>,
    /// Print what was found as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The image to be read back; with `--all`, the folder instead of the one nodes.yaml names
    #[arg(value_name = "IMAGE", required_unless_present = "all")]
    pub(crate) card: Option<PathBuf>,
    /// Read back every image of a node in the folder for results
    #[arg(long, conflicts_with = "node")]
    pub(crate) all: bool,
    /// Also read every file of both images, which takes as long as decompressing them
    #[arg(long)]
    pub(crate) every_file: bool,
    /// Compare it with the plan of this node instead of the one it says it was made for
    #[arg(long, short, alias = "only", value_name = "NAME")]
    pub(crate) node: Option<String>,
    /// The nodes.yaml
    #[arg(long = "file", short = 'f', value_name = "NODES_YAML", default_value = "nodes.yaml")]
    pub(crate) nodes: PathBuf,
    #[command(flatten)]
    pub(crate) restore: RestoreArgument,
    #[command(flatten)]
    pub(crate) stock: ImageSelection,
    /// Print the result as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = FLASH_EXAMPLES)]
pub(crate) struct FlashArguments {
    #[command(flatten)]
    pub(crate) cluster: ClusterSelection,
    /// Write the cards of all nodes, asking for one after another; nodes that have theirs are left out
    #[arg(long)]
    pub(crate) all: bool,
    /// Write also the nodes that have their card already, by the log cards.json
    #[arg(long)]
    pub(crate) again: bool,
    /// The device to be written over, instead of asking
    #[arg(long, value_name = "DEVICE")]
    pub(crate) to: Option<PathBuf>,
    /// Do not ask; needs `--to`
    #[arg(long, requires = "to")]
    pub(crate) yes: bool,
    /// Also write over a disk that is built in, or larger than 256 GiB; never over the one that this system runs from
    #[arg(long)]
    pub(crate) yes_really: bool,
    /// Unmount what is mounted of the device
    #[arg(long)]
    pub(crate) unmount: bool,
    /// Write all of the image, not only what its filesystems use
    #[arg(long)]
    pub(crate) whole: bool,
    /// Show the cards and USB disks that are in, and write nothing
    #[arg(long, conflicts_with_all = ["words", "all", "to"])]
    pub(crate) list: bool,
    #[command(flatten)]
    pub(crate) stock: ImageSelection,
    /// Have this server, flashed again, join the cluster that goes on without it, instead of starting another one
    #[arg(long, value_name = "NODE", add = nodes())]
    pub(crate) rejoin: Option<String>,
    /// Have nodes join the cluster through this server, where the first one is gone for good: the one that rejoins, and
    /// agents
    #[arg(long, value_name = "SERVER")]
    pub(crate) through: Option<String>,
    #[command(flatten)]
    pub(crate) restore: RestoreArgument,
    /// Print the cards that were written, or those that are in, as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const FLASH_EXAMPLES: &str = "Examples:
  cardwright flash --list                   which cards are in
  sudo cardwright flash --all               one card after another
  sudo cardwright flash north               one node; asks which card
  sudo cardwright flash north --to /dev/sdX --yes
  sudo cardwright flash images/north.img.xz

What is on a card is lost. A card has no partition table until all of it was written and read
back: taken out early, it boots nothing.";

/// The cluster, and where its results are.
#[derive(Debug, Args)]
pub(crate) struct BuiltCluster {
    /// The nodes.yaml
    #[arg(long, short, value_name = "NODES_YAML", default_value = "nodes.yaml")]
    pub(crate) file: PathBuf,
    /// The folder of the results instead of the one nodes.yaml names
    #[arg(long, short, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = STATUS_HELP)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) cluster: BuiltCluster,
    /// The nodes; all of them when none is named
    #[arg(value_name = "NODE", add = nodes())]
    pub(crate) nodes: Vec<String>,
    /// Look once, and end
    #[arg(long)]
    pub(crate) once: bool,
    /// The longest time to wait: 90s, 15m, 1h
    #[arg(long, value_name = "TIME", default_value = "15m", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// Print the result at the end as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const STATUS_HELP: &str = "Examples:
  cardwright status                    after switching on, until all are ready
  cardwright status --once north       one look at one node
  cardwright status --once --json | jq '.nodes[] | select(.ready | not)'

A node with k3s is ready when the cluster says so and the commands of its first boot went
through; another one when ssh lets you in and they did. The exit code is 0 when all are ready, and
1 otherwise: when the time is over, or as soon as waiting does not help any of them.

JSON: `cluster`, `ready`, and `nodes` with `node`, `host`, `role` (server, agent, null), `ready`,
`state` (looking, silent, starting, waiting, installing, joining, not-ready, wrong, ready), `detail`,
`status_file` (lines with `time`, `topic`, `text`), `kubernetes` (`name`, `ready`, `message`, `version`,
`created` in seconds since 1970, `pressures`; or null), and `problems` with `name`, `outlook`
(unfinished, may-pass, lasting), `message` and `hint`.";

/// Reads a length of time: a number and a unit.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const FORM: &str = "it has to be a number with s, m or h, such as 15m";
    let end = text.find(|letter: char| !letter.is_ascii_digit()).ok_or(FORM)?;
    let (number, unit) = text.split_at(end);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return Err(FORM),
    };
    let number: u32 = number.parse().map_err(|_| FORM)?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

#[derive(Debug, Args)]
#[command(after_help = SSH_EXAMPLES)]
pub(crate) struct SshArguments {
    #[command(flatten)]
    pub(crate) cluster: BuiltCluster,
    /// The node
    #[arg(value_name = "NODE", add = nodes())]
    pub(crate) node: String,
    /// A command to be run there, or more options of ssh; all that follows the node is left to ssh
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<OsString>,
}

const SSH_EXAMPLES: &str = "Examples:
  cardwright ssh north
  cardwright ssh north sudo systemctl status k3s
  cardwright ssh north -L 8080:localhost:80

The exit code is that of ssh, which is the one of the command, or 255 where the connection failed.
ssh runs in the folder of nodes.yaml.";

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[command(after_help = UPGRADE_EXAMPLES)]
pub(crate) struct UpgradeArguments {
    #[command(flatten)]
    pub(crate) cluster: BuiltCluster,
    /// The nodes; all that run k3s where none is named
    #[arg(value_name = "NODE", add = nodes())]
    pub(crate) nodes: Vec<String>,
    /// Upgrade without asking
    #[arg(long, short)]
    pub(crate) yes: bool,
    /// Show what would be upgraded, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub(crate) dry_run: bool,
    /// How many seconds a node may take until it is ready again
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    pub(crate) patience: u64,
    /// Print the upgrade as a manifest for Rancher's system-upgrade-controller instead, and touch no node
    #[arg(long, conflicts_with_all = ["nodes", "yes", "dry_run", "json"])]
    pub(crate) manifest: bool,
    /// How many agents are upgraded at once by the manifest
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), requires = "manifest")]
    pub(crate) agents_at_once: u16,
    #[command(flatten)]
    pub(crate) sources: Sources,
    /// Print what was done as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const UPGRADE_EXAMPLES: &str = "Examples:
  cardwright upgrade --dry-run
  cardwright upgrade
  cardwright upgrade --manifest | kubectl apply -f -

First write the new `version:` under `k3s:` in nodes.yaml. A minor version is not left out, and an older one is refused.
It ends at the first node that does not come back; run again, it goes on with those that are left.";

#[derive(Debug, Args)]
pub(crate) struct LogsArguments {
    #[command(flatten)]
    pub(crate) cluster: BuiltCluster,
    /// The node
    #[arg(value_name = "NODE", add = nodes())]
    pub(crate) node: String,
    /// Go on showing what the journal gets, after its last 200 lines
    #[arg(long, conflicts_with = "all")]
    pub(crate) follow: bool,
    /// Show all of the journal instead of its last 200 lines
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
#[command(after_help = BACKUP_EXAMPLES)]
pub(crate) struct BackupArguments {
    #[command(flatten)]
    pub(crate) cluster: BuiltCluster,
    /// The server [default: the first one]
    #[arg(value_name = "NODE", add = nodes())]
    pub(crate) node: Option<String>,
    /// The file [default: one named by cluster and time, in the folder `backups` beside nodes.yaml]
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
    /// Print what was fetched as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

const BACKUP_EXAMPLES: &str = "Examples:
  cardwright backup
  cardwright backup north --to /media/stick/north.cardwright-backup
  cardwright build --restore backups/compass-2026-11-28-142310.cardwright-backup north

It holds the datastore of k3s, its token and the keys that k3s made; not the volumes of pods. k3s goes on
meanwhile. Nobody opens it without cluster.secret.";

/// The backup that a server goes on with.
#[derive(Debug, Args)]
pub(crate) struct RestoreArgument {
    /// Have the server that this backup was made of go on with the cluster in it, instead of beginning an empty one
    #[arg(long, value_name = "BACKUP")]
    pub(crate) restore: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct KubeconfigArguments {
    #[command(flatten)]
    pub(crate) cluster: BuiltCluster,
    /// Put cluster, user and context, named after the cluster, into your own kubeconfig, with a backup of it beside it
    #[arg(long)]
    pub(crate) merge: bool,
    /// Your own kubeconfig [default: the first file of KUBECONFIG, or ~/.kube/config]
    #[arg(long, value_name = "FILE", requires = "merge")]
    pub(crate) into: Option<PathBuf>,
    /// Make it the current context, also where there is one
    #[arg(long = "use", requires = "merge")]
    pub(crate) make_current: bool,
    /// Replace what has the same names and is of another cluster
    #[arg(long, requires = "merge")]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CacheCommand {
    /// Print the folder of the cache
    Dir,
    /// Show what is in the cache: how many files, how large, and when one was used last
    List {
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove what cardwright wrote into the cache; files that another run uses stay
    Clean {
        /// These kinds of files only
        #[arg(value_name = "BUCKET", value_parser = named(Bucket::ALL, Bucket::name))]
        buckets: Vec<Bucket>,
        /// Print what was removed as JSON
        #[arg(long)]
        json: bool,
    },
}
