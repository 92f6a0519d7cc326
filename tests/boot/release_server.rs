//! A server that stands for k3s's release downloads, and that misbehaves as it is told.

use crate::service::Service;
use crate::wire::GATEWAY;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

/// How a download is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// With the whole of it.
    Whole,
    /// With half of it; then the connection is cut.
    Half,
    /// With half of it; then nothing more comes, and the connection stays.
    Stall,
    /// With as many bytes as it has, but others.
    Other,
}

/// The server. It listens from when it is made until it is dropped.
pub(crate) struct ReleaseServer {
    _service: Service,
    state: Arc<Mutex<State>>,
    stalled: mpsc::Receiver<()>,
}

struct State {
    binary: Vec<u8>,
    /// The answers to come; after the last one everything is answered whole.
    answers: VecDeque<Answer>,
    requests: Vec<Request>,
}

/// A request that was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    /// What came after GET.
    pub(crate) path: String,
    /// From which byte on.
    pub(crate) from: usize,
}

/// The port it listens on.
pub(crate) const PORT: u16 = 8080;

impl ReleaseServer {
    /// Serves `binary` at every path that ends in `/k3s-arm64`. The downloads are answered in turn as
    /// `answers` says.
    pub(crate) fn start(binary: Vec<u8>, answers: &[Answer]) -> Self {
        let listener = TcpListener::bind((GATEWAY, PORT)).unwrap();
        let state = Arc::new(Mutex::new(State {
            binary,
            answers: answers.iter().copied().collect(),
            requests: Vec::new(),
        }));
        let (has_stalled, stalled) = mpsc::channel();
        let of_service = Arc::clone(&state);
        let service = Service::connections(listener, move |connection| {
            // A client that went away is its own affair.
            drop(answer(&connection, &of_service, &has_stalled));
        });
        Self { _service: service, state, stalled }
    }

    /// The requests so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.lock().unwrap().requests.clone()
    }

    /// Waits until a download has stalled.
    pub(crate) fn wait_for_stall(&self) {
        self.stalled.recv_timeout(crate::machine::PATIENCE).expect("a download that stalls");
    }
}

fn answer(
    mut connection: &TcpStream,
    state: &Mutex<State>,
    has_stalled: &mpsc::Sender<()>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut from = 0;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.split('-').next().and_then(|from| from.parse().ok()).unwrap_or(0);
        }
    }
    let (mut body, answer) = {
        let mut state = state.lock().unwrap();
        state.requests.push(Request { path: path.clone(), from });
        if !path.ends_with("/k3s-arm64") {
            return connection
                .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
        (state.binary.clone(), state.answers.pop_front().unwrap_or(Answer::Whole))
    };
    if from >= body.len() {
        let head = format!("HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */{}\r\n", body.len());
        connection.write_all(head.as_bytes())?;
        return connection.write_all(b"Content-Length: 0\r\nConnection: close\r\n\r\n");
    }
    if answer == Answer::Other {
        body.iter_mut().for_each(|byte| *byte = !*byte);
    }
    let rest = &body[from..];
    let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
    let range = format!("Content-Range: bytes {from}-{}/{}\r\n", body.len() - 1, body.len());
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Length: {}\r\n{}Connection: close\r\n\r\n",
        rest.len(),
        if from > 0 { range.as_str() } else { "" }
    );
    connection.write_all(head.as_bytes())?;
    match answer {
        Answer::Whole | Answer::Other => connection.write_all(rest),
        Answer::Half => connection.write_all(&rest[..rest.len() / 2]),
        Answer::Stall => {
            connection.write_all(&rest[..rest.len() / 2])?;
            has_stalled.send(()).ok();
            loop {
                thread::park();
            }
        }
    }
}
