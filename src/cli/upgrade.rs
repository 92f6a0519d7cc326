//! `cardwright upgrade`

use super::arguments::UpgradeArguments;
use super::paint::{self, BOLD, DIM, GREEN, Line, line, paint, spans};
use super::person::{Person, Terminal};
use super::progress::Reporter;
use super::{Failure, pins, problems, ssh};
use cardwright::artifacts::OpenedArtifacts;
use cardwright::cluster::{Cluster, K3sVersion, Node, Role};
use cardwright::pipeline::{self, Error};
use cardwright::upgrade::{self, Step, UpgradeError};
use serde_json::json;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

impl From<UpgradeError> for Failure {
    fn from(error: UpgradeError) -> Self {
        Error::from(error).into()
    }
}

pub(super) fn run(arguments: &UpgradeArguments) -> Result<(), Failure> {
    let mut cluster = ssh::load(&arguments.cluster)?;
    problems::show_warnings(&cluster);
    let Some(wanted) = cluster.k3s.as_ref().map(|k3s| k3s.version.clone()) else {
        return Err(UpgradeError::NoK3s { cluster: cluster.name.to_string() }.into());
    };
    if arguments.manifest {
        return manifest(&cluster, &wanted, arguments.agents_at_once);
    }
    for name in &arguments.nodes {
        pipeline::named_node(&cluster, name)?;
    }
    let new = pins::settle(
        &mut cluster,
        &arguments.sources.addresses,
        pins::how(false, arguments.sources.offline),
    )?;
    new.map_or(Ok(()), |new| new.write())?;
    let cluster = &cluster;
    let (steps, others) = look(cluster, &arguments.nodes)?;
    upgrade::check(&wanted, &steps, &others)?;
    if !arguments.json {
        steps.iter().map(|step| shown(step, &wanted)).try_for_each(line)?;
    }
    let needed: Vec<&Step<'_>> = steps.iter().filter(|step| step.is_needed(&wanted)).collect();
    let mut done = Vec::new();
    if !needed.is_empty() && !arguments.dry_run {
        agree(arguments.yes, needed.len(), &mut Terminal)?;
        // One that was left broken is not followed by the next.
        for step in steps.iter().filter(|step| !step.is_needed(&wanted)) {
            upgrade::wait_until_ready(cluster, step, Duration::from_secs(arguments.patience))?;
        }
        done = upgrade_all(cluster, &needed, arguments)?;
    }
    if arguments.json {
        let nodes = steps.iter().map(|step| {
            let from = &step.found.version;
            let seconds = done.iter().find(|(name, _)| *name == step.node.name.as_str()).map(|(_, seconds)| seconds);
            json!({"node": step.node.name.as_str(), "from": from.as_str(), "to": wanted.as_str(), "upgraded": seconds.is_some(), "seconds": seconds})
        });
        super::json_with_warnings(&json!({"nodes": nodes.collect::<Vec<_>>()}))?;
    }
    Ok(())
}

/// Prints the plans, and beside them what they need.
fn manifest(cluster: &Cluster, wanted: &K3sVersion, agents_at_once: u16) -> Result<(), Failure> {
    let plans = upgrade::plans::plans(cluster, agents_at_once);
    let plans = plans.ok_or_else(|| UpgradeError::NoK3s { cluster: cluster.name.to_string() })?;
    paint::note(format!(
        "for Rancher's system-upgrade-controller, which has to run in the cluster and checks no versions: {wanted} may follow on the minor version before it alone"
    ));
    Ok(plans.lines().try_for_each(|text| line(text.to_owned()))?)
}

/// Returns the nodes that are meant, in their order and with the k3s that is on them; and of the others the servers, where
/// agents alone are meant.
fn look<'c>(cluster: &'c Cluster, names: &[String]) -> Result<(Vec<Step<'c>>, Vec<Step<'c>>), Failure> {
    let is_meant = |node: &Node| names.is_empty() || names.iter().any(|name| *name == node.name.as_str());
    let ask = |(node, role): (&'c Node, Role)| {
        Ok::<_, UpgradeError>(Step { node, role, found: upgrade::look(cluster, node)? })
    };
    let (meant, others): (Vec<_>, Vec<_>) =
        upgrade::order(cluster).into_iter().partition(|(node, _)| is_meant(node));
    let has_agents = meant.iter().any(|(_, role)| *role == Role::Agent);
    let others = others.into_iter().filter(|(_, role)| has_agents && *role == Role::Server);
    Ok((meant.into_iter().map(ask).collect::<Result<_, _>>()?, others.map(ask).collect::<Result<_, _>>()?))
}

/// `north  v1.35.6+k3s1 → v1.36.4+k3s1`
fn shown(step: &Step<'_>, wanted: &K3sVersion) -> Line {
    let name = paint(BOLD, format!("{:<12}", step.node.name.to_string()));
    let found = &step.found.version;
    if step.found.version == *wanted && step.found.waits_for_restart {
        spans![name, format!(" {found} is there, and waits for its restart  {}", step.role)]
    } else if step.is_needed(wanted) {
        spans![name, format!(" {found} → {wanted}  {}", step.role)]
    } else {
        spans![name, paint(DIM, format!(" {found} already  {}", step.role))]
    }
}

/// Asks whether it shall begin.
fn agree(yes: bool, count: usize, person: &mut dyn Person) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !person.is_there() {
        return Err(Failure::usage(
            "nobody is there to be asked",
            "Say `--yes` to upgrade without a question, or `--dry-run` to see what would be done",
        ));
    }
    let nodes = if count == 1 { "this node" } else { "these nodes, one after another" };
    if person.agrees(format!("Upgrade {nodes}?").into())? {
        return Ok(());
    }
    Err(Failure::Advised {
        message: "nothing was upgraded".to_owned(),
        hint: "Answer `y` to begin".to_owned(),
    })
}

/// Upgrades nodes one after another; returns the seconds that each took.
fn upgrade_all(
    cluster: &Cluster,
    steps: &[&Step<'_>],
    arguments: &UpgradeArguments,
) -> Result<Vec<(String, u64)>, Failure> {
    let cache = super::cache();
    let mut files: BTreeMap<String, OpenedArtifacts> = BTreeMap::new();
    // All is there before the first node is touched.
    for step in steps {
        let architecture = step.found.architecture;
        if let Entry::Vacant(entry) = files.entry(architecture.to_string()) {
            entry.insert(upgrade::files(cluster, architecture, cache.as_deref(), &Reporter::new())?);
        }
    }
    let mut done = Vec::new();
    for step in steps {
        let Some(files) = files.get(&step.found.architecture.to_string()) else { continue };
        let patience = Duration::from_secs(arguments.patience);
        let ready = upgrade::upgrade(cluster, step, files, patience, &Reporter::new())?;
        let seconds = ready.after.as_secs();
        if !arguments.json {
            let name = paint(BOLD, format!("{:<12}", step.node.name.to_string()));
            line(spans![name, " ", paint(GREEN, "ready"), format!(" after {seconds} s")])?;
        }
        done.push((step.node.name.to_string(), seconds));
    }
    Ok(done)
}
