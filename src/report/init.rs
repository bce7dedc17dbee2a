//! What `init` did.

use schemars::JsonSchema;
use serde::Serialize;

/// What `init` did, as JSON.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub struct InitDocument {
    /// Files that were written.
    pub written: Vec<String>,
    /// Files that were there already and stay as they are.
    pub kept: Vec<Kept>,
    /// Commands to run next.
    pub next: Vec<String>,
}

/// A file that was there already.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Kept {
    /// Its path.
    pub path: String,
    /// Lines that it does not have and that it should have.
    pub lacks: Vec<String>,
}

/// The document for people.
pub fn init_text(done: &InitDocument) -> String {
    let mut text = String::new();
    for path in &done.written {
        text.push_str(&format!("wrote {path}\n"));
    }
    for Kept { path, lacks } in &done.kept {
        text.push_str(&format!("kept  {path} (already exists)\n"));
        for line in lacks {
            text.push_str(&format!("      missing line: {line}\n"));
        }
    }
    text.push_str("\nnext:\n");
    for command in &done.next {
        text.push_str(&format!("  {command}\n"));
    }
    text
}
