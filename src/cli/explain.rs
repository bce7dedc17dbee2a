//! `flespi-gitops explain`.

use super::candidates;
use clap_complete::ArgValueCompleter;
use std::collections::BTreeSet;

use serde_json::Value;

use super::exit::Exit;
use super::loading;
use super::manifests::{ByOption, absence};
use super::output::Output;
use super::pace::Pace;
use super::plan::json;
use super::session::{self, Session, unix_now};
use super::settings::{Common, Format};
use crate::api::Reader;
use crate::diagnostic::suggest::nearest;
use crate::manifest::{self, Load};
use crate::observe::{self, Actual, Object, Scope};
use crate::plan::line;
use crate::report::{Basis, ExplainFormat, Explanation, explain_text, listing_markdown};
use crate::resource::{AccountPath, Address, Claims, Declared, Desired, Kind, acl_entry};
use crate::rights::{Circumstances, Decision, Request, Rights, Verdict, decide};

/// Show whether a token may make a request, and which entry of its access list decides.
///
/// Answers from the manifests, offline, or with --live for the token on the platform. Exit codes: 0
/// the whole request is allowed, 1 it is denied, allowed in part only, or it depends on options not
/// given; 3 and 64 when there is no such token.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops explain token/acme/trackit GET gw/devices/123/messages
  flespi-gitops explain token/backend subscribe 'site/#' --manifests accounts/
  flespi-gitops explain token/acme/trackit DELETE gw/devices/123 --live --format json
  flespi-gitops explain token/crew GET gw/devices/5 --in-groups true --ip 203.0.113.7")]
pub(super) struct Args {
    /// Address of the token, `token/<path>/<name>`.
    #[arg(value_name = "ADDRESS", add = ArgValueCompleter::new(candidates::keys))]
    address: Address,

    /// GET, POST, PUT, PATCH, DELETE, publish or subscribe.
    #[arg(value_name = "METHOD|publish|subscribe")]
    verb: String,

    /// Path as on the platform, such as gw/devices/123/messages, or a topic or topic filter.
    #[arg(value_name = "PATH|TOPIC")]
    object: String,

    #[command(flatten)]
    manifests: ByOption,

    /// Answer for the token as it is on the platform.
    #[arg(long, conflicts_with = "manifests")]
    live: bool,

    /// The address that the request comes from.
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<String>,

    /// The web origin of the page that makes the request.
    #[arg(long, value_name = "ORIGIN")]
    origin: Option<String>,

    /// Whether the items that the request names are in groups.
    #[arg(long, value_name = "true|false")]
    in_groups: Option<bool>,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    if !args.address.kind.is_key() {
        output.error(&format!("{} is not a token; only tokens have rights", args.address));
        return Exit::Usage;
    }
    let mut request = match Request::new(&args.verb, &args.object) {
        Ok(request) => request,
        Err(error) => {
            output.error(&error.to_string());
            return Exit::Usage;
        }
    };
    request.circumstances = Circumstances {
        ip: args.ip.clone(),
        origin: args.origin.clone(),
        at: Some(unix_now()),
        in_groups: args.in_groups,
    };
    let explained = match args.live {
        true => live(args, &request, common, output).await,
        false => declared(args, &request, common, output),
    };
    match explained {
        Err(exit) => exit,
        Ok(explanation) => {
            match common.format {
                Format::Json => output.result(&json(&explanation)),
                Format::Markdown => {
                    let text = explain_text(&explanation);
                    output.result(&listing_markdown("explain", &text, common.markdown_limit));
                }
                _ => output.result(&explain_text(&explanation)),
            }
            if explanation.allowed { Exit::Done } else { Exit::Failed }
        }
    }
}

fn explanation(args: &Args, from: Basis, decision: Decision) -> Explanation {
    let allowed = decision.allowed();
    let Decision { verdict, entry, words, conditions } = decision;
    Explanation {
        format: ExplainFormat::V1,
        address: args.address.clone(),
        request: format!("{} {}", args.verb, args.object),
        from,
        allowed,
        verdict,
        reason: words,
        entry: entry.map(|entry| entry + 1),
        source: None,
        id_on_platform: None,
        conditions,
    }
}

