//! A file of its own.

use std::path::PathBuf;

use crate::secret::{ExposeSecret, FileSink, Link, Place, SecretString, Sink};

fn sink(file: PathBuf) -> Sink {
    Sink::from(Place::File(FileSink { file, allow: Vec::new() }))
}

async fn read(sink: &Sink) -> Option<String> {
    sink.read().await.unwrap().secret().map(|secret| secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_delivered_key_is_read_back_and_only_its_owner_may_read_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/trackit");
    let sink = sink(path.clone());
    assert!(sink.read().await.unwrap().is_nothing());
    sink.probe().await.unwrap();
    sink.deliver(&SecretString::from("abc")).await.unwrap();
    assert_eq!(read(&sink).await.as_deref(), Some("abc"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_link_that_has_become_stale_is_an_empty_sink() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("link");
    let with = |device: &str| {
        let link = Link::new("https://flespi.io/#/token/", device);
        Sink { link: Some(link), ..sink(path.clone()) }
    };
    let first = with("/devices/1");
    first.deliver(&SecretString::from("abc")).await.unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "https://flespi.io/#/token/abc/devices/1\n");
    assert_eq!(read(&first).await.as_deref(), Some("abc"));
    assert!(with("/devices/2").read().await.unwrap().is_nothing());
}

#[tokio::test]
async fn a_sink_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blocker = folder.path().join("blocker");
    std::fs::write(&blocker, "").unwrap();
    let error = sink(blocker.join("key")).probe().await.unwrap_err().to_string();
    assert!(error.contains("blocker/key"), "{error}");
}
