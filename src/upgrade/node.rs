//! What is asked of a node, and done on it: POSIX shell, over the user's own ssh.

use super::UpgradeError;
use crate::access;
use crate::cluster::{Cluster, K3sVersion, Node, Role};
use crate::patch::Content;
use crate::types::escape::escaped;
use crate::types::{Architecture, ByteCount, Progress, Stage, shell};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The k3s of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The version of the program.
    pub version: K3sVersion,
    /// Set when the program was replaced, and k3s not restarted since: an upgrade was cut off there.
    pub waits_for_restart: bool,
    /// The architecture of the node's programs.
    pub architecture: Architecture,
}

/// A node that is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready {
    /// The time from the restart of k3s on.
    pub after: Duration,
}

/// Asks a node for its k3s.
///
/// # Errors
/// When it cannot be reached, or has none.
pub fn look(cluster: &Cluster, node: &Node) -> Result<Found, UpgradeError> {
    let said = Ssh { cluster, node }.run("asking for its k3s", LOOK, &[])?;
    let name = || node.name.to_string();
    let mut lines = said.lines();
    let architecture = match lines.next() {
        Some("armhf") => Architecture::Armhf,
        _ => Architecture::Arm64,
    };
    let version = lines.next().ok_or_else(|| UpgradeError::NotInstalled { node: name() })?;
    if version == "broken" {
        return Err(UpgradeError::Broken { node: name() });
    }
    let version = K3sVersion::new(version)
        .map_err(|_| UpgradeError::NoVersion { node: name(), said: version.to_owned() })?;
    Ok(Found { version, waits_for_restart: lines.next().is_some(), architecture })
}

/// The way to a node.
pub(super) struct Ssh<'c> {
    pub(super) cluster: &'c Cluster,
    pub(super) node: &'c Node,
}

// The scripts have neither single quotes nor backslashes nor exclamation marks: they are one word of whatever shell the
// user has on the node.

/// Prints the architecture of the node's programs, the version of its k3s, and whether that waits for its restart.
const LOOK: &str = r#"
dpkg --print-architecture
if [ -x /usr/local/bin/k3s ]; then
    set -- $(/usr/local/bin/k3s --version 2>/dev/null)
    echo "${3-broken}"
fi
if [ -e /var/lib/cardwright/k3s-replaced ]; then
    echo replaced
fi
"#;

/// Puts standard input into its place, whole and checked: $1 in the folder $2, with the mode $3 and the SHA-256 $4. With $5,
/// the former file stays beside it under that ending, and it is written down that k3s has to be restarted.
const PUT: &str = r#"
set -eu
path=$2/$1 mode=$3 sha256=$4 keep=$5
new=$path.cardwright-new
digest() {
    set -- $(sha256sum "$1")
    echo "$1"
}
if [ -e "$path" ] && [ "$(digest "$path")" = "$sha256" ]; then
    exit 0
fi
echo send
mkdir -p "$2"
clean() { rm -f "$new"; }
trap clean EXIT
cat >"$new"
if [ "$(digest "$new")" = "$sha256" ]; then :; else
    echo "the file came over damaged" >&2
    exit 1
fi
chmod "$mode" "$new"
sync "$new"
if [ -n "$keep" ]; then
    if "$new" --version >/dev/null 2>&1; then :; else
        echo "the program does not run on this node" >&2
        exit 1
    fi
    mkdir -p /var/lib/cardwright
    touch /var/lib/cardwright/k3s-replaced
    sync /var/lib/cardwright
    ln -f "$path" "$path$keep"
fi
mv -f "$new" "$path"
sync "$2"
"#;

/// Restarts the unit $1, and waits until it has started.
const RESTART: &str = r#"
set -eu
systemctl restart "$1"
rm -f /var/lib/cardwright/k3s-replaced
"#;

/// Prints the line about the node $1 in the cluster.
const STATE: &str = r#"
/usr/local/bin/k3s kubectl get node "$1" --no-headers
"#;

