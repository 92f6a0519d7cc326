//! The options that may stand before a key, as sshd(8) lists them in AUTHORIZED_KEYS FILE FORMAT.
//!
//! sshd skips a line whose options it does not understand, and says so nowhere but in its debug log: nobody
//! gets in, and nobody knows why. So a line is read here as its `sshauthopt_parse` reads it.

use crate::cluster::NotAPublicKey;
use crate::cluster::names::is_word_of;
use crate::types::UnixTime;
use ipnet::IpNet;
use std::net::IpAddr;

/// An option that stands there or not; whether `no-` may stand before it.
const FLAGS: [(&str, bool); 9] = [
    ("agent-forwarding", true),
    ("cert-authority", false),
    ("port-forwarding", true),
    ("pty", true),
    ("restrict", false),
    ("touch-required", true),
    ("user-rc", true),
    ("verify-required", true),
    ("x11-forwarding", true),
];

/// The rule that an option's value follows.
#[derive(Clone, Copy)]
enum OptionRule {
    /// Anything, and only one of it in a line.
    Once,
    /// The end of the time for which the key is good.
    Time,
    /// `NAME=value`
    Variable,
    /// `host:port`; a port alone where that is allowed.
    Address { or_port: bool },
    /// Patterns of hosts, and only one list of them in a line.
    Hosts,
    /// A number of a tun device, or `any`.
    Tunnel,
}

/// An option with a value in double quotes.
const VALUED: [(&str, OptionRule); 8] = [
    ("command", OptionRule::Once),
    ("environment", OptionRule::Variable),
    ("expiry-time", OptionRule::Time),
    ("from", OptionRule::Hosts),
    ("permitlisten", OptionRule::Address { or_port: true }),
    ("permitopen", OptionRule::Address { or_port: false }),
    ("principals", OptionRule::Once),
    ("tunnel", OptionRule::Tunnel),
];

