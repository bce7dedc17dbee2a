//! Realms: users of an account, where they live, and the tokens that their log-ins make.
//!
//! A user has one token at most. A log-in gives out the one that there is, or makes one from the `token_params` of the
//! realm with those of the user laid over them; a later change of either reaches the token at once.

use serde_json::{Map, Value, json};

use super::{
    access,
    answer::{Answer, Refusal},
    assumptions::{DEFAULT_ACCESS, LOGIN_REFUSED, REALM_PASSWORD, SESSION_TTL},
    books::Books,
    call::Call,
    catalog::Kind,
    forms::TOKEN_PARAMS,
    item::{Draft, Fields, Item},
    quota,
    rows::{REALM_USERS, SUBACCOUNTS, TOKENS},
    secret,
    state::{Change, State},
    view::View,
};

/// A realm starts with a public id of its own, in its own account, with tokens of the default kind.
pub(super) fn create_realm(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    draft.fields.set("public_id", secret::code(draft.entropy));
    if draft.fields.get("home").is_none() {
        draft.fields.set("home", json!({"type": 0}));
    }
    let is_standard = view.assumptions.is(&DEFAULT_ACCESS, "standard");
    let access = json!({"type": if is_standard { access::STANDARD } else { access::MASTER }});
    let ttl = view.assumptions.number(&SESSION_TTL).unwrap_or(1800);
    let mut params =
        Map::from_iter([("access".to_owned(), access), ("ttl".to_owned(), ttl.into())]);
    if let Some(Value::Object(given)) = draft.fields.get("token_params") {
        params.extend(given.clone());
    }
    draft.fields.set("token_params", params);
    update_realm(view, draft)
}

/// A home has to be below the realm's own account, and its tokens have to end at some time.
pub(super) fn update_realm(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    let home = draft.fields.get("home").and_then(|home| home.get("subaccount_id"));
    if let Some(id @ 1..) = home.and_then(Value::as_u64)
        && !(view.state.account(id).is_some() && view.state.within(id, draft.cid))
    {
        return Err(Refusal::bad(format!("field \"home\": there is no subaccount {id} here"))
            .with_field("home"));
    }
    Ok(())
}

/// A user needs a name of its own in the realm, and room for a subaccount where the realm gives one to each.
pub(super) fn create_user(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    draft.fields.set("created", draft.now);
    check_user(view, draft)?;
    match realm_of(view.state, &draft.fields).and_then(new_home) {
        Some((parent, _)) => quota::check(view, &SUBACCOUNTS, parent, 0),
        None => Ok(()),
    }
}

pub(super) fn update_user(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    check_user(view, draft)
}

fn check_user(view: View<'_>, draft: &mut Draft<'_>) -> Result<(), Refusal> {
    draft.fields.remove("registration");
    let name = draft.fields.text("name").unwrap_or("");
    if name.is_empty() {
        return Err(Refusal::bad("a user needs a \"name\"").with_field("name"));
    }
    let realm = draft.fields.number("realm_id");
    let mut users = view.state.table(Kind::RealmUsers).iter();
    let is_taken = users.any(|user| {
        user.id != draft.id
            && user.fields.number("realm_id") == realm
            && user.fields.text("name") == Some(name)
    });
    if is_taken {
        return Err(Refusal::bad("the realm has a user of this name").with_field("name"));
    }
    let Some(password) = draft.fields.text("password").map(str::to_owned) else { return Ok(()) };
    draft.fields.remove("password");
    let least = view.assumptions.number(&REALM_PASSWORD).unwrap_or(1);
    if (password.chars().count() as u64) < least {
        return Err(Refusal::bad(format!("a password needs {least} characters at least"))
            .with_field("password"));
    }
    let hash = secret::hash(&password, draft.entropy)
        .ok_or_else(|| Refusal::bad("the password cannot be used"))?;
    draft.fields.set("password_hash", hash);
    Ok(())
}

fn realm_of<'a>(state: &'a State, user: &Fields) -> Option<&'a Item> {
    state.item(Kind::Realms, user.number("realm_id"))
}

