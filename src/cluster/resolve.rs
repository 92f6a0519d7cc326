//! The tree of nodes.yaml becomes a [`Cluster`]: the top level's settings are filled into each node.

use super::document::{self, Flaw, Kind, Place};
use super::k3s::{self, ClusterK3s, RoleOfNode};
use super::keys;
use super::paths::Folders;
use super::reader::{Cursor, FieldSpan, Fields, Reader, Setting, Wrong, shown};
use super::settings::{self, Settings};
use super::size;
use super::{
    Boot, Cluster, ClusterName, Diagnostic, Grow, Hostname, ImageSource, Interface, InterfaceName,
    InvalidCluster, Ipv6Network, K3s, Network, Node, NodeK3s, Output, Role, Secret, User, UserName, rules,
    ssh,
};
use crate::formats::ImageFormat;
use crate::types::Digest;
use crate::types::ImagePath;
use crate::types::absent::OrEmpty as _;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

/// The whole file, read but not yet held against the rules across nodes.
#[derive(Debug)]
pub(super) struct Draft {
    /// The beginning of the file.
    pub(super) spot: FieldSpan,
    /// Where `network:` stands at the top.
    pub(super) network: Option<FieldSpan>,
    /// The top level's settings.
    pub(super) settings: Settings,
    pub(super) k3s: Setting<ClusterK3s>,
    pub(super) nodes: Vec<DraftNode>,
    /// Whether an item of `nodes:` could not be read at all.
    pub(super) has_unreadable_nodes: bool,
    name: Setting<ClusterName>,
    image: Setting<(ImageSource, Grow)>,
    output: Option<Output>,
}

/// A node with the top level's settings filled in.
#[derive(Debug)]
pub(super) struct DraftNode {
    pub(super) spot: FieldSpan,
    pub(super) name: Setting<Hostname>,
    pub(super) address: Setting<Ipv4Addr>,
    pub(super) ipv6: Setting<Ipv6Addr>,
    pub(super) k3s: Setting<RoleOfNode>,
    pub(super) settings: Settings,
}

/// Longer files are no nodes.yaml: a thousand nodes fit into a tenth of it.
const LONGEST_FILE: u64 = 1024 * 1024;

pub(super) fn load(path: &Path) -> Result<Cluster, InvalidCluster> {
    let refused = |message: String, hint: &str, place: Option<Place>, text: String| InvalidCluster {
        file: path.to_path_buf(),
        text,
        problems: vec![Diagnostic {
            line: place.map_or(0, |place| place.line),
            column: place.map_or(0, |place| place.column),
            at: String::new(),
            message,
            hint: Some(hint.to_owned()),
            hide_source: true,
        }],
    };
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(LONGEST_FILE + 1).read_to_end(&mut bytes));
    if let Err(error) = read {
        let hint = match error.kind() {
            std::io::ErrorKind::NotFound => "Go to the folder of your nodes.yaml, or name the file",
            _ => "Name a file that you may read",
        };
        return Err(refused(format!("the file cannot be read: {error}"), hint, None, String::new()));
    }
    if bytes.len() as u64 > LONGEST_FILE {
        let hint = "Check that this is the nodes.yaml that you mean";
        return Err(refused("the file is larger than 1 MiB".to_owned(), hint, None, String::new()));
    }
    match String::from_utf8(bytes) {
        Ok(text) => parse(&text, path),
        Err(error) => {
            let (valid, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
            let valid = String::from_utf8_lossy(valid).into_owned();
            let place = Place {
                line: valid.matches('\n').count() + 1,
                column: valid.rsplit_once('\n').map_or(&*valid, |(_, line)| line).chars().count() + 1,
            };
            let hint = "Save the file as UTF-8";
            Err(refused("this character is not UTF-8".to_owned(), hint, Some(place), valid))
        }
    }
}

pub(super) fn parse(text: &str, path: &Path) -> Result<Cluster, InvalidCluster> {
    let mut reader = Reader::new(Folders::of(path));
    let cluster = read(text, path, &mut reader);
    let Reader { mut problems, mut warnings, folders, .. } = reader;
    let in_order = |problem: &Diagnostic| (problem.line, problem.column);
    if let (true, Some(cluster)) = (problems.is_empty(), cluster) {
        warnings.sort_by_key(in_order);
        let source_text = Secret::new(text.to_owned());
        return Ok(Cluster { warnings, source_text, named_paths: folders.named(), ..cluster });
    }
    problems.sort_by_key(in_order);
    Err(InvalidCluster { file: path.to_path_buf(), text: text.to_owned(), problems })
}

