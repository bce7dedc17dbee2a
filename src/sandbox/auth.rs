//! `/auth`: the account and the token behind a call, log-ins, passwords and e-mail addresses.
//!
//! Invariant: nothing here reads `x-flespi-cid`. A password set "for a subaccount" with the parent's token is the
//! parent's password; clients that rely on the header must find that out here and not on the platform.

use serde_json::{Map, Value, json};

use super::{
    access, admission,
    answer::{Answer, Refusal},
    assumptions::{
        EMAIL_CHANGE, LOGIN_REFUSED, LOGIN_RESULT, PASSWORD_ACCESS, PASSWORD_FORM, SESSION_TTL,
        SHARED_EMAIL,
    },
    catalog::Kind,
    item::{Fields, Item},
    registration,
    rows::TOKENS,
    secret,
    state::{Change, Code, Mail, Purpose},
    world::{Call, World},
};

/// How long a code out of a mail can be used, in seconds.
pub(super) const CODE_LIFE: u64 = 24 * 3600;

/// The columns of `GET /auth/info`.
const INFO: [&str; 9] =
    ["access", "accessed", "blocked", "cid", "enabled", "expire", "id", "info", "ttl"];

/// Answers everything below `/auth`.
pub(super) fn serve(
    world: &mut World,
    call: &mut Call<'_>,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    let only = |wanted: &str| if method == wanted { Ok(()) } else { Err(Refusal::method(wanted)) };
    match path {
        ["regions"] => only("GET").map(|()| regions(world, call)),
        ["login", "credentials"] => only("POST").and_then(|()| log_in(world, call)),
        ["login", "passwordless"] => only("POST").and_then(|()| mail_log_in(world, call)),
        ["login", "passwordless", "confirm"] => {
            only("POST").and_then(|()| confirm_log_in(world, call))
        }
        ["email", "confirm"] => only("POST").and_then(|()| confirm_email(world, call)),
        ["email", "revert"] => only("POST").and_then(|()| revert_email(world, call)),
        ["account", "register"] => only("POST").and_then(|()| registration::register(world, call)),
        ["account", "confirm"] => only("POST").and_then(|()| registration::confirm(world, call)),
        // Foreign log-ins need a browser and a provider; there is none to choose from.
        ["oauth", "providers"] => only("GET").map(|()| Answer::default()),
        ["info"] => only("GET").and_then(|()| info(world, call)),
        ["password"] => only("PUT").and_then(|()| set_password(world, call)),
        ["email", "update"] => only("PUT").and_then(|()| update_email(world, call)),
        other => Err(Refusal::missing_path(&format!("auth/{}", other.join("/")))),
    }
}

fn admit(
    world: &mut World,
    call: &mut Call<'_>,
    is_info: bool,
) -> Result<admission::Caller, Refusal> {
    let caller = admission::admit(world, call.request, call.now, true, is_info)?;
    call.caller = Some(caller);
    Ok(caller)
}

/// Admits a caller who is to change the account itself.
fn admit_owner(world: &mut World, call: &mut Call<'_>) -> Result<Item, Refusal> {
    let caller = admit(world, call, false)?;
    if caller.access != access::MASTER && world.assumptions.is(&PASSWORD_ACCESS, "master") {
        return Err(Refusal::forbidden("this needs a master token"));
    }
    world
        .state
        .account(caller.account)
        .cloned()
        .ok_or_else(|| Refusal::missing_item(caller.account))
}

fn info(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let caller = admit(world, call, true)?;
    let view = world.view();
    let token = world
        .state
        .item(Kind::Tokens, caller.token)
        .ok_or_else(|| Refusal::missing_item(caller.token))?;
    let columns = INFO.iter().filter_map(|name| {
        let value = view.value(token, TOKENS.field(name)?)?;
        Some(((*name).to_owned(), value.into_owned()))
    });
    Ok(Answer::row(&columns.collect::<Map<_, _>>()))
}

/// The one region there is: this sandbox itself, under both names that clients read.
fn regions(world: &World, call: &Call<'_>) -> Answer {
    let rest = match call.request.header("host") {
        Some(host) if !world.url.starts_with("https:") => format!("http://{host}"),
        _ => world.url.clone(),
    };
    let host = rest.split_once("://").map_or(rest.as_str(), |(_, host)| host).to_owned();
    Answer::row(&json!({
        "name": "eu", "region": "eu", "default": true, "rest": rest, "gw": host, "cdn": rest,
        "mqtt": "127.0.0.1:1883", "mqtt-ws": "127.0.0.1:80",
    }))
}