/// Below which account and with which limit a realm makes an account for each user, if it does.
fn new_home(realm: &Item) -> Option<(u64, u64)> {
    let home = realm.fields.get("home")?;
    let member = |name: &str| home.get(name).and_then(Value::as_u64).unwrap_or(0);
    (member("type") == 2).then(|| match member("subaccount_id") {
        0 => (realm.cid, member("limit_id")),
        parent => (parent, member("limit_id")),
    })
}

/// Gives a user the account to live in, where the realm says so, and lets changes reach the user's token.
pub(super) fn settle_user(books: &mut Books, call: &mut Call<'_>, id: u64) {
    let Some(mut user) = books.state.item(Kind::RealmUsers, id).cloned() else { return };
    let home = realm_of(&books.state, &user.fields).and_then(new_home);
    if let (Some((parent, limit)), 0) = (home, user.fields.number("subaccount_id"))
        && books.state.account(parent).is_some()
        && quota::check(books.view(), &SUBACCOUNTS, parent, 0).is_ok()
    {
        let mut fields = Fields::default();
        fields.set("name", user.fields.text("name").unwrap_or(""));
        fields.set("created", call.now);
        if books.state.item(Kind::Limits, limit).is_some() {
            fields.set("limit_id", limit);
        }
        let account = Item { id: books.state.next_id + 1, cid: parent, fields };
        user.fields.set("subaccount_id", account.id);
        books.commit(Change::NextId(account.id));
        books.record(call, &SUBACCOUNTS, None, Some(&account));
        books.commit(Change::Put { kind: Kind::Accounts, item: account });
        books.commit(Change::Put { kind: Kind::RealmUsers, item: user });
    }
    refresh_token(books, id);
}

/// Lets a change of a realm reach the tokens of all its users.
pub(super) fn spread_token_params(books: &mut Books, realm: u64) {
    let users = books.state.table(Kind::RealmUsers).iter();
    let users: Vec<u64> = users
        .filter(|user| user.fields.number("realm_id") == realm)
        .filter(|user| user.fields.number("token_id") != 0)
        .map(|user| user.id)
        .collect();
    users.into_iter().for_each(|user| refresh_token(books, user));
}

fn refresh_token(books: &mut Books, user: u64) {
    let Some(user) = books.state.item(Kind::RealmUsers, user) else { return };
    let token = books.state.item(Kind::Tokens, user.fields.number("token_id"));
    let Some(mut token) = token.cloned() else { return };
    let before = token.clone();
    bound(books.view(), user, &mut token.fields);
    if token != before {
        books.commit(Change::Put { kind: Kind::Tokens, item: token });
    }
}

/// Puts the bounds that realm and user set into the fields of a token.
fn bound(view: View<'_>, user: &Item, token: &mut Fields) {
    let mut params = Map::new();
    for holder in
        [realm_of(view.state, &user.fields).map(|realm| &realm.fields), Some(&user.fields)]
    {
        if let Some(Value::Object(own)) = holder.and_then(|fields| fields.get("token_params")) {
            params.extend(own.clone());
        }
    }
    // An empty list of origins is a bound; any other empty value is the absence of one.
    for name in TOKEN_PARAMS {
        match params.remove(name) {
            None | Some(Value::Null) => token.remove(name),
            Some(value) if value == "" || value == 0 || value == "*" => token.remove(name),
            Some(value) => token.set(name, value),
        }
    }
    if token.number("ttl") == 0 && token.number("expire") == 0 {
        token.set("ttl", view.assumptions.number(&SESSION_TTL).unwrap_or(1800));
    }
    if token.get("access").is_none() {
        token.set("access", json!({"type": access::STANDARD}));
    }
}

