//! The text of a nodes.yaml. What keys are for is said in the words of their own table.

use super::WIFI_PASSWORD;
use super::answers::{Answers, KeyAnswer};
use cardwright::cluster::key_help;
use std::net::Ipv4Addr;

/// The keys that are there to be found, commented out with their examples.
const OFFERED: [&str; 9] =
    ["timezone", "locale", "keyboard", "ntp", "swap", "memory", "users", "files", "first_boot"];

/// The width of comments.
const WIDTH: usize = 110;

/// Returns the text of a nodes.yaml.
pub(super) fn nodes_yaml(answers: &Answers) -> String {
    let mut text = beginning(answers);
    section(&mut text, "cluster", &format!("cluster: {}", answers.name));
    section(&mut text, "image", &format!("image: {}", scalar(&answers.image)));
    section(&mut text, "user", &user(&answers.key));
    section(&mut text, "network", &network(answers));
    if let Some(wifi) = &answers.wifi {
        let ssid = quoted(&wifi.ssid);
        let wifi =
            format!("wifi: {{ssid: {ssid}, password_file: {WIFI_PASSWORD}, country: {}}}", wifi.country);
        section(&mut text, "wifi", &wifi);
    }
    if let Some((_, version)) = &answers.k3s {
        section(&mut text, "k3s", &k3s(version));
    }
    if let Some(memory) = answers.board.memory() {
        section(&mut text, "memory", &format!("memory: {memory}"));
    }
    for key in OFFERED.into_iter().filter(|key| *key != "memory" || answers.board.memory().is_none()) {
        let (help, example) = key_help("", key).unwrap_or(("", ""));
        comment(&mut text, help);
        text.extend(["# ", key, ": ", example, "\n\n"]);
    }
    section(&mut text, "nodes", &nodes(answers));
    text.pop();
    text
}

fn beginning(answers: &Answers) -> String {
    let (count, k3s) = (answers.nodes.len(), if answers.k3s.is_some() { ", one k3s cluster" } else { "" });
    let boards = if count == 1 { "One Raspberry Pi".to_owned() } else { format!("{count} Raspberry Pis") };
    format!(
        "# {boards}{k3s}. `cardwright init` wrote this; change what you like, then\n\
         #\n\
         #     cardwright check     every mistake in this file, at once\n\
         #     cardwright plan      what would be written onto each card\n\
         #     cardwright build     one image per node in images/, ready to flash\n\n"
    )
}

/// Appends lines below what their key is for.
fn section(text: &mut String, key: &str, lines: &str) {
    comment(text, key_help("", key).map_or("", |(help, _)| help));
    text.extend([lines, "\n\n"]);
}

/// Appends a sentence as a comment, broken between words.
fn comment(text: &mut String, sentence: &str) {
    let mut line = String::from("#");
    for word in sentence.split_whitespace() {
        if line.len() + 1 + word.len() > WIDTH {
            text.extend([line.as_str(), "\n"]);
            line = String::from("#");
        }
        line.extend([" ", word]);
    }
    if line.len() > 1 {
        text.extend([line.as_str(), "\n"]);
    }
}

fn user(key: &KeyAnswer) -> String {
    match key {
        KeyAnswer::Own(key) => format!("user:\n  name: pi\n  ssh_authorized_keys: [{}]", quoted(key)),
        KeyAnswer::Clusters => "user:\n  name: pi\n  # While no key is named here, the build writes one of the cluster's own beside the images.\n  \
                          # ssh_authorized_keys: [~/.ssh/id_ed25519.pub]"
            .to_owned(),
    }
}

fn network(answers: &Answers) -> String {
    let servers: Vec<String> = answers.name_servers.iter().map(ToString::to_string).collect();
    let (prefix, router, servers) = (answers.router.prefix, answers.router.address, servers.join(", "));
    format!("network:\n  prefix: {prefix}\n  gateway: {router}  # the router\n  dns: [{servers}]")
}

