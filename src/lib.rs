//! Declarative accounts, limits and tokens for the flespi telematics platform.
//!
//! Manifests in a git repository declare limits, subaccounts, tokens and whatever else an account holds; this crate makes
//! the platform match them. One straight line leads from text to an exit code: four verbs, four values.
//!
//! ```text
//!  manifests ── manifest::load ──► Desired ──┐
//!                    └─► Diagnostics         ├─ plan::plan ──► Plan ── apply::apply ──► Report
//!  platform ── observe::platform ─► Actual ──┘     (pure)                  └─► Events ─► progress
//! ```
//!
//! * [`manifest::load`] is total: everything that is wrong comes out in one go, each finding with
//!   its place in the text.
//! * [`observe::platform`] only gets an [`api::Reader`], which cannot change anything. Of each
//!   kind of object it gives all there is, or the reason why that cannot be told.
//! * [`plan::plan`] does no input and no output; equal input gives equal bytes. Everything hard is
//!   decided here, where it is easy to test.
//! * [`apply::apply`] carries out steps and never fails as a whole: failures are outcomes.
//!
//! [`reconcile`] is these lines on one screen, in the order in which whoever writes looks, asks, locks and writes. The
//! commands in [`cli`] call it once, [`watch`] calls it again and again; there is no second path.
//!
//! # Where to find what
//!
//! | To change... | look into |
//! | --- | --- |
//! | what a manifest may say | [`manifest::model`], `manifest/kinds` for what holds for one kind, and `manifest/check.rs` for what documents get wrong together |
//! | what a preset opens, and its link | [`manifest::preset`] |
//! | templates, defaults, overlays | `manifest/compose` |
//! | the page on a code | `diagnostic/pages` |
//! | a message about a manifest | [`diagnostic`], `manifest/violation.rs`, `manifest/misplaced.rs`, `manifest/check.rs`, `manifest/acl.rs`, `manifest/mask.rs` |
//! | which commit of which repository is read, and how git is run | [`git`] |
//! | how a file becomes values | [`reading`] |
//! | which characters are not what they seem, and how foreign words are shown | [`source::strange`], [`source::shown`] |
//! | what is read as a secret | [`secret::reading`] |
//! | what becomes of an access that no manifest can say | [`resource::access`] |
//! | what a kind is, and adding one | [`resource::kinds`], `manifest/kinds`; `export/kinds` if it has words of its own |
//! | what an object is linked to, such as the accounts of a grant | `observe/links.rs`, `plan/links.rs`, `apply/link.rs` |
//! | ids of other objects, and secrets, inside of fields | [`resource::stand_in`] |
//! | how an object is recognised | `plan/bind` |
//! | which marks of other stacks are ours | [`resource::Claims`] |
//! | what a stack lets go | `plan/forget.rs`, `manifest/moves.rs` |
//! | what comes back from the recycle bin | `observe/bins.rs`, `apply/restore.rs` |
//! | when a token ends, and what is told of it | [`resource::Lifetime`], `plan/lifetime.rs` |
//! | how one key follows the other | [`resource::Rotation`], `plan/schedule.rs`, `plan/rotate.rs`, `apply/rotate.rs` |
//! | what is done about a token that is gone | `observe/traces.rs`, `plan/vanished.rs` |
//! | what a plan says an apply could not do here | `plan/foretell.rs`, [`secret::Sink::foresees`] |
//! | what a token can do | [`rights`] |
//! | what counts as different | [`resource::canonical`], `plan/diff.rs` |
//! | what an object needs that is there, or is not | `plan/found.rs`, `plan/create.rs` |
//! | the order of steps | `plan/order.rs`, `apply/scheduler.rs` |
//! | what is never deleted | `plan/prune.rs` |
//! | a request on the wire | [`api::request`] |
//! | how many calls are made at once and a minute, and who waits | `api/governor.rs` |
//! | the fewest writes of a plan | `plan/bound.rs`; how calls are bundled in `apply/bundle.rs` |
//! | devices by what they are called | [`resource::selection`], `manifest/select.rs`, `observe/items.rs`, `plan/selection.rs` |
//! | secrets inside of fields | [`resource::stand_in`], `plan/secrets.rs`, `apply/secrets.rs` |
//! | how tokens are made, and no key is lost | `apply/tokens.rs`, `apply/courier.rs` |
//! | when a call is sent again | [`api::retry`], `apply/create.rs` |
//! | what we take for granted of the platform | [`assumptions`] and the sandbox's own table |
//! | what was found out about a platform | [`profile`] |
//! | how that is found out | [`probe`] |
//! | calls that are recorded, and played again | [`cassette`], `sandbox/replay.rs` |
//! | how an estate is written as manifests | [`export`] |
//! | what a state of Terraform means | [`import`] |
//! | what people see | [`report`] |
//! | the reference of all fields, made from the types | `report/reference.rs` |
//! | what waits although nothing is wrong with it | [`pause`], [`resource::Window`], `reconcile/wait.rs` |
//! | who may write | [`lock`]; `lock/term.rs` for what is promised across machines, and [`leases`] |
//! | which part of the work a replica does | `lock/share.rs`, `watch/replicas.rs` |
//! | what a pass does, and in which order | `reconcile/pass.rs`, and `reconcile/caller.rs` for what differs |
//! | what is promised of a run: two at once, guards, exit codes | [`running`] |
//! | what is promised of listening to the platform, and how to try it | [`listening`] |
//! | what is promised of manifests from a repository | [`repositories`] |
//! | what a new repository begins with | `cli/init` |
//! | the guide, and how it is shown in the terminal | `src/guide`, `cli/guide.rs`, `cli/page.rs` |
//! | what can grow, and where that ends | [`bounds`] |
//! | how the daemon is seen from outside, its page and its metrics | [`serve`] |
//! | what people are told of without looking | [`notice`] |
//! | what is remembered of a run | [`history`] |
//! | how a run is taken back | [`undo`] |
//! | when the daemon looks at files, and what it takes for a change | [`watch::files`] |
//! | what a pass of the daemon leaves alone for now | `watch/backoff.rs`, `watch/contest.rs` |
//! | how changes on the platform are heard | [`events`], and `sandbox/mqtt` for the other side |
//! | what an outsider sees of the daemon | [`watch::status`] |
//! | the embedded platform | [`sandbox`] |
//! | how the two streams are written, and results that are lost | `cli/writer.rs`, `cli/output.rs` |
//! | what a signal ends, and how soon | [`shutdown`], `cli/stop.rs` |
//! | files that are asked for | [`files`] |
//! | programs that are run, and that none outlives us | `children.rs` |
//! | how many files and connections are open at once | `handles.rs` |
//! | proxies, certificates, and words for what goes wrong on the way | [`transport`] |
//! | the environment, and options that other tools have | `cli/environment.rs`, `cli/advice.rs` |
//!
//! # What always holds
//!
//! * **Rooms know only what lies below them.** The floors are one list, which a test compares with every
//!   import (`tests/it/floors.rs`): `cli` → `serve` → `watch` → `reconcile` → `report` → `apply` → `plan` →
//!   {`observe`, `manifest`} → `api` → `resource` → `git` → `secret` → `reading` → `diagnostic` → `source`, and
//!   what anybody may use in the cellar.
//! * **The platform is the only state.** Objects are found again by a [`resource::Mark`] in their
//!   `metadata`, which travels in the very call that creates them; so a run that is killed
//!   anywhere is finished by the next.
//! * **No failed or partial read is taken for absence**: what is unknown is a value, and nothing
//!   is planned in it.
//! * **Unmentioned means unmanaged**: only declared fields are compared and sent, foreign keys of
//!   `metadata` stay, and only what carries the mark of this stack is ever deleted.
//! * **Secrets have no textual form** ([`secret`]).
//! * **The sandbox shares no code with the client.** They are two readings of one contract, so
//!   that a mistake in one of them shows.

