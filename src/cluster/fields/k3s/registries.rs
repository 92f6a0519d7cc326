//! `registries:` of `k3s:`, where images come from and with which credentials: nothing in it is ever shown.
//!
//! k3s reads the file without saying what it does not know, and ends where a value is of another type. So all of
//! it is checked, down to the last key (docs.k3s.io, "Private Registry Configuration").

use crate::cluster::diagnostic::{Diagnostics, Finding, shown};
use crate::cluster::document::syntax::{Scalar, ScalarType, YamlKind};
use crate::cluster::document::value::{FieldValue, Spanned};
use crate::cluster::document::yaml_files::called;
use crate::cluster::document::{advice, syntax, yaml_files};
use crate::cluster::fields::k3s::kubernetes_names::is_base64;
use crate::cluster::{FieldSpan, Registries, Secret};
use crate::types::absent::OrEmpty as _;
use serde_json::{Map, Value};
use std::path::Path;

/// A mapping, or a file that holds one.
pub(crate) fn read(value: &FieldValue<'_>) -> Option<Registries> {
    if matches!(value.kind(), YamlKind::Scalar(_)) {
        let folders = value.folders();
        let path = value.parse(|text| folders.existing_file(text))?;
        return from_file(&path, value);
    }
    let mut check = RegistriesCheck { diagnostics: value.diagnostics(), as_it_is: false, complete: true };
    let registries = check.registries(value);
    check.complete.then_some(Registries::Inline(registries))
}

/// Reads the text of a file. Every mistake in it is reported at the value that names the file.
fn from_file(path: &Path, value: &FieldValue<'_>) -> Option<Registries> {
    let called = called(path);
    let found = yaml_files::read_text(path, &called).and_then(|text| {
        let documents = yaml_files::documents(&text, &called)?;
        match documents.as_slice() {
            [only] if only.value.is_object() => Ok(text),
            _ => Err(Finding::new(
                format!("{called} is not one mapping with `mirrors:` and `configs:`"),
                "Write it as docs.k3s.io has it under \"Private Registry Configuration\"",
            )),
        }
    });
    let text = found.map_err(|finding| value.report(finding)).ok()?;
    let of_file = Diagnostics::default();
    match syntax::read(&text) {
        Ok(document) => {
            for syntax_error in document.syntax_errors {
                syntax_error.report(true, value.folders(), &of_file);
            }
            let mut check = RegistriesCheck { diagnostics: &of_file, as_it_is: true, complete: true };
            check.registries(&FieldValue::root(&document.root, &of_file, value.folders(), &[]));
        }
        Err(syntax_error) => syntax_error.report(true, value.folders(), &of_file),
    }
    let (problems, _) = of_file.into_sorted();
    let complete = problems.is_empty();
    for problem in problems {
        let message = format!("{called}, line {}: {}", problem.line, problem.message);
        let hint = problem.hint.unwrap_or_else(|| "Correct the file".to_owned());
        value.report(Finding::new(message, hint).secret());
    }
    complete.then_some(Registries::File(Secret::new(text)))
}

/// Goes through it, puts down what k3s would not take, and gives what it takes.
struct RegistriesCheck<'r> {
    diagnostics: &'r Diagnostics,
    /// The text is the very one that k3s will read. Otherwise what has a plain meaning can be written out for
    /// it.
    as_it_is: bool,
    complete: bool,
}

type Entries<'t> = Vec<(Spanned<&'t str>, FieldValue<'t>)>;