fn k3s(version: &str) -> String {
    format!(
        "k3s:\n  version: {version}\n  # `bundled` puts it inside the cards, with its container images: nothing is downloaded at the first start.\n  \
         install: download\n  # What the cluster runs from the start: files, or folders of them. This one is a web page on every node.\n  \
         manifests: [manifests/it-works.yaml]"
    )
}

fn nodes(answers: &Answers) -> String {
    let widest = answers.nodes.iter().map(String::len).fold(0, usize::max);
    let node = |(name, address): (&String, u32)| {
        let role = answers
            .k3s
            .as_ref()
            .map_or("", |(server, _)| if server == name { ", k3s: server" } else { ", k3s: agent" });
        let name = format!("{name},");
        format!("  - {{name: {name:<0$} address: {1}{role}}}", widest + 1, Ipv4Addr::from(address))
    };
    let lines: Vec<String> = answers.nodes.iter().zip(u32::from(answers.first)..).map(node).collect();
    format!("nodes:\n{}", lines.join("\n"))
}

/// Returns a text as YAML takes it in any place: JSON's quotes are YAML's.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Returns a text without quotes where it needs none.
fn scalar(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./@~".contains(&byte);
    if text.bytes().all(is_plain) && !text.starts_with(['-', '@', '~']) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::init::answers::{Board, Router, WifiAnswer};
    use cardwright::cluster::Cluster;

    fn answers() -> Answers {
        let address = |last| Ipv4Addr::new(192, 168, 50, last);
        Answers {
            name: "compass".to_owned(),
            nodes: ["north", "east", "south", "west"].map(str::to_owned).to_vec(),
            wifi: None,
            router: Router { address: address(1), prefix: 24 },
            name_servers: vec![address(1), Ipv4Addr::new(1, 1, 1, 1)],
            first: address(11),
            key: KeyAnswer::Clusters,
            k3s: None,
            board: Board::Pi5,
            image: "raspios-lite-arm64".to_owned(),
        }
    }

    #[test]
    fn whatever_is_answered_makes_a_nodes_yaml_that_is_valid() {
        const KEY: &str =
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOVEedS6/61Ls+hMGjUJ2gRXUcryrhpRGRO8NNW/QYgS \"ann\": #1";
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(WIFI_PASSWORD), "hunter2 hunter2").unwrap();
        std::fs::create_dir(folder.path().join("manifests")).unwrap();
        std::fs::write(folder.path().join("manifests/it-works.yaml"), super::super::IT_WORKS).unwrap();
        let k3s = || Some(("east".to_owned(), "v1.36.4+k3s1".to_owned()));
        let wifi =
            |ssid: &str| Some(WifiAnswer { ssid: ssid.to_owned(), country: "DE".to_owned(), password: None });
        for answers in [
            answers(),
            Answers { k3s: k3s(), ..answers() },
            Answers { k3s: k3s(), board: Board::Pi3, key: KeyAnswer::Own(KEY.to_owned()), ..answers() },
            Answers {
                wifi: wifi("x\": [#'}"),
                board: Board::Zero2,
                image: "my images/a: b.img".to_owned(),
                ..answers()
            },
            Answers {
                nodes: vec!["a".to_owned()],
                image: "demo".to_owned(),
                name_servers: Vec::new(),
                ..answers()
            },
        ] {
            let text = nodes_yaml(&answers);
            let cluster = Cluster::parse(&text, &folder.path().join("nodes.yaml"));
            let cluster = cluster.unwrap_or_else(|invalid| panic!("{:?}\n{text}", invalid.problems));
            assert_eq!(cluster.nodes.len(), answers.nodes.len());
            assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 10), "{text}");
            // What is offered is valid as well, but for what needs more than it.
            for key in OFFERED {
                assert!(
                    text.contains(&format!("\n# {key}: ")) || text.contains(&format!("\n{key}: ")),
                    "{key}"
                );
            }
        }
    }
}
