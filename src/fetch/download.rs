//! Getting a file over HTTP, as much of it as is missing.

use super::error::{FetchError, shown};
use super::part::{Part, last_part};
use crate::cache::CacheError;
use crate::types::{ByteCount, Progress};
use std::io::Read as _;
use std::thread;
use std::time::Duration;
use ureq::http::header::{CONTENT_RANGE, RANGE};
use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// The number of attempts without a single byte that count as a failure.
const ATTEMPTS: u32 = 5;

/// The pause before the second attempt; before each further one it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest time for which a connection may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// The longest time that it may take to find and reach the server.
const CONNECTING: Duration = Duration::from_secs(30);

/// The most that is downloaded. The largest stock images have some 5 GiB.
const LARGEST_FILE: u64 = 64 << 30;

/// The reason why an attempt ended early.
enum Interruption {
    /// Another attempt may succeed.
    Passing(String),
    /// None will.
    Lasting(FetchError),
}

impl From<CacheError> for Interruption {
    fn from(error: CacheError) -> Self {
        Self::Lasting(error.into())
    }
}

/// Talks to servers.
pub(super) struct Client {
    agent: Agent,
    first_pause: Duration,
}

impl Client {
    /// Makes a client with the proxies that the environment names.
    pub(super) fn from_environment() -> Self {
        Self { agent: agent(ureq::Proxy::try_from_env(), SILENCE), first_pause: FIRST_PAUSE }
    }

    /// Makes a client without proxies, and without much patience.
    #[cfg(test)]
    pub(super) fn for_tests() -> Self {
        Self { agent: agent(None, Duration::from_secs(3)), first_pause: Duration::from_millis(1) }
    }

    /// Completes the part, which is to have `size` where that is known.
    pub(super) fn download(
        &self,
        url: &str,
        size: Option<ByteCount>,
        part: &mut Part<'_>,
        progress: &dyn Progress,
    ) -> Result<(), FetchError> {
        let attempt = |part: &mut Part<'_>| self.attempt(url, size, part, progress);
        self.insist(url, attempt, Part::length, part)
    }

    /// Downloads at most `limit` bytes into memory.
    pub(super) fn read(&self, url: &str, limit: u64) -> Result<Vec<u8>, FetchError> {
        let attempt = |bytes: &mut Vec<u8>| {
            bytes.clear();
            let Some((body, _)) = self.ask(url, 0)? else { return Ok(()) };
            let read = body.into_reader().take(limit + 1).read_to_end(bytes);
            read.map_err(|error| Interruption::Passing(error.to_string()))?;
            if bytes.len() as u64 > limit {
                return Err(Interruption::Lasting(FetchError::TooLarge { url: shown(url), limit }));
            }
            Ok(())
        };
        let mut bytes = Vec::new();
        // What is there of one attempt is of no use to the next.
        self.insist(url, attempt, |_| Ok(0), &mut bytes)?;
        Ok(bytes)
    }

    /// Makes attempts until one succeeds, or too many in a row bring nothing to what `length` measures.
    fn insist<T>(
        &self,
        url: &str,
        mut attempt: impl FnMut(&mut T) -> Result<(), Interruption>,
        length: impl Fn(&T) -> Result<u64, CacheError>,
        target: &mut T,
    ) -> Result<(), FetchError> {
        let mut failures = 0;
        let mut most = length(target)?;
        loop {
            let problem = match attempt(target) {
                Ok(()) => return Ok(()),
                Err(Interruption::Lasting(error)) => return Err(error),
                Err(Interruption::Passing(problem)) => problem,
            };
            let length = length(target)?;
            if length > most {
                most = length;
                failures = 0;
            }
            failures += 1;
            tracing::debug!("{}: attempt {failures} ended after {length} bytes: {problem}", shown(url));
            if failures >= ATTEMPTS {
                return Err(FetchError::Transfer { url: shown(url), problem });
            }
            thread::sleep(self.first_pause * 2_u32.pow(failures - 1));
        }
    }

