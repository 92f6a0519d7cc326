//! Every format of an image, judged by programs that nobody here wrote: all of them unpack to the raw image.

use crate::support::mount::Mounted;
use crate::support::{NODES, Workshop, content, oracle, text};
use std::fs;
use std::path::Path;

/// Unpacks with Python's lzma module.
const LZMA: &str = "import lzma, sys; sys.stdout.buffer.write(lzma.open(sys.argv[1]).read())";

/// Tells by Python's zlib module whether a file is one member.
const MEMBERS: &str = "import sys, zlib\n\
    member = zlib.decompressobj(31)\n\
    member.decompress(open(sys.argv[1], 'rb').read())\n\
    assert member.eof and not member.unused_data, 'more than one member'";

/// What a program that unpacks to its standard output makes of a file.
fn unpacked(tool: &str, arguments: &[&str], packed: &Path) -> Option<Vec<u8>> {
    let output = oracle(tool)?.args(arguments).arg(packed).output().unwrap();
    assert!(output.status.success(), "{tool} said:\n{}", text(&output.stderr));
    Some(output.stdout)
}

/// Lets a program test a file.
fn tested(tool: &str, arguments: &[&str], packed: &Path) {
    if let Some(mut oracle) = oracle(tool) {
        oracle.args(arguments).arg(packed);
        content(oracle);
    }
}

/// The demo in one format, beside its raw images.
fn workshop(format: &str) -> Workshop {
    let workshop = Workshop::with_example();
    workshop.succeed(["build", "--image", "demo", "--format", "img"]);
    workshop.succeed(["build", "--image", "demo", "--format", format, "--output", "packed"]);
    workshop
}

fn assert_unpacks(workshop: &Workshop, format: &str, oracles: &[(&str, &[&str])]) {
    for node in NODES {
        let raw = fs::read(workshop.path(&format!("images/{node}.img"))).unwrap();
        let packed = workshop.path(&format!("packed/{node}.{format}"));
        for (tool, arguments) in oracles {
            if let Some(bytes) = unpacked(tool, arguments, &packed) {
                assert!(bytes == raw, "{tool} makes something else of {node}.{format}");
            }
        }
        workshop.succeed(["verify", "--image", "demo", &format!("packed/{node}.{format}")]);
        let said = workshop.succeed(["inspect", "--json", &format!("packed/{node}.{format}")]);
        assert!(said.contains(&format!("\"node\": \"{node}\"")), "{said}");
    }
    if let Some(mut sums) = oracle("sha256sum") {
        sums.args(["--check", "--strict", "SHA256SUMS"]).current_dir(workshop.path("packed"));
        assert_eq!(content(sums).lines().count(), NODES.len());
    }
}

#[test]
fn an_img_xz_is_what_everybody_reads() {
    let workshop = workshop("img.xz");
    let oracles: [(&str, &[&str]); 5] = [
        ("xz", &["-dc"]),
        ("xz", &["-dc", "-T4"]),
        ("bsdcat", &[]),
        ("7z", &["x", "-so"]),
        ("python3", &["-c", LZMA]),
    ];
    assert_unpacks(&workshop, "img.xz", &oracles);
    let north = workshop.path("packed/north.img.xz");
    tested("xz", &["-t", "-T0"], &north);
    let Some(mut xz) = oracle("xz") else { return };
    xz.args(["--robot", "-lvv"]).arg(&north);
    let listed = content(xz);
    let blocks: Vec<&str> = listed.lines().filter(|line| line.starts_with("block\t")).collect();
    assert!(blocks.len() > 20, "{listed}");
    assert_eq!(listed.lines().filter(|line| line.starts_with("stream\t")).count(), 1, "{listed}");
    for block in blocks {
        // The tenth column is the check; the flags say whether the header has both sizes.
        assert!(block.contains("\tCRC64\t") && block.contains("\tcu\t"), "{block}");
    }
}

#[test]
fn an_img_gz_is_one_member_of_the_right_size() {
    let workshop = workshop("img.gz");
    let oracles: [(&str, &[&str]); 3] = [("gzip", &["-dc"]), ("bsdcat", &[]), ("7z", &["x", "-so"])];
    assert_unpacks(&workshop, "img.gz", &oracles);
    let north = workshop.path("packed/north.img.gz");
    tested("gzip", &["-t"], &north);
    let size = fs::metadata(workshop.path("images/north.img")).unwrap().len();
    let packed = fs::read(&north).unwrap();
    assert_eq!(packed[packed.len() - 4..], u32::try_from(size).unwrap().to_le_bytes());
    tested("python3", &["-c", MEMBERS], &north);
}

