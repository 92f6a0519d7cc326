//! The real network: connections to the port of ssh, the user's own `ssh`, and the API of the servers.

#[cfg(feature = "download")]
use super::api::Api;
use super::facts::Facts;
use super::kubernetes::KubernetesNode;
#[cfg(not(feature = "download"))]
use super::no_api::NoApi as Api;
use super::probe::{ApiFailure, LoginFailure, Probe, Reach};
use crate::access::{self, AccessError};
use crate::cluster::{Cluster, Node};
use std::fs;
use std::io::{self, Read};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// The port of ssh; ssh_config names no other.
const SSH_PORT: u16 = 22;

/// The longest time that a machine in the same network takes to accept a connection, with a few lost packets.
const CONNECTING: Duration = Duration::from_secs(4);

/// The longest time that a login takes: a board that unpacks images is slow.
const LOGIN: Duration = Duration::from_secs(40);

/// The most that is read of an answer. The facts have some 10 KiB.
const LARGEST_ANSWER: u64 = 256 << 10;

/// The most of a machine's own words that is shown.
const LONGEST_REASON: usize = 200;

/// Asks over the network.
pub(super) struct Network {
    cluster: Cluster,
    api: Option<Api>,
    /// The host that k3s is downloaded from.
    server: Option<String>,
}

impl Network {
    /// Makes ready to ask these nodes.
    ///
    /// # Errors
    /// Fails when the access files of the cluster are missing, or do not lead to one of the nodes.
    pub(super) fn new(cluster: &Cluster, nodes: &[&Node]) -> Result<Self, AccessError> {
        for node in nodes {
            access::log_in(cluster, node)?;
        }
        let asks = nodes.iter().any(|node| node.role().is_some());
        let api = asks.then(|| Api::new(cluster)).transpose()?;
        Ok(Self { cluster: cluster.clone(), api, server: super::download_host(cluster) })
    }
}

impl Probe for Network {
    fn reach(&self, node: &Node) -> Reach {
        let found = match (node.host().as_str(), SSH_PORT).to_socket_addrs() {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!("{}: {error}", node.host());
                return Reach::Nothing("no machine is known by this name".to_owned());
            }
        };
        let mut last = Reach::Nothing("no machine is known by this name".to_owned());
        for address in found {
            last = match TcpStream::connect_timeout(&address, CONNECTING) {
                Ok(_) => return Reach::Open,
                Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Reach::Refused,
                Err(error) => {
                    tracing::debug!("{address}: {error}");
                    Reach::Nothing("nothing answers".to_owned())
                }
            };
        }
        last
    }

    fn facts(&self, node: &Node) -> Result<Facts, LoginFailure> {
        let mut ssh =
            access::log_in(&self.cluster, node).map_err(|error| LoginFailure::Other(error.to_string()))?;
        // Its messages are in English in every locale, and only some of them tell what these options say.
        ssh.args(["-T", "-o", "BatchMode=yes", "-o", "LogLevel=INFO", "-o", "FingerprintHash=sha256"]);
        ssh.args(["-o", "ConnectTimeout=10", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=4"]);
        ssh.arg(Facts::command(self.server.as_deref()));
        let said = run(ssh, LOGIN)
            .map_err(|error| LoginFailure::Other(AccessError::Ssh { source: error }.to_string()))?;
        if let Some(facts) = Facts::parse(&said.output) {
            return Ok(facts);
        }
        Err(failure(&said, || hardware_address(&node.host())))
    }

    fn nodes(&self, server: &Node) -> Result<Vec<KubernetesNode>, ApiFailure> {
        let Some(api) = &self.api else { return Err(ApiFailure::Other("nobody asks its API".to_owned())) };
        api.nodes(server)
    }
}

/// What a program said until it ended, or its time was over.
struct Said {
    output: String,
    errors: String,
    /// It ended by itself.
    has_ended: bool,
}

/// Runs a command until it ends, says more than anybody reads, or takes too long; then it is ended.
fn run(mut command: Command, patience: Duration) -> io::Result<Said> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let ends = Instant::now() + patience;
    let (output, errors) = (child.stdout.take().map(read), child.stderr.take().map(read));
    let text = |reader: Option<Receiver<Vec<u8>>>, until: Instant| {
        let left = until.saturating_duration_since(Instant::now());
        let bytes = reader.and_then(|reader| reader.recv_timeout(left).ok());
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    };
    let output = text(output, ends);
    // What is left of the time belongs to one that has ended; of the others nothing more is read.
    let grace = Instant::now() + Duration::from_secs(1);
    let is_whole = output.as_ref().is_some_and(|output| (output.len() as u64) < LARGEST_ANSWER);
    let has_ended = is_whole && ends_by(&mut child, grace)?;
    if !has_ended {
        child.kill()?;
        child.wait()?;
    }
    let errors = text(errors, grace);
    Ok(Said {
        output: output.unwrap_or_else(String::new),
        errors: errors.unwrap_or_else(String::new),
        has_ended,
    })
}

