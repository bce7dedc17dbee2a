//! The sandbox over HTTPS, as a client with nothing but `ca.pem` to trust sees it.

use std::net::SocketAddr;
use std::path::Path;

use flespi_gitops::sandbox::{Options, Sandbox};
use reqwest::{Certificate, Client};

async fn start(folder: &Path) -> (Sandbox, SocketAddr) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let options = Options { tls: Some(folder.join("trust")), ..Options::default() };
    let sandbox = Sandbox::start(options).await.unwrap();
    let address = sandbox.url().strip_prefix("https://").unwrap().parse().unwrap();
    (sandbox, address)
}

/// A client that trusts `ca.pem` alone and finds every platform host at `address`.
fn client(folder: &Path, address: SocketAddr) -> Client {
    let pem = std::fs::read(folder.join("trust/ca.pem")).unwrap();
    let builder = Client::builder().tls_certs_only([Certificate::from_pem(&pem).unwrap()]);
    ["flespi.io", "mqtt.flespi.io", "example.com"]
        .into_iter()
        .fold(builder, |builder, host| builder.resolve(host, address))
        .build()
        .unwrap()
}

#[tokio::test]
async fn every_name_of_the_certificate_is_served_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (sandbox, address) = start(folder.path()).await;
    let client = client(folder.path(), address);
    for host in ["127.0.0.1", "localhost", "flespi.io", "mqtt.flespi.io"] {
        let url = format!("https://{host}:{}/auth/regions", address.port());
        let answer = client.get(&url).send().await.unwrap_or_else(|error| panic!("{error:?}"));
        assert_eq!(answer.status(), 200, "{host}");
    }
    let url = format!("https://example.com:{}/auth/regions", address.port());
    assert!(client.get(url).send().await.unwrap_err().is_connect());
    drop(client);
    sandbox.stop().await.unwrap();
}

#[tokio::test]
async fn what_is_written_holds_no_key_and_an_earlier_authority_is_worth_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (first, address) = start(folder.path()).await;
    let earlier = client(folder.path(), address);
    let files: Vec<_> = std::fs::read_dir(folder.path().join("trust")).unwrap().collect();
    assert_eq!(files.len(), 1);
    let pem = std::fs::read_to_string(folder.path().join("trust/ca.pem")).unwrap();
    assert!(pem.contains("BEGIN CERTIFICATE") && !pem.contains("KEY"), "{pem}");
    first.stop().await.unwrap();
    let (second, address) = start(folder.path()).await;
    let url = format!("https://127.0.0.1:{}/auth/regions", address.port());
    assert!(earlier.get(&url).send().await.is_err());
    assert_eq!(client(folder.path(), address).get(&url).send().await.unwrap().status(), 200);
    second.stop().await.unwrap();
}
