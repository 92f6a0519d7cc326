//! The options that may stand before a key, as sshd(8) lists them in AUTHORIZED_KEYS FILE FORMAT.
//!
//! sshd skips a line whose options it does not understand, and says so nowhere but in its debug log: nobody
//! gets in, and nobody knows why. So a line is read here as its `sshauthopt_parse` reads it.

use super::ssh::NotAPublicKey;

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
enum Value {
    /// Anything, and only one of it in a line.
    Once,
    /// `YYYYMMDD[HHMM[SS]]`, perhaps with a `Z`.
    Time,
    /// `NAME=value`
    Variable,
    /// `host:port`; a port alone where that is allowed.
    Address { or_port: bool },
    /// A number of a tun device, or `any`.
    Tunnel,
}

/// An option with a value in double quotes.
const VALUED: [(&str, Value); 8] = [
    ("command", Value::Once),
    ("environment", Value::Variable),
    ("expiry-time", Value::Time),
    ("from", Value::Once),
    ("permitlisten", Value::Address { or_port: true }),
    ("permitopen", Value::Address { or_port: false }),
    ("principals", Value::Once),
    ("tunnel", Value::Tunnel),
];

/// Splits a line behind its options, at the first space or tab that is not between quotes.
pub(super) fn split(line: &str) -> (&str, &str) {
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

/// Checks that sshd understands these options.
pub(super) fn check(options: &str) -> Result<(), NotAPublicKey> {
    let mut rest = options;
    let mut seen: Vec<&'static str> = Vec::new();
    while !rest.is_empty() {
        let (name, behind) = rest.split_at(rest.find(['=', ',']).unwrap_or(rest.len()));
        rest = match behind.strip_prefix('=') {
            None => {
                if !name.is_empty() && !is_flag(name) {
                    return Err(without_value(name));
                }
                behind
            }
            Some(behind) => {
                let (name, rule) = VALUED
                    .into_iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .ok_or(NotAPublicKey::UnknownOption)?;
                let wrong = |problem| NotAPublicKey::Option { name, problem };
                let (value, behind) = quoted(behind).ok_or(wrong("needs a value in double quotes"))?;
                if matches!(rule, Value::Once) && seen.contains(&name) {
                    return Err(wrong("may be given once only"));
                }
                rule.check(&value).map_err(wrong)?;
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
    Ok(())
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

impl Value {
    fn check(self, value: &str) -> Result<(), &'static str> {
        match self {
            Self::Once => Ok(()),
            Self::Time => {
                let digits = value.strip_suffix(['Z', 'z']).unwrap_or(value);
                let right =
                    matches!(digits.len(), 8 | 12 | 14) && digits.bytes().all(|byte| byte.is_ascii_digit());
                if right { Ok(()) } else { Err("needs a time like `20301231` or `203012312359`") }
            }
            Self::Variable => {
                let name = value.split_once('=').map(|(name, _)| name);
                let right = name.is_some_and(|name| {
                    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
                });
                if right { Ok(()) } else { Err("needs a variable like `NAME=value`") }
            }
            Self::Address { or_port } => {
                if is_address(value) || (or_port && is_port(value)) {
                    Ok(())
                } else {
                    Err("needs a host and a port, like `192.168.50.2:80`")
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

/// A number, `*`, or the name of a service.
fn is_port(text: &str) -> bool {
    let named = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text == "*" || named || text.parse::<u16>().is_ok_and(|port| port > 0)
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
            "command=\"\"",
            // sshd takes these, too.
            "restrict,",
            ",pty",
        ] {
            assert_eq!(check(right), Ok(()), "{right}");
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
        for (wrong, option) in [
            ("command=ls", "command"),
            ("command", "command"),
            ("from=\"a\",from=\"b\"", "from"),
            ("expiry-time=\"tomorrow\"", "expiry-time"),
            ("environment=\"A\"", "environment"),
            ("environment=\"A-B=c\"", "environment"),
            ("permitopen=\"8080\"", "permitopen"),
            ("permitopen=\"a:0\"", "permitopen"),
            ("permitlisten=\"a:b c\"", "permitlisten"),
            ("tunnel=\"tun0\"", "tunnel"),
            ("principals=\"a", "principals"),
        ] {
            assert!(
                matches!(check(wrong), Err(NotAPublicKey::Option { name, .. }) if name == option),
                "{wrong}: {:?}",
                check(wrong)
            );
        }
    }
}
