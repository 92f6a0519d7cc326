//! The levels of ARCHITECTURE.md, held against the paths that the code really names.
//!
//! Read are the two tables of ARCHITECTURE.md and the production code below src/: comments, strings and whatever is
//! behind `#[cfg(test)]` do not count. An *arrow* leads from the module that holds a path (`use` or inline) to the
//! module that the path names, when it begins with `crate`, `super`, `self`, the library's name or a child module.
//!
//! - Levels: an arrow leads to a lower row, or within a row to a module further right. Arrows are taken as written:
//!   `crate::fs::Mode` needs `fs`, wherever `Mode` is defined. The root (`lib.rs`) only joins and has no row.
//! - Circles: in every folder, no arrows lead from a file or sub-folder through its siblings back to itself. Here a
//!   name is followed through re-exports to the sibling that defines it. The folder's own `mod.rs` is not part of a
//!   circle: it holds what the siblings share and puts them together, so arrows in both directions are its purpose.
//! - Crates: one top-level module names a third-party crate, unless the second table gives it more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A path of names: of a module from the root of the crate, or as it is written.
type Names = Vec<String>;

struct Token {
    text: String,
    line: usize,
}

/// A path in the code, in a `use` or inline.
struct Mention {
    /// The module around it.
    scope: Names,
    path: Names,
    /// The name that a `use` gives it, `*` for a glob.
    binds: Option<String>,
    /// It begins with `::`, so that a crate is meant.
    leading: bool,
    line: usize,
}

struct Source {
    file: String,
    module: Names,
    mentions: Vec<Mention>,
}

/// The production code of a crate.
#[derive(Default)]
struct Code {
    sources: Vec<Source>,
    modules: BTreeSet<Names>,
    /// The names that each module imports.
    bound: BTreeMap<(Names, String), Names>,
    globs: BTreeMap<Names, Vec<Names>>,
    /// The items that each module defines.
    items: BTreeSet<(Names, String)>,
}

/// The two tables of ARCHITECTURE.md.
#[derive(Default)]
struct Architecture {
    /// The row and the place in it.
    modules: BTreeMap<String, (usize, usize)>,
    /// The modules that may name a crate; `any` stands for all.
    crates: BTreeMap<String, Vec<String>>,
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

fn names(path: &str) -> Names {
    path.split('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn joined(scope: &[String], path: &[String]) -> Names {
    [scope, path].concat()
}

/// Returns how long the comment or the literal at the beginning of `text` is; 0 where there is none.
fn skipped(text: &str) -> usize {
    let until =
        |from: usize, end: &str| text[from..].find(end).map_or(text.len(), |at| from + at + end.len());
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return until(2, "*/");
    }
    let raw = text.trim_start_matches(['b', 'c']).strip_prefix('r').unwrap_or("");
    let hashes = raw.len() - raw.trim_start_matches('#').len();
    if raw[hashes..].starts_with('"') {
        let from = text.find('"').unwrap() + 1;
        return until(from, &format!("\"{}", "#".repeat(hashes)));
    }
    let quote = if text.starts_with('"') { '"' } else { '\'' };
    let Some(rest) = text.strip_prefix(quote) else { return 0 };
    let mut escaped = false;
    let end = rest.char_indices().find(|&(_, letter)| {
        let ends = letter == quote && !escaped;
        escaped = letter == '\\' && !escaped;
        ends
    });
    let length = end.map_or(0, |(at, _)| at + 2);
    // A lifetime has no second quote right behind its first letter.
    let is_literal = quote == '"' || rest.starts_with('\\') || rest.chars().nth(1) == Some('\'');
    if is_literal { length } else { 0 }
}

fn tokens(text: &str) -> Vec<Token> {
    let (mut found, mut at, mut line) = (Vec::new(), 0, 1);
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let word = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let length = match skipped(rest) {
            0 if word > 0 => word,
            0 if rest.starts_with("::") => 2,
            0 => first.len_utf8(),
            literal => literal,
        };
        let token = &rest[..length];
        if skipped(rest) == 0 && !first.is_whitespace() {
            found.push(Token { text: token.to_owned(), line });
        } else if !first.is_whitespace() && first != '/' {
            found.push(Token { text: "\"\"".to_owned(), line });
        }
        line += token.matches('\n').count();
        at += length;
    }
    found
}

