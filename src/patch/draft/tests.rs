use super::*;
use crate::fs::FileKind;
use crate::patch::{MemoryStock, PatchError, Sensitivity};
use crate::types::{Mode, Owner};

const TIME: UnixTime = UnixTime::new(1_781_740_800);

fn path(text: &str) -> ImagePath {
    ImagePath::new(text).unwrap()
}

fn stock() -> MemoryStock {
    MemoryStock::new()
        .file(Partition::Root, &path("/etc/hostname"), Mode::FILE, Owner::ROOT, "raspberrypi\n")
        .file(Partition::Root, &path("/home/pi/.bashrc"), Mode::FILE, Owner { uid: 1000, gid: 1000 }, "x")
        .symlink(Partition::Root, &path("/etc/mtab"), "/proc/mounts")
        .file(Partition::Root, &path("/usr/lib/os-release"), Mode::FILE, Owner::ROOT, "ID=debian\n")
        .symlink(Partition::Root, &path("/etc/os-release"), "../usr/lib/os-release")
}

#[test]
fn what_is_already_right_makes_no_edit() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    let hostname = path("/etc/hostname");
    draft.file(Partition::Root, &hostname, "raspberrypi\n", Mode::FILE, Owner::ROOT).unwrap();
    draft.symlink(&path("/etc/mtab"), "/proc/mounts").unwrap();
    draft.remove(Partition::Root, &path("/etc/nothing")).unwrap();
    draft.directory(Partition::Root, &path("/etc"), Mode::EXECUTABLE, Owner::ROOT).unwrap();
    assert_eq!(draft.finish().edits, []);
}

#[test]
fn the_right_content_with_the_wrong_mode_is_an_edit() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    draft.file(Partition::Root, &path("/etc/hostname"), "raspberrypi\n", Mode::SECRET, Owner::ROOT).unwrap();
    assert_eq!(draft.finish().edits.len(), 1);
}

#[test]
fn two_concerns_add_their_line_to_one_file() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    let hostname = path("/etc/hostname");
    for line in ["one\n", "two\n"] {
        draft.edit_text(Partition::Root, &hostname, |text| format!("{text}{line}")).unwrap();
    }
    let patch = draft.finish();
    assert_eq!(patch.edits.len(), 1);
    let Action::File { content, .. } = &patch.edits[0].action else { panic!() };
    assert_eq!(content.bytes().unwrap(), b"raspberrypi\none\ntwo\n");
    assert!(patch.edits[0].replaces_stock);
}

#[test]
fn missing_directories_come_before_what_is_in_them() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    draft.secret(&path("/etc/rancher/k3s/config.yaml"), "token: x\n").unwrap();
    let patch = draft.finish();
    let paths: Vec<_> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["/etc/rancher", "/etc/rancher/k3s", "/etc/rancher/k3s/config.yaml"]);
}

#[test]
fn after_a_rename_the_stock_files_are_found_under_the_new_name() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    draft.rename(Partition::Root, &path("/home/pi"), &path("/home/ann")).unwrap();
    assert_eq!(draft.read(Partition::Root, &path("/home/ann/.bashrc")).unwrap().unwrap(), b"x");
    assert!(!draft.exists(Partition::Root, &path("/home/pi")).unwrap());
    draft.edit_text(Partition::Root, &path("/home/ann/.bashrc"), |text| format!("{text}y")).unwrap();
    let patch = draft.finish();
    assert_eq!(patch.edits[1].path, path("/home/ann/.bashrc"));
    assert!(matches!(patch.edits[1].action, Action::File { owner: Owner { uid: 1000, gid: 1000 }, .. }));
}

#[test]
fn a_directory_goes_after_all_that_is_in_it() {
    let stock = stock().symlink(Partition::Root, &path("/home/pi/a/link"), "/etc");
    let mut draft = Draft::new(&stock, TIME);
    draft.remove_all(Partition::Root, &path("/home/pi")).unwrap();
    draft.remove_all(Partition::Root, &path("/etc/mtab")).unwrap();
    draft.remove_all(Partition::Root, &path("/nothing")).unwrap();
    assert!(!draft.exists(Partition::Root, &path("/home/pi/.bashrc")).unwrap());
    let patch = draft.finish();
    assert!(patch.edits.iter().all(|edit| edit.action == Action::Remove && edit.replaces_stock));
    let paths: Vec<_> = patch.edits.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["/home/pi/.bashrc", "/home/pi/a/link", "/home/pi/a", "/home/pi", "/etc/mtab"]);
}

#[test]
fn a_directory_that_goes_stays_where_something_is_put_into_it() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    draft.remove_all(Partition::Root, &path("/home/pi")).unwrap();
    draft.file(Partition::Root, &path("/home/pi/new"), "x", Mode::FILE, Owner::ROOT).unwrap();
    let edits = draft.finish().edits;
    let paths: Vec<_> = edits.iter().map(|edit| edit.path.as_str()).collect();
    assert_eq!(paths, ["/home/pi/.bashrc", "/home/pi", "/home/pi/new"]);
    assert!(matches!(edits[1].action, Action::Directory { .. }));
}

