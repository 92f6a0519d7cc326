//! A server that publishes as Raspberry Pi and k3s do, with a list of images and with checksums, and that misbehaves
//! where a test wants it to.

use super::release_server::{ReleaseServer, Reply, Request};
use super::{SECRET, Workshop};
use cardwright::types::Digest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

/// The folder of a release of k3s below GitHub's address.
pub(crate) const RELEASE: &str = "/k3s-io/k3s/releases/download/v1.36.4%2Bk3s1";

/// A stub of k3s: a program of the right architecture, as far as its first bytes tell.
pub(crate) const PROGRAM: &[u8] = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\xb7\0stub of k3s";

#[derive(Default)]
struct Shelf {
    files: BTreeMap<String, Vec<u8>>,
    /// The next answers, in the place of files.
    replies: Vec<(String, Reply)>,
    list: Vec<Value>,
}

pub(crate) struct Publisher {
    server: ReleaseServer,
    shelf: Arc<Mutex<Shelf>>,
}

impl Publisher {
    pub(crate) fn start() -> Self {
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let answers = Arc::clone(&shelf);
        let server = ReleaseServer::start(move |_, request| {
            let mut shelf = answers.lock().unwrap();
            if let Some(next) = shelf.replies.iter().position(|(path, _)| *path == request.path) {
                return shelf.replies.remove(next).1;
            }
            match request.path.as_str() {
                "/list.json" => Reply::Whole(json!({ "os_list": shelf.list }).to_string().into_bytes()),
                path => shelf.files.get(path).map_or(Reply::Missing, |file| Reply::Whole(file.clone())),
            }
        });
        Self { server, shelf }
    }

    /// A server with the demo image under a name of today, and a release of k3s.
    pub(crate) fn with_everything() -> Self {
        let publisher = Self::start();
        publisher.publish_image("2026-10-06-raspios-trixie-arm64-lite.img.xz", cardwright::demo::IMAGE);
        publisher.publish_k3s();
        publisher
    }

    pub(crate) fn publish(&self, path: &str, content: &[u8]) {
        self.shelf.lock().unwrap().files.insert(path.to_owned(), content.to_vec());
    }

    /// Puts an image on the list.
    pub(crate) fn publish_image(&self, file: &str, content: &[u8]) {
        let path = format!("/images/{file}");
        let entry = json!({
            "name": "Raspberry Pi OS",
            "url": self.url(&path),
            "extract_size": 96 << 20,
            "extract_sha256": Digest::of(b"decompressed"),
            "image_download_size": content.len(),
            "image_download_sha256": Digest::of(content),
            "release_date": &file[..10],
        });
        self.publish(&path, content);
        self.shelf.lock().unwrap().list.push(entry);
    }

    pub(crate) fn publish_k3s(&self) {
        let mut sums = String::new();
        for (name, content) in [("k3s-arm64", PROGRAM), ("k3s-airgap-images-arm64.tar.zst", b"an archive")] {
            sums.extend([&Digest::of(content).to_string(), "  ", name, "\n"]);
            self.publish(&format!("{RELEASE}/{name}"), content);
        }
        self.publish(&format!("{RELEASE}/sha256sum-arm64.txt"), sums.as_bytes());
    }

    /// Answers the next request for a path otherwise.
    pub(crate) fn once(&self, path: &str, reply: Reply) {
        self.shelf.lock().unwrap().replies.push((path.to_owned(), reply));
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server.address())
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.server.requests()
    }

    /// The number of requests for paths that end so.
    pub(crate) fn count(&self, end: &str) -> usize {
        self.requests().iter().filter(|request| request.path.ends_with(end)).count()
    }

    /// The program, which finds this server in the place of Raspberry Pi's and GitHub's.
    pub(crate) fn command(&self, workshop: &Workshop, arguments: &[&str]) -> Command {
        let mut command = workshop.command();
        command.env("CARDWRIGHT_SECRET", SECRET).args(arguments);
        command.env("CARDWRIGHT_OS_LIST", self.url("/list.json")).env("CARDWRIGHT_GITHUB", self.url(""));
        for proxy in ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY"] {
            command.env_remove(proxy).env_remove(proxy.to_lowercase());
        }
        command
    }

    pub(crate) fn run(&self, workshop: &Workshop, arguments: &[&str]) -> Output {
        self.command(workshop, arguments).output().unwrap()
    }

    /// What a person saw, without this server's port, the cache's place and what a build times.
    pub(crate) fn seen(&self, workshop: &Workshop, output: &Output) -> String {
        workshop
            .seen(output)
            .replace(&self.url(""), "http://SERVER")
            .replace(&self.server.address(), "SERVER")
    }
}
