//! A state folder without a door: opened as a sandbox opens it when it starts, asked, and closed again.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use super::{
    assumptions::Assumptions,
    catalog::Kind,
    clerk,
    faults::Faults,
    request::Request,
    running::{self, StartError},
};

/// Opens the world in `folder` and asks it each of `calls`, given by method, path and body, as its root token. Gives the
/// statuses; what the calls changed is in the folder afterwards. For those who damage folders to see what becomes of them:
/// a folder is either refused or holds a world that serves.
///
/// # Errors
/// [`StartError::State`] when the folder cannot be used, or not be written at the end.
pub fn rehearse(folder: &Path, calls: &[(&str, &str, &str)]) -> Result<Vec<u16>, StartError> {
    let folder = Some(folder.to_owned());
    let (assumptions, faults) = (Assumptions::default(), Faults::default());
    let (mut world, mut store) =
        running::open(folder, assumptions, faults, None, "http://rehearsal".to_owned())?;
    let statuses = calls.iter().map(|(method, path, body)| {
        let token = world.books.state.item(Kind::Tokens, world.books.state.root_token);
        let key = token.and_then(|token| token.fields.text("key")).unwrap_or_default();
        let request = Request {
            method: (*method).to_owned(),
            target: (*path).to_owned(),
            headers: vec![("authorization".to_owned(), format!("FlespiToken {key}"))],
            body: body.as_bytes().to_vec(),
            peer: IpAddr::V4(Ipv4Addr::LOCALHOST),
        };
        world.handle(&request, clerk::now(), &mut rand::random::<u64>).status
    });
    let statuses = statuses.collect();
    if let Some(store) = &mut store {
        store.snapshot(&world.books.state)?;
    }
    Ok(statuses)
}
