//! `user:`, `users:` and `ssh:`.

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::syntax::YamlKind;
use crate::cluster::document::table::{added, keys};
use crate::cluster::document::types::{boolean, by, like, list, off, required, spanned, text, token};
use crate::cluster::document::value::{Field, FieldValue, Spanned};
use crate::cluster::document::{folders, schema};
use crate::cluster::fields::password_file::{self, PasswordInFile};
use crate::cluster::{
    AuthorizedKey, AuthorizedKeys, FieldSpan, NotAPublicKey, Password, PinnedKeys, Secret, Sudo, UserName,
    ssh,
};
use crate::io::plain_file;
use crate::types::{Digest, ImagePath, escape, image_path};
use serde_json::{Value, json};
use std::io::Read as _;
use std::time::SystemTime;

keys! {
    level USER: "user", "under `user:` or `users:`",
        "A user. Under `user:` it is the stock image's first one, renamed where asked for; under `users:`, one beside \
         it.";
    draft UserFields => User {};

    key name: UserName = like("^(?!root$)[a-z][a-z0-9_-]{0,31}$", text(user_name)) => UserName, else default_user_name(); {
        help: "Login name. A user of `users:` needs one.",
        example: "ann",
        schema: || json!({"default": "pi"}),
        here: "username user_name user",
    }
    key uid: u32 = token(uid) => Option<u32>; {
        help: "The number of a user of `users:`, and of the group of its name; the next free one from 1001 where absent. \
              The first user has 1000.",
        example: "1001",
        schema: || json!({"anyOf": [{"type": "integer", "minimum": 1000, "maximum": 60000}, {"type": "string", "pattern": "^\\d{4,5}$"}]}),
        here: "user_id id",
    }
    key login: bool = boolean() => bool, else true; {
        help: "`false` for a user that nobody logs in as: without password, keys and sudo, and with a shell that ends \
              at once. Where it is the first one, another has to be able to log in.",
        example: "true",
        schema: || json!({"default": true}),
    }
    key shell: ImagePath = like(r"^/[^\s:]+$", text(shell)) => ImagePath, else image_path!("/bin/bash"); {
        help: "Login shell, with its whole path inside the image.",
        example: "/bin/zsh",
        schema: || json!({"default": "/bin/bash"}),
    }
    key groups: Vec<Spanned<String>> = list(spanned(like("^[A-Za-z0-9_.-]+$", text(group)))) => Vec<String>, else vec![]; {
        help: "Groups of the image to join beside the user's own; the first user stays in those that it is in. A group \
              that a package brings is joined under `first_boot:`.",
        example: "[gpio, video]",
        here: "group additional_groups supplementary_groups extra_groups",
    }
    key password_hash: Password = like(r"^\$(y|gy|7|2[aby]|[56])\$.{30,}$", token(password_hash)) => Option<Password>; {
        help: "A hash as `openssl passwd -6` prints it, in single quotes; no password where absent.",
        example: "'$6$salt$what.openssl.passwd.-6.prints'",
        here: "pwd kennwort passwort clave",
        others: "password passwd hashed_passwd hashed_password password_encrypted pass user_password \
              plain_text_passwd chpasswd password_user sshuserpassword auto_setup_global_password",
    }
    | password_file = by(password_file); {
        help: "A file with the password in its one line, or with a hash of it. A password is hashed, and only the hash \
              goes onto cards; the salt comes from the cluster's secret, so that every build gives the same hash.",
        example: "ann.password",
        schema: || json!({"type": "string"}),
        here: "passwordfile password_path",
    }
    key ssh_authorized_keys: AuthorizedKeys = by(all_authorized_keys)
        => AuthorizedKeys, else AuthorizedKeys::default(); {
        help: "Public keys that may log in: files, the keys themselves, or keys that GitHub lists for an account, by \
              their fingerprints. While none is named for the first user, the cluster's own login key is used.",
        example: "[~/.ssh/id_ed25519.pub]",
        schema: keys_schema,
        others: "ssh_keys ssh_key authorized_keys authorized_key public_key public_keys pubkey ssh_public_key \
              ssh_public_keys ssh_pub_key sshpublickey sshauthorizedkeys ssh_import_id authkey import_key \
              sshkey auto_setup_ssh_pubkey",
    }
    key sudo: Sudo = by(sudo) => Sudo, derived default_sudo; {
        help: "Whether the user may do what root does: `nopasswd`, `password` (sudo asks for it) or `none`. For the first \
              user `nopasswd` where it has no password, otherwise `password`; for one of `users:` `none`.",
        example: "password",
        schema: || json!({"anyOf": [{"enum": ["nopasswd", "password", "passwordless"]}, off()]}),
    }
}

