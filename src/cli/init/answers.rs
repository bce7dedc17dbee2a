//! What `init` has to know: from options, from questions on a terminal, or from what is usual.

use std::io::IsTerminal;
use std::path::{Component, PathBuf};

use clap::ValueEnum;

use super::pipeline::Ci;
use crate::cli::consent;
use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::settings::Common;
use crate::resource::is_valid_name;

/// Where manifests go by default.
const FOLDER: &str = "accounts";

/// What was said by options.
pub(super) struct Given {
    pub(super) folder: Option<PathBuf>,
    pub(super) ci: Option<Ci>,
    /// The stack has its name already, from the marks of what is there.
    pub(super) is_named: bool,
}

/// What was answered.
pub(super) struct Answers {
    pub(super) folder: PathBuf,
    pub(super) stack: String,
    pub(super) ci: Ci,
}

/// Finds out what is to be written.
pub(super) async fn of(given: Given, common: &Common, output: &Output) -> Result<Answers, Exit> {
    let is_asked = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let folder = match given.folder {
        Some(folder) => folder,
        None if is_asked => ask("Folder for the manifests", FOLDER, output).await?.into(),
        None => FOLDER.into(),
    };
    // Everything else is written beside it, and pipelines run in the current folder.
    if !folder.components().all(|step| matches!(step, Component::Normal(_) | Component::CurDir)) {
        output.error("DIR must be below the current folder, such as `accounts`");
        return Err(Exit::Usage);
    }
    let usual = usual_stack();
    let stack = match &common.stack {
        Some(stack) => stack.clone(),
        None if given.is_named || !is_asked => usual,
        None => ask("Name of the stack, which will own what you create", &usual, output).await?,
    };
    if !is_valid_name(&stack) {
        output.error(&format!("`{stack}` is not a stack name: use a-z, 0-9, `.`, `_` and `-`"));
        return Err(Exit::Usage);
    }
    let ci = match given.ci {
        Some(ci) => ci,
        None if is_asked => {
            let guess = Ci::guessed().to_possible_value();
            let guess = guess.as_ref().map_or("none", |value| value.get_name());
            let answer = ask("Pipeline: github, gitlab or none", guess, output).await?;
            Ci::from_str(&answer, true).map_err(|_| {
                output.error("write `github`, `gitlab` or `none`");
                Exit::Usage
            })?
        }
        None => Ci::guessed(),
    };
    Ok(Answers { folder, stack, ci })
}

/// The name of the current folder, if it can be one of a stack.
fn usual_stack() -> String {
    let here = std::env::current_dir().unwrap_or_default();
    let name = here.file_name().map(|name| name.to_string_lossy().to_lowercase());
    name.filter(|name| is_valid_name(name)).unwrap_or_else(|| "default".to_owned())
}

async fn ask(question: &str, usual: &str, output: &Output) -> Result<String, Exit> {
    let answer = consent::ask(&format!("{question} [{usual}]: "), output).await;
    let answer = answer.map_err(|why| {
        output.error(why);
        Exit::Failed
    })?;
    match answer.trim() {
        "" => Ok(usual.to_owned()),
        answer => Ok(answer.to_owned()),
    }
}
