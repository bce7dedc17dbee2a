//! Git itself as the source of manifests: one commit of a repository, fetched, checked, and written into a folder.
//!
//! ```text
//!  ls-remote ──► Tip ──► fetch (one commit) ──► verify ──► ls-tree, cat-file ──► Checkout ──► manifest::load
//!      ▲                        │                                                  │
//!      └─ another look          └──► STATE/git: objects, the last good commit ◄────┘ valid
//! ```
//!
//! * [`Remote`] is what is asked of a repository, in a few verbs; [`Program`] answers with the program `git`, which is
//!   what people's keys, proxies and servers work with. Nothing else needs `git`.
//! * [`Checkouts`] keeps what makes the next look cheap, and the last good commit.
//! * [`Checkout`] is one commit as a folder, whole or not at all.
//!
//! Invariant: **nothing of a repository is ever executed, and nothing of it leaves its folder.** There is no work tree: a
//! tree is listed and its files are read as objects, so hooks, filters, attributes, submodules, modes and settings in it
//! are text like any other. Objects are checked when they come.
//!
//! Invariant: **what is not known is not empty.** A server that does not answer, a reference that is gone, a commit that is
//! refused are errors, and whoever has a last good commit goes on with it.
//!
//! Credentials are never arguments. A token goes from its file into a file of ours that only git's own helper reads, for
//! one host, and which is gone after the call.

mod address;
mod call;
mod checkouts;
mod commit;
mod error;
mod program;
mod reference;
mod remote;
mod tree;
mod verify;

pub use address::{Address, BadAddress};
pub use checkouts::{BadFolder, Checkout, Checkouts, Wish, folder_for};
pub use commit::Commit;
pub use error::{GitError, OLDEST};
pub use program::{Access, Program};
pub use reference::{BadReference, Reference};
pub use remote::{Fetched, Remote, Tip};
