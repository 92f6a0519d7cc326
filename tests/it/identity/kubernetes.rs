//! Certificates, tokens and the kubeconfig, before openssl, sha256sum and kubectl.

use crate::identity::{THREE_SERVERS, TLS, card_file};
use crate::support::{SECRET, Workshop, content, oracle, python, stat, text};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// A build, and the authorities of the first server's card beside it in `ca/`.
fn built(nodes: &str) -> Option<Workshop> {
    let workshop = Workshop::with_nodes(nodes);
    workshop.succeed(["build", "--format", "img", "--image", "demo"]);
    fs::create_dir_all(workshop.path("ca/etcd")).unwrap();
    for name in ["server-ca", "client-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca"] {
        for kind in ["crt", "key"] {
            let file = format!("{name}.{kind}");
            let text = card_file(&workshop.path("images/north.img"), &format!("{TLS}/{file}"))?;
            fs::write(workshop.path("ca").join(file), text).unwrap();
        }
    }
    Some(workshop)
}

/// One server, with certificates that oracles still take for valid when this is an old program.
fn lasting() -> Option<Workshop> {
    built(
        "\
cluster: compass
image: demo
network: {prefix: 24, gateway: 192.168.50.1}
k3s: {version: v1.36.4+k3s1, ca_start_year: 2089, kubeconfig: {lifetime: 10y}}
nodes: [{name: north, address: 192.168.50.11, k3s: server}]
",
    )
}

/// A value of a YAML file, as Python's reader finds it.
fn yaml(path: &Path, expression: &str) -> Option<String> {
    let program = format!("import sys, yaml\ny = yaml.safe_load(open(sys.argv[1]))\nprint({expression})");
    Some(python(&program, &[path], b"")?.trim_end().to_owned())
}

fn openssl(workshop: &Workshop, arguments: &[&str]) -> Option<Output> {
    let mut openssl = oracle("openssl")?;
    Some(openssl.current_dir(workshop.path("")).args(arguments).output().unwrap())
}

/// OpenSSL's answer, which has to be a yes.
fn openssl_agrees(workshop: &Workshop, arguments: &[&str]) -> Option<String> {
    let output = openssl(workshop, arguments)?;
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    Some(text(&output.stdout))
}

#[test]
fn the_tokens_pin_the_authority_on_the_first_servers_card() {
    let Some(workshop) = built(THREE_SERVERS) else { return };
    let Some(mut sha256sum) = oracle("sha256sum") else { return };
    sha256sum.arg(workshop.path("ca/server-ca.crt"));
    let sum = content(sha256sum).split(' ').next().unwrap().to_owned();
    let secret = cardwright::identity::ClusterSecret::from_hex(SECRET).unwrap();
    for (node, user, password) in [
        ("east", "server", secret.server_token()),
        ("south", "server", secret.server_token()),
        ("west", "node", secret.agent_token()),
    ] {
        let config = card_file(&workshop.path(&format!("images/{node}.img")), "/etc/rancher/k3s/config.yaml");
        fs::write(workshop.path("config.yaml"), config.unwrap()).unwrap();
        let Some(token) = yaml(&workshop.path("config.yaml"), "y['token']") else { return };
        assert_eq!(token, format!("K10{sum}::{user}:{}", *password), "{node}");
    }
}

#[test]
fn no_other_card_has_an_authority() {
    let Some(workshop) = built(THREE_SERVERS) else { return };
    for node in ["east", "south", "west"] {
        let said = stat(&workshop.path(&format!("images/{node}.img")), "/var/lib/rancher").unwrap();
        assert!(said.contains("File not found"), "{node}: {said}");
    }
}

