//! Lines of the log on their way to the standard error: whatever words of the platform or of manifests are in them, each
//! event stays one line, and nothing in it acts on a terminal or on the service that runs a pipeline.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

use crate::diagnostic::render::{printable_json, printable_line};

/// Makes writers that pass events on to those of `inner`, which gets each event in one piece.
#[derive(Debug, Clone)]
pub(super) struct LogLines<M> {
    pub(super) inner: M,
    /// Whether events are JSON.
    pub(super) is_json: bool,
}

/// Takes one event.
#[derive(Debug)]
pub(super) struct LogLine<W> {
    inner: W,
    is_json: bool,
}

impl<'a, M: MakeWriter<'a>> MakeWriter<'a> for LogLines<M> {
    type Writer = LogLine<M::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        LogLine { inner: self.inner.make_writer(), is_json: self.is_json }
    }
}

impl<W: Write> Write for LogLine<W> {
    // The layer hands over each event as a whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = match self.is_json {
            true => printable_json(&text),
            false => printable_line(&text),
        };
        self.inner.write_all(text.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    const FOREIGN: &str = "a\n::error::boo\r\u{1b}[2J\u{9b}2J\u{202e}b\u{2028}##[debug]";

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged of an event whose message and field are foreign.
    fn logged(is_json: bool) -> String {
        let lines = Kept::default();
        let kept = lines.clone();
        let writer = LogLines { inner: move || kept.clone(), is_json };
        let builder = tracing_subscriber::fmt().with_writer(writer).with_ansi(!is_json);
        let log = || tracing::warn!(field = FOREIGN, shown = %FOREIGN, "{FOREIGN}");
        match is_json {
            true => tracing::subscriber::with_default(builder.json().finish(), log),
            false => tracing::subscriber::with_default(builder.finish(), log),
        }
        String::from_utf8(lines.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn an_event_is_one_line_in_which_nothing_acts() {
        for is_json in [false, true] {
            let line = logged(is_json);
            let (line, rest) = line.split_once('\n').unwrap();
            assert_eq!(rest, "", "{line}");
            assert!(line.matches("boo").count() == 3, "{line}");
            let plain = anstream::adapter::strip_str(line).to_string();
            assert!(!plain.chars().any(char::is_control), "{plain:?}");
            assert!(!line.contains(['\u{9b}', '\u{202e}', '\u{2028}']), "{line:?}");
            assert!(!line.contains("##[") && !line.contains("\u{1b}[2J"), "{line:?}");
        }
        let event: serde_json::Value = serde_json::from_str(&logged(true)).unwrap();
        assert_eq!(event["fields"]["field"], FOREIGN);
    }
}
