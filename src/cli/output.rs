//! Where words go: results to the standard output, talk to the standard error, colour only where
//! somebody can see it.
//!
//! Nothing here waits for a stream: the [`Writer`] does, on threads of its own. A result that could
//! not be written shows in the exit code ([`Output::finish`]); talk and logs are best effort.

use std::io::IsTerminal;
use std::time::Duration;

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;

use super::exit::Exit;
use super::log_lines::LogLines;
use super::settings::{ColorWhen, Common, LOG_VARIABLE, LogFormat};
use super::writer::{Stream, Worth, Writer};
use crate::causes;
use crate::diagnostic::render::{self, Color, printable, without_commands};
use crate::manifest::Load;
use crate::shutdown;

/// Talk as it is called in the log, if that is where it goes.
const TALK: &str = "flespi_gitops::output";

/// A standard error that moves no more for this long is not waited for at the end.
const TALK_PATIENCE: Duration = Duration::from_secs(3);

/// The same, and for results, once the process was asked to end.
const LAST_PATIENCE: Duration = Duration::from_millis(300);

/// The two streams of the program.
#[derive(Debug, Clone)]
pub(super) struct Output {
    writer: Writer,
    color: ColorChoice,
    quiet: bool,
    log_format: LogFormat,
}

impl Output {
    /// Until the options are known: no colour but on a terminal.
    pub(super) fn new(writer: Writer, log_format: LogFormat) -> Self {
        Self { writer, color: ColorChoice::Auto, quiet: false, log_format }
    }

