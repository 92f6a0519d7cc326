//! The first boot: a script that downloads k3s, and the unit that runs it until it succeeded once.
//!
//! The script is the same on every card; what differs stands in a file of settings beside it.

use super::{FIRST_START, Host, K3sError, service};
use crate::cluster::{K3s, Role};
use crate::first_start::Script;
use crate::patch::Draft;
use crate::systemd;
use crate::types::Digest;
use crate::types::absent::OrEmpty as _;

/// The file that the script leaves behind as the last thing it does.
const MARKER: &str = "/var/lib/cardwright/k3s-installed";

const UNIT: &str = "cardwright-install-k3s.service";

/// The address that k3s is downloaded from.
pub(super) struct DownloadSource<'a> {
    /// The address that `/VERSION/k3s-arm64` is appended to.
    pub(super) base_url: &'a str,
    /// The digest of the program, where that is pinned.
    pub(super) sha256: Option<Digest>,
}

pub(super) fn write(
    draft: &mut Draft<'_>,
    k3s: &K3s,
    source: &DownloadSource<'_>,
    role: Role,
    host: &Host<'_>,
) -> Result<(), K3sError> {
    let settings = settings(k3s, source, role, host)?;
    let parts = [FIRST_START, include_str!("install-k3s.sh")];
    let script = Script { name: "install-k3s", parts: &parts, settings: &settings };
    script.write(draft, host.boot_mount)?;
    Ok(systemd::install(draft, UNIT, unit())?)
}

fn settings(
    k3s: &K3s,
    source: &DownloadSource<'_>,
    role: Role,
    host: &Host<'_>,
) -> Result<[(&'static str, String); 7], K3sError> {
    let DownloadSource { base_url, sha256 } = *source;
    let binary = host.binary.file_name();
    // Without a pin the digest comes from the same place as the program, which is worth as much as the
    // connection is.
    if sha256.is_none() && !base_url.starts_with("https://") {
        return Err(K3sError::UntrustedDownload { base_url: base_url.to_owned(), binary });
    }
    // `+` would be a space to some servers.
    let version = k3s.version.as_str();
    let release = format!("{}/{}", base_url.trim_end_matches('/'), version.replace('+', "%2B"));
    Ok([
        ("version", version.to_owned()),
        ("release", release),
        ("binary", binary.to_owned()),
        ("checksums", host.binary.checksums_name().to_owned()),
        ("sha256", sha256.map(|digest| digest.to_string()).or_empty()),
        ("service", format!("{}.service", service::name(role))),
        ("role", role.to_string()),
    ])
}

/// Returns the unit. `Type=exec`, because multi-user.target would wait for a oneshot, and with it every login, until
/// the download is through. `StartLimitIntervalSec=0`, because a card that was switched on before the router has to
/// go on trying.
fn unit() -> String {
    format!(
        "\
[Unit]
Description=Install k3s at the first boot
Wants=network-online.target
After=network-online.target rpi-resize.service
ConditionPathExists=!{MARKER}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=/usr/local/lib/cardwright/install-k3s
RemainAfterExit=yes
Restart=on-failure
RestartSec=15s

[Install]
WantedBy=multi-user.target
"
    )
}

/// Returns the drop-in of k3s's unit. Before the program is there, the unit is skipped quietly instead of failing
/// every five seconds. The marker stands beside the program for whoever moves it elsewhere later.
pub(super) fn drop_in() -> String {
    format!(
        "\
# Written by cardwright: nothing to run before cardwright-install-k3s.service is done.
[Unit]
ConditionPathExists=|{}
ConditionPathExists=|{MARKER}
",
        service::PROGRAM
    )
}
