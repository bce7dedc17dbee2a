//! Tells the service manager how the daemon is, in the protocol of systemd's `sd_notify`: a few
//! lines of text to a socket whose name is in `NOTIFY_SOCKET`.
//!
//! Own code, since `sd-notify` 0.5 takes the socket from the environment of the process alone, which tests cannot set
//! without `unsafe`, takes a name with `@` for a path, and waits for a manager that does not read.

use std::ffi::OsString;
use std::time::Duration;

use tokio::time::Instant;

use super::health::is_alive;
use crate::watch::{Receiver, State, Status};

/// What the service manager wants to hear.
#[derive(Debug, Clone)]
pub struct Manager {
    /// Its socket; a name that begins with `@` is in no file system.
    pub socket: OsString,
    /// The longest time between two signs of life, if it wants any.
    pub watchdog: Option<Duration>,
}

/// Tells `manager` what becomes of the daemon, as long as it is polled. No sign of life is given
/// for a loop that hangs, so that the manager restarts it.
pub async fn tell(manager: Manager, mut status: Receiver) {
    let mut sent = Sent::default();
    let mut changed = Instant::now();
    // Twice as often as is wanted, as systemd asks for.
    let rhythm = manager.watchdog.map_or(Duration::from_secs(3600), |watchdog| watchdog / 2);
    loop {
        let present = status.borrow_and_update().clone();
        let is_well = manager.watchdog.is_some() && is_alive(&present, changed.elapsed());
        let text = sent.lines(&present, is_well);
        if !text.is_empty()
            && let Err(error) = send(&manager, &text)
        {
            tracing::debug!(%error, "the service manager does not listen");
        }
        match tokio::time::timeout(rhythm, status.changed()).await {
            Ok(Ok(())) => changed = Instant::now(),
            Ok(Err(_)) => return,
            Err(_) => {}
        }
    }
}

/// What was sent so far.
#[derive(Debug, Default)]
struct Sent {
    ready: bool,
    stopping: bool,
    says: String,
}

impl Sent {
    /// What is to be sent now.
    fn lines(&mut self, status: &Status, is_well: bool) -> String {
        let mut lines = String::new();
        // The service is up as soon as its loop is: a first pass that takes long, or a platform that
        // is away, is no reason to be killed and begun again.
        if !self.ready && (status.pass.is_some() || status.state != State::Starting) {
            self.ready = true;
            lines.push_str("READY=1\n");
        }
        if !self.stopping && status.state == State::Stopping {
            self.stopping = true;
            lines.push_str("STOPPING=1\n");
        }
        if self.says != status.says {
            self.says.clone_from(&status.says);
            // A line break would end the value.
            lines.push_str(&format!("STATUS={}\n", status.says.replace(['\n', '\r'], " ")));
        }
        if is_well {
            lines.push_str("WATCHDOG=1\n");
        }
        lines
    }
}

#[cfg(unix)]
fn send(manager: &Manager, text: &str) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::UnixDatagram;
    let socket = UnixDatagram::unbound()?;
    // A manager that does not read must not stop the daemon.
    socket.set_nonblocking(true)?;
    match manager.socket.as_bytes() {
        #[cfg(target_os = "linux")]
        [b'@', name @ ..] => {
            use std::os::linux::net::SocketAddrExt;
            let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
            socket.send_to_addr(text.as_bytes(), &address)?;
        }
        _ => {
            socket.send_to(text.as_bytes(), &manager.socket)?;
        }
    }
    Ok(())
}

#[cfg(not(unix))]
fn send(_: &Manager, _: &str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use crate::watch::Trigger;
    use crate::watch::status::CurrentPass;
    use std::sync::Arc;
    use tokio::net::UnixDatagram;

    fn status(state: State, says: &str) -> Arc<Status> {
        let mut status = Status::starting("r".into(), "s".into(), "p".into(), 300);
        (status.state, status.says) = (state, says.to_owned());
        Arc::new(status)
    }

    async fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 1024];
        let length = socket.recv(&mut buffer).await.unwrap_or_default();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    #[tokio::test]
    async fn the_manager_hears_of_the_beginning_of_signs_of_life_and_of_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let watchdog = Some(Duration::from_millis(40));
        let manager = Manager { socket: path.into_os_string(), watchdog };
        let (sender, receiver) = tokio::sync::watch::channel(status(State::Starting, "reading"));
        let telling = tokio::spawn(tell(manager, receiver));
        let first = heard(&socket).await;
        assert!(first.contains("STATUS=reading\n") && !first.contains("READY"), "{first}");
        let mut passing = Status::clone(&status(State::Starting, "all is well\nREADY=0"));
        passing.pass = Some(CurrentPass {
            run: "r".to_owned(),
            trigger: Trigger::Start,
            began: jiff::Timestamp::now(),
            planned: None,
            settled: 0,
        });
        sender.send_replace(Arc::new(passing));
        let mut text = String::new();
        while !text.contains("STATUS=all is well READY=0\nWATCHDOG=1\n") {
            text = heard(&socket).await;
        }
        assert!(text.starts_with("READY=1\n"), "{text}");
        assert_eq!(heard(&socket).await, "WATCHDOG=1\n");
        sender.send_replace(status(State::Stopping, "stopping"));
        while !text.contains("STOPPING=1\nSTATUS=stopping\n") {
            text = heard(&socket).await;
        }
        drop(sender);
        telling.await.unwrap();
    }

    #[test]
    fn a_loop_that_hangs_gives_no_sign_of_life() {
        let idle = status(State::Idle, "all is well");
        assert!(is_alive(&idle, Duration::from_secs(700)));
        assert!(!is_alive(&idle, Duration::from_secs(800)), "two intervals and some went by");
        let mut sent = Sent { ready: true, says: idle.says.clone(), stopping: false };
        assert_eq!(sent.lines(&idle, false), "");
        assert_eq!(sent.lines(&idle, true), "WATCHDOG=1\n");
    }
}
