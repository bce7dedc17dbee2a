//! The environment of this process, put in order before anything looks at it.
//!
//! What a process was started with can be read by every program of the same user for as long as it runs
//! (`/proc/PID/environ`), and nothing in a process can take anything out of there. So the program starts itself once more,
//! in the same process, with another environment: without the token, which it hands to itself through a pipe, and without
//! variables that are empty, which pipelines make of those that are not set.
//!
//! Invariant: where that is not possible, everything works as it stands.

use std::ffi::OsString;

use super::settings::TOKEN_VARIABLE;

/// Puts the environment in order. Does not return if the program restarts itself for that.
pub(super) fn tidy() {
    #[cfg(unix)]
    anew::tidy();
}

/// The token that the environment held, if it held one.
pub(super) fn token() -> Option<OsString> {
    #[cfg(unix)]
    if let Some(token) = anew::token() {
        return Some(token);
    }
    std::env::var_os(TOKEN_VARIABLE).filter(|token| !token.is_empty())
}

#[cfg(unix)]
mod anew {
    use std::ffi::OsString;
    use std::fs::File;
    use std::io::{PipeReader, Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::os::unix::process::CommandExt;
    use std::process::Command;
    use std::sync::OnceLock;

    use secrecy::{ExposeSecret, SecretBox};

    use crate::cli::settings::{PIPE_VARIABLE, TOKEN_VARIABLE, UNSET_IF_EMPTY};

    /// What a pipe takes without anybody reading it, on every system.
    const PIPE_BYTES: usize = 512;

    /// The token that was handed over.
    static TOKEN: OnceLock<SecretBox<Vec<u8>>> = OnceLock::new();

    pub(super) fn token() -> Option<OsString> {
        TOKEN.get().map(|token| OsString::from_vec(token.expose_secret().clone()))
    }

    pub(super) fn tidy() {
        match std::env::var(PIPE_VARIABLE).ok().and_then(|number| number.parse().ok()) {
            Some(number) => take(number),
            None => start_anew(),
        }
    }

    /// Takes the token out of the pipe, so that nobody else finds it there.
    fn take(number: i32) {
        let mut token = Vec::new();
        let opened = File::open(path_of(number));
        if opened.is_ok_and(|pipe| pipe.take(PIPE_BYTES as u64).read_to_end(&mut token).is_ok())
            && !token.is_empty()
        {
            let _ = TOKEN.set(SecretBox::new(Box::new(token)));
        }
    }

    fn path_of(number: i32) -> String {
        format!("/dev/fd/{number}")
    }

    /// How long the allocator keeps what is not needed any more, in milliseconds. Of a pass over a large estate that would be
    /// what reading the manifests took, while the platform's answers come in.
    const PURGE_VARIABLE: &str = "MIMALLOC_PURGE_DELAY";

    fn start_anew() {
        let token = std::env::var_os(TOKEN_VARIABLE).filter(|token| !token.is_empty());
        let is_empty = |name: &&str| std::env::var_os(name).is_some_and(|value| value.is_empty());
        let empty: Vec<&str> = UNSET_IF_EMPTY.iter().copied().filter(is_empty).collect();
        if token.is_none() && empty.is_empty() {
            return;
        }
        let mut arguments = std::env::args_os();
        let (Ok(program), Some(name)) = (std::env::current_exe(), arguments.next()) else { return };
        let mut command = Command::new(program);
        command.arg0(name).args(arguments);
        if std::env::var_os(PURGE_VARIABLE).is_none() {
            command.env(PURGE_VARIABLE, "0");
        }
        empty.iter().for_each(|name| {
            command.env_remove(name);
        });
        let mut pipe = None;
        if let Some(token) = token {
            let Some(reader) = filled(token.as_bytes()) else { return };
            let number = reader.as_raw_fd();
            command.env_remove(TOKEN_VARIABLE).env(PIPE_VARIABLE, number.to_string());
            pipe = Some(reader);
        }
        // It only returns if that failed, and then this program goes on.
        let _ = command.exec();
        drop(pipe);
    }

    /// A pipe with `bytes` in it that outlives the change of the program.
    fn filled(bytes: &[u8]) -> Option<PipeReader> {
        let (reader, mut writer) = std::io::pipe().ok()?;
        let is_reachable = || std::path::Path::new(&path_of(reader.as_raw_fd())).exists();
        if bytes.len() > PIPE_BYTES || !is_reachable() {
            return None;
        }
        writer.write_all(bytes).ok()?;
        rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty()).ok()?;
        Some(reader)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use clap::CommandFactory;

    use crate::cli::Cli;
    use crate::cli::settings::UNSET_IF_EMPTY;

    fn variables(command: &clap::Command, found: &mut Vec<String>) {
        let names = command.get_arguments().filter_map(|argument| argument.get_env());
        found.extend(names.map(|name| name.to_string_lossy().into_owned()));
        command.get_subcommands().for_each(|command| variables(command, found));
    }

    #[test]
    fn every_variable_that_sets_an_option_counts_as_unset_when_it_is_empty() {
        let mut found = Vec::new();
        variables(&Cli::command(), &mut found);
        assert!(found.len() >= 7, "{found:?}");
        for name in found {
            assert!(UNSET_IF_EMPTY.contains(&&*name), "{name} is missing in UNSET_IF_EMPTY");
        }
    }
}
