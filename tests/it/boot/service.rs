//! What serves the machines on the wire while a test runs.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a service looks whether it is over.
const TICK: Duration = Duration::from_millis(100);

/// A service. It is over, and its port free for the next test, when dropped.
pub(crate) struct Service {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// Hands every datagram that comes to `socket`, up to 1500 bytes of it, to `serve`.
    pub(crate) fn datagrams(
        socket: UdpSocket,
        mut serve: impl FnMut(&UdpSocket, &[u8], SocketAddr) + Send + 'static,
    ) -> Self {
        socket.set_read_timeout(Some(TICK)).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let is_over = Arc::clone(&over);
        let thread = thread::spawn(move || {
            let mut datagram = [0; 1500];
            while !is_over.load(Ordering::Relaxed) {
                if let Ok((length, from)) = socket.recv_from(&mut datagram) {
                    serve(&socket, &datagram[..length], from);
                }
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
