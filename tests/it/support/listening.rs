//! A daemon as a process that listens, and what it says of itself.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{World, canary};

/// A busy machine may take so long for what takes a moment.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A daemon that listens.
pub struct Daemon {
    pub process: Child,
    address: String,
    platform: String,
}

impl Daemon {
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        Self::with(world, arguments, &[])
    }

    pub fn with(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut command = Self::command(world, arguments);
        command.envs(environment.iter().copied());
        Self::of(world, command)
    }

    /// What starts it.
    pub fn command(world: &World, arguments: &[&str]) -> Command {
        let mut all = vec!["watch", "manifests", "--interval", "1h", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        world.command(&all)
    }

    /// One that `command` starts.
    pub fn of(world: &World, mut command: Command) -> Self {
        let mut process = command.stdout(world.ear()).stderr(Stdio::piped()).spawn().unwrap();
        let platform = world.sandbox().url().to_owned();
        let about = platform.clone();
        let mut lines = BufReader::new(process.stderr.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .inspect(move |line| canary::hear_about(&about, line.clone()));
        let address = lines
            .find_map(|line| {
                let rest = line.strip_prefix("the page is at http://")?;
                Some(rest.trim_end_matches('/').to_owned())
            })
            .expect("it says where it listens");
        // What nobody reads would fill the pipe and stop the daemon.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, address, platform }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Status and body of the answer to a request with these headers beside `Host`.
    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let host = headers.iter().find(|(name, _)| *name == "host");
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        request.push_str(&format!("host: {}\r\n", host.map_or(&*self.address, |(_, host)| host)));
        for (name, value) in headers.iter().filter(|(name, _)| *name != "host") {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        canary::hear_about(&self.platform, answer.clone());
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }

    pub fn get(&self, path: &str) -> String {
        let (status, body) = self.ask("GET", path, &[]);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    pub fn status(&self) -> Value {
        serde_json::from_str(&self.get("/status")).unwrap()
    }

    /// Waits until the status is as wanted.
    pub fn wait(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let status = self.status();
            if is_so(&status) {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "never {what}: {status}");
            std::thread::sleep(Duration::from_millis(30));
        }
    }

    pub fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().unwrap().success());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