#[test]
fn openssl_agrees_with_the_authorities_and_the_kubeconfig() {
    let Some(workshop) = lasting() else { return };
    for name in ["server-ca", "client-ca", "request-header-ca", "etcd/server-ca", "etcd/peer-ca"] {
        let certificate = format!("ca/{name}.crt");
        let strict = ["verify", "-x509_strict", "-check_ss_sig", "-CAfile", &certificate, &certificate];
        if openssl_agrees(&workshop, &strict).is_none() {
            return;
        }
        let said = openssl_agrees(&workshop, &["x509", "-in", &certificate, "-noout", "-text"]).unwrap();
        for line in [
            "CA:TRUE",
            "NIST CURVE: P-256",
            "ecdsa-with-SHA256",
            "Jan  1 00:00:00 2020",
            "Dec 31 23:59:59 2099",
        ] {
            assert!(said.contains(line), "{line} is not in\n{said}");
        }
        let of_certificate = openssl_agrees(&workshop, &["x509", "-in", &certificate, "-noout", "-pubkey"]);
        let of_key = openssl_agrees(&workshop, &["pkey", "-in", &format!("ca/{name}.key"), "-pubout"]);
        assert_eq!(of_certificate, of_key, "{name}");
    }

    let kubeconfig = workshop.path("images/kubeconfig");
    for (expression, file) in [
        ("y['clusters'][0]['cluster']['certificate-authority-data']", "authority.crt"),
        ("y['users'][0]['user']['client-certificate-data']", "admin.crt"),
        ("y['users'][0]['user']['client-key-data']", "admin.key"),
    ] {
        let decoded = format!("__import__('base64').b64decode({expression}).decode()");
        let Some(pem) = yaml(&kubeconfig, &decoded) else { return };
        fs::write(workshop.path(file), format!("{pem}\n")).unwrap();
    }
    let server = yaml(&kubeconfig, "y['clusters'][0]['cluster']['server']").unwrap();
    assert_eq!(server, "https://192.168.50.11:6443");
    let read = |file: &str| fs::read_to_string(workshop.path(file)).unwrap();
    assert_eq!(read("authority.crt"), read("ca/server-ca.crt"));
    openssl_agrees(
        &workshop,
        &["verify", "-purpose", "sslclient", "-CAfile", "ca/client-ca.crt", "admin.crt"],
    );
    let wrong = ["verify", "-CAfile", "ca/server-ca.crt", "admin.crt"];
    assert!(!openssl(&workshop, &wrong).unwrap().status.success());
    let said =
        openssl_agrees(&workshop, &["x509", "-in", "admin.crt", "-noout", "-subject", "-nameopt", "RFC2253"]);
    assert_eq!(said.unwrap(), "subject=CN=cardwright-admin,O=system:masters\n");
}

/// Shows a certificate that the card's server authority signed, takes those that its client authority
/// signed and no others, and answers kubectl.
const API_SERVER: &str = r#"
import http.server, json, ssl, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        subject = {key: value for part in self.connection.getpeercert()["subject"] for key, value in part}
        allowed = subject.get("organizationName") == "system:masters"
        path = self.path.split("?")[0]
        group = {"kind": "APIResourceList", "groupVersion": "v1", "resources": [
            {"name": "nodes", "singularName": "node", "namespaced": False, "kind": "Node",
             "shortNames": ["no"], "verbs": ["get", "list"]}]}
        node = {"metadata": {"name": subject["commonName"], "creationTimestamp": "2026-11-25T00:00:00Z"}, "status": {}}
        answers = {
            "/version": {"major": "1", "minor": "36", "gitVersion": "v1.36.4+k3s1"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
            "/api/v1": group,
            "/api/v1/nodes": {"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": [node]},
        }
        answer = answers.get(path) if allowed else None
        self.send_response(200 if answer else 403)
        self.send_header("Content-Type", "application/json")
        body = json.dumps(answer or {"kind": "Status", "status": "Failure"}).encode()
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("leaf.crt", "leaf.key")
context.verify_mode = ssl.CERT_REQUIRED
context.load_verify_locations("ca/client-ca.crt")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct ApiServer {
    child: Child,
    port: u16,
}

impl Drop for ApiServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server with a certificate for the first server's address, as k3s would make it with the card's
/// authority.
fn api_server(workshop: &Workshop) -> Option<ApiServer> {
    let extensions = "subjectAltName=IP:192.168.50.11\nextendedKeyUsage=serverAuth\n";
    fs::write(workshop.path("leaf.ext"), extensions).unwrap();
    let key = ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "leaf.key"];
    openssl_agrees(workshop, &key)?;
    openssl_agrees(workshop, &["req", "-new", "-key", "leaf.key", "-subj", "/CN=k3s", "-out", "leaf.csr"]);
    openssl_agrees(
        workshop,
        &[
            "x509",
            "-req",
            "-in",
            "leaf.csr",
            "-CA",
            "ca/server-ca.crt",
            "-CAkey",
            "ca/server-ca.key",
            "-CAcreateserial",
            "-days",
            "30",
            "-extfile",
            "leaf.ext",
            "-out",
            "leaf.crt",
        ],
    );
    let mut python = oracle("python3")?;
    python.current_dir(workshop.path("")).args(["-c", API_SERVER]).stdout(Stdio::piped());
    let mut child = python.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Some(ApiServer { child, port: line.trim().parse().unwrap() })
}

