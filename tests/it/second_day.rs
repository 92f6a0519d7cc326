//! docs/second-day.md: its commands, run as far as they can be here, in the order of the page.

use crate::support::{Workshop, text};
use std::fs;
use std::path::Path;

/// A command of the page, or what it says to add to nodes.yaml.
enum Step {
    Command(String),
    Node(String),
}

fn steps() -> Vec<Step> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/second-day.md")).unwrap();
    let mut steps = Vec::new();
    let mut language = None;
    for line in page.lines() {
        match (line.trim().strip_prefix("```"), language) {
            (Some(""), _) => language = None,
            (Some("sh"), None) => language = Some("sh"),
            (Some("yaml"), None) => language = Some("yaml"),
            (Some(other), _) => panic!("a block of {other}"),
            (None, Some("sh")) => steps.push(Step::Command(line.trim().to_owned())),
            (None, Some(_)) => steps.push(Step::Node(line.to_owned())),
            (None, None) => {}
        }
    }
    steps
}

/// Commands that need a node that runs, a card or a cluster: of these, only that there are such options is looked at.
const ELSEWHERE: [&str; 5] = ["backup", "flash", "ssh", "status", "upgrade"];

#[test]
fn the_commands_of_the_second_day_are_those_of_the_program() {
    let workshop = Workshop::with_example();
    let succeed = |arguments: &[&str]| {
        let mut command = workshop.command();
        let output =
            command.env_remove("CARDWRIGHT_SECRET").env_remove("CI").args(arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    succeed(&["build", "--image", "demo"]);
    let mut run = 0;
    for step in steps() {
        let command = match step {
            Step::Node(line) => {
                let path = workshop.path("nodes.yaml");
                let nodes = fs::read_to_string(&path).unwrap();
                fs::write(path, format!("{}\n{line}\n", nodes.trim_end())).unwrap();
                continue;
            }
            Step::Command(command) => command,
        };
        let command = command.strip_prefix("sudo ").unwrap_or(&command);
        let Some(arguments) = command.strip_prefix("cardwright ") else {
            assert!(command.starts_with("kubectl "), "{command}");
            continue;
        };
        let mut arguments: Vec<&str> = arguments.split_whitespace().collect();
        if ELSEWHERE.contains(&arguments[0]) && !arguments.contains(&"--manifest") {
            let help = succeed(&[arguments[0], "--help"]);
            let options = arguments.iter().filter(|argument| argument.starts_with("--"));
            options.for_each(|option| assert!(help.contains(option), "{command}: no {option}"));
            continue;
        }
        if let Some(place) = arguments.iter().position(|argument| *argument == "--restore") {
            // There is no server to be backed up here; tests/it/backup.rs has one.
            arguments.drain(place..place + 2);
        }
        match arguments[0] {
            "build" => arguments.extend(["--image", "demo"]),
            "upgrade" => {}
            other => panic!("`{other}` is not known to this test"),
        }
        if arguments.contains(&"--new-cluster") {
            fs::remove_file(workshop.path("cluster.secret")).unwrap();
        }
        if arguments.contains(&"--rejoin") {
            let nodes = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
            // The page has three by then.
            let is_one = |line: &str| ["name: south,", "name: west,"].iter().any(|name| line.contains(name));
            let server = |line: &str| {
                if is_one(line) { line.replace("k3s: agent", "k3s: server") } else { line.to_owned() }
            };
            let servers = nodes.lines().map(|line| server(line) + "\n").collect::<String>();
            assert_ne!(servers, nodes);
            fs::write(workshop.path("nodes.yaml"), servers).unwrap();
        }
        succeed(&arguments);
        run += 1;
    }
    assert!(run > 7, "{run}");
    let north = workshop.path("images/north.img.xz");
    assert!(north.exists() && workshop.path("images/attic.img.xz").exists());
}
