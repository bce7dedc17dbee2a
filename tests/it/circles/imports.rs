//! Which paths the code of a file names.

use std::collections::BTreeSet;

/// The words of a path.
pub type Path = Vec<String>;

/// One name that a file imports.
#[derive(Debug, Clone)]
pub struct Import {
    /// What it is called here; `*` for everything.
    pub name: String,
    pub path: Path,
    /// Whether others get it from here.
    pub is_handed_on: bool,
}

/// What a file says of others.
#[derive(Debug, Default)]
pub struct Module<'a> {
    pub file: &'a str,
    pub imports: Vec<Import>,
    /// Paths outside of imports, imported names among them.
    pub paths: BTreeSet<Path>,
    /// Children that only tests see.
    pub test_children: Vec<String>,
    /// The names of what it defines.
    pub defined: BTreeSet<String>,
}

/// Reads the text of a file. Documentation may point anywhere, and tests may know everything.
pub fn written<'a>(file: &'a str, text: &str) -> Module<'a> {
    let (code, test_children) = code(text);
    let mut module = Module { file, test_children, ..Module::default() };
    let mut rest = String::new();
    let mut declaration: Option<(String, bool)> = None;
    for line in code.lines() {
        if declaration.is_none() {
            match use_of(line.trim()) {
                Some((tree, is_handed_on)) => {
                    declaration = Some((tree.to_owned(), is_handed_on));
                }
                None => {
                    rest.push_str(line);
                    rest.push('\n');
                    continue;
                }
            }
        } else if let Some((tree, _)) = &mut declaration {
            tree.push_str(line.trim());
            tree.push(' ');
        }
        if line.trim_end().ends_with(';')
            && let Some((tree, is_handed_on)) = declaration.take()
        {
            let tree = tree.trim().trim_end_matches(';');
            let imports = names(tree, &Path::new()).into_iter();
            module.imports.extend(imports.map(|(name, path)| Import { name, path, is_handed_on }));
        }
    }
    for word in words(&rest) {
        module.paths.extend(word.path(&module.imports));
        module.defined.extend(word.defined());
    }
    module
}

/// The code without comments and tests, and the names of modules that are tests.
fn code(text: &str) -> (String, Vec<String>) {
    let (mut code, mut tests) = (String::new(), Vec::new());
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    while let Some(line) = lines.next() {
        let is_of_tests = line == "#[cfg(test)]" || line.starts_with("#[cfg(all(test,");
        if !is_of_tests {
            code.push_str(line);
            code.push('\n');
            continue;
        }
        // Further attributes may stand between.
        let Some(next) = lines.find(|line| !line.starts_with("#[")) else { break };
        let name = next.split_whitespace().last().unwrap_or_default();
        match (next.contains("mod "), name.strip_suffix(';')) {
            (true, Some(name)) => tests.push(name.to_owned()),
            // What belongs to the item ends where the first line does that is not indented.
            _ if next.ends_with('{') => drop(lines.find(|line| line.starts_with('}'))),
            _ => {}
        }
    }
    (code, tests)
}

/// What follows `use` in a line that begins with it, and whether it is handed on.
fn use_of(line: &str) -> Option<(&str, bool)> {
    let after = match line.strip_prefix("pub") {
        None => return line.strip_prefix("use ").map(|tree| (tree, false)),
        Some(after) => after.trim_start(),
    };
    let after = match after.strip_prefix('(') {
        None => after,
        Some(scope) => scope.split_once(')')?.1.trim_start(),
    };
    after.strip_prefix("use ").map(|tree| (tree, true))
}

/// Every name of a tree of imports, and its path.
fn names(tree: &str, before: &Path) -> Vec<(String, Path)> {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let (path, alias) = match tree.split_once(" as ") {
            Some((path, alias)) => (path, Some(alias.trim().to_owned())),
            None => (tree, None),
        };
        let mut path = joined(before, path);
        if path.last().is_some_and(|word| word == "self") && path.len() > 1 {
            path.pop();
        }
        let name = alias.or_else(|| path.last().cloned()).unwrap_or_default();
        return vec![(name, path)];
    };
    let before = joined(before, head);
    let group = group.trim_end().strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&group[start..]);
    let found = found.into_iter().filter(|part| !part.trim().is_empty());
    found.flat_map(|part| names(part, &before)).collect()
}

fn joined(before: &Path, path: &str) -> Path {
    let words = path.split("::").map(str::trim).filter(|word| !word.is_empty());
    before.iter().cloned().chain(words.map(str::to_owned)).collect()
}

/// A path in the code, and what stands around it.
struct Word<'a> {
    text: &'a str,
    before: &'a str,
    after: &'a str,
}

/// Every path of the code, single names included.
fn words(code: &str) -> Vec<Word<'_>> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = code[at..].find(is_part).map(|start| at + start) {
        let mut end = start;
        loop {
            end += code[end..].find(|c| !is_part(c)).unwrap_or(code.len() - end);
            let is_longer = code[end..].starts_with("::") && code[end + 2..].starts_with(is_part);
            if !is_longer {
                break;
            }
            end += 2;
        }
        found.push(Word { text: &code[start..end], before: &code[..start], after: &code[end..] });
        at = end;
    }
    found
}

impl Word<'_> {
    /// The path, if it may name something of another file.
    fn path(&self, imports: &[Import]) -> Option<Path> {
        let path = joined(&Path::new(), self.text);
        let first = path.first()?;
        if path.len() > 1 {
            // `$crate` and generic types end a path that began elsewhere.
            return (!self.before.ends_with("::")).then_some(path);
        }
        let is_imported = imports.iter().any(|import| import.name == *first);
        // A variable or a field may be called as a function is.
        let is_variable = first.starts_with(char::is_lowercase)
            && (!self.after.starts_with(['(', '<', '!'])
                || self.before.ends_with('.')
                || self.before.ends_with("fn "));
        (is_imported && !is_variable).then_some(path)
    }

    /// The name, if it is defined here.
    fn defined(&self) -> Option<String> {
        let before = self.before.trim_end();
        let keyword = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        let keywords = ["fn", "struct", "enum", "trait", "type", "const", "static", "mod", "union"];
        keywords.contains(&keyword).then(|| self.text.to_owned())
    }
}
