//! The secrets that a run itself needs: its token, and the keys of marks and spool.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::environment;
use super::exit::Exit;
use super::output::Output;
use super::settings::{Common, TOKEN_FILE_VARIABLE, TOKEN_VARIABLE};
use crate::files;
use crate::lock::Credentials;
use crate::notice::{Form, Receiver};
use crate::resource::Signer;
use crate::secret::reading::{self, Unfit};
use crate::secret::{ExposeSecret, SecretString, Spool};

/// The shortest key of a spool: letters and digits of this length are 190 bits.
const SPOOL_KEY_LENGTH: usize = 32;

/// No file of a token or a key is larger, in bytes.
pub(super) const MOST_SECRET_BYTES: u64 = 64 * 1024;

/// The token of the platform, from a file or the environment.
pub(super) fn token(common: &Common, output: &Output) -> Result<SecretString, Exit> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let file = match (&common.token_file, environment::token()) {
        (Some(file), _) => file.clone(),
        (None, Some(token)) => {
            return reading::token(token.into_encoded_bytes()).map_err(|why| {
                unfit(TOKEN_VARIABLE, &why, output);
                Exit::Unknown
            });
        }
        (None, None) => match variable(TOKEN_FILE_VARIABLE) {
            Some(file) => PathBuf::from(file),
            None => {
                output.error(&format!(
                    "no token\n  help: set {TOKEN_VARIABLE} to a master token, or {TOKEN_FILE_VARIABLE} or \
                     --token-file to the path of its file; or use --platform sandbox"
                ));
                return Err(Exit::Unknown);
            }
        },
    };
    read_secret("token file", &file, reading::token, output).map_err(|()| Exit::Unknown)
}

/// Signs marks with the key that was named, if one was.
pub(super) fn signer(common: &Common, output: &Output) -> Result<Signer, Exit> {
    let Some(file) = &common.mark_key_file else { return Ok(Signer::default()) };
    let key = read_secret("key file", file, reading::key, output).map_err(|()| Exit::Usage)?;
    Signer::new(key, common.trust_unsigned_marks).map_err(|error| {
        output.error(&format!("{}: {error}", file.display()));
        Exit::Usage
    })
}

/// Keeps keys that could not be delivered to `platform`.
pub(super) fn spool(
    common: &Common,
    state: &Path,
    platform: String,
    output: &Output,
) -> Result<Spool, Exit> {
    if common.no_spool {
        return Ok(Spool::none());
    }
    let key = match &common.spool_key_file {
        Some(file) => {
            let key = read_secret("spool key file", file, reading::key, output);
            let key = key.map_err(|()| Exit::Usage)?;
            if key.expose_secret().len() < SPOOL_KEY_LENGTH {
                output.error(&format!(
                    "{}: a key has at least {SPOOL_KEY_LENGTH} characters",
                    file.display()
                ));
                return Err(Exit::Usage);
            }
            Some(key)
        }
        None => None,
    };
    Ok(Spool::new(state.join("spool"), platform, key))
}

/// Who is told of incidents, from texts `FORM=FILE`; the file holds the address.
pub(super) fn receivers(wanted: &[NotifyArg], output: &Output) -> Result<Vec<Receiver>, Exit> {
    let receiver = |NotifyArg { form, file }: &NotifyArg| {
        let address = read_secret("receiver's address", file, reading::key, output);
        let address = address.map_err(|()| Exit::Usage)?;
        Receiver::new(*form, address).map_err(|error| {
            output.error(&format!("the receiver's address {}: {error}", file.display()));
            Exit::Usage
        })
    };
    wanted.iter().map(receiver).collect()
}

/// A receiver of notices as an option names it.
#[derive(Debug, Clone)]
pub(super) struct NotifyArg {
    form: Form,
    file: PathBuf,
}

impl std::str::FromStr for NotifyArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || "write slack=FILE, teams=FILE or json=FILE; FILE holds the address".to_owned();
        let (form, file) = text.split_once('=').ok_or_else(wrong)?;
        // Whoever writes the address itself has it in the list of processes.
        if file.contains("://") {
            return Err(
                "the address is a secret: write it to a file, and name the file here".to_owned()
            );
        }
        let form = Form::from_str(form, false).map_err(|_| wrong())?;
        (!file.is_empty()).then(|| Self { form, file: file.into() }).ok_or_else(wrong)
    }
}

/// The user of the store of leases, if one was given.
pub(super) fn lease_credentials(
    common: &Common,
    output: &Output,
) -> Result<Option<Credentials>, Exit> {
    let Some(file) = &common.lease_credentials else { return Ok(None) };
    let line = read_secret("lease credentials file", file, reading::key, output);
    let line = line.map_err(|()| Exit::Usage)?;
    let Some((user, password)) = line.expose_secret().split_once(':') else {
        output.error(&format!("{}: write one line, USER:PASSWORD", file.display()));
        return Err(Exit::Usage);
    };
    Ok(Some(Credentials { user: user.to_owned(), password: SecretString::from(password) }))
}

fn read_secret(
    what: &str,
    file: &Path,
    read: fn(Vec<u8>) -> Result<SecretString, Unfit>,
    output: &Output,
) -> Result<SecretString, ()> {
    let name = format!("the {what} {}", file.display());
    let bytes = files::read_at_most(file, MOST_SECRET_BYTES)
        .map_err(|error| output.error(&format!("cannot read {name}: {error}")))?;
    read(bytes).map_err(|why| unfit(&name, &why, output))
}

/// Says why what was read is no secret; of it nothing but that.
fn unfit(name: &str, why: &Unfit, output: &Output) {
    output.error(&format!("{name} {why}"));
}
