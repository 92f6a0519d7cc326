//! `user:` and `ssh:`.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::folders;
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::keys;
use crate::cluster::document::types::{boolean, by, like, text, token, words};
use crate::cluster::document::value::FieldValue;
use crate::cluster::{AuthorizedKey, FieldSpan, NotAPublicKey, Secret, UserName, ssh};
use crate::io::plain_file;
use crate::types::{ImagePath, escape, image_path};
use serde_json::json;
use std::io::Read as _;
use std::time::SystemTime;

keys! {
    level USER: "user", "under `user:`",
        "The user you log in as: the stock image's first user, renamed where asked for.";
    draft UserFields => User {};

    key name: UserName = like("^(?!root$)[a-z][a-z0-9_-]{0,31}$", text(user_name)) => UserName, else default_user_name(); {
        help: "Login name.",
        example: "ann",
        schema: || json!({"default": "pi"}),
        here: "username user_name login user",
    }
    key shell: ImagePath = like(r"^/[^\s:]+$", text(shell)) => ImagePath, else image_path!("/bin/bash"); {
        help: "Login shell, with its whole path inside the image.",
        example: "/bin/zsh",
        schema: || json!({"default": "/bin/bash"}),
    }
    key password_hash: Secret = like(r"^\$(y|gy|7|2[aby]|[56])\$.{30,}$", token(password_hash)) => Option<Secret>; {
        help: "A hash as `openssl passwd -6` prints it, in single quotes; no password where absent.",
        others: "password passwd hashed_passwd hashed_password password_encrypted pass user_password \
              plain_text_passwd chpasswd password_user sshuserpassword auto_setup_global_password",
    }
    key ssh_authorized_keys: Vec<AuthorizedKey> = by(all_authorized_keys) => Vec<AuthorizedKey>, else vec![]; {
        help: "Public keys that may log in: files, or the keys themselves. While none is named, the cluster's \
              own login key is used.",
        example: "[~/.ssh/id_ed25519.pub]",
        schema: || json!({"type": ["array", "string"], "items": {"type": "string"}}),
        others: "ssh_keys ssh_key authorized_keys authorized_key public_key public_keys pubkey ssh_public_key \
              ssh_public_keys ssh_pub_key sshpublickey sshauthorizedkeys ssh_import_id authkey import_key \
              sshkey auto_setup_ssh_pubkey",
    }
    key sudo: bool = words([("passwordless", true), ("password", false)])
        => bool, derived |user| user.password_hash.is_absent(); {
        help: "Whether sudo asks for the password. `passwordless` where the user has no password, otherwise \
              `password`.",
        example: "password",
    }
}

keys! {
    level SSH: "ssh", "under `ssh:`", "Who may log in over SSH.";
    draft SshFields => Ssh {};

    key password_login: bool = boolean() => bool, else false; {
        help: "Whether a password suffices. Needs a `password_hash`.",
        example: "true",
        schema: || json!({"default": false}),
        others: "ssh_pwauth password_authentication passwordauthentication sshpasswordauth ssh_password_login \
              ssh_password_auth software_disable_ssh_password_logins",
    }
}

/// The name that Raspberry Pi OS gives its first user.
pub(crate) const DEFAULT_USER: &str = "pi";

#[expect(clippy::expect_used, reason = "the name is a constant")]
fn default_user_name() -> UserName {
    UserName::new(DEFAULT_USER).expect("`pi` is a valid name")
}

fn user_name(text: &str) -> Result<UserName, Finding> {
    UserName::new(text).map_err(|reason| {
        Finding::new(
            format!("{} is no name for the user: it {reason}", shown(text)),
            "Use letters a to z, digits, `-` and `_`, beginning with a letter, and no name of the system",
        )
    })
}

fn shell(text: &str) -> Result<ImagePath, Finding> {
    // The fields of /etc/passwd are separated by colons, its lines by line ends.
    match ImagePath::new(text) {
        Ok(path)
            if !text.contains(|character: char| {
                character == ':' || character.is_whitespace() || escape::is_control(character)
            }) && text != "/" =>
        {
            Ok(path)
        }
        _ => Err(Finding::new(
            format!("{} is not the path of a shell", shown(text)),
            "Write the whole path inside the image, like `/bin/bash`",
        )),
    }
}

