//! A build in parts, on many machines, gives the bytes of a build of all nodes.

use crate::support::{SECRET, Workshop, assert_snapshot, listing, peak_memory, text, yaml};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// A nodes.yaml of so many nodes, of which the first is the server.
fn nodes(count: usize) -> String {
    let node = |number: usize| {
        let role = if number == 0 { "server" } else { "agent" };
        let (third, fourth) = (number / 200, number % 200 + 10);
        format!("  - {{name: node-{number:02}, address: 10.0.{third}.{fourth}, k3s: {role}}}\n")
    };
    format!(
        "cluster: compass\nimage: demo\nnetwork: {{prefix: 16, gateway: 10.0.0.1}}\nk3s: {{version: v1.36.4+k3s1}}\nnodes:\n{}",
        (0..count).map(node).collect::<String>()
    )
}

/// Builds so many shards as processes that run at the same time.
fn build_shards(workshop: &Workshop, count: usize, arguments: &[&str]) {
    let start = |number: usize| {
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", SECRET).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args([
            "build",
            "--shard",
            &format!("{number}/{count}"),
            "--output",
            &format!("shard-{number}"),
        ]);
        command.args(arguments).spawn().unwrap()
    };
    let children: Vec<_> = (1..=count).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    }
}

/// Who may read the files in a folder.
#[cfg(unix)]
fn modes(folder: &Path) -> Vec<(String, u32)> {
    use std::os::unix::fs::PermissionsExt as _;
    let names = listing(folder).into_keys();
    names.map(|name| (name.clone(), fs::metadata(folder.join(name)).unwrap().permissions().mode())).collect()
}

#[track_caller]
fn assert_merged(whole: &Path, merged: &Path) {
    let (expected, found) = (listing(whole), listing(merged));
    assert!(expected.keys().eq(found.keys()), "{:?}", found.keys());
    let differs: Vec<_> = expected.iter().filter(|(name, bytes)| found[*name] != **bytes).collect();
    assert!(differs.is_empty(), "{:?}", differs.iter().map(|(name, _)| name).collect::<Vec<_>>());
    #[cfg(unix)]
    assert_eq!(modes(whole), modes(merged));
}

#[test]
fn eight_shards_are_merged_into_the_bytes_of_one_build() {
    let everything = ["--bmap", "--imager"];
    let cases: [(usize, &[&str]); 2] =
        [(13, &everything), (3, &["--format", "img", "--imager", "--base-url", "https://host/images/"])];
    for (count, arguments) in cases {
        let workshop = Workshop::with_nodes(&nodes(count));
        // In the same folder, as the manifest has its whole path.
        workshop.succeed(["build"].iter().chain(arguments));
        fs::rename(workshop.path("images"), workshop.path("whole")).unwrap();
        build_shards(&workshop, 8, arguments);
        let folders = (1..=8).rev().map(|number| format!("shard-{number}"));
        let images = |folder: String| {
            let files = listing(&workshop.path(&folder));
            files.keys().filter(|name| name.contains(".img") && !name.contains(".bmap")).count()
        };
        assert_eq!(folders.clone().map(images).sum::<usize>(), count);
        // Neither the secret nor the cache is needed, and the order is that of nodes.yaml.
        let output = workshop.command().arg("merge").args(folders).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), format!("images: {count} images of 8 shards\n"));
        assert_merged(&workshop.path("whole"), &workshop.path("images"));
    }
}

/// Shells mostly start with 1024, which is not enough for a thousand nodes.
#[cfg(unix)]
#[test]
fn more_images_are_built_at_once_than_a_shell_allows_open_files() {
    let workshop = Workshop::with_nodes(&nodes(40));
    shell(&workshop, "-ec", "ulimit -S -n 40; cardwright build", &[]);
    assert_eq!(fs::read_dir(workshop.path("images")).unwrap().count(), 40 + 10);
}

#[test]
fn an_empty_shard_succeeds_and_says_so() {
    let workshop = Workshop::with_nodes(&nodes(3));
    let said = workshop.succeed(["build", "--shard", "1/8", "--output", "shard-1"]);
    assert_eq!(said, "shard 1/8: 0 of 3 nodes\n");
    let said = workshop.succeed(["build", "--shard", "8/8", "--output", "shard-8"]);
    assert!(said.ends_with("shard 8/8: 1 of 3 nodes\n") && said.contains("node-02.img.xz"), "{said}");
}

