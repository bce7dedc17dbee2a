//! Warnings that count as errors: `--deny warnings` or `--deny CODE`.

use std::fmt;
use std::str::FromStr;

use super::Code;
use super::suggest::nearest;

/// Which warnings count as errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deny {
    /// All of them.
    Warnings,
    /// Those of a code.
    Code(Code),
}

/// What stands for all warnings.
const ALL: &str = "warnings";

impl Deny {
    /// Whether warnings of `code` are meant.
    #[must_use]
    pub fn takes(self, code: Code) -> bool {
        match self {
            Self::Warnings => true,
            Self::Code(denied) => denied == code,
        }
    }
}

impl fmt::Display for Deny {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Warnings => formatter.write_str(ALL),
            Self::Code(code) => code.fmt(formatter),
        }
    }
}

impl FromStr for Deny {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == ALL {
            return Ok(Self::Warnings);
        }
        let words = Code::all().map(Code::as_str).chain([ALL]);
        text.parse().map(Self::Code).map_err(|_| match nearest(text, words) {
            Some(known) => format!("unknown code; did you mean `{known}`?"),
            None => "write `warnings`, or the code of one, such as `acl-unknown`".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostic, Diagnostics};

    #[test]
    fn only_warnings_that_are_named_become_errors() {
        let all = || -> Diagnostics {
            let warnings = [Code::AclUnknown, Code::YamlTrap];
            warnings.map(|code| Diagnostic::warning(code, "x")).into_iter().collect()
        };
        let mut one = all();
        one.deny(&["acl-unknown".parse().unwrap()]);
        assert_eq!(one.count(crate::diagnostic::Severity::Error), 1);
        let mut both = all();
        both.deny(&["warnings".parse().unwrap()]);
        assert_eq!(both.count(crate::diagnostic::Severity::Error), 2);
        let mut none = all();
        none.deny(&[]);
        assert!(!none.has_errors());
        let refused = "acl-unkown".parse::<Deny>().unwrap_err();
        assert!(refused.contains("`acl-unknown`"), "{refused}");
    }
}
