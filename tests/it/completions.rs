//! Completions, in the shells themselves, and the manual pages.

#![cfg(unix)]

use crate::support::{Workshop, oracle, text};
use std::fs;
use std::path::Path;
use std::process::Command;

/// A shell with the program first in its PATH, in the folder of a nodes.yaml.
fn in_shell(mut shell: Command, workshop: &Workshop, arguments: &[&str]) -> String {
    let program = Path::new(env!("CARGO_BIN_EXE_cardwright")).parent().unwrap();
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    shell.current_dir(workshop.path("")).env("PATH", path).env("HOME", workshop.path("")).env("TERM", "dumb");
    let output = shell.args(arguments).output().unwrap();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn bash_completes_commands_options_and_nodes() {
    let Some(_) = oracle("bash") else { return };
    let workshop = Workshop::with_example();
    let complete = |words: &[&str]| {
        let line = words.join(" ");
        let script = format!(
            "source <(cardwright completions bash); COMP_WORDS=({line}); [ -n \"{}\" ] || COMP_WORDS+=(''); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_TYPE=9; _clap_complete_cardwright cardwright \"${{COMP_WORDS[-1]}}\"; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.last().unwrap()
        );
        in_shell(oracle("bash").unwrap(), &workshop, &["--norc", "-c", &script])
    };
    assert_eq!(complete(&["cardwright", "ups"]).trim(), "");
    assert_eq!(complete(&["cardwright", "upg"]).trim(), "upgrade");
    let nodes = complete(&["cardwright", "ssh", ""]);
    for name in ["north", "east", "south", "west"] {
        assert!(nodes.lines().any(|line| line.trim() == name), "{nodes}");
    }
    assert_eq!(complete(&["cardwright", "logs", "no"]).trim(), "north");
    assert_eq!(complete(&["cardwright", "build", "--no-che"]).trim(), "--no-checksums");
    assert!(complete(&["cardwright", "build", "--format", ""]).contains("img.xz"));
}

#[test]
fn fish_completes_nodes_and_tells_about_them() {
    let Some(fish) = oracle("fish") else { return };
    let workshop = Workshop::with_example();
    let said = in_shell(
        fish,
        &workshop,
        &["-c", "cardwright completions fish | source; complete -C 'cardwright ssh no'"],
    );
    assert_eq!(said.trim(), "north\t192.168.50.11, k3s server");
}

/// Presses the tabulator in an interactive zsh, as a person does.
const ZSH: &str = r#"
zmodload zsh/zpty
zpty -b shell 'zsh -f -i'
send() { zpty -w shell "$1"; }
send 'PS1=; autoload -Uz compinit; compinit -u; source <(cardwright completions zsh); echo read''y'
until [[ "$seen" = *ready* ]]; do zpty -r shell part && seen+=$part; done
zpty -n -w shell $'cardwright ssh nor\t'
sleep 2
zpty -n -w shell $'\C-A#\n'
seen=
for round in {1..20}; do zpty -r -t shell part && seen+=$part; sleep 0.1; done
print -r -- "$seen"
"#;

#[test]
fn zsh_completes_nodes() {
    let Some(zsh) = oracle("zsh") else { return };
    let workshop = Workshop::with_example();
    let said = in_shell(zsh, &workshop, &["-f", "-c", ZSH]);
    assert!(said.contains("cardwright ssh north"), "{said}");
}

#[test]
fn nothing_is_completed_where_there_is_no_nodes_yaml() {
    let workshop = Workshop::with_example();
    fs::remove_file(workshop.path("nodes.yaml")).unwrap();
    let mut program = workshop.command();
    program.env("COMPLETE", "fish").args(["--", "cardwright", "ssh", ""]);
    let output = program.output().unwrap();
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
}

#[test]
fn every_command_has_a_manual_page_that_man_can_show() {
    let workshop = Workshop::with_example();
    workshop.succeed(["manual", "man"]);
    let pages = fs::read_dir(workshop.path("man")).unwrap().count();
    assert!(pages > 18, "{pages}");
    let page = fs::read_to_string(workshop.path("man/cardwright-build.1")).unwrap();
    assert!(page.contains("\\-\\-no\\-checksums"), "{page}");
    let Some(mut groff) = oracle("groff") else { return };
    for entry in fs::read_dir(workshop.path("man")).unwrap() {
        let path = entry.unwrap().path();
        let output = groff.args(["-man", "-Kutf8", "-Tutf8", "-ww", "-z"]).arg(&path).output().unwrap();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{}: {}",
            path.display(),
            text(&output.stderr)
        );
        groff = oracle("groff").unwrap();
    }
}
