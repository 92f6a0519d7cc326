//! A time server, for cards whose clock is wrong: a Raspberry Pi before the 5 has none that runs on.

use crate::boot::cluster::Family;
use crate::boot::service::Service;
use std::net::UdpSocket;
use std::time::{SystemTime, UNIX_EPOCH};

/// From the epoch of NTP, 1900, to that of Unix, 1970, in seconds (RFC 5905, section 6).
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// Answers everybody on the wire who asks what time it is, until the result is dropped.
pub(crate) fn start_time_server() -> Service {
    start_time_server_at(Family::V4)
}

/// As [`start_time_server`], by this side's address of that family.
pub(crate) fn start_time_server_at(family: Family) -> Service {
    Service::datagrams(UdpSocket::bind((family.gateway(), 123)).unwrap(), |socket, question, from| {
        let Some(sent) = question.get(40..48) else { return };
        let mut answer = [0; 48];
        answer[0] = 0b00_100_100; // no leap second, version 4, a server
        answer[1] = 1; // as good as it gets
        answer[2] = 6; // asked every 64 s
        answer[3] = 0xec; // to a microsecond
        answer[12..16].copy_from_slice(b"TEST");
        answer[24..32].copy_from_slice(sent);
        for stamp in [16, 32, 40] {
            answer[stamp..stamp + 8].copy_from_slice(&now());
        }
        // An answer that gets lost is asked for again.
        let _ = socket.send_to(&answer, from);
    })
}

/// The time as NTP writes it: seconds, and a fraction of 32 bits.
fn now() -> [u8; 8] {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seconds = (now.as_secs() + NTP_TO_UNIX) << 32;
    let fraction = (u64::from(now.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds | fraction).to_be_bytes()
}