/// Waits for the end of a child.
fn ends_by(child: &mut Child, until: Instant) -> io::Result<bool> {
    loop {
        if child.try_wait()?.is_some() {
            return Ok(true);
        }
        if Instant::now() >= until {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Reads as much of a pipe as anybody needs, on a thread of its own: the pipe may outlive the process.
fn read(pipe: impl Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Err(error) = pipe.take(LARGEST_ANSWER).read_to_end(&mut bytes) {
            tracing::debug!("an answer was cut: {error}");
        }
        if sender.send(bytes).is_err() {
            tracing::debug!("an answer came too late");
        }
    });
    receiver
}

/// Returns why ssh did not bring the facts, by its own words (OpenSSH, sshconnect.c and kex.c).
fn failure(said: &Said, hardware: impl Fn() -> Option<String>) -> LoginFailure {
    let errors = &said.errors;
    if errors.contains("Host key verification failed") {
        let key = errors.split_whitespace().find(|word| word.starts_with("SHA256:"));
        let key = key.map(|key| key.trim_end_matches('.').to_owned());
        return LoginFailure::OtherKey { key, hardware: hardware() };
    }
    if errors.contains("no matching host key type found") {
        return LoginFailure::OtherKey { key: None, hardware: hardware() };
    }
    if errors.contains("Permission denied (") {
        return LoginFailure::Refused;
    }
    if !said.has_ended {
        return LoginFailure::Other("its answer does not end".to_owned());
    }
    let last = errors.lines().map(str::trim).rfind(|line| !line.is_empty());
    let last = last.unwrap_or("its answer is not whole");
    LoginFailure::Other(last.chars().take(LONGEST_REASON).collect())
}

/// Returns the hardware address that Linux knows for an address of IPv4 (proc_net(5), /proc/net/arp).
fn hardware_address(host: &str) -> Option<String> {
    let table = fs::read_to_string("/proc/net/arp").ok()?;
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.first() == Some(&host))?;
    row.get(3).filter(|address| **address != "00:00:00:00:00:00").map(|address| (*address).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGED: &str = "\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
The fingerprint for the ED25519 key sent by the remote host is\r
SHA256:uNiVztksCsDhcc0u9e8BrrELKvOqs9Q4SZbcZwSFQkU.\r
Host key for 192.168.50.12 has changed and you have requested strict checking.\r
Host key verification failed.\r
";

    fn said(errors: &str) -> Said {
        Said { output: String::new(), errors: errors.to_owned(), has_ended: true }
    }

    #[test]
    fn the_words_of_ssh_tell_who_is_there() {
        let hardware = || Some("b8:27:eb:00:00:01".to_owned());
        let of = |errors: &str| failure(&said(errors), hardware);
        let other =
            |key: Option<&str>| LoginFailure::OtherKey { key: key.map(str::to_owned), hardware: hardware() };
        assert_eq!(of(CHANGED), other(Some("SHA256:uNiVztksCsDhcc0u9e8BrrELKvOqs9Q4SZbcZwSFQkU")));
        let negotiation = "Unable to negotiate with 10.0.0.1 port 22: no matching host key type found. Their offer: ssh-rsa";
        assert_eq!(of(negotiation), other(None));
        assert_eq!(of("pi@10.0.0.1: Permission denied (publickey).\r\n"), LoginFailure::Refused);
        let closed = "kex_exchange_identification: Connection closed by remote host\r\n\r\n";
        assert_eq!(of(closed), LoginFailure::Other(closed.trim().to_owned()));
        assert_eq!(of(""), LoginFailure::Other("its answer is not whole".to_owned()));
        let LoginFailure::Other(long) = of(&"x".repeat(10_000)) else { panic!() };
        assert_eq!(long.len(), LONGEST_REASON);
    }

    #[cfg(unix)]
    #[test]
    fn an_answer_that_does_not_end_is_ended() {
        let sh = |script: &str| {
            let mut command = Command::new("sh");
            command.args(["-c", script]);
            run(command, Duration::from_millis(500)).unwrap()
        };
        let short = sh("echo in; echo out >&2");
        assert_eq!((short.output.as_str(), short.errors.as_str(), short.has_ended), ("in\n", "out\n", true));
        let endless = sh("yes");
        assert!(!endless.has_ended && endless.output.len() as u64 == LARGEST_ANSWER);
        assert_eq!(failure(&endless, || None), LoginFailure::Other("its answer does not end".to_owned()));
        assert!(!sh("exec sleep 100").has_ended);
        // What it leaves behind holds the pipe open.
        assert!(!sh("sleep 3 & exec sleep 100").has_ended);
    }
}
