//! Whatever nodes.yaml, an image, an argument or a file's name holds: a terminal shows it and does not obey it.

use crate::support::{SECRET, Workshop, text};
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::process::Output;

/// Clears the screen, sets the window's title, goes back to the beginning of the line, and so on, with both
/// sets of control characters and what turns a line around.
const HOSTILE: &str =
    "h\u{1b}[2J\u{1b}]0;x\u{7}\r\u{8}\u{7f}\u{9b}2J\u{85}\u{2028}\u{202e}\u{2066}\u{200f}\nerror: h";

/// Everything of it that may be part of a file's name or an argument is in there; a terminal obeys none.
fn assert_shown(output: &Output, of: &str) {
    for stream in [&output.stdout, &output.stderr] {
        let said = std::str::from_utf8(stream).unwrap_or_else(|error| panic!("{of}: {error}"));
        let found = said.chars().find(|character| {
            let allowed = matches!(character, '\n' | '\t');
            !allowed && cardwright::types::escape::is_control(*character)
        });
        assert_eq!(found, None, "{of}:\n{said}");
        assert!(!said.contains("\nerror: h"), "{of}: a line of its own:\n{said}");
    }
}

fn base() -> Value {
    json!({
        "cluster": "compass",
        "image": "demo",
        "network": { "prefix": 24, "gateway": "192.168.50.1" },
        "k3s": { "version": "v1.36.4+k3s1" },
        "nodes": [{ "name": "north", "address": "192.168.50.11", "k3s": "server" }],
    })
}

#[derive(Debug, Clone)]
enum Step {
    Key(String),
    Item,
}

/// The places that the schema knows below one of its definitions.
fn places(schema: &Value, at: &Value, path: &[Step], found: &mut Vec<Vec<Step>>) {
    for alternative in at["anyOf"].as_array().into_iter().flatten() {
        places(schema, alternative, path, found);
    }
    if let Some(name) = at["$ref"].as_str() {
        let definition = name.strip_prefix("#/definitions/").unwrap();
        places(schema, &schema["definitions"][definition], path, found);
    }
    let mut go = |step: Step, below: &Value| {
        let path = [path, &[step]].concat();
        found.push(path.clone());
        places(schema, below, &path, found);
    };
    if at.get("items").is_some() {
        go(Step::Item, &at["items"]);
    }
    for (key, below) in at["properties"].as_object().into_iter().flatten() {
        go(Step::Key(key.clone()), below);
    }
}

/// A cluster that is valid but for this value at this place.
fn with(path: &[Step], value: &Value) -> Value {
    let mut document = base();
    let mut at = &mut document;
    for step in path {
        match step {
            Step::Key(key) => {
                if !at.is_object() {
                    *at = json!({});
                }
                at = at.as_object_mut().unwrap().entry(key.as_str()).or_insert(Value::Null);
            }
            Step::Item => {
                if !at.is_array() {
                    *at = json!([null]);
                }
                at = &mut at[0];
            }
        }
    }
    *at = value.clone();
    document
}

#[test]
fn no_value_of_nodes_yaml_reaches_a_terminal_as_it_is() {
    let schema: Value = serde_json::from_str(include_str!("../../nodes.schema.json")).unwrap();
    let mut found = Vec::new();
    places(&schema, &schema, &[], &mut found);
    assert!(found.len() > 100, "{}", found.len());
    let workshop = Workshop::with_nodes("");
    let check = |document: &str, of: &str| {
        fs::write(workshop.path("nodes.yaml"), document).unwrap();
        let output = workshop.run(["check"]);
        assert_shown(&output, of);
        output
    };
    let mut refused = 0;
    for path in &found {
        for value in [json!(HOSTILE), json!({ HOSTILE: HOSTILE })] {
            let output = check(&with(path, &value).to_string(), &format!("{path:?}"));
            refused += usize::from(output.status.code() == Some(2));
        }
    }
    assert!(refused > found.len(), "{refused} of {}", found.len());
    // What begins as it should, in the texts of hints.
    for beginning in ["https://x/", "1.1.1.1/", "k=v:", "~/", "v1.2.3+k3s1", "/"] {
        for path in found.iter().filter(|path| path.len() < 3) {
            let value = json!(format!("{beginning}{HOSTILE}"));
            if !path.iter().any(|step| matches!(step, Step::Key(key) if key == "ssh" || key == "swap")) {
                check(&with(path, &value).to_string(), &format!("{beginning} at {path:?}"));
            }
        }
    }
}

