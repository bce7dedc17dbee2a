//! Signing up: a new root account, once the code that was mailed to its owner comes back.

use super::{
    answer::{Answer, Refusal},
    books::Books,
    call::Call,
    catalog::Kind,
    codes::{self, Letter},
    emails,
    item::{Fields, Item},
    request::text,
    secret, sessions,
    state::{Change, Purpose},
};

/// `POST /auth/account/register` with an e-mail address and a password.
pub(super) fn register(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let (email, password) = (text(&body, "email")?, text(&body, "password")?);
    emails::check_address(email)?;
    emails::check_shared(books.view(), email, 0)?;
    let hash = secret::hash(password, call.entropy)
        .ok_or_else(|| Refusal::bad("the password cannot be used"))?;
    let letter = Letter {
        account: 0,
        to: email,
        subject: "Confirm your account",
        purpose: Purpose::Register,
        email,
        password_hash: Some(hash),
    };
    codes::send(books, call, letter);
    Ok(Answer::default())
}

/// `POST /auth/account/confirm` with the code: the account is there, and its owner is logged in.
pub(super) fn confirm(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = codes::spend(books, call, Purpose::Register)?;
    emails::check_shared(books.view(), &code.email, 0)?;
    let id = books.state.next_id + 1;
    let mut fields = Fields::default();
    fields.set("name", code.email.as_str());
    fields.set("email", code.email.as_str());
    fields.set("created", call.now);
    if let Some(hash) = code.password_hash {
        fields.set("password_hash", hash);
    }
    books.commit(Change::NextId(id));
    books.commit(Change::Put { kind: Kind::Accounts, item: Item { id, cid: 0, fields } });
    sessions::open(books, call, id)
}
