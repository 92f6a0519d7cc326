//! Stock images that are not what Raspberry Pi publishes: customised by other tools, cut, or somebody else's.
//!
//! They are made from the demo image with mtools and debugfs. Without these the tests say so and do nothing,
//! unless CARDWRIGHT_ORACLES asks for them.

use crate::support::{
    Workshop, assert_snapshot, boot_file, boot_partition, change_root, oracle, partition, raw_demo, text,
};
use cardwright::io::ReadAt as _;
use cardwright::stock_image::StockImage;
use cardwright::types::ByteOffset;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Stdio;

/// A workshop with the demo image, raw and named `stock.img`, and a nodes.yaml for it.
struct Bench {
    workshop: Workshop,
}

impl Bench {
    fn new() -> Self {
        Self::with_nodes(
            "cluster: compass\nimage: stock.img\nnetwork: {prefix: 24, gateway: 192.168.50.1}\n\
             k3s: {version: v1.36.4+k3s1}\nnodes:\n  - {name: north, address: 192.168.50.11, k3s: server}\n",
        )
    }

    fn with_nodes(nodes: &str) -> Self {
        let bench = Self { workshop: Workshop::with_nodes(nodes) };
        fs::write(bench.image(), raw_demo()).unwrap();
        bench
    }

    fn image(&self) -> PathBuf {
        self.workshop.path("stock.img")
    }

    /// Writes a file to the boot partition, as the kernel's vfat would. `None` without mtools.
    fn put_boot(&self, name: &str, content: &str) -> Option<()> {
        let mut mcopy = oracle("mcopy")?;
        mcopy.env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(boot_partition(&self.image()));
        mcopy.args(["-o", "-", &format!("::/{name}")]).stdin(Stdio::piped());
        let mut child = mcopy.spawn().unwrap();
        child.stdin.take().unwrap().write_all(content.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
        Some(())
    }

    /// Writes a file to the root partition. `None` without debugfs.
    fn put_root(&self, path: &str, content: &str) -> Option<()> {
        let file = self.workshop.path("content");
        fs::write(&file, content).unwrap();
        change_root(&self.image(), &[&format!("write {} {path}", file.display())])
    }

    /// Adds words to cmdline.txt. `None` without mtools.
    fn add_words(&self, words: &str) -> Option<()> {
        let line = boot_file(&self.image(), "/cmdline.txt")?;
        self.put_boot("cmdline.txt", &format!("{} {words}\n", line.trim_end()))
    }

    /// What `arguments` say, standard output and error, and the exit code.
    fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let output = self.workshop.run(arguments);
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
    }

    /// What is said by a command that has to fail with 1.
    fn refused(&self, arguments: &[&str]) -> String {
        let (_, said, code) = self.run(arguments);
        assert_eq!(code, 1, "{said}");
        said
    }

    /// What is said on standard error by a command that has to succeed.
    fn accepted(&self, arguments: &[&str]) -> String {
        let (_, said, code) = self.run(arguments);
        assert_eq!(code, 0, "{said}");
        said
    }
}

const BUILD: [&str; 3] = ["build", "--format", "img"];

