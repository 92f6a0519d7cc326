//! nodes.yaml as a person writes it, and what is said about the mistakes in it.

mod clusters;
mod contradictions;
mod example;
mod fleets;
mod hostile;
mod injection;
mod mistakes;
mod networks;
pub(crate) mod schema;

use cardwright::cluster::{Cluster, Diagnostic, InvalidCluster};
use std::fmt::Write as _;
use std::path::Path;

/// The smallest cluster that has everything the mistakes below are made in.
const VALID: &str = "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
k3s: {version: v1.36.4+k3s1}
nodes:
  - {name: north, address: 192.168.50.11, k3s: server}
  - {name: east, address: 192.168.50.12, k3s: agent}
";

const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti ann@laptop";
const FINGERPRINT: &str = "SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ";
const HASH: &str =
    "$6$saltsaltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/";

/// What the files of `folder`, the text's own folder, are for.
fn parse_in(folder: &Path, text: &str) -> Result<Cluster, InvalidCluster> {
    let parsed = Cluster::parse(text, &folder.join("nodes.yaml"));
    schema::collect(folder, text, parsed.as_ref());
    parsed
}

fn parse(text: &str) -> Result<Cluster, InvalidCluster> {
    parse_in(Path::new("no-such-folder"), text)
}

fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(VALID.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from:?} is not in\n{text}");
        text.replacen(from, to, 1)
    })
}

/// The problems as a person reads them.
fn rendered(invalid: &InvalidCluster) -> String {
    let mut out = String::new();
    for problem in &invalid.problems {
        let file = problem
            .file
            .as_deref()
            .map_or("nodes.yaml".into(), |file| file.file_name().unwrap().to_string_lossy());
        writeln!(out, "{file}:{}:{}: {}", problem.line, problem.column, problem.message).unwrap();
        match invalid.source_line(problem) {
            Some(line) => {
                writeln!(out, "    {line}").unwrap();
                writeln!(out, "    {:>width$}", "^", width = problem.column).unwrap();
            }
            None => writeln!(out, "    (not shown)").unwrap(),
        }
        if let Some(hint) = &problem.hint {
            writeln!(out, "    hint: {hint}").unwrap();
        }
        if !problem.at.is_empty() {
            writeln!(out, "    at: {}", problem.at).unwrap();
        }
    }
    out
}

/// The warnings as a person reads them.
fn warned_of(cluster: &Cluster) -> String {
    let warning = |found: &Diagnostic| {
        let hint = found.hint.as_deref().unwrap_or_default();
        format!("{}:{}: {}\n    hint: {hint}\n", found.line, found.column, found.message)
    };
    cluster.warnings.iter().map(warning).collect()
}

/// Each of some mistakes in the valid file, and what is said about it.
fn answers(mistakes: &[&[(&str, &str)]]) -> String {
    let mut out = String::new();
    for edits in mistakes {
        let text = edited(edits);
        for (from, to) in *edits {
            let to = if to.len() > 100 { "(long)" } else { to };
            writeln!(out, "## {from:?} becomes {to:?}").unwrap();
        }
        match parse(&text) {
            Ok(_) => writeln!(out, "valid").unwrap(),
            Err(invalid) => out += &rendered(&invalid),
        }
        out.push('\n');
    }
    out
}

const TOP: &str = "image: demo";
const NORTH: &str = "north, address: 192.168.50.11, k3s: server";
const EAST: &str = "east, address: 192.168.50.12, k3s: agent";
