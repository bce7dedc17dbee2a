//! What goes from one stack to another, and what a Stack lets go: what can only be wrong beside other manifests.

use std::collections::BTreeMap;

use super::document::Document;
use super::model::{ExcludePattern, StackSpec};
use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics};
use crate::resource::{Declared, Desired, LetGo};
use crate::source::{SourceMap, Target};

const FROM_STACK: &str = "/metadata/from_stack";

/// What the Stack says of former names and of what it lets go. What is released to another stack comes first, since an
/// account that is forgotten takes along what is in it.
pub(super) fn declare(
    document: &Document,
    spec: &StackSpec,
    sources: &SourceMap,
    desired: &mut Desired,
) {
    desired.formerly = spec.formerly.iter().map(|name| name.0.as_str().into()).collect();
    let entries = |pointer: String, patterns: &[ExcludePattern], to: Option<&str>| {
        let entry = |(index, pattern): (usize, &ExcludePattern)| {
            let span = document.span_in(sources, &format!("{pointer}/{index}"), Target::Value);
            // A form that is no pattern was told by the schema.
            let objects = pattern.0.parse().ok()?;
            Some(LetGo { objects, to: to.map(Into::into), origin: sources.origin(span) })
        };
        patterns.iter().enumerate().filter_map(entry).collect::<Vec<_>>()
    };
    for (index, release) in spec.release.iter().enumerate() {
        let pointer = format!("/spec/release/{index}/objects");
        desired.let_go.extend(entries(pointer, &release.objects, Some(&release.to.0)));
    }
    desired.let_go.extend(entries("/spec/forget".to_owned(), &spec.forget, None));
}

/// Checks what the Stack and the manifests say of other stacks.
pub(super) fn check(view: &View<'_>, diagnostics: &mut Diagnostics) {
    for declared in view.desired.all() {
        diagnostics.extend(taken_over(view, declared));
    }
    let Some((_, stack)) = view.stack else { return };
    let mut pointers = Pointers { view, diagnostics };
    former_names(&stack.spec, &mut pointers);
    for (index, release) in stack.spec.release.iter().enumerate() {
        if view.desired.stack == release.to.0 || view.desired.formerly.contains(&*release.to.0) {
            pointers.wrong(
                &format!("/spec/release/{index}/to"),
                format!("the stack `{}` cannot release anything to itself", view.desired.stack),
                "name the stack that takes the objects over",
            );
        }
        declared_still(
            &release.objects,
            &format!("/spec/release/{index}/objects"),
            "release",
            &mut pointers,
        );
    }
    declared_still(&stack.spec.forget, "/spec/forget", "forget", &mut pointers);
}

/// Findings at places of the Stack.
struct Pointers<'a, 'd> {
    view: &'a View<'a>,
    diagnostics: &'d mut Diagnostics,
}

impl Pointers<'_, '_> {
    fn wrong(&mut self, pointer: &str, message: String, help: &str) {
        let finding = Diagnostic::error(Code::InvalidValue, message).help(help);
        self.diagnostics.push(self.view.place_in_stack(finding, pointer));
    }
}

fn former_names(spec: &StackSpec, pointers: &mut Pointers<'_, '_>) {
    let mut known = BTreeMap::new();
    for (index, name) in spec.formerly.iter().enumerate() {
        let pointer = format!("/spec/formerly/{index}");
        if pointers.view.desired.stack == name.0 {
            let message = format!("the stack `{}` cannot have itself as a former name", name.0);
            pointers.wrong(&pointer, message, "write its previous name, or remove the entry");
        } else if known.insert(name, index).is_some() {
            let message = format!("the former name `{}` is given twice", name.0);
            pointers.wrong(&pointer, message, "remove one of the entries");
        }
    }
}

/// Nothing is managed and let go at once. What is only referred to is not managed.
fn declared_still(
    patterns: &[ExcludePattern],
    pointer: &str,
    list: &str,
    pointers: &mut Pointers<'_, '_>,
) {
    for (index, pattern) in patterns.iter().enumerate() {
        let Ok(parsed) = pattern.0.parse::<crate::resource::AddressPattern>() else { continue };
        let is_meant = |declared: &&Declared| {
            !declared.lifecycle.observe_only() && parsed.names(&declared.address)
        };
        let mut meant = pointers.view.desired.all().filter(is_meant);
        let Some(first) = meant.next() else { continue };
        let more = match meant.count() {
            0 => String::new(),
            more => format!(" (and {more} more)"),
        };
        let message = format!("`{list}` names {}, which is still declared{more}", first.address);
        let finding = Diagnostic::error(Code::InvalidValue, message).help(format!(
            "remove the manifest at {}, or the entry here; to keep referring to the object, declare it with \
             `lifecycle: {{manage: [observe]}}`",
            first.origin
        ));
        let finding = pointers.view.place_in_stack(finding, &format!("{pointer}/{index}"));
        pointers.diagnostics.push(finding);
    }
}

/// What is wrong with the stack from which a manifest takes its object over, if anything is.
fn taken_over(view: &View<'_>, declared: &Declared) -> Option<Diagnostic> {
    let from = declared.from_stack.as_ref()?;
    let Desired { stack, formerly, .. } = view.desired;
    let (message, help) = if from == stack {
        let message = format!("{} cannot come from its own stack `{stack}`", declared.address);
        (message, "name the stack that had it before, or remove the field".to_owned())
    } else if formerly.contains(from) {
        let message =
            format!("`{from}` is a former name of this stack, whose objects are its own anyway");
        (message, "remove the field".to_owned())
    } else if declared.lifecycle.observe_only() {
        let message = format!("{} is only observed, and is not taken over", declared.address);
        (message, "remove the field, or let `manage` list more than `observe`".to_owned())
    } else {
        return None;
    };
    let finding = Diagnostic::error(Code::InvalidValue, message).help(help);
    Some(view.place(finding, &declared.address, FROM_STACK, Target::Value))
}