#[test]
fn an_img_zst_says_its_size() {
    let workshop = workshop("img.zst");
    let oracles: [(&str, &[&str]); 2] = [("zstd", &["-dc"]), ("bsdcat", &[])];
    assert_unpacks(&workshop, "img.zst", &oracles);
    let north = workshop.path("packed/north.img.zst");
    tested("zstd", &["-t"], &north);
    let Some(mut zstd) = oracle("zstd") else { return };
    zstd.args(["-lv"]).arg(&north);
    let listed = content(zstd);
    let size = fs::metadata(workshop.path("images/north.img")).unwrap().len();
    // It adds up the sizes that the frames say, and prints none where one frame says none.
    assert!(listed.contains(&format!("({size} B)")) && listed.contains("Check: XXH64"), "{listed}");
}

#[test]
fn some_nodes_alone_get_the_images_they_get_with_all_others() {
    for format in ["img.xz", "img"] {
        let all = Workshop::with_example();
        all.succeed(["build", "--image", "demo", "--format", format]);
        let some = Workshop::with_example();
        let only = ["build", "--image", "demo", "--format", format, "--only", "west,east"];
        assert_eq!(some.succeed(only).lines().count(), 2);
        for node in ["east", "west"] {
            let image = format!("images/{node}.{format}");
            assert!(fs::read(all.path(&image)).unwrap() == fs::read(some.path(&image)).unwrap(), "{image}");
        }
        assert!(!some.path(&format!("images/north.{format}")).exists());
        let sums = |workshop: &Workshop| fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap();
        assert_eq!(sums(&some).lines().count(), 2);
        // What is known of the others stays known; what is no longer there is not.
        fs::remove_file(all.path(&format!("images/south.{format}"))).unwrap();
        let before = sums(&all);
        all.succeed(only);
        let without_south: String =
            before.split_inclusive('\n').filter(|line| !line.contains("south")).collect();
        assert_eq!(sums(&all), without_south);
    }
    let workshop = Workshop::with_example();
    let output = workshop.run(["build", "--image", "demo", "--only", "north,nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no node `nobody`"), "{}", text(&output.stderr));
}

#[test]
fn packed_images_are_the_same_whatever_threads_and_cache() {
    let workshop = Workshop::with_example();
    for format in ["img.xz", "img.zst", "img.gz"] {
        let mut sums = Vec::new();
        for (jobs, output) in [("1", "one"), ("7", "seven"), ("2", "again")] {
            if output == "seven" {
                fs::remove_dir_all(workshop.path("cache")).unwrap();
            }
            workshop.succeed([
                "build", "--image", "demo", "--format", format, "--jobs", jobs, "--output", output,
            ]);
            sums.push(fs::read_to_string(workshop.path(&format!("{output}/SHA256SUMS"))).unwrap());
        }
        assert!(sums[0] == sums[1] && sums[1] == sums[2], "{format}: {sums:?}");
    }
}

#[test]
fn the_best_compression_is_smaller_and_holds_the_same() {
    let workshop = Workshop::with_example();
    for format in ["img.xz", "img.gz", "img.zst"] {
        let size = |effort: &str| {
            let options = ["--only", "north", "--compression", effort, "--output", effort];
            workshop.succeed(["build", "--image", "demo", "--format", format].iter().chain(&options));
            let image = format!("{effort}/north.{format}");
            workshop.succeed(["verify", "--image", "demo", &image]);
            fs::metadata(workshop.path(&image)).unwrap().len()
        };
        assert!(size("best") < size("fast"), "{format}");
    }
}

#[test]
fn builds_at_the_same_time_share_one_cache_and_do_not_disturb_each_other() {
    let workshop = Workshop::with_example();
    // The secret is made once.
    workshop.succeed(["build", "--image", "demo", "--output", "alone"]);
    let alone = fs::read_to_string(workshop.path("alone/SHA256SUMS")).unwrap();
    // Four that find the cache empty, and fill it all at once.
    for _ in 0..3 {
        fs::remove_dir_all(workshop.path("cache")).unwrap();
        let folders = ["one", "two", "three", "four"];
        std::thread::scope(|scope| {
            for folder in folders {
                scope.spawn(|| workshop.succeed(["build", "--image", "demo", "--output", folder]));
            }
        });
        for folder in folders {
            let sums = fs::read_to_string(workshop.path(&format!("{folder}/SHA256SUMS"))).unwrap();
            assert_eq!(sums, alone, "{folder}");
        }
        let kept = fs::read_dir(workshop.path("cache/templates-v1")).unwrap();
        let kept: Vec<_> = kept.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
    }
}