/// crypt(5): `$id$…` of yescrypt, gost-yescrypt, scrypt, bcrypt, SHA-512, SHA-256.
fn password_hash(text: &str) -> Result<Secret, Finding> {
    let salt_and_hash = ["$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$6$", "$5$"]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix));
    let plausible = salt_and_hash.is_some_and(|rest| {
        rest.len() >= 30
            && text.len() <= 512
            && rest.contains('$')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'!' | b'*' | b'\\'))
    });
    if plausible {
        return Ok(Secret::new(text.to_owned()));
    }
    let message = if salt_and_hash.is_some() {
        "this password hash is not whole"
    } else {
        "this is not a password hash (a password itself may not be written here)"
    };
    Err(Finding::new(message, "Run `openssl passwd -6` and put what it prints here, in single quotes")
        .secret())
}

/// A `.pub` file is some hundred bytes; an authorized_keys file of a thousand people, a quarter of this.
const LONGEST_KEY_FILE: u64 = 1 << 20;

/// The list `ssh_authorized_keys`, each key once. It is the key that counts: a second line with the same key
/// and the same options changes nothing, whatever its comment.
fn all_authorized_keys(value: &FieldValue<'_>) -> Option<Vec<AuthorizedKey>> {
    let items = value.list(|item| Some((item.span(), authorized_keys(item)?)))?;
    let mut keys: Vec<AuthorizedKey> = Vec::new();
    for (span, key) in
        items.into_iter().flat_map(|(span, keys)| keys.into_iter().map(move |key| (span.clone(), key)))
    {
        if let Some(known) = keys.iter_mut().find(|known| known.is_equivalent(&key)) {
            known.learn_from(&key);
            continue;
        }
        if keys.iter().any(|known| known.is_same_key(&key)) {
            let message = "the same key is named twice, with different options before it";
            let hint =
                "Keep one of the two: sshd goes by the first whose `from` and `expiry-time` fit, not by both";
            value.diagnostics().warn(&span, Finding::new(message, hint));
        }
        warn_of_terms(&key, &span, value.diagnostics());
        keys.push(key);
    }
    if !keys.is_empty() && keys.iter().all(|key| key.terms().cert_authority) {
        let message = "every key here is that of a CA: only who has a certificate from it gets in";
        let hint =
            "Sign a key with `ssh-keygen -s CA -I NAME -n USER KEY.pub`, or add a key that logs in by itself";
        value.warn(Finding::new(message, hint));
    }
    Some(keys)
}

/// Warns of a line that sshd takes and that may let nobody in.
fn warn_of_terms(key: &AuthorizedKey, span: &FieldSpan, diagnostics: &Diagnostics) {
    const DAY: u64 = 24 * 60 * 60;
    let terms = key.terms();
    if terms.from_names_alone {
        let message =
            "`from` has names alone, and sshd compares it with addresses alone: nobody gets in by this line";
        let hint = "Write addresses or networks, like `from=\"192.168.50.0/24\"`, or set `UseDNS yes` for sshd, with `files:`";
        diagnostics.warn(span, Finding::new(message, hint));
    }
    // A warning may go by this machine's clock; nothing that is written does. sshd goes by the card's time zone, so
    // the day itself is left out.
    let today = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map(|since| since.as_secs() / DAY);
    if let (Some(expiry), Ok(today)) = (terms.expiry, today)
        && expiry + 1 < today
    {
        let message = "the `expiry-time` of this key is past: nobody gets in by this line";
        diagnostics.warn(span, Finding::new(message, "Write a later time, or name another key"));
    }
}

/// An entry of `ssh_authorized_keys`: a file, or a key itself.
fn authorized_keys(item: &FieldValue<'_>) -> Option<Vec<AuthorizedKey>> {
    if let YamlKind::Scalar(scalar) = item.kind()
        && ssh::looks_like_key(&scalar.text)
    {
        let text = scalar.text.trim();
        let keys = if text.contains('\n') {
            AuthorizedKey::parse_all(text).map_err(|(_, error)| error)
        } else {
            AuthorizedKey::parse(text).map(|key| vec![key])
        };
        let keys = keys.map_err(|error| not_a_key(error, None)).and_then(|keys| {
            let none = || {
                Finding::new("there is no key in this text, only comments", "Write the line of a `.pub` file")
            };
            if keys.is_empty() { Err(none()) } else { Ok(keys) }
        });
        return item.parse(|_| keys);
    }
    let folders = item.folders();
    item.parse(|text| {
        if let Some(finding) = keys_of_a_website(text) {
            return Err(finding);
        }
        let path = folders.existing_file(text)?;
        let name = shown(text);
        let content = key_file(&path, &name)?;
        let keys = AuthorizedKey::parse_all(&content)
            .map_err(|(line, error)| not_a_key(error, Some((text, line))))?;
        if keys.is_empty() {
            return Err(Finding::new(format!("{name} holds no key"), "Name the `.pub` file of a key"));
        }
        Ok(keys.into_iter().map(|key| key.of_file(&path)).collect())
    })
}