/// Whatever keeps this from giving a cluster is put down.
fn read(text: &str, path: &Path, reader: &mut Reader) -> Option<Cluster> {
    // A private key that was pasted without indentation is mostly a mistake of YAML, too.
    let secret = ssh::is_private_key(text);
    let document = match document::read(text) {
        Ok(document) => document,
        Err(flaw) => {
            reader.report_flaw(with_private_key_in_mind(flaw, secret), secret);
            return None;
        }
    };
    for flaw in document.flaws {
        reader.report_flaw(flaw, secret);
    }
    let fields = Cursor::root(&document.root).fields(&keys::CLUSTER, reader)?;
    let draft = Draft::read(&fields, reader);
    rules::check(&draft, reader);
    draft.finish(path, Digest::of(text.as_bytes()))
}

fn with_private_key_in_mind(flaw: Flaw, secret: bool) -> Flaw {
    let hint = "There is a private key in the file: take it out, and name the `.pub` file instead";
    if secret { Flaw { hint: Some(hint.to_owned()), ..flaw } } else { flaw }
}

impl Draft {
    fn read(fields: &Fields<'_>, reader: &mut Reader) -> Self {
        let name = fields.required("cluster", "compass", reader, |value, reader| {
            value.parse(reader, |text| {
                ClusterName::new(text).map_err(|reason| not_a_name(text, "a cluster", reason))
            })
        });
        let image = fields.required("image", "demo", reader, image);
        let output = match fields.get("output") {
            None => Some(default_output(reader)),
            Some(value) => output(&value, reader),
        };
        let settings = Settings::read(fields, reader);
        let k3s = k3s::read(fields, reader);
        let items = fields.get("nodes").map(|value| value.mappings(&[&keys::NODE], reader));
        if fields.get("nodes").is_none() && !fields.is_mistyped("nodes") {
            let hint = "Add `nodes:` and under it `- {name: north, address: 192.168.50.11}`";
            reader.report(&fields.spot(), Wrong::new("`nodes` is missing", hint));
        }
        let items = items.flatten();
        let nodes: Vec<Option<DraftNode>> = items
            .iter()
            .flatten()
            .map(|item| {
                let fields = item.fields(&keys::NODE, reader)?;
                Some(DraftNode::read(&fields, &settings, reader))
            })
            .collect();
        if let (Some(value), Some([])) = (fields.get("nodes"), items.as_deref()) {
            let hint = "Add one, like `- {name: north, address: 192.168.50.11}`";
            reader.report(&value.spot(), Wrong::new("there are no nodes", hint));
        }
        Self {
            spot: fields.spot(),
            network: fields.get("network").map(|value| value.spot()),
            settings,
            k3s,
            has_unreadable_nodes: items.is_none() || nodes.iter().any(Option::is_none),
            nodes: nodes.into_iter().flatten().collect(),
            name,
            image,
            output,
        }
    }

    /// The cluster; `None` where a part of it could not be read, which was put down.
    fn finish(self, path: &Path, source_digest: Digest) -> Option<Cluster> {
        let k3s = self.k3s.value();
        let nodes: Option<Vec<Node>> = self.nodes.into_iter().map(|node| node.finish(k3s.as_ref())).collect();
        let image_spot = self.image.given().map(|image| image.spot.clone());
        let (image, grow) = self.image.value()?;
        Some(Cluster {
            name: self.name.value()?,
            source: path.to_path_buf(),
            source_digest,
            source_text: Secret::new(String::new()),
            image_spot,
            named_paths: Vec::new(),
            image,
            grow,
            output: self.output?,
            nodes: nodes?,
            k3s: k3s.map(|k3s| K3s {
                version: k3s.version,
                install: k3s.install,
                registries: k3s.registries,
                manifests: k3s.manifests.into_iter().map(|manifest| manifest.value).collect(),
                access: k3s.access.finish(),
            }),
            warnings: Vec::new(),
        })
    }
}

