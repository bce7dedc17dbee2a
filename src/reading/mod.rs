//! From bytes to values that remember where they stand, and back to text; whatever is wrong on the way is a diagnostic.

pub mod decode;
pub mod yaml;
