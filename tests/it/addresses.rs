//! Where the token goes: never to a proxy in between, never where a redirect points, never with what an address holds.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use flespi_gitops::sandbox::{Options, Sandbox};
use flespi_gitops::secret::ExposeSecret;

use crate::support::{Run, World, run};

const LIMIT: &str = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_count: 5}\n";

fn world() -> World {
    let world = World::new();
    world.write("limit.yaml", LIMIT);
    world
}

/// A request as a server gets it.
struct Asked {
    line: String,
    whole: Vec<u8>,
}

/// A server that answers every request with what `answer` says, and keeps what it was asked.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(answer: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let Some(request) = read_request(&stream) else { return };
                    log.lock().unwrap().push(String::from_utf8_lossy(&request.whole).into_owned());
                    let _ = (&stream).write_all(&answer(&request));
                });
            }
        });
        Self { port, asked }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn read_request(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let (mut whole, mut length) = (Vec::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let name = line.split(':').next().unwrap().to_ascii_lowercase();
        if name == "content-length" {
            length = line.split(':').nth(1)?.trim().parse().ok()?;
        }
        if name == "connection" {
            continue;
        }
        if line == "\r\n" {
            whole.extend_from_slice(b"connection: close\r\n\r\n");
            break;
        }
        whole.extend_from_slice(line.as_bytes());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let line = String::from_utf8_lossy(&whole).lines().next()?.to_owned();
    whole.extend_from_slice(&body);
    Some(Asked { line, whole })
}

fn empty_answer(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").into_bytes()
}

/// What the platform of `world` answers.
fn forwarded(platform: &str, request: &Asked) -> Vec<u8> {
    let mut stream = TcpStream::connect(platform.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(&request.whole).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn run_with(world: &World, arguments: &[&str], environment: &[(&str, &str)]) -> Run {
    let mut command = world.command(arguments);
    command.env("FLESPI_GITOPS_LOG", "warn").envs(environment.iter().copied());
    run(command)
}

#[test]
fn what_is_on_this_machine_is_never_reached_through_a_proxy() {
    let world = world();
    let proxy = Server::start(|_| empty_answer("502 Bad Gateway"));
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"]
    {
        run_with(&world, &["plan", "limit.yaml"], &[(name, &proxy.url())]).expect(0);
        run_with(&world, &["plan", "limit.yaml", "--platform", "sandbox"], &[(name, &proxy.url())])
            .expect(0);
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
fn a_store_on_this_machine_is_never_reached_through_a_proxy_either() {
    let world = world();
    let (proxy, vault) =
        (Server::start(|_| empty_answer("502 x")), Server::start(|_| empty_answer("404 x")));
    world.write("vault-token", "hvs.CANARY-OF-THE-STORE");
    world.keep_secret("hvs.CANARY-OF-THE-STORE");
    let sinks = [
        format!("{{vault: app, key: k, address: '{}', token_file: vault-token}}", vault.url()),
        format!("{{kubernetes: app, key: k, server: '{}', token_file: vault-token}}", vault.url()),
    ];
    for sink in sinks {
        world.write(
            "token.yaml",
            &format!(
                "apiVersion: flespi-gitops/v1\nkind: Token\nmetadata: {{name: app}}\n\
                 spec: {{ttl: 30d, access: standard, deliver: [{sink}]}}\n"
            ),
        );
        let before = vault.asked().len();
        for name in ["http_proxy", "ALL_PROXY"] {
            run_with(&world, &["apply", "token.yaml", "--yes"], &[(name, &proxy.url())]);
        }
        assert!(vault.asked().len() > before, "the store was asked: {sink}");
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
fn errors_name_the_proxy_in_between_and_never_its_password() {
    let world = world();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cases: Vec<(Option<&str>, &str)> = vec![
        (Some("407 Proxy Authentication Required"), "requires a user name and password"),
        (Some("403 Forbidden"), "refused to connect to flespi.invalid"),
        (Some("502 Bad Gateway"), "refused to connect to flespi.invalid"),
        (None, "cannot connect to the proxy"),
    ];
    std::thread::scope(|scope| {
        for (status, words) in cases {
            let world = &world;
            scope.spawn(move || {
                let proxy = Server::start(move |_| empty_answer(status.unwrap_or("200 x")));
                let port = if status.is_some() { proxy.port } else { free };
                let variable = format!("http://user:CANARY@127.0.0.1:{port}");
                let environment =
                    [("FLESPI_PLATFORM", "https://flespi.invalid"), ("HTTPS_PROXY", &*variable)];
                let run = run_with(world, &["plan", "limit.yaml"], &environment).expect(4);
                let address = format!("the proxy http://127.0.0.1:{port} (HTTPS_PROXY)");
                assert!(
                    run.stderr.contains(words) && run.stderr.contains(&address),
                    "{}",
                    run.stderr
                );
                assert!(
                    !run.stderr.contains("CANARY") && !run.stderr.contains("user:"),
                    "{}",
                    run.stderr
                );
                // The token is for the platform, inside of the tunnel.
                for asked in proxy.asked() {
                    assert!(asked.starts_with("CONNECT flespi.invalid:443 "), "{asked}");
                    assert!(!asked.contains(&world.token()), "{asked}");
                }
                if status.is_some_and(|status| status.starts_with("407")) {
                    assert_eq!(proxy.asked().len(), 1, "nobody logs in by asking again");
                    assert!(
                        run.stderr.contains("help: add user name and password"),
                        "{}",
                        run.stderr
                    );
                }
            });
        }
    });
    for (value, words) in
        [("socks5://user:CANARY@127.0.0.1:1", "socks5"), ("http://user:CANARY@", "not an address")]
    {
        let environment = [("FLESPI_PLATFORM", "https://flespi.invalid"), ("ALL_PROXY", value)];
        let run = run_with(&world, &["plan", "limit.yaml"], &environment).expect(4);
        assert!(run.stderr.contains("ALL_PROXY") && run.stderr.contains(words), "{}", run.stderr);
        assert!(
            run.stderr.contains("NO_PROXY") && !run.stderr.contains("CANARY"),
            "{}",
            run.stderr
        );
    }
}

#[test]
fn without_authorities_everything_works_that_needs_none_and_the_error_is_about_them() {
    let world = world();
    world.write("garbage.pem", "no certificate\n");
    let garbage = world.path().join("garbage.pem").display().to_string();
    for value in ["/nonexistent.pem", "", &garbage] {
        for arguments in
            [&["plan", "limit.yaml"][..], &["plan", "limit.yaml", "--platform", "sandbox"]]
        {
            run_with(&world, arguments, &[("SSL_CERT_FILE", value)]).expect(0);
        }
        if value.is_empty() {
            continue;
        }
        let environment = [("SSL_CERT_FILE", value), ("FLESPI_PLATFORM", "https://flespi.invalid")];
        let run = run_with(&world, &["plan", "limit.yaml"], &environment).expect(4);
        for words in ["no certificate authorities", value, "SSL_CERT_FILE", "ca-certificates"] {
            assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
        }
        assert!(!run.stderr.contains("64 letters"), "{}", run.stderr);
    }
}

#[test]
fn an_address_that_is_none_or_holds_more_is_wrong_usage_and_is_not_shown() {
    let world = world();
    let trap = Server::start(|_| empty_answer("500 x"));
    let at = |text: &str| text.replace("HOST", &format!("127.0.0.1:{}", trap.port));
    for text in [
        "http://user:CANARY@HOST",
        "http://CANARY@HOST",
        "http://user:CANARY@127.0.0.1:9",
        "https://user:CANARY@flespi.io",
        "http://HOST/CANARY",
        "http://HOST/?token=CANARY",
        "http://HOST#CANARY",
        "http:HOST",
        "sandboxx",
        "sandbox:",
        "ftp://HOST",
        "file:///etc/passwd",
        "https://",
        "HOST",
    ] {
        let address = at(text);
        for arguments in [
            &["plan", "limit.yaml"][..],
            &["export"],
            &["history"],
            &["lock", "show"],
            &["apply", "limit.yaml", "--yes"],
        ] {
            // The state folder is not given, so that it depends on the platform.
            let mut command = world.command(arguments);
            command.env("FLESPI_PLATFORM", &address).env_remove("FLESPI_GITOPS_STATE_DIR");
            command.env("HOME", world.path());
            let run = run(command).expect(64);
            assert!(
                !format!("{}{}", run.stdout, run.stderr).contains("CANARY"),
                "{text}: {}",
                run.stderr
            );
            assert!(run.stderr.contains("help: write"), "{text}: {}", run.stderr);
        }
        let mut option = world.command(&["plan", "limit.yaml", "--platform", &address]);
        option.env_remove("FLESPI_PLATFORM");
        let run = run(option).expect(64);
        assert!(!run.stderr.contains("CANARY"), "{text}: {}", run.stderr);
    }
    let mut option = world.command(&["plan", "limit.yaml", "--platform", ""]);
    option.env_remove("FLESPI_PLATFORM");
    run(option).expect(64);
    assert_eq!(trap.asked(), [""; 0]);
}

#[test]
fn a_redirect_is_never_followed_and_told_as_what_it_is() {
    for (status, method) in
        [301, 302, 303, 307, 308].into_iter().flat_map(|status| [(status, "GET"), (status, "POST")])
    {
        for is_elsewhere in [true, false] {
            let world = world();
            let trap = Server::start(|_| empty_answer("200 OK"));
            let target = if is_elsewhere {
                format!("{}/trap?CANARY=1", trap.url())
            } else {
                "/trap".to_owned()
            };
            let platform = world.sandbox().url().to_owned();
            let server = Server::start(move |request| {
                if !request.line.starts_with(method) {
                    return forwarded(&platform, request);
                }
                let location = format!("{status} Moved\r\nlocation: {target}");
                empty_answer(&location)
            });
            let code = if method == "GET" { 4 } else { 1 };
            let environment = [("FLESPI_PLATFORM", &*server.url())];
            let run =
                run_with(&world, &["apply", "limit.yaml", "--yes"], &environment).expect(code);
            let said = format!("{}{}", run.stdout, run.stderr);
            assert_eq!(trap.asked(), [""; 0], "{status} {method}");
            let asked = server.asked();
            assert!(asked.iter().all(|asked| !asked.contains("/trap")), "{status} {method}");
            // It is an answer, so it is not asked for again.
            let again = asked.iter().filter(|asked| asked.starts_with(method)).count();
            assert_eq!(again, 1, "{status} {method}: {said}");
            let origin = if is_elsewhere { trap.url() } else { server.url() };
            assert!(
                said.contains(&format!("{status}: redirect to {origin}, not followed")),
                "{said}"
            );
            assert!(!said.contains("try again later") && !said.contains("CANARY"), "{said}");
            if method == "GET" {
                assert!(
                    said.contains("help: set --platform to the address of the API itself"),
                    "{said}"
                );
            }
            assert_eq!(world.count("limits"), 0);
        }
    }
}

/// A place that passes the bytes of each connection on to `target`.
fn passed_on(target: &str) -> String {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let target = target.to_owned();
    std::thread::spawn(move || {
        for near in listener.incoming().map_while(Result::ok) {
            let far = TcpStream::connect(&target).unwrap();
            for (mut from, mut to) in [(&near, &far), (&far, &near)]
                .map(|(from, to)| (from.try_clone().unwrap(), to.try_clone().unwrap()))
            {
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            }
        }
    });
    url
}

#[test]
fn a_server_that_nobody_vouches_for_or_of_another_name_gets_no_token() {
    let world = world();
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let options = Options { tls: Some(folder.path().to_owned()), ..Options::default() };
    let sandbox = runtime.block_on(Sandbox::start(options)).unwrap();
    let authority = folder.path().join("ca.pem").display().to_string();
    let key = sandbox.token().expose_secret().to_owned();
    let plan = |url: &str, environment: &[(&str, &str)]| {
        let always = [("FLESPI_PLATFORM", url), ("FLESPI_TOKEN", &*key)];
        run_with(&world, &["plan", "limit.yaml"], &[&always[..], environment].concat())
    };
    plan(sandbox.url(), &[("SSL_CERT_FILE", &authority)]).expect(0);
    // Another address of this machine, which is not in the certificate.
    let elsewhere = passed_on(sandbox.url().strip_prefix("https://").unwrap());
    for (url, environment) in
        [(sandbox.url(), &[][..]), (&*elsewhere, &[("SSL_CERT_FILE", &*authority)][..])]
    {
        let run = plan(url, environment).expect(4);
        let is_told = ["is not trusted", "no certificate authorities"];
        assert!(is_told.iter().any(|words| run.stderr.contains(words)), "{}", run.stderr);
    }
    runtime.block_on(sandbox.stop()).unwrap();
}

#[test]
fn what_answers_in_the_place_of_the_platform_gets_advice_of_its_own() {
    for (status, words) in [
        ("404 Not Found", "the server there does not answer like the platform's API"),
        ("407 Proxy Authentication Required", "add user name and password to the proxy's address"),
    ] {
        let world = world();
        let server = Server::start(move |_| empty_answer(status));
        let environment = [("FLESPI_PLATFORM", &*server.url())];
        let run = run_with(&world, &["plan", "limit.yaml"], &environment).expect(4);
        assert!(
            run.stderr.contains(words) && !run.stderr.contains("try again later"),
            "{}",
            run.stderr
        );
    }
}
