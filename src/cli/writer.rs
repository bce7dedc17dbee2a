//! The two streams, each written by a thread of its own behind a queue.
//!
//! A pipe that nobody reads, a terminal that is held (Ctrl-S) and a disk that is full hold up these threads and nobody
//! else: no task of the program ever waits for a stream, except where it says so ([`Writer::drained`]).
//!
//! ```text
//! result ──┐            ┌─► thread ─► stdout
//! talk ────┼─► queues ──┤     │ earlier lines of the other stream first, unless it stands still
//! log ─────┘            └─► thread ─► stderr
//! ```
//!
//! Invariant: what was said first is shown first as long as both streams move.
//! Invariant: results are never dropped; talk and logs are, beyond [`MOST_BYTES`] that nobody reads.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::diagnostic::counted;

/// So much talk of a stream waits for its reader at most, in bytes.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// How long a line waits for earlier ones of the other stream.
const ORDER_PATIENCE: Duration = Duration::from_millis(100);

/// Between two tries to write to a stream that somebody made non-blocking.
const PAUSE: Duration = Duration::from_millis(10);

/// A stream of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    /// The standard output.
    Out,
    /// The standard error.
    Err,
}

/// What a text is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// It has to be written, or the program failed.
    Result,
    /// It is written if that is possible.
    Talk,
}

/// How writing to a stream came to its end.
#[derive(Debug)]
enum End {
    /// The reader closed the pipe, or the terminal went away: nobody wants more.
    ReaderLeft,
    /// A result could not be written.
    Failed(io::Error),
}

/// A text that waits to be written.
struct Entry {
    number: u64,
    worth: Worth,
    bytes: Vec<u8>,
}

/// What is known of a stream.
#[derive(Default)]
struct Lane {
    queue: VecDeque<Entry>,
    /// Bytes in the queue.
    waiting: usize,
    /// The number of the entry that is being written.
    writing: Option<u64>,
    /// Results that are not settled.
    results: usize,
    /// Entries that were written or given up.
    settled: u64,
    /// Texts that were dropped since the last one that was taken.
    dropped: u64,
    /// The other stream waited in vain for this one, which has not moved since.
    stands_still: bool,
    end: Option<End>,
}

impl Lane {
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && self.writing.is_none()
    }

    /// The number of the first entry that is not settled.
    fn first(&self) -> Option<u64> {
        self.writing.or_else(|| self.queue.front().map(|entry| entry.number))
    }
}

#[derive(Default)]
struct Lanes {
    out: Lane,
    err: Lane,
    /// Entries so far, of both streams.
    numbers: u64,
}

impl Lanes {
    fn of(&mut self, stream: Stream) -> &mut Lane {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

#[derive(Default)]
struct Shared {
    lanes: Mutex<Lanes>,
    /// Rings for the threads.
    bell: Condvar,
    /// Rings for tasks that wait for a stream.
    settled: Notify,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, lanes: MutexGuard<'a, Lanes>) -> MutexGuard<'a, Lanes> {
        self.bell.wait(lanes).unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_until<'a>(
        &self,
        lanes: MutexGuard<'a, Lanes>,
        until: Instant,
    ) -> MutexGuard<'a, Lanes> {
        let left = until.saturating_duration_since(Instant::now());
        self.bell.wait_timeout(lanes, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

/// Writes to both streams, and never makes anybody wait.
#[derive(Clone)]
pub(super) struct Writer(Arc<Shared>);

impl std::fmt::Debug for Writer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Writer")
    }
}

impl Writer {
    /// Starts the two threads.
    ///
    /// # Errors
    /// The system gives none.
    pub(super) fn start() -> io::Result<Self> {
        let is_terminal = |stream| match stream {
            Stream::Out => io::stdout().is_terminal(),
            Stream::Err => io::stderr().is_terminal(),
        };
        let writer = Self(Arc::default());
        for stream in [Stream::Out, Stream::Err] {
            writer.serve(stream, raw(stream), is_terminal(stream))?;
        }
        Ok(writer)
    }

    fn serve(
        &self,
        stream: Stream,
        sink: Box<dyn Write + Send>,
        is_terminal: bool,
    ) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let name = match stream {
            Stream::Out => "stdout",
            Stream::Err => "stderr",
        };
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || work(&shared, stream, sink, is_terminal)).map(drop)
    }

    /// Has `bytes` written after everything that was put before.
    pub(super) fn put(&self, stream: Stream, worth: Worth, mut bytes: Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let mut lanes = self.0.lock();
        let number = lanes.numbers;
        lanes.numbers += 1;
        let lane = lanes.of(stream);
        if lane.end.is_some() {
            return;
        }
        let is_too_much = lane.waiting > 0 && lane.waiting + bytes.len() > MOST_BYTES;
        if worth == Worth::Talk && is_too_much {
            lane.dropped += 1;
            return;
        }
        let dropped = std::mem::take(&mut lane.dropped);
        if dropped > 0 {
            note_loss(dropped, &mut bytes);
        }
        lane.waiting += bytes.len();
        lane.results += usize::from(worth == Worth::Result);
        lane.queue.push_back(Entry { number, worth, bytes });
        drop(lanes);
        self.0.bell.notify_all();
    }