    /// Makes one request, and appends what comes of it.
    fn attempt(
        &self,
        url: &str,
        size: Option<ByteCount>,
        part: &mut Part<'_>,
        progress: &dyn Progress,
    ) -> Result<(), Interruption> {
        let size = size.map(ByteCount::get);
        if size.is_some_and(|size| part.length().is_ok_and(|there| there > size)) {
            part.empty()?;
        }
        let there = part.length()?;
        let Some((body, from)) = self.ask(url, there)? else { return Ok(()) };
        if from != there {
            part.empty()?;
        }
        let mut done = from;
        let total = body.content_length().and_then(|rest| rest.checked_add(from));
        if let (Some(expected), Some(found)) = (size, total.filter(|total| Some(*total) != size)) {
            let error = FetchError::WrongSize { url: shown(url), expected, found };
            return Err(Interruption::Lasting(error));
        }
        let limit = size.unwrap_or(LARGEST_FILE);
        let mut reader = body.into_reader();
        let mut piece = vec![0; 1 << 18];
        loop {
            progress.downloading(last_part(url), ByteCount::new(done), total.or(size).map(ByteCount::new));
            let length = reader.read(&mut piece).map_err(|error| Interruption::Passing(error.to_string()))?;
            if length == 0 {
                break;
            }
            done += length as u64;
            if done > limit {
                let error = FetchError::TooLarge { url: shown(url), limit };
                return Err(Interruption::Lasting(error));
            }
            part.append(piece.split_at(length).0)?;
        }
        match total.or(size) {
            Some(total) if done < total => {
                Err(Interruption::Passing(format!("the connection ended after {done} of {total} bytes")))
            }
            _ => Ok(()),
        }
    }

    /// Asks for what follows the first `there` bytes. Returns that, or all of it, and where it begins; `None` where nothing
    /// follows.
    fn ask(&self, url: &str, there: u64) -> Result<Option<(Body, u64)>, Interruption> {
        // What begins with https does not go on without.
        let secure = url.starts_with("https://");
        let mut request = self.agent.get(url).config().https_only(secure).build();
        if there > 0 {
            request = request.header(RANGE, format!("bytes={there}-"));
        }
        let response = request.call().map_err(|error| match error {
            // Its text holds the address.
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Interruption::Lasting(FetchError::Transfer {
                url: shown(url),
                problem: "this is no valid address".to_owned(),
            }),
            ureq::Error::RequireHttpsOnly(_) => Interruption::Lasting(FetchError::Untrusted {
                url: shown(url),
                problem: "it leads to an address without https".to_owned(),
            }),
            // rustls reports so what the other side says wrongly, certificates first of all.
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Interruption::Lasting(FetchError::Untrusted { url: shown(url), problem: error.to_string() })
            }
            ureq::Error::Tls(_) | ureq::Error::Rustls(_) => {
                Interruption::Lasting(FetchError::Untrusted { url: shown(url), problem: error.to_string() })
            }
            error => Interruption::Passing(error.to_string()),
        })?;
        let (parts, body) = response.into_parts();
        match parts.status {
            StatusCode::OK => Ok(Some((body, 0))),
            StatusCode::PARTIAL_CONTENT if range_start(&parts.headers) == Some(there) => {
                Ok(Some((body, there)))
            }
            StatusCode::PARTIAL_CONTENT => {
                Err(Interruption::Passing("the server sends another part than it was asked for".to_owned()))
            }
            StatusCode::RANGE_NOT_SATISFIABLE if there > 0 => Ok(None),
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(passing(parts.status)),
            status if status.is_server_error() => Err(passing(status)),
            status => {
                Err(Interruption::Lasting(FetchError::Status { url: shown(url), status: status.as_u16() }))
            }
        }
    }
}

fn passing(status: StatusCode) -> Interruption {
    Interruption::Passing(format!("the server answers with status {}", status.as_u16()))
}

fn agent(proxy: Option<ureq::Proxy>, silence: Duration) -> Agent {
    Agent::config_builder()
        .proxy(proxy)
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .http_status_as_error(false)
        // What is counted and checked are the bytes of the file.
        .accept_encoding("identity")
        .timeout_resolve(Some(CONNECTING))
        .timeout_connect(Some(CONNECTING))
        .timeout_recv_response(Some(silence))
        .timeout_per_read(Some(silence))
        .build()
        .into()
}

/// Returns the offset of the part that is being sent: `bytes 500-999/1000` (RFC 9110, section 14.4).
fn range_start(headers: &HeaderMap) -> Option<u64> {
    let range = headers.get(CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    range.split_once('-')?.0.trim().parse().ok()
}