impl DraftNode {
    fn read(fields: &Fields<'_>, defaults: &Settings, reader: &mut Reader) -> Self {
        let address = fields.required("address", "192.168.50.11", reader, |value, reader| {
            value.parse_token(reader, |text| settings::with_prefix(text, 30, settings::ipv4))
        });
        let ipv6 = fields.setting("ipv6", reader, |value, reader| {
            value.parse_token(reader, |text| settings::with_prefix(text, 126, settings::ipv6))
        });
        let mut settings = Settings::read(fields, reader).above(defaults);
        Self {
            spot: fields.spot(),
            name: fields.required("name", "north", reader, |value, reader| {
                value.parse(reader, |text| {
                    Hostname::new(text).map_err(|reason| not_a_name(text, "a host", reason))
                })
            }),
            address: settings::apart(address, &mut settings.prefix, reader),
            ipv6: settings::apart(ipv6, &mut settings.ipv6_prefix, reader),
            k3s: k3s::read_role(fields, reader),
            settings,
        }
    }

    /// What k3s is to be on it.
    pub(super) fn role(&self) -> Option<Role> {
        self.k3s.given()?.value.role
    }

    /// What messages call it.
    pub(super) fn called(&self) -> String {
        match self.name.given() {
            Some(name) => format!("`{}`", name.value),
            None => "this node".to_owned(),
        }
    }

    fn finish(self, cluster: Option<&ClusterK3s>) -> Option<Node> {
        let spots = self.settings.spots();
        let Settings { gateway, password_hash, .. } = self.settings;
        let gateway = gateway.value()?;
        let password_hash = password_hash.value();
        let ipv6 = match (self.ipv6.value(), self.settings.ipv6_prefix.value()) {
            (Some(address), prefix) => Some(Ipv6Network {
                address,
                prefix: prefix.unwrap_or(DEFAULT_IPV6_PREFIX),
                gateway: self.settings.ipv6_gateway.value(),
            }),
            (None, _) => None,
        };
        let k3s = match (self.k3s.value(), cluster) {
            (Some(RoleOfNode { role: Some(role), flags }), Some(cluster)) => {
                Some(NodeK3s { role, config: cluster.config_of(role, &flags), rejoins: false, through: None })
            }
            _ => None,
        };
        let default_interface = || InterfaceName::new("eth0").ok().map(Interface::Named);
        let default_name = || UserName::new(DEFAULT_USER).ok();
        let default_shell = || ImagePath::new("/bin/bash").ok();
        Some(Node {
            spots,
            name: self.name.value()?,
            network: Network {
                interface: self.settings.interface.value().or_else(default_interface)?,
                address: self.address.value()?,
                prefix: self.settings.prefix.value()?,
                gateway,
                dns: self
                    .settings
                    .dns
                    .value()
                    .filter(|servers| !servers.is_empty())
                    .unwrap_or_else(|| vec![IpAddr::V4(gateway)]),
                search: self.settings.search.value().or_empty(),
                ipv6,
            },
            user: User {
                name: self.settings.user_name.value().or_else(default_name)?,
                shell: self.settings.shell.value().or_else(default_shell)?,
                passwordless_sudo: self.settings.passwordless_sudo.value().unwrap_or(password_hash.is_none()),
                password_hash,
                authorized_keys: self.settings.authorized_keys.value().or_empty(),
            },
            ssh_password_login: self.settings.ssh_password_login.value().unwrap_or(false),
            timezone: self.settings.timezone.value(),
            locale: self.settings.locale.value(),
            // An empty list is for the node that wants the stock image's servers and not the cluster's.
            ntp: self.settings.ntp.value().into_iter().flatten().collect(),
            boot: Boot {
                page_size: self.settings.page_size.value().unwrap_or(super::PageSize::Stock),
                ..self.settings.boot
            },
            swap: self.settings.swap.value().unwrap_or(super::Swap::Stock),
            files: self.settings.files.into_iter().map(|file| file.value).collect(),
            first_boot: self.settings.first_boot,
            k3s,
        })
    }
}

/// The name that Raspberry Pi OS gives its first user.
pub(super) const DEFAULT_USER: &str = "pi";

/// What every IPv6 network on a wire has (RFC 4291, section 2.5.1).
pub(super) const DEFAULT_IPV6_PREFIX: u8 = 64;

fn not_a_name(text: &str, what: &str, reason: &str) -> Wrong {
    let candidate: String = text
        .trim()
        .to_lowercase()
        .split('.')
        .next()
        .or_empty()
        .chars()
        .map(|character| if matches!(character, '_' | ' ') { '-' } else { character })
        .collect();
    let hint = match Hostname::new(candidate) {
        Ok(name) => format!("Did you mean `{name}`?"),
        // A name by its letters, but somebody else's.
        Err(_) if ClusterName::new(text).is_ok() => "Choose another, like `north`".to_owned(),
        Err(_) => "Use letters a to z, digits and `-`, like `north`".to_owned(),
    };
    Wrong::new(format!("{} is no name for {what}: it {reason}", shown(text)), hint)
}

