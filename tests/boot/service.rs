//! What serves the machines on the wire while a test runs.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
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
        let mut datagram = [0; 1500];
        Self::repeat(move || {
            if let Ok((length, from)) = socket.recv_from(&mut datagram) {
                serve(&socket, &datagram[..length], from);
            }
        })
    }

    /// Hands every connection that comes to `listener` to `serve`, each in a thread of its own, which
    /// nobody waits for.
    pub(crate) fn connections(
        listener: TcpListener,
        serve: impl Fn(TcpStream) + Clone + Send + 'static,
    ) -> Self {
        listener.set_nonblocking(true).unwrap();
        Self::repeat(move || match listener.accept() {
            Ok((connection, _)) => {
                let serve = serve.clone();
                connection.set_nonblocking(false).unwrap();
                thread::spawn(move || serve(connection));
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(TICK),
            Err(error) => panic!("a connection cannot be accepted: {error}"),
        })
    }

    fn repeat(mut step: impl FnMut() + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let thread = thread::spawn(move || {
            while !seen.load(Ordering::Relaxed) {
                step();
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
