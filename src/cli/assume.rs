//! What the sandbox is to assume: what a profile found out, and on top of it what is asked for by name.

use std::path::Path;

use crate::profile::Profile;
use crate::sandbox::Assumptions;

/// The assumptions of a sandbox that behaves like the platform of a profile; and what of the profile it has no word for.
///
/// # Errors
/// The profile cannot be read, or one of `wanted` (`NAME=VALUE`) is not in the table; in words.
pub(super) fn assumptions(
    profile: Option<&Path>,
    wanted: &[String],
) -> Result<(Assumptions, Vec<String>), String> {
    let mut assumptions = Assumptions::default();
    let mut unknown = Vec::new();
    if let Some(path) = profile {
        let profile = Profile::read(path).map_err(|error| format!("--profile: {error}"))?;
        for (name, answer) in &profile.answers {
            if assumptions.set(&format!("{name}={}", answer.value)).is_err() {
                unknown.push(format!("{name}={}", answer.value));
            }
        }
    }
    for assumption in wanted {
        assumptions.set(assumption).map_err(|error| format!("--assume {assumption}: {error}"))?;
    }
    Ok((assumptions, unknown))
}

/// Words for what the sandbox cannot be like.
pub(super) fn told(unknown: &[String]) -> Option<String> {
    match unknown {
        [] => None,
        some => Some(format!("the sandbox cannot behave like this: {}", some.join(", "))),
    }
}
