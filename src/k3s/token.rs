//! The token that a node shows to be let into the cluster.
//!
//! In its full form a token also says whom to trust: `K10`, the SHA-256 of the bytes of server-ca.crt, two
//! colons, whom the password is for, a colon, the password (k3s, pkg/clientaccess). A node that joins with
//! it talks to nobody else than to the servers of its own cluster.

use super::{K3sError, Target};
use crate::cluster::Role;
use crate::identity::Authority;
use crate::types::Digest;
use zeroize::Zeroizing;

/// Returns the token with which a node joins as a server or agent. An agent's lets nobody in as a server.
pub(super) fn to_join(target: &Target<'_>) -> Result<Zeroizing<String>, K3sError> {
    let Target { k3s, own, secret, .. } = *target;
    let authority = secret.authority(Authority::Server, k3s.access.ca_start_year.authorities_end())?;
    let digest = Digest::of(authority.certificate.as_bytes());
    let (name, password) = match own.role {
        Role::Server => ("server", secret.server_token()),
        Role::Agent => ("node", secret.agent_token()),
    };
    Ok(Zeroizing::new(format!("K10{digest}::{name}:{}", *password)))
}
