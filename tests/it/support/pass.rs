//! Passes in process, for tests that need hundreds of them.

use std::time::Duration;

use flespi_gitops::api::{Client, Settings};
use flespi_gitops::apply::{OnError, Outcome, Report};
use flespi_gitops::manifest::load;
use flespi_gitops::plan::{Plan, Policy};
use flespi_gitops::reconcile::{Context, carry_out, prepare};
use flespi_gitops::resource::{Desired, Signer};
use flespi_gitops::secret::{SecretString, Spool, Trust};
use tokio::sync::{mpsc, watch};

use super::World;

/// What `watch` does on its interval, without its clock and its process.
pub struct Passes<'a> {
    world: &'a World,
    client: Client,
    desired: Desired,
}

impl<'a> Passes<'a> {
    /// Loads what stands in the folder of the world.
    pub fn new(world: &'a World) -> Self {
        // 2026-01-01: nothing in the manifests has passed.
        let loaded = load(&[world.path().to_owned()], 1_767_225_600);
        assert!(!loaded.diagnostics.has_errors(), "{:?}", loaded.diagnostics);
        let platform = world.sandbox().url().parse().unwrap();
        let settings = Settings::new(platform, Duration::from_secs(30));
        let client = Client::new(&settings, &SecretString::from(world.token())).unwrap();
        Self { world, client, desired: loaded.desired }
    }

    /// Plans and carries it out.
    pub fn pass(&self) -> (Plan, Report) {
        self.world.block_on(async {
            let (signer, spool) = (Signer::default(), Spool::none());
            let policy = Policy::default();
            let (client, signer, spool) = (&self.client, &signer, &spool);
            let trust = &Trust::Reviewed;
            let (seen, overwritten) = (None, None);
            let context = Context { client, signer, spool, trust, seen, overwritten };
            let prepared = prepare(&self.desired, context, policy).await.unwrap();
            assert_eq!(prepared.plan.refusals, []);
            let (_stop, stopped) = watch::channel(false);
            let (events, _) = mpsc::unbounded_channel();
            let report = carry_out(&prepared, context, OnError::Finish, stopped, events).await;
            (prepared.plan, report)
        })
    }

    /// The same, and it has to go well; the number of steps that were done.
    #[track_caller]
    pub fn pass_well(&self) -> usize {
        let (plan, report) = self.pass();
        let is_well = matches!(report.outcome(), Outcome::Unchanged | Outcome::Applied);
        assert!(is_well, "{:?}\n{:?}", plan.blocked, report.steps);
        plan.steps.len()
    }
}