impl RegistriesCheck<'_> {
    fn report(&mut self, span: &FieldSpan, message: String, hint: impl Into<String>) {
        self.complete = false;
        self.diagnostics.report(span, Finding::new(message, hint).secret());
    }

    /// The entries of a mapping, which may be absent; `whose` says of what.
    fn entries<'t>(&mut self, value: &FieldValue<'t>, whose: &str, example: &str) -> Entries<'t> {
        if matches!(value.kind(), YamlKind::Mapping(_) | YamlKind::Nothing)
            && let Some(entries) = value.entries()
        {
            return entries;
        }
        self.report(&value.span(), format!("{whose} is a mapping"), format!("Write it like `{example}`"));
        Vec::new()
    }

    /// Those of them whose key k3s knows there.
    fn known<'t>(
        &mut self,
        value: &FieldValue<'t>,
        whose: &str,
        known: &[&str],
        example: &str,
    ) -> Entries<'t> {
        let entries = self.entries(value, whose, example);
        let (right, unknown): (Vec<_>, Vec<_>) =
            entries.into_iter().partition(|(key, _)| known.contains(&key.value));
        for (key, _) in unknown {
            let hint = if let Some((near, _)) = advice::nearest(key.value, known) {
                format!("Did you mean `{near}`?")
            } else {
                let known: Vec<_> = known.iter().map(|key| format!("`{key}`")).collect();
                format!("k3s reads {} there", known.join(", "))
            };
            self.report(&key.span, format!("{} means nothing to k3s in {whose}", shown(key.value)), hint);
        }
        right
    }

    fn registries(&mut self, value: &FieldValue<'_>) -> Map<String, Value> {
        let example = "mirrors: {docker.io: {endpoint: [\"https://mirror.example.org\"]}}";
        let entries = self.known(value, "registries", &["mirrors", "configs"], example);
        entries
            .iter()
            .map(|(key, value)| {
                let registries = match key.value {
                    "mirrors" => self.mirrors(value),
                    _ => self.configs(value),
                };
                (key.value.to_owned(), Value::Object(registries))
            })
            .collect()
    }

    fn mirrors(&mut self, value: &FieldValue<'_>) -> Map<String, Value> {
        const EXAMPLE: &str = "docker.io: {endpoint: [\"https://mirror.example.org\"]}";
        let mut mirrors = Map::new();
        for (name, value) in self.entries(value, "`mirrors`", EXAMPLE) {
            // An image's name begins with it: a host, perhaps with a port; `*` stands for all.
            let bare = name.value.split_once("://").map_or(name.value, |(_, rest)| rest);
            let bare = bare.split('/').next().unwrap_or(bare);
            if bare != name.value || bare.is_empty() {
                let message = format!("{} is not the name of a registry", shown(name.value));
                self.report(
                    &name.span,
                    message,
                    format!("Write its host alone, like `{}`", example_of(bare)),
                );
            }
            self.check_port(&name.span, bare);
            let mut mirror = Map::new();
            for (key, value) in self.known(&value, "a mirror", &["endpoint", "rewrite"], EXAMPLE) {
                let read = match key.value {
                    "endpoint" => self.endpoints(&value),
                    _ => self.rewrites(&value),
                };
                mirror.insert(key.value.to_owned(), read);
            }
            mirrors.insert(name.value.to_owned(), Value::Object(mirror));
        }
        mirrors
    }

    fn endpoints(&mut self, value: &FieldValue<'_>) -> Value {
        const EXAMPLE: &str = "Write it like `endpoint: [\"https://mirror.example.org:5000\"]`";
        let items = match value.kind() {
            YamlKind::Scalar(_) if self.as_it_is => {
                self.report(&value.span(), "`endpoint` is a list".to_owned(), EXAMPLE);
                return Value::Null;
            }
            YamlKind::Mapping(_) => {
                self.report(&value.span(), "`endpoint` is a list of addresses".to_owned(), EXAMPLE);
                return Value::Null;
            }
            _ => value.items().or_empty(),
        };
        let mut endpoints = Vec::new();
        for item in items {
            let Some(text) = self.text(&item, "an endpoint") else { continue };
            let host = ["https://", "http://"].iter().find_map(|scheme| text.strip_prefix(scheme));
            let host = host.map(|rest| rest.split(['/', '?']).next().unwrap_or(rest));
            match host {
                Some(host) if host.contains('@') => {
                    let hint =
                        "Write them under `configs:`, as `auth: {username: …, password: …}` of that host";
                    self.report(&item.span(), "this endpoint holds credentials".to_owned(), hint);
                }
                Some(host) if !host.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    self.check_port(&item.span(), host);
                    endpoints.push(Value::String(text));
                }
                _ => {
                    let message = format!("{} is not the address of an endpoint", shown(&text));
                    let with_scheme = !text.contains("://") && !text.is_empty() && !text.contains(' ');
                    let hint = if with_scheme {
                        format!("Write it with its scheme: {}", shown(&format!("https://{text}")))
                    } else {
                        EXAMPLE.to_owned()
                    };
                    self.report(&item.span(), message, hint);
                }
            }
        }
        Value::Array(endpoints)
    }

    fn rewrites(&mut self, value: &FieldValue<'_>) -> Value {
        const EXAMPLE: &str = "rewrite: {\"^library/(.*)\": \"mirror/$1\"}";
        let mut rewrites = Map::new();
        for (pattern, value) in self.entries(value, "`rewrite`", EXAMPLE) {
            if let Some(text) = self.text(&value, "what a name is rewritten to") {
                rewrites.insert(pattern.value.to_owned(), Value::String(text));
            }
        }
        Value::Object(rewrites)
    }

    fn configs(&mut self, value: &FieldValue<'_>) -> Map<String, Value> {
        const EXAMPLE: &str = "registry.example.org: {auth: {username: …, password: …}}";
        let mut configs = Map::new();
        for (name, value) in self.entries(value, "`configs`", EXAMPLE) {
            self.check_port(&name.span, name.value);
            let mut config = Map::new();
            for (key, value) in self.known(&value, "the config of a registry", &["auth", "tls"], EXAMPLE) {
                let read = match key.value {
                    "auth" => self.auth(&value),
                    _ => self.tls(&value),
                };
                config.insert(key.value.to_owned(), Value::Object(read));
            }
            configs.insert(name.value.to_owned(), Value::Object(config));
        }
        configs
    }

    /// Checks the port behind a host, where there is one. An IPv6 address with a port is in brackets.
    fn check_port(&mut self, span: &FieldSpan, host: &str) {
        let port = match host.strip_prefix('[') {
            Some(rest) => rest.split_once("]:").map(|(_, port)| port),
            None => host.split_once(':').map(|(_, port)| port).filter(|port| !port.contains(':')),
        };
        let is_right = |port: &str| {
            port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
        };
        if port.is_some_and(|port| !is_right(port)) {
            // The host is not shown: somebody may have written credentials before it.
            let message = "the port of this host is invalid".to_owned();
            self.report(span, message, "Write a number from 1 to 65535 behind the `:`, or no port");
        }
    }

    fn auth(&mut self, value: &FieldValue<'_>) -> Map<String, Value> {
        const KEYS: [&str; 4] = ["username", "password", "auth", "identity_token"];
        let mut auth = Map::new();
        let entries = self.known(value, "`auth`", &KEYS, "auth: {username: …, password: …}");
        for (key, value) in &entries {
            if let Some(text) = self.text(value, &format!("`{}`", key.value)) {
                if key.value == "auth" && !is_base64(&text) {
                    let message = "`auth` is not Base64".to_owned();
                    self.report(&value.span(), message, "Write `username:` and `password:` instead");
                }
                auth.insert(key.value.to_owned(), Value::String(text));
            }
        }
        // containerd takes a user name without a password for one whose password is empty, and passes over a password
        // without a user name.
        let has = |wanted: &str| entries.iter().any(|(key, _)| key.value == wanted);
        if has("username") != has("password") {
            let message = "`username` and `password` go together".to_owned();
            self.report(&value.span(), message, "Add the other, or remove this one");
        }
        auth
    }

    fn tls(&mut self, value: &FieldValue<'_>) -> Map<String, Value> {
        const KEYS: [&str; 4] = ["ca_file", "cert_file", "key_file", "insecure_skip_verify"];
        const EXAMPLE: &str = "tls: {ca_file: /etc/ssl/certs/mine.pem}";
        let mut tls = Map::new();
        let entries = self.known(value, "`tls`", &KEYS, EXAMPLE);
        for (key, value) in &entries {
            if key.value == "insecure_skip_verify" {
                if matches!(value.kind(), YamlKind::Scalar(scalar) if scalar.is_boolean())
                    && let Some(skips) = value.boolean()
                {
                    tls.insert(key.value.to_owned(), Value::Bool(skips));
                } else {
                    let message = format!("`{}` is true or false", key.value);
                    self.report(&value.span(), message, "Write `true` or `false`, without quotes");
                }
            } else if let Some(text) = self.text(value, &format!("`{}`", key.value)) {
                if !text.starts_with('/') {
                    let message = format!("{} is not a whole path on the node", shown(&text));
                    let hint = format!("Write it like `{EXAMPLE}`, and bring the file with `files:`");
                    self.report(&value.span(), message, hint);
                }
                tls.insert(key.value.to_owned(), Value::String(text));
            }
        }
        let has = |wanted: &str| entries.iter().any(|(key, _)| key.value == wanted);
        if has("cert_file") != has("key_file") {
            let message = "`cert_file` and `key_file` go together".to_owned();
            self.report(&value.span(), message, "Add the other, or remove this one");
        }
        tls
    }

    /// A text; k3s takes nothing else for one. In nodes.yaml itself it is written out in quotes for it.
    fn text(&mut self, value: &FieldValue<'_>, whose: &str) -> Option<String> {
        match value.kind() {
            YamlKind::Scalar(scalar) if scalar.resolved == ScalarType::Text || !self.as_it_is => {
                return Some(scalar.text.clone());
            }
            YamlKind::Scalar(_) => {
                let message = format!("{whose} is a text, which YAML reads as something else");
                self.report(&value.span(), message, "Put it in quotes");
            }
            YamlKind::Nothing | YamlKind::List(_) | YamlKind::Mapping(_) => {
                self.report(&value.span(), format!("{whose} is a single text"), "Write a single value");
            }
        }
        None
    }
}

/// A host to show in an example.
fn example_of(host: &str) -> &str {
    let plain = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':'));
    if plain { host } else { "docker.io" }
}

impl Scalar {
    /// Returns `true` if it is `true` or `false` to YAML, or to an older YAML as k3s reads it.
    fn is_boolean(&self) -> bool {
        let old = ["yes", "no", "on", "off"].iter().any(|word| self.text.eq_ignore_ascii_case(word));
        matches!(self.resolved, ScalarType::Boolean(_)) || (self.plain && old)
    }
}