keys! {
    level GITHUB_KEYS: "github_keys", "under `ssh_authorized_keys:`",
        "Keys that GitHub lists for an account. They are fetched once; what is not named by its fingerprint is not let \
         in.",
        schema || json!({"required": ["github", "fingerprints"]});
    draft GithubFields;

    key github: String = required("ann", by(|value| value.token().map(str::to_owned))); {
        help: "The name of the account.",
        example: "ann",
        schema: || json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
        here: "account gh",
    }
    key fingerprints: Vec<Digest> = list(token(fingerprint)); {
        help: "The fingerprints of the keys, as `curl https://github.com/ann.keys | ssh-keygen -lf -` shows them.",
        example: "[\"SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ\"]",
        schema: || {
            let one = json!({"type": "string", "pattern": "^SHA256:[A-Za-z0-9+/]{43}$"});
            json!({"anyOf": [{"type": "array", "items": one}, one]})
        },
        here: "fingerprint pins",
    }
}

fn keys_schema() -> Value {
    let one = json!({"anyOf": [{"type": "string"}, schema::reference(&GITHUB_KEYS)]});
    json!({"anyOf": [{"type": "array", "items": one}, one]})
}

keys! {
    level SSH: "ssh", "under `ssh:`", "Who may log in over SSH.";
    draft SshFields => Ssh {};

    key password_login: bool = boolean() => bool, else false; {
        help: "Whether a password suffices. Needs a user who has one.",
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

impl User {
    /// Returns a user of which nodes.yaml says no more than the name.
    pub fn named(name: UserName) -> Self {
        Self {
            name,
            uid: None,
            login: true,
            shell: image_path!("/bin/bash"),
            groups: Vec::new(),
            password_hash: None,
            ssh_authorized_keys: AuthorizedKeys::default(),
            sudo: Sudo::WithoutPassword,
        }
    }
}

fn default_sudo(user: &UserFields) -> Sudo {
    if user.login.given().is_some_and(|login| !login.value) {
        Sudo::None
    } else if user.password_hash.is_absent() {
        Sudo::WithoutPassword
    } else {
        Sudo::WithPassword
    }
}

fn sudo(value: &FieldValue<'_>) -> Option<Sudo> {
    if value.is_off() {
        return Some(Sudo::None);
    }
    // The word before there was a third choice.
    if matches!(value.kind(), YamlKind::Scalar(scalar) if scalar.text == "passwordless") {
        return Some(Sudo::WithoutPassword);
    }
    value.one_of(&[
        ("nopasswd", Sudo::WithoutPassword),
        ("password", Sudo::WithPassword),
        ("none", Sudo::None),
    ])
}

/// login.defs(5), `UID_MAX`; the numbers up to 1000 are the system's and the first user's.
fn uid(text: &str) -> Result<u32, Finding> {
    text.parse().ok().filter(|uid| (1000..=60_000).contains(uid)).ok_or_else(|| {
        Finding::new(
            format!("{} is not the number of a user", shown(text)),
            "Write a number from 1001 to 60000",
        )
    })
}

/// The fields of /etc/group are separated by colons, and names by commas.
fn group(text: &str) -> Result<String, Finding> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.');
    if !text.is_empty() && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    let message = format!("{} is not the name of a group", shown(text));
    Err(Finding::new(message, "Write names as /etc/group has them, like `[gpio, video]`"))
}

/// Reads `users:`. Unlike the first user, these have a name of their own, and no sudo unless it is asked for.
pub(crate) fn added_users(value: &FieldValue<'_>) -> Option<Vec<Spanned<UserFields>>> {
    value.list_of_mappings(&USER, |item| {
        let fields = item.fields(&USER)?;
        let mut user = UserFields::read(&fields);
        if user.name.is_absent() {
            user.name = fields.required("name", "bob", |_| None);
        }
        if user.sudo.is_absent() {
            user.sudo = Field::Given(item.spanned(Sudo::None));
        }
        Some(item.spanned(user))
    })
}

/// Merges lists: the cluster's first, then the node's, without those of the cluster's that the node's take the place of.
pub(crate) fn by_name(
    own: &Field<Vec<Spanned<UserFields>>>,
    cluster: &Field<Vec<Spanned<UserFields>>>,
) -> Field<Vec<Spanned<UserFields>>> {
    let mut others = cluster.clone();
    if let (Field::Given(others), Field::Given(own)) = (&mut others, own) {
        let name = |user: &Spanned<UserFields>| user.value.name.to_value();
        others.value.retain(|user| !own.value.iter().any(|own| name(own) == name(user)));
    }
    added(own, &others)
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

/// Returns the salt and the hash of what crypt(5) makes: `$id$…` of yescrypt, gost-yescrypt, scrypt, bcrypt, SHA-512,
/// SHA-256.
fn salt_and_hash(text: &str) -> Option<&str> {
    const PREFIXES: [&str; 8] = ["$y$", "$gy$", "$7$", "$2a$", "$2b$", "$2y$", "$6$", "$5$"];
    PREFIXES.iter().find_map(|prefix| text.strip_prefix(prefix))
}

fn password_hash(text: &str) -> Result<Password, Finding> {
    let salt_and_hash = salt_and_hash(text);
    let plausible = salt_and_hash.is_some_and(|rest| {
        rest.len() >= 30
            && text.len() <= 512
            && rest.contains('$')
            && rest.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b':' | b'!' | b'*' | b'\\'))
    });
    if plausible {
        return Ok(Password::Hash(Secret::new(text.to_owned())));
    }
    let message = if salt_and_hash.is_some() {
        "this password hash is not whole"
    } else {
        "this is not a password hash (a password itself may not be written here)"
    };
    let hint = "Run `openssl passwd -6` and put what it prints here, in single quotes; or put the password into a file, and name that as `password_file:`";
    Err(Finding::new(message, hint).secret())
}