#[test]
fn a_card_that_imager_prepared_is_refused_and_shown() {
    let bench = Bench::new();
    let words = "systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot \
                 systemd.unit=kernel-command-line.target";
    let Some(()) = bench.add_words(words) else { return };
    bench.put_boot("firstrun.sh", "#!/bin/bash\n").unwrap();
    assert_snapshot!("stock_images__imager_refused", bench.refused(&BUILD));
    assert!(!bench.workshop.path("images/north.img").exists());
    let (shown, _, _) = bench.run(&["inspect", "stock.img"]);
    let lines: Vec<&str> = shown.lines().filter(|line| line.contains("customised")).collect();
    assert_eq!(lines.len(), 3, "{shown}");
    assert!(lines[0].contains("systemd.run=") && lines[1].contains("firstrun.sh"), "{shown}");
    let (json, _, _) = bench.run(&["inspect", "--json", "stock.img"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["customisations"][1]["tool"], "Raspberry Pi Imager");
    assert_eq!(json["customisations"][1]["effect"], "contradicts");
}

#[test]
fn what_cloud_init_would_read_is_warned_of_by_every_command() {
    let bench = Bench::new();
    let Some(()) = bench.put_boot("user-data", "#cloud-config\nhostname: other\n") else { return };
    let warning = "warning: the stock image has `user-data` on the boot partition, left by cloud-init: \
                   cardwright switches cloud-init off, so that nothing reads it";
    assert!(bench.accepted(&BUILD).contains(warning));
    assert!(bench.accepted(&["plan"]).contains(warning));
    assert!(bench.accepted(&["verify", "images/north.img"]).contains(warning));
    for arguments in
        [&["build", "--json"][..], &["plan", "--json"], &["verify", "--json", "images/north.img"]]
    {
        let (json, _, _) = bench.run(arguments);
        let json: serde_json::Value = serde_json::from_str(&json).unwrap();
        let message = json["warnings"][0]["message"].as_str().unwrap();
        assert!(message.contains("user-data"), "{arguments:?}: {message}");
        assert!(json["warnings"][0]["hint"].is_string());
    }
}

#[test]
fn the_seeds_that_stock_images_carry_are_no_customisation() {
    let bench = Bench::new();
    let Some(()) = bench.put_boot("user-data", "#cloud-config\n# hostname: x\n") else { return };
    bench.put_boot("meta-data", "dsmode: local\ninstance_id: rpios-image\n").unwrap();
    assert!(!bench.accepted(&BUILD).contains("warning"));
}

#[test]
fn a_word_of_the_stock_image_that_contradicts_the_plan_is_refused() {
    let bench = Bench::new();
    let Some(()) = bench.add_words("ip=dhcp") else { return };
    let said = bench.refused(&BUILD);
    assert!(said.contains("`ip=dhcp` in cmdline.txt contradicts the plan"), "{said}");
}

#[test]
fn a_root_partition_that_is_not_the_last_is_built_with_a_warning() {
    let bench = Bench::new();
    let image = bench.image();
    let mut disk = fs::read(&image).unwrap();
    let start = u32::try_from(disk.len() / 512).unwrap();
    disk.resize(disk.len() + (1 << 20), 0);
    let third = &mut disk[478..494];
    third[4] = 0x83;
    third[8..12].copy_from_slice(&start.to_le_bytes());
    third[12..16].copy_from_slice(&2048_u32.to_le_bytes());
    fs::write(&image, disk).unwrap();
    let said = bench.accepted(&BUILD);
    let size = cardwright::types::ByteCount::new(partition(&image, 2).1);
    assert!(said.contains("as partition 3 comes after it"), "{said}");
    assert!(said.contains(&format!("it has {size} on every card")), "{said}");
    bench.accepted(&["verify", "images/north.img"]);
}

#[test]
fn a_debian_of_somebody_else_needs_to_be_forced() {
    let bench = Bench::new();
    let Some(()) = bench.put_root("/etc/armbian-release", "BOARD=rpi4b\n") else { return };
    let said = bench.refused(&BUILD);
    assert!(said.contains("not Raspberry Pi OS: it has /etc/armbian-release"), "{said}");
    assert!(said.contains("--force-release trixie"), "{said}");
    let said = bench.accepted(&["build", "--format", "img", "--force-release", "trixie"]);
    assert!(said.contains("warning: the stock image is a Debian, but not Raspberry Pi OS"), "{said}");
}

#[test]
fn an_image_that_ends_in_a_sector_gives_whole_sectors_in_every_format() {
    let (whole, cut) = (Bench::new(), Bench::new());
    let mut disk = fs::read(cut.image()).unwrap();
    assert!(disk.ends_with(&[0; 512]));
    disk.truncate(disk.len() - 100);
    fs::write(cut.image(), &disk).unwrap();
    whole.accepted(&["build", "--format", "img"]);
    let expected = fs::read(whole.workshop.path("images/north.img")).unwrap();
    for format in ["img", "img.xz", "img.gz", "img.zst"] {
        let said = cut.accepted(&["build", "--format", format, "--bmap"]);
        assert!(said.contains("ends in the middle of a sector"), "{said}");
        let image = format!("images/north.{format}");
        let path = cut.workshop.path(&image);
        let built = StockImage::open(&path, None, cut.workshop.path("images").as_path()).unwrap();
        assert!(built.warnings().is_empty());
        let mut bytes = vec![0; built.size().as_usize()];
        built.read_at(ByteOffset::ZERO, &mut bytes).unwrap();
        assert!(bytes == expected, "{format}");
        let sums = fs::read_to_string(cut.workshop.path("images/SHA256SUMS")).unwrap();
        let digest = cardwright::types::Digest::of(&fs::read(&path).unwrap());
        assert!(sums.contains(&format!("{digest}  north.{format}\n")), "{sums}");
        let bmap = fs::read_to_string(cut.workshop.path("images/north.img.bmap")).unwrap();
        assert!(bmap.contains(&format!("<ImageSize> {} </ImageSize>", expected.len())), "{bmap}");
        cut.accepted(&["verify", &image]);
    }
    // Of an image that was made, a part of a sector that is missing is a difference.
    fs::write(cut.workshop.path("images/north.img"), &expected[..expected.len() - 1]).unwrap();
    let (found, _, code) = cut.run(&["verify", "images/north.img"]);
    assert_eq!(code, 1, "{found}");
    assert!(found.contains(&format!("it has {} bytes", expected.len() - 1)), "{found}");
}

#[test]
fn a_root_partition_of_another_kind_is_named() {
    let bench = Bench::new();
    let (start, _) = partition(&bench.image(), 2);
    let start = usize::try_from(start).unwrap();
    let stock = fs::read(bench.image()).unwrap();
    for (at, magic, name) in [
        (0, &b"LUKS\xba\xbe"[..], "LUKS"),
        (0, b"XFSB", "XFS"),
        (0x1_0040, b"_BHRfS_M", "btrfs"),
        (0x400, b"\x10\x20\xf5\xf2", "F2FS"),
        (0, b"hsqs", "squashfs"),
    ] {
        let mut disk = stock.clone();
        disk[start..start + 0x1_1000].fill(0);
        disk[start + at..start + at + magic.len()].copy_from_slice(magic);
        fs::write(bench.image(), disk).unwrap();
        let said = bench.refused(&BUILD);
        assert!(said.contains(&format!("partition 2: not an ext4 filesystem: it is {name}")), "{said}");
        let (shown, _, _) = bench.run(&["inspect", "stock.img"]);
        assert!(shown.contains(&format!("it is {name}")), "{shown}");
    }
}

#[test]
fn a_root_partition_that_mkfs_xfs_made_is_named() {
    let bench = Bench::new();
    let Some(mut mkfs) = oracle("mkfs.xfs") else { return };
    let file = bench.workshop.path("xfs");
    fs::File::create(&file).unwrap().set_len(400 << 20).unwrap();
    mkfs.arg("-q").arg(&file);
    crate::support::content(mkfs);
    let (start, _) = partition(&bench.image(), 2);
    let mut disk = fs::read(bench.image()).unwrap();
    let start = usize::try_from(start).unwrap();
    disk[start..start + 4096].copy_from_slice(&fs::read(&file).unwrap()[..4096]);
    fs::write(bench.image(), disk).unwrap();
    assert!(bench.refused(&BUILD).contains("it is XFS"));
}

/// Whether the demo image is what its name says, for the tests above.
#[test]
fn the_demo_image_is_warned_of_in_no_way() {
    assert!(!Bench::new().accepted(&BUILD).contains("warning"));
}

const MISTAKES: &str = "cluster: compass
image: stock.img
network: {prefix: 24, gateway: 192.168.50.1}
locale: de_XX.UTF-8
user: {shell: /usr/bin/fish}
files:
  - {path: /boot/notes.txt, content: these are on the root partition}
  - {path: /boot/firmware/notes.txt, content: these are not}
nodes:
  - {name: north, address: 192.168.50.11, timezone: Europe/Berln}
  - name: south
    address: 192.168.50.13
    boot: {cmdline: [loglevel=3, ip=dhcp]}
";

#[test]
fn every_mistake_that_only_the_image_shows_is_shown_at_once_with_its_place() {
    let bench = Bench::with_nodes(MISTAKES);
    let (_, said, code) = bench.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    assert_snapshot!("stock_images__mistakes", said);
    // Whoever builds is told the same.
    for arguments in [&BUILD[..], &["plan"]] {
        let (_, told, code) = bench.run(arguments);
        assert_eq!((told, code), (said.clone(), 2));
    }
    let (json, _, code) = bench.run(&["check", "--json"]);
    assert_eq!(code, 2);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((json["valid"].as_bool(), json["problems"][0]["line"].as_u64()), (Some(false), Some(4)));
    assert_eq!(json["problems"][0]["at"], "locale");
}

#[test]
fn check_says_when_the_cards_are_too_small() {
    let nodes =
        MISTAKES.split("locale").next().unwrap().replace("stock.img", "{path: stock.img, grow: none}");
    let text = "x".repeat(200_000);
    let files: Vec<String> =
        (0..4).map(|number| format!("  - {{path: /opt/{number}, content: {text}}}\n")).collect();
    let nodes = format!("{nodes}files:\n{}nodes:\n  - {{name: a, address: 192.168.50.11}}\n", files.concat());
    let bench = Bench::with_nodes(&nodes);
    bench.accepted(&["check"]);
    // A source of 60 MB, sparse on this machine.
    fs::File::create(bench.workshop.path("large")).unwrap().set_len(60_000_000).unwrap();
    let nodes = nodes.replace("nodes:\n", "  - {path: /opt/large, source: large}\nnodes:\n");
    fs::write(bench.workshop.path("nodes.yaml"), nodes).unwrap();
    let (_, said, code) = bench.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("what is to be put on a card does not fit"), "{said}");
    assert!(said.contains("nodes.yaml:2:"), "{said}");
}