#[test]
fn no_line_of_nodes_yaml_is_shown_as_it_is() {
    let workshop = Workshop::with_nodes("");
    let line = HOSTILE.replace('\n', " ");
    for document in [
        format!("cluster: '{line}'\n"),
        format!("cluster: {line}\n"),
        format!("'{line}': a\n'{line}': b\n"),
        format!("image: demo # {line}\nimage: demo\n"),
        format!("cluster: !{line} x\n"),
        format!("cluster: *{line}\n"),
        format!("cluster: \"{line}\n"),
        format!("\tcluster: Upper\t{line}\n"),
        format!("cluster:\tUpper\t{line}\n"),
        format!("k3s: {{config: {{token: '{line}', '--{line}': a}}}}\n"),
    ] {
        fs::write(workshop.path("nodes.yaml"), &document).unwrap();
        for arguments in [&["check"][..], &["check", "--json"]] {
            let output = workshop.run(arguments);
            assert_eq!(output.status.code(), Some(2), "{document:?}");
            assert_shown(&output, &document);
        }
    }
}

#[test]
fn a_log_is_shown_where_it_is_asked_for_and_obeyed_by_no_terminal() {
    let workshop = Workshop::with_nodes(&base().to_string());
    let log = |arguments: &[&str]| text(&workshop.run(arguments).stderr);
    let plain = log(&["check"]);
    assert!(!plain.contains("debug:"), "{plain}");
    let debug = log(&["check", "-v"]);
    assert!(debug.contains("debug: stock_system found a release") && !debug.contains("trace:"), "{debug}");
    assert_eq!(log(&["-v", "check"]), debug);
    assert!(debug.lines().all(|line| line.starts_with("debug: ") || plain.contains(line)), "{debug}");
    assert!(!log(&["-vv", "plan"]).contains(SECRET));
    fs::write(workshop.path(HOSTILE), "").unwrap();
    for arguments in [["inspect", "-vv", HOSTILE], ["plan", "-vv", &format!("--image={HOSTILE}")]] {
        assert_shown(&workshop.run(arguments), "-vv");
    }
}

#[test]
fn json_keeps_what_it_escapes() {
    let workshop =
        Workshop::with_nodes(&with(&[Step::Key("cluster".to_owned())], &json!(HOSTILE)).to_string());
    let name = "a\u{7f}\u{9b}\u{202e}.yaml";
    if fs::copy(workshop.path("nodes.yaml"), workshop.path(name)).is_err() {
        return;
    }
    let output = workshop.run(["check", "--json", name]);
    assert_shown(&output, "check --json");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["file"], name);
}

#[cfg(unix)]
#[test]
fn no_argument_and_no_name_of_a_file_is_shown_as_it_is() {
    let workshop = Workshop::with_nodes(&base().to_string());
    fs::create_dir(workshop.path("a folder")).unwrap();
    let named = |end: &str| format!("{HOSTILE}{end}");
    fs::write(workshop.path(&named(".img")), "hello").unwrap();
    fs::write(workshop.path(&named(".yaml")), "cluster: X\n").unwrap();
    fs::create_dir(workshop.path(&named(".d"))).unwrap();
    let mut zip = zip::ZipWriter::new(fs::File::create(workshop.path("a.zip")).unwrap());
    for name in [named("1"), named("2.img"), named("3.img")] {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(b"hello").unwrap();
    }
    zip.finish().unwrap();
    let (missing, image, yaml, folder) = (named("x"), named(".img"), named(".yaml"), named(".d"));
    let flag = format!("--{HOSTILE}");
    let value = format!("--json={HOSTILE}");
    let commands: &[&[&str]] = &[
        &[&missing],
        &[&flag],
        &["build", &flag],
        &["check", &value],
        &["build", "--format", &missing],
        &["build", "--jobs", &missing],
        &["build", "--imager", "--base-url", &missing],
        &["build", "--force-release", &missing],
        &["build", "--image", &missing],
        &["build", "--image", &image],
        &["build", "--image", &folder],
        &["build", "--image", "a.zip"],
        &["build", "--only", &missing],
        &["build", "--rejoin", &missing],
        &["build", "--output", &missing],
        &["build", &missing],
        &["build", &yaml],
        &["build", &folder],
        &["check", &missing],
        &["check", &yaml],
        &["check", &image, &yaml],
        &["plan", &missing],
        &["plan", "-f", &missing],
        &["plan", "-f", &yaml],
        &["plan", "--image", &image],
        &["inspect", &missing],
        &["inspect", &image],
        &["inspect", &folder],
        &["inspect", "a.zip"],
        &["inspect", "--json", &image],
        &["verify", &missing],
        &["verify", &image],
        &["verify", "--node", &missing, &image],
        &["verify", &image, &missing],
    ];
    for arguments in commands {
        let output = workshop.run(*arguments);
        assert!(!output.status.success(), "{arguments:?}");
        assert_shown(&output, &format!("{arguments:?}"));
    }
    for variable in ["SOURCE_DATE_EPOCH", "CARDWRIGHT_SECRET", "CARDWRIGHT_CACHE", "HOME", "CI", "TMPDIR"] {
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", SECRET).env(variable, HOSTILE).args(["plan", "--locked"]);
        assert_shown(&command.output().unwrap(), variable);
    }
    let shouted =
        workshop.command().env_remove("NO_COLOR").env("CLICOLOR_FORCE", "1").args(["build", &flag]).output();
    let said = text(&shouted.unwrap().stderr);
    for sequence in said.split('\u{1b}').skip(1) {
        let end = sequence.trim_start_matches(|letter: char| "[;0123456789".contains(letter));
        assert!(end.starts_with('m'), "{said:?}");
    }
}