/// Returns the index behind the bracket that closes the one at `at`.
fn closing(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (index, token) in tokens.iter().enumerate().skip(at) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    tokens.len()
}

/// Takes out what is behind `#[cfg(test)]`; returns the names of the modules among it that are other files.
fn without_tests(mut tokens: Vec<Token>) -> (Vec<Token>, Names) {
    let text =
        |tokens: &[Token], at: usize| tokens.get(at).map_or_else(String::new, |token| token.text.clone());
    let (mut modules, mut at) = (Vec::new(), 0);
    while at < tokens.len() {
        let head: String = (at..at + 5).map(|index| text(&tokens, index)).collect();
        let all = head == "#[cfg(all" && text(&tokens, at + 6) == "test";
        if head != "#[cfg(test" && !all {
            at += 1;
            continue;
        }
        let mut end = at;
        while text(&tokens, end) == "#" {
            end = closing(&tokens, end + 1);
        }
        let start = end;
        // The item ends with a semicolon, or with its first block, which for a `use` is only a list.
        let is_use = (start..start + 5).any(|index| text(&tokens, index) == "use");
        loop {
            match text(&tokens, end).as_str() {
                "" => break,
                ";" => {
                    end += 1;
                    break;
                }
                "{" if !is_use => {
                    end = closing(&tokens, end);
                    break;
                }
                "(" | "[" | "{" => end = closing(&tokens, end),
                _ => end += 1,
            }
        }
        if text(&tokens, end - 1) == ";" && text(&tokens, end - 3) == "mod" {
            modules.push(text(&tokens, end - 2));
        }
        tokens.drain(at..end);
    }
    (tokens, modules)
}

/// Reads one tree of a `use`; returns the index behind it.
fn read_use(
    tokens: &[Token],
    mut at: usize,
    prefix: &[String],
    scope: &[String],
    out: &mut Vec<Mention>,
) -> usize {
    let mut path = prefix.to_vec();
    let leading = tokens[at].text == "::";
    let line = tokens[at].line;
    let binds = loop {
        match tokens[at].text.as_str() {
            "::" => at += 1,
            "{" => {
                at += 1;
                while tokens[at].text != "}" {
                    at =
                        if tokens[at].text == "," { at + 1 } else { read_use(tokens, at, &path, scope, out) };
                }
                return at + 1;
            }
            "as" => {
                at += 2;
                break tokens[at - 1].text.clone();
            }
            name if is_name(name) => {
                if name != "self" || path.is_empty() {
                    path.push(name.to_owned());
                }
                at += 1;
            }
            "*" => {
                at += 1;
                break "*".to_owned();
            }
            _ => break path.last().cloned().unwrap(),
        }
    };
    out.push(Mention { scope: scope.to_vec(), path, binds: Some(binds), leading, line });
    at
}