#[test]
fn check_warns_where_it_cannot_look_at_the_image() {
    let bench = Bench::with_nodes(MISTAKES);
    let disk = fs::read(bench.image()).unwrap();
    fs::remove_file(bench.image()).unwrap();
    let said = bench.accepted(&["check"]);
    assert!(said.contains("warning: time zones, locales, keyboards, paths, packages and free space were not checked: there is no file `"), "{said}");
    assert!(said.contains("nodes.yaml:2:8"), "{said}");
    // What cannot be read at random is not decompressed, unless what it needs of it is known from before.
    let Some(mut gzip) = oracle("gzip") else { return };
    fs::write(bench.workshop.path("raw"), disk).unwrap();
    let compressed = gzip.arg("-c").arg(bench.workshop.path("raw")).output().unwrap().stdout;
    let digest = cardwright::types::Digest::of(&compressed);
    fs::write(bench.image(), compressed).unwrap();
    let said = bench.accepted(&["check"]);
    assert!(said.contains("would have to be decompressed as a whole first"), "{said}");
    let pinned = format!("{{path: stock.img, sha256: {digest}}}");
    fs::write(bench.workshop.path("nodes.yaml"), MISTAKES.replace("stock.img", &pinned)).unwrap();
    assert!(bench.accepted(&["check"]).contains("as a whole first"));
    let right = "cluster: compass\nimage: stock.img\nnetwork: {prefix: 24, gateway: 192.168.50.1}\n\
                 nodes: [{name: a, address: 192.168.50.11, timezone: Europe/Berlin}]\n";
    fs::write(bench.workshop.path("right.yaml"), right.replace("stock.img", &pinned)).unwrap();
    bench.accepted(&["plan", "--file", "right.yaml"]);
    assert_eq!(bench.run(&["check"]).2, 2);
}

