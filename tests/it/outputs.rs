//! A build writes over its own results and over nothing else.

use crate::support::{
    SECRET, SERVER_AND_AGENT, Workshop, assert_snapshot, change_root, content, listing, oracle, raw_demo,
    text,
};
use std::fs;
use std::path::Path;
use std::process::Command;

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlVjLLsdzCPQ4eJtKWZvUH8mPCYgYdYLVEGeiRTMNOR me\n";

/// Builds without a secret in the environment; it has to be refused with all of `said`, and to change nothing.
#[track_caller]
fn refused(workshop: &Workshop, arguments: &[&str], said: &[&str]) {
    let shown = refusal(workshop, workshop.command(), arguments);
    for words in said.iter().chain(&["hint: Choose another folder with `--output`"]) {
        assert!(shown.contains(words), "`{words}` is not in {shown}");
    }
}

/// Builds with the fixed secret; it has to be refused for exactly these files, and to change nothing.
#[track_caller]
fn refused_for(workshop: &Workshop, arguments: &[&str], files: &[&str]) {
    let mut command = workshop.command();
    command.env("CARDWRIGHT_SECRET", SECRET);
    let shown = refusal(workshop, command, arguments);
    let listed: Vec<&str> = shown.lines().filter_map(|line| line.strip_prefix("  ")).collect();
    assert_eq!(listed, files, "{shown}");
}

/// Returns what is said where a build is refused and changes nothing.
#[track_caller]
fn refusal(workshop: &Workshop, mut command: Command, arguments: &[&str]) -> String {
    let folders = ["", "images"].map(|folder| workshop.path(folder));
    let before = folders.each_ref().map(|folder| listing(folder));
    let output = command.arg("build").args(arguments).output().unwrap();
    let shown = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{shown}");
    assert!(before == folders.each_ref().map(|folder| listing(folder)), "something changed");
    shown
}

/// The second byte of the text in a file of the root partition's, in the other case.
fn edit(image: &Path) {
    let mut bytes = fs::read(image).unwrap();
    let place = memchr::memmem::find(&bytes, b"north\n").unwrap();
    bytes[place + 1] ^= 0x20;
    fs::write(image, bytes).unwrap();
}

fn workshop(nodes: &str) -> Workshop {
    let workshop = Workshop::with_nodes(nodes);
    fs::create_dir(workshop.path("images")).unwrap();
    workshop
}

#[test]
fn the_stock_image_is_not_written_over_when_it_has_the_name_of_a_result() {
    let stock =
        [("north.img", raw_demo(), "img"), ("north.img.xz", cardwright::demo::IMAGE.to_vec(), "img.xz")];
    for (name, bytes, format) in stock {
        let workshop = workshop(&SERVER_AND_AGENT.replace("demo", &format!("images/{name}")));
        fs::write(workshop.path(&format!("images/{name}")), &bytes).unwrap();
        let is_stock = format!("images/{name} is the stock image `images/{name}`");
        refused(&workshop, &["--format", format], &[&is_stock]);
        // Also when another one is taken this time, and when it is named from elsewhere.
        let is_named = format!("images/{name} is a file that nodes.yaml names, `images/{name}`");
        refused(&workshop, &["--format", format, "--image", "demo"], &[&is_named]);
        let whole = workshop.path("images").join(name);
        let whole = whole.to_str().unwrap();
        refused(&workshop, &["--format", format, "--image", whole], &["is the stock image `"]);
        // Neither has the other format's images in its way.
        workshop.succeed(["build", "--format", if format == "img" { "img.xz" } else { "img" }]);
        assert!(fs::read(workshop.path(&format!("images/{name}"))).unwrap() == bytes);
    }
}