/// Splits a line behind its options, at the first space or tab that is not between quotes.
pub(crate) fn split(line: &str) -> (&str, &str) {
    let mut quoted = false;
    let mut escaped = false;
    for (position, character) in line.char_indices() {
        match character {
            // Only `\"` is an escape, inside quotes and outside.
            '"' if !escaped => quoted = !quoted,
            ' ' | '\t' if !quoted => {
                let (options, rest) = line.split_at(position);
                return (options, rest.trim_start_matches([' ', '\t']));
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    (line, "")
}

/// The terms on which the options of a line let somebody in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The key is that of a CA: it lets in whoever has a certificate from it, and not its own holder.
    pub(crate) cert_authority: bool,
    /// `from=` has names alone, and sshd looks no name up unless `UseDNS` is set (sshd_config(5)).
    pub(crate) from_names_alone: bool,
    /// The day of the earliest `expiry-time`, counted from 1970.
    pub(crate) expiry: Option<u64>,
}

/// Checks that sshd understands these options, and that they let somebody in.
///
/// Some lines pass its parser and are turned down at every login, by `auth_authorise_keyopts` of sshd's `auth.c`.
pub(crate) fn check(options: &str) -> Result<Terms, NotAPublicKey> {
    let mut rest = options;
    let mut seen: Vec<&'static str> = Vec::new();
    let mut terms = Terms::default();
    while !rest.is_empty() {
        let (name, behind) = rest.split_at(rest.find(['=', ',']).unwrap_or(rest.len()));
        rest = match behind.strip_prefix('=') {
            None => {
                if !name.is_empty() && !is_flag(name) {
                    return Err(without_value(name));
                }
                terms.cert_authority |= name.eq_ignore_ascii_case("cert-authority");
                behind
            }
            Some(behind) => {
                let (name, rule) = VALUED
                    .into_iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .ok_or(NotAPublicKey::UnknownOption)?;
                let invalid = |problem| NotAPublicKey::Option { name, problem };
                let (value, behind) = quoted(behind).ok_or(invalid("needs a value in double quotes"))?;
                if matches!(rule, OptionRule::Once | OptionRule::Hosts) && seen.contains(&name) {
                    return Err(invalid("may be given once only"));
                }
                rule.check(&value).map_err(invalid)?;
                match rule {
                    OptionRule::Hosts => terms.from_names_alone = has_names_alone(&value),
                    OptionRule::Time => terms.expiry = terms.expiry.into_iter().chain(day(&value)).min(),
                    _ => {}
                }
                seen.push(name);
                behind
            }
        };
        rest = match rest.strip_prefix(',') {
            Some(rest) => rest,
            None if rest.is_empty() => rest,
            None => return Err(NotAPublicKey::UnknownOption),
        };
    }
    if seen.contains(&"principals") && !terms.cert_authority {
        let problem = "is for the key of a CA, with `cert-authority` before it";
        return Err(NotAPublicKey::Option { name: "principals", problem });
    }
    Ok(terms)
}

fn is_flag(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    FLAGS
        .iter()
        .any(|(known, negatable)| *known == name || (*negatable && name.strip_prefix("no-") == Some(*known)))
}

/// Tells an option that lacks its value from one that there is not.
fn without_value(name: &str) -> NotAPublicKey {
    let valued = VALUED.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    match valued {
        Some((name, _)) => NotAPublicKey::Option { name, problem: "needs a value in double quotes" },
        None => NotAPublicKey::UnknownOption,
    }
}

/// The value in double quotes at the beginning, without them, and the text behind it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let text = text.strip_prefix('"')?;
    let mut value = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((position, character)) = characters.next() {
        match character {
            '\\' if characters.next_if(|(_, next)| *next == '"').is_some() => value.push('"'),
            '"' => return Some((value, text.split_at(position).1.strip_prefix('"')?)),
            other => value.push(other),
        }
    }
    None
}

impl OptionRule {
    fn check(self, value: &str) -> Result<(), &'static str> {
        match self {
            Self::Once => Ok(()),
            Self::Hosts => check_hosts(value),
            Self::Time => check_time(value),
            Self::Variable => {
                let name = value.split_once('=').map(|(name, _)| name);
                let right = name.is_some_and(|name| {
                    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                });
                if right { Ok(()) } else { Err("needs a variable like `NAME=value`") }
            }
            Self::Address { or_port } => {
                // sshd puts `*:` before what has no colon, and so takes `host/22` for a port there.
                let right = if or_port && !value.contains(':') { is_port(value) } else { is_address(value) };
                if right {
                    Ok(())
                } else {
                    Err("needs a host and the number of a port, like `192.168.50.2:80`")
                }
            }
            Self::Tunnel => {
                const LAST_DEVICE: u32 = 0x7fff_fffd;
                let number = value.parse::<u32>().is_ok_and(|number| number <= LAST_DEVICE);
                if number || value.eq_ignore_ascii_case("any") {
                    Ok(())
                } else {
                    Err("needs the number of a tun device, or `any`")
                }
            }
        }
    }
}

/// `host:port`, or `[address]:port`.
fn is_address(value: &str) -> bool {
    let parts = match value.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => value.split_once([':', '/']),
    };
    parts.is_some_and(|(_, port)| is_port(port))
}

/// Services that have a name in /etc/services of every release (netbase), and that somebody forwards to.
const SERVICES: &str = "\
    domain ftp git http https imap2 imaps ldap ldaps mysql nfs postgresql smtp ssh submission \
    telnet";

