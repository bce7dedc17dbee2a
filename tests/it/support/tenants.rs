//! Tenants whose passwords are made here and whose keys are delivered, as many as a test wants.

use super::World;

/// So many accounts with a password that is made here and set through a short-lived token, and a token; password and key
/// each go to a file.
pub fn tenants(count: usize) -> String {
    let limit = "apiVersion: flespi-gitops/v1\nkind: Limit\nmetadata: {name: starter}\nspec: {devices_count: 5}\n";
    (0..count).fold(limit.to_owned(), |text, number| {
        text + &format!(
            "---
apiVersion: flespi-gitops/v1
kind: Subaccount
metadata: {{name: tenant-{number}}}
spec:
  limit: starter
  credentials:
    email: ops@tenant-{number}.example
    password: {{generate: {{length: 32}}, deliver: [{{file: out/password-{number}}}]}}
---
apiVersion: flespi-gitops/v1
kind: Token
metadata: {{name: app, account: tenant-{number}}}
spec: {{ttl: 30d, access: standard, deliver: [{{file: out/key-{number}}}]}}
"
        )
    })
}

/// A world in which so many tenants are declared.
pub fn world(count: usize) -> World {
    let world = World::new();
    world.write("set.yaml", &tenants(count));
    world
}
