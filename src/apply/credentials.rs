//! Setting e-mail and password of a subaccount.
//!
//! No `/auth` path takes `x-flespi-cid`, so the calls are signed with a master token of the
//! subaccount itself: a short-lived *bootstrap token* that is created, used, and deleted also when
//! the step fails. It carries a mark of its own, by which a later run finds one that an
//! interrupted run left.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::job::{Done, Failure};
use super::payload::CredentialsJob;
use super::{secrets, set};
use crate::api::{ApiError, Class, Item, Writer};
use crate::plan::{EMAIL_FIELD, canonical_email};
use crate::resource::{Address, EmailRequest, Kind, Mark};
use crate::secret::{PasswordForm, SecretString};

/// How long the bootstrap token outlives its last use, in seconds, should nobody delete it.
const BOOTSTRAP_TTL_SECONDS: i64 = 300;

/// How often the bootstrap token is tried to be made when answers get lost.
const ROUNDS: u32 = 3;

/// See the same constant of creation: a lost call may still take effect.
const SETTLING: Duration = Duration::from_millis(500);

/// Sets what is to be set.
pub(super) async fn set(writer: &Writer, job: &CredentialsJob) -> Result<Done, Failure> {
    // Asked before anything is changed: a password that cannot be had needs no token.
    let password = match &job.password {
        Some(source) => Some(job.form.of(&secrets::obtain(source, job.least).await?)),
        None => None,
    };
    let (token, key) = bootstrap(writer, job).await?;
    let outcome = set_with(writer, job, &key, password).await;
    let removal = writer.clean_up(Kind::KEY, &[token]).await;
    let done = outcome?;
    removal.map_err(|error| Failure {
        id: Some(job.id),
        ..Failure::new(format!(
            "the credentials are set, but the bootstrap token {token} could not be deleted ({error}); the next \
             run deletes it, and it expires on its own"
        ))
    })?;
    Ok(done)
}

async fn set_with(
    writer: &Writer,
    job: &CredentialsJob,
    key: &SecretString,
    password: Option<SecretString>,
) -> Result<Done, Failure> {
    let known = Mark::read(&job.metadata).ok().flatten().filter(|mark| mark.stack == job.stack);
    let mut mark = known.unwrap_or_else(|| Mark::new(&job.stack, job.address.clone()));
    if let Some(password) = password {
        let hash = secrets::hash(&password).await;
        writer.set_password(key, password).await.map_err(|error| refused(error, job.form))?;
        mark.password = hash;
    }
    if let Some(email) = &job.email {
        writer.request_email(key, email).await?;
        mark.email_requested = Some(Box::new(EmailRequest {
            address: email.clone(),
            at: writer.reader().time().now,
            before: job.email_before.clone(),
        }));
        mark.applied.note(EMAIL_FIELD, &canonical_email(email));
    }
    let account = note(writer, job, &mark).await?;
    let metadata = account.get("metadata").and_then(Value::as_object).cloned();
    let done = Done { metadata, ..Done::with_id(job.id) };
    let Some(email) = &job.email else { return Ok(done) };
    let has = account.get("email").and_then(Value::as_str).unwrap_or_default();
    if !has.eq_ignore_ascii_case(email) {
        let pending = Some(format!(
            "e-mail {email} was requested and takes effect when the link in the platform's mail is \
             opened"
        ));
        return Ok(Done { pending, ..done });
    }
    // It took effect at once, so there is no request to remember.
    mark.email_requested = None;
    let account = note(writer, job, &mark).await?;
    let metadata = account.get("metadata").and_then(Value::as_object).cloned();
    Ok(Done { metadata, ..done })
}

/// Why a password was not taken. The platform's words are hidden, so what it may want is said instead.
fn refused(error: ApiError, form: PasswordForm) -> Failure {
    let is_refused = error.class == Class::Rejected;
    let failure = Failure::from(error);
    if !is_refused {
        return failure;
    }
    let help = match form {
        PasswordForm::Clear => {
            "the platform may require a longer password, or its hash; for the hash, write `password_form: \
             sha512` beside it"
        }
        PasswordForm::Sha512 => {
            "the platform may require the password itself; for that, leave out `password_form`"
        }
    };
    Failure { what: format!("{}; {help}", failure.what), ..failure }
}

/// Writes the mark into the account's metadata; gives the account's fields as they are then.
async fn note(
    writer: &Writer,
    job: &CredentialsJob,
    mark: &Mark,
) -> Result<Map<String, Value>, Failure> {
    let mut metadata = job.metadata.clone();
    mark.write(&mut metadata);
    job.signer.sign(job.owner, &mut metadata);
    let body = Map::from_iter([("metadata".to_owned(), Value::Object(metadata))]);
    set::set_one(writer, Kind::ACCOUNT, job.id, &body).await.map_err(|failure| Failure {
        what: format!(
            "the credentials are set, but the mark could not be updated: {}",
            failure.what
        ),
        ..failure
    })
}

async fn bootstrap(writer: &Writer, job: &CredentialsJob) -> Result<(i64, SecretString), Failure> {
    let account = job.address.as_account().unwrap_or_default();
    let mut mark = Mark::new(&job.stack, Address::new(Kind::KEY, account, "bootstrap"));
    mark.bootstrap = true;
    let mut metadata = Map::new();
    mark.write(&mut metadata);
    job.signer.sign(job.id, &mut metadata);
    let body = json!({
        "info": "flespi-gitops bootstrap",
        "ttl": BOOTSTRAP_TTL_SECONDS,
        "access": {"type": 1},
        "metadata": metadata,
    });
    let item = Item::from(body.as_object().cloned().unwrap_or_default());
    let mut last = Failure::new("the bootstrap token was not created");
    for attempts in 1..=ROUNDS {
        match writer.create(Kind::KEY, Some(job.id), vec![item.clone()]).await {
            Ok((created, complaints)) => {
                let made = created
                    .into_iter()
                    .find_map(|created| Some((created.item.get("id")?.as_i64()?, created.key?)));
                if let Some(made) = made {
                    return Ok(made);
                }
                last = Failure { attempts, ..Failure::new(complaints.join("; ")) };
            }
            Err(error) if !error.may_have_committed() => return Err(error.into()),
            Err(error) => last = Failure { attempts, ..error.into() },
        }
        // One whose key got lost is of no use to anybody.
        tokio::time::sleep(SETTLING).await;
        let there = writer.reader().list_held(Kind::KEY, job.id).await;
        let there = there.map_err(|error| Failure::new(error.to_string()))?;
        let lost: Vec<i64> = there
            .into_iter()
            .filter(|(_, item)| {
                let Some(Value::Object(metadata)) = item.get("metadata") else { return false };
                let mark = Mark::read(&metadata).ok().flatten();
                mark.is_some_and(|mark| mark.bootstrap && mark.stack == job.stack)
            })
            .map(|(id, _)| id)
            .collect();
        for id in lost {
            writer.clean_up(Kind::KEY, &[id]).await?;
        }
    }
    Err(last)
}