pub(super) fn body(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    match call.request.json()? {
        Value::Object(map) => Ok(map),
        _ => Err(Refusal::bad("the body must be an object")),
    }
}

pub(super) fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    match body.get(name).and_then(Value::as_str) {
        Some(text) if !text.is_empty() => Ok(text),
        _ => Err(Refusal::bad(format!("field \"{name}\" must be a string that is not empty"))
            .with_field(name)),
    }
}

fn set_password(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let mut account = admit_owner(world, call)?;
    let body = body(call)?;
    let password = text(&body, "password")?;
    if text(&body, "confirmation")? != password {
        return Err(
            Refusal::bad("\"confirmation\" differs from \"password\"").with_field("confirmation")
        );
    }
    let is_hash = password.len() == 128 && password.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash && world.assumptions.is(&PASSWORD_FORM, "sha512") {
        return Err(Refusal::bad("\"password\" must be a SHA-512 hash").with_field("password"));
    }
    let hash = secret::hash(password, call.entropy)
        .ok_or_else(|| Refusal::bad("the password cannot be used"))?;
    account.fields.set("password_hash", hash);
    let id = account.id;
    world.commit(Change::Put { kind: Kind::Accounts, item: account });
    Ok(Answer::row(&json!({"id": id})))
}

/// Log-in pages send whatever was set, in clear or hashed by the browser: the sandbox compares it as it is.
fn log_in(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = body(call)?;
    let (email, password) = (text(&body, "email")?, text(&body, "password")?);
    let status = world.assumptions.status(&LOGIN_REFUSED);
    let refused = || Refusal::unauthorized("invalid email or password").with_status(status);
    let account = by_email(world, email).ok_or_else(refused)?;
    let hash = account.fields.text("password_hash").ok_or_else(refused)?;
    if !secret::verify(password, hash) {
        return Err(refused());
    }
    open_session(world, call, account.id)
}

pub(super) fn open_session(
    world: &mut World,
    call: &mut Call<'_>,
    account: u64,
) -> Result<Answer, Refusal> {
    let is_off = |id: u64| {
        world
            .state
            .account(id)
            .is_none_or(|item| item.fields.get("enabled") == Some(&Value::Bool(false)))
    };
    if world.state.lineage(account).any(is_off) {
        return Err(Refusal::forbidden("account is disabled"));
    }
    let token = session_token(world, account, call.now, call.entropy);
    let key = token.fields.text("key").unwrap_or("").to_owned();
    world.commit(Change::NextId(token.id));
    world.record(call, &TOKENS, None, Some(&token));
    world.commit(Change::Put { kind: Kind::Tokens, item: token });
    let member = world.assumptions.value(&LOGIN_RESULT);
    Ok(Answer::row(&Map::from_iter([(member.to_owned(), Value::from(key))])))
}

/// The token that the panel holds while somebody is logged in.
pub(super) fn session_token(
    world: &World,
    account: u64,
    now: u64,
    entropy: &mut dyn FnMut() -> u64,
) -> Item {
    let mut fields = Fields::default();
    fields.set("key", secret::key(entropy));
    fields.set("info", "flespi.io session");
    fields.set("ttl", world.assumptions.number(&SESSION_TTL).unwrap_or(1800));
    fields.set("access", json!({"type": access::MASTER}));
    fields.set("created", now);
    fields.set("accessed", now);
    Item { id: world.state.next_id + 1, cid: account, fields }
}

fn by_email<'a>(world: &'a World, email: &str) -> Option<&'a Item> {
    let mut accounts = world.state.table(Kind::Accounts).iter();
    accounts.find(|account| {
        account.fields.text("email").is_some_and(|own| own.eq_ignore_ascii_case(email))
    })
}

fn update_email(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let account = admit_owner(world, call)?;
    let body = body(call)?;
    let email = text(&body, "email")?;
    check_address(email)?;
    check_shared(world, email, account.id)?;
    let (id, old) = (account.id, account.fields.text("email").unwrap_or("").to_owned());
    forget_codes(world, id, &[Purpose::ConfirmEmail, Purpose::RevertEmail]);
    if world.assumptions.is(&EMAIL_CHANGE, "immediate") {
        apply_email(world, account, email);
    } else {
        send_code(
            world,
            call,
            id,
            email,
            email,
            Purpose::ConfirmEmail,
            "Confirm your new e-mail address",
        );
    }
    if !old.is_empty() {
        send_code(
            world,
            call,
            id,
            &old,
            &old,
            Purpose::RevertEmail,
            "Your e-mail address is being changed",
        );
    }
    Ok(Answer::row(&json!({"id": id})))
}

