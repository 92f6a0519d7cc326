//! `cardwright ssh` and `cardwright logs`

use super::Failure;
use super::arguments::{BuiltCluster, LogsArguments, SshArguments};
use cardwright::access::{self, AccessError, JournalPart};
use cardwright::cluster::Cluster;
use cardwright::pipeline::{self, Error};
use std::process::Command;

pub(super) fn run(arguments: &SshArguments) -> Result<(), Failure> {
    let cluster = load(&arguments.cluster)?;
    let node = pipeline::named_node(&cluster, &arguments.node)?;
    let mut ssh = access::log_in(&cluster, node).map_err(Error::from)?;
    ssh.args(&arguments.command);
    become_it(ssh)
}

pub(super) fn logs(arguments: &LogsArguments) -> Result<(), Failure> {
    let cluster = load(&arguments.cluster)?;
    let node = pipeline::named_node(&cluster, &arguments.node)?;
    let part = match (arguments.follow, arguments.all) {
        (true, _) => JournalPart::Follow,
        (false, true) => JournalPart::All,
        (false, false) => JournalPart::Last,
    };
    become_it(access::logs(&cluster, node, part).map_err(Error::from)?)
}

/// Loads a cluster whose results are in a folder.
pub(super) fn load(built: &BuiltCluster) -> Result<Cluster, Failure> {
    let mut cluster = Cluster::load(&built.file)?;
    super::put_into(&mut cluster, built.output.as_deref())?;
    Ok(cluster)
}

/// Replaces this program by a command, so that terminal, signals and exit code are its own.
#[cfg(unix)]
fn become_it(mut command: Command) -> Result<(), Failure> {
    use std::os::unix::process::CommandExt as _;
    let source = command.exec();
    Err(Error::from(AccessError::Ssh { source }).into())
}

/// Runs a command, and ends with its exit code.
#[cfg(not(unix))]
fn become_it(mut command: Command) -> Result<(), Failure> {
    let status = command.status().map_err(|source| Error::from(AccessError::Ssh { source }))?;
    std::process::exit(status.code().unwrap_or(255))
}
