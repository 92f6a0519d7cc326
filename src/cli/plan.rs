//! `cardwright plan`

use super::arguments::PlanArguments;
use super::paint::{BOLD, CYAN, DIM, GREEN, Line, RED, Span, YELLOW, paint, source, spans};
use super::selection::Selection;
use super::{Failure, fetch, paint, progress};
use anstyle::Style;
use cardwright::cluster::Node;
use cardwright::patch::{Edit, Partition};
use cardwright::pipeline::{self, Error, Session};
use cardwright::plan::{PlannedChange, PlannedEdit, report, text_of};
use serde_json::{Value, json};

pub(super) fn run(arguments: &PlanArguments) -> Result<(), Failure> {
    let selection = Selection::of(&arguments.cluster)?;
    let mut cluster = super::load(&selection.file, &arguments.stock)?;
    super::check_secret(&cluster)?;
    fetch::prepare(&mut cluster, &arguments.stock, false)?;
    super::rejoin(&mut cluster, arguments.rejoin.as_deref(), arguments.through.as_deref())?;
    super::restore(&mut cluster, &arguments.restore)?;
    let named: Result<Vec<&Node>, _> =
        selection.nodes.iter().map(|name| pipeline::named_node(&cluster, name)).collect();
    let nodes = if selection.nodes.is_empty() { cluster.nodes.iter().collect() } else { named? };
    let stock = super::open_stock_image(&cluster, &arguments.stock, &super::scratch_folder())?;
    let (secret, is_throwaway) = super::secret_to_look_at(&cluster, arguments.stock.locked)?;
    let session = Session::new(cluster.clone(), stock, secret, super::cache());

    let reporter = progress::Reporter::new();
    let planned = session.plan(&reporter);
    // Of another image than the one that was named nothing else is of interest.
    session.stock().verify_unless_known()?;
    let planned = planned?;
    let system = session.stock().system();
    let mut plans = Vec::new();
    for node in nodes {
        let patch = planned.of(node)?;
        let edits = report(&patch, &planned.common, &system.disk.files).map_err(Error::from)?;
        let text = |edit: &Edit| if arguments.contents { text_of(edit) } else { None };
        let edits: Vec<_> = edits.into_iter().zip(patch.edits.iter().map(text)).collect();
        plans.push((node, edits));
    }
    // So that the build which most probably follows need not read the same once more.
    session.save_pages(&reporter);
    let layout = &planned.layout;
    if arguments.json {
        let nodes: Vec<_> = plans
            .iter()
            .map(|(node, shown)| json!({ "node": node.name, "edits": shown.iter().map(edit_as_json).collect::<Vec<_>>() }))
            .collect();
        let report = json!({
            "cluster": cluster.name,
            "release": system.release,
            "disk": { "size": layout.size, "growth": layout.growth },
            "nodes": nodes,
            "throwaway_secret": is_throwaway,
            "warnings": super::warnings(),
        });
        return Ok(paint::json(&report)?);
    }
    if layout.growth.get() > 0 {
        paint::line(format!(
            "cards of {}: the root partition is {} larger than the stock image's",
            layout.size, layout.growth
        ))?;
        paint::line("")?;
    }
    let alike = alike(&plans);
    if !alike.is_empty() {
        paint::line(spans![paint(BOLD, format!("each of the {} nodes", plans.len()))])?;
        show(&alike)?;
    }
    for (node, edits) in &plans {
        paint::line(spans![paint(BOLD, node.name.as_str()), format!("  {}", node.network)])?;
        show(&edits.iter().filter(|edit| !alike.contains(edit)).collect::<Vec<_>>())?;
    }
    Ok(())
}

/// An edit, and the text that it writes where that is asked for.
type Shown = (PlannedEdit, Option<String>);

fn edit_as_json((edit, text): &Shown) -> Value {
    let mut edit = json!(edit);
    if let (Some(text), Some(fields)) = (text, edit.as_object_mut()) {
        fields.insert("content".to_owned(), text.as_str().into());
    }
    edit
}

/// Returns the edits that are the same on every node; none where there is only one.
fn alike<'plans>(plans: &'plans [(&Node, Vec<Shown>)]) -> Vec<&'plans Shown> {
    let Some(((_, first), others)) = plans.split_first().filter(|(_, others)| !others.is_empty()) else {
        return Vec::new();
    };
    first.iter().filter(|edit| others.iter().all(|(_, edits)| edits.contains(edit))).collect()
}

fn show(edits: &[&Shown]) -> std::io::Result<()> {
    for partition in [Partition::Boot, Partition::Root] {
        let edits: Vec<_> = edits.iter().filter(|(edit, _)| edit.partition == partition).collect();
        if edits.is_empty() {
            continue;
        }
        paint::line(format!("  {partition} partition"))?;
        for (edit, text) in edits {
            paint::line(one(edit))?;
            for line in edit.diff.iter().flat_map(|diff| diff.lines()) {
                paint::line(spans!["          ", coloured(line)])?;
            }
            for line in text.iter().filter(|_| edit.diff.is_none()).flat_map(|text| text.lines()) {
                paint::line(spans!["          | ", source(Style::new(), line)])?;
            }
        }
    }
    paint::line("")
}

/// `    + 0600 0:0     147 B  /etc/rancher/k3s/config.yaml  (secret)`
fn one(edit: &PlannedEdit) -> Line {
    let (sign, style) = match edit.change {
        PlannedChange::Create => ("+", GREEN),
        PlannedChange::Change => ("~", YELLOW),
        PlannedChange::Remove => ("-", RED),
        PlannedChange::Move => (">", YELLOW),
    };
    let mode = edit.mode.map_or_else(|| "    ".to_owned(), |mode| mode.to_string());
    let owner = edit.owner.map_or_else(String::new, |owner| owner.to_string());
    let size = edit.size.map_or_else(String::new, |size| size.to_string());
    let is_directory = edit.size.is_none() && edit.target.is_none() && edit.mode.is_some();
    let slash = if is_directory { "/" } else { "" };
    let file = format!(" {mode} {owner:<9} {size:>8}  {}{slash}", edit.path);
    let mut line = spans!["    ", paint(style, sign), file];
    if let Some(target) = &edit.target {
        line = line.and(spans![" ", paint(DIM, "->"), " ", paint(CYAN, target)]);
    }
    if edit.shared {
        line = line.and(spans!["  ", paint(DIM, "(the same on every node)")]);
    }
    if edit.secret {
        line = line.and(spans!["  ", paint(DIM, "(secret)")]);
    }
    line
}

/// A line of a difference. What is in a text file may hold anything.
fn coloured(line: &str) -> Span {
    let style = match line.chars().next() {
        Some('+') => GREEN,
        Some('-') => RED,
        Some('@') => DIM,
        _ => Style::new(),
    };
    source(style, line)
}