impl Code {
    /// Reads files, given as their paths below src/ and their texts.
    fn read(files: &[(String, String)]) -> Self {
        let mut code = Self { modules: BTreeSet::from([Vec::new()]), ..Self::default() };
        let parts = files.iter().map(|(file, text)| (file, without_tests(tokens(text)))).map(
            |(file, (tokens, tests))| {
                let mut module = names(file.trim_end_matches(".rs"));
                if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                    module.pop();
                }
                (file, module, tokens, tests)
            },
        );
        let parts: Vec<_> = parts.collect();
        let tests: Vec<Names> = parts
            .iter()
            .flat_map(|(_, module, _, tests)| {
                tests.iter().map(|test| joined(module, std::slice::from_ref(test)))
            })
            .collect();
        for (file, module, tokens, _) in parts {
            if !tests.iter().any(|test| module.starts_with(test)) {
                code.modules.insert(module.clone());
                code.read_file(file, module, &tokens);
            }
        }
        code
    }

    fn read_file(&mut self, file: &str, module: Names, tokens: &[Token]) {
        let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
        // `main.rs` is the root of the program, whose modules stand beside those of the library.
        let root = if file == "main.rs" { Vec::new() } else { module.clone() };
        let (mut blocks, mut mentions, mut at) = (Vec::<Option<String>>::new(), Vec::new(), 0);
        while at < tokens.len() {
            let scope = joined(&root, &blocks.iter().flatten().cloned().collect::<Vec<_>>());
            let before = if at > 0 { text(at - 1) } else { "" };
            match text(at) {
                "{" => {
                    let inline = (at > 1 && text(at - 2) == "mod").then(|| before.to_owned());
                    self.modules.extend(inline.iter().map(|name| joined(&scope, std::slice::from_ref(name))));
                    blocks.push(inline);
                }
                "}" => drop(blocks.pop()),
                "use" if text(at + 1) != "<" => {
                    at = read_use(tokens, at + 1, &[], &scope, &mut mentions);
                    continue;
                }
                "struct" | "enum" | "trait" | "type" | "union" | "fn" | "const" | "static" => {
                    self.items.insert((scope, text(at + 1).to_owned()));
                }
                word if is_name(word) && before != "." => {
                    let leading = before == "::" && at > 1 && !is_name(text(at - 2)) && text(at - 2) != ">";
                    let mut path = vec![word.to_owned()];
                    let mut end = at + 1;
                    while text(end) == "::" && is_name(text(end + 1)) {
                        path.push(text(end + 1).to_owned());
                        end += 2;
                    }
                    if path.len() > 1 && (before != "::" || leading) {
                        mentions.push(Mention { scope, path, binds: None, leading, line: tokens[at].line });
                    }
                    at = end;
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        for mention in mentions.iter().filter(|_| file != "main.rs") {
            let (scope, path) = (mention.scope.clone(), mention.path.clone());
            match mention.binds.as_deref() {
                Some("*") => self.globs.entry(scope).or_default().push(path),
                Some(name) => self.bound.extend([((scope, name.to_owned()), path)]),
                None => {}
            }
        }
        self.sources.push(Source { file: format!("src/{file}"), module, mentions });
    }

    /// Returns a path as it is from the root of the crate; nothing where it names another crate.
    fn absolute(&self, mut scope: &[String], path: &[String]) -> Option<Names> {
        let ups = path.iter().take_while(|name| *name == "super").count();
        match path.first()?.as_str() {
            "crate" | "cardwright" => Some(path[1..].to_vec()),
            "self" => Some(joined(scope, &path[1..])),
            "super" => {
                scope = &scope[..scope.len().checked_sub(ups)?];
                Some(joined(scope, &path[ups..]))
            }
            first => {
                let child = joined(scope, &[first.to_owned()]);
                self.modules.contains(&child).then(|| joined(scope, path))
            }
        }
    }

    /// Returns the module that defines what an absolute path names, with re-exports followed.
    fn defining(&self, path: &[String], depth: usize) -> Names {
        let mut module = Vec::new();
        for (index, name) in path.iter().enumerate() {
            let child = joined(&module, std::slice::from_ref(name));
            if self.modules.contains(&child) {
                module = child;
                continue;
            }
            let bound = self.bound.get(&(module.clone(), name.clone())).cloned();
            let globs = self.globs.get(&module).into_iter().flatten();
            let through_glob = || {
                globs.map(|glob| joined(glob, std::slice::from_ref(name))).find(|path| {
                    let of = self.absolute(&module, &path[..path.len() - 1]);
                    of.is_some_and(|of| self.items.contains(&(of, name.clone())))
                })
            };
            let target = bound.or_else(through_glob).and_then(|target| self.absolute(&module, &target));
            if let Some(target) = target.filter(|target| depth < 8 && target[..] != path[..=index]) {
                return self.defining(&joined(&target, &path[index + 1..]), depth + 1);
            }
            break;
        }
        module
    }

    /// Returns every arrow that is written: where, and the absolute path that is named.
    fn arrows(&self) -> impl Iterator<Item = (&Source, &Mention, Names)> {
        self.sources.iter().flat_map(move |source| {
            let targets = source.mentions.iter().filter(|mention| !mention.leading);
            targets.filter_map(move |mention| {
                Some((source, mention, self.absolute(&mention.scope, &mention.path)?))
                    .filter(|(_, _, to)| !to.is_empty())
            })
        })
    }

    fn top_level(&self) -> BTreeSet<&str> {
        self.modules.iter().filter_map(|module| module.first()).map(String::as_str).collect()
    }

    /// Returns what does not agree with the table of levels.
    fn wrong_levels(&self, architecture: &Architecture) -> Vec<String> {
        let there = self.top_level();
        let rows: BTreeSet<&str> = architecture.modules.keys().map(String::as_str).collect();
        let mut wrong: Vec<String> =
            there.difference(&rows).map(|name| format!("`{name}` is in no row")).collect();
        wrong.extend(rows.difference(&there).map(|name| format!("`{name}` has a row and is no module")));
        for (source, mention, to) in self.arrows() {
            // A name that the root re-exports belongs to the module that defines it.
            let to = if there.contains(to[0].as_str()) { to } else { self.defining(&to, 0) };
            let (Some(from), Some(to)) = (source.module.first(), to.first()) else { continue };
            let (Some(above), Some(below)) = (architecture.modules.get(from), architecture.modules.get(to))
            else {
                continue;
            };
            if from != to && below <= above {
                let level = |(row, _): &(usize, usize)| format!("level {row}");
                let (file, line) = (&source.file, mention.line);
                wrong.push(format!(
                    "{file}:{line}: `{from}` ({}) names `{to}` ({})",
                    level(above),
                    level(below)
                ));
            }
        }
        wrong
    }

    /// Returns the circles among the direct children of each folder, with their arrows.
    fn circles(&self) -> Vec<String> {
        let mut folders = BTreeMap::<Names, BTreeMap<(String, String), String>>::new();
        for (source, mention, to) in self.arrows() {
            let (from, to) = (&source.module, self.defining(&to, 0));
            let shared = from.iter().zip(&to).take_while(|(from, to)| from == to).count();
            if shared < from.len() && shared < to.len() {
                let arrows = folders.entry(from[..shared].to_vec()).or_default();
                let place = format!("{}:{}", source.file, mention.line);
                arrows.entry((from[shared].clone(), to[shared].clone())).or_insert(place);
            }
        }
        folders.iter().flat_map(|(folder, arrows)| circles_of(folder, arrows)).collect()
    }

    /// Returns the crates that are named where the second table does not let them be.
    fn wrong_crates(&self, architecture: &Architecture, crates: &BTreeSet<String>) -> Vec<String> {
        let mut users = BTreeMap::<&str, BTreeMap<&str, String>>::new();
        for source in &self.sources {
            for mention in &source.mentions {
                let name = &mention.path[0];
                let key = (mention.scope.clone(), name.clone());
                let is_module = self.modules.contains(&joined(&mention.scope, std::slice::from_ref(name)));
                let is_bound = self.bound.get(&key).is_some_and(|path| path != std::slice::from_ref(name));
                if crates.contains(name) && (mention.leading || !is_module && !is_bound) {
                    let module = source.module.first().map_or("lib", String::as_str);
                    let place = || format!("`{module}` ({}:{})", source.file, mention.line);
                    users.entry(name).or_default().entry(module).or_insert_with(place);
                }
            }
        }
        let unknown = architecture.crates.keys().filter(|name| !crates.contains(*name));
        let mut wrong: Vec<String> =
            unknown.map(|name| format!("`{name}` has a row and is no dependency")).collect();
        for (name, users) in users {
            let owners = architecture.crates.get(name).cloned();
            let places =
                |users: &BTreeMap<&str, String>| users.values().cloned().collect::<Vec<_>>().join(", ");
            match owners {
                None if users.len() > 1 => wrong.push(format!("`{name}` is named in {}", places(&users))),
                Some(owners) if !owners.iter().any(|owner| owner == "any") => {
                    let mut others = users.clone();
                    others.retain(|module, _| !owners.iter().any(|owner| owner == module));
                    if !others.is_empty() {
                        wrong.push(format!(
                            "`{name}` belongs to {owners:?}, and is named in {}",
                            places(&others)
                        ));
                    }
                }
                _ => {}
            }
        }
        wrong
    }
}

/// Returns the circles of one folder: sets in which each module is reached from each other.
fn circles_of(folder: &[String], arrows: &BTreeMap<(String, String), String>) -> Vec<String> {
    let reached = |from: &String| {
        let (mut seen, mut todo) = (BTreeSet::new(), vec![from]);
        while let Some(at) = todo.pop() {
            todo.extend(arrows.keys().filter(|(from, to)| from == at && seen.insert(to)).map(|(_, to)| to));
        }
        seen
    };
    let reach: BTreeMap<&String, BTreeSet<&String>> =
        arrows.keys().map(|(from, _)| (from, reached(from))).collect();
    let circle_of = |module: &String| {
        let together = |other: &&String| {
            reach[module].contains(other) && reach.get(other).is_some_and(|all| all.contains(module))
        };
        reach.keys().copied().filter(together).collect::<BTreeSet<_>>()
    };
    let circles: BTreeSet<BTreeSet<&String>> = reach.keys().map(|module| circle_of(module)).collect();
    let shown = circles.iter().filter(|circle| circle.len() > 1).map(|circle| {
        let members = circle.iter().map(|module| module.as_str()).collect::<Vec<_>>().join(", ");
        let within = arrows.iter().filter(|((from, to), _)| circle.contains(from) && circle.contains(to));
        let within: Vec<_> = within
            .map(|((from, to), place)| {
                format!(
                    "
    {from} -> {to} ({place})"
                )
            })
            .collect();
        format!(
            "{}: {{{members}}}{}",
            if folder.is_empty() { "src".to_owned() } else { folder.join("/") },
            within.concat()
        )
    });
    shown.collect()
}

impl Architecture {
    fn read(text: &str) -> Self {
        let (mut architecture, mut table) = (Self::default(), String::new());
        for line in text.lines() {
            let Some(cells) =
                line.trim().strip_prefix('|').map(|line| line.split('|').map(str::trim).collect::<Vec<_>>())
            else {
                table.clear();
                continue;
            };
            let quoted = |cell: &str| -> Vec<String> {
                // What is in brackets are parts of a module.
                let outside: String =
                    cell.split('(').map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect();
                outside
                    .split('`')
                    .skip(1)
                    .step_by(2)
                    .map(|name| name.trim_end_matches('/').to_owned())
                    .collect()
            };
            match table.as_str() {
                "" => cells[0].clone_into(&mut table),
                "level" => {
                    if let Ok(row) = cells[0].parse::<usize>() {
                        let places = quoted(cells[1]).into_iter().enumerate();
                        architecture.modules.extend(places.map(|(place, module)| (module, (row, place))));
                    }
                }
                "crate" => {
                    let owners = if cells[1] == "any" { vec!["any".to_owned()] } else { quoted(cells[1]) };
                    architecture
                        .crates
                        .extend(quoted(cells[0]).into_iter().map(|name| (name, owners.clone())));
                }
                _ => {}
            }
        }
        architecture
    }
}

/// Returns the names by which the code knows the dependencies of a Cargo.toml.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let (mut section, mut names) = (String::new(), BTreeSet::new());
    for line in manifest.lines() {
        if let Some(header) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            header.clone_into(&mut section);
            names.extend(section.strip_prefix("dependencies.").map(|name| name.replace('-', "_")));
        } else if section == "dependencies"
            || section.starts_with("target.") && section.ends_with(".dependencies")
        {
            let name = line.split_once('=').map(|(name, _)| name.trim().replace('-', "_"));
            names.extend(
                name.filter(|name| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_')),
            );
        }
    }
    names
}

fn collect(folder: &Path, below: &str, files: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            collect(&entry.path(), &format!("{path}/"), files);
        } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
            files.push((path, fs::read_to_string(entry.path()).unwrap()));
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn code() -> Code {
    let mut files = Vec::new();
    collect(&root().join("src"), "", &mut files);
    Code::read(&files)
}

fn architecture() -> Architecture {
    Architecture::read(&fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap())
}

fn expect_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} against ARCHITECTURE.md:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn modules_name_only_what_is_below_them() {
    expect_none(&code().wrong_levels(&architecture()));
}

