//! Downloads from a small server on this machine that misbehaves as it is told to.

use super::*;
use crate::types::{ByteCount, Hint as _, Silent, Stage};
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;
use tempfile::TempDir;

/// A request to the server: the path, and the start of the range.
type Request = (String, Option<usize>);

/// A server that answers each connection with what `answer` makes of the request, and its number, and
/// then hangs up.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    fn new(answer: impl Fn(usize, &Request) -> Vec<u8> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let mut lines = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
                let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
                let mut range = None;
                for line in lines.take_while(|line| !line.is_empty()) {
                    let line = line.to_ascii_lowercase();
                    if let Some(start) = line.strip_prefix("range: bytes=") {
                        range = Some(start.trim_end_matches('-').parse().unwrap());
                    }
                }
                let request = (path, range);
                let number = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request.clone());
                // A client that has heard enough hangs up first.
                let _ = connection.write_all(&answer(number, &request));
            }
        });
        Self { address, requests }
    }

    fn ranges(&self) -> Vec<Option<usize>> {
        self.requests.lock().unwrap().iter().map(|(_, range)| *range).collect()
    }

    fn url(&self) -> String {
        format!("{}/images/stock.img.xz?token=secret", self.address)
    }
}

/// An answer whose body ends after `sent` bytes, whatever its header promises.
fn answer(status: &str, headers: &str, body: &[u8], sent: usize) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    [head.as_bytes(), &body[..sent.min(body.len())]].concat()
}

/// All of a file, or what follows the start of the range, cut off after `sent` bytes.
fn serve(file: &[u8], (_, range): &Request, sent: usize) -> Vec<u8> {
    match range {
        None => answer("200 OK", "", file, sent),
        Some(start) if *start >= file.len() => answer("416 Range Not Satisfiable", "", b"", 0),
        Some(start) => {
            let headers = format!("Content-Range: bytes {start}-{}/{}\r\n", file.len() - 1, file.len());
            answer("206 Partial Content", &headers, &file[*start..], sent)
        }
    }
}

fn file() -> Vec<u8> {
    (0..1_000_000_u32).flat_map(u32::to_le_bytes).take(700_000).collect()
}

/// Receives the reports of downloads.
#[derive(Default)]
struct Downloads(Mutex<Vec<(u64, Option<u64>)>>);

impl Progress for Downloads {
    fn downloading(&self, _: &str, done: ByteCount, total: Option<ByteCount>) {
        self.0.lock().unwrap().push((done.get(), total.map(ByteCount::get)));
    }
    fn working(&self, _: Stage, _: ByteCount, _: ByteCount) {}
}

struct Cache {
    folder: TempDir,
}

impl Cache {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("deep").join("cache")
    }

    fn fetch(&self, url: &str, expected: Digest) -> Result<PathBuf, FetchError> {
        self.fetch_wanted(&Wanted { url, sha256: expected, size: None, mirrors: &[] })
    }

    fn fetch_wanted(&self, wanted: &Wanted<'_>) -> Result<PathBuf, FetchError> {
        fetch_with(&Client::for_tests(), wanted, &self.path(), &Silent).map(|fetched| fetched.path)
    }

    fn downloads(&self) -> PathBuf {
        cache::Bucket::Downloads.folder(&self.path())
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.downloads()) else { return Vec::new() };
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

#[test]
fn a_file_is_downloaded_once() {
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let cache = Cache::new();
    let digest = Digest::of(&file());
    let heard = Downloads::default();
    let client = Client::for_tests();
    let wanted = Wanted { url: &server.url(), sha256: digest, size: None, mirrors: &[] };
    let path = fetch_with(&client, &wanted, &cache.path(), &heard);
    let path = path.unwrap().path;
    assert_eq!(path, cache.downloads().join(format!("{digest}-stock.img.xz")));
    assert_eq!(fs::read(&path).unwrap(), file());
    let heard = heard.0.lock().unwrap();
    assert_eq!(heard.first(), Some(&(0, Some(700_000))));
    assert_eq!(heard.last(), Some(&(700_000, Some(700_000))));
    assert_eq!(cache.fetch(&server.url(), digest).unwrap(), path);
    assert_eq!(server.ranges(), [None]);
    assert_eq!(cache.names().len(), 1);
}

#[test]
fn a_connection_that_is_cut_is_resumed() {
    let server =
        Server::new(|number, request| serve(&file(), request, if number < 9 { 70_000 } else { usize::MAX }));
    let cache = Cache::new();
    let path = cache.fetch(&server.url(), Digest::of(&file())).unwrap();
    assert_eq!(fs::read(path).unwrap(), file());
    let expected: Vec<_> = (0..10).map(|number| (number > 0).then_some(number * 70_000)).collect();
    assert_eq!(server.ranges(), expected);
}