/// A number, `*`, or the name of a service, which sshd looks up in /etc/services.
fn is_port(text: &str) -> bool {
    text == "*" || is_word_of(text, SERVICES) || text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// The first year in which a card of cardwright's can have started: what ends before it never began.
const FIRST_YEAR: u16 = 2026;

/// `YYYYMMDD[HHMM[SS]]`, perhaps with a `Z`, as strptime(3) reads its parts.
fn check_time(value: &str) -> Result<(), &'static str> {
    let digits = value.strip_suffix(['Z', 'z']).unwrap_or(value);
    let part =
        |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), |part| part.parse::<u16>().ok());
    let right = matches!(digits.len(), 8 | 12 | 14)
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && part(4..6).is_some_and(|month| (1..=12).contains(&month))
        && part(6..8).is_some_and(|day| (1..=31).contains(&day))
        && part(8..10).is_some_and(|hour| hour < 24)
        && part(10..12).is_some_and(|minute| minute < 60)
        && part(12..14).is_some_and(|second| second < 60);
    if !right {
        return Err("needs a time like `20301231` or `203012312359`");
    }
    if part(0..4).is_some_and(|year| year < FIRST_YEAR) {
        return Err("is long past");
    }
    Ok(())
}

/// Returns the day that a time of `expiry-time` is on, counted from 1970.
fn day(value: &str) -> Option<u64> {
    let part = |range: std::ops::Range<usize>| value.get(range)?.parse::<u16>().ok();
    let first_of_month = UnixTime::from_utc([part(0..4)?, part(4..6)?, 1], [0; 3])?;
    // sshd takes a day that the month does not have for one of the next month (mktime(3)).
    Some(u64::try_from(first_of_month.seconds() / 86_400).ok()? + u64::from(part(6..8)?) - 1)
}

/// Patterns of names and addresses, and networks, with commas between them: `match_host_and_ip` and `addr_match_list`
/// of sshd. One that it cannot read turns everybody away, and so do patterns that only exclude.
fn check_hosts(value: &str) -> Result<(), &'static str> {
    let mut includes = false;
    for pattern in value.split(',') {
        let (excludes, pattern) =
            pattern.strip_prefix('!').map_or((false, pattern), |pattern| (true, pattern));
        includes |= !excludes;
        if pattern.is_empty() {
            return Err("has an empty pattern");
        }
        if pattern.contains([' ', '\t']) {
            return Err("has a space, and nothing but commas separates its patterns");
        }
        let network = pattern.split_once('/').and_then(|(address, prefix)| {
            let address = address.parse::<IpAddr>().ok()?;
            prefix.bytes().all(|byte| byte.is_ascii_digit()).then_some((address, prefix.parse::<u8>().ok()?))
        });
        let is_network = network.is_none_or(|(address, prefix)| {
            IpNet::new(address, prefix).is_ok_and(|network| network.network() == address)
        });
        if !is_network {
            return Err("has an address with a prefix that is no network, as `192.168.50.0/24` is");
        }
    }
    if includes { Ok(()) } else { Err("has only patterns with `!`, which add nobody: `*` would") }
}

/// Returns `true` if no pattern that includes somebody can fit an address. Addresses have hexadecimal digits, dots and
/// colons.
fn has_names_alone(value: &str) -> bool {
    value.split(',').filter(|pattern| !pattern.starts_with('!')).all(|pattern| {
        let bare = pattern.split('/').next().unwrap_or(pattern);
        let of_address = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b'.' | b':' | b'*' | b'?');
        !bare.bytes().all(of_address)
    })
}

#[cfg(test)]
mod tests {
    use super::{check, split};
    use crate::cluster::NotAPublicKey;