#[test]
fn check_makes_nothing() {
    let bench = Bench::new();
    fs::remove_dir_all(bench.workshop.path("cache")).ok();
    let list = || {
        let mut names: Vec<_> =
            fs::read_dir(bench.workshop.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    let before = list();
    bench.accepted(&["check"]);
    assert_eq!(list(), before);
}

#[test]
fn check_looks_at_a_download_that_is_there_and_downloads_none() {
    let bench = Bench::with_nodes(MISTAKES);
    let disk = fs::read(bench.image()).unwrap();
    let digest = cardwright::types::Digest::of(&disk);
    // Nobody answers there.
    let url = format!("{{url: 'http://127.0.0.1:9/stock.img', sha256: {digest}}}");
    fs::write(bench.workshop.path("nodes.yaml"), MISTAKES.replace("stock.img", &url)).unwrap();
    let said = bench.accepted(&["check"]);
    assert!(said.contains("the image is not downloaded yet"), "{said}");
    fs::create_dir_all(bench.workshop.path("cache/downloads-v1")).unwrap();
    fs::write(bench.workshop.path(&format!("cache/downloads-v1/{digest}-stock.img")), disk).unwrap();
    let (_, said, code) = bench.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("5 problems in nodes.yaml"), "{said}");
}

#[test]
fn the_demo_image_says_that_it_knows_a_few_zones_only() {
    let nodes = MISTAKES.replace("image: stock.img", "image: demo");
    let bench = Bench::with_nodes(&nodes.replace("Europe/Berln", "Europe/Vienna"));
    let (_, said, code) = bench.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    let few = "the stock image has no time zone `Europe/Vienna`; the demo image has only a few";
    assert!(said.contains(few), "{said}");
    assert!(said.contains("no locale `de_XX.UTF-8`; the demo image has only a few"), "{said}");
}

#[test]
fn an_image_that_is_refused_is_refused_by_check_too() {
    let bench = Bench::new();
    let Some(()) = bench.put_boot("custom.toml", "config_version = 1\n") else { return };
    assert!(bench.accepted(&["check"]).contains("`custom.toml` on the boot partition"));
    bench.put_boot("userconf.txt", "pi:x\n").unwrap();
    let (_, said, code) = bench.run(&["check"]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("customised already: `userconf.txt`") && said.contains("nodes.yaml:2:8"), "{said}");
}
