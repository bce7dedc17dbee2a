//! What is to be applied: what manifests say, what a person ordered, or a reviewed plan.

use super::args::Args;
use crate::cli::exit::Exit;
use crate::cli::loading;
use crate::cli::output::Output;
use crate::cli::settings::Common;
use crate::cli::stop::unless_stopped;
use crate::diagnostic::render::printable;
use crate::files;
use crate::plan::{Policy, Sealed, Stale};
use crate::reconcile::Prepared;
use crate::report::plan_text;
use crate::resource::Desired;
use crate::secret::Trust;
use crate::undo::{Undoing, narrow};

/// What is to be applied.
pub(super) struct Task {
    pub(super) desired: Desired,
    pub(super) policy: Policy,
    pub(super) trust: Trust,
    /// The reviewed plan, beyond which nothing is done.
    pub(super) sealed: Option<Sealed>,
    /// The run that is taken back.
    pub(super) undoing: Option<Undoing>,
}

impl Task {
    /// What the options ask for.
    pub(super) async fn of(args: &Args, common: &Common, output: &Output) -> Result<Self, Exit> {
        let Some(file) = &args.plan else {
            let loaded = loading::load_wherever(&args.manifests, common, output).await?;
            let desired = loaded.load.desired;
            let policy = Policy { prune: args.prune, ..Policy::default() };
            return Ok(Self {
                desired,
                policy,
                trust: Trust::Reviewed,
                sealed: None,
                undoing: None,
            });
        };
        let path = file.clone();
        let Some(text) =
            unless_stopped(move || files::read_at_most(&path, Sealed::MOST_BYTES)).await
        else {
            output.error("stopped while reading the plan; nothing was done");
            return Err(Exit::Failed);
        };
        let text = text.and_then(|bytes| String::from_utf8(bytes).map_err(std::io::Error::other));
        let text = text.map_err(|error| {
            output.error(&format!("cannot read the plan {}: {error}", file.display()));
            Exit::Refused
        })?;
        let sealed = Sealed::read(&text).map_err(|error| {
            output.error(&format!("cannot use the plan {}", file.display()));
            output.failure(&error, Some("create a new one with `flespi-gitops plan --out FILE`"));
            Exit::Refused
        })?;
        let mut desired = sealed.desired().clone();
        if let Some(stores) = loading::stores(common, output)? {
            desired.name_stores(&stores);
        }
        let (policy, trust) = (sealed.policy(), sealed.trust());
        Ok(Self { desired, policy, trust, sealed: Some(sealed), undoing: None })
    }

    /// What a person ordered about some tokens, and nothing else.
    pub(super) fn ordered(desired: Desired) -> Self {
        Self {
            desired,
            policy: Policy::default(),
            trust: Trust::Reviewed,
            sealed: None,
            undoing: None,
        }
    }

    /// What undoes a run.
    pub(super) fn undoing(undoing: Undoing) -> Self {
        let desired = undoing.desired.clone();
        let policy = Policy { prune: true, ..Policy::default() };
        let undoing = Some(undoing);
        Self { desired, policy, trust: Trust::Reviewed, sealed: None, undoing }
    }

    /// What the lock and the history call it.
    pub(super) fn command(&self) -> &'static str {
        match () {
            () if self.undoing.is_some() => "undo",
            () if !self.desired.orders.is_empty() => "rotate",
            () => "apply",
        }
    }

    /// What of a reviewed plan is still to be done, or all that there is if nobody reviewed one.
    pub(super) fn restrict(&self, prepared: Prepared, output: &Output) -> Result<Prepared, Exit> {
        if let Some(undoing) = &self.undoing {
            let plan = narrow(undoing, prepared.plan);
            return Ok(Prepared { plan, ..prepared });
        }
        let Some(sealed) = &self.sealed else { return Ok(prepared) };
        if sealed.account() != prepared.own_account {
            output.error(&format!(
                "the plan was made for account {}, and this token belongs to account {}",
                sealed.account(),
                prepared.own_account
            ));
            return Err(Exit::Refused);
        }
        if !prepared.plan.unknown.is_empty() {
            output.result(&plan_text(&prepared.plan, output.width()));
            return Err(Exit::Unknown);
        }
        match sealed.restrict(prepared.plan) {
            Ok(plan) => Ok(Prepared { plan, ..prepared }),
            Err(stale) => {
                output.error("the plan no longer matches the platform; nothing was done:");
                for Stale { address, what } in stale {
                    output.error(&format!("{address}: {}", printable(&what)));
                }
                Err(Exit::Refused)
            }
        }
    }
}
