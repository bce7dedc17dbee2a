//! Whether tokens may do what their manifests expect.

use super::model::{Access, Expectation, TokenSpec};
use super::view::View;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::resource::{Address, Declared};
use crate::rights::{
    Circumstances, Decision, InvalidRequest, Method, Request, Rights, Verdict, decide,
};
use crate::source::Target;

/// What an expectation wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Allowed,
    Denied,
}

/// Checks every expectation of every token.
///
/// What depends on a selection is checked by each pass, which knows what it matches. If none follows, it is noted.
pub(super) fn check(view: &View<'_>, asks_platform: bool, diagnostics: &mut Diagnostics) {
    for declared in view.tokens() {
        let Some(spec) = view.token(&declared.address) else {
            continue;
        };
        let expect = &spec.expect;
        for (list, wanted, name) in
            [(&expect.allow, Wanted::Allowed, "allow"), (&expect.deny, Wanted::Denied, "deny")]
        {
            for (index, expectation) in list.iter().enumerate() {
                let pointer = format!("/spec/expect/{name}/{index}");
                let finding = one(view, declared, spec, expectation, wanted, &pointer);
                let is_told = |it: &Diagnostic| !asks_platform || it.code != Code::SelectionOpen;
                diagnostics.extend(finding.filter(is_told));
            }
        }
    }
}

fn one(
    view: &View<'_>,
    declared: &Declared,
    spec: &TokenSpec,
    expectation: &Expectation,
    wanted: Wanted,
    pointer: &str,
) -> Option<Diagnostic> {
    let (text, below) = expectation.request();
    let pointer = format!("{pointer}{below}");
    let address = &declared.address;
    let mut request: Request = match text.parse() {
        Ok(request) => request,
        Err(error) => return Some(invalid(view, address, &pointer, text, &error)),
    };
    if let Expectation::With(with) = expectation {
        request.circumstances = Circumstances {
            ip: with.ip.clone(),
            origin: with.origin.clone(),
            at: None,
            in_groups: with.in_groups,
        };
    }
    let rights = rights(declared);
    let decision = decide(&rights, &request);
    let is_met = match wanted {
        Wanted::Allowed => decision.allowed(),
        Wanted::Denied => decision.verdict == Verdict::Denied,
    };
    if is_met {
        return None;
    }
    let Decision { verdict, entry, words, conditions: _ } = decision;
    if verdict == Verdict::Depends && entry.is_some_and(|entry| rights.selects(entry)) {
        let message = format!("whether {} is allowed is not known here: {words}", quote(text));
        let finding = Diagnostic::note(Code::SelectionOpen, message);
        return Some(
            view.place(finding, address, &pointer, Target::Value)
                .help("`plan`, `apply` and `watch` check it with the ids that they find"),
        );
    }
    let (wanted, is) = match (wanted, verdict) {
        (Wanted::Allowed, Verdict::Denied) => ("allowed", "is denied"),
        (Wanted::Allowed, Verdict::InPart) => ("allowed", "is allowed in part only"),
        (Wanted::Denied, Verdict::InPart) => ("denied", "is allowed in part"),
        (Wanted::Denied, Verdict::Allowed) => ("denied", "is allowed"),
        (Wanted::Allowed, _) => ("allowed", "may be denied"),
        (Wanted::Denied, Verdict::Depends) => ("denied", "may be allowed"),
        (Wanted::Denied, Verdict::Denied) => return None,
    };
    let message = format!("{} must be {wanted}, but {is}: {words}", quote(text));
    let finding = Diagnostic::error(Code::ExpectationFailed, message);
    let mut finding = view.place(finding, address, &pointer, Target::Value);
    let access = entry_pointer(&spec.access, entry);
    finding = view.mention(finding, address, &access, Target::Key, "decided here");
    if verdict == Verdict::Depends && request.circumstances.in_groups.is_none() {
        finding = finding.help(format!(
            "write which one you mean: `{{request: {text}, in_groups: true}}`, or `false`"
        ));
    }
    Some(finding.help("change the access, or the expectation"))
}

/// The rights of a declared token, once it is enabled: what it is expected to do is not about that switch.
pub(super) fn rights(declared: &Declared) -> Rights {
    let fields = declared.fields.unpack();
    Rights { enabled: true, ..Rights::of(|field| fields.get(field)) }
}

/// Where in a manifest the entry of an access list stands; a preset has its list elsewhere.
pub(super) fn entry_pointer(access: &Access, entry: Option<usize>) -> String {
    match (access, entry) {
        (Access::Acl(_), Some(entry)) => format!("/spec/access/acl/{entry}"),
        _ => "/spec/access".to_owned(),
    }
}

fn invalid(
    view: &View<'_>,
    address: &Address,
    pointer: &str,
    text: &str,
    error: &InvalidRequest,
) -> Diagnostic {
    let finding = Diagnostic::error(Code::InvalidValue, error.to_string());
    let finding = match (help(text, error), view.span(address, pointer, Target::Value)) {
        (Ok(meant), Some(span)) => {
            finding.help(format!("did you mean `{meant}`?")).suggest(span, meant)
        }
        (Ok(meant), None) => finding.help(format!("did you mean `{meant}`?")),
        (Err(help), _) => finding.help(help),
    };
    view.place(finding, address, pointer, Target::Value)
}

/// What was probably meant, or else how a request is written.
pub(super) fn help(text: &str, error: &InvalidRequest) -> Result<String, &'static str> {
    match error {
        InvalidRequest::Verb(verb) => {
            let upper: Option<Method> = verb.to_uppercase().parse().ok();
            let lower = verb.to_lowercase();
            let meant = match (upper, lower.as_str()) {
                (Some(method), _) => Some(method.to_string()),
                (None, "publish" | "subscribe") => Some(lower),
                _ => None,
            };
            match meant {
                Some(meant) => Ok(text.replacen(verb.as_str(), &meant, 1)),
                None => {
                    Err("write `GET gw/devices/123`, `publish site/7/state` or `subscribe site/#`")
                }
            }
        }
        InvalidRequest::Incomplete(_, "a topic") => {
            Err("a `#` after a space begins a comment; put such a request in quotes")
        }
        InvalidRequest::Incomplete(..) => {
            Err("write a path as on the platform, `GET gw/devices/all`")
        }
        InvalidRequest::NoSelector { path, .. } => {
            Ok(format!("{text}/all").replace(&format!("{path}//all"), &format!("{path}/all")))
        }
        InvalidRequest::Topic(..) => {
            Err("`+` is one whole level, `#` any number of them at the end")
        }
    }
}
