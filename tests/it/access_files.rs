//! The access files and sidecar files beside the images, checked by the programs they are for and by their formats' own rules.

use crate::support::{NODES, Workshop, assert_oracles_accept, content, oracle, text};
use cardwright::types::Digest;
use serde_json::Value;
use std::fs;
use std::path::Path;

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// What stands in an element of a bmap that there is one of.
fn element<'text>(bmap: &'text str, name: &str) -> &'text str {
    let (_, rest) = bmap.split_once(&format!("<{name}>")).unwrap();
    rest.split_once("</").unwrap().0.trim()
}

/// The ranges of a bmap in bytes, with their checksums.
fn ranges(bmap: &str, size: usize) -> Vec<(std::ops::Range<usize>, String)> {
    let mut ranges = Vec::new();
    for line in bmap.lines().filter_map(|line| line.trim().strip_prefix("<Range chksum=\"")) {
        let (checksum, rest) = line.split_once("\"> ").unwrap();
        let blocks = rest.strip_suffix(" </Range>").unwrap();
        let (first, last) = blocks.split_once('-').unwrap_or((blocks, blocks));
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        ranges.push((first * 4096..((last + 1) * 4096).min(size), checksum.to_owned()));
    }
    ranges
}

#[test]
fn what_a_bmap_leaves_out_may_be_anything() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo", "--format", "img", "--bmap", "--only", "north,west"]);
    for node in ["north", "west"] {
        let image = fs::read(workshop.path(&format!("images/{node}.img"))).unwrap();
        let bmap = fs::read_to_string(workshop.path(&format!("images/{node}.img.bmap"))).unwrap();
        assert_eq!(element(&bmap, "ImageSize"), image.len().to_string());
        assert_eq!(element(&bmap, "BlocksCount"), image.len().div_ceil(4096).to_string());
        // A used card: noise everywhere.
        let mut noise = 7_u32;
        let mut card: Vec<u8> = (0..image.len())
            .map(|_| {
                noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise.to_be_bytes()[0]
            })
            .collect();
        let mut blocks = 0;
        for (range, checksum) in ranges(&bmap, image.len()) {
            assert_eq!(checksum, Digest::of(&image[range.clone()]).to_string());
            blocks += range.len().div_ceil(4096);
            card[range.clone()].copy_from_slice(&image[range]);
        }
        assert_eq!(element(&bmap, "MappedBlocksCount"), blocks.to_string());
        assert!(blocks * 4096 < image.len() / 2, "{blocks} of {} blocks are mapped", image.len() / 4096);
        assert!(card != image);
        let path = workshop.path("card.img");
        fs::write(&path, card).unwrap();
        assert_oracles_accept(&path);
        let verified = workshop.run(["verify", "--image", "demo", "card.img"]);
        let differences = text(&verified.stdout);
        let is_free = |line: &str| line.starts_with("disk: it has other bytes in the free space of its ");
        assert_eq!(differences.lines().filter(|line| is_free(line)).count(), 2, "{differences}");
        assert_eq!(differences.lines().count(), 2, "{differences}");
    }
}

#[test]
fn bmaptool_takes_bmap_and_image_together() {
    let workshop = Workshop::with_example();
    for format in ["img", "img.xz", "img.gz", "img.zst"] {
        workshop.succeed(["build", "--image", "demo", "--format", format, "--bmap"]);
        let Some(mut bmaptool) = oracle("bmaptool") else { return };
        // It finds the bmap by itself, and checks every checksum in it.
        bmaptool.args(["copy", &format!("images/{}.{format}", NODES[0]), "card.img"]);
        bmaptool.current_dir(workshop.path(""));
        let said = content(bmaptool);
        assert!(said.contains("discovered bmap file"), "{said}");
        assert_oracles_accept(&workshop.path("card.img"));
        workshop.succeed(["verify", "--every-file", "--image", "demo", "card.img"]);
        fs::remove_file(workshop.path("card.img")).unwrap();
    }
}

#[test]
fn no_bmap_outlives_its_image() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo", "--bmap", "--imager"]);
    assert!(workshop.path("images/north.img.bmap").exists());
    workshop.succeed(["build", "--image", "demo", "--format", "img.gz", "--only", "north"]);
    assert!(!workshop.path("images/north.img.bmap").exists());
    assert!(workshop.path("images/east.img.bmap").exists());
    // And no manifest.
    assert!(!workshop.path("images/compass.rpi-imager-manifest").exists());
}

