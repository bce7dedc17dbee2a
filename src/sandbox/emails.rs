//! E-mail addresses of accounts: who has which, and how one is changed.

use serde_json::json;

use super::{
    answer::{Answer, Refusal},
    assumptions::{EMAIL_CHANGE, SHARED_EMAIL},
    books::Books,
    call::Call,
    catalog::Kind,
    codes::{self, Letter},
    item::Item,
    request::text,
    state::{Change, Code, Purpose, State},
    view::View,
};

/// The account that has an address.
pub(super) fn owner<'a>(state: &'a State, email: &str) -> Option<&'a Item> {
    let mut accounts = state.table(Kind::Accounts).iter();
    accounts.find(|account| {
        account.fields.text("email").is_some_and(|own| own.eq_ignore_ascii_case(email))
    })
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

/// Whether an account may have an address that another one may have.
pub(super) fn check_shared(view: View<'_>, email: &str, account: u64) -> Result<(), Refusal> {
    match owner(view.state, email) {
        Some(other) if other.id != account && view.assumptions.is(&SHARED_EMAIL, "refuse") => {
            Err(Refusal::bad("the e-mail address belongs to another account").with_field("email"))
        }
        _ => Ok(()),
    }
}

/// Begins a change of the address of `account`: the new one has to confirm it, and the old one can revert it.
pub(super) fn update(
    books: &mut Books,
    call: &mut Call<'_>,
    account: Item,
) -> Result<Answer, Refusal> {
    let body = call.request.object()?;
    let email = text(&body, "email")?;
    check_address(email)?;
    check_shared(books.view(), email, account.id)?;
    let (id, old) = (account.id, account.fields.text("email").unwrap_or("").to_owned());
    codes::forget(books, id, &[Purpose::ConfirmEmail, Purpose::RevertEmail]);
    if books.assumptions.is(&EMAIL_CHANGE, "immediate") {
        apply(books, account, email);
    } else {
        let letter = Letter {
            account: id,
            to: email,
            subject: "Confirm your new e-mail address",
            purpose: Purpose::ConfirmEmail,
            email,
            password_hash: None,
        };
        codes::send(books, call, letter);
    }
    if !old.is_empty() {
        let letter = Letter {
            account: id,
            to: &old,
            subject: "Your e-mail address is being changed",
            purpose: Purpose::RevertEmail,
            email: &old,
            password_hash: None,
        };
        codes::send(books, call, letter);
    }
    Ok(Answer::row(&json!({"id": id})))
}

/// The code that went to the new address came back.
pub(super) fn confirm(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = codes::spend(books, call, Purpose::ConfirmEmail)?;
    check_shared(books.view(), &code.email, code.account)?;
    change(books, &code)
}

/// Back to the address that the mail went to, whether or not the change was confirmed meanwhile.
pub(super) fn revert(books: &mut Books, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    let code = codes::spend(books, call, Purpose::RevertEmail)?;
    codes::forget(books, code.account, &[Purpose::ConfirmEmail]);
    change(books, &code)
}

fn change(books: &mut Books, code: &Code) -> Result<Answer, Refusal> {
    let account = books
        .state
        .account(code.account)
        .cloned()
        .ok_or_else(|| Refusal::missing_item(code.account))?;
    apply(books, account, &code.email);
    Ok(Answer::row(&json!({"id": code.account, "email": code.email})))
}

fn apply(books: &mut Books, mut account: Item, email: &str) {
    account.fields.set("email", email);
    books.commit(Change::Put { kind: Kind::Accounts, item: account });
}
