//! People: realms and their users, passwords, addresses and log-ins.

use serde_json::{Value, json};

use crate::probe::caller::{Call, Heard, ProbeError, Signer};
use crate::probe::lab::{Lab, TTL, Tree};

const REALMS: &str = "platform/realms";

/// A password of a realm user that is shorter by one than what programs are known to ask for, in characters.
const SHORT_PASSWORD: &str = "probe-password1";

/// One that is long enough.
const LONG_PASSWORD: &str = "probe-password-of-30-characters";

/// What a client sends that hashes passwords itself: as many hexadecimal digits as SHA-512 has.
const HASH_DIGITS: usize = 128;

/// The domain of addresses that nobody has (RFC 2606).
const NOBODY: &str = "example.com";

pub(super) async fn ask(lab: &mut Lab<'_>, tree: &Tree) -> Result<(), ProbeError> {
    realm(lab).await?;
    password(lab, tree).await?;
    address(lab, tree).await
}

async fn realm(lab: &mut Lab<'_>) -> Result<(), ProbeError> {
    let realm = lab.post(lab.account, REALMS, json!({"name": "probe"})).await?;
    let Some(realm) = realm.id() else {
        for name in ["realm-password", "session-ttl"] {
            lab.book.cannot_tell(name, realm.unexpected());
        }
        return Ok(());
    };
    let users = format!("{REALMS}/{realm}/users");
    let short = json!({"name": "short", "password": SHORT_PASSWORD});
    let short = lab.post(lab.account, &users, short).await?;
    let long = json!({"name": "long", "password": LONG_PASSWORD});
    let long = lab.post(lab.account, &users, long).await?;
    match (short.is_done(), long.is_done()) {
        (true, _) => lab.book.found("realm-password", "1", [&short]),
        (false, true) if short.is_refused() => {
            lab.book.found("realm-password", "16", [&short, &long]);
        }
        _ => lab.book.cannot_tell("realm-password", short.unexpected()),
    }
    let Some(user) = long.id() else {
        lab.book.cannot_tell("session-ttl", long.unexpected());
        return Ok(());
    };
    let log_in = Call::new("POST", format!("/{users}/{user}/login")).within(lab.account);
    let log_in = lab.send(log_in).await?;
    let Some(key) = log_in.member("token").and_then(Value::as_str) else {
        lab.book.cannot_tell("session-ttl", log_in.unexpected());
        return Ok(());
    };
    let info = lab.get_as(key, "auth/info").await?;
    match info.member("ttl").and_then(Value::as_u64) {
        Some(ttl) => lab.book.found("session-ttl", ttl.to_string(), [&info]),
        None => lab.book.cannot_tell("session-ttl", info.unexpected()),
    }
    Ok(())
}

/// Sets the password of the account that a key belongs to.
async fn set_password(lab: &Lab<'_>, key: &str, password: &str) -> Result<Heard, ProbeError> {
    let body = json!({"password": password, "confirmation": password});
    lab.send(Call::new("PUT", "/auth/password").signed(Signer::Key(key)).with(body)).await
}

async fn password(lab: &mut Lab<'_>, tree: &Tree) -> Result<(), ProbeError> {
    let clear = set_password(lab, &tree.key.key, LONG_PASSWORD).await?;
    lab.book.choose("password-form", &clear, "any", "sha512");

    let standard = json!({"info": "standard", "ttl": TTL, "access": {"type": 0}});
    let Some(standard) = lab.token(tree.inner, standard).await? else {
        lab.book.cannot_tell("password-access", "no token is made");
        return Ok(());
    };
    let tried = set_password(lab, &standard.key, &"0a".repeat(HASH_DIGITS / 2)).await?;
    lab.book.admit("password-access", &tried, "any", "master");
    Ok(())
}

async fn address(lab: &mut Lab<'_>, tree: &Tree) -> Result<(), ProbeError> {
    let email = format!("probe-{}@{NOBODY}", tree.inner);
    let log_in = json!({"email": email, "password": "not the password"});
    let log_in = Call::new("POST", "/auth/login/credentials").signed(Signer::None).with(log_in);
    let refused = lab.send(log_in).await?;
    match refused.status {
        400 | 401 | 403 => {
            lab.book.found("login-refused", refused.status.to_string(), [&refused]);
        }
        _ => lab.book.cannot_tell("login-refused", refused.unexpected()),
    }

    let change = Call::new("PUT", "/auth/email/update").signed(Signer::Key(&tree.key.key));
    let change = lab.send(change.with(json!({"email": email}))).await?;
    let path = format!("platform/subaccounts/{}?fields=id,email", tree.inner);
    let read = lab.get(lab.account, &path).await?;
    let is_set = read.member("email").is_some_and(|address| address == email.as_str());
    match (change.is_done(), is_set) {
        (true, true) => lab.book.found("email-change", "immediate", [&change, &read]),
        (true, false) => lab.book.found("email-change", "confirm", [&change, &read]),
        (false, _) => lab.book.cannot_tell("email-change", change.unexpected()),
    }
    if !is_set {
        return Ok(());
    }
    // Where an address holds at once, more can be tried.
    let log_in = json!({"email": email, "password": LONG_PASSWORD});
    let log_in = Call::new("POST", "/auth/login/credentials").signed(Signer::None).with(log_in);
    let log_in = lab.send(log_in).await?;
    for member in ["token", "key"] {
        if log_in.member(member).is_some_and(Value::is_string) {
            lab.book.found("login-result", member, [&log_in]);
        }
    }
    if let Some(key) = lab.master(lab.account).await? {
        let same = Call::new("PUT", "/auth/email/update").signed(Signer::Key(&key.key));
        let same = lab.send(same.with(json!({"email": email}))).await?;
        lab.book.choose("shared-email", &same, "accept", "refuse");
    }
    Ok(())
}
