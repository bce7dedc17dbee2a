//! What is common to all sinks.

mod file;