pub mod api;
pub mod apply;
pub mod assumptions;
pub mod cassette;
mod causes;
mod children;
pub mod cli;
pub mod diagnostic;
pub mod events;
pub mod export;
pub mod files;
pub mod git;
mod glob;
mod handles;
pub mod history;
pub mod host;
pub mod import;
pub mod lock;
pub mod manifest;
pub mod notice;
pub mod observe;
pub mod pause;
pub mod plan;
mod private;
pub mod probe;
pub mod profile;
pub mod reading;
pub mod reconcile;
pub mod report;
pub mod resource;
pub mod rights;
pub mod run;
pub mod sandbox;
pub mod schemas;
pub mod secret;
#[doc = include_str!("running.md")]
pub mod running {}
#[doc = include_str!("guide/events.md")]
pub mod listening {}
#[doc = include_str!("guide/git.md")]
pub mod repositories {}
#[doc = include_str!("guide/leases.md")]
pub mod leases {}
#[doc = include_str!("guide/start.md")]
pub mod starting {}
#[doc = include_str!("guide/principles.md")]
pub mod principles {}
#[doc = include_str!("guide/manifests.md")]
pub mod writing_manifests {}
#[doc = include_str!("guide/fields.md")]
pub mod fields {}
#[doc = include_str!("guide/tokens.md")]
pub mod tokens_and_rights {}
#[doc = include_str!("guide/limits.md")]
pub mod limits_and_rules {}
#[doc = include_str!("guide/rotation.md")]
pub mod rotating {}
#[doc = include_str!("guide/ci.md")]
pub mod ci {}
#[doc = include_str!("guide/daemon.md")]
pub mod daemon {}
#[doc = include_str!("guide/realms.md")]
pub mod realms {}
#[doc = include_str!("guide/migration.md")]
pub mod migration {}
#[doc = include_str!("guide/recovery.md")]
pub mod recovery {}
#[doc = include_str!("guide/probe.md")]
pub mod probing {}
#[doc = include_str!("guide/sandbox.md")]
pub mod trying {}
#[doc = include_str!("security.md")]
pub mod security {}
#[doc = include_str!("bounds.md")]
pub mod bounds {}
pub mod serve;
pub mod shutdown;
pub mod source;
pub mod transport;
pub mod undo;
pub mod watch;
