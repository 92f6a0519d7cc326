//! The questions, each answered by its flag, by a default, or at the terminal.

use super::answers::{self, Answers, Board, KeyAnswer, Router, WifiAnswer};
use super::network::HostNetwork;
use crate::cli::Failure;
use crate::cli::arguments::InitArguments;
use cardwright::cluster::Passphrase;
use cardwright::types::escape::escaped;
use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Input, Password, Select};
use std::io::IsTerminal as _;
use std::net::Ipv4Addr;
use std::path::Path;

/// The way to answers.
pub(super) struct Interview<'a> {
    arguments: &'a InitArguments,
    /// `None` where nobody is asked.
    terminal: Option<(Term, Box<dyn Theme>)>,
    /// The flags of questions without an answer, with the default where there is one.
    missing: Vec<String>,
}

impl<'a> Interview<'a> {
    pub(super) fn new(arguments: &'a InitArguments) -> Self {
        let terminal = Term::stderr();
        let is_there = std::io::stdin().is_terminal() && terminal.features().is_attended();
        let theme: Box<dyn Theme> =
            if terminal.features().colors_supported() && std::env::var_os("NO_COLOR").is_none() {
                Box::new(ColorfulTheme::default())
            } else {
                Box::new(SimpleTheme)
            };
        let terminal = (is_there && !arguments.yes).then_some((terminal, theme));
        Self { arguments, terminal, missing: Vec::new() }
    }

    /// Asks everything.
    pub(super) fn answers(
        mut self,
        folder: &Path,
        network: Option<&HostNetwork>,
    ) -> Result<Answers, Failure> {
        let arguments = self.arguments;
        let name = self.text(
            ("name", "Name of the cluster"),
            arguments.name.as_deref(),
            Some(cluster_name(folder)),
            answers::name,
        )?;
        let nodes = self.text(
            ("nodes", "Nodes: their names, or how many"),
            arguments.nodes.as_deref(),
            Some("north, east, south, west".to_owned()),
            answers::nodes,
        )?;
        let wifi = self.wifi(folder)?;
        let found = network.map(|network| format!("{}/{}", network.router, network.prefix));
        let router = self.text(
            ("router", "Router, with the prefix of its network"),
            arguments.router.as_deref(),
            found,
            answers::router,
        )?;
        let name_servers = self.name_servers(router, network)?;
        let count = nodes.as_ref().map_or(0, Vec::len);
        let first = self.first(router, count, network)?;
        let key = self.key(folder)?;
        let leader = self.leader(nodes.as_deref())?;
        let k3s = leader.map(|leader| self.k3s(leader)).transpose()?.flatten();
        let board = self.board()?;
        let image = self.text(
            ("image", "Stock image: a name, a path, or `demo` to try it"),
            arguments.image.as_deref(),
            Some(board.unwrap_or(Board::Pi5).image().to_owned()),
            answers::image,
        )?;
        match (name, nodes, router, first, key, board, image) {
            (Some(name), Some(nodes), Some(router), Some(first), Some(key), Some(board), Some(image))
                if self.missing.is_empty() =>
            {
                Ok(Answers { name, nodes, wifi, router, name_servers, first, key, k3s, board, image })
            }
            _ => Err(Failure::usage(
                format!("there is no terminal to ask at, and no answer to {}", self.missing.join(", ")),
                if arguments.yes {
                    "Answer with these flags: they have no default here"
                } else {
                    "Answer with these flags, or take the defaults with `--yes`"
                },
            )),
        }
    }

    /// Returns the node that leads, and the version of k3s.
    fn k3s(&self, leader: String) -> Result<Option<(String, String)>, Failure> {
        let version = self.arguments.k3s.as_deref().filter(|text| *text != "none").unwrap_or(answers::K3S);
        let version = answers::k3s_version(version).map_err(|problem| refused("k3s", version, &problem))?;
        Ok(version.map(|version| (leader, version)))
    }