#[cfg(unix)]
#[test]
fn an_input_is_found_behind_links_and_hard_links() {
    use std::os::unix::fs::symlink;
    let names = ["north.img", "north.img.bmap", "SHA256SUMS", "compass.rpi-imager-manifest", "kubeconfig"];
    for name in names {
        for hard in [true, false] {
            let workshop = workshop(&SERVER_AND_AGENT.replace("demo", "stock.img"));
            fs::write(workshop.path("stock.img"), raw_demo()).unwrap();
            let link = workshop.path("images").join(name);
            if hard {
                fs::hard_link(workshop.path("stock.img"), link).unwrap();
            } else {
                symlink("../stock.img", link).unwrap();
            }
            let said = format!("images/{name} is the stock image `stock.img`");
            refused(&workshop, &["--format", "img"], &[&said]);
        }
    }
    let workshop = workshop(&SERVER_AND_AGENT.replace("demo", "images/north.img"));
    fs::write(workshop.path("images/north.img"), raw_demo()).unwrap();
    symlink("images", workshop.path("also")).unwrap();
    refused(&workshop, &["--format", "img", "--output", "also"], &["also/north.img is the stock image"]);
}

#[test]
fn every_kind_of_input_is_kept() {
    let in_node =
        |more: &str| SERVER_AND_AGENT.replace("address: 10.0.0.11,", &format!("address: 10.0.0.11, {more},"));
    let in_k3s = |more: &str| SERVER_AND_AGENT.replace("v1.36.4+k3s1}", &format!("v1.36.4+k3s1, {more}}}"));
    let object = r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}}"#;
    for (name, content, nodes) in [
        ("id_ed25519.pub", KEY, in_node("user: {ssh_authorized_keys: [images/id_ed25519.pub]}")),
        ("known_hosts", "x\n", in_node("files: [{path: /etc/x, source: images/known_hosts}]")),
        ("build.json", object, in_k3s("manifests: [images/build.json]")),
        ("ssh_config", "mirrors: {}\n", in_k3s("registries: images/ssh_config")),
        ("kubeconfig", "#!\n", in_k3s("install: {bundled: {binary: {arm64: images/kubeconfig}}}")),
    ] {
        let workshop = workshop(&nodes);
        fs::write(workshop.path("images").join(name), content).unwrap();
        let said = format!("images/{name} is a file that nodes.yaml names, `images/{name}`");
        refused(&workshop, &[], &[&said]);
    }
    let workshop = workshop(&in_k3s("manifests: [images]"));
    fs::write(workshop.path("images/build.json"), object).unwrap();
    refused(&workshop, &[], &["images/build.json is a file that nodes.yaml names"]);

    let workshop = workshop_with_file("images/SHA256SUMS", SERVER_AND_AGENT);
    refused(&workshop, &["images/SHA256SUMS", "--output", "images"], &["SHA256SUMS is the nodes.yaml"]);

    let workshop = workshop_with_file("cluster.secret", &"5a".repeat(32));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(workshop.path("cluster.secret"), mode).unwrap();
    }
    fs::hard_link(workshop.path("cluster.secret"), workshop.path("images/kubeconfig")).unwrap();
    refused(&workshop, &[], &["images/kubeconfig is the cluster's secret `cluster.secret`"]);
}

fn workshop_with_file(name: &str, content: &str) -> Workshop {
    let workshop = workshop(SERVER_AND_AGENT);
    fs::write(workshop.path(name), content).unwrap();
    workshop
}