/// Whether a text can be an e-mail address at all.
pub(super) fn check_address(email: &str) -> Result<(), Refusal> {
    let is_address = email
        .split_once('@')
        .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'));
    if !is_address
        || email.len() > 254
        || email.contains(|character: char| character.is_whitespace() || character.is_control())
    {
        return Err(Refusal::bad("field \"email\" must be an e-mail address").with_field("email"));
    }
    Ok(())
}

pub(super) fn check_shared(world: &World, email: &str, account: u64) -> Result<(), Refusal> {
    match by_email(world, email) {
        Some(other) if other.id != account && world.assumptions.is(&SHARED_EMAIL, "refuse") => {
            Err(Refusal::bad("the e-mail address belongs to another account").with_field("email"))
        }
        _ => Ok(()),
    }
}

fn confirm_email(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = spend(world, call, Purpose::ConfirmEmail)?;
    check_shared(world, &code.email, code.account)?;
    change_email(world, &code)
}

/// Back to the address that the mail went to, whether or not the change was confirmed meanwhile.
fn revert_email(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = spend(world, call, Purpose::RevertEmail)?;
    forget_codes(world, code.account, &[Purpose::ConfirmEmail]);
    change_email(world, &code)
}

fn change_email(world: &mut World, code: &Code) -> Result<Answer, Refusal> {
    let account = world
        .state
        .account(code.account)
        .cloned()
        .ok_or_else(|| Refusal::missing_item(code.account))?;
    apply_email(world, account, &code.email);
    Ok(Answer::row(&json!({"id": code.account, "email": code.email})))
}

fn apply_email(world: &mut World, mut account: Item, email: &str) {
    account.fields.set("email", email);
    world.commit(Change::Put { kind: Kind::Accounts, item: account });
}

/// Asks for a log-in by mail. The answer is the same for an address that nobody has.
fn mail_log_in(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = body(call)?;
    let email = text(&body, "email")?;
    if let Some(account) = by_email(world, email).map(|account| account.id) {
        forget_codes(world, account, &[Purpose::LogIn]);
        send_code(world, call, account, email, "", Purpose::LogIn, "Your log-in link");
    }
    Ok(Answer::default())
}

fn confirm_log_in(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = spend(world, call, Purpose::LogIn)?;
    open_session(world, call, code.account)
}

fn send_code(
    world: &mut World,
    call: &mut Call<'_>,
    cid: u64,
    to: &str,
    email: &str,
    purpose: Purpose,
    subject: &str,
) {
    let code = secret::code(call.entropy);
    let until = call.now + CODE_LIFE;
    world.commit(Change::Issue(Code {
        code: code.clone(),
        account: cid,
        purpose,
        email: email.to_owned(),
        password_hash: None,
        until,
    }));
    let mail = Mail { time: call.now, to: to.to_owned(), subject: subject.to_owned(), cid, code };
    world.commit(Change::Mail(mail));
}

/// Takes the code of a body out of the world, if it is one for this purpose.
pub(super) fn spend(world: &mut World, call: &Call<'_>, purpose: Purpose) -> Result<Code, Refusal> {
    let body = body(call)?;
    let text = text(&body, "code")?;
    let known = world.state.codes.get(text).filter(|code| code.purpose == purpose).cloned();
    let code = known
        .ok_or_else(|| Refusal::bad("the code is wrong or was used already").with_field("code"))?;
    world.commit(Change::Spend(code.code.clone()));
    Ok(code)
}

fn forget_codes(world: &mut World, account: u64, purposes: &[Purpose]) {
    let mine = world
        .state
        .codes
        .values()
        .filter(|code| code.account == account && purposes.contains(&code.purpose));
    let codes: Vec<String> = mine.map(|code| code.code.clone()).collect();
    codes.into_iter().for_each(|code| world.commit(Change::Spend(code)));
}

#[cfg(test)]
mod tests {
    use super::super::catalog::Shown;
    use super::{INFO, TOKENS};

    #[test]
    fn auth_info_shows_no_key() {
        let shown = INFO.iter().map(|name| TOKENS.field(name).unwrap().shown);
        assert!(shown.into_iter().all(|shown| matches!(shown, Shown::Always | Shown::Asked)));
    }
}
