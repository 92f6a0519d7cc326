//! The page to print: what a build writes on it, and how a browser shows it.

use crate::support::{NODES, Workshop, content, oracle, skipped, text, tool};
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::process::Command;

fn page(workshop: &Workshop) -> String {
    fs::read_to_string(workshop.path("images/index.html")).unwrap()
}

#[test]
fn a_build_of_some_nodes_shows_all_and_says_whose_images_are_there() {
    let workshop = Workshop::with_example();
    let said = workshop.succeed(["build", "--image", "demo", "--only", "north", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["page"], "images/index.html");
    let first = page(&workshop);
    assert_eq!(first.matches("not built yet").count(), 3);
    assert!(NODES.iter().all(|node| first.contains(&format!("<h3>{node}</h3>"))));
    workshop.succeed(["build", "--image", "demo", "--only", "east"]);
    let second = page(&workshop);
    let count = |state: &str| second.matches(state).count();
    assert_eq!((count("not built yet"), count("of an earlier build")), (2, 1));
    // The one of the earlier build keeps its checksum.
    let sums = fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap();
    let groups = second.replace("<wbr>", "");
    assert!(sums.lines().count() == 2 && sums.lines().all(|line| groups.contains(&line[..64])));
    workshop.succeed(["build", "--image", "demo", "--no-checksums"]);
    assert_eq!(page(&workshop).matches("built without checksums").count(), 4);
}

#[test]
fn a_page_of_somebody_else_stays_as_it_is() {
    let workshop = Workshop::with_example();
    fs::create_dir(workshop.path("images")).unwrap();
    fs::write(workshop.path("images/index.html"), "<!DOCTYPE html>\n<title>mine</title>\n").unwrap();
    let output = workshop.run(["build", "--image", "demo"]);
    let said = text(&output.stderr);
    assert!(
        output.status.code() == Some(1) && said.contains("index.html was not written by cardwright"),
        "{said}"
    );
}

#[test]
fn fingerprints_are_those_of_openssh() {
    let Some(mut keygen) = oracle("ssh-keygen") else { return };
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo"]);
    let known_hosts = workshop.path("images/known_hosts");
    let pictures = content({
        keygen.arg("-lvf").arg(&known_hosts);
        keygen
    });
    let page = page(&workshop)
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
        .replace("&quot;", "\"");
    let page = page.replace("&#39;", "'");
    let words = content({
        let mut keygen = Command::new("ssh-keygen");
        keygen.arg("-Bf").arg(&known_hosts);
        keygen
    });
    let art: Vec<&str> =
        pictures.split_inclusive("[SHA256]-----+\n").filter(|picture| !picture.is_empty()).collect();
    assert_eq!(art.len(), 4);
    for picture in art {
        let (line, picture) = picture.split_once('\n').unwrap();
        assert!(
            page.contains(picture) && page.contains(line.split(' ').nth(1).unwrap()),
            "{line}\n{picture}"
        );
    }
    assert_eq!(words.lines().count(), 4);
    for line in words.lines() {
        assert!(page.contains(line.split(' ').nth(1).unwrap()), "{line}");
    }
}

/// A headless Chromium that looks at a page of this folder, and nowhere else. `tests/run --long` installs it and sets the
/// variable; it takes 400 MB.
#[track_caller]
fn chromium(folder: &Path) -> Option<Command> {
    let Some(program) = tool("chromium") else {
        if std::env::var_os("CARDWRIGHT_CHROMIUM").is_some() {
            skipped("`chromium` is not installed");
        } else {
            eprintln!("skipped: `chromium` is not installed");
        }
        return None;
    };
    let mut chromium = Command::new(program);
    chromium.args([
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--hide-scrollbars",
        "--disable-dev-shm-usage",
    ]);
    chromium.args([
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--no-pdf-header-footer",
        "--virtual-time-budget=2000",
    ]);
    chromium
        .arg(format!("--user-data-dir={}", folder.join("chromium").display()))
        .env("HOME", folder)
        .current_dir(folder);
    Some(chromium)
}

/// Returns width and height of a PNG of 8 bits a channel, and the colour of its first pixel, whose bytes are themselves
/// whatever filter its line has (PNG, section 9): there is nothing above or before them.
fn png(path: &Path) -> (u32, u32, [u8; 3]) {
    let bytes = fs::read(path).unwrap();
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let (mut at, mut data) = (8, Vec::new());
    while at < bytes.len() {
        let length = number(at) as usize;
        if &bytes[at + 4..at + 8] == b"IDAT" {
            data.extend(&bytes[at + 8..at + 8 + length]);
        }
        at += 12 + length;
    }
    let mut line = [0; 4];
    flate2::read::ZlibDecoder::new(&*data).read_exact(&mut line).unwrap();
    (number(16), number(20), line[1..].try_into().unwrap())
}

#[test]
fn a_browser_shows_it_light_and_dark_and_prints_it() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo"]);
    let page = page(&workshop);
    for (name, size, dark, paper) in [
        ("wide-light", (1200, 1600), false, [0xff, 0xff, 0xff]),
        ("wide-dark", (1200, 1600), true, [0x14, 0x17, 0x1a]),
        ("narrow-light", (500, 1600), false, [0xff, 0xff, 0xff]),
        ("narrow-dark", (500, 1600), true, [0x14, 0x17, 0x1a]),
    ] {
        let Some(mut chromium) = chromium(&workshop.path("")) else { return };
        let picture = workshop.path(&format!("{name}.png"));
        chromium.arg(format!("--screenshot={}", picture.display()));
        chromium.arg(format!("--window-size={},{}", size.0, size.1));
        if dark {
            chromium.arg("--blink-settings=preferredColorScheme=0");
        } else {
            chromium.arg("--blink-settings=preferredColorScheme=1");
        }
        content({
            chromium.arg("images/index.html");
            chromium
        });
        assert_eq!(png(&picture), (size.0, size.1, paper), "{name}");
        keep(&picture);
    }
    for (name, width, height) in [("A4", 594.96, 841.92), ("letter", 612.0, 792.0)] {
        let Some(mut chromium) = chromium(&workshop.path("")) else { return };
        let sized = page.replace("</style>", &format!("@page {{ size: {name}; }}</style>"));
        fs::write(workshop.path("sized.html"), sized).unwrap();
        let paper = workshop.path(&format!("{name}.pdf"));
        chromium.arg(format!("--print-to-pdf={}", paper.display()));
        content({
            chromium.arg("sized.html");
            chromium
        });
        let pdf = text(&fs::read(&paper).unwrap());
        let boxes: Vec<&str> = pdf.lines().filter(|line| line.contains("/MediaBox")).collect();
        keep(&paper);
        // Boards, commands and cards; fingerprints and labels.
        assert_eq!(boxes.len(), 2, "{name}: {boxes:?}");
        for found in boxes {
            let sides = found.split(['[', ']']).nth(1).unwrap().split_whitespace().skip(2);
            let sides: Vec<f64> = sides.map(|side| side.parse().unwrap()).collect();
            assert!((sides[0] - width).abs() < 1.0 && (sides[1] - height).abs() < 1.0, "{name}: {found}");
        }
    }
}

/// Keeps a picture for whoever wants to look at it: in the folder that CARDWRIGHT_PICTURES names.
fn keep(picture: &Path) {
    if let Some(folder) = std::env::var_os("CARDWRIGHT_PICTURES") {
        fs::copy(picture, Path::new(&folder).join(picture.file_name().unwrap())).unwrap();
    }
}