/// `POST /realm/{public_id}/login`: a log-in from outside, with a name and a password and no token.
pub(super) fn log_in_publicly(
    books: &mut Books,
    call: &mut Call<'_>,
    public_id: &str,
) -> Result<Answer, Refusal> {
    let body = call.request.json()?;
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let name = text("username").or_else(|| text("name")).unwrap_or("");
    let password = text("password").unwrap_or("");
    let status = books.assumptions.status(&LOGIN_REFUSED);
    let refused = || Refusal::unauthorized("invalid user name or password").with_status(status);
    let realm = books
        .state
        .table(Kind::Realms)
        .iter()
        .find(|realm| realm.fields.text("public_id") == Some(public_id))
        .ok_or_else(|| Refusal::missing_path(&format!("realm/{public_id}")))?;
    let user = books
        .state
        .table(Kind::RealmUsers)
        .iter()
        .find(|user| {
            user.fields.number("realm_id") == realm.id && user.fields.text("name") == Some(name)
        })
        .ok_or_else(refused)?;
    let hash = user.fields.text("password_hash").ok_or_else(refused)?;
    if !secret::verify(password, hash) {
        return Err(refused());
    }
    let user = user.id;
    log_in(books, call, user)
}

/// Opens a session for a user and hands over the key of its token.
pub(super) fn log_in(books: &mut Books, call: &mut Call<'_>, user: u64) -> Result<Answer, Refusal> {
    settle_user(books, call, user);
    let user = books
        .state
        .item(Kind::RealmUsers, user)
        .cloned()
        .ok_or_else(|| Refusal::missing_item(user))?;
    let is_off = |fields: &Fields| fields.get("enabled") == Some(&Value::Bool(false));
    if is_off(&user.fields) {
        return Err(Refusal::forbidden("the user is disabled"));
    }
    let home = home_of(&books.state, &user)?;
    let is_closed = |id| books.state.account(id).is_none_or(|account| is_off(&account.fields));
    if books.state.lineage(home).any(is_closed) {
        return Err(Refusal::forbidden("account is disabled"));
    }
    let living = books.state.item(Kind::Tokens, user.fields.number("token_id"));
    if let Some(key) =
        living.filter(|token| token.cid == home).and_then(|token| token.fields.text("key"))
    {
        let (key, token) = (key.to_owned(), user.fields.number("token_id"));
        books.touch(token, call.now);
        return Ok(Answer::row(&json!({"token": key})));
    }
    quota::check(books.view(), &TOKENS, home, 0)?;
    let mut fields = Fields::default();
    let key = secret::key(call.entropy);
    fields.set("key", key.as_str());
    fields.set("info", format!("realm user {}", user.fields.text("name").unwrap_or("")));
    bound(books.view(), &user, &mut fields);
    fields.set("created", call.now);
    fields.set("accessed", call.now);
    fields.set("user_id", user.id);
    let token = Item { id: books.state.next_id + 1, cid: home, fields };
    let mut user = user;
    user.fields.set("token_id", token.id);
    books.commit(Change::NextId(token.id));
    books.record(call, &TOKENS, None, Some(&token));
    books.commit(Change::Put { kind: Kind::Tokens, item: token });
    books.commit(Change::Put { kind: Kind::RealmUsers, item: user });
    Ok(Answer::row(&json!({"token": key})))
}

/// The account that a user's token belongs to.
fn home_of(state: &State, user: &Item) -> Result<u64, Refusal> {
    let realm = realm_of(state, &user.fields).ok_or_else(|| Refusal::missing_item(user.id))?;
    let home = realm.fields.get("home");
    let member = |name: &str| home.and_then(|home| home.get(name)).and_then(Value::as_u64);
    let account = match member("type") {
        Some(1) => member("subaccount_id").unwrap_or(0),
        Some(2) => user.fields.number("subaccount_id"),
        _ => realm.cid,
    };
    match state.account(account).is_some() && state.within(account, realm.cid) {
        true => Ok(account),
        false => Err(Refusal::bad("the account that the user lives in is not there")),
    }
}

/// Takes the password from users: nobody logs in by password as they any more.
pub(super) fn remove_password(books: &mut Books, call: &mut Call<'_>, user: u64) {
    let Some(old) = books.state.item(Kind::RealmUsers, user).cloned() else { return };
    let mut new = old.clone();
    new.fields.remove("password_hash");
    books.record(call, &REALM_USERS, Some(&old), Some(&new));
    books.commit(Change::Put { kind: Kind::RealmUsers, item: new });
}