/// More than libxcrypt takes (crypt(3), `CRYPT_MAX_PASSPHRASE_SIZE`), and the end of the line.
const LONGEST_PASSWORD: usize = 511;

/// Reads a file with a password, or the hash of one, in its one line.
fn password_file(value: &FieldValue<'_>) -> Option<Password> {
    let PasswordInFile { password, name } = password_file::read(value, LONGEST_PASSWORD)?;
    let refused = |found: &str| {
        let hint = "Write the password, and nothing else, into the one line of the file";
        value.report(Finding::new(format!("{name} {found}"), hint));
        None
    };
    if salt_and_hash(&password).is_some() {
        let hash = password_hash(&password).ok();
        return hash.or_else(|| refused("has a password hash that is not whole"));
    }
    match password.as_str() {
        "" => refused("is empty"),
        long if long.len() > LONGEST_PASSWORD => {
            refused("is longer than a password can be, which is 511 bytes")
        }
        lines if lines.contains('\n') => refused("has more than one line"),
        text if text.contains(escape::is_control) => refused("has a control character"),
        text => Some(Password::Plain(Secret::new(text.to_owned()))),
    }
}

/// A `.pub` file is some hundred bytes; an authorized_keys file of a thousand people, a quarter of this.
const LONGEST_KEY_FILE: u64 = 1 << 20;

/// An entry of `ssh_authorized_keys`.
enum KeyEntry {
    Lines(Vec<AuthorizedKey>),
    Pinned(PinnedKeys),
}

