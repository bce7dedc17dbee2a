//! The `flespi-gitops` program.

fn main() {}