/// The whole text of a file with keys: a part of it would leave people out without a word.
fn key_file(path: &std::path::Path, name: &str) -> Result<String, Finding> {
    let mut content = Vec::new();
    plain_file::open(path)
        .and_then(|file| file.take(LONGEST_KEY_FILE + 1).read_to_end(&mut content))
        .map_err(|error| folders::unreadable(path, name, &error))?;
    if content.len() as u64 > LONGEST_KEY_FILE {
        let message = format!("{name} is larger than 1 MiB, which no file of public keys is");
        return Err(Finding::new(message, "Check that this is the file that you mean"));
    }
    // Windows PowerShell's `>` writes UTF-16.
    if content.starts_with(&[0xff, 0xfe]) || content.starts_with(&[0xfe, 0xff]) {
        let message = format!("{name} is UTF-16, which sshd does not read");
        return Err(Finding::new(message, "Save the file as UTF-8"));
    }
    String::from_utf8(content)
        .map_err(|_| Finding::new(format!("{name} is not UTF-8"), "Save the file as UTF-8").secret())
}

/// cloud-init's `ssh_import_id`, and the address it stands for: nothing is downloaded for a login.
fn keys_of_a_website(text: &str) -> Option<Finding> {
    let address = match text.split_once(':') {
        Some(("gh", name)) => format!("https://github.com/{name}.keys"),
        Some(("lp", name)) => format!("https://launchpad.net/~{name}/+sshkeys"),
        _ if text.starts_with("https://") || text.starts_with("http://") => text.to_owned(),
        _ => return None,
    };
    let message = format!("{} is not a file: who may log in is not asked of a website", shown(text));
    let hint = format!(
        "Download it, look at it, and name the file: {}",
        shown(&format!("curl -o me.keys {address}"))
    );
    Some(Finding::new(message, hint))
}

/// Returns what is wrong, and what to do about it. `place` is the file and the line in it; the key is never
/// shown, as it may be a private one.
fn not_a_key(error: NotAPublicKey, location: Option<(&str, usize)>) -> Finding {
    let file = location.map_or_else(|| "FILE".to_owned(), |(file, _)| file.to_owned());
    let hint = match error {
        NotAPublicKey::Private => {
            "Name the file that ends in `.pub`; a private key never leaves your machine".to_owned()
        }
        NotAPublicKey::PrivateOfPutty => format!(
            "Run {}, or copy what PuTTYgen shows for pasting, and name the file with that: a private key never leaves your machine",
            shown(&format!("puttygen {file} -O public-openssh -o {file}.pub"))
        ),
        NotAPublicKey::Ssh2 => format!(
            "Run {} and name that file",
            shown(&format!("ssh-keygen -i -f {file} > {file}.openssh.pub"))
        ),
        NotAPublicKey::Pem { format } => format!(
            "Run {} and name that file",
            shown(&format!("ssh-keygen -i -m {format} -f {file} > {file}.openssh.pub"))
        ),
        NotAPublicKey::Certificate => {
            "Name the key itself (the `.pub` file without `-cert`), or that of the CA, with `cert-authority` before it"
                .to_owned()
        }
        NotAPublicKey::Comment => "Remove the `#`, or the whole item".to_owned(),
        NotAPublicKey::UnknownOption => {
            "Remove what stands before the key type, or look options up in sshd(8) under AUTHORIZED_KEYS FILE FORMAT"
                .to_owned()
        }
        NotAPublicKey::Option { name: "principals", .. } => {
            "Remove it, or write it like `cert-authority,principals=\"ann\"`".to_owned()
        }
        NotAPublicKey::Option { name: "command" | "from", .. } => {
            "Write it like `from=\"192.168.50.*\"`, options separated by commas without spaces".to_owned()
        }
        NotAPublicKey::Option { .. } => {
            "Look it up in sshd(8) under AUTHORIZED_KEYS FILE FORMAT, or remove it".to_owned()
        }
        NotAPublicKey::Dsa | NotAPublicKey::ShortRsa => "Make another with `ssh-keygen -t ed25519`".to_owned(),
        NotAPublicKey::Unreadable => {
            "Use the whole line of the `.pub` file, beginning with `ssh-ed25519` or the like".to_owned()
        }
    };
    let location =
        location.map_or_else(String::new, |(file, line)| format!("{}, line {line}: ", shown(file)));
    Finding::new(format!("{location}{error}"), hint).secret()
}
