//! The clock before there is a network: no Raspberry Pi before the 5 has one that runs on without power.

use super::RaspiosError;
use crate::cluster::TimeServer;
use crate::patch::{Draft, Partition};
use crate::systemd;
use crate::types::absent::OrEmpty as _;
use crate::types::{Mode, Owner, image_path};

const TIMESYNC_UNIT: &str = "systemd-timesyncd.service";

/// The time of the file `clock` in here, not its content, is what systemd-timesyncd takes the clock
/// forward to when it starts (systemd-timesyncd.service(8)).
const TIMESYNC_FOLDER: &str = "/var/lib/systemd/timesync";

/// A file that timesyncd reads beside its own configuration (timesyncd.conf(5)). All releases have timesyncd
/// (pi-gen, stage1/03-install-packages).
const TIME_SERVERS: &str = "/etc/systemd/timesyncd.conf.d/90-cardwright.conf";

/// Its content is what fake-hwclock takes the clock forward to: bullseye and bookworm.
const FAKE_CLOCK: &str = "/etc/fake-hwclock.data";

/// Sees to it that the clock starts no earlier than the time of the patch, rather than in 1970, where no
/// certificate is valid.
///
/// # Errors
/// When the stock image cannot be read.
pub fn set_clock_floor(draft: &mut Draft<'_>) -> Result<(), RaspiosError> {
    let time = draft.time();
    if systemd::find(draft, TIMESYNC_UNIT)?.is_some()
        && let Some(owner) = timesync_user(draft)?
    {
        tracing::debug!("timesyncd runs as {owner} and gets a clock file");
        let folder = image_path!(TIMESYNC_FOLDER);
        draft.directory(Partition::Root, &folder, Mode::EXECUTABLE, owner)?;
        draft.file(Partition::Root, &folder.join("clock")?, "", Mode::FILE, owner)?;
    }
    // A later time of the stock image's own is better than ours; as they are written, the later is the
    // greater text.
    let floor = time.utc().strftime("%F %T").to_string();
    draft.edit_text(Partition::Root, &image_path!(FAKE_CLOCK), |known| {
        if known.trim_end() >= floor.as_str() { known.to_owned() } else { format!("{floor}\n") }
    })?;
    Ok(())
}

/// Has timesyncd ask these servers for the time, and no others; with none, those of the stock image.
///
/// # Errors
/// Fails when the image has no timesyncd.
pub fn set_time_servers(draft: &mut Draft<'_>, servers: &[TimeServer]) -> Result<(), RaspiosError> {
    if servers.is_empty() {
        return Ok(());
    }
    systemd::require(draft, TIMESYNC_UNIT)?;
    let names: Vec<_> = servers.iter().map(TimeServer::as_str).collect();
    let text =
        format!("# Written by cardwright, as nodes.yaml says `ntp:`.\n[Time]\nNTP={}\n", names.join(" "));
    Ok(draft.text(&image_path!(TIME_SERVERS), text)?)
}

/// Finds the user that timesyncd runs as. Without one it does not start, and there is nothing to prepare.
fn timesync_user(draft: &Draft<'_>) -> Result<Option<Owner>, RaspiosError> {
    let passwd = draft.read_text(Partition::Root, &image_path!("/etc/passwd"))?.or_empty();
    let mut lines = passwd.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = lines.find(|fields| fields.first() == Some(&"systemd-timesync"));
    let number = |field: Option<&&str>| field.and_then(|text| text.parse().ok());
    Ok(found.and_then(|fields| Some(Owner { uid: number(fields.get(2))?, gid: number(fields.get(3))? })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patch::{MemoryStock, Sensitivity};
    use crate::raspios::test_stock::{
        applied, attributes, bookworm, bullseye, patch, paths, put, text, trixie,
    };
    use crate::types::UnixTime;

    const CLOCK: &str = "/var/lib/systemd/timesync/clock";

    fn set(draft: &mut Draft<'_>) {
        set_clock_floor(draft).unwrap();
    }

    #[test]
    fn timesyncd_finds_a_file_of_its_own_with_the_time() {
        let stock = trixie();
        let once = patch(&stock, set);
        assert_eq!(paths(&once), [TIMESYNC_FOLDER, CLOCK]);
        let owner = Owner { uid: 991, gid: 991 };
        assert_eq!(attributes(&once, TIMESYNC_FOLDER), (0o755, owner, Sensitivity::Plain));
        assert_eq!(attributes(&once, CLOCK), (0o644, owner, Sensitivity::Plain));
        assert_eq!(text(&once, CLOCK), "");
        assert_eq!(paths(&patch(&applied(stock, &once), set)), <[&str; 0]>::default());
    }

    #[test]
    fn without_the_user_there_is_no_timesyncd() {
        let stock = put(trixie(), "/etc/passwd", "root:x:0:0::/root:/bin/bash\n");
        assert_eq!(paths(&patch(&stock, set)), <[&str; 0]>::default());
    }

    #[test]
    fn time_servers_are_timesyncds_on_every_release() {
        let servers = ["192.168.50.1", "time.lan"].map(|name| TimeServer::new(name).unwrap());
        for stock in [bullseye(), bookworm(), trixie()] {
            let set = |draft: &mut Draft<'_>| set_time_servers(draft, &servers).unwrap();
            let once = patch(&stock, set);
            let expected =
                "# Written by cardwright, as nodes.yaml says `ntp:`.\n[Time]\nNTP=192.168.50.1 time.lan\n";
            assert_eq!(text(&once, TIME_SERVERS), expected);
            assert_eq!(attributes(&once, TIME_SERVERS), (0o644, Owner::ROOT, Sensitivity::Plain));
            assert_eq!(paths(&patch(&applied(stock, &once), set)), <[&str; 0]>::default());
        }
        assert_eq!(
            paths(&patch(&trixie(), |draft| set_time_servers(draft, &[]).unwrap())),
            <[&str; 0]>::default()
        );
    }

    #[test]
    fn time_servers_that_nobody_would_ask_are_an_error() {
        let stock = MemoryStock::new();
        let mut draft = Draft::new(&stock, UnixTime::new(1));
        let error = set_time_servers(&mut draft, &[TimeServer::new("time.lan").unwrap()]).unwrap_err();
        assert!(matches!(error, RaspiosError::Unit(systemd::UnitError::Missing { .. })), "{error}");
    }

    #[test]
    fn the_fake_clock_only_moves_forward() {
        let made = patch(&bookworm(), set);
        assert_eq!(text(&made, FAKE_CLOCK), "2026-10-06 00:00:00\n");
        let later = put(bookworm(), FAKE_CLOCK, "2027-01-01 00:00:00\n");
        assert!(!paths(&patch(&later, set)).contains(&FAKE_CLOCK));
        assert!(!paths(&patch(&trixie(), set)).contains(&FAKE_CLOCK));
    }
}
