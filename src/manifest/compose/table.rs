//! The rows of a template, wherever they stand, in one form.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::csv;
use super::file::File;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::discover;
use crate::manifest::scope::Scope;
use crate::reading::yaml;
use crate::source::value::{Entry, Key, Scalar};
use crate::source::{Limits, Meaning, SourceMap, Span, Spanned, Value};

/// A row: which parameters it fills in.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) cells: Vec<Entry>,
}

/// The rows of a template.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// Whether all cells are text, whose meaning only the parameters know.
    pub(super) untyped: bool,
    /// The names of the columns where the table has them in one place.
    pub(super) columns: Vec<Key>,
}

/// A file as a template names it.
pub(super) struct Named<'a> {
    /// The folder of the template.
    pub(super) folder: &'a Path,
    /// The file as it is written there.
    pub(super) file: &'a Path,
    /// Where it is written.
    pub(super) at: Span,
}

/// Tables in files, each read once.
pub(super) struct Tables<'a> {
    scope: &'a Scope,
    limits: &'a Limits,
    known: BTreeMap<PathBuf, Option<Rc<Table>>>,
}

/// The rows that stand in the manifest itself.
pub(super) fn inline(list: &Spanned) -> Table {
    Table { rows: rows(list), untyped: false, columns: Vec::new() }
}

fn rows(list: &Spanned) -> Vec<Row> {
    let row = |row: &Spanned| Row { span: row.span, cells: row.as_mapping().to_vec() };
    list.as_sequence().iter().map(row).collect()
}

impl<'a> Tables<'a> {
    pub(super) fn new(scope: &'a Scope, limits: &'a Limits) -> Self {
        Self { scope, limits, known: BTreeMap::new() }
    }

