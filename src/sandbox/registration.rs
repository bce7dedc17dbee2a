//! Signing up: a new root account, once the code that was mailed to its owner comes back.

use super::{
    answer::{Answer, Refusal},
    auth::{self, CODE_LIFE},
    catalog::Kind,
    item::{Fields, Item},
    secret,
    state::{Change, Code, Mail, Purpose},
    world::{Call, World},
};

/// `POST /auth/account/register` with an e-mail address and a password.
pub(super) fn register(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = auth::body(call)?;
    let (email, password) = (auth::text(&body, "email")?, auth::text(&body, "password")?);
    auth::check_address(email)?;
    auth::check_shared(world, email, 0)?;
    let hash = secret::hash(password, call.entropy)
        .ok_or_else(|| Refusal::bad("the password cannot be used"))?;
    let code = secret::code(call.entropy);
    world.commit(Change::Issue(Code {
        code: code.clone(),
        account: 0,
        purpose: Purpose::Register,
        email: email.to_owned(),
        password_hash: Some(hash),
        until: call.now + CODE_LIFE,
    }));
    world.commit(Change::Mail(Mail {
        time: call.now,
        to: email.to_owned(),
        subject: "Confirm your account".to_owned(),
        cid: 0,
        code,
    }));
    Ok(Answer::default())
}

/// `POST /auth/account/confirm` with the code: the account is there, and its owner is logged in.
pub(super) fn confirm(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = auth::spend(world, call, Purpose::Register)?;
    auth::check_shared(world, &code.email, 0)?;
    let id = world.state.next_id + 1;
    let mut fields = Fields::default();
    fields.set("name", code.email.as_str());
    fields.set("email", code.email.as_str());
    fields.set("created", call.now);
    if let Some(hash) = code.password_hash {
        fields.set("password_hash", hash);
    }
    world.commit(Change::NextId(id));
    world.commit(Change::Put { kind: Kind::Accounts, item: Item { id, cid: 0, fields } });
    auth::open_session(world, call, id)
}
