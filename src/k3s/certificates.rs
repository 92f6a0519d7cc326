//! /var/lib/rancher/k3s/server/tls (or where `data-dir` has it): the certificate authorities, on the card of the
//! first server and on no other.
//!
//! k3s keeps each pair that it finds there at its first start and makes those that are missing (docs.k3s.io,
//! "certificate", and pkg/daemons/control/deps). Servers that join get them from the first one. The keys
//! with which k3s signs in their names, it makes itself; client-admin.crt least of all may be there already
//! (k3s#6637).

use super::{K3sError, Target};
use crate::identity::Authority;
use crate::patch::{Draft, Partition};
use crate::types::{ImagePath, Mode, Owner};

pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), K3sError> {
    let ca_start_year = target.k3s.access.ca_start_year;
    let end = ca_start_year.authorities_end();
    if draft.time() >= end {
        return Err(K3sError::Expired { node: target.node.name.to_string(), ca_start_year });
    }
    let server = format!("{}/server", target.own.data_dir());
    let tls = format!("{server}/tls");
    for folder in [&server, &tls, &format!("{tls}/etcd")] {
        draft.directory(Partition::Root, &ImagePath::new(folder)?, Mode::PRIVATE_DIRECTORY, Owner::ROOT)?;
    }
    for authority in Authority::ALL {
        let pair = target.secret.authority(authority, end)?;
        let path = |kind: &str| ImagePath::new(format!("{tls}/{}.{kind}", file_name(authority)));
        draft.text(&path("crt")?, pair.certificate)?;
        draft.secret(&path("key")?, pair.private_key.as_str())?;
    }
    Ok(())
}

/// Returns the name that k3s gives to the files of an authority.
fn file_name(authority: Authority) -> &'static str {
    match authority {
        Authority::Server => "server-ca",
        Authority::Client => "client-ca",
        Authority::RequestHeader => "request-header-ca",
        Authority::EtcdServer => "etcd/server-ca",
        Authority::EtcdPeer => "etcd/peer-ca",
    }
}