#[test]
fn images_are_made_from_a_stock_image_in_every_packing() {
    let workshop = Workshop::with_example();
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    let Some(mut xz) = oracle("xz") else { return };
    xz.args(["-dk", "stock.img.xz"]).current_dir(workshop.path(""));
    content(xz);
    workshop.succeed(["build", "--image", "demo", "--format", "img"]);
    let wanted = fs::read(workshop.path("images/north.img")).unwrap();
    let packings: [(&str, &[&str], &str); 5] = [
        ("gzip", &["-k"], "stock.img.gz"),
        ("zstd", &["-qk"], "stock.img.zst"),
        // One Block, without sizes; and several without.
        ("xz", &["-kf", "-T1", "-0"], "stock.img.xz"),
        ("xz", &["-kf", "-T1", "-0", "--block-size=3MiB"], "stock.img.xz"),
        ("xz", &["-kf", "-T2", "-0", "--block-size=1MiB", "--check=sha256"], "stock.img.xz"),
    ];
    for (tool, arguments, packed) in packings {
        let Some(mut pack) = oracle(tool) else { continue };
        pack.args(arguments).arg("stock.img").current_dir(workshop.path(""));
        content(pack);
        // The second time, from what the first one left in the cache.
        for _ in 0..2 {
            workshop.succeed(["build", "--image", packed, "--output", "packed"]);
            let north = workshop.path("packed/north.img.xz");
            tested("xz", &["-t"], &north);
            if let Some(bytes) = unpacked("xz", &["-dc", "-T4"], &north) {
                assert!(bytes == wanted, "from {packed} of {tool} {arguments:?}");
            }
        }
    }
}

#[test]
fn another_stock_image_under_the_old_name_is_found_out_before_any_image_appears() {
    let stock = cardwright::demo::IMAGE;
    let pinned = format!("{{path: stock.img.xz, sha256: {}}}", cardwright::types::Digest::of(stock));
    let nodes = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("nodes.yaml")).unwrap();
    let (start, rest) = nodes.split_once("image:\n").unwrap();
    let (_, end) = rest.split_once("\n\n").unwrap();
    let workshop = Workshop::with_nodes(&format!("{start}image: {pinned}\n\n{end}"));
    fs::write(workshop.path("stock.img.xz"), stock).unwrap();
    workshop.succeed(["build"]);
    let sums = fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap();
    // In a part that nobody reads once the cache knows the image, at the start, and at the end.
    for at in [stock.len() / 2, 0, stock.len() - 1] {
        let mut other = stock.to_vec();
        other[at] ^= 1;
        fs::write(workshop.path("stock.img.xz"), other).unwrap();
        for command in ["build", "plan"] {
            let output = workshop.run([command]);
            assert_eq!(output.status.code(), Some(1));
            assert!(text(&output.stderr).contains("has the SHA-256"), "{}", text(&output.stderr));
        }
        assert_eq!(fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap(), sums);
        let mut check = oracle("sha256sum").unwrap();
        check.args(["--check", "--strict", "SHA256SUMS"]).current_dir(workshop.path("images"));
        content(check);
    }
}

/// An XFS in a file, mounted at `xfs` in the folder.
fn mounted_xfs(workshop: &Workshop) -> Option<Mounted> {
    let (disk, at) = (workshop.path("disk"), workshop.path("xfs"));
    fs::File::create(&disk).unwrap().set_len(1 << 30).unwrap();
    let mut mkfs = oracle("mkfs.xfs")?;
    mkfs.args(["-q", "-m", "reflink=1"]).arg(&disk);
    content(mkfs);
    fs::create_dir(&at).unwrap();
    Mounted::new(&[&"-o", &"loop", &disk], &at)
}