/// What `build --output ~/.ssh` did.
#[test]
fn keys_and_known_hosts_of_the_users_own_are_kept() {
    let workshop = workshop(SERVER_AND_AGENT);
    let (key, other) = (workshop.path("images/id_ed25519"), workshop.path("images/known_hosts"));
    let Some(mut keygen) = oracle("ssh-keygen") else { return };
    content({
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "ann@laptop", "-f"]).arg(&key);
        keygen
    });
    let host = KEY.replace(" me", "");
    fs::write(&other, format!("github.com {host}")).unwrap();
    let output = workshop.run(["build"]);
    assert_snapshot!("outputs__own_keys", workshop.seen(&output));
    refused(
        &workshop,
        &[],
        &["images/id_ed25519 was", "images/id_ed25519.pub was", "images/known_hosts was"],
    );
    assert!(!workshop.path("cluster.secret").exists());
    for name in ["id_ed25519", "id_ed25519.pub", "known_hosts"] {
        fs::remove_file(workshop.path("images").join(name)).unwrap();
    }
    workshop.succeed(["build"]);
    workshop.succeed(["build"]);

    // ssh adds what it met to the file that the user has put to their own use.
    let ours = fs::read_to_string(&other).unwrap();
    fs::write(&other, format!("{ours}github.com {host}")).unwrap();
    refused(&workshop, &[], &["images/known_hosts was not written by cardwright, or was changed since"]);
    fs::write(&other, &ours).unwrap();
    // kubectl leaves comments out of what it writes.
    let kubeconfig = workshop.path("images/kubeconfig");
    let ours = fs::read_to_string(&kubeconfig).unwrap();
    fs::write(&kubeconfig, ours.split_once('\n').unwrap().1).unwrap();
    refused(&workshop, &[], &["images/kubeconfig was"]);
    fs::write(&kubeconfig, &ours).unwrap();
    // The same key under another comment, and with a passphrase, which hides the comment.
    for change in [["-c", "-C", "mine"], ["-p", "-N", "a passphrase"]] {
        let mut keygen = oracle("ssh-keygen").unwrap();
        keygen.args(change).args(["-q", "-P", "", "-f"]).arg(&key);
        content(keygen);
        workshop.succeed(["build"]);
    }
}

#[test]
fn whatever_else_is_in_the_way_is_kept() {
    let others = [
        ("north.img.xz", cardwright::demo::IMAGE),
        ("east.img.xz", b"no image at all"),
        ("build.json", b"{\"scripts\": {}}"),
        ("SHA256SUMS", b"0123  raspios.img.xz\n"),
        ("north.img.bmap", b"<?xml version=\"1.0\" ?>\n<bmap version=\"2.0\"></bmap>\n"),
        ("compass.rpi-imager-manifest", b"{\"os_list\": []}"),
        ("ssh_config", b"# The nodes of my rack\nHost *\n"),
        ("kubeconfig", b"apiVersion: v1\nkind: Config\n"),
    ];
    let workshop = workshop(SERVER_AND_AGENT);
    for (name, content) in others {
        let path = workshop.path("images").join(name);
        fs::write(&path, content).unwrap();
        refused(&workshop, &[], &[&format!("images/{name} was not written by cardwright")]);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        refused(&workshop, &[], &[&format!("images/{name} is no regular file")]);
        fs::remove_dir(&path).unwrap();
        // Nothing is lost with an empty one.
        fs::write(&path, "").unwrap();
    }
    workshop.succeed(["build"]);
    // A folder that is refused is not made either.
    fs::write(workshop.path("images/north.img.xz"), cardwright::demo::IMAGE).unwrap();
    fs::remove_file(workshop.path("images/build.json")).unwrap();
    refused(&workshop, &[], &["images/north.img.xz was"]);
    // One that is not written this time is in nobody's way.
    workshop.succeed(["build", "--only", "east"]);
    workshop.succeed(["build", "--output", "elsewhere"]);
}

#[test]
fn a_build_replaces_earlier_results_in_every_format() {
    for format in ["img", "img.xz", "img.zst", "img.gz"] {
        let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
        let build = ["build", "--format", format, "--bmap", "--imager"];
        workshop.succeed(build);
        // By what build.json says, by what is in them, and without any list of them.
        workshop.succeed(build);
        for entry in fs::read_dir(workshop.path("images")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
        fs::remove_file(workshop.path("images/build.json")).unwrap();
        workshop.succeed(build.iter().chain(&["--no-checksums"]));
        workshop.succeed(build.iter().chain(&["--no-checksums"]));
        // Without any list, and without access files: by what is in them.
        for entry in fs::read_dir(workshop.path("images")).unwrap() {
            let path = entry.unwrap().path();
            if !path.to_str().unwrap().ends_with(&format!(".{format}")) {
                fs::remove_file(&path).unwrap();
            }
        }
        workshop.succeed(build);
        // Other nodes, another name.
        fs::write(
            workshop.path("nodes.yaml"),
            SERVER_AND_AGENT.replace("compass", "rose").replace("east", "west"),
        )
        .unwrap();
        workshop.succeed(build);
    }
}

/// A build that is killed there has named its images, and has not written a word about them.
#[test]
fn a_build_goes_on_behind_one_that_was_killed_between_its_images_and_its_access_files() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    workshop.succeed(["build"]);
    for name in ["build.json", "SHA256SUMS", "ssh_config"] {
        fs::remove_file(workshop.path("images").join(name)).unwrap();
    }
    for name in ["images/north.img.xz", "images/east.img.xz"] {
        let bytes = fs::read(workshop.path(name)).unwrap();
        fs::remove_file(workshop.path(name)).unwrap();
        fs::write(workshop.path(name), bytes).unwrap();
    }
    workshop.succeed(["build"]);
}

