//! `/auth`: the account and the token behind a call, log-ins, passwords and e-mail addresses.
//!
//! Invariant: nothing here reads `x-flespi-cid`. A password set "for a subaccount" with the parent's token is the
//! parent's password; clients that rely on the header must find that out here and not on the platform.

use serde_json::{Map, Value, json};

use super::{
    access, admission,
    answer::{Answer, Refusal},
    assumptions::{LOGIN_REFUSED, PASSWORD_ACCESS, PASSWORD_FORM},
    books::Books,
    call::{Call, Caller},
    catalog::Kind,
    codes::{self, Letter},
    emails,
    item::Item,
    metering::Meter,
    registration,
    request::text,
    rows::TOKENS,
    secret, sessions,
    state::{Change, Purpose},
    view::View,
};

/// The columns of `GET /auth/info`.
const INFO: [&str; 9] =
    ["access", "accessed", "blocked", "cid", "enabled", "expire", "id", "info", "ttl"];

/// Answers everything below `/auth`.
pub(super) fn serve(
    books: &mut Books,
    meter: &mut Meter,
    call: &mut Call<'_>,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    let only = |wanted: &str| if method == wanted { Ok(()) } else { Err(Refusal::method(wanted)) };
    match path {
        ["regions"] => only("GET").map(|()| regions(call)),
        ["login", "credentials"] => only("POST").and_then(|()| log_in(books, call)),
        ["login", "passwordless"] => only("POST").and_then(|()| mail_log_in(books, call)),
        ["login", "passwordless", "confirm"] => {
            only("POST").and_then(|()| confirm_log_in(books, call))
        }
        ["email", "confirm"] => only("POST").and_then(|()| emails::confirm(books, call)),
        ["email", "revert"] => only("POST").and_then(|()| emails::revert(books, call)),
        ["account", "register"] => only("POST").and_then(|()| registration::register(books, call)),
        ["account", "confirm"] => only("POST").and_then(|()| registration::confirm(books, call)),
        // Foreign log-ins need a browser and a provider; there is none to choose from.
        ["oauth", "providers"] => only("GET").map(|()| Answer::default()),
        ["info"] => only("GET").and_then(|()| info(books, meter, call)),
        ["password"] => only("PUT").and_then(|()| set_password(books, meter, call)),
        ["email", "update"] => only("PUT")
            .and_then(|()| admit_owner(books, meter, call))
            .and_then(|account| emails::update(books, call, account)),
        other => Err(Refusal::missing_path(&format!("auth/{}", other.join("/")))),
    }
}

fn admit(
    books: &mut Books,
    meter: &mut Meter,
    call: &mut Call<'_>,
    is_info: bool,
) -> Result<Caller, Refusal> {
    let caller = admission::admit(books, meter, call, true, is_info)?;
    call.caller = Some(caller);
    Ok(caller)
}

/// Admits a caller who is to change the account itself.
fn admit_owner(books: &mut Books, meter: &mut Meter, call: &mut Call<'_>) -> Result<Item, Refusal> {
    let caller = admit(books, meter, call, false)?;
    if caller.access != access::MASTER && books.assumptions.is(&PASSWORD_ACCESS, "master") {
        return Err(Refusal::forbidden("this needs a master token"));
    }
    books
        .state
        .account(caller.account)
        .cloned()
        .ok_or_else(|| Refusal::missing_item(caller.account))
}

fn info(books: &mut Books, meter: &mut Meter, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let caller = admit(books, meter, call, true)?;
    let token = books
        .state
        .item(Kind::Tokens, caller.token)
        .ok_or_else(|| Refusal::missing_item(caller.token))?;
    Ok(Answer::row(&info_of(books.view(), token)))
}

/// What a token is told of itself.
pub(super) fn info_of(view: View<'_>, token: &Item) -> Map<String, Value> {
    let columns = INFO.iter().filter_map(|name| {
        let value = view.value(token, TOKENS.field(name)?)?;
        Some(((*name).to_owned(), value.into_owned()))
    });
    columns.collect()
}

/// The one region there is: this sandbox itself, under both names that clients read.
fn regions(call: &Call<'_>) -> Answer {
    let rest = match call.request.header("host") {
        Some(host) if !call.url.starts_with("https:") => format!("http://{host}"),
        _ => call.url.to_owned(),
    };
    let host = rest.split_once("://").map_or(rest.as_str(), |(_, host)| host).to_owned();
    Answer::row(&json!({
        "name": "eu", "region": "eu", "default": true, "rest": rest, "gw": host, "cdn": rest,
        "mqtt": "127.0.0.1:1883", "mqtt-ws": "127.0.0.1:80",
    }))
}

fn set_password(
    books: &mut Books,
    meter: &mut Meter,
    call: &mut Call<'_>,
) -> Result<Answer, Refusal> {
    let mut account = admit_owner(books, meter, call)?;
    let body = call.request.object()?;
    let password = text(&body, "password")?;
    if text(&body, "confirmation")? != password {
        return Err(
            Refusal::bad("\"confirmation\" differs from \"password\"").with_field("confirmation")
        );
    }
    let is_hash = password.len() == 128 && password.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash && books.assumptions.is(&PASSWORD_FORM, "sha512") {
        return Err(Refusal::bad("\"password\" must be a SHA-512 hash").with_field("password"));
    }
    let hash = secret::hash(password, call.entropy)
        .ok_or_else(|| Refusal::bad("the password cannot be used"))?;
    account.fields.set("password_hash", hash);
    let id = account.id;
    books.commit(Change::Put { kind: Kind::Accounts, item: account });
    Ok(Answer::row(&json!({"id": id})))
}

/// Log-in pages send whatever was set, in clear or hashed by the browser: the sandbox compares it as it is.
fn log_in(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let (email, password) = (text(&body, "email")?, text(&body, "password")?);
    let status = books.assumptions.status(&LOGIN_REFUSED);
    let refused = || Refusal::unauthorized("invalid email or password").with_status(status);
    let account = emails::owner(&books.state, email).ok_or_else(refused)?;
    let hash = account.fields.text("password_hash").ok_or_else(refused)?;
    if !secret::verify(password, hash) {
        return Err(refused());
    }
    sessions::open(books, call, account.id)
}

/// Asks for a log-in by mail. The answer is the same for an address that nobody has.
fn mail_log_in(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let email = text(&body, "email")?;
    if let Some(account) = emails::owner(&books.state, email).map(|account| account.id) {
        codes::forget(books, account, &[Purpose::LogIn]);
        let letter = Letter {
            account,
            to: email,
            subject: "Your log-in link",
            purpose: Purpose::LogIn,
            email: "",
            password_hash: None,
        };
        codes::send(books, call, letter);
    }
    Ok(Answer::default())
}

fn confirm_log_in(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = codes::spend(books, call, Purpose::LogIn)?;
    sessions::open(books, call, code.account)
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
