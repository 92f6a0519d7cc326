//! A server of k3s releases that answers as the test says: whole, cut off, stalled, or not at all.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the server was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// The path.
    pub(crate) path: String,
    /// The first byte that was asked for, where it was not the whole.
    pub(crate) from: Option<u64>,
}

/// What the server does with a request.
pub(crate) enum Reply {
    /// All that was asked for.
    Whole(Vec<u8>),
    /// All of it, whatever range was asked for.
    WholeWithoutRanges(Vec<u8>),
    /// The first bytes, then the connection ends.
    CutAfter(usize, Vec<u8>),
    /// The first bytes, then nothing for a long time.
    StallAfter(usize, Vec<u8>),
    /// All of it, with another length than it has.
    Claiming(usize, Vec<u8>),
    /// It is at another address.
    Elsewhere(String),
    /// Zeros for as long as somebody listens.
    Endless,
    /// There is no such thing.
    Missing,
}

/// The server. It runs, and has its address, until it is dropped.
pub(crate) struct ReleaseServer {
    address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl ReleaseServer {
    /// A server at an address of its own. `answer` is asked with the number of the request, from 0, and
    /// the request.
    pub(crate) fn start(answer: impl Fn(usize, &Request) -> Reply + Send + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer)
    }

    /// As [`start`](Self::start), at a given address.
    pub(crate) fn start_at(
        address: &str,
        answer: impl Fn(usize, &Request) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (requests, over) = (Arc::default(), Arc::default());
        let (log, is_over): (Arc<Mutex<Vec<Request>>>, Arc<AtomicBool>) =
            (Arc::clone(&requests), Arc::clone(&over));
        let thread = thread::spawn(move || {
            for stream in listener.incoming().take_while(|_| !is_over.load(Ordering::Relaxed)) {
                let stream = stream.unwrap();
                let Some(request) = read(&stream) else { continue };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(request.clone());
                    log.len() - 1
                };
                let reply = answer(number, &request);
                // Its own thread: a reply may stall.
                thread::spawn(move || send(stream, &request, &reply));
            }
        });
        Self { address, requests, over, thread: Some(thread) }
    }

    /// An address that nobody listens at.
    pub(crate) fn unused_address() -> String {
        TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        self.address.clone()
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for ReleaseServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // It waits for a connection, and looks then whether it is over.
        if TcpStream::connect(&self.address).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut from = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Request { path, from })
}

/// Sends a reply; a client that is gone is none of its business.
fn send(mut stream: TcpStream, request: &Request, reply: &Reply) {
    let mut say = |text: &str| drop(stream.write_all(text.as_bytes()));
    let (content, most, ranges) = match reply {
        Reply::Missing => {
            return say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        Reply::Elsewhere(url) => {
            return say(&format!(
                "HTTP/1.1 302 Found\r\nLocation: {url}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            ));
        }
        Reply::Claiming(length, content) => {
            say(&format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"));
            return drop(stream.write_all(content));
        }
        Reply::Endless => {
            say("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
            while stream.write_all(&[0; 1 << 13]).is_ok() {}
            return;
        }
        Reply::Whole(content) => (content, content.len(), true),
        Reply::WholeWithoutRanges(content) => (content, content.len(), false),
        Reply::CutAfter(most, content) | Reply::StallAfter(most, content) => (content, *most, true),
    };
    let (total, from) = (content.len(), request.from.filter(|_| ranges));
    let start = from.map_or(0, |from| usize::try_from(from).unwrap());
    let mut head = match from {
        Some(_) if start >= total => {
            format!("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\n")
        }
        Some(_) => {
            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {start}-{}/{total}\r\n", total - 1)
        }
        None => "HTTP/1.1 200 OK\r\n".to_owned(),
    };
    let body = &content[start.min(total)..];
    head.extend(["Content-Length: ", &body.len().to_string(), "\r\nConnection: close\r\n\r\n"]);
    let sent = stream
        .write_all(head.as_bytes())
        .and_then(|()| stream.write_all(&body[..most.min(body.len())]))
        .and_then(|()| stream.flush());
    if sent.is_ok() && matches!(reply, Reply::StallAfter(..)) {
        thread::sleep(Duration::from_secs(120));
    }
}
