//! Declarative accounts, limits and tokens for the flespi telematics platform.

pub mod api;
pub mod apply;
pub mod cli;
pub mod diagnostic;
pub mod manifest;
pub mod observe;
pub mod plan;
pub mod reconcile;
pub mod report;
pub mod resource;
pub mod sandbox;
pub mod schemas;
pub mod secret;
pub mod source;
pub mod watch;