    /// The rows in the file that a template names.
    pub(super) fn get(
        &mut self,
        named: &Named<'_>,
        files: &mut [File],
        sources: &mut SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> Option<Rc<Table>> {
        let path = named.folder.join(named.file);
        let identity = path.canonicalize().unwrap_or(path);
        if let Some(known) = self.known.get(&identity) {
            return known.clone();
        }
        let table = self.read(named, &identity, files, sources, diagnostics).map(Rc::new);
        self.known.insert(identity, table.clone());
        table
    }

    fn read(
        &self,
        named: &Named<'_>,
        identity: &Path,
        files: &mut [File],
        sources: &mut SourceMap,
        diagnostics: &mut Diagnostics,
    ) -> Option<Table> {
        let Named { file, at, .. } = *named;
        // A table in YAML lies among the manifests, where it was found and read already; it is none of them.
        if let Some(found) = files.iter_mut().find(|file| file.identity == identity) {
            let documents = std::mem::take(&mut found.documents);
            let problems = std::mem::take(&mut found.problems);
            if !problems.is_empty() {
                diagnostics.extend(problems);
                return None;
            }
            return of_yaml(documents, file, at, diagnostics);
        }
        let source = match discover::table(named.folder, file, self.scope, self.limits, sources) {
            Ok(source) => source,
            Err(finding) => {
                // What names the file is the place to look at, even more so if there is no file.
                let finding = *finding;
                diagnostics.push(match finding.primary {
                    Some(_) => finding,
                    None => finding.at(at, ""),
                });
                return None;
            }
        };
        let is_csv = file.extension().is_some_and(|it| it.eq_ignore_ascii_case("csv"));
        if is_csv {
            return of_csv(source, self.limits, sources, diagnostics);
        }
        let (documents, problems) = yaml::load(source, sources.text(source), self.limits);
        let is_sound = problems.is_empty();
        problems.into_iter().for_each(|problem| diagnostics.push(problem));
        if is_sound { of_yaml(documents, file, at, diagnostics) } else { None }
    }
}

fn of_yaml(
    documents: Vec<Spanned>,
    path: &Path,
    at: Span,
    diagnostics: &mut Diagnostics,
) -> Option<Table> {
    let [list] = documents.as_slice() else {
        let message = match documents.len() {
            0 => format!("{} holds no table", path.display()),
            many => format!("{} holds {many} documents, but a table is one", path.display()),
        };
        diagnostics.push(Diagnostic::error(Code::TableForm, message).at(at, "").help(TABLE_HELP));
        return None;
    };
    let stranger = match &list.value {
        Value::Sequence(items) => {
            items.iter().find(|item| !matches!(item.value, Value::Mapping(_)))
        }
        _ => Some(list),
    };
    if let Some(stranger) = stranger {
        let what =
            if std::ptr::eq(stranger, list) { "a table is a list" } else { "a row is a mapping" };
        diagnostics.push(
            Diagnostic::error(Code::TableForm, format!("{what}, not {}", stranger.describe()))
                .at(stranger.span.head(), "")
                .help(TABLE_HELP),
        );
        return None;
    }
    Some(inline(list))
}

const TABLE_HELP: &str = "write one row a line, such as `- {name: acme, title: ACME Haulage}`";

/// What separates the names in the first line of a table if it is no comma, and where: spreadsheets write what their
/// language separates lists with.
fn other_separator(text: &str) -> Option<(usize, &'static str)> {
    let header = text.lines().next().filter(|header| !header.contains(','))?;
    [";", "\t", "|"].into_iter().find_map(|separator| Some((header.find(separator)?, separator)))
}

fn of_csv(
    source: crate::source::SourceId,
    limits: &Limits,
    sources: &SourceMap,
    diagnostics: &mut Diagnostics,
) -> Option<Table> {
    let text = sources.text(source);
    let mut refuse = |span: Span, message: String, help: &str| {
        diagnostics.push(Diagnostic::error(Code::TableForm, message).at(span, "").help(help));
        None
    };
    if let Some((at, separator)) = other_separator(text) {
        let message = match separator {
            "\t" => "the cells are separated by tabs, but a table takes commas".to_owned(),
            other => format!("the cells are separated by `{other}`, but a table takes commas"),
        };
        let help = "save it with commas as field separator; a cell with a comma in it goes in double quotes";
        return refuse(Span::new(source, at, at + separator.len()), message, help);
    }
    let mut records = match csv::records(source, text, limits.rows + 2) {
        Ok(records) => records.into_iter(),
        Err(malformed) => {
            let help = "a cell with a comma, a quote or a line break in it goes in double quotes, and a quote \
                        in it is doubled";
            return refuse(malformed.span, malformed.said.to_owned(), help);
        }
    };
    let Some(header) = records.next() else {
        let help = "the first line names the parameters, such as `name,title`";
        return refuse(Span::new(source, 0, 0), "the table is empty".to_owned(), help);
    };
    let columns: Vec<Key> =
        header.into_iter().map(|cell| Key { span: cell.span, text: cell.text.into() }).collect();
    let mut names = HashSet::new();
    for column in &columns {
        if !names.insert(column.text.as_str()) {
            let message = format!("column {} appears twice", quote(&column.text));
            return refuse(column.span, message, "keep one of them");
        }
    }
    let mut rows = Vec::new();
    for record in records {
        let (Some(first), Some(last)) = (record.first(), record.last()) else { continue };
        let span = first.span.to(last.span);
        if record.len() != columns.len() {
            let message = format!(
                "the row has {} cells, but there are {} columns",
                record.len(),
                columns.len()
            );
            return refuse(
                span,
                message,
                "give each row a cell for each column, even if it is empty",
            );
        }
        let cells = columns.iter().zip(record);
        // An empty cell is one that was left out, so the default of its parameter holds.
        let cells = cells.filter(|(_, cell)| cell.quoted || !cell.text.is_empty());
        let cells = cells.map(|(column, cell)| {
            let scalar = Scalar { text: cell.text.into(), plain: false, meaning: Meaning::Text };
            let value = Spanned { span: cell.span, value: Value::Scalar(scalar) };
            Entry { key: column.clone(), value }
        });
        rows.push(Row { span, cells: cells.collect() });
    }
    Some(Table { rows, untyped: true, columns })
}
