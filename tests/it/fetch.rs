//! `cardwright fetch`, from servers that stall, cut, lie, redirect and never end.

use crate::support::mount::Mounted;
use crate::support::publisher::{Publisher, RELEASE};
use crate::support::release_server::Reply;
use crate::support::{Workshop, assert_snapshot, content, oracle, text};
use cardwright::types::Digest;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const FILE: &str = "2026-10-06-raspios-trixie-arm64-lite.img.xz";

fn workshop(image: &str) -> Workshop {
    Workshop::with_nodes(&format!(
        "cluster: compass\nimage: {image}\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
         k3s: {{version: v1.36.4+k3s1, install: bundled}}\nnodes: [{{name: north, address: 192.168.50.11, k3s: server}}]\n"
    ))
}

/// Downloads in the cache that are complete.
fn complete(workshop: &Workshop) -> Vec<String> {
    let Ok(entries) = fs::read_dir(workshop.path("cache/downloads-v1")) else { return Vec::new() };
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.contains(".part")).collect();
    names.sort();
    names
}

#[test]
fn all_that_nodes_yaml_needs_is_fetched_once() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64");
    let offline = publisher.run(&workshop, &["build", "--offline"]);
    let mut seen = publisher.seen(&workshop, &offline);
    assert!(publisher.requests().is_empty());
    seen += &publisher.seen(&workshop, &publisher.run(&workshop, &["fetch"]));
    let requests = publisher.requests().len();
    assert_eq!(requests, 5, "the list, the checksums, and three files: {:?}", publisher.requests());
    seen += &publisher.seen(&workshop, &publisher.run(&workshop, &["fetch", "--locked"]));
    assert_eq!(publisher.requests().len(), requests);
    fs::remove_dir_all(workshop.path("cache")).unwrap();
    seen += &publisher.seen(&workshop, &publisher.run(&workshop, &["build", "--offline"]));
    assert_snapshot!("fetch__once", seen);

    let report = publisher.run(&workshop, &["fetch", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["files"][0]["name"], FILE);
    assert_eq!(report["files"][0]["downloaded"], true);
    assert!(publisher.run(&workshop, &["build", "--offline"]).status.success());
}

#[test]
fn pins_are_written_when_what_they_pin_was_verified() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64");
    publisher.publish(&format!("/images/{FILE}"), b"another file");
    for command in ["fetch", "build"] {
        let output = publisher.run(&workshop, &[command]);
        assert_eq!(output.status.code(), Some(1), "{}", publisher.seen(&workshop, &output));
        assert!(!workshop.path("cardwright.lock").exists(), "{command}");
    }
}

#[test]
fn a_list_of_images_may_be_a_file() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64");
    let mut curl = oracle("curl").unwrap();
    let list = content({
        curl.args(["-s", "--noproxy", "*", &publisher.url("/list.json")]);
        curl
    });
    fs::write(workshop.path("list.json"), list).unwrap();
    for name in ["list.json".to_owned(), format!("file://{}", workshop.path("list.json").display())] {
        let output = publisher.run(&workshop, &["images", "--os-list", &name]);
        assert!(
            text(&output.stdout).contains("raspios-lite-arm64"),
            "{}",
            publisher.seen(&workshop, &output)
        );
    }
    let output = publisher.run(&workshop, &["images", "--os-list", "nowhere.json"]);
    assert!(output.status.code() == Some(2) && text(&output.stderr).contains("a file that is there"));
}

#[test]
fn an_update_without_a_connection_writes_nothing() {
    let workshop = Workshop::with_nodes(
        "cluster: compass\nimage: demo\nnetwork: {prefix: 24, gateway: 192.168.50.1}\n\
         k3s: {version: v1.36.4+k3s1}\nnodes: [{name: north, address: 192.168.50.11, k3s: server}]\n",
    );
    let mut command = workshop.command();
    // Nobody listens at the port of discard.
    command.env("HTTPS_PROXY", "http://127.0.0.1:9").env("https_proxy", "http://127.0.0.1:9").arg("update");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(!workshop.path("cardwright.lock").exists());
}

#[test]
fn a_download_that_is_cut_off_is_resumed() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64");
    let path = format!("/images/{FILE}");
    publisher.once(&path, Reply::CutAfter(1000, cardwright::demo::IMAGE.to_vec()));
    let output = publisher.run(&workshop, &["fetch"]);
    assert!(output.status.success(), "{}", publisher.seen(&workshop, &output));
    let asked = publisher.requests().into_iter().filter(|request| request.path == path);
    assert_eq!(asked.map(|request| request.from).collect::<Vec<_>>(), [None, Some(1000)]);
}

#[test]
fn a_file_that_has_moved_is_found() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64");
    publisher.publish("/moved", cardwright::demo::IMAGE);
    publisher.once(&format!("/images/{FILE}"), Reply::Elsewhere(publisher.url("/moved")));
    let output = publisher.run(&workshop, &["fetch"]);
    assert!(output.status.success(), "{}", publisher.seen(&workshop, &output));
    assert_eq!(publisher.count("/moved"), 1);
}

