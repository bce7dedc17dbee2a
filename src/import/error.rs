//! Why a file is no state that can be carried over.

use crate::diagnostic::quote;

/// A place in a state file, each counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in bytes.
    pub column: usize,
}

/// Why a file is no state that can be carried over. Nothing of its content is repeated but names of providers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// Bytes that are no text.
    #[error("not UTF-8 text, and a state is JSON")]
    NotText,
    /// A saved plan, which is an archive.
    #[error("a saved plan or another archive, not a state")]
    Archive,
    /// Text that is no JSON.
    #[error("not JSON")]
    NotJson(Place),
    /// JSON that is no state.
    #[error("JSON, but not a state: it has no `version`")]
    NotState,
    /// What `terraform show -json` prints.
    #[error("the output of `terraform show -json`, not a state")]
    Shown,
    /// A state that a program encrypted.
    #[error("an encrypted state ({0})")]
    Encrypted(&'static str),
    /// A state of another version.
    #[error("a state of version {0}; only version 4 is read")]
    Version(i64),
    /// A part that no state of this version has.
    #[error("a state of version 4 has something else in this place")]
    Form(Place),
    /// Nothing of the provider is in it.
    #[error("no resource of the provider mixser/flespi is in it; {}", of_others(.0))]
    NoneOfOurs(Vec<String>),
    /// More than any estate has.
    #[error("more than {most} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// The bound.
        most: usize,
    },
}

/// How many providers are named.
const MOST_NAMED: usize = 5;

fn of_others(providers: &[String]) -> String {
    if providers.is_empty() {
        return "it has no resources at all".to_owned();
    }
    let mut named: Vec<String> = providers.iter().take(MOST_NAMED).map(|it| quote(it)).collect();
    if providers.len() > MOST_NAMED {
        named.push(format!("{} more", providers.len() - MOST_NAMED));
    }
    format!("its resources are of {}", named.join(", "))
}

impl StateError {
    /// Where in the file.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::NotJson(place) | Self::Form(place) => Some(*place),
            _ => None,
        }
    }

    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::Empty | Self::NotText | Self::Archive | Self::NotJson(_) | Self::NotState => {
                "write the state to a file with `terraform state pull > state.json`, and pass that file"
            }
            Self::Shown => {
                "pass what `terraform state pull` prints, which has the keys of tokens and the providers in it"
            }
            Self::Encrypted(_) => {
                "decrypt it first: `tofu state pull` and `sops --decrypt` print a state as it is; pass that with `-`"
            }
            Self::Version(version) if *version < 4 => {
                "run `terraform apply -refresh-only` with Terraform 0.12 or later, which writes version 4"
            }
            Self::Version(_) => "use a newer release of this program",
            Self::Form(_) => {
                "pull the state again; edited by hand, it has to stay in the form of Terraform"
            }
            Self::NoneOfOurs(_) => {
                "pass the state of the configuration that has `flespi_limit`, `flespi_subaccount`, `flespi_token` or \
                 `flespi_webhook` resources; `export` needs no state"
            }
            Self::TooMany { .. } => "split the state, or use `export`, which needs none",
        }
    }
}
