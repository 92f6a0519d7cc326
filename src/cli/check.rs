//! `cardwright check`

use super::arguments::CheckArguments;
use super::selection::Selection;
use super::{Failure, paint, problems};
use cardwright::cache;
use cardwright::cluster::{Cluster, Diagnostic, Node, Role};
use cardwright::pins::{self, PinError, PinLock, Pinning};
use cardwright::pipeline;
use cardwright::stock_system::OpenOptions;
use cardwright::types::Silent;
use serde_json::json;

pub(super) fn run(arguments: &CheckArguments) -> Result<(), Failure> {
    let selection = Selection::of(&arguments.cluster)?;
    let options = OpenOptions { source_date_epoch: super::source_date_epoch()?, ..OpenOptions::default() };
    let loaded = Cluster::load(&selection.file).and_then(|cluster| {
        let (cluster, problems) = with_image(cluster, options);
        if problems.is_empty() { Ok(cluster) } else { Err(cluster.unfit(problems)) }
    });
    if arguments.json {
        let found = loaded.as_ref().err().map_or(&[][..], |invalid| &invalid.problems);
        let warnings = loaded.as_ref().map_or(&[][..], |cluster| &cluster.warnings);
        let report = json!({
            "file": selection.file,
            "valid": loaded.is_ok(),
            "problems": found,
            "warnings": warnings,
        });
        paint::json(&report)?;
    }
    let cluster = loaded?;
    problems::show_warnings(&cluster);
    let nodes = selection.nodes_of(&cluster)?;
    if arguments.json {
        return Ok(());
    }
    paint::line(summary(&cluster))?;
    // Of all nodes the summary says enough.
    let named = nodes.into_iter().filter(|_| !selection.nodes.is_empty());
    Ok(named.map(one).try_for_each(paint::line)?)
}

/// `north: 192.168.50.11/24 on eth0, k3s server`
fn one(node: &Node) -> String {
    let role = node.role().map_or_else(String::new, |role| format!(", k3s {role}"));
    format!("{}: {}{role}", node.name, node.network)
}

/// The cluster with the warnings of its stock image, and what does not fit that.
fn with_image(mut cluster: Cluster, options: OpenOptions) -> (Cluster, Vec<Diagnostic>) {
    // What is not pinned yet is said to be so.
    let lock = PinLock::read(&PinLock::path(&cluster.source));
    let settled = lock.and_then(|lock| pins::settle(&cluster, lock.as_ref(), Pinning::Offline, "", &Silent));
    match settled {
        Ok(Some(lock)) => pins::apply(&lock, &mut cluster),
        Ok(None) | Err(PinError::Offline { .. }) => {}
        Err(error) => return (cluster, vec![Diagnostic::at(None, &error)]),
    }
    // What is there is used, and nothing is made: this only looks.
    let cache = cache::folder();
    let scratch = cache.clone().filter(|folder| folder.is_dir()).unwrap_or_else(std::env::temp_dir);
    let mut checked = pipeline::check(&cluster, options, cache.as_deref(), &scratch);
    cluster.warnings.extend(checked.warnings);
    // Nothing can be built with one that is damaged.
    checked
        .problems
        .extend(pipeline::existing_secret(&cluster).err().map(|error| Diagnostic::at(None, &error)));
    (cluster, checked.problems)
}

/// `compass: 4 nodes, k3s v1.36.4+k3s1 with 1 server and 3 agents`
fn summary(cluster: &Cluster) -> String {
    let count = |number: usize, what: &str| format!("{number} {what}{}", if number == 1 { "" } else { "s" });
    let with = |role| cluster.nodes.iter().filter(|node| node.role() == Some(role)).count();
    let nodes = count(cluster.nodes.len(), "node");
    let k3s = cluster.k3s.as_ref().map_or_else(String::new, |k3s| {
        let (servers, agents) = (count(with(Role::Server), "server"), count(with(Role::Agent), "agent"));
        format!(", k3s {} with {servers} and {agents}", k3s.version)
    });
    format!("{}: {nodes}{k3s}", cluster.name)
}
