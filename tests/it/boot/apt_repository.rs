//! A repository of Debian packages on this side of the wire: signed, and as new as the test.

use crate::boot::command::run;
use crate::boot::wire::GATEWAY;
use crate::support::release_server::{ReleaseServer, Reply};
use cardwright::types::Digest;
use std::fs;
use std::path::Path;
use std::process::Command;

const PORT: u16 = 8081;

/// The one package there is a record of.
pub(crate) const PACKAGE: &str = "wire-test";

const PACKAGES: &str = "\
Package: wire-test
Version: 1.0
Architecture: all
Maintainer: Nobody <nobody@example.org>
Filename: ./wire-test_1.0_all.deb
Size: 1
SHA256: 0000000000000000000000000000000000000000000000000000000000000000
Description: what apt-get update finds

";

/// The repository. It answers until it is dropped.
pub(crate) struct AptRepository {
    _server: ReleaseServer,
    /// The public key that its release is signed with, as apt's `signed-by` takes it.
    pub(crate) key: Vec<u8>,
}

impl AptRepository {
    /// Signs a release that is dated now, and serves it.
    pub(crate) fn serve() -> Self {
        // Not in the folder of the test: the path of gpg-agent's socket may have 107 bytes.
        let home = tempfile::tempdir().unwrap();
        let gpg = |arguments: &[&str]| {
            let mut gpg = Command::new("gpg");
            gpg.arg("--homedir").arg(home.path()).args(["--batch", "--quiet", "--yes"]).args(arguments);
            run(&mut gpg)
        };
        // The key is older than any clock of a card: it is the release that comes from the future.
        let key = ["--passphrase", "", "--quick-generate-key", "wire", "ed25519", "sign", "never"];
        gpg(&[&["--faked-system-time", "20200101T000000"], &key[..]].concat());
        let release = home.path().join("Release");
        fs::write(&release, release_file()).unwrap();
        let signed = gpg(&["--output", "-", "--clearsign", path_text(&release)]);
        let key = gpg(&["--armor", "--export"]).into_bytes();
        run(Command::new("gpgconf").arg("--homedir").arg(home.path()).args(["--kill", "all"]));

        let answer = move |_: usize, request: &crate::support::release_server::Request| match request
            .path
            .rsplit('/')
            .next()
        {
            Some("InRelease") => Reply::Whole(signed.clone().into_bytes()),
            Some("Packages") => Reply::Whole(PACKAGES.into()),
            _ => Reply::Missing,
        };
        Self { _server: ReleaseServer::start_at(&format!("{GATEWAY}:{PORT}"), answer), key }
    }

    /// The line of sources.list that names it, with its key in that file of the card.
    pub(crate) fn source(key: &str) -> String {
        format!("deb [signed-by={key}] http://{GATEWAY}:{PORT} ./")
    }
}

/// A release of one index, in the format of Debian's wiki page "DebianRepository/Format".
fn release_file() -> String {
    let date = run(Command::new("date").args(["-u", "+%a, %d %b %Y %H:%M:%S UTC"]).env("LC_ALL", "C"));
    let (digest, size) = (Digest::of(PACKAGES.as_bytes()), PACKAGES.len());
    format!(
        "Origin: wire\nSuite: wire\nCodename: wire\nArchitectures: all arm64\nDate: {}\nSHA256:\n {digest} {size} Packages\n",
        date.trim()
    )
}

fn path_text(path: &Path) -> &str {
    path.to_str().expect("a temporary folder has a name in UTF-8")
}
