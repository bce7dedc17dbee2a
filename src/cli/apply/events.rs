//! `--events`: what happens, line by line, for whoever looks on.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;

use crate::cli::exit::Exit;
use crate::cli::output::Output;
use crate::cli::plan::not_written;
use crate::report::{EventDocument, EventLine};

/// Where lines go.
pub(super) struct Events {
    file: Option<Mutex<File>>,
}

impl Events {
    /// Begins a file, if there is to be one; what was in it is replaced.
    pub(super) fn begin(path: Option<&Path>, output: &Output) -> Result<Self, Exit> {
        let Some(path) = path else { return Ok(Self { file: None }) };
        let file = File::create(path).map_err(|error| {
            not_written(path, &error, output);
            Exit::Failed
        })?;
        Ok(Self { file: Some(Mutex::new(file)) })
    }

    /// Writes a line. Nothing depends on it: what cannot be written is missing, and the work goes on.
    pub(super) fn tell(&self, event: impl FnOnce() -> EventDocument) {
        let Some(file) = &self.file else { return };
        let time = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
        let Ok(mut line) = serde_json::to_vec(&EventLine { time, event: event() }) else { return };
        line.push(b'\n');
        let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            tracing::warn!("cannot write a line of --events: {error}");
        }
    }
}