/// `demo`, a path, `{path, sha256, grow}` or `{url, sha256, grow}`.
fn image(value: &Cursor<'_>, reader: &mut Reader) -> Option<(ImageSource, Grow)> {
    let folders = reader.folders.clone();
    let Kind::Mapping(entries) = value.kind() else {
        return value.parse(reader, |text| {
            if text.contains("://") {
                let hint = format!(
                    "Write `image: {{url: {text}, sha256: …}}`, with the SHA-256 from the download page"
                );
                return Err(Wrong::new("a download needs the SHA-256 of the file", hint));
            }
            Ok((image_at(text, &folders, None)?, Grow::default()))
        });
    };
    let has = |key: &str| entries.iter().any(|entry| entry.key == key);
    if has("path") && has("url") {
        let wrong = Wrong::new("the image has both `path` and `url`", "Keep one of the two");
        reader.report(&value.spot(), wrong);
        return None;
    }
    if has("url") {
        let fields = value.fields(&keys::IMAGE_URL, reader)?;
        let url =
            fields.required("url", "https://…", reader, |value, reader| value.parse(reader, k3s::url));
        let sha256 = fields.required(
            "sha256",
            "… (64 hexadecimal digits from the download page)",
            reader,
            |value, reader| value.parse_token(reader, k3s::sha256),
        );
        let grow = grow(&fields, reader);
        return Some((ImageSource::Url { url: url.value()?, sha256: sha256.value()? }, grow?));
    }
    let fields = value.fields(&keys::IMAGE_PATH, reader)?;
    let sha256 = fields.setting("sha256", reader, |value, reader| value.parse_token(reader, k3s::sha256));
    let digest = sha256.given().map(|sha256| sha256.value);
    let source = fields.required("path", "raspios.img.xz", reader, |value, reader| {
        value.parse(reader, |text| image_at(text, &folders, digest))
    });
    let grow = grow(&fields, reader);
    if matches!(sha256, Setting::Invalid) {
        return None;
    }
    Some((source.value()?, grow?))
}

/// The image that a path means, or the stand-in inside the program.
fn image_at(text: &str, folders: &Folders, sha256: Option<Digest>) -> Result<ImageSource, Wrong> {
    if text == "demo" {
        return match sha256 {
            None => Ok(ImageSource::Demo),
            Some(_) => Err(Wrong::new("`demo` is inside the program, not a file", "Remove `sha256`")),
        };
    }
    Ok(ImageSource::Path { path: folders.resolve(text)?, sha256 })
}

/// `auto`, `none`, or a size.
fn grow(fields: &Fields<'_>, reader: &mut Reader) -> Option<Grow> {
    let setting = fields.setting("grow", reader, |value, reader| {
        if value.is_off() {
            return Some(Grow::No);
        }
        value.parse_token(reader, |text| match text {
            "auto" => Ok(Grow::Auto),
            text => size::size(text).map(Grow::By),
        })
    });
    match setting {
        Setting::Absent => Some(Grow::default()),
        Setting::Invalid => None,
        Setting::Given(grow) => Some(grow.value),
    }
}

fn default_output(reader: &Reader) -> Output {
    Output { folder: reader.folders.file.join("images"), format: ImageFormat::default() }
}

fn output(value: &Cursor<'_>, reader: &mut Reader) -> Option<Output> {
    let folders = reader.folders.clone();
    let fields = value.fields(&keys::OUTPUT, reader)?;
    let folder: Setting<PathBuf> =
        fields.setting("dir", reader, |value, reader| value.parse(reader, |text| folders.resolve(text)));
    let formats = ImageFormat::ALL.map(|format| (format.name(), format));
    let format = fields.setting("format", reader, |value, reader| value.one_of(&formats, reader));
    let default = default_output(reader);
    match (folder, format) {
        (Setting::Invalid, _) | (_, Setting::Invalid) => None,
        (folder, format) => Some(Output {
            folder: folder.value().unwrap_or(default.folder),
            format: format.value().unwrap_or(default.format),
        }),
    }
}