    #[test]
    fn options_end_at_a_space_outside_quotes() {
        for (line, options, rest) in [
            ("restrict  ssh-rsa A", "restrict", "ssh-rsa A"),
            ("command=\"a b\"\tssh-rsa A", "command=\"a b\"", "ssh-rsa A"),
            (r#"command="a \" b",pty x"#, r#"command="a \" b",pty"#, "x"),
            ("command=\"a b", "command=\"a b", ""),
        ] {
            assert_eq!(split(line), (options, rest), "{line}");
        }
    }

    #[test]
    fn terms_are_those_that_let_somebody_in() {
        let terms = |options: &str| check(options).unwrap();
        assert!(terms("Cert-Authority,no-pty").cert_authority && !terms("restrict").cert_authority);
        assert_eq!(terms("expiry-time=\"20300101\",expiry-time=\"202912312359Z\"").expiry, Some(21_914));
        assert_eq!(
            ["19700101", "20000229", "20000301", "20380119"].map(super::day),
            [0, 11_016, 11_017, 24_855].map(Some)
        );
        for (from, names_alone) in [
            ("*.lan", true),
            ("laptop.lan,!10.0.0.1", true),
            ("*", false),
            ("*.lan,10.0.0.*", false),
            ("fe80::1", false),
        ] {
            assert_eq!(terms(&format!("from=\"{from}\"")).from_names_alone, names_alone, "{from}");
        }
    }

    #[test]
    fn options_are_those_of_sshd_and_no_others() {
        for right in [
            "restrict",
            "RESTRICT,Pty",
            "no-pty,no-port-forwarding,no-agent-forwarding,no-x11-forwarding,no-user-rc",
            "cert-authority,principals=\"ann,bob\"",
            "no-touch-required,verify-required",
            r#"from="10.0.0.*,!10.0.0.9",command="echo \"a, b\"""#,
            "expiry-time=\"20301231\",expiry-time=\"203012312359Z\"",
            "environment=\"A_1=x=y\"",
            "permitopen=\"[fd00::1]:22\",permitopen=\"*:*\",permitlisten=\"8080\",permitlisten=\"localhost:8080\"",
            "tunnel=\"0\",tunnel=\"any\"",
            "from=\"192.168.50.0/24,fd00::/8,!192.168.50.9\"",
            "permitopen=\"a:ssh\",permitlisten=\"*\"",
            "command=\"\"",
            // sshd takes these, too.
            "restrict,",
            ",pty",
        ] {
            assert!(check(right).is_ok(), "{right}: {:?}", check(right));
        }
        for unknown in [
            "garbage",
            "no-such-option",
            "no-restrict",
            "no-cert-authority",
            "restrict=\"x\"",
            "shell=\"/bin/sh\"",
            "restricted",
            "command=\"a\"b",
            "pty pty",
        ] {
            assert_eq!(check(unknown), Err(NotAPublicKey::UnknownOption), "{unknown}");
        }
        for (invalid, option) in [
            ("command=ls", "command"),
            ("command", "command"),
            ("from=\"a\",from=\"b\"", "from"),
            ("expiry-time=\"tomorrow\"", "expiry-time"),
            ("environment=\"A\"", "environment"),
            ("environment=\"A-B=c\"", "environment"),
            ("permitopen=\"8080\"", "permitopen"),
            ("permitopen=\"a:0\"", "permitopen"),
            ("permitlisten=\"a:b c\"", "permitlisten"),
            ("permitlisten=\"x\"", "permitlisten"),
            ("permitlisten=\"host/22\"", "permitlisten"),
            ("permitopen=\"a:no-such-service\"", "permitopen"),
            ("from=\"\"", "from"),
            ("from=\"10.0.0.1,\"", "from"),
            ("from=\"10.0.0.1, 10.0.0.2\"", "from"),
            ("from=\"!10.0.0.9\"", "from"),
            ("from=\"192.168.50.7/24\"", "from"),
            ("from=\"192.168.50.0/33\"", "from"),
            ("expiry-time=\"20200101\"", "expiry-time"),
            ("expiry-time=\"20301301\"", "expiry-time"),
            ("expiry-time=\"203001012400\"", "expiry-time"),
            ("principals=\"ann\"", "principals"),
            ("tunnel=\"tun0\"", "tunnel"),
            ("principals=\"a", "principals"),
        ] {
            assert!(
                matches!(check(invalid), Err(NotAPublicKey::Option { name, .. }) if name == option),
                "{invalid}: {:?}",
                check(invalid)
            );
        }
    }
}
