//! Multicast DNS, asked by somebody who does not take part in it (RFC 6762, section 5.1).

use crate::boot::wire::GATEWAY;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

/// The address of `NAME.local`, where a machine on the wire answers to it.
pub(crate) fn resolve(name: &str) -> Option<Ipv4Addr> {
    // A group is joined by an address that has a route; the wire is the only one here.
    let socket = UdpSocket::bind((GATEWAY, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    // One question (RFC 1035, section 4), for an address of the Internet.
    let mut question = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in [name, "local"] {
        question.push(u8::try_from(label.len()).unwrap());
        question.extend(label.bytes());
    }
    question.extend([0, 0, 1, 0, 1]);
    socket.send_to(&question, "224.0.0.251:5353").ok()?;
    let mut answer = [0; 1500];
    let (length, _) = socket.recv_from(&mut answer).ok()?;
    // The address is the end of the one record that answers.
    let answered = u16::from_be_bytes([answer[6], answer[7]]) == 1;
    let end: [u8; 4] = answer[..length].last_chunk().copied()?;
    answered.then(|| end.into())
}