    pub(super) fn with(self, common: &Common) -> Self {
        let color = match common.color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::AlwaysAnsi,
            ColorWhen::Never => ColorChoice::Never,
        };
        Self { color, quiet: common.quiet, log_format: common.log_format, ..self }
    }

    /// Writes a result. Somebody who closes the pipe has read enough.
    pub(super) fn result(&self, text: &str) {
        self.put(Stream::Out, Worth::Result, text);
    }

    /// Writes what a daemon has to show, which is no result: nobody has to read it.
    pub(super) fn show(&self, text: &str) {
        self.put(Stream::Out, Worth::Talk, text);
    }

    fn put(&self, stream: Stream, worth: Worth, text: &str) {
        let text = match self.is_colored(stream) {
            true => text.to_owned(),
            false => anstream::adapter::strip_str(text).to_string(),
        };
        // What the service that runs a pipeline takes for a command is only looked for where talk is.
        let text = match stream {
            Stream::Err => without_commands(text),
            Stream::Out => text,
        };
        self.writer.put(stream, worth, text.into_bytes());
    }

    fn is_colored(&self, stream: Stream) -> bool {
        match (self.color, stream) {
            (ColorChoice::Auto, Stream::Out) => {
                AutoStream::choice(&std::io::stdout()) != ColorChoice::Never
            }
            (ColorChoice::Auto, Stream::Err) => {
                AutoStream::choice(&std::io::stderr()) != ColorChoice::Never
            }
            (ColorChoice::Never, _) => false,
            _ => true,
        }
    }

    /// The columns of the terminal that shows the result; `None` when nothing or nobody shows it.
    pub(super) fn width(&self) -> Option<usize> {
        let stdout = std::io::stdout();
        let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(stdout)).flatten();
        size.map(|(terminal_size::Width(columns), _)| usize::from(columns))
    }

    /// Whether talk is part of the log, one JSON object a line.
    pub(super) fn is_log(&self) -> bool {
        self.log_format == LogFormat::Json
    }

    /// Writes a line of talk, unless asked to be quiet.
    pub(super) fn say(&self, line: &str) {
        match self.is_log() {
            _ if self.quiet => {}
            true => tracing::info!(target: TALK, "{}", anstream::adapter::strip_str(line)),
            false => self.put(Stream::Err, Worth::Talk, &format!("{line}\n")),
        }
    }

    /// Writes what went wrong.
    pub(super) fn error(&self, message: &str) {
        match self.is_log() {
            true => tracing::error!(target: TALK, "{}", anstream::adapter::strip_str(message)),
            false => self.put(Stream::Err, Worth::Talk, &format!("error: {message}\n")),
        }
    }

    /// Writes an error and its causes, each once, and what to do about it.
    pub(super) fn failure(&self, error: &dyn std::error::Error, hint: Option<&str>) {
        let words = causes::of(error).map(|cause| printable(&cause.to_string()).into_owned());
        let mut text = words.collect::<Vec<_>>().join("\n  because: ");
        if let Some(hint) = hint {
            text.push_str(&format!("\n  help: {hint}"));
        }
        self.error(&text);
    }

    /// Writes findings of a load, which are not the result of the command.
    pub(super) fn findings(&self, load: &Load, color: Color) {
        let diagnostics = load.diagnostics.as_slice();
        if !self.is_log() {
            return self.say(render::human(&load.sources, diagnostics, color).trim_end());
        }
        for finding in diagnostics {
            let line = render::short(&load.sources, std::slice::from_ref(finding));
            let line = line.trim_end();
            match finding.severity {
                crate::diagnostic::Severity::Error => tracing::error!(target: TALK, "{line}"),
                _ => tracing::warn!(target: TALK, "{line}"),
            }
        }
    }

    /// Asks something, on the line that the answer is typed into.
    pub(super) fn ask(&self, question: &str) {
        match self.is_log() {
            true => tracing::info!(target: TALK, "{question}"),
            false => self.put(Stream::Err, Worth::Talk, question),
        }
    }

    /// Waits until everything is shown that was said so far. False if a result could not be.
    pub(super) async fn shown(&self) -> bool {
        self.writer.drained(Stream::Out).await;
        self.writer.drained_while_moving(Stream::Err, TALK_PATIENCE).await;
        self.writer.failure(Stream::Out).is_none()
    }

    /// Waits until everything is written that can be, and gives the exit code of a program that was
    /// to end with `exit`: a result that could not be written is a failure, unless a graver one is
    /// to be reported.
    pub(super) async fn finish(&self, exit: Exit) -> Exit {
        let out = self.writer.drained(Stream::Out);
        tokio::select! {
            () = out => {}
            () = shutdown::begun_and(LAST_PATIENCE) => {}
        }
        let trouble = match self.writer.failure(Stream::Out) {
            Some(error) => Some(error),
            None if self.writer.has_unread_results(Stream::Out) => {
                Some("its reader has stopped reading".into())
            }
            None => None,
        };
        if let Some(trouble) = &trouble {
            self.error(&format!("cannot write the result to stdout: {trouble}"));
        }
        tokio::select! {
            () = self.writer.drained_while_moving(Stream::Err, TALK_PATIENCE) => {}
            () = shutdown::begun_and(LAST_PATIENCE) => {}
        }
        match exit {
            Exit::Done | Exit::Changes if trouble.is_some() => Exit::Failed,
            exit => exit,
        }
    }

    /// Whether diagnostics on the standard output are coloured.
    pub(super) fn diagnostics_color(&self) -> Color {
        if self.is_colored(Stream::Out) { Color::On } else { Color::Off }
    }

    /// Logs go to the standard error; a warning is always worth a line. A daemon that is to log as JSON says everything
    /// there, so it has to be heard.
    pub(super) fn start_logging(&self, verbose: u8, is_daemon: bool) {
        let level = match (self.quiet, verbose) {
            (true, _) => "error",
            (false, 0) if is_daemon && self.is_log() => "flespi_gitops=info,warn",
            (false, 0) => "warn",
            (false, 1) => "flespi_gitops=info,warn",
            (false, 2) => "flespi_gitops=debug,warn",
            (false, _) => "trace",
        };
        let wanted = std::env::var(LOG_VARIABLE).ok().filter(|wanted| !wanted.trim().is_empty());
        let filter = wanted.and_then(|wanted| EnvFilter::try_new(wanted).ok());
        let mut filter = filter.unwrap_or_else(|| EnvFilter::new(level));
        // Talk is no matter of levels: whoever wants less of it says --quiet.
        filter = match format!("{TALK}=info").parse() {
            Ok(talk) => filter.add_directive(talk),
            Err(_) => filter,
        };
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(LogLines { inner: self.writer.clone(), is_json: self.is_log() })
            .log_internal_errors(false)
            .with_ansi(!self.is_log() && self.is_colored(Stream::Err));
        // A second start, as in tests, leaves the first one in place.
        let _ = match self.log_format {
            LogFormat::Text => builder.with_target(false).try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
    }

    /// Has panics told like every other error.
    pub(super) fn hear_panics(&self) {
        let output = self.clone();
        std::panic::set_hook(Box::new(move |panic| {
            let payload = panic.payload();
            let what = payload.downcast_ref::<String>().map(String::as_str);
            let what = what.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or_default();
            let place = panic.location().map(|place| format!(" at {place}")).unwrap_or_default();
            output.error(&format!("panicked{place}; please report this bug: {what}"));
        }));
    }
}
