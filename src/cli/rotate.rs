//! `flespi-gitops rotate`.

use super::apply;
use super::candidates;
use super::exit::Exit;
use super::gate::GateArgs;
use super::loading;
use super::manifests::{ByOption, absence};
use super::output::Output;
use super::pace::Pace;
use super::plan::seconds;
use super::settings::Common;
use crate::diagnostic::suggest::nearest;
use crate::resource::{Address, Order};
use clap_complete::ArgValueCompleter;

/// Replace the keys of tokens now: issue a new one, deliver it, and delete the old one after the
/// overlap.
///
/// Only the given tokens are rotated. The first run issues and delivers the next generation; the
/// old key stays valid for the overlap, and the first `apply`, `watch` or `rotate` after that
/// deletes it. A token that is already being rotated is not issued again.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  flespi-gitops rotate token/acme/backend
  flespi-gitops rotate token/acme/backend --overlap 2h --yes
  flespi-gitops rotate token/acme/backend --now                # everybody has the new key: end the overlap
  flespi-gitops rotate token/acme/backend --now --compromised  # the key has leaked: no old key survives")]
pub(super) struct Args {
    /// Addresses of tokens, `token/<path>/<name>`.
    #[arg(value_name = "ADDRESS", required = true, add = ArgValueCompleter::new(candidates::keys))]
    addresses: Vec<Address>,

    #[command(flatten)]
    manifests: ByOption,

    /// Without overlap: delete the old key as soon as the new one is in every sink.
    #[arg(long)]
    now: bool,

    /// The key has leaked: issue a new one in any case, and delete all existing ones.
    #[arg(long, requires = "now")]
    compromised: bool,

    /// How long the old key stays valid, for tokens whose manifest does not set it.
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = seconds)]
    overlap: i64,

    /// Do not ask.
    #[arg(short, long)]
    yes: bool,

    /// Approve what a guard refuses, for the plan of this digest and no other.
    #[arg(long, value_name = "DIGEST")]
    approve: Option<String>,

    #[command(flatten)]
    pace: Pace,

    #[command(flatten)]
    gate: GateArgs,
}

pub(super) async fn run(args: &Args, common: &Common, output: &Output) -> Exit {
    let mut desired =
        match loading::load(&args.manifests.paths(), &args.manifests.exclude, common, output).await
        {
            Ok(load) => load.desired,
            Err(exit) => return exit,
        };
    for address in &args.addresses {
        let known = || desired.objects.keys().filter(|known| known.kind.is_key());
        if !address.kind.is_key() {
            output.error(&format!("{address} is not a token; only tokens have keys"));
            return Exit::Usage;
        }
        if !desired.objects.contains_key(address) {
            let names: Vec<String> = known().map(ToString::to_string).collect();
            let similar = nearest(&address.to_string(), names.iter().map(String::as_str));
            let help = similar.map(|name| format!("\n  help: did you mean {name}?"));
            let absence = absence(&desired, address);
            output.error(&format!("{absence}{}", help.unwrap_or_default()));
            return Exit::Usage;
        }
    }
    let order = Order { at_once: args.now, compromised: args.compromised, overlap: args.overlap };
    desired.orders = args.addresses.iter().map(|address| (address.clone(), order)).collect();
    let consent =
        apply::Args::consent(args.yes, args.approve.clone(), args.gate.clone(), args.pace);
    apply::run_ordered(desired, &consent, common, output).await
}
