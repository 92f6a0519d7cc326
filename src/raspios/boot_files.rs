//! config.txt and cmdline.txt on the boot partition: what the firmware reads, and what it hands to the
//! kernel. From bookworm on, the files of these names in /boot of the root partition are only signposts.

use super::RaspiosError;
use super::text::{line_end, split_at_block, with_block};
use crate::cluster::PageSize;
use crate::patch::{Draft, Partition};
use crate::types::absent::OrEmpty as _;
use crate::types::{Mode, Owner, image_path};

/// The section of config.txt that every Raspberry Pi reads.
const EVERY_MODEL: &str = "[all]";

/// Adds lines to config.txt, for every model of Raspberry Pi. Lines that cardwright added before are not
/// added again.
///
/// # Errors
/// When the stock image cannot be read, or the file is not text.
pub fn add_config_lines(draft: &mut Draft<'_>, lines: &[impl AsRef<str>]) -> Result<(), RaspiosError> {
    if lines.is_empty() {
        return Ok(());
    }
    let path = image_path!("/config.txt");
    let before = draft.read_text(Partition::Boot, &path)?.or_empty();
    let wanted: Vec<&str> = lines.iter().map(AsRef::as_ref).collect();
    let after = with_config_lines(&before, &wanted);
    if after != before {
        draft.file(Partition::Boot, &path, after, Mode::EXECUTABLE, Owner::ROOT)?;
    }
    Ok(())
}

/// Lets a Raspberry Pi 5 start the kernel of the other 64-bit models, whose pages have 4 KiB: some programs in
/// containers do not run with the 16 KiB of its own (config.txt documentation, `kernel`; k3s#7364).
///
/// # Errors
/// As [`add_config_lines`].
pub fn set_page_size(draft: &mut Draft<'_>, page_size: PageSize) -> Result<(), RaspiosError> {
    match page_size {
        PageSize::Stock => Ok(()),
        // Only there: older models may run a 32-bit system, which this kernel would not start.
        PageSize::FourKib => add_config_lines(draft, &["[pi5]", "kernel=kernel8.img", EVERY_MODEL]),
    }
}

fn with_config_lines(text: &str, wanted: &[&str]) -> String {
    let (before, inside) = match split_at_block(text) {
        Some((before, inside, _)) => (before, inside),
        None => (text, ""),
    };
    let mut block: Vec<String> = inside.lines().map(str::to_owned).collect();
    if block.windows(wanted.len()).any(|known| known == wanted) {
        return text.to_owned();
    }
    if !ends_in_every_model(before.lines().chain(inside.lines())) {
        block.push(EVERY_MODEL.to_owned());
    }
    block.extend(wanted.iter().map(|line| (*line).to_owned()));
    with_block(text, &block)
}

/// Returns `true` if what follows these lines holds for every model: conditional sections end only with the next
/// section (config.txt documentation, "Conditional filters").
fn ends_in_every_model<'text>(lines: impl Iterator<Item = &'text str>) -> bool {
    let sections = lines.map(str::trim).filter(|line| line.starts_with('[') && line.ends_with(']'));
    sections.last().is_none_or(|section| section.eq_ignore_ascii_case(EVERY_MODEL))
}

/// Adds words to the one line of cmdline.txt, each unless it is there already.
///
/// They go to the end: what comes later wins over what the firmware itself puts first, and the word that
/// starts the first boot has to keep a space before it.
///
/// # Errors
/// When cmdline.txt is missing or is not one line of words, or when a word would get in the way of the
/// first boot.
pub fn add_cmdline_words(draft: &mut Draft<'_>, words: &[impl AsRef<str>]) -> Result<(), RaspiosError> {
    if words.is_empty() {
        return Ok(());
    }
    let path = image_path!("/cmdline.txt");
    let Some(text) = draft.read_text(Partition::Boot, &path)? else {
        return Err(RaspiosError::MissingFile { partition: Partition::Boot, path });
    };
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    let changed = with_words(&text, &words)?;
    Ok(draft.edit_text(Partition::Boot, &path, |_| changed)?)
}

/// Sets the value of a word in cmdline.txt, in the place of the one it has, or at the end.
///
/// # Errors
/// As [`add_cmdline_words`].
pub(super) fn set_cmdline_word(draft: &mut Draft<'_>, key: &str, value: &str) -> Result<(), RaspiosError> {
    let (path, word) = (image_path!("/cmdline.txt"), format!("{key}={value}"));
    draft.edit_text(Partition::Boot, &path, |text| {
        let changed = |part: &str| {
            let old = part.trim_end();
            match old.strip_prefix(key) {
                // A line end may stand behind the last word.
                Some(rest) if rest.starts_with('=') => part.replacen(old, &word, 1),
                _ => part.to_owned(),
            }
        };
        text.split(' ').map(changed).collect::<Vec<_>>().join(" ")
    })?;
    add_cmdline_words(draft, &[word])
}

fn with_words(text: &str, words: &[&str]) -> Result<String, RaspiosError> {
    let line = text.trim_end();
    if line.trim_start().is_empty() {
        return Err(RaspiosError::Cmdline { found: "is empty" });
    }
    if line.contains(['\n', '\r']) {
        return Err(RaspiosError::Cmdline { found: "has more than one line" });
    }
    let mut changed = line.to_owned();
    for word in words {
        check_word(word)?;
        if !changed.split_ascii_whitespace().any(|known| known == *word) {
            changed.push(' ');
            changed.push_str(word);
        }
    }
    if changed == line {
        return Ok(text.to_owned());
    }
    let end = if text.ends_with('\n') { line_end(text) } else { "" };
    Ok(format!("{changed}{end}"))
}