const CHANGED: &str = "images/north.img was changed since cardwright wrote it";

#[test]
fn an_image_that_was_changed_by_hand_is_kept() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    let image = workshop.path("images/north.img");
    let build = ["build", "--format", "img"];
    workshop.succeed(build);
    let as_built = fs::read(&image).unwrap();
    edit(&image);
    refused_for(&workshop, &build[1..], &[CHANGED]);
    // What is left of a list is enough, and that of another build is none.
    workshop.succeed(build.iter().chain(&["--only", "east"]));
    refused_for(&workshop, &build[1..], &[CHANGED]);
    fs::remove_file(workshop.path("images/build.json")).unwrap();
    refused_for(&workshop, &build[1..], &[CHANGED]);
    workshop.succeed(["build", "--format", "img.xz"]);
    refused_for(&workshop, &build[1..], &[CHANGED]);
    workshop.succeed(["build", "--format", "img.xz", "--no-checksums"]);
    refused_for(&workshop, &build[1..], &[CHANGED]);
    let shown = refusal(
        &workshop,
        {
            let mut command = workshop.command();
            command.env("CARDWRIGHT_SECRET", SECRET);
            command
        },
        &build[1..],
    );
    assert!(shown.contains("or move that file out of images, or delete what nobody needs"), "{shown}");
    // A list that was brought up to date does not make it ours.
    fs::write(&image, &as_built).unwrap();
    workshop.succeed(build);
    edit(&image);
    let Some(mut sums) = oracle("sha256sum") else { return };
    let sums = content({
        sums.current_dir(workshop.path("images")).args(["north.img", "east.img"]);
        sums
    });
    fs::write(workshop.path("images/SHA256SUMS"), sums).unwrap();
    refused_for(&workshop, &build[1..], &[CHANGED]);
    // The same bytes at another time are what was written.
    fs::write(&image, &as_built).unwrap();
    fs::remove_file(workshop.path("images/SHA256SUMS")).unwrap();
    workshop.succeed(build);
}

#[test]
fn an_image_without_a_list_that_was_changed_by_hand_is_kept() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    let build = ["build", "--format", "img", "--no-checksums"];
    for _ in 0..3 {
        workshop.succeed(build.iter().chain(&["--bmap", "--imager"]));
    }
    edit(&workshop.path("images/north.img"));
    refused_for(&workshop, &build[1..], &[CHANGED]);
    refused_for(&workshop, &["--format", "img"], &[CHANGED]);
    fs::remove_file(workshop.path("images/north.img")).unwrap();
    workshop.succeed(build);
}

#[test]
fn a_packed_image_that_was_changed_by_hand_is_kept() {
    for (format, tool) in [("img.xz", "xz"), ("img.gz", "gzip"), ("img.zst", "zstd")] {
        for lists in [true, false] {
            let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
            let build = ["build", "--format", format];
            workshop.succeed(build.iter().chain((!lists).then_some(&"--no-checksums")));
            let packed = workshop.path(&format!("images/north.{format}"));
            for (action, file) in [("-d", &packed), ("-1", &workshop.path("images/north.img"))] {
                let Some(mut command) = oracle(tool) else { return };
                content({
                    command.args(["-q", action]).arg(file);
                    command
                });
                if tool == "zstd" {
                    fs::remove_file(file).unwrap();
                }
                if action == "-d" {
                    edit(&workshop.path("images/north.img"));
                }
            }
            let said = format!("images/north.{format} was changed since cardwright wrote it");
            refused_for(&workshop, &build[1..], &[&said]);
        }
    }
}