/// kubectl with a kubeconfig, at a server that stands at another place than the kubeconfig says.
fn kubectl(workshop: &Workshop, server: &ApiServer, kubeconfig: &str) -> Option<Output> {
    let mut kubectl: Command = oracle("kubectl")?;
    kubectl.current_dir(workshop.path("")).env("HOME", workshop.path("home")).env_remove("KUBECONFIG");
    kubectl.args(["--kubeconfig", kubeconfig, "--request-timeout", "20s"]);
    kubectl.args(["--server", &format!("https://127.0.0.1:{}", server.port)]);
    kubectl.args(["--tls-server-name", "192.168.50.11", "get", "nodes", "-o", "name"]);
    Some(kubectl.output().unwrap())
}

#[test]
fn kubectl_gets_in_with_the_kubeconfig() {
    let Some(workshop) = lasting() else { return };
    let Some(server) = api_server(&workshop) else { return };
    let Some(output) = kubectl(&workshop, &server, "images/kubeconfig") else { return };
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "node/cardwright-admin\n");
}

#[test]
fn kubectl_gets_in_nowhere_else() {
    let Some(workshop) = lasting() else { return };
    let Some(server) = api_server(&workshop) else { return };
    let other = Workshop::with_example();
    let mut build = other.command();
    build.env("CARDWRIGHT_SECRET", "5a".repeat(32)).args(["build", "--format", "img", "--image", "demo"]);
    content(build);
    let kubeconfig = other.path("images/kubeconfig");
    // It does not know this server.
    let Some(output) = kubectl(&workshop, &server, kubeconfig.to_str().unwrap()) else { return };
    assert!(!output.status.success());
    assert!(text(&output.stderr).contains("certificate"), "{}", text(&output.stderr));
    // With the right authority and a stranger's client certificate, the server does not know it.
    let theirs = fs::read_to_string(kubeconfig).unwrap();
    let ours = fs::read_to_string(workshop.path("images/kubeconfig")).unwrap();
    let line = |text: &str, key: &str| text.lines().find(|line| line.contains(key)).unwrap().to_owned();
    let mut mixed = ours.clone();
    for key in ["client-certificate-data", "client-key-data"] {
        mixed = mixed.replace(&line(&ours, key), &line(&theirs, key));
    }
    fs::write(workshop.path("mixed"), mixed).unwrap();
    assert!(!kubectl(&workshop, &server, "mixed").unwrap().status.success());
}

#[test]
fn agents_and_kubectl_use_the_virtual_address() {
    let Some(workshop) = built(THREE_SERVERS) else { return };
    let server = "y['clusters'][0]['cluster']['server']";
    let Some(server) = yaml(&workshop.path("images/kubeconfig"), server) else { return };
    assert_eq!(server, "https://192.168.50.10:6443");
    for (node, expression, expected) in [
        ("north", "y['tls-san'], y['cluster-init']", "['192.168.50.10'] True"),
        ("east", "y['tls-san'], y['server']", "['192.168.50.10'] https://192.168.50.11:6443"),
        ("west", "y['server']", "https://192.168.50.10:6443"),
    ] {
        let image = workshop.path(&format!("images/{node}.img"));
        let config = card_file(&image, "/etc/rancher/k3s/config.yaml").unwrap();
        fs::write(workshop.path("config.yaml"), config).unwrap();
        assert_eq!(yaml(&workshop.path("config.yaml"), expression).unwrap(), expected, "{node}");
    }
}
