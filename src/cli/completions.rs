//! `cardwright completions` and `cardwright manual`, and the completion itself: a shell runs the program with the variable
//! COMPLETE set, and the words until now.

use super::Failure;
use super::arguments::{Arguments, CompletionsArguments, ManualArguments};
use super::paint::line;
use clap::CommandFactory as _;
use clap_complete::env::{CompleteEnv, Shells};
use std::io;

/// The variable that a shell sets to have words completed.
const VARIABLE: &str = "COMPLETE";

/// Completes words and ends the program, where a shell asks for that.
pub(super) fn answer_shell() {
    CompleteEnv::with_factory(Arguments::command).var(VARIABLE).complete();
}

pub(super) fn run(arguments: &CompletionsArguments) -> Result<(), Failure> {
    let shells = Shells::builtins();
    let Some(shell) = shells.completer(&arguments.shell) else {
        return Err(Failure::usage(
            format!("`{}` is no shell that is known here", arguments.shell),
            "Name bash, elvish, fish, powershell or zsh",
        ));
    };
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "cardwright", "cardwright", "cardwright", &mut script)?;
    Ok(String::from_utf8_lossy(&script).lines().try_for_each(|text| line(text.to_owned()))?)
}

pub(super) fn manual(arguments: &ManualArguments) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error: io::Error| Failure::Advised {
        message: format!("the manual pages cannot be written into `{}`: {error}", folder.display()),
        hint: "Name a folder that you may write into".to_owned(),
    })
}
