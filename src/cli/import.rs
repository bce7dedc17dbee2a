//! `flespi-gitops import`.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::exit::Exit;
use super::export::{self, Existing};
use super::loading;
use super::output::Output;
use super::pace::Pace;
use super::plan::json;
use super::session::{self, Session, unix_now};
use super::settings::{Common, Format};
use super::stop::unless_stopped;
use crate::api::Reader;
use crate::causes::error_chain;
use crate::diagnostic::render::printable;
use crate::diagnostic::{Severity, counted};
use crate::export::{Export, ExportError, File, Options, Others, named_sink};
use crate::files;
use crate::import::{
    self, Choice, ImportDocument, KeyInState, KeyOutcome, MOST_STATE_BYTES, State,
};
use crate::manifest;
use crate::observe::Actual;
use crate::reconcile;
use crate::report::{import_markdown, import_text};
use crate::resource::{Address, Kind, is_valid_name};
use crate::secret::{ExposeSecret, SecretString, Sink, Stores, print};

/// Write manifests for what a Terraform state manages; never changes anything on the platform.
///
/// The state of the public flespi provider (mixser/flespi) says which limits, subaccounts, tokens and
/// webhooks are meant and what they are called; the platform says what they are. Every object is bound
/// by its id, so a plan of the manifests has nothing to do but write marks. Keys of tokens go to the
/// sinks of --deliver and never into manifests. What cannot be carried over is listed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops import --terraform terraform.tfstate --out accounts
  terraform state pull | flespi-gitops import --terraform - --out accounts --deliver 'file: keys/${name}.key'
  flespi-gitops import --terraform terraform.tfstate --out accounts \\
    --deliver '{dotenv: .env, key: \"FLESPI_${NAME}\"}'
  flespi-gitops import --terraform terraform.tfstate | less")]
pub(super) struct Args {
    /// State of Terraform or OpenTofu, version 4; `-` is stdin.
    #[arg(long, value_name = "STATE_FILE|-")]
    terraform: PathBuf,

    /// Folder to write to; files that exist with other content are never overwritten. Without it, manifests are printed
    /// and the report goes to stderr.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,

    /// Sink for the keys in the state, as in `deliver` of a Token manifest; paths are relative to the manifest. `${name}`
    /// is the name of the token, `${NAME}` the same as a variable, `${path}` its account and name. Repeatable.
    #[arg(long, value_name = "SINK", requires = "out")]
    deliver: Vec<String>,

    #[command(flatten)]
    pace: Pace,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let is_text = matches!(common.format, Format::Text);
    if args.out.is_none() && !is_text {
        output.error("--format is of the report, and without --out manifests are printed\n  help: add --out DIR");
        return Exit::Usage;
    }
    if let Some(name) = common.stack.as_ref().filter(|name| !is_valid_name(name)) {
        output.error(&format!("`{name}` is not a stack name: use a-z, 0-9, `.`, `_` and `-`"));
        return Exit::Usage;
    }
    match import(args, common, output).await {
        Ok(()) => Exit::Done,
        Err(exit) => exit,
    }
}

async fn import(args: &Args, common: &Common, output: &Output) -> Result<(), Exit> {
    let stores = loading::stores(common, output)?;
    let sinks = sinks(&args.deliver, stores.as_ref(), output)?;
    let state = state(&args.terraform, output).await?;
    let terraform_version = state.terraform_version.clone();
    let session = Session::open(args.pace, common, output).await?;
    let observed = reconcile::observe(&session.client, &session.signer).await;
    let (actual, mut calls) = match observed {
        Ok(observed) => observed,
        Err(error) => {
            session.close(output).await;
            session::explain(&error, common, output);
            return Err(Exit::Unknown);
        }
    };
    let mut choice = import::choose(state, &actual);
    let before = session.client.sent();
    let proven = proven(&Reader::new(session.client.clone()), &choice.keys).await;
    calls += session.client.sent().saturating_sub(before);
    session.close(output).await;
    let proven = proven.map_err(|error| {
        output.failure(&error, Some("nothing was written; try again later"));
        Exit::Unknown
    })?;
    output.say(&format!(
        "read {} with {}",
        counted(actual.objects.len() as u64, "object"),
        counted(calls, "API call")
    ));
    for ((_, id), meant) in choice.only.iter_mut().filter(|((kind, _), _)| kind.is_key()) {
        if proven.get(id) == Some(&true) {
            meant.deliver.clone_from(&sinks);
        }
    }
    if choice.only.is_empty() {
        for left in &choice.left {
            let words = format!("not carried over: {}: {}", left.from, left.reason);
            output.say(&printable(&words));
        }
        output.error(
            "no object of the state is on this platform\n  help: check that the token is of the account and the region \
             that Terraform manages",
        );
        return Err(Exit::Failed);
    }
    let options = options(common, &actual, &choice).and_then(|options| {
        crate::export::export(&actual, &options).map(|export| (options.stack, export))
    });
    let (stack, written) = options.map_err(|error| {
        let help = "name each token in --deliver, with `${name}` or `${path}`";
        output.failure(&error, Some(help).filter(|_| matches!(error, ExportError::Sink(_))));
        export::exit_of(&error)
    })?;
    let keys = std::mem::take(&mut choice.keys);
    let mut outcomes = BTreeMap::new();
    if let Some(folder) = &args.out {
        export::wanted(&written.files, folder, Existing::Keep, output)?;
        let sinks = places(&written.files, folder, stores.as_ref(), common, output)?;
        outcomes = deliver(&keys, &proven, &written, &sinks, output).await?;
        export::write(&written.files, folder, Existing::Keep, output)?;
    }
    for KeyInState { id, .. } in &keys {
        let outcome = match proven.get(id) {
            Some(true) => KeyOutcome::NoSink,
            _ => KeyOutcome::Unproven,
        };
        outcomes.entry(*id).or_insert((outcome, Vec::new()));
    }
    let document =
        import::document(&stack, terraform_version, choice, &written, &actual, &outcomes, calls);
    show(&document, &written, args, common, output);
    Ok(())
}