/// The circles that are left, by their members. Smaller ones within one of these are tolerated, none else: take
/// out what is gone, and add nothing.
const LEFT: &[&[&str]] = &[
    &["bundled", "flags", "k3s", "kubernetes_names", "manifests", "registries"],
    &["contradictions", "k3s_values", "name_servers", "resolve", "rules"],
    &["foreign", "keys"],
    &["paths", "problem", "reader"],
    &["ssh", "ssh_options"],
    &["checksums", "superblocks"],
    &["certificate", "elliptic_key", "error", "secret", "ssh_key_pair"],
];

#[test]
fn no_folder_has_a_circle() {
    let mut circles = code().circles();
    circles.retain(|circle| {
        let members = circle.split(['{', '}']).nth(1).unwrap();
        !LEFT.iter().any(|left| members.split(", ").all(|member| left.contains(&member)))
    });
    expect_none(&circles);
}

#[test]
fn a_crate_is_named_where_it_belongs() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let crates = dependencies(&manifest);
    assert!(
        crates.contains("xz2") && crates.contains("x509_cert") && !crates.contains("insta"),
        "{crates:?}"
    );
    expect_none(&code().wrong_crates(&architecture(), &crates));
}

fn sample(files: &[(&str, &str)]) -> Code {
    Code::read(&files.iter().map(|(file, text)| ((*file).to_owned(), (*text).to_owned())).collect::<Vec<_>>())
}

