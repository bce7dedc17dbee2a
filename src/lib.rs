//! Declarative accounts, limits and tokens for the flespi telematics platform.

pub mod api;
pub mod diagnostic;
pub mod manifest;
pub mod observe;
pub mod plan;
pub mod resource;
pub mod secret;
pub mod source;
