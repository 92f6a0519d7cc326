//! The access files beside the images.

use crate::support::{Workshop, content, oracle, text};
use std::fs;
use std::path::Path;

/// Compares with what is in tests/it/identity/vectors, which never changes for the fixed secret.
fn assert_vector(workshop: &Workshop, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/identity/vectors").join(name);
    let found = fs::read_to_string(workshop.path(&format!("images/{name}"))).unwrap();
    if std::env::var_os("CARDWRIGHT_WRITE_VECTORS").is_some() {
        fs::write(&path, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(path).unwrap(), "{name}");
}

/// A build at a fixed time, of the example and the fixed secret.
fn built() -> Workshop {
    let workshop = Workshop::with_example();
    let mut command = workshop.command();
    command.env("CARDWRIGHT_SECRET", crate::support::SECRET).env("SOURCE_DATE_EPOCH", "1791244800");
    content({
        command.args(["build", "--format", "img", "--image", "demo"]);
        command
    });
    workshop
}

#[test]
fn the_access_files_of_a_fixed_secret_never_change() {
    let workshop = built();
    for name in ["known_hosts", "ssh_config", "kubeconfig", "id_ed25519", "id_ed25519.pub"] {
        assert_vector(&workshop, name);
    }
}

#[cfg(unix)]
#[test]
fn access_files_with_secrets_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let workshop = built();
    for (name, expected) in [("kubeconfig", 0o600), ("id_ed25519", 0o600), ("north.img", 0o600)] {
        let mode = fs::metadata(workshop.path(&format!("images/{name}"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, expected, "{name}");
    }
}

#[test]
fn a_fresh_clone_with_the_secret_gives_the_same_access_files_and_cards() {
    let first = Workshop::with_example();
    content({
        let mut command = first.command();
        command.args(["build", "--format", "img", "--image", "demo"]);
        command
    });
    let second = Workshop::with_example();
    fs::copy(first.path("cluster.secret"), second.path("cluster.secret")).unwrap();
    content({
        let mut command = second.command();
        command.args(["build", "--format", "img", "--image", "demo", "--locked"]);
        command
    });
    let names = |workshop: &Workshop| {
        let mut names: Vec<_> = fs::read_dir(workshop.path("images"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    let found = names(&first);
    assert_eq!(found.len(), 14, "{found:?}");
    assert_eq!(found, names(&second));
    for name in found {
        let read = |workshop: &Workshop| fs::read(workshop.path(&format!("images/{name}"))).unwrap();
        assert!(read(&first) == read(&second), "{name} differs");
    }
}

#[test]
fn ssh_keygen_finds_every_node_by_name_and_address() {
    let workshop = built();
    let known_hosts = workshop.path("images/known_hosts");
    for (name, address) in [("north", "192.168.50.11"), ("west", "192.168.50.14")] {
        let mut keys = Vec::new();
        for host in [name, address] {
            let Some(mut keygen) = oracle("ssh-keygen") else { return };
            keygen.args(["-l", "-F", host, "-f"]).arg(&known_hosts);
            let found = content(keygen);
            let line = found.lines().find(|line| !line.starts_with('#')).unwrap();
            keys.push(line.split(' ').nth(2).unwrap().to_owned());
        }
        let Some(public) = crate::identity::card_file(
            &workshop.path(&format!("images/{name}.img")),
            "/etc/ssh/cardwright_host_ed25519_key.pub",
        ) else {
            return;
        };
        fs::write(workshop.path("host.pub"), public).unwrap();
        let mut keygen = oracle("ssh-keygen").unwrap();
        keygen.args(["-l", "-f"]).arg(workshop.path("host.pub"));
        let fingerprint = content(keygen).split(' ').nth(1).unwrap().to_owned();
        assert_eq!(keys, [fingerprint.clone(), fingerprint], "{name}");
    }
    let mut stranger = oracle("ssh-keygen").unwrap();
    stranger.args(["-F", "192.168.50.15", "-f"]).arg(&known_hosts);
    assert!(!stranger.output().unwrap().status.success());
}

#[test]
fn ssh_reads_the_configuration_from_the_folder_of_nodes_yaml() {
    let workshop = built();
    for host in ["north", "192.168.50.11"] {
        let Some(mut ssh) = oracle("ssh") else { return };
        ssh.current_dir(workshop.path("")).args(["-G", "-F", "images/ssh_config", host]);
        let settings = content(ssh);
        for line in [
            "hostname 192.168.50.11",
            "user pi",
            "identityfile images/id_ed25519",
            "userknownhostsfile images/known_hosts",
            "hostkeyalgorithms ssh-ed25519",
            "stricthostkeychecking true",
        ] {
            assert!(settings.lines().any(|found| found == line), "{line} is not in\n{settings}");
        }
    }
}

#[test]
fn another_folder_for_the_results_is_named_as_it_is_seen_from_nodes_yaml() {
    let workshop = Workshop::with_example();
    let config = |output: &str| {
        workshop.succeed(["build", "--format", "img", "--image", "demo", "--output", output]);
        fs::read_to_string(workshop.path(output).join("ssh_config")).unwrap()
    };
    assert!(config("./my results").contains("    UserKnownHostsFile \"my results/known_hosts\"\n"));
    let elsewhere = tempfile::tempdir().unwrap();
    let folder = elsewhere.path().to_str().unwrap();
    assert!(config(folder).contains(&format!("    UserKnownHostsFile {folder}/known_hosts\n")));

    // From another folder than that of nodes.yaml, the advice names it.
    fs::create_dir(workshop.path("below")).unwrap();
    for name in ["nodes.yaml", "manifests"] {
        fs::rename(workshop.path(name), workshop.path("below").join(name)).unwrap();
    }
    fs::write(workshop.path("stock.img.xz"), cardwright::demo::IMAGE).unwrap();
    let output = workshop.run(["build", "--format", "img", "--image", "stock.img.xz", "below/nodes.yaml"]);
    let advice = text(&output.stderr);
    assert!(advice.contains("\n  cardwright ssh -f below/nodes.yaml north\n"), "{advice}");
    assert!(advice.contains("\n  kubectl --kubeconfig below/images/kubeconfig get nodes\n"), "{advice}");
    let config = fs::read_to_string(workshop.path("below/images/ssh_config")).unwrap();
    assert!(config.contains("    UserKnownHostsFile images/known_hosts\n"), "{config}");
}

#[test]
fn without_k3s_there_is_no_kubeconfig() {
    let workshop = Workshop::with_nodes(
        "cluster: single\nimage: demo\nnetwork: {prefix: 24, gateway: 10.1.1.1}\nnodes: [{name: alone, address: 10.1.1.2}]\n",
    );
    workshop.succeed(["build", "--format", "img"]);
    assert!(workshop.path("images/known_hosts").exists());
    assert!(!workshop.path("images/kubeconfig").exists());
}

/// What ssh makes of a ssh_config: every value of a keyword for a host.
fn ssh_settings(workshop: &Workshop, config: &Path, keyword: &str) -> Option<Vec<String>> {
    let mut ssh = oracle("ssh")?;
    ssh.current_dir(workshop.path("")).args(["-G", "-F"]).arg(config).arg("north");
    let settings = content(ssh);
    let values = settings.lines().filter_map(|line| line.strip_prefix(keyword)?.strip_prefix(' '));
    Some(values.map(str::to_owned).collect())
}

#[cfg(unix)]
#[test]
fn ssh_finds_known_hosts_in_a_folder_of_any_name() {
    let workshop = with_keys(&[]);
    for name in
        ["my images", "100% #1", "~", "~root", "a\"b", "it's", "a\\b", "$HOME", "-x", "ümlaut", "a=b,c*?"]
    {
        let folder = format!("./{name}");
        workshop
            .succeed(["build", "--format", "img", "--image", "demo", "--only", "north", "--output", &folder]);
        let config = Path::new(&folder).join("ssh_config");
        let Some(found) = ssh_settings(&workshop, &config, "userknownhostsfile") else { return };
        let [found] = found.as_slice() else { panic!("{found:?}") };
        assert!(workshop.path(found).is_file(), "{found} of {name}");
        let identity = ssh_settings(&workshop, &config, "identityfile").unwrap().remove(0);
        // ssh takes tokens apart only when it opens the file.
        assert!(workshop.path(&identity.replace("%%", "%")).is_file(), "{identity} of {name}");
    }
}

#[test]
fn a_folder_whose_name_would_be_lines_of_ssh_config_is_refused() {
    let hostile = "x\n  ProxyCommand touch owned\nHost *";
    let workshop = Workshop::with_nodes(&format!(
        "cluster: single\nimage: demo\noutput: {{dir: {}}}\nnetwork: {{prefix: 24, gateway: 10.1.1.1}}\n\
         nodes: [{{name: north, address: 10.1.1.2}}]\n",
        serde_json::to_string(hostile).unwrap()
    ));
    let output = workshop.run(["build", "--format", "img", "--image", "demo"]);
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));

    let workshop = with_keys(&[]);
    for name in [hostile, "a\u{9b}b", "a\u{202e}b", "${HOME}"] {
        let output = workshop.run(["build", "--format", "img", "--image", "demo", "--output", name]);
        assert!(!output.status.success(), "{name:?}");
        assert!(text(&output.stderr).contains("hint: "), "{}", text(&output.stderr));
        assert!(!workshop.path(name).join("north.img").exists(), "{name:?}");
        assert!(!workshop.path(name).join("ssh_config").exists(), "{name:?}");
    }
}

/// A cluster of one with these keys, which are JSON and so YAML.
fn with_keys(keys: &[&str]) -> Workshop {
    let keys = serde_json::to_string(keys).unwrap();
    Workshop::with_nodes(&format!(
        "cluster: single\nimage: demo\nnetwork: {{prefix: 24, gateway: 10.1.1.1}}\n\
         user: {{ssh_authorized_keys: {keys}}}\nnodes: [{{name: north, address: 10.1.1.2}}]\n"
    ))
}

#[test]
fn ssh_uses_the_private_keys_beside_the_public_ones_that_nodes_yaml_names() {
    let public = |key: &str| format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA{key} me\n");
    let own = public("IJlVjLLsdzCPQ4eJtKWZvUH8mPCYgYdYLVEGeiRTMNOR");
    let lab = public("IOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS");
    let colleague = public("ILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti");
    let home = tempfile::tempdir().unwrap();
    let at_home = |name: &str| home.path().join(name);
    fs::write(at_home("lab key.pub"), &lab).unwrap();
    fs::write(at_home("lab key"), "").unwrap();
    // Their other half is elsewhere; and a list of keys is no half of a pair.
    fs::write(at_home("colleague.pub"), &colleague).unwrap();
    fs::write(at_home("authorized_keys"), &colleague).unwrap();
    // The first is named twice: as it is, and by its file.
    let keys = [own.trim(), "keys/own.pub", "~/lab key.pub", "~/colleague.pub", "~/authorized_keys"];
    let workshop = with_keys(&keys);
    fs::create_dir(workshop.path("keys")).unwrap();
    fs::write(workshop.path("keys/own.pub"), &own).unwrap();
    fs::write(workshop.path("keys/own"), "").unwrap();
    let mut command = workshop.command();
    command.env("HOME", home.path()).env("USERPROFILE", home.path());
    command.args(["build", "--format", "img"]);
    content(command);

    let config = fs::read_to_string(workshop.path("images/ssh_config")).unwrap();
    assert!(config.contains("    IdentityFile keys/own\n"), "{config}");
    let Some(found) = ssh_settings(&workshop, Path::new("images/ssh_config"), "identityfile") else { return };
    assert_eq!(found, ["keys/own".to_owned(), at_home("lab key").display().to_string()]);
    let only = ssh_settings(&workshop, Path::new("images/ssh_config"), "identitiesonly").unwrap();
    assert_eq!(only, ["yes"]);
}

#[test]
fn without_a_private_key_beside_it_ssh_uses_the_keys_it_knows() {
    let workshop = with_keys(&["own.pub"]);
    let public = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlVjLLsdzCPQ4eJtKWZvUH8mPCYgYdYLVEGeiRTMNOR me\n";
    fs::write(workshop.path("own.pub"), public).unwrap();
    workshop.succeed(["build", "--format", "img"]);
    let config = fs::read_to_string(workshop.path("images/ssh_config")).unwrap();
    assert!(!config.contains("Identit"), "{config}");
    assert!(!workshop.path("images/id_ed25519").exists());
}