#[test]
fn images_share_their_blocks_where_the_filesystem_can() {
    let workshop = Workshop::with_example();
    let Some(mounted) = mounted_xfs(&workshop) else { return };
    let Some(mut xz) = oracle("xz") else { return };
    fs::write(mounted.path().join("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    xz.args(["-dk", "stock.img.xz"]).current_dir(mounted.path());
    content(xz);
    for format in ["img", "img.xz"] {
        let build = ["build", "--image", "xfs/stock.img", "--format", format, "--output"];
        workshop.succeed(build.iter().chain(&["xfs/images"]));
        // A folder a format: SHA256SUMS speaks of the other format's images, too, where they are listed.
        let plain = format!("plain-{format}");
        workshop.succeed(build.iter().chain(&[plain.as_str()]));
        let sums = |folder: &str| fs::read_to_string(workshop.path(folder).join("SHA256SUMS")).unwrap();
        assert_eq!(sums("xfs/images"), sums(&plain));
        // Images that are not hashed are not even read where they share blocks. They are the same.
        fs::copy(workshop.path(&plain).join("SHA256SUMS"), mounted.path().join("expected")).unwrap();
        for checksums in [None, Some(&"--no-checksums")] {
            workshop.succeed(build.iter().chain(&["xfs/images"]).chain(checksums));
            let Some(mut check) = oracle("sha256sum") else { return };
            check.args(["--check", "--strict", "../expected"]).current_dir(mounted.path().join("images"));
            content(check);
        }
        // A raw image shares with the stock image, a packed one with the first of them.
        let Some(mut filefrag) = oracle("filefrag") else { return };
        filefrag.arg("-v").arg(mounted.path().join(format!("images/south.{format}")));
        let said = content(filefrag);
        assert!(said.contains("shared"), "{said}");
    }
}

/// The blocks of 4 KiB of the device that a file has, as the filesystem says (FIEMAP).
fn blocks_on_disk(file: &Path) -> Option<std::collections::BTreeSet<u64>> {
    let mut filefrag = oracle("filefrag")?;
    filefrag.args(["-v", "-s", "-b4096"]).arg(file);
    let said = content(filefrag);
    let mut blocks = std::collections::BTreeSet::new();
    // `0:        0..    2047:       1024..      3071:   2048:             shared`
    // What is set aside and holds nothing yet is not shared: `unwritten`.
    for line in said.lines().filter(|line| !line.contains("unwritten")) {
        let fields: Vec<&str> = line.split(':').map(str::trim).collect();
        if let [number, _, physical, ..] = fields[..]
            && number.parse::<u32>().is_ok()
            && let Some((first, last)) = physical.split_once("..")
        {
            blocks.extend(first.trim().parse::<u64>().unwrap()..=last.trim().parse().unwrap());
        }
    }
    Some(blocks)
}

/// The images among themselves may share, too, so one node has to show it.
#[test]
fn an_image_shares_the_blocks_of_a_raw_stock_image() {
    let node = |more: &str, nodes: &str| {
        format!(
            "cluster: compass\nimage: {{path: xfs/stock.img{more}}}\nnetwork: {{prefix: 24, gateway: 10.0.0.1}}\n{nodes}"
        )
    };
    let bundled = "k3s: {version: v1.36.4+k3s1, install: {bundled: {binary: {arm64: k3s}}}}\n";
    let one = "nodes: [{name: north, address: 10.0.0.11}]\n";
    let three = "nodes: [{name: north, address: 10.0.0.11, k3s: server}, {name: east, address: 10.0.0.12, k3s: agent}, {name: west, address: 10.0.0.13, k3s: agent}]\n";
    for (what, nodes, behind) in [
        ("as it is", node("", one), 0),
        ("larger", node(", grow: 64MiB", one), 0),
        ("with what all nodes get", node("", &format!("{bundled}{three}")), 0),
        ("not of whole sectors", node("", one), 100),
    ] {
        let workshop = Workshop::with_nodes(&nodes);
        let Some(mounted) = mounted_xfs(&workshop) else { return };
        let Some(mut xz) = oracle("xz") else { return };
        let stock = mounted.path().join("stock.img");
        fs::write(mounted.path().join("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
        xz.arg("-d").arg(mounted.path().join("stock.img.xz"));
        content(xz);
        let file = fs::File::options().write(true).open(&stock).unwrap();
        file.set_len(file.metadata().unwrap().len() + behind).unwrap();
        file.sync_all().unwrap();
        // A program that no compression and no hole makes smaller.
        let noise: Vec<u8> =
            (0..300_000_u32).flat_map(|at| at.wrapping_mul(2_654_435_769).to_le_bytes()).collect();
        fs::write(workshop.path("k3s"), [b"#!/bin/sh\n", &noise[..]].concat()).unwrap();

        workshop.succeed(["build", "--format", "img", "--output", "images"]);
        let wanted = fs::read_to_string(workshop.path("images/SHA256SUMS")).unwrap();
        for checksums in [None, Some(&"--no-checksums")] {
            let build = ["build", "--format", "img", "--output", "xfs/images", "--json"];
            let made = workshop.succeed(build.iter().chain(checksums));
            let made: serde_json::Value = serde_json::from_str(&made).unwrap();
            let Some(of_stock) = blocks_on_disk(&stock) else { return };
            let mut of_all = of_stock.clone();
            for image in made["images"].as_array().unwrap() {
                let path = workshop.path(image["path"].as_str().unwrap());
                let found = cardwright::types::Digest::of(&fs::read(&path).unwrap()).to_string();
                assert!(wanted.contains(&found), "{what}: {} has other bytes", path.display());
                let of_image = blocks_on_disk(&path).unwrap();
                let changed = usize::try_from(image["changed_blocks"].as_u64().unwrap()).unwrap();
                let shared = of_image.intersection(&of_stock).count();
                assert!(
                    shared + changed >= of_stock.len() && shared > of_stock.len() / 2,
                    "{what}: {shared} of {} blocks are shared, and {changed} differ",
                    of_stock.len()
                );
                of_all.extend(&of_image);
            }
            // What all nodes get is on the disk once as well: the program has 293 blocks.
            let own = of_all.len() - of_stock.len();
            let nodes = made["images"].as_array().unwrap().len();
            assert!(nodes == 1 || own < 293 * 2, "{what}: {own} blocks are the images' own");
        }
    }
}