#[test]
fn an_image_that_was_cut_short_may_be_deleted() {
    for format in ["img", "img.xz"] {
        let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
        workshop.succeed(["build", "--format", format]);
        let image = workshop.path(&format!("images/north.{format}"));
        let length = fs::metadata(&image).unwrap().len();
        fs::File::options().write(true).open(&image).unwrap().set_len(length - 4096).unwrap();
        let shown = refusal(
            &workshop,
            {
                let mut command = workshop.command();
                command.env("CARDWRIGHT_SECRET", SECRET);
                command
            },
            &["--format", format],
        );
        let said =
            format!("images/north.{format} is an image of cardwright's that was cut short or is damaged");
        assert!(shown.contains(&said) && shown.contains("or delete what nobody needs"), "{shown}");
        fs::remove_file(&image).unwrap();
        workshop.succeed(["build", "--format", format]);
    }
}

/// The next build made a new secret, and lost the way into running cards.
#[test]
fn keys_of_another_secret_are_kept() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    let run = |arguments: &[&str]| workshop.command().args(arguments).output().unwrap();
    assert!(run(&["build"]).status.success());
    let secret = fs::read(workshop.path("cluster.secret")).unwrap();
    fs::remove_file(workshop.path("cluster.secret")).unwrap();
    refusal(&workshop, workshop.command(), &[]);
    assert!(!workshop.path("cluster.secret").exists());
    // Also each of them alone, and with another secret.
    for file in ["images/known_hosts", "images/id_ed25519", "images/id_ed25519.pub", "images/kubeconfig"] {
        let other = Workshop::with_nodes(SERVER_AND_AGENT);
        fs::create_dir(other.path("images")).unwrap();
        fs::copy(workshop.path(file), other.path(file)).unwrap();
        let shown = refusal(&other, other.command(), &[]);
        assert!(shown.contains(&format!("these files were made with one:\n  {file}\n")), "{shown}");
        refused_for(&other, &[], &[&format!("{file}: with another")]);
        other.succeed(["build", "--output", "elsewhere"]);
    }
    fs::write(workshop.path("cluster.secret"), secret).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = fs::Permissions::from_mode(0o600);
        fs::set_permissions(workshop.path("cluster.secret"), mode).unwrap();
    }
    assert!(run(&["build"]).status.success());
    // Authorities that end at another time are still the same.
    let later = SERVER_AND_AGENT.replace("v1.36.4+k3s1}", "v1.36.4+k3s1, ca_start_year: 2025}");
    fs::write(workshop.path("nodes.yaml"), later).unwrap();
    let output = run(&["build"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    // Two clusters with one folder.
    fs::create_dir(workshop.path("second")).unwrap();
    fs::write(workshop.path("second/nodes.yaml"), SERVER_AND_AGENT).unwrap();
    let shown = refusal(&workshop, workshop.command(), &["second/nodes.yaml", "--output", "images"]);
    assert!(
        shown.contains("there is no second/cluster.secret, and these")
            && shown.contains("  images/kubeconfig\n"),
        "{shown}"
    );
    assert!(!workshop.path("second/cluster.secret").exists());
}

#[test]
fn lines_of_the_users_own_in_ssh_config_are_kept() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    workshop.succeed(["build"]);
    let config = workshop.path("images/ssh_config");
    let ours = fs::read_to_string(&config).unwrap();
    for theirs in
        [format!("{ours}\nHost *\n    ForwardAgent yes\n"), ours.replace("    User", "    Port 22\n    User")]
    {
        fs::write(&config, theirs).unwrap();
        refused_for(
            &workshop,
            &[],
            &["images/ssh_config was not written by cardwright, or was changed since"],
        );
    }
    // One of other nodes is ours.
    fs::write(&config, ours).unwrap();
    let others = SERVER_AND_AGENT.replace("east", "west").replace("10.0.0.12", "10.0.0.13");
    fs::write(workshop.path("nodes.yaml"), others.replace("cluster:", "user: {name: ann}\ncluster:"))
        .unwrap();
    workshop.succeed(["build"]);
}