impl Ssh<'_> {
    /// Returns the command that runs a script on the node, as root where it has arguments.
    fn command(&self, script: &str, arguments: &[&str]) -> Result<Command, UpgradeError> {
        let mut ssh = access::log_in(self.cluster, self.node)?;
        for option in
            ["BatchMode=yes", "ConnectTimeout=10", "ServerAliveInterval=15", "ServerAliveCountMax=4"]
        {
            ssh.args(["-o", option]);
        }
        let sudo = if arguments.is_empty() { "" } else { "sudo -n " };
        let words = ["cardwright"].iter().chain(arguments).map(|word| shell::quoted(word));
        ssh.arg(format!("{sudo}sh -c {} {}", shell::quoted(script), words.collect::<Vec<_>>().join(" ")));
        ssh.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(ssh)
    }

    fn run(&self, doing: &'static str, script: &str, arguments: &[&str]) -> Result<String, UpgradeError> {
        let output = self.command(script, arguments)?.output();
        let output = output.map_err(|source| access::AccessError::Ssh { source })?;
        self.succeeded(doing, &output)
    }

    /// Returns what a command printed that succeeded.
    fn succeeded(&self, doing: &'static str, output: &Output) -> Result<String, UpgradeError> {
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
        }
        let node = self.node.name.to_string();
        let said = String::from_utf8_lossy(&output.stderr);
        if said.contains("sudo: a password is required") {
            return Err(UpgradeError::Sudo { node });
        }
        let said = said.lines().map(str::trim).rfind(|line| !line.is_empty()).map(escaped);
        Err(UpgradeError::Command {
            node,
            doing,
            said: said.unwrap_or_else(|| "nothing was said about why".to_owned()),
        })
    }

    /// Sends a file, unless it is there.
    pub(super) fn put(
        &self,
        content: &Content,
        folder: &str,
        name: &str,
        mode: &str,
        progress: &dyn Progress,
    ) -> Result<(), UpgradeError> {
        self.put_keeping(content, [name, folder, mode], "", progress)
    }

    /// Sends the program, keeps the one before it, and restarts k3s.
    pub(super) fn put_program(
        &self,
        program: &Content,
        role: Role,
        progress: &dyn Progress,
    ) -> Result<(), UpgradeError> {
        self.put_keeping(program, ["k3s", "/usr/local/bin", "0755"], ".old", progress)?;
        let unit = match role {
            Role::Server => "k3s.service",
            Role::Agent => "k3s-agent.service",
        };
        self.run("restarting k3s", RESTART, &[unit]).map(drop)
    }

    fn put_keeping(
        &self,
        content: &Content,
        [name, folder, mode]: [&str; 3],
        keep: &str,
        progress: &dyn Progress,
    ) -> Result<(), UpgradeError> {
        const DOING: &str = "sending a file";
        let failed = |source| UpgradeError::Pipe { node: self.node.name.to_string(), doing: DOING, source };
        let sha256 = content.read_digest().map_err(failed)?.to_string();
        let mut ssh = self.command(PUT, &[name, folder, mode, &sha256, keep])?;
        let mut child =
            ssh.stdin(Stdio::piped()).spawn().map_err(|source| access::AccessError::Ssh { source })?;
        let sent = send(&mut child, content, progress);
        let output = child.wait_with_output().map_err(failed)?;
        // Why the node did not take it says more than that it did not.
        self.succeeded(DOING, &output)?;
        sent.map_err(failed)
    }

    /// Waits until a node is ready with a version. This one is a server, and asked for it.
    pub(super) fn wait_until_ready(
        &self,
        node: &Node,
        wanted: &K3sVersion,
        patience: Duration,
    ) -> Result<Ready, UpgradeError> {
        let began = Instant::now();
        loop {
            let said = match self.run("asking for its state", STATE, &[node.name.as_str()]) {
                Ok(line) if is_ready(&line, wanted) => return Ok(Ready { after: began.elapsed() }),
                Ok(line) => line,
                // Nobody answers while a server starts.
                Err(UpgradeError::Command { said, .. }) => said,
                Err(error) => return Err(error),
            };
            if began.elapsed() >= patience {
                return Err(UpgradeError::NotReady {
                    node: node.name.to_string(),
                    wanted: wanted.clone(),
                    seconds: patience.as_secs(),
                    said,
                });
            }
            thread::sleep(Duration::from_secs(2).min(patience));
        }
    }
}

/// Sends a file once the node asks for it.
fn send(child: &mut Child, content: &Content, progress: &dyn Progress) -> std::io::Result<()> {
    let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.as_mut()) else { return Ok(()) };
    let mut asked = [0; 5];
    // It ends without a word where it has the file.
    if stdout.read_exact(&mut asked).is_err() {
        return Ok(());
    }
    let (mut from, size, mut buffer) = (content.open()?, content.size(), vec![0; 1 << 16]);
    loop {
        let length = from.read(&mut buffer)?;
        let Some(part) = buffer.get(..length).filter(|part| !part.is_empty()) else { return Ok(()) };
        stdin.write_all(part)?;
        progress.working(Stage::Sending, ByteCount::of(part), size);
    }
}

/// Returns `true` for a line of `kubectl get node` about a node that is ready with a version: name, states, roles, age,
/// version.
fn is_ready(line: &str, wanted: &K3sVersion) -> bool {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let [_, states, .., version] = columns[..] else { return false };
    states.split(',').next() == Some("Ready") && version == wanted.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scripts_are_the_same_text_between_the_quotes_of_any_shell() {
        for script in [LOOK, PUT, RESTART, STATE] {
            assert!(!script.contains(['\'', '\\', '!']), "{script}");
        }
    }

    #[test]
    fn a_node_is_ready_that_says_so_with_the_version() {
        let wanted = K3sVersion::new("v1.36.4+k3s1").unwrap();
        for (line, ready) in [
            ("north   Ready    control-plane   5d   v1.36.4+k3s1", true),
            ("north   Ready,SchedulingDisabled   <none>   5d   v1.36.4+k3s1", true),
            ("north   NotReady   control-plane   5d   v1.36.4+k3s1", false),
            ("north   Ready    control-plane   5d   v1.35.1+k3s1", false),
            ("", false),
            ("Ready", false),
        ] {
            assert_eq!(is_ready(line, &wanted), ready, "{line}");
        }
    }
}