fn check_word(word: &str) -> Result<(), RaspiosError> {
    let refused = |reason| Err(RaspiosError::CmdlineWord { word: word.to_owned(), reason });
    if word.is_empty() || word.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return refused("a word has no space in it and is not empty");
    }
    // trixie's initramfs takes its own word out with `s| resize||g`, and takes the beginning of this one
    // along. On the other releases the word means nothing.
    if word.starts_with("resize") {
        return refused("the first boot takes words that begin with `resize` apart");
    }
    // The last `init=` wins, and the first boot of bullseye and bookworm is one.
    if word.starts_with("init=") {
        return refused("it would take the place of the first boot");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raspios::test_stock::{applied, bookworm, patch, paths, put_boot, text, trixie};

    const WORDS: [&str; 2] = ["cgroup_memory=1", "cgroup_enable=memory"];

    #[test]
    fn words_are_added_to_the_one_line_once_and_the_first_boot_stays() {
        for (stock, end) in [
            (trixie(), "rootwait resize cgroup_memory=1 cgroup_enable=memory\n"),
            (
                bookworm(),
                "quiet init=/usr/lib/raspberrypi-sys-mods/firstboot cgroup_memory=1 cgroup_enable=memory\n",
            ),
        ] {
            let once = patch(&stock, |draft| add_cmdline_words(draft, &WORDS).unwrap());
            let line = text(&once, "/cmdline.txt");
            assert!(line.ends_with(end), "{line}");
            assert_eq!(line.lines().count(), 1);
            let again = patch(&applied(stock, &once), |draft| add_cmdline_words(draft, &WORDS).unwrap());
            assert_eq!(paths(&again), <[&str; 0]>::default());
        }
    }

    #[test]
    fn another_kernel_is_for_the_pi_5_alone() {
        let stock = trixie();
        let once = patch(&stock, |draft| {
            set_page_size(draft, PageSize::FourKib).unwrap();
            add_config_lines(draft, &["dtparam=audio=off"]).unwrap();
        });
        let config = text(&once, "/config.txt");
        assert!(config.contains("\n[pi5]\nkernel=kernel8.img\n[all]\ndtparam=audio=off\n"), "{config}");
        let nothing = patch(&stock, |draft| set_page_size(draft, PageSize::Stock).unwrap());
        assert_eq!(paths(&nothing), <[&str; 0]>::default());
        let again = patch(&applied(stock, &once), |draft| set_page_size(draft, PageSize::FourKib).unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn two_concerns_share_the_line() {
        let stock = trixie();
        let patch = patch(&stock, |draft| {
            add_cmdline_words(draft, &["one=1", "rootwait"]).unwrap();
            add_cmdline_words(draft, &["one=1", "two"]).unwrap();
        });
        assert!(text(&patch, "/cmdline.txt").ends_with(" resize one=1 two\n"));
    }

    #[test]
    fn the_end_of_the_line_stays_what_it_was() {
        assert_eq!(with_words("a", &["b"]).unwrap(), "a b");
        assert_eq!(with_words("a\n", &["b"]).unwrap(), "a b\n");
        assert_eq!(with_words("a \r\n", &["b"]).unwrap(), "a b\r\n");
        assert_eq!(with_words("a b \n", &["b"]).unwrap(), "a b \n");
    }

    #[test]
    fn a_command_line_of_another_shape_is_refused() {
        for (wrong, found) in [("", "is empty"), (" \n\n", "is empty"), ("a\nb\n", "has more than one line")]
        {
            let error = with_words(wrong, &["x"]).unwrap_err();
            assert_eq!(error.to_string(), format!("cmdline.txt of the stock image {found}"));
        }
    }

    #[test]
    fn words_that_would_spoil_the_first_boot_are_refused() {
        for wrong in ["", "a b", "a\nb", "resize", "resize_me=1", "init=/bin/sh"] {
            assert!(
                matches!(with_words("a\n", &[wrong]), Err(RaspiosError::CmdlineWord { .. })),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn lines_are_added_for_every_model() {
        let stock = trixie();
        let once = patch(&stock, |draft| add_config_lines(draft, &["arm_freq=1500"]).unwrap());
        assert_eq!(
            text(&once, "/config.txt"),
            "dtparam=audio=on\n\n[cm4]\notg_mode=1\n\n[all]\n\
             # cardwright: begin\narm_freq=1500\n# cardwright: end\n"
        );
        let again =
            patch(&applied(stock, &once), |draft| add_config_lines(draft, &["arm_freq=1500"]).unwrap());
        assert_eq!(paths(&again), <[&str; 0]>::default());
    }

    #[test]
    fn a_section_of_one_model_ends_before_what_is_for_all() {
        assert_eq!(
            with_config_lines("[pi4]\r\na=1", &["b=2"]),
            "[pi4]\r\na=1\r\n# cardwright: begin\r\n[all]\r\nb=2\r\n# cardwright: end\r\n"
        );
        let once = with_config_lines("a=1\n", &["[pi5]", "b=2"]);
        assert_eq!(
            with_config_lines(&once, &["c=3"]),
            "a=1\n# cardwright: begin\n[pi5]\nb=2\n[all]\nc=3\n# cardwright: end\n"
        );
    }

    #[test]
    fn an_image_without_config_gets_one() {
        let stock = put_boot(crate::patch::MemoryStock::new(), "/cmdline.txt", "a\n");
        let patch = patch(&stock, |draft| add_config_lines(draft, &["a=1"]).unwrap());
        assert_eq!(text(&patch, "/config.txt"), "# cardwright: begin\na=1\n# cardwright: end\n");
    }
}
