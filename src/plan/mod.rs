//! From a node to its patch: which concerns there are, and in which order they write.
//!
//! A plan is a pure function of the cluster, the node, the release, the cluster secret and the stock
//! files it edits. `plan` prints it, `build` applies it, `verify` holds an image against it.

mod changes;
mod report;
#[cfg(test)]
mod tests;

pub use changes::CardChange;
pub(crate) use changes::{
    HOSTS, K3S_CONFIG, change_of, identity_of, is_of_k3s_version, without_consequences,
};
pub use report::{PlannedChange, PlannedEdit, report, text_of};

use crate::cluster::{Cluster, FetchedKeys, FieldSpan, Node, Password, Swap, User};
use crate::identity::{ClusterSecret, IdentityError, SshKeyPair};
use crate::k3s::{self, Artifacts, K3sError, Restored};
use crate::patch::{Draft, Patch, PatchError, Stock};
use crate::raspios::{self, Account, CardRecord, NetworkStack, RaspiosError, Release};
use crate::types::{UnixTime, errors};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// All that a plan is made from, the node aside.
pub struct PlanContext<'context> {
    /// The cluster.
    pub cluster: &'context Cluster,
    /// Its secret.
    pub secret: &'context ClusterSecret,
    /// The release that the stock image holds.
    pub release: &'context Release,
    /// The files of the stock image.
    pub stock: &'context dyn Stock,
    /// The time that everything written gets.
    pub time: UnixTime,
    /// Files that are put into the image of every node that runs k3s.
    pub artifacts: Option<&'context Artifacts>,
    /// The keys of users that nodes.yaml pins.
    pub keys: &'context FetchedKeys,
    /// The backups that servers go on with, by the names of the nodes.
    pub restored: &'context BTreeMap<String, Restored>,
}

