//! The second start of a k3s that was first started without the time.
//!
//! On a network without a time server k3s starts after a while with the time of the card's making. Its
//! certificates then count from that day, and may have expired when the time comes at last. Servers renew
//! them when they start, agents only then (k3s#4097). So k3s is started anew once, when timesyncd has
//! the time and the clock moved by more than a day.
//!
//! The path unit waits without asking again and again. The script that lets k3s go on without the time
//! starts it; after the next start of the system, the file that this script left behind does. What it waits for,
//! systemd-timesyncd makes as soon as it has set the clock (systemd-timesyncd.service(8)).

use super::{FIRST_START, K3sError, Target, service};
use crate::first_start::Script;
use crate::patch::Draft;
use crate::systemd::{self, MULTI_USER};

const PATH_UNIT: &str = "cardwright-k3s-time.path";
const SERVICE_UNIT: &str = "cardwright-k3s-time.service";

pub(super) fn write(draft: &mut Draft<'_>, target: &Target<'_>) -> Result<(), K3sError> {
    let service = format!("{}.service", service::name(target.own.role));
    let settings = [("version", target.k3s.version.to_string()), ("service", service)];
    let parts = [FIRST_START, include_str!("k3s-time.sh")];
    Script { name: "k3s-time", parts: &parts, settings: &settings }.write(draft, target.host.boot_mount)?;
    systemd::write(draft, PATH_UNIT, include_str!("cardwright-k3s-time.path"))?;
    systemd::write(draft, SERVICE_UNIT, include_str!("cardwright-k3s-time.service"))?;
    Ok(systemd::enable(draft, PATH_UNIT, MULTI_USER)?)
}