#[test]
fn what_is_not_one_build_is_not_merged() {
    let workshop = Workshop::with_nodes(&nodes(4));
    build_shards(&workshop, 2, &[]);
    let build = |folder: &str, secret: &str, arguments: &[&str]| {
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", secret).args(["build", "--shard", "2/2", "--output", folder]);
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
    };
    let example = fs::read_to_string(workshop.path("nodes.yaml")).unwrap();
    fs::write(workshop.path("nodes.yaml"), example.replace("10.0.0.12", "10.0.0.99")).unwrap();
    build("other-nodes", SECRET, &[]);
    fs::write(workshop.path("nodes.yaml"), example).unwrap();
    build("other-secret", &"5a".repeat(32), &[]);
    build("other-format", SECRET, &["--format", "img"]);
    fs::write(workshop.path("demo.img.xz"), cardwright::demo::IMAGE).unwrap();
    build("other-image", SECRET, &["--image", "demo.img.xz"]);
    build("with-bmaps", SECRET, &["--bmap"]);
    build("with-manifest", SECRET, &["--imager"]);
    build("without-sums", SECRET, &["--no-checksums"]);
    let change = |folder: &str, name: &str, from: &str, to: &str| {
        build(folder, SECRET, &[]);
        let path = workshop.path(folder).join(name);
        let bytes = fs::read(&path).unwrap();
        let at = memchr::memmem::find(&bytes, from.as_bytes()).unwrap();
        fs::write(path, [&bytes[..at], to.as_bytes(), &bytes[at + from.len()..]].concat()).unwrap();
    };
    let version = env!("CARGO_PKG_VERSION");
    change(
        "other-program",
        "build.json",
        &format!("\"cardwright\": \"{version}\""),
        "\"cardwright\": \"0.0.1\"",
    );
    change("damaged", "node-03.img.xz", "node-03", "node-04");
    change("elsewhere", "build.json", "node-03.img.xz", "../shard-1/node-00.img.xz");
    let mut said = Vec::new();
    for shards in [
        &["shard-1"][..],
        &["shard-1", "shard-2", "shard-1"],
        &["shard-1", "other-nodes"],
        &["shard-1", "other-secret"],
        &["shard-1", "other-format"],
        &["shard-1", "other-image"],
        &["shard-1", "with-bmaps"],
        &["shard-1", "with-manifest"],
        &["shard-1", "without-sums"],
        &["shard-1", "other-program"],
        &["shard-1", "damaged"],
        &["shard-1", "elsewhere"],
        &["shard-1", "nowhere"],
        &["shard-1", "shard-2", "--output", "./shard-2"],
    ] {
        let output = workshop.run(["merge"].iter().chain(shards));
        assert_eq!(output.status.code(), Some(1));
        said.push(format!("merge {}\n{}", shards.join(" "), text(&output.stderr)));
        assert!(
            !workshop.path("images").exists() || listing(&workshop.path("images")).is_empty(),
            "{shards:?}"
        );
    }
    assert_snapshot!("shards__not_one_build", said.join("\n"));
    // None of it was changed.
    workshop.succeed(["merge", "shard-1", "shard-2"]);
    workshop.succeed(["merge", "shard-1", "shard-2"]);
    // Nor is what is somebody else's.
    fs::write(workshop.path("images/node-00.img.xz"), "mine").unwrap();
    let output = workshop.run(["merge", "shard-1", "shard-2"]);
    assert!(text(&output.stderr).contains("images/node-00.img.xz was"), "{}", text(&output.stderr));
    assert_eq!(fs::read(workshop.path("images/node-00.img.xz")).unwrap(), b"mine");
}

#[test]
fn parts_and_names_of_nodes_exclude_each_other() {
    let workshop = Workshop::with_nodes(&nodes(3));
    for (arguments, said) in [
        (&["--shard", "1/2", "--only", "node-00"][..], "cannot be used with"),
        (&["--shard", "1/2", "node-00"], "both nodes and the part 1/2 of all nodes are named"),
        (&["--shard", "1/2", "--rejoin", "node-00"], "cannot be used with"),
        (&["--shard", "0/8"], "the first part has the number 1"),
        (&["--shard", "9/8"], "there are fewer parts than that"),
        (&["--shard", "3"], "as in 3/8"),
    ] {
        let output = workshop.run(["build"].iter().chain(arguments));
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
        assert!(!workshop.path("images").exists());
    }
}

/// The layers of 250 nodes have 75 MiB, their plans 6.
#[test]
fn a_build_of_many_nodes_takes_no_more_memory_than_one_of_few() {
    const MIB: u64 = 1 << 20;
    let peak = |count: usize| {
        let workshop = Workshop::with_nodes(&nodes(count));
        let mut build = workshop.command();
        // What a thread has at hand is no matter of the number of nodes.
        build.env("CARDWRIGHT_SECRET", SECRET).args(["build", "--jobs", "2", "--no-checksums"]);
        peak_memory(&build)
    };
    let (Some(few), Some(many)) = (peak(50), peak(300)) else { return };
    assert!(many < few + 10 * MIB, "{} MiB for 50 nodes, {} MiB for 300", few / MIB, many / MIB);
}

