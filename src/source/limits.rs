//! How much of everything a text may hold.
//!
//! A manifest is written by people, so the defaults leave a hundredfold of room; beyond them is a mistake or an attack,
//! and either is better told than carried out.

/// Bounds on a load and on each file of it. Each one that is met ends in a diagnostic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Files of a load.
    pub files: usize,
    /// Files and folders that are come across on the way to them, whatever they are.
    pub entries: usize,
    /// Size of all files of a load together, tables included.
    pub load_bytes: usize,
    /// Size of a file.
    pub file_bytes: usize,
    /// Keys, values and items in a file, aliases not followed.
    pub file_nodes: usize,
    /// Collections inside collections, also after aliases are expanded. Recursion below never goes deeper.
    pub depth: usize,
    /// Nodes that aliases may add to a file.
    pub alias_nodes: usize,
    /// Text that aliases may add to a file.
    pub alias_bytes: usize,
    /// Rows of all templates of a load.
    pub rows: usize,
    /// Text that the rows of templates may come to.
    pub expanded_bytes: usize,
    /// Complaints about the text of one file; the rest is counted and not shown.
    pub diagnostics: usize,
}

impl Limits {
    /// The limits that hold unless somebody says otherwise.
    pub const DEFAULT: Self = Self {
        files: 100_000,
        entries: 1_000_000,
        load_bytes: 256 * 1024 * 1024,
        file_bytes: 16 * 1024 * 1024,
        file_nodes: 2_000_000,
        depth: 128,
        alias_nodes: 100_000,
        alias_bytes: 4 * 1024 * 1024,
        rows: 100_000,
        expanded_bytes: 64 * 1024 * 1024,
        diagnostics: 1_000,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