#[test]
fn a_server_that_lies_is_not_believed() {
    let image = cardwright::demo::IMAGE;
    let mut wrong = image.to_vec();
    wrong[5000] ^= 1;
    let mut seen = String::new();
    for (name, reply) in [
        ("another length", Reply::Claiming(image.len() + 10, image.to_vec())),
        ("other bytes", Reply::Whole(wrong)),
        ("no end", Reply::Endless),
        ("nothing there", Reply::Missing),
    ] {
        let publisher = Publisher::with_everything();
        let workshop = workshop("raspios-lite-arm64");
        publisher.once(&format!("/images/{FILE}"), reply);
        let output = publisher.run(&workshop, &["fetch"]);
        assert_eq!(output.status.code(), Some(1), "{name}");
        let said = text(&output.stderr).replace(&publisher.url(""), "http://SERVER");
        let said: Vec<&str> =
            said.lines().filter(|line| line.starts_with("error") || line.starts_with("hint")).collect();
        seen.extend(["## ", name, "\n", &said.join("\n"), "\n"]);
        // The others are there all the same, and the next run goes on.
        assert_eq!(complete(&workshop).len(), 2, "{name}");
        assert!(publisher.run(&workshop, &["fetch"]).status.success(), "{name}");
        assert_eq!(complete(&workshop).len(), 3, "{name}");
    }
    assert_snapshot!("fetch__lies", seen);
}

#[test]
fn mirrors_are_tried_first_and_need_no_trust() {
    let publisher = Publisher::with_everything();
    let (empty, wrong, right) = (Publisher::start(), Publisher::start(), Publisher::start());
    for path in [format!("/images/{FILE}"), format!("{RELEASE}/k3s-arm64")] {
        wrong.publish(&format!("/pi{path}"), b"something else");
    }
    right.publish(&format!("/images/{FILE}"), cardwright::demo::IMAGE);
    let workshop = workshop("raspios-lite-arm64");
    let mirrors = [empty.url(""), wrong.url("/pi/"), right.url("")];
    let arguments = ["fetch", "--mirror", &mirrors[0], "--mirror", &mirrors[1], "--mirror", &mirrors[2]];
    let output = publisher.run(&workshop, &arguments);
    assert!(output.status.success(), "{}", publisher.seen(&workshop, &output));
    assert_eq!(
        [empty.count(FILE), wrong.count(FILE), right.count(FILE), publisher.count(FILE)],
        [1, 1, 1, 0]
    );
    // What no mirror has comes from where it is published; so does what is trusted.
    assert_eq!([right.count("/k3s-arm64"), publisher.count("/k3s-arm64")], [1, 1]);
    assert_eq!(publisher.count("/sha256sum-arm64.txt"), 1);
    assert!([&empty, &wrong, &right].iter().all(|mirror| mirror.count(".txt") + mirror.count(".json") == 0));
}

#[test]
fn a_full_disk_is_said_so_and_the_download_goes_on_when_there_is_room() {
    let publisher = Publisher::start();
    let file: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    publisher.publish("/stock.img.xz", &file);
    let location = format!("{{url: '{}', sha256: {}}}", publisher.url("/stock.img.xz"), Digest::of(&file));
    let workshop = Workshop::with_nodes(&format!(
        "cluster: compass\nimage: {location}\nnetwork: {{prefix: 24, gateway: 192.168.50.1}}\n\
         nodes: [{{name: north, address: 192.168.50.11}}]\n"
    ));
    fs::create_dir(workshop.path("cache")).unwrap();
    let tmpfs: [&dyn AsRef<std::ffi::OsStr>; 5] = [&"-t", &"tmpfs", &"-o", &"size=2m", &"tmpfs"];
    let Some(small) = Mounted::new(&tmpfs, &workshop.path("cache")) else { return };
    let output = publisher.run(&workshop, &["fetch"]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("No space left on device") && said.contains("hint:"), "{said}");
    small.change("size=8m");
    let output = publisher.run(&workshop, &["fetch"]);
    assert!(output.status.success(), "{}", publisher.seen(&workshop, &output));
    assert!(publisher.requests()[1].from.is_some_and(|from| from > 1_000_000), "{:?}", publisher.requests());
}

