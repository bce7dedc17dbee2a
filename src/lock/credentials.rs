//! Who we are to a store of leases.

use crate::secret::SecretString;

/// A user of a store.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Its name.
    pub user: String,
    /// Its password.
    pub password: SecretString,
}