/// The YAML documents in docs/fleets.md.
fn documents() -> Option<Vec<serde_json::Value>> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleets.md")).unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    let documents = blocks.map(yaml).collect::<Option<Vec<_>>>()?;
    Some(documents.into_iter().flatten().collect())
}

/// Runs a line of a document in the folder of a workshop, with the program in the PATH.
fn shell(workshop: &Workshop, options: &str, line: &str, environment: &[(&str, &str)]) {
    let program = Path::new(env!("CARGO_BIN_EXE_cardwright")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut command = Command::new("sh");
    command.current_dir(workshop.path("")).args([options, line]).env("PATH", path.unwrap()).env("CI", "true");
    command.env("CARDWRIGHT_SECRET", SECRET).env("CARDWRIGHT_CACHE", workshop.path("cache"));
    command.envs(environment.iter().copied()).env_remove("SOURCE_DATE_EPOCH");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{line}: {}", text(&output.stderr));
}

#[test]
fn the_fleet_in_the_documentation_is_valid() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fleets.md")).unwrap();
    let fleet = text.split("```").find(|block| block.starts_with("yaml\ncluster: ")).unwrap();
    let workshop = Workshop::with_nodes(&fleet["yaml\n".len()..]);
    let said = workshop.succeed(["check", "server-3", "rack1-40", "rack2-01"]);
    assert_snapshot!("shards__fleet", said);
}

#[cfg(unix)]
#[test]
fn the_workflow_in_the_documentation_builds_what_one_build_does() {
    let Some(documents) = documents() else { return };
    let workflow = documents.iter().find(|document| document.get("jobs").is_some()).unwrap();
    let workshop = Workshop::with_nodes(&nodes(5));
    workshop.succeed(["build", "--output", "whole", "--bmap"]);
    let lines = |job: &str| -> Vec<String> {
        let steps = workflow["jobs"][job]["steps"].as_array().unwrap().iter();
        let lines = steps.filter_map(|step| Some(step.get("run")?.as_str().unwrap().to_owned()));
        // The program is there already.
        lines.filter(|line| !line.starts_with("cargo install --locked --git ")).collect()
    };
    let shards = workflow["jobs"]["build"]["strategy"]["matrix"]["shard"].as_array().unwrap();
    assert_eq!(shards.len(), 8);
    for shard in shards {
        for line in lines("build") {
            let line = line.replace("${{ matrix.shard }}", &shard.to_string());
            assert!(!line.contains("${{"), "{line}");
            shell(&workshop, "-ec", &line, &[]);
        }
    }
    assert_eq!(workflow["jobs"]["merge"]["needs"], "build");
    for line in lines("merge") {
        shell(&workshop, "-ec", &line, &[]);
    }
    compare_with(&workshop, "whole", "images");
}

#[cfg(unix)]
#[test]
fn the_jobs_in_the_documentation_build_what_one_build_does() {
    let Some(documents) = documents() else { return };
    let workshop = Workshop::with_nodes(&nodes(5));
    workshop.succeed(["build", "--output", "whole", "--bmap"]);
    let jobs: Vec<_> = documents.iter().filter(|document| document["kind"] == "Job").collect();
    assert_eq!(jobs.len(), 2);
    for job in jobs {
        assert_eq!(job["apiVersion"], "batch/v1");
        let pod = &job["spec"]["template"]["spec"];
        let container = &pod["containers"][0];
        let mounts = container["volumeMounts"].as_array().unwrap().iter();
        let volumes = pod["volumes"].as_array().unwrap().iter();
        assert!(mounts.map(|mount| &mount["name"]).eq(volumes.map(|volume| &volume["name"])));
        assert_eq!(container["workingDir"], "/cluster");
        assert_eq!(container["command"], serde_json::json!(["sh", "-euc"]));
        let script = container["args"][0].as_str().unwrap();
        let script = script.replace("/images/", &format!("{}/", workshop.path("images").display()));
        let indices = job["spec"].get("completions").map_or(1, |count| count.as_u64().unwrap());
        assert_eq!(indices > 1, job["spec"]["completionMode"] == "Indexed");
        for index in 0..indices {
            shell(&workshop, "-euc", &script, &[("JOB_COMPLETION_INDEX", &index.to_string())]);
        }
    }
    compare_with(&workshop, "whole", "images/all");
}

/// Compares all but ssh_config, which names its folder.
fn compare_with(workshop: &Workshop, whole: &str, merged: &str) {
    let files = |folder: &str| {
        let mut files = listing(&workshop.path(folder));
        files.remove("ssh_config").unwrap();
        files
    };
    assert!(files(whole) == files(merged));
}
