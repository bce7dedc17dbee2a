//! Which manifest stands in which file.

use std::collections::{BTreeMap, BTreeSet};

use super::choose::{Treatment, Treatments};
use super::document::Scribe;
use super::kinds::written::Nameable;
use super::options::Options;
use super::terms::{Addresses, File, Key, Unsayable};
use crate::manifest::schema::API_VERSION;
use crate::observe::Actual;
use crate::reading::yaml::write::Block;
use crate::resource::{AccountPath, Address, AddressPattern, Kind};

/// Where a file is continued in another one, in bytes: a quarter of what a reader takes.
const FULL: usize = 4 * 1024 * 1024;

/// The files of an export, and where in them each object stands.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) files: Vec<File>,
    /// File name and offset of each manifest, in ascending order.
    places: BTreeMap<(String, usize), Key>,
}

impl Layout {
    /// The file in which each manifest stands that counts.
    pub(super) fn file_of(&self) -> BTreeMap<Key, &str> {
        self.places.iter().map(|((file, _), key)| (*key, file.as_str())).collect()
    }

    /// The object whose manifest holds the place.
    pub(super) fn object_at(&self, file: &str, offset: usize) -> Option<Key> {
        let before = self.places.range(..=(file.to_owned(), offset)).next_back();
        before.filter(|((name, _), _)| name == file).map(|(_, key)| *key)
    }
}

/// Writes everything that was chosen.
pub(super) fn lay_out(
    actual: &Actual,
    addresses: &Addresses,
    treatments: &Treatments,
    unsayable: &BTreeMap<Key, Unsayable>,
    options: &Options,
    exclude: &BTreeSet<AddressPattern>,
) -> Layout {
    let is_written = |key: &Key| treatments.get(key).is_some_and(Treatment::is_written);
    let declared = addresses.iter().filter(|(key, _)| is_written(key));
    let declared = declared.map(|(_, address)| address).collect();
    let scribe = Scribe {
        options,
        nameable: Nameable { stack: &options.stack, addresses, declared, links: &actual.links },
    };

    let mut sorted: BTreeMap<(&AccountPath, Kind), BTreeMap<&Address, Key>> = BTreeMap::new();
    for (key, address) in addresses {
        sorted.entry((&address.account, address.kind)).or_default().insert(address, *key);
    }
    let mut layout = Layout::default();
    layout.files.push(stack_file(options, exclude));
    for ((account, kind), objects) in sorted {
        let mut writer = Writer::new(account, kind, options.schema.as_deref());
        let left_out: BTreeSet<&str> = objects
            .values()
            .filter_map(|key| match treatments.get(key) {
                Some(Treatment::LeftOut(reason)) => Some(*reason),
                _ => None,
            })
            .collect();
        for reason in left_out {
            writer.note(&format!("Left out: {reason}."));
        }
        for key in objects.values() {
            let (Some(object), Some(address), Some(treatment)) =
                (actual.objects.get(key), addresses.get(key), treatments.get(key))
            else {
                continue;
            };
            if matches!(
                treatment,
                Treatment::LeftOut(_) | Treatment::Excluded | Treatment::NotMeant
            ) {
                continue;
            }
            let text = scribe.document(object, address, treatment, unsayable.get(key)).text();
            match treatment {
                Treatment::Commented(_) => writer.commented(&text),
                _ => writer.document(&text, *key),
            }
        }
        writer.finish(&mut layout);
    }
    layout
}

fn stack_file(options: &Options, exclude: &BTreeSet<AddressPattern>) -> File {
    let mut block = Block::default();
    block.comment("The name of the stack, which is in the mark of every managed object.");
    block.field("apiVersion", API_VERSION);
    block.field("kind", "Stack");
    let mut metadata = Block::default();
    metadata.field("name", options.stack.as_str());
    block.block("metadata", metadata);
    if !exclude.is_empty() {
        let mut spec = Block::default();
        spec.comment("Objects that were not exported are left alone.");
        spec.field("exclude", exclude.iter().map(ToString::to_string).collect::<Vec<_>>());
        block.block("spec", spec);
    }
    let text = editor_line(options.schema.as_deref(), 0) + &block.text();
    File { path: "stack.yaml".to_owned(), text }
}

/// The line by which an editor finds the schema, for a document in a file that lies `depth` folders below the export. A
/// language server reads it for the one document that it stands in.
fn editor_line(schema: Option<&str>, depth: usize) -> String {
    let Some(schema) = schema else { return String::new() };
    let is_fixed = schema.contains("://") || schema.starts_with('/');
    let up = if is_fixed { String::new() } else { "../".repeat(depth) };
    format!("# yaml-language-server: $schema={up}{schema}\n")
}

/// The folder of an account. Names of accounts may look like those of our files, and no name ends
/// with `_`.
fn folder(account: &AccountPath) -> String {
    let mut folder = String::new();
    for segment in account.segments() {
        folder.push_str(segment);
        folder.push_str(if segment.ends_with(".yaml") || segment.ends_with(".yml") {
            "_/"
        } else {
            "/"
        });
    }
    folder
}

/// One account's objects of one kind, in one file or several.
struct Writer {
    stem: String,
    head: String,
    /// Begins each document.
    editor_line: String,
    /// Finished files, and then the one in work.
    texts: Vec<String>,
    places: Vec<(usize, usize, Key)>,
    is_empty: bool,
}

impl Writer {
    fn new(account: &AccountPath, kind: Kind, schema: Option<&str>) -> Self {
        let what = format!("{}s", kind.row().title);
        let mut head = match account.is_root() {
            true => format!("# {what} of the root account.\n"),
            false => format!("# {what} of the account {account}.\n"),
        };
        if kind.is_key() {
            head.push_str(
                "# Keys are never exported; add `deliver: [{file: PATH}]` to write one to a file.\n",
            );
        }
        Self {
            stem: format!("{}{}", folder(account), kind.collection()),
            texts: vec![head.clone()],
            head,
            editor_line: editor_line(schema, account.depth()),
            places: Vec::new(),
            is_empty: true,
        }
    }

    fn last(&mut self) -> &mut String {
        if self.texts.last().is_none_or(|text| text.len() > FULL) {
            self.texts.push(self.head.clone());
        }
        let last = self.texts.len() - 1;
        &mut self.texts[last]
    }

    fn note(&mut self, text: &str) {
        self.is_empty = false;
        self.last().push_str(&format!("# {text}\n"));
    }

    fn document(&mut self, text: &str, key: Key) {
        self.is_empty = false;
        let line = self.editor_line.clone();
        let file = self.last();
        file.push_str("---\n");
        file.push_str(&line);
        let offset = file.len();
        file.push_str(text);
        self.places.push((self.texts.len() - 1, offset, key));
    }

    /// A manifest that does not count is a comment between others; an empty line keeps it apart.
    fn commented(&mut self, text: &str) {
        self.is_empty = false;
        let file = self.last();
        file.push('\n');
        for line in text.lines() {
            file.push_str("# ");
            file.push_str(line.strip_prefix("# ").unwrap_or(line));
            file.push('\n');
        }
        file.push('\n');
    }

    fn finish(self, layout: &mut Layout) {
        let Self { stem, head: _, editor_line: _, texts, places, is_empty } = self;
        if is_empty {
            return;
        }
        let name = |index: usize| match index {
            0 => format!("{stem}.yaml"),
            index => format!("{stem}-{}.yaml", index + 1),
        };
        for (index, offset, key) in places {
            layout.places.insert((name(index), offset), key);
        }
        for (index, text) in texts.into_iter().enumerate() {
            layout.files.push(File { path: name(index), text });
        }
    }
}
