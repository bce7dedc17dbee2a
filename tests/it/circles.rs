//! The files of a room stand in an order as the rooms themselves do: no two of them need each other.

mod imports;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use imports::{Module, Path as Words, written};

/// The files of one room, by their modules, and what each of them says.
struct Room<'a> {
    modules: BTreeMap<Words, Module<'a>>,
}

impl<'a> Room<'a> {
    /// Of files that are given by their paths below `src`, and their texts. What only tests see is left out.
    fn new(files: &[(&'a str, &'a str)]) -> Self {
        let mut modules: BTreeMap<Words, Module<'a>> =
            files.iter().map(|(path, text)| (module_of(path), written(path, text))).collect();
        let of_tests: Vec<Words> = modules
            .iter()
            .flat_map(|(place, module)| module.test_children.iter().map(|name| below(place, name)))
            .collect();
        modules.retain(|place, _| !of_tests.iter().any(|tests| place.starts_with(tests)));
        Self { modules }
    }

    /// The files that a file needs: those that define what its code names.
    fn needs(&self, place: &Words) -> BTreeSet<&'a str> {
        let module = &self.modules[place];
        let mut needs: BTreeSet<&'a str> = BTreeSet::new();
        let imports = module.imports.iter().filter(|import| {
            // Whoever only hands on what its children define does not need them.
            !import.is_handed_on || !self.absolute(place, &import.path).starts_with(place)
        });
        let paths = imports.map(|import| &import.path).chain(&module.paths);
        for path in paths {
            needs.extend(self.defines(&self.absolute(place, path), 0));
        }
        needs.remove(module.file);
        needs
    }

    /// A path as it would be written after `crate::`; empty if it does not lead into this room.
    fn absolute(&self, place: &Words, path: &Words) -> Words {
        let Some((first, rest)) = path.split_first() else { return Words::new() };
        let mut from = match first.as_str() {
            "crate" => return rest.to_vec(),
            "self" => place.clone(),
            "super" => place[..place.len() - 1].to_vec(),
            name => {
                let module = &self.modules[place];
                let import = module.imports.iter().find(|import| import.name == name);
                match import {
                    Some(import) if import.path != *path => self.absolute(place, &import.path),
                    _ if self.modules.contains_key(&below(place, name)) => below(place, name),
                    _ => return Words::new(),
                }
            }
        };
        for word in rest {
            match word.as_str() {
                "super" => drop(from.pop()),
                "self" => {}
                _ => from.push(word.clone()),
            }
        }
        from
    }

    /// The file that defines what the path leads to; none if that is a module as a whole or in another room.
    fn defines(&self, path: &Words, depth: usize) -> Option<&'a str> {
        const LONGEST: usize = 20;
        let end = (1..=path.len()).rev().find(|end| self.modules.contains_key(&path[..*end]))?;
        let (place, rest) = (path[..end].to_vec(), &path[end..]);
        let module = &self.modules[&place];
        let name = rest.first()?;
        let is_handed_on = |import: &&imports::Import| depth < LONGEST && import.name == *name;
        if let Some(import) = module.imports.iter().find(is_handed_on) {
            let mut there = self.absolute(&place, &import.path);
            there.extend_from_slice(&rest[1..]);
            return self.defines(&there, depth + 1);
        }
        let globs = module.imports.iter().filter(|import| import.name == "*");
        let of_glob = globs
            .filter_map(|import| {
                let mut there = self.absolute(&place, &import.path);
                there.pop();
                self.modules.get(&there).filter(|it| it.defined.contains(name))
            })
            .next();
        Some(of_glob.unwrap_or(module).file)
    }

    /// Every set of files that need each other.
    fn circles(&self) -> Vec<BTreeSet<&'a str>> {
        let needs: BTreeMap<&str, BTreeSet<&'a str>> =
            self.modules.iter().map(|(place, it)| (it.file, self.needs(place))).collect();
        let reached = |from: &'a str| {
            let (mut reached, mut open) = (BTreeSet::new(), vec![from]);
            while let Some(file) = open.pop() {
                open.extend(needs[file].iter().filter(|next| reached.insert(**next)));
            }
            reached
        };
        let reach: BTreeMap<&'a str, BTreeSet<&'a str>> =
            self.modules.values().map(|it| (it.file, reached(it.file))).collect();
        let circles: BTreeSet<BTreeSet<&'a str>> = reach
            .iter()
            .filter(|(file, reached)| reached.contains(*file))
            .map(|(file, reached)| {
                reached.iter().copied().filter(|other| reach[other].contains(file)).collect()
            })
            .collect();
        circles.into_iter().collect()
    }

    /// Which file of a circle needs which, to be read by whoever made it.
    fn words(&self, circle: &BTreeSet<&str>) -> String {
        let mut lines = Vec::new();
        for (place, module) in self.modules.iter().filter(|(_, it)| circle.contains(it.file)) {
            let needs: Vec<&str> = self.needs(place).intersection(circle).copied().collect();
            lines.push(format!("  {} needs {}", module.file, needs.join(", ")));
        }
        lines.join("\n")
    }
}

/// The module that a file is: `plan/mod.rs` is `plan`, and `plan/step.rs` is `plan::step`.
fn module_of(path: &str) -> Words {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.split('/').map(str::to_owned).collect()
}

fn below(place: &Words, name: &str) -> Words {
    place.iter().cloned().chain([name.to_owned()]).collect()
}

