//! A row held against the parameters: which value each gets, and of what type it has to be.

use std::collections::{BTreeMap, HashMap};

use super::parameter::Declared;
use super::table::{Row, Table};
use crate::diagnostic::suggest::nearest;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::manifest::model::ParameterType;
use crate::manifest::number;
use crate::reading::yaml::core_schema;
use crate::source::value::{Key, Scalar};
use crate::source::{Meaning, Spanned, Value};

/// The value of every parameter in a row, or what is wrong with it.
pub(super) fn resolve<'p>(
    row: &Row,
    table: &Table,
    parameters: &BTreeMap<&'p str, Declared<'_>>,
    diagnostics: &mut Diagnostics,
) -> Option<BTreeMap<&'p str, Spanned>> {
    let before = diagnostics.len();
    // Where the columns have names in one place, that is where an unknown one is told, once.
    let told = row.cells.iter().filter(|_| table.columns.is_empty() && !diagnostics.are_many());
    for cell in told.collect::<Vec<_>>() {
        if !parameters.contains_key(cell.key.text.as_str()) {
            diagnostics.push(unknown(&cell.key, parameters));
        }
    }
    let cells: HashMap<&str, &Spanned> =
        row.cells.iter().map(|cell| (cell.key.text.as_str(), &cell.value)).collect();
    let mut values = BTreeMap::new();
    for (name, declared) in parameters {
        let cell = cells.get(name).copied();
        let value = match (cell, declared.default) {
            (Some(cell), _) => match typed(name, declared.parameter.kind, cell, table.untyped) {
                Ok(value) => value,
                Err(finding) => {
                    diagnostics.push(*finding);
                    continue;
                }
            },
            // It was held against its type when the template was checked.
            (None, Some(default)) => default.clone(),
            (None, None) => {
                diagnostics.push(
                    Diagnostic::error(
                        Code::MissingParameter,
                        format!("the row has no {}, and the parameter has no default", quote(name)),
                    )
                    .at(row.span, "")
                    .help(format!(
                        "give the row a value; if most rows have the same `{name}`, give the \
                                   parameter a `default`"
                    )),
                );
                continue;
            }
        };
        values.insert(*name, value);
    }
    (diagnostics.len() == before).then_some(values)
}

/// The finding for a column that is no parameter.
pub(super) fn unknown(key: &Key, parameters: &BTreeMap<&str, Declared<'_>>) -> Diagnostic {
    let finding = Diagnostic::error(
        Code::UnknownParameter,
        format!("the template has no parameter {}", quote(&key.text)),
    )
    .at(key.span, "");
    match nearest(&key.text, parameters.keys().copied()) {
        Some(known) => finding.help(format!("did you mean `{known}`?")).suggest(key.span, known),
        None => finding.help("declare it below `parameters`, or remove it from the table"),
    }
}

/// A cell in the type of its parameter. `untyped` cells, those of CSV, are text and are read as what is wanted.
pub(super) fn typed(
    name: &str,
    kind: ParameterType,
    cell: &Spanned,
    untyped: bool,
) -> Result<Spanned, Box<Diagnostic>> {
    let scalar = cell.as_scalar();
    let meaning = match scalar {
        // What could not be read was told already.
        Some(scalar) if scalar.meaning == Meaning::Unreadable => return Ok(cell.clone()),
        Some(scalar) if untyped => Some(core_schema(&scalar.text)),
        Some(scalar) => Some(scalar.meaning),
        None => None,
    };
    let fits = match (kind, meaning) {
        (ParameterType::String, Some(meaning)) => untyped || meaning == Meaning::Text,
        (ParameterType::Integer, Some(Meaning::Int(_))) => true,
        (ParameterType::Boolean, Some(Meaning::Bool(_))) => true,
        (ParameterType::List, Some(_)) if untyped => return Ok(split(cell)),
        (ParameterType::List, None) => {
            matches!(&cell.value, Value::Sequence(items) if items.iter().all(is_item))
        }
        _ => false,
    };
    if fits {
        let mut value = cell.clone();
        if let (Value::Scalar(scalar), Some(meaning)) = (&mut value.value, meaning) {
            // Whatever it looks like, the table said what it is: no reader has to guess.
            scalar.plain = false;
            scalar.meaning = if kind == ParameterType::String { Meaning::Text } else { meaning };
        }
        return Ok(value);
    }
    let wanted = match kind {
        ParameterType::String => "a text",
        ParameterType::Integer => "an integer",
        ParameterType::Boolean => "`true` or `false`",
        ParameterType::List => "a list of texts or numbers",
    };
    let finding = Diagnostic::error(
        Code::WrongType,
        format!("parameter `{name}` takes {wanted}, not {}", cell.describe()),
    )
    .at(cell.span, "");
    Err(Box::new(match scalar {
        Some(scalar) if kind == ParameterType::String && !scalar.text.is_empty() => finding
            .help("put it in quotes if it is text")
            .suggest(cell.span, format!("\"{}\"", scalar.text)),
        Some(scalar) if kind == ParameterType::Integer => {
            match number::meant(&scalar.text, untyped || scalar.plain) {
                Some((help, number)) => finding.help(help).suggest(cell.span, number),
                None => finding.help(TYPE_HELP),
            }
        }
        _ => finding.help(TYPE_HELP),
    }))
}

const TYPE_HELP: &str = "the type is set in `parameters` of the template";

fn is_item(item: &Spanned) -> bool {
    item.as_scalar().is_some_and(|scalar| matches!(scalar.meaning, Meaning::Text | Meaning::Int(_)))
}

/// The words of a cell as a list.
fn split(cell: &Spanned) -> Spanned {
    let text = cell.as_scalar().map_or("", |scalar| scalar.text.as_str());
    let items = text.split_whitespace().map(|word| {
        let meaning = match core_schema(word) {
            meaning @ Meaning::Int(_) => meaning,
            _ => Meaning::Text,
        };
        let scalar = Scalar { text: word.into(), plain: false, meaning };
        Spanned { span: cell.span, value: Value::Scalar(scalar) }
    });
    Spanned { span: cell.span, value: Value::Sequence(items.collect()) }
}