/// The list `ssh_authorized_keys`, each key once. It is the key that counts: a second line with the same key
/// and the same options changes nothing, whatever its comment.
fn all_authorized_keys(value: &FieldValue<'_>) -> Option<AuthorizedKeys> {
    let items = value.list_of_mappings(&GITHUB_KEYS, |item| {
        let entry = match item.kind() {
            YamlKind::Mapping(_) => KeyEntry::Pinned(pinned_keys(item)?),
            _ => KeyEntry::Lines(authorized_keys(item)?),
        };
        Some((item.span(), entry))
    })?;
    let mut keys = AuthorizedKeys::default();
    for (span, entry) in items {
        match entry {
            KeyEntry::Pinned(pinned) => keys.pinned.push(pinned),
            KeyEntry::Lines(lines) => {
                for key in lines {
                    add_key(&mut keys.lines, key, &span, value.diagnostics());
                }
            }
        }
    }
    let is_authority = |key: &AuthorizedKey| key.terms().cert_authority;
    if !keys.lines.is_empty() && keys.pinned.is_empty() && keys.lines.iter().all(is_authority) {
        let message = "every key here is that of a CA: only who has a certificate from it gets in";
        let hint =
            "Sign a key with `ssh-keygen -s CA -I NAME -n USER KEY.pub`, or add a key that logs in by itself";
        value.warn(Finding::new(message, hint));
    }
    Some(keys)
}

fn add_key(keys: &mut Vec<AuthorizedKey>, key: AuthorizedKey, span: &FieldSpan, diagnostics: &Diagnostics) {
    if let Some(known) = keys.iter_mut().find(|known| known.is_equivalent(&key)) {
        known.learn_from(&key);
        return;
    }
    if keys.iter().any(|known| known.is_same_key(&key)) {
        let message = "the same key is named twice, with different options before it";
        let hint =
            "Keep one of the two: sshd goes by the first whose `from` and `expiry-time` fit, not by both";
        diagnostics.warn(span, Finding::new(message, hint));
    }
    warn_of_terms(&key, span, diagnostics);
    keys.push(key);
}

/// Reads `{github: ann, fingerprints: [SHA256:…]}`.
fn pinned_keys(item: &FieldValue<'_>) -> Option<PinnedKeys> {
    let GithubFields { github, fingerprints, .. } = GithubFields::read(&item.fields(&GITHUB_KEYS)?);
    let account = github.given()?.value.clone();
    let mut pins: Vec<Digest> = Vec::new();
    for fingerprint in fingerprints.items() {
        if !pins.contains(fingerprint) {
            pins.push(*fingerprint);
        }
    }
    if fingerprints.is_invalid() {
        return None;
    }
    if pins.is_empty() {
        item.report(not_pinned(&account));
        return None;
    }
    let pinned = github.parse(item.diagnostics(), |account| {
        PinnedKeys::new(account, pins).map_err(|reason| {
            let message = format!("{} is no name of an account on GitHub: it {reason}", shown(account));
            Finding::new(message, "Write the name alone, like `ann`")
        })
    });
    pinned.value()
}

/// Returns what to say of keys of an account that are not pinned.
fn not_pinned(account: &str) -> Finding {
    let message = format!(
        "keys of {} on GitHub are named without their fingerprints: whoever gets at the account would get in",
        shown(account)
    );
    let hint = format!(
        "Write {} with what {} shows, when it is what the owner of the account tells you",
        shown(&format!("{{github: {account}, fingerprints: [\"SHA256:…\"]}}")),
        shown(&format!("curl https://github.com/{account}.keys | ssh-keygen -lf -"))
    );
    Finding::new(message, hint)
}

fn fingerprint(text: &str) -> Result<Digest, Finding> {
    ssh::fingerprint(text).ok_or_else(|| {
        let message = format!("{} is not the SHA-256 fingerprint of a key", shown(text));
        Finding::new(
            message,
            "Write what `ssh-keygen -lf` shows: `SHA256:` and 43 letters and digits behind it",
        )
    })
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

/// cloud-init's `ssh_import_id`, and the address it stands for: what is downloaded for a login is pinned.
fn keys_of_a_website(text: &str) -> Option<Finding> {
    let on_github = text.strip_prefix("https://github.com/").and_then(|path| path.strip_suffix(".keys"));
    let address = match text.split_once(':') {
        _ if on_github.is_some() => return on_github.map(not_pinned),
        Some(("gh" | "github", name)) => return Some(not_pinned(name)),
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
