//! `cardwright inspect`

use super::arguments::InspectArguments;
use super::paint::{BOLD, DIM, GREEN, Line, YELLOW, line, paint, spans};
use super::{Failure, map, paint};
use cardwright::demo;
use cardwright::partition::TableKind;
use cardwright::pipeline::inspect::{Found, Inspection, inspect};
use cardwright::raspios::{Customisation, Effect, FirstBoot, Release};
use cardwright::stock_image::StockImage;
use std::path::Path;

pub(super) fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    let path = &arguments.image;
    if arguments.file.is_some() || arguments.node.is_some() {
        return Err(Failure::usage(
            "`inspect` looks at an image alone: it needs neither a nodes.yaml nor a node",
            format!(
                "Leave `--file` and `--node` out; `cardwright verify --node NAME {}` compares an image with the plan of a node",
                path.display()
            ),
        ));
    }
    let image = if path == Path::new("demo") && !path.exists() {
        demo::open()
    } else {
        StockImage::open_to_look(path, &super::scratch_folder(), super::cache().as_deref())
    };
    let image = image.map_err(|error| {
        let hint =
            "Name an image by its path from the current folder, or `demo` for the one inside the program";
        Failure::of_image(error.into(), || hint.to_owned())
    })?;
    let inspection = inspect(image)?;
    inspection.warnings.iter().for_each(paint::warning);
    if arguments.json {
        return Ok(paint::json(&inspection)?);
    }
    Ok(show(path, &inspection)?)
}

fn show(path: &Path, found: &Inspection) -> std::io::Result<()> {
    let table = match &found.table.kind {
        TableKind::Mbr { disk_id } => format!("MBR, disk id {disk_id}"),
        TableKind::Gpt { disk_guid } => format!("GPT, disk {disk_guid}"),
    };
    let size = format!("  {} decompressed, compression {}, {table}", found.size, found.compression.name());
    line(spans![paint(BOLD, path.display()), size])?;
    line("")?;
    for row in map::draw(found.size, &found.table.partitions, map::WIDTH) {
        line(format!("  {row}"))?;
    }
    line("")?;
    for (entry, filesystem) in found.table.partitions.iter().zip(&found.filesystems) {
        let start = format!("at {}", cardwright::types::ByteCount::new(entry.start.get()));
        let place =
            spans!["  ", paint(BOLD, entry.number), format!("  {} ", entry.length), paint(DIM, start), "  "];
        line(place.and(describe(filesystem)))?;
        if let Some(summary) = &filesystem.filesystem {
            line(spans!["     ", paint(DIM, summary.features.join(" "))])?;
        }
    }
    line("")?;
    match (&found.release, &found.no_release) {
        (Some(release), _) => line(describe_release(release))?,
        (None, Some(why)) => {
            line(spans!["  ", paint(YELLOW, "no release that cardwright knows:"), " ", why])?;
        }
        (None, None) => {}
    }
    for Customisation { tool, found, effect, means } in &found.customisations {
        let style = if *effect == Effect::Agrees { DIM } else { YELLOW };
        line(spans!["  ", paint(style, "customised:"), format!(" {found} ({tool}): {means}")])?;
    }
    match &found.card {
        Some(card) => line(spans![
            "  ",
            paint(GREEN, "made by cardwright:"),
            format!(" node {} of cluster {}", card.node, card.cluster)
        ]),
        None => line("  not customised by cardwright"),
    }
}

fn describe(found: &Found) -> Line {
    match (&found.filesystem, &found.problem) {
        (Some(summary), _) => format!(
            "{} `{}` {}, {} free of {}",
            summary.kind, summary.label, summary.id, summary.free, summary.size
        )
        .into(),
        (None, Some(problem)) => spans![paint(YELLOW, problem)],
        (None, None) => Line::default(),
    }
}

fn describe_release(release: &Release) -> Line {
    let date = release.date.as_deref().map_or_else(String::new, |date| format!(" of {date}"));
    let Release { codename, architecture, .. } = release;
    let name = format!("Raspberry Pi OS {codename} {}, {architecture}{date}", word(&release.edition));
    let cloud_init = if release.cloud_init { "with cloud-init" } else { "without cloud-init" };
    let first_boot = match release.first_boot {
        FirstBoot::InitScript => "its first boot is asked for by `init=` in cmdline.txt",
        FirstBoot::ResizeWord => "its first boot is asked for by `resize` in cmdline.txt",
        FirstBoot::None => "booted before: no first boot left",
    };
    let mount = release.boot_mount.path();
    let rest = format!("; boot partition at {mount}, {cloud_init}, {first_boot}");
    spans!["  ", paint(GREEN, name), rest]
}

/// A value of a plain enumeration as JSON calls it: people and programs read the same words.
#[expect(clippy::expect_used, reason = "it is called with plain enumerations only")]
fn word(value: &impl serde::Serialize) -> String {
    let json = serde_json::to_value(value).expect("an enumeration without content is a text in JSON");
    json.as_str().expect("an enumeration without content is a text in JSON").to_owned()
}