#[test]
fn a_download_goes_on_in_the_next_run() {
    let cache = Cache::new();
    let digest = Digest::of(&file());
    // Nothing comes after the first 100,000 bytes.
    let broken =
        Server::new(|_, request| serve(&file()[..], request, if request.1.is_none() { 100_000 } else { 0 }));
    let error = cache.fetch(&broken.url(), digest).unwrap_err();
    assert!(matches!(error, FetchError::Transfer { .. }), "{error}");
    assert!(!error.to_string().contains("secret"), "{error}");
    assert_eq!(cache.names(), [format!("{digest}-stock.img.xz.part")]);
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let path = cache.fetch(&server.url(), digest).unwrap();
    assert_eq!(fs::read(path).unwrap(), file());
    assert_eq!(server.ranges(), [Some(100_000)]);
}

#[test]
fn a_part_that_is_complete_is_only_checked() {
    let cache = Cache::new();
    let digest = Digest::of(&file());
    fs::create_dir_all(cache.downloads()).unwrap();
    fs::write(cache.downloads().join(format!("{digest}-stock.img.xz.part")), file()).unwrap();
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    cache.fetch(&server.url(), digest).unwrap();
    assert_eq!(server.ranges(), [Some(700_000)]);
}

#[test]
fn a_part_of_something_else_is_downloaded_again() {
    let cache = Cache::new();
    let digest = Digest::of(&file());
    fs::create_dir_all(cache.downloads()).unwrap();
    fs::write(cache.downloads().join(format!("{digest}-stock.img.xz.part")), [1; 5000]).unwrap();
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let path = cache.fetch(&server.url(), digest).unwrap();
    assert_eq!(fs::read(path).unwrap(), file());
    assert_eq!(server.ranges(), [Some(5000), None]);
}

#[test]
fn a_server_that_ignores_ranges_sends_all_of_it_again() {
    let server =
        Server::new(|number, _| answer("200 OK", "", &file(), if number == 0 { 50_000 } else { usize::MAX }));
    let path = Cache::new().fetch(&server.url(), Digest::of(&file()));
    assert!(path.is_ok(), "{path:?}");
    assert_eq!(server.ranges(), [None, Some(50_000)]);
}

#[test]
fn a_file_with_another_digest_is_not_kept() {
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let cache = Cache::new();
    let error = cache.fetch(&server.url(), Digest::from_bytes([1; 32])).unwrap_err();
    let address = &server.address;
    assert_eq!(
        error.to_string(),
        format!(
            "what `{address}/images/stock.img.xz` sends has the SHA-256 `{}`, not `{}`",
            Digest::of(&file()),
            Digest::from_bytes([1; 32])
        )
    );
    assert!(error.hint().is_some());
    assert!(cache.names().is_empty());
}

#[test]
fn a_file_that_is_not_there_is_asked_for_once() {
    let server = Server::new(|_, _| answer("404 Not Found", "", b"<html>", usize::MAX));
    let error = Cache::new().fetch(&server.url(), Digest::from_bytes([1; 32])).unwrap_err();
    assert!(error.to_string().ends_with("the server answers with status 404"), "{error}");
    assert_eq!(server.ranges().len(), 1);
}

#[test]
fn a_server_that_is_busy_is_asked_again_but_not_for_ever() {
    let server = Server::new(|number, request| match number {
        0 | 1 => answer("503 Service Unavailable", "", b"later", usize::MAX),
        _ => serve(&file(), request, usize::MAX),
    });
    assert!(Cache::new().fetch(&server.url(), Digest::of(&file())).is_ok());
    let always = Server::new(|_, _| answer("503 Service Unavailable", "", b"later", usize::MAX));
    let error = Cache::new().fetch(&always.url(), Digest::of(&file())).unwrap_err();
    assert!(error.to_string().ends_with("the server answers with status 503"), "{error}");
    assert_eq!(always.ranges().len(), 5);
}

#[test]
fn several_runs_that_want_the_same_file_download_it_once() {
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let cache = Cache::new();
    let digest = Digest::of(&file());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let path = cache.fetch(&server.url(), digest).unwrap();
                assert_eq!(fs::read(path).unwrap(), file());
            });
        }
    });
    assert_eq!(server.ranges(), [None]);
    assert_eq!(cache.names(), [format!("{digest}-stock.img.xz")]);
}

