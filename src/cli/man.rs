//! `flespi-gitops man`: pages for `man`, for those who make packages.

use std::path::{Path, PathBuf};

use clap::Command;
use clap_mangen::Man;

use super::exit::Exit;
use super::output::Output;
use super::plan::not_written;
use crate::files::{self, Access};

/// Write manual pages, one for the program and one for each command.
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(super) struct Args {
    /// Folder to write the pages to.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(super) fn run(args: &Args, mut command: Command, output: &Output) -> Exit {
    // Only then do commands have the options that all of them have.
    command.build();
    let name = command.get_name().to_owned();
    match write(&args.out, &command, &name, output) {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

/// Writes the page of a command and those of its own commands.
fn write(folder: &Path, command: &Command, name: &str, output: &Output) -> Result<(), Exit> {
    let path = folder.join(format!("{name}.1"));
    let mut page = Vec::new();
    let written = Man::new(command.clone()).title(name.to_owned()).render(&mut page);
    let written = written.and_then(|()| files::write_below(&path, &page, Access::Shared));
    written.map_err(|error| {
        not_written(&path, &error, output);
        Exit::Failed
    })?;
    let inner = command.get_subcommands().filter(|inner| !inner.is_hide_set());
    for inner in inner.filter(|inner| inner.get_name() != "help") {
        write(folder, inner, &format!("{name}-{}", inner.get_name()), output)?;
    }
    Ok(())
}