const TABLES: &str = "| level | modules | purpose |\n|---|---|---|\n| 1 | `top/` (of `parts/`) | |\n| 2 | `left`, `right` | |\n\n\
    | crate | module | why |\n|---|---|---|\n| `serde` | any | |\n| `sha2` | `right` | |\n";

#[test]
fn arrows_that_lead_upwards_or_to_the_left_are_found() {
    let code = sample(&[
        ("lib.rs", "mod left; mod right; mod top; pub use top::Top;"),
        ("top/mod.rs", "use crate::{left::Left,\n right};"),
        (
            "left.rs",
            "fn fine() { crate::right::x(); }\nuse crate::{\n    right::{self, y},\n    top::parts::Part,\n};",
        ),
        (
            "right.rs",
            "// use crate::top;\nconst A: &str = \"crate::top\"; fn b() -> crate::left::Left { 'x' }\nuse crate::Top;\n\
                      #[cfg(test)]\nmod tests { use crate::top; }",
        ),
    ]);
    let expected = [
        "src/left.rs:4: `left` (level 2) names `top` (level 1)",
        "src/right.rs:3: `right` (level 2) names `top` (level 1)",
        "src/right.rs:2: `right` (level 2) names `left` (level 2)",
    ];
    let mut found = code.wrong_levels(&Architecture::read(TABLES));
    found.sort();
    let mut expected = expected.map(str::to_owned).to_vec();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_module_without_a_row_and_a_row_without_a_module_are_found() {
    let code = sample(&[("top/mod.rs", ""), ("left.rs", ""), ("new.rs", "")]);
    let expected = ["`new` is in no row", "`right` has a row and is no module"];
    assert_eq!(code.wrong_levels(&Architecture::read(TABLES)), expected);
}

#[test]
fn circles_are_found_through_re_exports_and_folders() {
    let code = sample(&[
        ("top/mod.rs", "mod a; mod b; mod c; mod d; pub use b::Thing; pub struct Shared;"),
        ("top/a.rs", "use super::{Shared, Thing};"),
        ("top/b/mod.rs", "mod deep;"),
        ("top/b/deep.rs", "fn x() { super::super::c::y() }"),
        ("top/c.rs", "fn y() { crate::top::a::z() }"),
        ("top/d.rs", "use super::{a, Shared};\n#[cfg(test)]\nuse super::{d, e};"),
    ]);
    let circle = "top: {a, b, c}\n    a -> b (src/top/a.rs:1)\n    b -> c (src/top/b/deep.rs:1)\n    c -> a (src/top/c.rs:1)";
    assert_eq!(code.circles(), [circle]);
}

#[test]
fn a_crate_in_a_second_module_is_found() {
    let crates = ["serde", "sha2", "zstd", "zip"].map(str::to_owned).into();
    let code = sample(&[
        ("top/mod.rs", "use serde::Serialize; mod zip; fn x() { zip::y(); sha2::z(); }"),
        ("top/zip.rs", "pub fn y() {}"),
        ("left.rs", "#[derive(serde::Serialize)] struct X; fn a() { ::zstd::decode() }"),
        ("right.rs", "use sha2::{Digest as _, Sha256}; use zstd::Encoder; fn b() { one.zip(two); zip::c() }"),
    ]);
    let expected = [
        "`sha2` belongs to [\"right\"], and is named in `top` (src/top/mod.rs:1)",
        "`zstd` is named in `left` (src/left.rs:1), `right` (src/right.rs:1)",
    ];
    assert_eq!(code.wrong_crates(&Architecture::read(TABLES), &crates), expected);
}