fn show(document: &ImportDocument, export: &Export, args: &Args, common: &Common, output: &Output) {
    if args.out.is_none() {
        output.result(&export::stream(&export.files));
        output.say(import_text(document, None).trim_end());
        return;
    }
    match common.format {
        Format::Json => output.result(&json(document)),
        Format::Markdown => output.result(&import_markdown(document, common.markdown_limit)),
        // The other two forms are for findings alone.
        Format::Text | Format::Short | Format::Sarif => {
            output.result(&import_text(document, output.width()));
        }
    }
}

/// The sinks that the user named, in the words of manifests.
fn sinks(texts: &[String], stores: Option<&Stores>, output: &Output) -> Result<Vec<Value>, Exit> {
    let wrong = |text: &str, what: &str, help: &str| {
        output.error(&format!("--deliver `{text}`: {what}\n  help: {help}"));
        Exit::Usage
    };
    const FORM: &str = "write a sink as in a manifest, such as 'file: keys/${name}.key'";
    let mut sinks = Vec::new();
    for text in texts {
        let sink: Option<Value> = serde_yaml::from_str(text).ok();
        let Some(sink) = sink.filter(Value::is_object) else {
            return Err(wrong(text, "not a sink", FORM));
        };
        if sink.get("exec").is_some() {
            let help =
                "add the program to `deliver` in the manifest; the first apply delivers the key";
            return Err(wrong(text, "an import runs no program", help));
        }
        let Ok(address) = "token/a".parse::<Address>() else { continue };
        let token = json!({
            "apiVersion": manifest::schema::API_VERSION,
            "kind": "Token",
            "metadata": {"name": "a"},
            "spec": {"ttl": "1d", "access": "standard", "deliver": [named_sink(&sink, &address)]},
        });
        let options = manifest::Options { now: unix_now(), stores, ..manifest::Options::default() };
        let load = manifest::load_bytes(
            [("sink.yaml".to_owned(), token.to_string().into_bytes())],
            &options,
        );
        let error = load.diagnostics.iter().find(|found| found.severity == Severity::Error);
        if let Some(error) = error {
            return Err(wrong(text, &error.message, FORM));
        }
        sinks.push(sink);
    }
    Ok(sinks)
}

/// Reads the state.
async fn state(file: &Path, output: &Output) -> Result<State, Exit> {
    let is_stdin = file == Path::new("-");
    let name = if is_stdin { "stdin".to_owned() } else { file.display().to_string() };
    let path = file.to_owned();
    let reading = move || match is_stdin {
        true => files::read_stdin_at_most(MOST_STATE_BYTES),
        false => files::read_at_most(&path, MOST_STATE_BYTES),
    };
    let Some(read) = unless_stopped(reading).await else {
        output.error("stopped while reading the state; nothing was done");
        return Err(Exit::Failed);
    };
    let bytes = read.map_err(|error: io::Error| {
        let help = match error.kind() {
            io::ErrorKind::FileTooLarge => "split the state, or use `export`, which needs none",
            _ => "write the state to a file with `terraform state pull > state.json`",
        };
        output.error(&format!("cannot read the state {name}: {error}\n  help: {help}"));
        Exit::Usage
    })?;
    import::read(bytes).map_err(|error| {
        let place = error.place().map(|it| format!(":{}:{}", it.line, it.column));
        let place = place.unwrap_or_default();
        output.error(&format!("{name}{place}: {error}\n  help: {}", error.help()));
        Exit::Usage
    })
}