/// A proxy that takes whoever asks to where they want to go.
fn proxy(used: &Arc<AtomicUsize>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let used = Arc::clone(used);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            used.fetch_add(1, Ordering::Relaxed);
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") && reader.read_until(b'\n', &mut head).unwrap() > 0 {}
            let head = text(&head);
            let target = head.split(' ').nth(1).unwrap();
            if head.starts_with("CONNECT ") {
                let mut server = TcpStream::connect(target).unwrap();
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").unwrap();
                let (mut from, mut to) = (server.try_clone().unwrap(), stream.try_clone().unwrap());
                thread::spawn(move || drop(std::io::copy(&mut from, &mut to)));
                thread::spawn(move || drop(std::io::copy(&mut reader, &mut server)));
            } else {
                let host = target.strip_prefix("http://").unwrap().split('/').next().unwrap();
                let mut server = TcpStream::connect(host).unwrap();
                let path = target.split_once(host).unwrap().1;
                server.write_all(head.replacen(target, path, 1).as_bytes()).unwrap();
                thread::spawn(move || drop(std::io::copy(&mut server, &mut stream)));
            }
        }
    });
    address
}

#[test]
fn proxies_of_the_environment_are_used_but_for_those_who_need_none() {
    for (no_proxy, is_used) in [("", true), ("127.0.0.1", false)] {
        let publisher = Publisher::with_everything();
        let workshop = workshop("raspios-lite-arm64");
        let used = Arc::default();
        let mut command = publisher.command(&workshop, &["fetch"]);
        command.env("ALL_PROXY", format!("http://{}", proxy(&used))).env("NO_PROXY", no_proxy);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", publisher.seen(&workshop, &output));
        assert_eq!(used.load(Ordering::Relaxed) > 0, is_used, "{no_proxy}");
        assert_eq!(publisher.requests().len(), 5);
    }
}

/// OpenSSL's web server, with a certificate of an authority of its own. It serves what is in a folder, heads included.
struct TlsServer {
    child: Child,
    url: String,
    authority: PathBuf,
}

impl TlsServer {
    fn start(workshop: &Workshop) -> Option<Self> {
        let run = |arguments: &str| {
            let mut openssl = oracle("openssl")?;
            openssl.current_dir(workshop.path("")).args(arguments.split(' '));
            content(openssl);
            Some(())
        };
        run(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 2 \
             -subj /CN=test -addext basicConstraints=critical,CA:TRUE",
        )?;
        run(
            "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj /CN=localhost",
        )?;
        fs::write(workshop.path("server.ext"), "subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
            .unwrap();
        run("x509 -req -in server.csr -CA ca.pem -CAkey ca.key -out server.pem -days 2 -extfile server.ext")?;
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let mut server = Command::new("openssl");
        server
            .current_dir(workshop.path(""))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        server.args([
            "s_server",
            "-accept",
            &port.to_string(),
            "-cert",
            "server.pem",
            "-key",
            "server.key",
            "-HTTP",
        ]);
        let child = server.spawn().unwrap();
        let server =
            Self { child, url: format!("https://localhost:{port}"), authority: workshop.path("ca.pem") };
        for _ in 0..600 {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            thread::sleep(std::time::Duration::from_millis(50));
        }
        panic!("openssl s_server does not listen");
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

#[test]
fn certificates_are_judged_by_the_system_and_https_never_leads_away_from_itself() {
    let publisher = Publisher::with_everything();
    let workshop = workshop("raspios-lite-arm64");
    let Some(server) = TlsServer::start(&workshop) else { return };
    let ok = |body: &[u8]| {
        [format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), body].concat()
    };
    let list = serde_json::json!({"os_list": [{
        "name": "x", "url": format!("{}/{FILE}", server.url), "extract_size": 5, "extract_sha256": Digest::of(b"x"),
        "image_download_size": cardwright::demo::IMAGE.len(),
        "image_download_sha256": Digest::of(cardwright::demo::IMAGE),
    }]});
    fs::write(workshop.path("list.json"), ok(list.to_string().as_bytes())).unwrap();
    let elsewhere = format!(
        "HTTP/1.0 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n",
        publisher.url(&format!("/images/{FILE}"))
    );
    fs::write(workshop.path(FILE), elsewhere).unwrap();
    let fetch = |authority: Option<&PathBuf>| {
        let list = format!("{}/list.json", server.url);
        let mut command = publisher.command(&workshop, &["fetch", "--os-list", &list]);
        command.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
        if let Some(authority) = authority {
            command.env("SSL_CERT_FILE", authority);
        }
        command.output().unwrap()
    };
    let said = |output: &std::process::Output| text(&output.stderr).replace(&server.url, "https://SERVER");
    let stranger = fetch(None);
    assert_eq!(stranger.status.code(), Some(1));
    assert!(
        said(&stranger).contains("is not downloaded from") && said(&stranger).contains("SSL_CERT_FILE"),
        "{}",
        said(&stranger)
    );
    let led_away = fetch(Some(&server.authority));
    assert_eq!(led_away.status.code(), Some(1));
    assert!(said(&led_away).contains("leads to an address without https"), "{}", said(&led_away));
    assert_eq!(publisher.count(FILE), 0);
    fs::write(workshop.path(FILE), ok(cardwright::demo::IMAGE)).unwrap();
    let output = fetch(Some(&server.authority));
    assert!(output.status.success(), "{}", said(&output));
}