    /// Returns the answer to a question: the flag's, or else the default where nobody is asked, or else the user's.
    fn text<T>(
        &mut self,
        (flag, prompt): (&str, &str),
        given: Option<&str>,
        default: Option<String>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Result<Option<T>, Failure> {
        if let Some(given) = given {
            return read(given).map(Some).map_err(|problem| refused(flag, given, &problem));
        }
        let Some((terminal, theme)) = &self.terminal else {
            let answer = default.as_deref().and_then(|default| read(default).ok());
            if !self.arguments.yes || answer.is_none() {
                let shown = default.map_or_else(String::new, |default| format!(" (default {default})"));
                self.missing.push(format!("--{flag}{shown}"));
            }
            return Ok(answer);
        };
        let mut input = Input::<String>::with_theme(&**theme).with_prompt(prompt);
        if let Some(default) = default {
            input = input.default(default);
        }
        let valid = |text: &String| read(text).map(drop);
        let answer = input.validate_with(valid).interact_text_on(terminal).map_err(unanswered)?;
        read(&answer).map(Some).map_err(|problem| refused(flag, &answer, &problem))
    }

    /// Returns the number of the item that is chosen.
    fn choose(&mut self, (flag, prompt): (&str, &str), items: &[String]) -> Result<usize, Failure> {
        let Some((terminal, theme)) = &self.terminal else {
            if !self.arguments.yes {
                let default = items.first().map_or("", String::as_str);
                self.missing.push(format!("--{flag} (default {default})"));
            }
            return Ok(0);
        };
        let items: Vec<String> = items.iter().map(|item| escaped(item)).collect();
        let select = Select::with_theme(&**theme).with_prompt(prompt).items(&items).default(0);
        select.interact_on(terminal).map_err(unanswered)
    }

    /// Asks for the Wi-Fi; `None` for the wire.
    fn wifi(&mut self, folder: &Path) -> Result<Option<WifiAnswer>, Failure> {
        const NETWORK: (&str, &str) = ("wifi", "Wi-Fi network, or nothing for the wire");
        let optional = |text: &str| match text {
            "" | "none" => Ok(None),
            text => answers::ssid(text).map(Some),
        };
        let given = self.arguments.wifi.as_deref();
        let ssid = match (&self.terminal, given) {
            (Some((terminal, theme)), None) => {
                let valid = |text: &String| optional(text).map(drop);
                let input = Input::<String>::with_theme(&**theme).with_prompt(NETWORK.1).allow_empty(true);
                let answer = input.validate_with(valid).interact_text_on(terminal).map_err(unanswered)?;
                optional(&answer).map_err(|problem| refused(NETWORK.0, &answer, &problem))?
            }
            // The wire is what a cluster stands on, so it goes without saying.
            (_, given) => {
                let text = given.unwrap_or("none");
                optional(text).map_err(|problem| refused(NETWORK.0, text, &problem))?
            }
        };
        let Some(ssid) = ssid else {
            return match &self.arguments.country {
                Some(country) => {
                    Err(refused("country", country, "it is for the radio, and no Wi-Fi is named"))
                }
                None => Ok(None),
            };
        };
        let country = self.text(
            ("country", "Country that the nodes are in, for the radio's rules"),
            self.arguments.country.as_deref(),
            country_of_locale(),
            answers::country,
        )?;
        let is_there = folder.join(super::WIFI_PASSWORD).exists();
        let password = match &self.terminal {
            _ if is_there => None,
            Some((terminal, theme)) => {
                let valid =
                    |text: &String| Passphrase::new(text).map(drop).map_err(|reason| format!("it {reason}"));
                let password =
                    Password::with_theme(&**theme).with_prompt("Its password").validate_with(valid);
                Some(zeroize::Zeroizing::new(password.interact_on(terminal).map_err(unanswered)?))
            }
            None => {
                self.missing.push(format!("the password of `{ssid}`, in a file {}", super::WIFI_PASSWORD));
                None
            }
        };
        Ok(country.map(|country| WifiAnswer { ssid, country, password }))
    }

    /// Returns the name servers: this machine's, or else the router.
    fn name_servers(
        &self,
        router: Option<Router>,
        network: Option<&HostNetwork>,
    ) -> Result<Vec<Ipv4Addr>, Failure> {
        if let Some(given) = self.arguments.dns.as_deref() {
            return answers::name_servers(given).map_err(|problem| refused("dns", given, &problem));
        }
        let is_its = |network: &&HostNetwork| router.is_some_and(|router| router.address == network.router);
        let known = network.filter(is_its).map(|network| network.name_servers.clone());
        let known = known.filter(|servers| !servers.is_empty());
        Ok(known.unwrap_or_else(|| router.map(|router| router.address).into_iter().collect()))
    }

    /// Asks for the first address.
    fn first(
        &mut self,
        router: Option<Router>,
        count: usize,
        network: Option<&HostNetwork>,
    ) -> Result<Option<Ipv4Addr>, Failure> {
        let given = self.arguments.first_address.as_deref();
        let Some(router) = router.filter(|_| count > 0) else {
            if given.is_none() {
                self.missing.push("--first-address".to_owned());
            }
            return Ok(None);
        };
        let own = network.and_then(|network| network.own);
        let taken: Vec<Ipv4Addr> = own.into_iter().chain([router.address]).collect();
        let default = router.suggest(count, &taken).map(|address| address.to_string());
        self.text(
            ("first-address", "First address, outside the router's own (mostly .20 to .200)"),
            given,
            default,
            |text| router.first(text, count, &taken),
        )
    }

    /// Asks for the key to log in with.
    fn key(&mut self, folder: &Path) -> Result<Option<KeyAnswer>, Failure> {
        if let Some(given) = self.arguments.key.as_deref() {
            return super::keys::given(given, folder)
                .map(Some)
                .map_err(|problem| refused("key", given, &problem));
        }
        let mut known = super::keys::known();
        known.push((KeyAnswer::Clusters, "own, a key that is derived from the cluster's secret".to_owned()));
        let items: Vec<String> = known.iter().map(|(_, title)| title.clone()).collect();
        let chosen = self.choose(("key", "Public key that logs in on the nodes"), &items)?;
        Ok(known.into_iter().nth(chosen).map(|(key, _)| key))
    }

    /// Asks which node is the server; `None` without k3s.
    fn leader(&mut self, nodes: Option<&[String]>) -> Result<Option<String>, Failure> {
        let arguments = self.arguments;
        if arguments.k3s.as_deref() == Some("none") {
            return Ok(None);
        }
        let nodes = nodes.unwrap_or(&[]);
        let read = |text: &str| match text {
            "none" => Ok(None),
            text if nodes.iter().any(|node| node == text) => Ok(Some(text.to_owned())),
            _ => Err(format!("it is none of {}", nodes.join(", "))),
        };
        let prompt = "k3s server, which the others join (`none` for no k3s)";
        let answer =
            self.text(("server", prompt), arguments.server.as_deref(), nodes.first().cloned(), read)?;
        Ok(answer.flatten())
    }

    /// Asks for the kind of board.
    fn board(&mut self) -> Result<Option<Board>, Failure> {
        if let Some(given) = self.arguments.board.as_deref() {
            return answers::board(given).map(Some).map_err(|problem| refused("board", given, &problem));
        }
        let titles =
            if self.terminal.is_some() { Board::ALL.map(Board::title) } else { Board::ALL.map(Board::name) };
        let chosen = self.choose(("board", "Boards"), &titles.map(str::to_owned))?;
        Ok(Board::ALL.get(chosen).copied())
    }
}

fn refused(flag: &str, text: &str, problem: &str) -> Failure {
    Failure::usage(
        format!("`{text}` is no answer to `--{flag}`: {problem}"),
        "Run `cardwright init --help` for all flags",
    )
}

fn unanswered(error: dialoguer::Error) -> Failure {
    let dialoguer::Error::IO(error) = error;
    if error.kind() == std::io::ErrorKind::Interrupted {
        return Failure::Interrupted("nothing was written");
    }
    Failure::Advised {
        message: format!("the questions were not answered, and nothing was written: {error}"),
        hint: "Run it again, or answer with flags: `cardwright init --help` shows them".to_owned(),
    }
}

/// Returns the name of the folder, where it can be one of a cluster.
fn cluster_name(folder: &Path) -> String {
    let absolute = std::env::current_dir().ok().map(|here| here.join(folder));
    let name =
        absolute.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().to_lowercase());
    name.filter(|name| answers::name(name).is_ok()).unwrap_or_else(|| "compass".to_owned())
}

/// Returns the country of the user's locale: `de_DE.UTF-8` is DE.
fn country_of_locale() -> Option<String> {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(|name| std::env::var(name).ok())?;
    answers::country(locale.split_once('_')?.1.get(..2)?).ok()
}
