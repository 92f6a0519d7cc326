//! Listens for machines that ask for an address instead of having one.

use crate::boot::service::Service;
use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::{Arc, Mutex};

/// Hears every DHCP request on the wire, and answers none.
pub(crate) struct DhcpEar {
    _service: Service,
    heard: Arc<Mutex<BTreeSet<String>>>,
}

impl DhcpEar {
    /// Listens from now on, where a DHCP server would.
    pub(crate) fn open() -> Self {
        let heard = Arc::new(Mutex::new(BTreeSet::new()));
        let of_service = Arc::clone(&heard);
        let service = Service::datagrams(UdpSocket::bind("0.0.0.0:67").unwrap(), move |_, message, _| {
            // The client's hardware address (RFC 2131, section 2).
            let address = message.get(28..34).unwrap_or(message);
            let address: Vec<String> = address.iter().map(|byte| format!("{byte:02x}")).collect();
            of_service.lock().unwrap().insert(address.join(":"));
        });
        Self { _service: service, heard }
    }

    /// The hardware addresses of all who asked.
    pub(crate) fn heard(&self) -> BTreeSet<String> {
        self.heard.lock().unwrap().clone()
    }
}
