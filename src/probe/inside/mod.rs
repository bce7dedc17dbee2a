//! What is asked in the throwaway account.

mod accounts;
mod items;
mod limits;
mod people;
mod rates;
mod tokens;

use super::caller::ProbeError;
use super::lab::{Lab, Made, Tree};
use super::reading::Own;

/// What was made on the way and serves other questions.
pub(super) struct Remains {
    pub(super) tree: Option<Tree>,
    /// A token that is blocked for overuse.
    pub(super) blocked: Option<Made>,
}

/// Asks everything that needs an account to be tried out in.
pub(super) async fn ask(lab: &mut Lab<'_>, own: &Own) -> Result<Remains, ProbeError> {
    limits::ask(lab).await?;
    tokens::ask(lab).await?;
    let tree = accounts::ask(lab, own).await?;
    if let Some(tree) = &tree {
        people::ask(lab, tree).await?;
    }
    items::ask(lab, tree.as_ref()).await?;
    let blocked = rates::ask(lab).await?;
    Ok(Remains { tree, blocked })
}