#[test]
fn addresses_that_are_no_web_addresses_are_refused() {
    for url in ["ftp://host/x.img", "file:///etc/passwd", "/etc/passwd", "x.img"] {
        let error = Cache::new().fetch(url, Digest::from_bytes([1; 32])).unwrap_err();
        assert_eq!(error.to_string(), format!("`{url}` is not an http or https address"));
    }
    let error = Cache::new().fetch("http://me:secret@/ x", Digest::from_bytes([1; 32])).unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_cache_that_cannot_be_used_costs_time_only() {
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let digest = Digest::of(&file());
    let cache = Cache::new();
    let fetched = |cache: Option<&Path>| {
        let scratch = tempfile::tempdir().unwrap();
        let wanted = Wanted { url: &server.url(), sha256: digest, size: None, mirrors: &[] };
        let fetched = fetch(&wanted, cache, scratch.path(), &Silent).unwrap();
        assert!(fs::read(&fetched.path).unwrap() == file());
        let (path, trouble) = (fetched.path.clone(), fetched.trouble.is_some());
        drop(fetched);
        assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "a download stayed");
        (path, trouble)
    };
    let (path, trouble) = fetched(Some(&cache.path()));
    assert!(path.starts_with(cache.path()) && path.exists() && !trouble);
    let (path, trouble) = fetched(None);
    assert!(!path.exists() && !trouble);

    // A folder in the place of the file, or of its part; a file in the place of the folder.
    let name = format!("{digest}-stock.img.xz");
    let entry = cache.downloads().join(&name);
    fs::remove_file(&entry).unwrap();
    for wrong in [entry.clone(), cache.downloads().join(format!("{name}.part"))] {
        fs::create_dir(&wrong).unwrap();
        assert!(fetched(Some(&cache.path())).1);
        fs::remove_dir(&wrong).unwrap();
    }
    fs::write(&entry, "").unwrap();
    assert!(fetched(Some(&entry)).1);
    // Every download was one, and none was thrown away.
    assert_eq!(server.ranges(), [None; 5]);
}

#[cfg(unix)]
#[test]
fn a_part_that_was_planted_is_not_written_to() {
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let digest = Digest::of(&file());
    for hard in [true, false] {
        let cache = Cache::new();
        fs::create_dir_all(cache.downloads()).unwrap();
        let victim = cache.folder.path().join("victim");
        fs::write(&victim, "mine").unwrap();
        let part = cache.downloads().join(format!("{digest}-stock.img.xz.part"));
        if hard {
            fs::hard_link(&victim, &part).unwrap();
        } else {
            std::os::unix::fs::symlink(&victim, &part).unwrap();
        }
        assert!(matches!(cache.fetch(&server.url(), digest), Err(FetchError::Cache(_))));
        assert_eq!(fs::read(&victim).unwrap(), b"mine");
    }
}

#[test]
fn a_server_that_falls_silent_is_asked_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/stock.img.xz", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let mut open = Vec::new();
        for sent in [1000, usize::MAX] {
            let (mut connection, _) = listener.accept().unwrap();
            let head = BufReader::new(connection.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<_> = head.take_while(|line| !line.is_empty()).collect();
            let range = head
                .iter()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=1000-").map(|_| 1000));
            connection.write_all(&serve(&file(), &(String::new(), range), sent)).unwrap();
            open.push(connection);
        }
    });
    let cache = Cache::new();
    let path = cache.fetch(&url, Digest::of(&file())).unwrap();
    assert_eq!(fs::read(path).unwrap(), file());
    server.join().unwrap();
}

#[test]
fn a_size_that_is_known_is_held_against_what_is_sent() {
    let server = Server::new(|_, request| serve(&file(), request, usize::MAX));
    let endless = Server::new(|_, _| {
        [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec(), file(), file()].concat()
    });
    let cache = Cache::new();
    let fetch = |url: &str, size: u64| {
        let (sha256, size) = (Digest::of(&file()), Some(ByteCount::new(size)));
        cache.fetch_wanted(&Wanted { url, sha256, size, mirrors: &[] })
    };
    let length = file().len() as u64;
    let error = fetch(&server.url(), length + 1).unwrap_err();
    assert!(matches!(error, FetchError::WrongSize { found, .. } if found == length), "{error}");
    let error = fetch(&endless.url(), length).unwrap_err();
    assert!(matches!(error, FetchError::TooLarge { limit, .. } if limit == length), "{error}");
    assert_eq!(cache.names(), [""; 0]);
    fetch(&server.url(), length).unwrap();
}