errors! {
    /// An error of planning a node.
    #[derive(Debug, thiserror::Error)]
    pub enum PlanError {
        /// Raspberry Pi OS cannot be made what was asked for.
        #[error(transparent)]
        Raspios(#[from] RaspiosError),
        /// k3s cannot be made what was asked for.
        #[error(transparent)]
        K3s(#[from] K3sError),
        /// The login key could not be made.
        #[error(transparent)]
        Identity(#[from] IdentityError),
        /// A key that nodes.yaml pins is not among those that were fetched.
        #[error("the SSH keys of `{account}` on GitHub were not fetched")]
        KeysNotFetched { account: String },
        /// A stock file could not be read.
        #[error(transparent)]
        Patch(#[from] PatchError),
    }
}

/// A plan, as far as it can be made, and what keeps it from being all that nodes.yaml asks for.
#[derive(Debug)]
pub struct Assessment {
    /// The plan.
    pub patch: Patch,
    /// Values of nodes.yaml that the stock image has no answer to, in no order; none when the plan is whole.
    pub mistakes: Vec<RaspiosError>,
}

/// Mistakes that were found, so that planning goes on and finds the next.
#[derive(Default)]
struct Mistakes(Vec<RaspiosError>);

impl Mistakes {
    /// Notes a mistake; gives the value where there is none.
    ///
    /// # Errors
    /// Fails when it is no mistake of nodes.yaml.
    fn note<T>(&mut self, result: Result<T, RaspiosError>) -> Result<Option<T>, RaspiosError> {
        match result {
            Err(mistake) if mistake.is_about_nodes_yaml() => {
                self.0.push(mistake);
                Ok(None)
            }
            other => other.map(Some),
        }
    }
}

/// Plans all changes of the stock image for `node`, with every mistake of nodes.yaml that shows with this stock image,
/// and not only the first. The digests of large source files are for [`Patch::take_digests`].
///
/// # Errors
/// Fails when the stock image cannot be read, or is not what every plan needs.
pub fn assess(context: &PlanContext<'_>, node: &Node) -> Result<Assessment, PlanError> {
    let PlanContext { cluster, secret, release, stock, time, artifacts, .. } = *context;
    let mut draft = Draft::new(stock, time);
    let edits = &mut draft;
    let mut mistakes = Mistakes::default();

    // What every node gets comes first: it lies in a layer below the node's own.
    if let (Some(artifacts), Some(_)) = (artifacts, node.role()) {
        k3s::write_artifacts(edits, artifacts, cluster.k3s_data_dir())?;
    }

    let account = plan_user(edits, context, node, &mut mistakes)?;
    plan_added_users(edits, context, node, &mut mistakes)?;
    plan_network(edits, context, node, &mut mistakes)?;
    let own_command = plan_settings(edits, node, &mut mistakes)?;

    if let (Some(k3s), Some(_)) = (&cluster.k3s, node.role()) {
        raspios::add_cmdline_words(edits, &k3s::CMDLINE_WORDS)?;
        k3s::configure(edits, cluster, node, k3s, &host(release), secret)?;
        if let Some(restored) = context.restored.get(node.name.as_str()) {
            k3s::restore(edits, node, &host(release), restored)?;
        }
    }

    check_cmdline(edits, cluster, node, &mut mistakes)?;

    // The user's own files go last, so that none of them replaces what makes this node.
    for file in &node.files {
        mistakes.note(raspios::add_file(edits, release, &account, file))?;
    }
    raspios::run_at_first_boot(edits, release.boot_mount, own_command.as_slice(), &node.first_boot)?;
    let rejoins = node.k3s.as_ref().is_some_and(|k3s| k3s.rejoins);
    let through = node.k3s.as_ref().and_then(|k3s| k3s.through.as_ref()).map(ToString::to_string);
    let card = CardRecord { rejoins, through, ..CardRecord::new(cluster.name.as_str(), node.name.as_str()) };
    raspios::write_card_record(edits, &card)?;
    Ok(Assessment { patch: draft.finish(), mistakes: mistakes.0 })
}

/// Plans the user. Comes before all that is put into the home directory, which may have to be moved.
fn plan_user(
    edits: &mut Draft<'_>,
    context: &PlanContext<'_>,
    node: &Node,
    mistakes: &mut Mistakes,
) -> Result<Account, PlanError> {
    let account = match mistakes.note(raspios::set_user(edits, &node.user))? {
        Some(account) => account,
        // The user as far as it got, so that all else is checked as well.
        None => Account::first_user(edits)?,
    };
    set_logins(edits, context, node, &node.user, &account)?;
    raspios::set_sudo(edits, &account, node.user.sudo)?;
    for group in &node.user.groups {
        mistakes.note(raspios::join_group(edits, &account.name, group))?;
    }
    raspios::dismiss_wizard(edits)?;
    Ok(account)
}

/// Plans the users beside the first one. Comes after the wizard is gone, whose numbers they may get.
fn plan_added_users(
    edits: &mut Draft<'_>,
    context: &PlanContext<'_>,
    node: &Node,
    mistakes: &mut Mistakes,
) -> Result<(), PlanError> {
    for user in &node.users {
        let of_user =
            |source| RaspiosError::AddedUser { name: user.name.to_string(), source: Box::new(source) };
        let added = raspios::add_user(edits, user, &node.users);
        if let Some(account) = mistakes.note(added.map_err(of_user))? {
            set_logins(edits, context, node, user, &account)?;
            raspios::set_sudo(edits, &account, user.sudo)?;
        }
        for group in &user.groups {
            mistakes.note(raspios::join_group(edits, user.name.as_str(), group).map_err(of_user))?;
        }
    }
    Ok(())
}

/// Plans what a user logs in with.
fn set_logins(
    edits: &mut Draft<'_>,
    context: &PlanContext<'_>,
    node: &Node,
    user: &User,
    account: &Account,
) -> Result<(), PlanError> {
    if !user.login {
        return Ok(raspios::lock_user(edits, account)?);
    }
    let hash = user.password_hash.as_ref().map(|password| match password {
        Password::Hash(hash) => Zeroizing::new(hash.reveal().to_owned()),
        Password::Plain(password) => {
            context.secret.password_hash(node.name.as_str(), user.name.as_str(), password.reveal())
        }
    });
    raspios::set_password(edits, account, hash.as_ref().map(|hash| hash.as_str()))?;
    Ok(raspios::set_authorized_keys(edits, account, &login_keys(context, node, user)?)?)
}

/// Plans what the node is called, how it is reached, and how it learns the time.
fn plan_network(
    edits: &mut Draft<'_>,
    context: &PlanContext<'_>,
    node: &Node,
    mistakes: &mut Mistakes,
) -> Result<(), PlanError> {
    let PlanContext { cluster, secret, release, .. } = *context;
    raspios::set_hostname(edits, &node.name)?;
    raspios::set_cluster_hosts(edits, &cluster.nodes)?;
    mistakes.note(raspios::set_network(edits, release, node))?;
    raspios::enable_ssh(edits, release, node.ssh.password_login)?;
    let host_key = secret.host_key(node.name.as_str())?;
    raspios::set_host_key(edits, &host_key.private, &host_key.public)?;
    raspios::disable_cloud_init(edits, release)?;
    raspios::set_clock_floor(edits)?;
    raspios::set_time_servers(edits, &node.ntp)?;
    Ok(())
}

/// Plans the settings that a node may have; returns the command that the first boot has to run for them.
fn plan_settings(
    edits: &mut Draft<'_>,
    node: &Node,
    mistakes: &mut Mistakes,
) -> Result<Option<&'static str>, PlanError> {
    if node.swap == Swap::Off {
        raspios::disable_swap(edits)?;
    }

    if let Some(zone) = &node.timezone {
        mistakes.note(raspios::set_timezone(edits, zone))?;
    }
    let own_command = match &node.locale {
        Some(locale) => mistakes.note(raspios::set_locale(edits, locale))?.flatten(),
        None => None,
    };
    if let Some(keyboard) = &node.keyboard {
        mistakes.note(raspios::set_keyboard(edits, keyboard))?;
    }
    raspios::set_page_size(edits, node.boot.page_size)?;
    raspios::add_config_lines(edits, &node.boot.config)?;
    for word in &node.boot.cmdline {
        mistakes.note(raspios::add_cmdline_words(edits, &[word]))?;
    }
    Ok(own_command)
}

/// Notes the words for cmdline.txt that contradict the plan.
///
/// # Errors
/// Fails at a word that the stock image brings along: that is nothing to be corrected in nodes.yaml.
fn check_cmdline(
    draft: &Draft<'_>,
    cluster: &Cluster,
    node: &Node,
    mistakes: &mut Mistakes,
) -> Result<(), RaspiosError> {
    let expected = raspios::ExpectedCmdline {
        ipv6: node.network.connections().any(|connection| connection.ipv6.is_some()),
        k3s: cluster.k3s.is_some() && node.role().is_some(),
    };
    for contradiction in raspios::check_cmdline(draft, expected)? {
        match &contradiction {
            RaspiosError::Contradiction { word, .. } if node.boot.cmdline.contains(word) => {
                mistakes.0.push(contradiction);
            }
            _ => return Err(contradiction),
        }
    }
    Ok(())
}

/// Returns the place in nodes.yaml that a mistake is about.
pub fn span_of(mistake: &RaspiosError, node: &Node) -> Option<FieldSpan> {
    let spans = &node.spans;
    match mistake {
        RaspiosError::UnknownTimezone { .. } => spans.of("timezone").cloned(),
        RaspiosError::UnknownLocale { .. } => spans.of("locale").cloned(),
        RaspiosError::UnknownKeyboard { .. } => spans.of("keyboard").cloned(),
        RaspiosError::UnknownCountry { .. } => spans.of("wifi.country").cloned(),
        RaspiosError::AddedUser { name, source } => {
            spans.of(&format!("users.{name}.{}", key_of_user(source)?)).cloned()
        }
        RaspiosError::CmdlineWord { word, .. } | RaspiosError::Contradiction { word, .. } => {
            spans.cmdline.get(word).cloned()
        }
        RaspiosError::ExtraFile { place, .. } => {
            place.clone().map(|place| FieldSpan { path: "files".to_owned(), ..place })
        }
        other => spans.of(&format!("user.{}", key_of_user(other)?)).cloned(),
    }
}

/// Returns the key of a user that a mistake is about.
fn key_of_user(mistake: &RaspiosError) -> Option<&'static str> {
    match mistake {
        RaspiosError::NameTaken { .. } => Some("name"),
        RaspiosError::UidTaken { .. } => Some("uid"),
        RaspiosError::MissingShell { .. } => Some("shell"),
        RaspiosError::UnknownGroup { .. } => Some("groups"),
        _ => None,
    }
}

/// Plans what the plans of all nodes begin with; nothing where one of the nodes does not take it.
///
/// # Errors
/// When the stock image cannot be read or has something in the way.
pub fn common(context: &PlanContext<'_>) -> Result<Patch, PlanError> {
    let mut draft = Draft::new(context.stock, context.time);
    if let (Some(artifacts), true) =
        (context.artifacts, context.cluster.nodes.iter().all(|node| node.role().is_some()))
    {
        k3s::write_artifacts(&mut draft, artifacts, context.cluster.k3s_data_dir())?;
    }
    Ok(draft.finish())
}

/// Derives the login key of a cluster, for the nodes for which nodes.yaml names none.
///
/// # Errors
/// When its name cannot be the comment of a key.
pub fn login_key(cluster: &Cluster, secret: &ClusterSecret) -> Result<SshKeyPair, IdentityError> {
    secret.login_key(&format!("{LOGIN_KEY_COMMENT}{}", cluster.name))
}

/// The beginning of the comment of every login key that this program makes.
pub(crate) const LOGIN_KEY_COMMENT: &str = "cardwright-";

/// Returns the keys that may log in as a user: those that nodes.yaml names, or else for the first user the cluster's own.
fn login_keys(context: &PlanContext<'_>, node: &Node, user: &User) -> Result<Vec<String>, PlanError> {
    if user.ssh_authorized_keys.is_empty() && user.name == node.user.name {
        return Ok(vec![login_key(context.cluster, context.secret)?.public]);
    }
    let mut lines: Vec<String> =
        user.ssh_authorized_keys.lines.iter().map(|key| key.as_str().to_owned()).collect();
    for keys in &user.ssh_authorized_keys.pinned {
        let fetched = context.keys.lines(keys);
        let not_fetched = || PlanError::KeysNotFetched { account: keys.account().to_owned() };
        lines.extend(fetched.ok_or_else(not_fetched)?);
    }
    Ok(lines)
}

/// Returns what k3s has to know of the system below it.
pub(crate) fn host(release: &Release) -> k3s::Host<'static> {
    k3s::Host {
        boot_mount: release.boot_mount.path(),
        architecture: release.architecture,
        network_manager: release.network == NetworkStack::NetworkManager,
    }
}
