//! Names that are valid by construction.

use std::net::IpAddr;

/// Declares a newtype around a text that was checked.
macro_rules! checked_name {
    ($(#[$documentation:meta])* $name:ident, $check:path) => {
        $(#[$documentation])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Checks and takes a text.
            ///
            /// # Errors
            /// Says, in a clause that follows the quoted text, why it is none.
            pub fn new(text: impl Into<String>) -> Result<Self, &'static str> {
                let text = text.into();
                $check(&text)?;
                Ok(Self(text))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

checked_name! {
    /// The name of a cluster: the same alphabet as a host name, as it becomes part of names of files.
    ClusterName, label
}

checked_name! {
    /// A host name (RFC 1123, one label, lower case), which is also a name of a node in Kubernetes.
    Hostname, hostname
}

checked_name! {
    /// The name of a network interface, as Linux allows it.
    InterfaceName, interface_name
}

checked_name! {
    /// The name of a k3s release, such as `v1.36.4+k3s1`.
    K3sVersion, k3s_version
}

impl K3sVersion {
    /// Returns the address of its files, below that of all releases.
    pub(crate) fn address_below(&self, base_url: &str) -> String {
        // `+` would be a space to some servers.
        format!("{}/{}", base_url, self.as_str().replace('+', "%2B"))
    }

    /// Returns its numbers, of which the first that differ say which of two versions is the later: major, minor and patch,
    /// that of a release candidate, which comes before the release itself, and that of the build.
    pub fn numbers(&self) -> [u64; 5] {
        let (version, build) = self.as_str().split_once("+k3s").unwrap_or((self.as_str(), ""));
        let (release, candidate) = version.split_once("-rc").unwrap_or((version, ""));
        let mut parts = release.trim_start_matches('v').split('.');
        // All have at most five digits. No candidate at all is later than all of them.
        let number = |text: &str| text.parse().map_or(u64::MAX, |number| number);
        let next = |text: Option<&str>| text.map_or(u64::MAX, number);
        let [major, minor, patch] = [(); 3].map(|()| next(parts.next()));
        [major, minor, patch, next(Some(candidate)), next(Some(build))]
    }
}

checked_name! {
    /// The login name of a user, as useradd and Raspberry Pi OS's userconf both allow it.
    UserName, user_name
}

checked_name! {
    /// A time server: the name of a host, or an IP address.
    TimeServer, time_server
}

/// Returns `true` for one of the words of a list, which are apart by spaces.
pub(crate) fn is_word_of(text: &str, list: &str) -> bool {
    list.split_whitespace().any(|word| word == text)
}

/// Returns `true` for a label of RFC 1123 in small letters, of any length: letters, digits and hyphens between them.
pub(crate) fn is_label(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// RFC 1123, section 2.1: letters, digits and hyphens, at most 63.
fn label(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.contains('.') {
        return Err("has a dot");
    }
    if text.contains('_') {
        return Err("has an underscore");
    }
    if text.chars().any(|character| character.is_ascii_uppercase()) {
        return Err("has capital letters");
    }
    if !text.chars().all(|character| matches!(character, 'a'..='z' | '0'..='9' | '-')) {
        return Err("has characters other than a to z, 0 to 9 and `-`");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("begins or ends with `-`");
    }
    if text.len() > 63 {
        return Err("is longer than 63 characters");
    }
    Ok(())
}

/// The names that Debian's installers write into /etc/hosts (Debian reference, section 5.1.1; netcfg).
const IN_ETC_HOSTS: &str = "\
    ip6-allhosts ip6-allnodes ip6-allrouters ip6-localhost ip6-localnet ip6-loopback \
    ip6-mcastprefix";

fn hostname(text: &str) -> Result<(), &'static str> {
    label(text)?;
    if text == "localhost" {
        return Err("is what every machine calls itself");
    }
    if is_word_of(text, IN_ETC_HOSTS) {
        return Err("is a name that /etc/hosts has already, for something else");
    }
    // inet_aton(3) takes `12` and `0x1f` for addresses, and so do ping and ssh.
    let digits = text.strip_prefix("0x").filter(|digits| !digits.is_empty());
    if text.bytes().all(|byte| byte.is_ascii_digit())
        || digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
    {
        return Err("would be read as an address");
    }
    Ok(())
}

/// An address that a server can have and that is the same for every node, or a name as DNS has it.
fn time_server(text: &str) -> Result<(), &'static str> {
    match text.parse() {
        Ok(IpAddr::V4(address)) if address.is_broadcast() => return Err("is no address of a server"),
        Ok(IpAddr::V6(address)) if address.is_unicast_link_local() => {
            return Err("is link-local, which says nothing without an interface");
        }
        Ok(address) if address.is_unspecified() || address.is_loopback() || address.is_multicast() => {
            return Err("is no address of a server");
        }
        Ok(_) => return Ok(()),
        Err(_) => {}
    }
    if text.is_empty() {
        return Err("is empty");
    }
    if text.contains('/') {
        return Err("is the address of something else, or has a prefix");
    }
    // timesyncd asks at the one port there is, 123.
    if text.contains(':') {
        return Err("has a port, or is no IPv6 address");
    }
    if text.len() > 253 {
        return Err("is longer than 253 characters");
    }
    if text.split('.').any(str::is_empty) {
        return Err("begins or ends with a dot, or has two dots side by side");
    }
    for part in text.split('.') {
        label(&part.to_ascii_lowercase())?;
    }
    if text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
        return Err("is no IPv4 address");
    }
    Ok(())
}

/// The kernel's `dev_valid_name` asks for less than IFNAMSIZ (16) bytes without slash, colon and white space.
///
/// The name also becomes a value of a keyfile, where a backslash begins an escape (glib, "Key-value file
/// parser"), the name of that file, which NetworkManager passes over where it begins with a dot, and a
/// word of dhcpcd.conf. So it is made of what names of interfaces are really made of.
fn interface_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.len() > 15 {
        return Err("is longer than 15 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Err("has characters other than letters, digits, `-`, `_` and `.`");
    }
    if !text.starts_with(|character: char| character.is_ascii_alphanumeric()) {
        return Err("does not begin with a letter or a digit");
    }
    // Folders below /proc/sys/net are called so, and NetworkManager refuses them.
    if matches!(text, "all" | "default") {
        return Err("means all interfaces to Linux");
    }
    Ok(())
}

fn k3s_version(text: &str) -> Result<(), &'static str> {
    if matches!(text, "stable" | "latest" | "testing") {
        return Err("is a channel, which is another version every week");
    }
    let Some(rest) = text.strip_prefix('v') else {
        return Err("does not begin with `v`");
    };
    let Some((version, build)) = rest.split_once("+k3s") else {
        return Err("does not end with `+k3s1` or another build number");
    };
    let number = |text: &str| (1..=5).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if !number(build) {
        return Err("has no number after `+k3s`");
    }
    let (version, candidate) = match version.split_once("-rc") {
        Some((version, candidate)) => (version, Some(candidate)),
        None => (version, None),
    };
    if version.split('.').count() != 3 || !version.split('.').all(number) || !candidate.is_none_or(number) {
        return Err("is not made of three numbers");
    }
    Ok(())
}

/// Users and groups that Raspberry Pi OS has already: the user's own group gets the user's name.
const TAKEN: &str = "\
    root daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody \
    nogroup messagebus sshd avahi dnsmasq polkitd rtkit dhcpcd statd adm tty disk kmem dialout \
    fax voice cdrom floppy tape sudo audio dip operator src shadow utmp video sasl plugdev \
    staff users input sgx clock kvm render netdev crontab spi i2c gpio lpadmin bluetooth pulse \
    saned tss rpi-first-boot-wizard";

fn user_name(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().any(|character| character.is_ascii_uppercase()) {
        return Err("has capital letters");
    }
    if !text.starts_with(|character: char| character.is_ascii_lowercase()) {
        return Err("does not begin with a letter");
    }
    if !text.chars().all(|character| matches!(character, 'a'..='z' | '0'..='9' | '-' | '_')) {
        return Err("has characters other than a to z, 0 to 9, `-` and `_`");
    }
    if text.len() > 32 {
        return Err("is longer than 32 characters");
    }
    if is_word_of(text, TAKEN) || text.starts_with("systemd-") {
        return Err("is a user or a group of the system itself");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{ClusterName, Hostname, InterfaceName, K3sVersion, UserName};

    #[test]
    fn host_names_are_one_label_of_rfc_1123() {
        for right in ["a", "north", "pi-4", "0a", "x".repeat(63).as_str(), "raspberrypi", "3com", "e9"] {
            assert!(Hostname::new(right).is_ok(), "{right}");
        }
        for (invalid, reason) in [
            ("", "is empty"),
            ("North", "has capital letters"),
            ("my_pi", "has an underscore"),
            ("pi.local", "has a dot"),
            ("-pi", "begins or ends with `-`"),
            ("pi-", "begins or ends with `-`"),
            ("zürich", "has characters other than a to z, 0 to 9 and `-`"),
            ("a b", "has characters other than a to z, 0 to 9 and `-`"),
            ("x".repeat(64).as_str(), "is longer than 63 characters"),
            ("localhost", "is what every machine calls itself"),
            ("ip6-allnodes", "is a name that /etc/hosts has already, for something else"),
            ("ip6-localhost", "is a name that /etc/hosts has already, for something else"),
            ("12", "would be read as an address"),
            ("0x1f", "would be read as an address"),
        ] {
            assert_eq!(Hostname::new(invalid).unwrap_err(), reason, "{invalid}");
        }
        assert!(ClusterName::new("42").is_ok());
        assert!(ClusterName::new("..").is_err());
        assert!(ClusterName::new("a/b").is_err());
    }

    #[test]
    fn interface_names_are_what_the_kernel_takes() {
        for right in ["eth0", "end0", "enxb827eb000000", "br-lan", "eth0.10", "x"] {
            assert!(InterfaceName::new(right).is_ok(), "{right}");
        }
        for invalid in [
            "",
            "..",
            "a b",
            "a/b",
            "eth0:1",
            "sixteen-letters-",
            "ä",
            ".eth0",
            "-x",
            "eth\\n0",
            "a;b",
            "#a",
            "e\"0",
            "eth%d",
            "all",
            "default",
        ] {
            assert!(InterfaceName::new(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn of_two_k3s_versions_one_is_the_later() {
        let versions = [
            "v1.9.9+k3s1",
            "v1.36.0-rc1+k3s1",
            "v1.36.0-rc2+k3s1",
            "v1.36.0+k3s1",
            "v1.36.0+k3s10",
            "v1.36.1+k3s1",
        ];
        let numbers = versions.map(|version| K3sVersion::new(version).unwrap().numbers());
        assert!(numbers.is_sorted(), "{numbers:?}");
        assert_eq!(numbers[3], [1, 36, 0, u64::MAX, 1]);
    }

    #[test]
    fn k3s_versions_are_whole_and_pinned() {
        for right in ["v1.36.4+k3s1", "v1.2.3+k3s10", "v1.36.0-rc1+k3s1"] {
            assert!(K3sVersion::new(right).is_ok(), "{right}");
        }
        for (invalid, reason) in [
            ("1.36.4+k3s1", "does not begin with `v`"),
            ("v1.36.4", "does not end with `+k3s1` or another build number"),
            ("v1.36.4+rke2r1", "does not end with `+k3s1` or another build number"),
            ("v1.36.4+k3s", "has no number after `+k3s`"),
            ("v1.36+k3s1", "is not made of three numbers"),
            ("v1.36.4.5+k3s1", "is not made of three numbers"),
            ("v1.36.x+k3s1", "is not made of three numbers"),
            ("v1.36.4-rc+k3s1", "is not made of three numbers"),
            ("v1.36.4+k3s1/../x", "has no number after `+k3s`"),
            ("latest", "is a channel, which is another version every week"),
            ("stable", "is a channel, which is another version every week"),
        ] {
            assert_eq!(K3sVersion::new(invalid).unwrap_err(), reason, "{invalid}");
        }
    }

    #[test]
    fn user_names_are_free_in_the_stock_image() {
        for right in ["pi", "ann", "a-b_c1", "x".repeat(32).as_str()] {
            assert!(UserName::new(right).is_ok(), "{right}");
        }
        for invalid in [
            "",
            "Pi",
            "1pi",
            "_apt",
            "-x",
            "a b",
            "a:b",
            "ä",
            "root",
            "sudo",
            "gpio",
            "systemd-network",
            "daemon",
        ] {
            assert!(UserName::new(invalid).is_err(), "{invalid}");
        }
        assert!(UserName::new("x".repeat(33)).is_err());
    }
}
