//! Values that whoever reads them on a card, or beside it, would take for more than one value.

use crate::nodes_yaml::{NORTH, TOP, edited, parse};

/// A text in JSON, which is YAML too and can hold every character.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

#[test]
fn what_would_be_another_line_or_value_to_its_reader_is_refused() {
    let top = |settings: &str| edited(&[(TOP, &format!("{TOP}\n{settings}"))]);
    for control in ["\n", "\r", "\u{1b}", "\u{7f}", "\u{85}", "\u{9b}", "\u{2028}", "\u{202e}"] {
        let with = |text: &str| quoted(&text.replace('?', control));
        for settings in [
            // /etc/passwd.
            format!("user: {{shell: {}}}", with("/bin/ba?sh")),
            format!("user: {{name: {}}}", with("ann?")),
            // authorized_keys.
            format!(
                "user: {{ssh_authorized_keys: [{}]}}",
                quoted(&format!("{} x{control}y", crate::nodes_yaml::KEY))
            ),
            // Files of this machine, and what ssh_config says of them.
            format!("output: {{dir: {}}}", with("a?b")),
            format!("user: {{ssh_authorized_keys: [{}]}}", with("a?b.pub")),
            format!("files: [{{path: /a, source: {}}}]", with("a?b")),
            // Paths on the card.
            format!("files: [{{path: {}, content: a}}]", with("/a?b")),
            format!("files: [{{path: {}, content: a, partition: boot}}]", with("/a?b")),
            // config.txt and cmdline.txt, locale, time zone.
            format!("boot: {{config: [{}]}}", with("a=1?b=2")),
            format!("boot: {{cmdline: [{}]}}", with("a?b")),
            format!("locale: {}", with("de_DE.UTF-8?")),
            format!("timezone: {}", with("Etc/UTC?")),
        ] {
            let text = top(&settings);
            assert!(parse(&text).is_err(), "{settings}");
        }
        // A keyfile, dhcpcd.conf.
        for network in [
            format!("interface: {}", with("eth?0")),
            format!("dns: [{}]", with("1.1.1.1?")),
            format!("search: [{}]", with("lan?")),
        ] {
            let text = edited(&[("{prefix: 24", &format!("{{{network}, prefix: 24"))]);
            assert!(parse(&text).is_err(), "{network}");
        }
        let text = edited(&[(NORTH, &NORTH.replacen("north", &with("north?"), 1))]);
        assert!(parse(&text).is_err(), "{text}");
        let text = edited(&[("image: demo", &format!("image: {}", with("a?b")))]);
        assert!(parse(&text).is_err(), "{text}");
    }
}

#[test]
fn what_only_its_reader_takes_apart_is_refused() {
    for (from, to) in [
        // A backslash is an escape in a keyfile; NetworkManager passes over hidden files.
        ("{prefix: 24", "{interface: 'eth\\n0', prefix: 24"),
        ("{prefix: 24", "{interface: .eth0, prefix: 24"),
        ("{prefix: 24", "{interface: all, prefix: 24"),
        // The kernel reads on to the next quote, and hands to init what follows two dashes.
        (TOP, "image: demo\nboot: {cmdline: ['a=\"b']}"),
        (TOP, "image: demo\nboot: {cmdline: ['--']}"),
        // It would end cardwright's own lines of config.txt.
        (TOP, "image: demo\nboot: {config: ['# cardwright: end']}"),
    ] {
        let text = edited(&[(from, to)]);
        assert!(parse(&text).is_err(), "{to}");
    }
    let text = edited(&[(TOP, "image: demo\nboot: {cmdline: ['a=\"b\"', 'c'], config: ['# mine', 'a=b']}")]);
    assert!(parse(&text).is_ok());
}
