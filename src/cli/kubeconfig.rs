//! `cardwright kubeconfig`

use super::arguments::KubeconfigArguments;
use super::paint::{self, BOLD, CYAN, paint, spans};
use super::{Failure, ssh};
use cardwright::access::{self, MergeOptions};
use cardwright::pipeline::Error;
use cardwright::types::shell;

pub(super) fn run(arguments: &KubeconfigArguments) -> Result<(), Failure> {
    let cluster = ssh::load(&arguments.cluster)?;
    if !arguments.merge {
        // The path and not the content: whoever has that may do everything in the cluster.
        let path = access::kubeconfig_path(&cluster).map_err(Error::from)?;
        let path = std::path::absolute(&path).unwrap_or(path);
        return Ok(paint::line(path.display())?);
    }
    let options = MergeOptions { force: arguments.force, make_current: arguments.make_current };
    let merged =
        access::merge_kubeconfig(&cluster, arguments.into.as_deref(), options).map_err(Error::from)?;
    if let Some(backup) = &merged.backup {
        let comments = if merged.lost_comments { ", which alone has the comments now" } else { "" };
        paint::note(format!("kept the former {} as {}{comments}", merged.path.display(), backup.display()));
    }
    let how = if merged.changed { "is in" } else { "was already in" };
    paint::line(spans![
        "context ",
        paint(BOLD, &merged.context),
        format!(" {how} {}", merged.path.display())
    ])?;
    // kubectl looks into another file only where it is told to.
    let other = arguments.into.as_ref().map_or_else(String::new, |path| {
        format!(" --kubeconfig {}", shell::word(&path.display().to_string()))
    });
    let command = if merged.is_current {
        format!("kubectl{other} get nodes")
    } else {
        format!("kubectl{other} --context {} get nodes", shell::word(&merged.context))
    };
    Ok(paint::line(spans!["  ", paint(CYAN, command)])?)
}