#[test]
fn a_file_in_the_place_of_the_folder_is_said_to_be_one() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    fs::write(workshop.path("images"), "").unwrap();
    let run = |arguments: &[&str]| text(&workshop.run(arguments).stderr);
    for (folder, file) in [("images", "images"), ("images/a/b", "images")] {
        let shown = run(&["build", "--output", folder]);
        assert!(
            shown.contains(&format!("  {file} is a file where a folder is needed\nhint: Choose")),
            "{shown}"
        );
    }
    #[cfg(unix)]
    assert!(run(&["build", "--output", "/dev/null"]).contains("  /dev/null is a file where"));
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_said_to_be_one() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    use std::os::unix::process::CommandExt as _;
    let workshop = workshop(SERVER_AND_AGENT);
    let set_mode =
        |name: &str, mode| fs::set_permissions(workshop.path(name), fs::Permissions::from_mode(mode));
    let names = ["north.img.xz", "known_hosts", "build.json"];
    for name in names {
        fs::write(workshop.path("images").join(name), "theirs").unwrap();
        set_mode(&format!("images/{name}"), 0).unwrap();
    }
    set_mode("", 0o777).unwrap();
    set_mode("images", 0o777).unwrap();
    // The workshop is open to everybody, which the folder of the checkout need not be. `cp`, because a file that this
    // process has open for writing could not be started.
    let program = workshop.path("cardwright");
    let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_cardwright")).arg(&program).status().unwrap();
    assert!(copied.success());
    let mut command = workshop.command_of(&program);
    // To root, everything may be read.
    if fs::metadata(workshop.path("images")).unwrap().uid() == 0 {
        command.uid(65534).gid(65534);
    }
    let output = command.env("CARDWRIGHT_SECRET", SECRET).arg("build").output().unwrap();
    let shown = text(&output.stderr);
    for name in names {
        assert!(shown.contains(&format!("  images/{name} may not be read, so nobody knows")), "{shown}");
    }
}

#[test]
fn a_copy_of_a_card_that_was_in_use_is_kept() {
    let workshop = Workshop::with_nodes(SERVER_AND_AGENT);
    workshop.succeed(["build", "--format", "img"]);
    let image = workshop.path("images/north.img");
    fs::write(workshop.path("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
    let write = format!("write {} /etc/machine-id", workshop.path("machine-id").display());
    let Some(()) = change_root(&image, &["rm /etc/machine-id", &write]) else { return };
    refused(&workshop, &["--format", "img"], &["images/north.img is a copy of a card that was in use"]);
    workshop.succeed(["build", "--format", "img", "--only", "east"]);
}

#[test]
fn commands_that_show_make_no_secret() {
    let workshop = workshop(SERVER_AND_AGENT);
    let before = listing(&workshop.path(""));
    let run = |arguments: &[&str]| {
        let output = workshop.command().env("CARDWRIGHT_CACHE", "").env("HOME", "").args(arguments).output();
        output.unwrap()
    };
    let output = run(&["plan"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains("there is no cluster.secret yet; `cardwright build` makes it"));
    assert!(text(&output.stdout).contains("/etc/rancher/k3s/config.yaml"));
    let plan: serde_json::Value = serde_json::from_slice(&run(&["plan", "--json"]).stdout).unwrap();
    assert_eq!(plan["throwaway_secret"], true);
    for arguments in [&["check"][..], &["inspect", "demo"], &["verify", "demo"], &["plan", "--locked"]] {
        run(arguments);
    }
    assert_eq!(run(&["plan", "--locked"]).status.code(), Some(1));
    assert!(before == listing(&workshop.path("")), "something was made");
    // With a secret, the plan is that of the build.
    workshop.command().arg("build").output().unwrap();
    let plan: serde_json::Value = serde_json::from_slice(&run(&["plan", "--json"]).stdout).unwrap();
    assert_eq!(plan["throwaway_secret"], false);
}