/// What `doc/json-schema/os-list-schema.json` of rpi-imager asks for, and what its code asks for beyond.
fn check_manifest(manifest: &Value) {
    let devices = manifest["imager"]["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 1);
    for key in ["name", "description"] {
        assert!(!devices[0][key].as_str().unwrap().is_empty(), "{key}");
    }
    assert_eq!(devices[0]["default"], true);
    assert!(["exclusive", "inclusive"].contains(&devices[0]["matching_type"].as_str().unwrap()));
    let tags = devices[0]["tags"].as_array().unwrap();
    for image in manifest["os_list"].as_array().unwrap() {
        for key in ["name", "description", "icon", "url"] {
            assert!(!image[key].as_str().unwrap().is_empty(), "{key}");
        }
        let date = image["release_date"].as_str().unwrap();
        assert!(date.len() == 10 && date.split('-').map(str::len).eq([4, 2, 2]), "{date}");
        for key in ["extract_size", "image_download_size"] {
            assert!(image[key].as_u64().unwrap() > 0, "{key}");
        }
        let digest = image["extract_sha256"].as_str().unwrap();
        assert!(digest.len() == 64 && digest == digest.to_lowercase(), "{digest}");
        assert_eq!(image["init_format"], "none");
        assert!(["armel", "armhf", "armv8"].contains(&image["architecture"].as_str().unwrap()));
        assert!(image["devices"].as_array().unwrap().iter().any(|device| tags.contains(device)));
    }
}

#[test]
fn a_manifest_shows_imager_every_node() {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo", "--format", "img", "--output", "raw"]);
    let ways = [("img.xz", true), ("img", true), ("img.xz", false), ("img", false)];
    for (format, with_checksums) in ways {
        let build = ["build", "--image", "demo", "--format", format, "--imager", "--bmap"];
        workshop.succeed(build.iter().chain((!with_checksums).then_some(&"--no-checksums")));
        let manifest = json(&workshop.path("images/compass.rpi-imager-manifest"));
        check_manifest(&manifest);
        let images = manifest["os_list"].as_array().unwrap();
        assert_eq!(images.len(), NODES.len());
        for (image, node) in images.iter().zip(NODES) {
            let raw = fs::read(workshop.path(&format!("raw/{node}.img"))).unwrap();
            let file = workshop.path(&format!("images/{node}.{format}"));
            assert_eq!(image["extract_size"], raw.len());
            assert_eq!(image["extract_sha256"], Digest::of(&raw).to_string());
            assert_eq!(image["image_download_size"], fs::metadata(&file).unwrap().len());
            if with_checksums {
                assert_eq!(image["image_download_sha256"], Digest::of(&fs::read(&file).unwrap()).to_string());
            } else {
                assert!(image.get("image_download_sha256").is_none());
            }
            assert!(image["name"].as_str().unwrap().starts_with(node));
            if cfg!(unix) {
                let file = fs::canonicalize(file).unwrap();
                let found = fs::canonicalize(image["url"].as_str().unwrap().strip_prefix("file://").unwrap());
                assert_eq!(found.unwrap(), file);
                assert!(image["bmap_url"].as_str().unwrap().ends_with(&format!("/{node}.img.bmap")));
            }
        }
    }
    let arguments = ["build", "--image", "demo", "--imager", "--base-url", "https://host/cards/"];
    workshop.succeed(arguments);
    let path = workshop.path("images/compass.rpi-imager-manifest");
    let manifest = json(&path);
    check_manifest(&manifest);
    assert_eq!(manifest["os_list"][1]["url"], "https://host/cards/east.img.xz");
    // With addresses of its own it depends on no folder.
    let before = fs::read(&path).unwrap();
    let other = Workshop::with_example();
    other.succeed(arguments);
    assert!(before == fs::read(other.path("images/compass.rpi-imager-manifest")).unwrap());
    for wrong in [&["--base-url", "https://host"][..], &["--imager", "--base-url", "ftp://host"]] {
        let output = other.run([&["build", "--image", "demo"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}

#[test]
fn build_json_tells_what_was_made_from_what() {
    let (one, other) = (Workshop::with_example(), Workshop::with_example());
    one.succeed(["build", "--image", "demo", "--jobs", "1"]);
    other.succeed(["build", "--image", "demo", "--output", "elsewhere"]);
    let path = one.path("images/build.json");
    let statement = json(&path);
    assert!(fs::read(&path).unwrap() == fs::read(other.path("elsewhere/build.json")).unwrap());
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
    let sums = fs::read_to_string(one.path("images/SHA256SUMS")).unwrap();
    let subjects = statement["subject"].as_array().unwrap();
    assert_eq!(subjects.len(), NODES.len());
    for (subject, line) in subjects.iter().zip(sums.lines()) {
        let digest = subject["digest"]["sha256"].as_str().unwrap();
        assert_eq!(format!("{digest}  {}", subject["name"].as_str().unwrap()), line);
    }
    let definition = &statement["predicate"]["buildDefinition"];
    let inputs = definition["resolvedDependencies"].as_array().unwrap();
    assert_eq!(inputs[0]["digest"]["sha256"], Digest::of(cardwright::demo::IMAGE).to_string());
    assert_eq!(inputs[1]["name"], "nodes.yaml");
    let nodes_yaml = fs::read(one.path("nodes.yaml")).unwrap();
    assert_eq!(inputs[1]["digest"]["sha256"], Digest::of(&nodes_yaml).to_string());
    let plans = statement["predicate"]["runDetails"]["byproducts"].as_array().unwrap();
    // As `jq -c .nodes[0].edits` prints what `plan --json` says.
    let plan: Value =
        serde_json::from_str(&one.succeed(["plan", "--image", "demo", "--json", "north"])).unwrap();
    let edits = serde_json::to_vec(&plan["nodes"][0]["edits"]).unwrap();
    assert_eq!(plans[0]["name"], "plan of north");
    assert_eq!(plans[0]["digest"]["sha256"], Digest::of(&edits).to_string());

    one.succeed(["build", "--image", "demo", "--only", "south"]);
    let statement = json(&path);
    assert_eq!(statement["subject"].as_array().unwrap().len(), 1);
    assert_eq!(statement["predicate"]["buildDefinition"]["externalParameters"]["nodes"][0], "south");
}

/// A build takes its time, and an editor saves meanwhile.
#[test]
fn build_json_names_the_nodes_yaml_that_was_read_and_not_what_it_is_by_now() {
    use cardwright::pipeline::{BuildOptions, OpenedImage, Session, Silent};
    let workshop = Workshop::with_example();
    let path = workshop.path("nodes.yaml");
    let read = fs::read(&path).unwrap();
    let mut cluster = cardwright::cluster::Cluster::load(&path).unwrap();
    cluster.image = cardwright::cluster::ImageSource::Demo;
    let secret = cardwright::identity::ClusterSecret::from_hex(crate::support::SECRET).unwrap();
    let image = cardwright::demo::open().unwrap();
    let stock = OpenedImage::new(image, &cluster, cardwright::stock_system::OpenOptions::default()).unwrap();
    let session = Session::new(cluster, stock, secret, None);
    for change in
        [&|| fs::write(&path, "changed").unwrap(), &|| fs::remove_file(&path).unwrap()] as [&dyn Fn(); 2]
    {
        change();
        let plans = session.plan(&Silent).unwrap();
        session.build(&plans, &BuildOptions::default(), &Silent).unwrap();
        let statement = json(&workshop.path("images/build.json"));
        let inputs = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
        assert_eq!(inputs[1]["name"], "nodes.yaml");
        assert_eq!(inputs[1]["digest"]["sha256"], Digest::of(&read).to_string());
    }
}

#[test]
fn without_checksums_no_file_speaks_of_images_that_are_no_more() {
    let workshop = Workshop::with_example();
    let build = ["build", "--image", "demo"];
    let (sums, statement) = (workshop.path("images/SHA256SUMS"), workshop.path("images/build.json"));
    workshop.succeed(build);
    let before = fs::read_to_string(&sums).unwrap();
    let images = NODES.map(|node| fs::read(workshop.path(&format!("images/{node}.img.xz"))).unwrap());

    workshop.succeed(build.iter().chain(&["--no-checksums", "--only", "south,west"]));
    let others: String = before.split_inclusive('\n').take(2).collect();
    assert!(others.contains("north") && others.contains("east"));
    assert_eq!(fs::read_to_string(&sums).unwrap(), others);
    assert!(!statement.exists());

    let made: Value =
        serde_json::from_str(&workshop.succeed(build.iter().chain(&["--no-checksums", "--json"]))).unwrap();
    assert!(made.get("checksums").is_none() && made["images"][0].get("sha256").is_none(), "{made}");
    assert!(!sums.exists() && !statement.exists());
    for (node, image) in NODES.iter().zip(&images) {
        assert!(fs::read(workshop.path(&format!("images/{node}.img.xz"))).unwrap() == *image, "{node}");
    }
    workshop.succeed(build);
    assert_eq!(fs::read_to_string(&sums).unwrap(), before);
    assert!(statement.exists());
}
