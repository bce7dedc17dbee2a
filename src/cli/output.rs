//! Where words go: results to the standard output, talk to the standard error, colour only where
//! somebody can see it.

use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use tracing_subscriber::EnvFilter;

use super::log_lines::LogLines;
use super::settings::{ColorWhen, Common, LOG_VARIABLE, LogFormat};
use crate::diagnostic::render::{Color, printable, without_commands};

/// The two streams of the program.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    color: ColorChoice,
    quiet: bool,
}

impl Output {
    pub(super) fn new(common: &Common) -> Self {
        let color = match common.color {
            ColorWhen::Auto => ColorChoice::Auto,
            ColorWhen::Always => ColorChoice::AlwaysAnsi,
            ColorWhen::Never => ColorChoice::Never,
        };
        Self { color, quiet: common.quiet }
    }

    /// Writes a result. Somebody who closes the pipe has read enough.
    pub(super) fn result(&self, text: &str) {
        let mut stream = AutoStream::new(std::io::stdout(), self.color);
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    }

    /// The columns of the terminal that shows the result; `None` when nothing or nobody shows it.
    pub(super) fn width(&self) -> Option<usize> {
        let stdout = std::io::stdout();
        let size = stdout.is_terminal().then(|| terminal_size::terminal_size_of(stdout)).flatten();
        size.map(|(terminal_size::Width(columns), _)| usize::from(columns))
    }

    /// Writes a line of talk, unless asked to be quiet.
    pub(super) fn say(&self, line: &str) {
        if !self.quiet {
            self.write_stderr(line);
        }
    }

    /// Writes what went wrong.
    pub(super) fn error(&self, message: &str) {
        self.write_stderr(&format!("error: {message}"));
    }

    /// Writes an error and its causes, each once, and what to do about it.
    pub(super) fn failure(&self, error: &dyn std::error::Error, hint: Option<&str>) {
        let mut text = format!("error: {}", printable(&error.to_string()));
        let mut cause = error.source();
        while let Some(inner) = cause {
            text.push_str(&format!("\n  because: {}", printable(&inner.to_string())));
            cause = inner.source();
        }
        if let Some(hint) = hint {
            text.push_str(&format!("\n  help: {hint}"));
        }
        self.write_stderr(&text);
    }

    fn write_stderr(&self, line: &str) {
        let mut stream = AutoStream::new(std::io::stderr(), self.color);
        let _ = writeln!(stream, "{}", without_commands(line.to_owned()));
    }

    /// Whether diagnostics on the standard output are coloured.
    pub(super) fn diagnostics_color(&self) -> Color {
        let is_colored = match self.color {
            ColorChoice::Auto => AutoStream::choice(&std::io::stdout()) != ColorChoice::Never,
            ColorChoice::Never => false,
            _ => true,
        };
        if is_colored { Color::On } else { Color::Off }
    }

    /// Logs go to the standard error; a warning is always worth a line. A daemon that is to log as JSON says everything
    /// there, so it has to be heard.
    pub(super) fn start_logging(&self, common: &Common, is_daemon: bool) {
        let level = match (common.quiet, common.verbose) {
            (true, _) => "error",
            (false, 0) if is_daemon && common.log_format == LogFormat::Json => {
                "flespi_gitops=info,warn"
            }
            (false, 0) => "warn",
            (false, 1) => "flespi_gitops=info,warn",
            (false, 2) => "flespi_gitops=debug,warn",
            (false, _) => "trace",
        };
        let filter =
            EnvFilter::try_from_env(LOG_VARIABLE).unwrap_or_else(|_| EnvFilter::new(level));
        let ansi = match self.color {
            ColorChoice::Auto => {
                std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()
            }
            ColorChoice::Never => false,
            _ => true,
        };
        let builder = tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(LogLines {
                inner: std::io::stderr,
                is_json: common.log_format == LogFormat::Json,
            })
            .with_ansi(ansi);
        // A second start, as in tests, leaves the first one in place.
        let _ = match common.log_format {
            LogFormat::Text => builder.with_target(false).try_init(),
            LogFormat::Json => builder.json().try_init(),
        };
    }
}
