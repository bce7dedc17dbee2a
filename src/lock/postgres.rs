//! Small values in PostgreSQL: one row each, in one table.
//!
//! Versions come from a sequence, so no two values ever have the same. A write is one statement that compares the version;
//! another one to the same row waits, and compares again.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_platform_verifier::ConfigVerifierExt;
use tokio::sync::Mutex;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Client, Config, Error, NoTls, Row};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::credentials::Credentials;
use super::keep::{Away, Keep, Kept, Version, Written};
use super::soon::Soon;
use crate::causes;
use crate::secret::ExposeSecret;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// What every connection begins with: a write that was answered outlives the server, and none waits for longer than we do.
const SETTINGS: &str =
    "SET synchronous_commit = on; SET statement_timeout = '2s'; SET lock_timeout = '2s'";

/// Makes what is missing. Of two that do so at once one fails, and asks again.
const TABLE: &str = "\
CREATE SEQUENCE IF NOT EXISTS flespi_gitops_version;
CREATE TABLE IF NOT EXISTS flespi_gitops (name text COLLATE \"C\" PRIMARY KEY, value text NOT NULL, version bigint NOT NULL)";

/// Values in PostgreSQL.
pub struct PostgresKeep {
    config: Config,
    place: String,
    /// The connection, made when it is needed first and again after every trouble.
    client: Mutex<Option<Arc<Client>>>,
}

impl PostgresKeep {
    /// Values in the database at `address`, `postgres://HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// What is wrong with the address, in words.
    pub fn new(address: &str, credentials: Option<&Credentials>) -> Result<Self, String> {
        let mut config: Config =
            address.parse().map_err(|error: Error| causes::error_chain(&error))?;
        if let Some(Credentials { user, password }) = credentials {
            config.user(user).password(password.expose_secret());
        }
        config.application_name("flespi-gitops");
        config.connect_timeout(PATIENCE).tcp_user_timeout(PATIENCE);
        config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        let is_here = config.get_hosts().iter().all(|host| match host {
            Host::Tcp(name) => is_loopback(name),
            #[cfg(unix)]
            Host::Unix(_) => true,
        });
        // In the clear we only talk to this machine.
        config.ssl_mode(if is_here { SslMode::Disable } else { SslMode::Require });
        let place = address.split('?').next().unwrap_or_default().to_owned();
        Ok(Self { config, place, client: Mutex::new(None) })
    }

    async fn connect(&self) -> Result<Client, Away> {
        let away = |error: Error| Away(words(&error));
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.config.connect(NoTls).await.map_err(away)?;
            tokio::spawn(connection);
            client
        } else {
            let tls = ClientConfig::with_platform_verifier();
            let tls = tls.map_err(|error| Away(error.to_string()))?;
            let tls = MakeRustlsConnect::new(tls);
            let (client, connection) = self.config.connect(tls).await.map_err(away)?;
            tokio::spawn(connection);
            client
        };
        client.batch_execute(SETTINGS).await.map_err(away)?;
        let there = client.query_one("SELECT to_regclass('flespi_gitops') IS NOT NULL", &[]);
        if !there.await.map_err(away)?.get::<_, bool>(0) {
            client.batch_execute(TABLE).await.map_err(away)?;
        }
        Ok(client)
    }

    async fn client(&self) -> Result<Arc<Client>, Away> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_closed()) {
            return Ok(Arc::clone(client));
        }
        let client = Arc::new(self.connect().await?);
        *kept = Some(Arc::clone(&client));
        Ok(client)
    }

    /// Asks, and drops the connection if there is no answer.
    async fn ask(
        &self,
        statement: &str,
        parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
    ) -> Result<Vec<Row>, Away> {
        let asked = async {
            let client = self.client().await?;
            let rows = client.query(statement, parameters).await;
            rows.map_err(|error| Away(words(&error)))
        };
        let late = |_| Err(Away("no answer in time".to_owned()));
        let rows = tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(late);
        if rows.is_err() {
            *self.client.lock().await = None;
        }
        rows
    }
}

impl Keep for PostgresKeep {
    fn place(&self) -> &str {
        &self.place
    }

    fn list<'a>(&'a self, under: &'a str) -> Soon<'a, Result<Vec<Kept>, Away>> {
        Box::pin(async move {
            const LIST: &str = "SELECT name, value, version FROM flespi_gitops WHERE starts_with(name, $1) \
                                ORDER BY name";
            self.ask(LIST, &[&under]).await?.iter().map(kept).collect()
        })
    }

    fn read<'a>(&'a self, name: &'a str) -> Soon<'a, Result<Option<Kept>, Away>> {
        Box::pin(async move {
            const READ: &str = "SELECT name, value, version FROM flespi_gitops WHERE name = $1";
            self.ask(READ, &[&name]).await?.first().map(kept).transpose()
        })
    }

    fn write<'a>(
        &'a self,
        name: &'a str,
        value: &'a str,
        over: Option<&'a Version>,
    ) -> Soon<'a, Result<Written, Away>> {
        Box::pin(async move {
            const MAKE: &str = "INSERT INTO flespi_gitops VALUES ($1, $2, nextval('flespi_gitops_version')) \
                                ON CONFLICT DO NOTHING RETURNING name, value, version";
            const CHANGE: &str = "UPDATE flespi_gitops SET value = $2, version = nextval('flespi_gitops_version') \
                                  WHERE name = $1 AND version = $3 RETURNING name, value, version";
            let rows = match over.map(number) {
                None => self.ask(MAKE, &[&name, &value]).await?,
                Some(Some(version)) => self.ask(CHANGE, &[&name, &value, &version]).await?,
                Some(None) => Vec::new(),
            };
            Ok(match rows.first() {
                Some(row) => Written::At(kept(row)?.version),
                None => Written::Changed,
            })
        })
    }

    fn remove<'a>(&'a self, name: &'a str, at: &'a Version) -> Soon<'a, Result<bool, Away>> {
        Box::pin(async move {
            const REMOVE: &str =
                "DELETE FROM flespi_gitops WHERE name = $1 AND version = $2 RETURNING name";
            let Some(version) = number(at) else { return Ok(false) };
            Ok(!self.ask(REMOVE, &[&name, &version]).await?.is_empty())
        })
    }
}

fn number(version: &Version) -> Option<i64> {
    version.0.parse().ok()
}

fn kept(row: &Row) -> Result<Kept, Away> {
    let read = || -> Result<Kept, Error> {
        let version: i64 = row.try_get(2)?;
        let version = Version(version.to_string());
        Ok(Kept { name: row.try_get(0)?, value: row.try_get(1)?, version })
    };
    read().map_err(|error| Away(words(&error)))
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

/// What the server says, or what went wrong on the way; nothing of either holds a password.
fn words(error: &Error) -> String {
    match error.as_db_error() {
        Some(said) => said.message().to_owned(),
        None => causes::error_chain(error),
    }
}