/// The answer for what a manifest declares. Mistakes elsewhere are no reason not to answer.
fn declared(
    args: &Args,
    request: &Request,
    common: &Common,
    output: &Output,
) -> Result<Explanation, Exit> {
    let mut load = manifest::load_with(&args.manifests.paths(), &loading::options(common));
    load.desired.exclude(args.manifests.exclude.iter().cloned());
    let Some(declared) = load.desired.get(&args.address) else {
        return Err(not_declared(args, &load, common, output));
    };
    if load.diagnostics.has_errors() {
        output.say("the manifests have errors; run `flespi-gitops validate` to list them");
    }
    let fields = declared.fields.unpack();
    let rights = Rights::of(|field| fields.get(field));
    let decision = match closed_account(&load.desired, &declared.address.account) {
        Some(account) => closed(&account.own_path().to_string()),
        None => decide(&rights, request),
    };
    let is_open = decision.entry.is_some_and(|entry| rights.selects(entry));
    if decision.verdict == Verdict::Depends && is_open {
        output.say(
            "note: `--live` answers for the token on the platform, with the ids that it has there",
        );
    }
    let source = match closed_account(&load.desired, &declared.address.account) {
        Some(account) => account.field_origins.get("enabled").unwrap_or(&account.origin),
        None => deciding_place(declared, &decision),
    };
    let source = Some(source.to_string());
    Ok(Explanation { source, ..explanation(args, Basis::Manifests, decision) })
}

fn deciding_place<'a>(declared: &'a Declared, decision: &Decision) -> &'a crate::source::Origin {
    let entry =
        decision.entry.and_then(|entry| declared.field_origins.get(acl_entry(entry).as_str()));
    entry.or_else(|| declared.field_origins.get("access")).unwrap_or(&declared.origin)
}

/// The nearest account on the way up that its manifest blocks, if any.
fn closed_account<'a>(desired: &'a Desired, account: &AccountPath) -> Option<&'a Declared> {
    account
        .self_and_ancestors()
        .filter_map(|path| desired.get(&Address::of_account(&path)?))
        .find(|account| account.fields.get("enabled") == Some(Value::Bool(false)))
}

/// Tokens of a blocked account cannot be used (assumption 27).
fn closed(account: &str) -> Decision {
    Decision {
        verdict: Verdict::Denied,
        entry: None,
        words: format!("the account {account} is blocked"),
        conditions: Vec::new(),
    }
}

fn not_declared(args: &Args, load: &Load, common: &Common, output: &Output) -> Exit {
    if load.diagnostics.has_errors() {
        loading::show_diagnostics(load, common, output);
        return Exit::Invalid;
    }
    let tokens = load.desired.objects.keys().filter(|address| address.kind.is_key());
    let tokens: Vec<String> = tokens.map(ToString::to_string).collect();
    let wanted = args.address.to_string();
    let hint = match nearest(&wanted, tokens.iter().map(String::as_str)) {
        Some(similar) => format!("\n  help: did you mean {similar}?"),
        None => String::new(),
    };
    output.error(&format!("{}{hint}", absence(&load.desired, &args.address)));
    Exit::Usage
}

