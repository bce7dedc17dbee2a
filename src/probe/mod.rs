//! Asking a platform what nobody documents: one question for each assumption, and what was seen.
//!
//! ```text
//!  table: which questions there are ──► reading ─┐
//!                                       inside  ─┼─► book: answers with evidence ──► a profile
//!                                       broker  ─┘
//! ```
//!
//! * [`QUESTIONS`] has a row for each assumption of the sandbox's table that can have more than one value, with the same
//!   names and values: two readings of one list, which a test compares.
//! * `reading` asks by reading alone.
//! * `inside` makes one subaccount with a small limit, both with a mark in their `metadata`, and asks everything else in
//!   there; `throwaway` makes it, and removes it with everything in it.
//! * `broker` asks the MQTT broker, with tokens of that subaccount.
//!
//! Invariant: nothing is written outside of the throwaway account but the account itself and its limit. Every other write
//! is to an id that this run was given by the platform for something it made, or that was listed as the property of an
//! account of that branch; or it is signed with a token of that branch, which reaches nothing else.
//! Invariant: whatever a run leaves behind when it is killed carries the mark from the call on that created it, or belongs
//! to an account that carries it; the next run removes that first.
//! Invariant: evidence holds no key, password, e-mail address or name of the estate.

mod book;
mod broker;
mod caller;
mod evidence;
mod inside;
mod lab;
mod reading;
mod table;
mod throwaway;

pub use book::Book;
pub use caller::{Caller, ProbeError};
pub use table::{CALLS_INSIDE, CALLS_READING, Part, QUESTIONS, Question};

use crate::events::Address;
use crate::shutdown;

/// Asks everything that reading can tell: at most [`CALLS_READING`] calls.
///
/// # Errors
/// [`ProbeError`] if the platform cannot be asked.
pub async fn read(caller: &Caller) -> Result<Book, ProbeError> {
    let mut book = Book::default();
    let own = reading::own(caller, &mut book).await?;
    reading::ask(caller, &own, &mut book).await?;
    Ok(book)
}

/// The same, and everything else in an account that is made for it and removed again: at most [`CALLS_INSIDE`] calls more.
/// With the address of the broker, that is asked as well.
///
/// # Errors
/// [`ProbeError`] if the platform cannot be asked, or the account cannot be made or removed.
pub async fn read_and_try(caller: &Caller, broker: Option<&Address>) -> Result<Book, ProbeError> {
    let mut book = Book::default();
    let own = reading::own(caller, &mut book).await?;
    throwaway::tidy(caller, own.account).await?;
    reading::ask(caller, &own, &mut book).await?;
    let asked = tokio::select! {
        biased;
        () = shutdown::begun() => Err(ProbeError::Stopped),
        asked = trials(caller, &own, broker, &mut book) => asked,
    };
    // Whatever went wrong inside: nothing stays.
    throwaway::tidy(caller, own.account).await?;
    asked.map(|()| book)
}

async fn trials(
    caller: &Caller,
    own: &reading::Own,
    broker: Option<&Address>,
    book: &mut Book,
) -> Result<(), ProbeError> {
    let throwaway = throwaway::make(caller, own.account).await?;
    let mut lab = lab::Lab::new(caller, throwaway, book);
    let remains = inside::ask(&mut lab, own).await?;
    match (broker, &remains.tree) {
        (Some(address), Some(tree)) => {
            broker::ask(&mut lab, address, tree, remains.blocked.as_ref()).await
        }
        _ => Ok(()),
    }
}