/// Of which tokens the state has the key: the platform is asked for all keys at once, and for each that it does not give,
/// whose the key of the state is.
async fn proven(
    reader: &Reader,
    keys: &[KeyInState],
) -> Result<BTreeMap<i64, bool>, crate::api::ApiError> {
    let mut proven = BTreeMap::new();
    if keys.is_empty() {
        return Ok(proven);
    }
    let ids: Vec<i64> = keys.iter().map(|key| key.id).collect();
    let known = reader.keys(&ids).await?;
    for KeyInState { id, key } in keys {
        let is_its = match known.get(id) {
            Some(known) => known.expose_secret() == key.expose_secret(),
            None => reader.token_of(key).await? == Some(*id),
        };
        proven.insert(*id, is_its);
    }
    Ok(proven)
}

fn options(common: &Common, actual: &Actual, choice: &Choice) -> Result<Options, ExportError> {
    let stack = match &common.stack {
        Some(stack) => stack.clone(),
        None => crate::export::only_stack(actual)?,
    };
    Ok(Options {
        stack,
        exclude: Vec::new(),
        foreign: Others::Comment,
        unmanaged: Others::Include,
        metadata: false,
        include_sessions: true,
        schema: None,
        now: unix_now(),
        only: Some(choice.only.clone()),
    })
}

/// The sinks of each token, as its manifest will have them in `folder`.
fn places(
    files: &[File],
    folder: &Path,
    stores: Option<&Stores>,
    common: &Common,
    output: &Output,
) -> Result<BTreeMap<Address, Vec<Sink>>, Exit> {
    let path = |file: &File| folder.join(&file.path).display().to_string();
    let files = files.iter().map(|file| (path(file), file.text.clone().into_bytes()));
    let options = manifest::Options { now: unix_now(), stores, ..manifest::Options::default() };
    let mut load = manifest::load_bytes(files, &options);
    loading::leave_time_to_the_platform(&mut load);
    if load.diagnostics.has_errors() {
        loading::show_diagnostics(&load, common, output);
        return Err(Exit::Failed);
    }
    let sinks = load.desired.objects.into_iter();
    let sinks = sinks.filter(|(_, declared)| !declared.deliver.is_empty());
    Ok(sinks.map(|(address, declared)| (address, declared.deliver)).collect())
}

/// Brings the keys to their sinks, after all of these were asked whether they would take them: one that holds something
/// else is never overwritten.
async fn deliver(
    keys: &[KeyInState],
    proven: &BTreeMap<i64, bool>,
    export: &Export,
    places: &BTreeMap<Address, Vec<Sink>>,
    output: &Output,
) -> Result<BTreeMap<i64, (KeyOutcome, Vec<String>)>, Exit> {
    let mut wanted: Vec<(i64, &SecretString, &Sink)> = Vec::new();
    let mut outcomes = BTreeMap::new();
    for KeyInState { id, key } in keys.iter().filter(|key| proven.get(&key.id) == Some(&true)) {
        let fate = export.fates.get(&(Kind::KEY, *id));
        let Some(sinks) = fate.and_then(|fate| places.get(&fate.address)) else { continue };
        wanted.extend(sinks.iter().map(|sink| (*id, key, sink)));
        let names = sinks.iter().map(Sink::to_string).collect();
        outcomes.insert(*id, (KeyOutcome::Delivered, names));
    }
    let mut troubles = Vec::new();
    let mut lacking = Vec::new();
    for (id, key, sink) in wanted {
        match would_take(sink, key).await {
            Ok(true) => lacking.push((id, key, sink)),
            Ok(false) => {}
            Err(trouble) => troubles.push(trouble),
        }
    }
    if !troubles.is_empty() {
        output.error(&format!(
            "these sinks do not take a key, so nothing was written:\n  {}\n  help: name other sinks with --deliver",
            troubles.join("\n  ")
        ));
        return Err(Exit::Refused);
    }
    for (id, key, sink) in lacking {
        if let Err(error) = sink.deliver(key).await {
            output.error(&format!(
                "the key of token {id} was not delivered, and no manifest was written: {}\n  help: run the same command \
                 again",
                error_chain(&error)
            ));
            return Err(Exit::Failed);
        }
    }
    Ok(outcomes)
}

/// Whether a sink lacks the key and would take it.
async fn would_take(sink: &Sink, key: &SecretString) -> Result<bool, String> {
    let words = |error: crate::secret::SinkError| error_chain(&error);
    if sink.read().await.map_err(words)?.is(&print::of(key)) == Some(true) {
        return Ok(false);
    }
    // Of a link, whatever is there counts that is not this one.
    let there = Sink::from(sink.place.clone()).read().await.map_err(words)?;
    if !there.is_nothing() {
        return Err(format!("{sink} already holds something else"));
    }
    sink.probe().await.map_err(words)?;
    Ok(true)
}