/// The answer for what the platform has.
async fn live(
    args: &Args,
    request: &Request,
    common: &Common,
    output: &Output,
) -> Result<Explanation, Exit> {
    let session = Session::open(Pace::default(), common, output).await?;
    let reader = Reader::new(session.client.clone());
    let kinds = Kind::read_for(|_| false);
    let claims = &Claims::default();
    let scope = Scope { signer: &session.signer, claims, seen: None, kinds };
    let actual = observe::platform(&reader, scope).await;
    session.close(output).await;
    let actual = actual.map_err(|error| {
        session::explain(&error, common, output);
        Exit::Unknown
    })?;
    if let Some(reason) =
        [Kind::KEY, Kind::ACCOUNT].iter().find_map(|kind| actual.unknown.get(kind))
    {
        output.error(&format!("cannot read the platform: {reason}"));
        return Err(Exit::Unknown);
    }
    let found = find(&actual, &args.address, common.stack.as_deref());
    let (token, older) = found.map_err(|why| {
        output.error(&why);
        Exit::Usage
    })?;
    if !older.is_empty() {
        let older: Vec<String> = older.iter().map(|token| token.id.to_string()).collect();
        output.say(&format!(
            "note: {} is being rotated; the answer is for its newest generation (token {}); the previous one \
             (token {}) is still valid",
            args.address,
            token.id,
            older.join(", ")
        ));
    }
    let fields = token.fields();
    let rights = Rights::of(|field| fields.get(field).filter(|value| !value.is_null()));
    let decision = match blocked_owner(&actual, token) {
        Some(account) => closed(account.label()),
        None => decide(&rights, request),
    };
    let id_on_platform = Some(token.id);
    Ok(Explanation { id_on_platform, ..explanation(args, Basis::Live, decision) })
}

/// The token that carries the mark of `address`, or else the one that is called so. Of several generations it is the
/// newest, as for a plan; those before it come along, oldest first.
fn find<'a>(
    actual: &'a Actual,
    address: &Address,
    stack: Option<&str>,
) -> Result<(&'a Object, Vec<&'a Object>), String> {
    let mark_of = |object: &'a Object| object.any_mark();
    let is_there = |object: &&Object| {
        path(actual, object.owner).is_some_and(|path| path.iter().eq(address.account.segments()))
    };
    let tokens = || actual.tokens();
    let marked = tokens().filter(|object| {
        mark_of(object).is_some_and(|mark| {
            mark.address == *address && !mark.bootstrap && stack.is_none_or(|it| it == mark.stack)
        })
    });
    let mut found: Vec<&'a Object> = marked.collect();
    // A mark in another account is a copy, unless the account itself cannot be told.
    if found.iter().any(is_there) {
        found.retain(is_there);
    }
    let stacks: BTreeSet<&str> =
        found.iter().filter_map(|object| Some(&*mark_of(object)?.stack)).collect();
    let stacks: Vec<&str> = stacks.into_iter().collect();
    match stacks.as_slice() {
        [] => {
            let is_called = |object: &&Object| object.label() == address.name && is_there(object);
            found = tokens().filter(is_called).collect();
        }
        [stack] => {
            if let Some(generations) = line(&found, stack) {
                return Ok(generations);
            }
        }
        several => {
            return Err(format!(
                "{address} is in several stacks: {}\n  help: name one of them with --stack",
                several.join(", ")
            ));
        }
    }
    match found.as_slice() {
        [only] => Ok((only, Vec::new())),
        [] => Err(format!("no token on the platform has the mark or the name of {address}")),
        several => {
            let ids: Vec<String> = several.iter().map(|token| token.id.to_string()).collect();
            Err(format!(
                "several tokens match {address}: {}; run `flespi-gitops status` to see how to resolve it",
                ids.join(", ")
            ))
        }
    }
}

/// The names of the accounts from ours down to this one.
fn path(actual: &Actual, account: i64) -> Option<Vec<String>> {
    let mut names = Vec::new();
    let mut at = account;
    // No tree of accounts is deeper than there are accounts.
    for _ in 0..=actual.accounts().count() {
        if at == actual.identity.account {
            names.reverse();
            return Some(names);
        }
        let object = actual.account(at)?;
        let mark = object.any_mark();
        names.push(
            mark.map_or_else(|| object.label().to_owned(), |mark| mark.address.name.to_string()),
        );
        at = object.owner;
    }
    None
}

/// The nearest account above a token that is blocked by hand.
fn blocked_owner<'a>(actual: &'a Actual, token: &Object) -> Option<&'a Object> {
    let mut at = token.owner;
    while at != actual.identity.account {
        let account = actual.account(at)?;
        if account.field("enabled") == Some(Value::Bool(false)) {
            return Some(account);
        }
        at = account.owner;
    }
    None
}