#[test]
fn links_are_followed_for_reading() {
    let stock = stock();
    let draft = Draft::new(&stock, TIME);
    let text = draft.read_text(Partition::Root, &path("/etc/os-release")).unwrap();
    assert_eq!(text.as_deref(), Some("ID=debian\n"));
    let stock = stock.symlink(Partition::Root, &path("/lib"), "usr/lib");
    let draft = Draft::new(&stock, TIME);
    let text = draft.read_text(Partition::Root, &path("/lib/os-release")).unwrap();
    assert_eq!(text.as_deref(), Some("ID=debian\n"));
}

#[test]
fn paths_are_resolved_as_far_as_there_will_be_links() {
    let stock = stock().symlink(Partition::Root, &path("/loop"), "loop");
    let mut draft = Draft::new(&stock, TIME);
    draft.symlink(&path("/var/run"), "/run").unwrap();
    let without = |at: &str| draft.without_links(Partition::Root, &path(at));
    assert_eq!(without("/var/run/nothing/x").unwrap(), path("/run/nothing/x"));
    assert_eq!(without("/etc/os-release").unwrap(), path("/etc/os-release"));
    let behind = draft.behind_links(Partition::Root, &path("/etc/os-release"));
    assert_eq!(behind.unwrap(), path("/usr/lib/os-release"));
    assert!(matches!(without("/loop/x"), Err(PatchError::LinkCircle { .. })));
}

#[test]
fn kinds_and_links_are_those_that_will_be() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    let (mtab, hostname) = (path("/etc/mtab"), path("/etc/hostname"));
    assert_eq!(draft.kind(Partition::Root, &mtab).unwrap(), Some(FileKind::Symlink));
    assert_eq!(draft.read_link(&mtab).unwrap().as_deref(), Some("/proc/mounts"));
    draft.remove(Partition::Root, &mtab).unwrap();
    draft.symlink(&hostname, "name").unwrap();
    assert_eq!(draft.kind(Partition::Root, &mtab).unwrap(), None);
    assert_eq!(draft.read_link(&mtab).unwrap(), None);
    assert_eq!(draft.kind(Partition::Root, &hostname).unwrap(), Some(FileKind::Symlink));
    assert_eq!(draft.read_link(&hostname).unwrap().as_deref(), Some("name"));
}

#[test]
fn a_secret_never_lands_where_others_can_read_it() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    let secret = path("/secret");
    let file = NewFile {
        content: "x".into(),
        mode: Mode::SECRET,
        owner: Owner::ROOT,
        sensitivity: Sensitivity::Secret,
    };
    let on_boot = draft.put_file(Partition::Boot, &secret, file);
    assert!(matches!(on_boot, Err(PatchError::SecretInTheOpen { .. })));
    let sensitivity = Sensitivity::Secret;
    let file = NewFile { content: "x".into(), mode: Mode::FILE, owner: Owner::ROOT, sensitivity };
    let for_all = draft.put_file(Partition::Root, &secret, file);
    assert!(matches!(for_all, Err(PatchError::SecretInTheOpen { .. })));
}

#[test]
fn a_finished_patch_is_continued_with_the_same_checks() {
    let stock = stock();
    let mut draft = Draft::new(&stock, TIME);
    let hostname = path("/etc/hostname");
    draft.file(Partition::Root, &hostname, "north\n", Mode::FILE, Owner::ROOT).unwrap();
    draft.rename(Partition::Root, &path("/home/pi"), &path("/home/ann")).unwrap();
    let planned = draft.finish();

    let mut draft = Draft::continued(planned.clone(), &stock).unwrap();
    draft.edit_text(Partition::Root, &hostname, |text| format!("{text}# own\n")).unwrap();
    let bashrc = path("/home/ann/.bashrc");
    draft.edit_text(Partition::Root, &bashrc, |text| format!("{text}y")).unwrap();
    assert_eq!(draft.read_text(Partition::Root, &hostname).unwrap().unwrap(), "north\n# own\n");
    let below_a_file = path("/etc/hostname/x");
    let error = draft.file(Partition::Root, &below_a_file, "", Mode::FILE, Owner::ROOT).unwrap_err();
    assert!(matches!(error, PatchError::NoDirectory { .. }), "{error}");
    let file = NewFile {
        content: "south\n".into(),
        mode: Mode::FILE,
        owner: Owner::ROOT,
        sensitivity: Sensitivity::Plain,
    };
    let error = draft.extra_file(Partition::Root, &hostname, &hostname, file).unwrap_err();
    assert!(matches!(error, PatchError::Claimed { .. }), "{error}");
    let paths: Vec<_> = draft.finish().edits.into_iter().map(|edit| edit.path).collect();
    assert_eq!(paths, [hostname, path("/home/pi"), bashrc]);
    assert_eq!(Draft::continued(planned.clone(), &stock).unwrap().finish(), planned);
}