/// Every room of these files.
fn rooms<'a>(files: &[(&'a str, &'a str)]) -> BTreeMap<String, Room<'a>> {
    let mut by_name: BTreeMap<String, Vec<(&'a str, &'a str)>> = BTreeMap::new();
    for (path, text) in files {
        let name = module_of(path).swap_remove(0);
        by_name.entry(name).or_default().push((path, text));
    }
    by_name.into_iter().map(|(name, files)| (name, Room::new(&files))).collect()
}

#[test]
fn no_two_files_of_a_room_need_each_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files: Vec<(String, String)> = walkdir::WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
        .map(|entry| {
            let path = entry.path().strip_prefix(&root).unwrap().display().to_string();
            (path.replace('\\', "/"), std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (&**path, &**text)).collect();
    let rooms = rooms(&files);
    let edges = |room: &Room<'_>| room.modules.keys().map(|it| room.needs(it).len()).sum::<usize>();
    assert!(rooms.values().map(edges).sum::<usize>() > 500, "hardly an import is found");
    let mut faults = Vec::new();
    for (name, room) in &rooms {
        let circles = room.circles();
        for circle in &circles {
            faults.push(format!("in {name} these need each other:\n{}", room.words(circle)));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The circles among planted files of one room.
fn circles_of(files: &[(&str, &str)]) -> Vec<Vec<String>> {
    let rooms = rooms(files);
    let circles = rooms.values().flat_map(Room::circles);
    circles.map(|circle| circle.into_iter().map(str::to_owned).collect()).collect()
}

#[test]
fn two_files_that_need_each_other_are_found_in_whatever_form() {
    for (text, why) in [
        ("use super::b::B;", "a path to the neighbour"),
        ("use super::b;\nfn f() { b::b() }", "the neighbour as a module"),
        ("use super::b::{self as other};\nfn f() { other::b() }", "the neighbour by another name"),
        ("use crate::room::b::B;", "a path from the root"),
        ("use crate::room::{b::{B}};", "a group"),
        ("fn f() { super::b::b() }", "a path in the code"),
        ("use super::B;", "what the parent hands on"),
        ("use crate::room::B;", "what the parent hands on, from the root"),
        ("use super::{\n    A as Other,\n    B,\n};", "a group over several lines"),
        ("use super::*;\nfn f(b: super::B) {}", "everything of the parent"),
        ("pub(super) use super::b::B;", "handed on from a neighbour"),
        ("fn f() {\n    use super::b::B;\n}", "an import within a function"),
        ("#[cfg(test)]\nmod tests {\n}\nuse super::b::B;", "an import after the tests"),
    ] {
        let files = [
            ("room/mod.rs", "mod a;\nmod b;\npub use a::A;\npub use b::{B};"),
            ("room/a.rs", text),
            ("room/b.rs", "use super::a::A;"),
        ];
        assert_eq!(circles_of(&files), [["room/a.rs", "room/b.rs"]], "{why}: {text}");
    }
}

#[test]
fn a_circle_may_have_many_files_and_a_room_many_circles() {
    let files = [
        ("room/a.rs", "use super::b::B;"),
        ("room/b.rs", "use super::c::C;"),
        ("room/c.rs", "use super::a::A;"),
        ("room/deep/mod.rs", "mod d;\npub use d::D;\nmod e;"),
        ("room/deep/d.rs", "use super::e::E;\nuse super::super::a::A;"),
        ("room/deep/e.rs", "use crate::room::deep::D;"),
        ("other/a.rs", "use crate::room::b::B;"),
    ];
    let expected: [&[&str]; 2] =
        [&["room/a.rs", "room/b.rs", "room/c.rs"], &["room/deep/d.rs", "room/deep/e.rs"]];
    assert_eq!(circles_of(&files), expected);
}

#[test]
fn a_parent_that_uses_what_its_children_define_needs_them() {
    let child = ("room/a.rs", "use super::Policy;");
    for text in [
        "mod a;\npub struct Policy;\nfn f() { a::a() }",
        "mod a;\nuse a::A;\npub struct Policy;",
        "mod a;\npub use a::A;\npub struct Policy(A);",
        "mod a;\npub use a::make;\npub struct Policy;\nfn f() { make() }",
    ] {
        let found = circles_of(&[("room/mod.rs", text), child]);
        assert_eq!(found, [["room/a.rs", "room/mod.rs"]], "{text}");
    }
}

#[test]
fn what_is_no_circle_is_none() {
    let b = "use super::a::A;";
    for (parent, a) in [
        // A parent that hands on is no file in between.
        ("mod a;\nmod b;\npub use a::A;\npub use b::B;\npub struct Policy;", "use super::Policy;"),
        ("mod a;\nmod b;", "//! [`super::b`]\n/// use super::b::B;\n// use super::b::B;"),
        ("mod a;\nmod b;", "#[cfg(test)]\nmod tests {\n    use super::super::b::B;\n}"),
        ("mod a;\nmod b;", "#[cfg(all(test, unix))]\nmod tests {\n    use crate::room::b::B;\n}"),
        (
            "mod a;\nmod b;",
            "#[cfg(test)]\n#[cfg(unix)]\nmod tests {\n    use super::super::b::B;\n}",
        ),
        ("mod a;\nmod b;", "use super::b;"),
        ("mod a;\nmod b;", "use other::b::B;\nuse crate::other::b::B;\nfn f() { b::b() }"),
        ("#[cfg(test)]\nmod a;\nmod b;", "use super::b::B;"),
    ] {
        let files = [("room/mod.rs", parent), ("room/a.rs", a), ("room/b.rs", b)];
        assert!(circles_of(&files).is_empty(), "{parent} {a}: {:?}", circles_of(&files));
    }
}
