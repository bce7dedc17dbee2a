//! What can be seen from outside, in one binary: linking is the slow part, so it is done once.

#![expect(unreachable_pub, reason = "the modules of one binary are all there is to reach")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test, what is not there fails the test"
)]

mod addresses;
mod apply;
mod arguments;
mod bad_input;
mod bound;
mod bounds;
mod cassettes;
mod choreographies;
mod ci_examples;
mod circles;
mod completions;
mod compose;
mod credentials;
mod daemon;
mod delivery;
mod disputes;
mod distrust;
mod drift;
mod environment;
mod events;
mod exclude;
mod explain;
mod export;
mod facts;
mod faults;
#[cfg(unix)]
mod files_outside;
mod findings;
mod floors;
mod foretold;
mod fuzz;
#[cfg(unix)]
mod git_choreographies;
#[cfg(unix)]
mod git_source;
mod governor;
mod guards;
mod health;
mod history;
mod import;
mod init;
mod injection;
mod interrupted;
mod killed;
mod kinds;
mod leases;
mod ledger;
mod left_out;
mod lifetimes;
mod lives;
mod locks;
#[cfg(unix)]
mod machine;
mod matrix;
mod moves;
mod noise;
mod notices;
mod only;
mod outputs;
mod outside;
mod pauses;
mod plan_is_the_program;
mod presets;
mod probe;
mod prune;
mod readme;
mod realms;
mod reference;
mod renames;
mod restore;
mod rights_agree;
mod rights_pairs;
mod rotation;
mod sandbox_fuzz;
mod sandbox_http;
mod sandbox_mqtt;
mod sandbox_page;
mod sandbox_tls;
mod schemas;
mod sealed;
mod selections;
#[cfg(unix)]
mod shared_folders;
mod signals;
mod signed;
mod stores;
mod straight_line;
mod streams;
mod support;
mod tidy;
mod token_article;
mod token_batches;
mod trust;
mod two_at_once;
mod undo;
mod unwatched;
mod validate_cases;
mod watch;
mod webhooks;
mod written_files;
mod yaml_traps;