/// Puts a text in the place of another of the same length, everywhere in an image.
fn replaced(image: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut image = image.to_vec();
    let places: Vec<usize> = memchr::memmem::find_iter(&image, from).collect();
    assert!(!places.is_empty(), "{:?} is not in the image", text(from));
    for at in places {
        image[at..at + from.len()].copy_from_slice(to);
    }
    image
}

#[test]
fn nothing_inside_an_image_is_shown_as_it_is() {
    // Names that are long enough for what takes their place.
    let (cluster, node) = ("c".repeat(40), "n".repeat(40));
    let workshop = Workshop::with_nodes(&format!(
        "cluster: {cluster}\nimage: demo\nnetwork: {{prefix: 24, gateway: 10.1.1.1}}\nnodes: [{{name: {node}, address: 10.1.1.2}}]\n"
    ));
    workshop.succeed(["build", "--format", "img"]);
    let card = fs::read(workshop.path(&format!("images/{node}.img"))).unwrap();
    // In JSON, as its author would write it, and as is.
    let filled = |text: &str| format!("{text:.<40}");
    let hostile_json = filled("\\u001b[2J\\u009b2J\\n\u{7f}\u{9b}\u{202e}");
    let hostile_json = &hostile_json.as_bytes()[..40];
    let with_names =
        replaced(&card, format!("\"{cluster}\"").as_bytes(), &[b"\"", hostile_json, b"\""].concat());
    let with_names =
        replaced(&with_names, format!("\"{node}\"").as_bytes(), &[b"\"", hostile_json, b"\""].concat());
    fs::write(workshop.path("names.img"), with_names).unwrap();
    let broken =
        replaced(&card, format!("\"{cluster}\"").as_bytes(), &[b"\x1b", hostile_json, b"\x9b"].concat());
    fs::write(workshop.path("broken.img"), broken).unwrap();
    let release = replaced(&card, b"VERSION_CODENAME=trixie", b"VERSION_CODENAME=t\x1b[2Jx");
    fs::write(workshop.path("release.img"), release).unwrap();
    let label = replaced(&card, b"bootfs  ", b"b\x1b[2J\x7f\r ");
    fs::write(workshop.path("label.img"), label).unwrap();
    let cmdline = replaced(&card, b"console=", b"c\x1b[2J\x7f\r=");
    fs::write(workshop.path("cmdline.img"), cmdline).unwrap();

    for image in ["names.img", "broken.img", "release.img", "label.img", "cmdline.img"] {
        for arguments in [
            &["inspect", image][..],
            &["inspect", "--json", image],
            &["verify", image],
            &["verify", "--node", &node, image],
            &["verify", "--json", "--node", &node, image],
            &["plan", "--image", image],
            &["plan", "--json", "--image", image],
            &["build", "--image", image],
        ] {
            let output = workshop.run(arguments);
            assert_shown(&output, &format!("{arguments:?}"));
        }
    }
    let said = text(&workshop.run(["inspect", "names.img"]).stdout);
    assert!(said.contains(r"\u{1b}[2J"), "{said}");
    let said = text(&workshop.run(["inspect", "label.img"]).stdout);
    assert!(said.contains(r"b\u{1b}[2J\u{7f}"), "{said}");
}