    /// Waits until everything that was put to `stream` is written or given up.
    pub(super) async fn drained(&self, stream: Stream) {
        loop {
            let settled = self.0.settled.notified();
            tokio::pin!(settled);
            // Registered before looking, so that nothing is missed in between.
            settled.as_mut().enable();
            if self.0.lock().of(stream).is_drained() {
                return;
            }
            settled.await;
        }
    }

    /// Waits as [`Writer::drained`] does, for as long as something moves at least every `patience`.
    pub(super) async fn drained_while_moving(&self, stream: Stream, patience: Duration) {
        loop {
            let before = self.0.lock().of(stream).settled;
            if tokio::time::timeout(patience, self.drained(stream)).await.is_ok()
                || self.0.lock().of(stream).settled == before
            {
                return;
            }
        }
    }

    /// Why a result of `stream` was not written, if that was tried.
    pub(super) fn failure(&self, stream: Stream) -> Option<String> {
        match &self.0.lock().of(stream).end {
            Some(End::Failed(error)) => Some(error.to_string()),
            Some(End::ReaderLeft) | None => None,
        }
    }

    /// Whether a result of `stream` still waits for its reader.
    pub(super) fn has_unread_results(&self, stream: Stream) -> bool {
        self.0.lock().of(stream).results > 0
    }
}

/// Says in front of `bytes` that something is missing there.
fn note_loss(dropped: u64, bytes: &mut Vec<u8>) {
    // A line of JSON stays one: the note is JSON, too, if what follows is.
    let note = match bytes.first() {
        Some(b'{') => format!("{{\"level\":\"WARN\",\"dropped\":{dropped}}}\n"),
        _ => format!("warning: dropped {} that nobody read\n", counted(dropped, "message")),
    };
    bytes.splice(0..0, note.into_bytes());
}

/// The stream without the library's own buffer, which keeps what could not be written.
fn raw(stream: Stream) -> Box<dyn Write + Send> {
    #[cfg(unix)]
    {
        use std::os::fd::AsFd;
        let descriptor = match stream {
            Stream::Out => io::stdout().as_fd().try_clone_to_owned(),
            Stream::Err => io::stderr().as_fd().try_clone_to_owned(),
        };
        if let Ok(descriptor) = descriptor {
            return Box::new(std::fs::File::from(descriptor));
        }
    }
    match stream {
        Stream::Out => Box::new(io::stdout()),
        Stream::Err => Box::new(io::stderr()),
    }
}

/// The thread of one stream.
fn work(shared: &Shared, stream: Stream, mut sink: Box<dyn Write + Send>, is_terminal: bool) {
    loop {
        let entry = next(shared, stream);
        let written = write_whole(&mut *sink, &entry.bytes);
        let mut lanes = shared.lock();
        let lane = lanes.of(stream);
        lane.writing = None;
        lane.results -= usize::from(entry.worth == Worth::Result);
        lane.settled += 1;
        lane.stands_still = false;
        if let Err(error) = written {
            lane.end = end(error, entry.worth, is_terminal);
            if lane.end.is_some() {
                lane.queue.clear();
                (lane.waiting, lane.results) = (0, 0);
            }
        }
        drop(lanes);
        shared.bell.notify_all();
        shared.settled.notify_waiters();
    }
}

/// What an error means for everything that follows.
fn end(error: io::Error, worth: Worth, is_terminal: bool) -> Option<End> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Some(End::ReaderLeft),
        // A terminal that was hung up gives an error of input and output; it was read until then.
        _ if is_terminal => Some(End::ReaderLeft),
        _ if worth == Worth::Result => Some(End::Failed(error)),
        // A disk that is full may have room for the next line.
        _ => None,
    }
}

/// Waits for the next text of `stream`, and until it is its turn.
fn next(shared: &Shared, stream: Stream) -> Entry {
    let other = match stream {
        Stream::Out => Stream::Err,
        Stream::Err => Stream::Out,
    };
    let mut lanes = shared.lock();
    let entry = loop {
        match lanes.of(stream).queue.pop_front() {
            Some(entry) => break entry,
            None => lanes = shared.wait(lanes),
        }
    };
    let lane = lanes.of(stream);
    lane.waiting -= entry.bytes.len();
    lane.writing = Some(entry.number);
    let until = Instant::now() + ORDER_PATIENCE;
    loop {
        let before = lanes.of(other);
        let is_earlier = before.first().is_some_and(|first| first < entry.number);
        if !is_earlier || before.stands_still {
            return entry;
        }
        if Instant::now() >= until {
            before.stands_still = true;
            return entry;
        }
        lanes = shared.wait_until(lanes, until);
    }
}

fn write_whole(sink: &mut dyn Write, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // Whoever shares the stream made it non-blocking, as some shells and runtimes do.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    sink.flush()
}

/// A line of the log, handed over when it is whole.
pub(super) struct LogLine {
    writer: Writer,
    bytes: Vec<u8>,
}

impl Write for LogLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LogLine {
    fn drop(&mut self) {
        self.writer.put(Stream::Err, Worth::Talk, std::mem::take(&mut self.bytes));
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Writer {
    type Writer = LogLine;

    fn make_writer(&'a self) -> LogLine {
        LogLine { writer: self.clone(), bytes: Vec::new() }
    }
}
