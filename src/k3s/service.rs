//! The unit that runs k3s, under the name, at the path and with the options that k3s's own installer
//! gives it (k3s-io/k3s, install.sh), so that a later run of the installer writes over it. It has to be told what the
//! card is: without a command it makes a server, also of an agent, and it takes the architecture from the kernel,
//! which has 64 bits under a 32-bit system as well:
//!
//! ```text
//! curl -sfL https://get.k3s.io | INSTALL_K3S_VERSION=v1.36.4+k3s1 INSTALL_K3S_EXEC=agent ARCH=arm sh -
//! ```
//!
//! (`INSTALL_K3S_EXEC=server` on a server; `ARCH=arm` on a 32-bit system alone.)
//!
//! Additions of cardwright's own are in a drop-in beside it, which the installer leaves alone.

use super::K3sError;
use crate::cluster::Role;
use crate::patch::{Draft, Partition};
use crate::systemd::{self, MULTI_USER};
use crate::types::{Mode, Owner};

/// The path at which the installer puts the program.
pub(super) const PROGRAM: &str = "/usr/local/bin/k3s";

/// Returns the name of the unit, without `.service`.
pub(super) fn name(role: Role) -> &'static str {
    match role {
        Role::Server => "k3s",
        Role::Agent => "k3s-agent",
    }
}

/// Writes the unit and enables it. `drop_in` is what cardwright adds to it.
pub(super) fn write(draft: &mut Draft<'_>, role: Role, drop_in: &str) -> Result<(), K3sError> {
    let (unit, role_name) = (format!("{}.service", name(role)), role.to_string());
    let text = include_str!("k3s.service").replace("NAME", name(role)).replace("ROLE", &role_name);
    systemd::write(draft, &unit, text)?;
    // Empty, as the installer leaves it where no K3S_ variable was set. Proxy passwords go into it.
    let environment = systemd::CONFIGURATION.join(&format!("{unit}.env"))?;
    draft.file(Partition::Root, &environment, "", Mode::SECRET, Owner::ROOT)?;
    systemd::write(draft, &format!("{unit}.d/cardwright.conf"), drop_in)?;
    Ok(systemd::enable(draft, &unit, MULTI_USER)?)
}
