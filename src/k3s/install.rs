//! The first boot: a script that downloads k3s, and the unit that runs it until it succeeded once.
//!
//! The script is the same on every card; what differs stands in a file of settings beside it. The unit has `Type=exec`,
//! because multi-user.target would wait for a oneshot, and with it every login, until the download is through; and
//! `StartLimitIntervalSec=0`, because a card that was switched on before the router has to go on trying.

use super::{FIRST_START, K3sError, Target, service};
use crate::first_start::Script;
use crate::patch::Draft;
use crate::systemd;
use crate::types::absent::OrEmpty as _;
use crate::types::{Architecture, Digest};

const UNIT: &str = "cardwright-install-k3s.service";

/// Writes the script and the unit that runs it. `/VERSION/k3s-arm64` is appended to `base_url`; `sha256` is the digest of
/// the program, where that is pinned.
pub(super) fn write(
    draft: &mut Draft<'_>,
    target: &Target<'_>,
    base_url: &str,
    sha256: Option<Digest>,
) -> Result<(), K3sError> {
    let settings = settings(target, base_url, sha256)?;
    let parts = [FIRST_START, include_str!("install-k3s.sh")];
    let script = Script { name: "install-k3s", parts: &parts, settings: &settings };
    script.write(draft, target.host.boot_mount)?;
    Ok(systemd::install(draft, UNIT, include_str!("cardwright-install-k3s.service"))?)
}

fn settings(
    target: &Target<'_>,
    base_url: &str,
    sha256: Option<Digest>,
) -> Result<[(&'static str, String); 7], K3sError> {
    let architecture = target.host.architecture;
    // Without a pin the digest comes from the same place as the program, which is worth as much as the
    // connection is.
    if sha256.is_none() && !base_url.starts_with("https://") {
        return Err(K3sError::UntrustedDownload { base_url: base_url.to_owned(), architecture });
    }
    let checksums = match architecture {
        Architecture::Arm64 => "sha256sum-arm64.txt",
        Architecture::Armhf => "sha256sum-arm.txt",
    };
    let version = &target.k3s.version;
    Ok([
        ("version", version.to_string()),
        ("release", version.address_below(base_url.trim_end_matches('/'))),
        ("binary", format!("k3s-{architecture}")),
        ("checksums", checksums.to_owned()),
        ("sha256", sha256.map(|digest| digest.to_string()).or_empty()),
        ("service", format!("{}.service", service::name(target.own.role))),
        ("role", target.own.role.to_string()),
    ])
}

/// The drop-in of k3s's unit. Before the program is there, the unit is skipped quietly instead of failing every five
/// seconds. The script leaves the second file behind as the last thing it does, for whoever moves the program elsewhere.
pub(super) const DROP_IN: &str = "\
# Written by cardwright: nothing to run before cardwright-install-k3s.service is done.
[Unit]
ConditionPathExists=|/usr/local/bin/k3s
ConditionPathExists=|/var/lib/cardwright/k3s-installed
";
