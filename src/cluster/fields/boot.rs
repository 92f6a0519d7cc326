//! `boot:`, lines of config.txt and words of cmdline.txt.

use crate::cluster::PageSize;
use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::table::{added, keys};
use crate::cluster::document::types::{like, list, spanned, token, words};
use crate::cluster::document::value::Spanned;
use crate::types::escape;

keys! {
    level BOOT: "boot", "under `boot:`", "Additions to the boot partition's configuration.";
    draft BootFields => Boot {}, then warn_of_words_that_go;

    key config: Vec<String> = list(like(r"^[^\n]*\S[^\n]*$", token(config_line))), merge added => Vec<String>, else vec![]; {
        help: "Lines for the end of config.txt, of at most 98 bytes.",
        example: "[dtparam=audio=off]",
        here: "config_txt dtparam dtoverlay lines",
    }
    key cmdline: Vec<Spanned<String>> = list(spanned(like(r"^(?!init=|root=|rootfstype=|resize|--$)\S+$", token(cmdline_word)))), merge added => Vec<String>, else vec![]; {
        help: "Words for the one line of cmdline.txt. The first boot of bullseye and bookworm removes `quiet`.",
        example: "[\"usb-storage.quirks=152d:0578:u\"]",
        here: "cmdline_txt append kernel_args kernel_params args",
    }
    key page_size: PageSize = words([("4k", PageSize::FourKib), ("stock", PageSize::Stock)])
        => PageSize, else PageSize::Stock; {
        help: "Pages of memory on a Raspberry Pi 5: 4k for programs that need it, or those of its own kernel.",
        example: "4k",
    }
}

/// The beginning of the lines between which cardwright's own stand in a file of the system.
const OWN_LINES: &str = "# cardwright:";

/// The longest line of config.txt: the firmware ignores what is behind it (raspberrypi.com, "config.txt", File format).
const LONGEST_CONFIG_LINE: usize = 98;

/// A line of config.txt.
fn config_line(text: &str) -> Result<String, Finding> {
    if text.trim().is_empty() {
        return Err(Finding::new(
            "this line is empty",
            "Write a line like `dtparam=audio=off`, or remove the item",
        ));
    }
    if text.contains(escape::is_control) {
        let hint = "Write every line as an item of its own";
        return Err(Finding::new(format!("{} is more than one line", shown(text)), hint));
    }
    if text.len() > LONGEST_CONFIG_LINE {
        let message = format!(
            "{} has {} bytes, and the firmware reads {LONGEST_CONFIG_LINE} of a line",
            shown(text),
            text.len()
        );
        return Err(Finding::new(
            message,
            "Write several lines: one `dtparam=` each instead of many with commas",
        ));
    }
    if text.trim_start().starts_with(OWN_LINES) {
        let message = format!("{} is a line by which cardwright knows its own", shown(text));
        return Err(Finding::new(message, "Write another comment, or remove the item"));
    }
    Ok(text.to_owned())
}

/// The first boot of bullseye and bookworm takes ` quiet` out of cmdline.txt wherever it stands, so that a word it begins
/// is cut as well, unless `splash` is in there too (raspberrypi-sys-mods, `firstboot`).
fn warn_of_words_that_go(boot: &mut BootFields, diagnostics: &Diagnostics) {
    let words = boot.cmdline.items();
    if words.iter().any(|word| word.value.contains("splash")) {
        return;
    }
    for Spanned { value: word, span } in words {
        let Some(rest) = word.strip_prefix("quiet") else { continue };
        let message = if rest.is_empty() {
            "the first boot of bullseye and bookworm removes `quiet`".to_owned()
        } else {
            let (word, rest) = (shown(word), shown(rest));
            format!("the first boot of bullseye and bookworm removes `quiet` from {word}, and leaves {rest}")
        };
        diagnostics.warn(
            span,
            Finding::new(message, "Remove it, or write `loglevel=3`, which stays and does the same"),
        );
    }
}

/// A word of cmdline.txt.
fn cmdline_word(text: &str) -> Result<String, Finding> {
    let refused = |reason: &str, hint: &str| Err(Finding::new(format!("{} {reason}", shown(text)), hint));
    if text.is_empty()
        || text.contains(|character: char| character.is_whitespace() || escape::is_control(character))
    {
        return refused("is not one word", "Write every word as an item of its own");
    }
    // The kernel takes what stands between double quotes for one word, and what comes after `--` for an
    // argument of init (kernel-parameters.rst): words that are added later would be lost.
    if !text.matches('"').count().is_multiple_of(2) || text == "--" {
        return refused("would swallow the words after it", "Close its quotes, or remove it");
    }
    if text.starts_with("init=") || text.starts_with("root=") || text.starts_with("rootfstype=") {
        return refused("would keep the card from starting", "Remove it: the stock image sets it rightly");
    }
    // Raspberry Pi OS trixie removes ` resize` from cmdline.txt at the first start by a plain text
    // replacement, and bookworm looks for `firstboot` in the same way.
    if text.starts_with("resize") || text.contains("firstboot") {
        return refused(
            "is mistaken by the first start of Raspberry Pi OS for a word of its own",
            "Remove it: the stock image lets its root partition grow by itself",
        );
    }
    Ok(text.to_owned())
}
