//! Codes: what a mail holds, so that who sends it back has read the mail.

use super::{
    answer::Refusal,
    books::Books,
    call::Call,
    request::text,
    secret,
    state::{Change, Code, Mail, Purpose},
};

/// How long a code out of a mail can be used, in seconds.
const CODE_LIFE: u64 = 24 * 3600;

/// A mail that is to hold a code, and what the code is good for.
pub(super) struct Letter<'a> {
    /// The account that it is about; 0 when there is none yet.
    pub(super) account: u64,
    pub(super) to: &'a str,
    pub(super) subject: &'a str,
    pub(super) purpose: Purpose,
    /// The address to set, for the purposes that set one.
    pub(super) email: &'a str,
    /// The hash of the password that a new account is to have.
    pub(super) password_hash: Option<String>,
}

/// Hands out a code by mail.
pub(super) fn send(books: &mut Books, call: &mut Call<'_>, letter: Letter<'_>) {
    let Letter { account, to, subject, purpose, email, password_hash } = letter;
    let code = secret::code(call.entropy);
    let until = call.now + CODE_LIFE;
    books.commit(Change::Issue(Code {
        code: code.clone(),
        account,
        purpose,
        email: email.to_owned(),
        password_hash,
        until,
    }));
    let mail =
        Mail { time: call.now, to: to.to_owned(), subject: subject.to_owned(), cid: account, code };
    books.commit(Change::Mail(mail));
}

/// Takes the code of a body out of the world, if it is one for this purpose.
pub(super) fn spend(books: &mut Books, call: &Call<'_>, purpose: Purpose) -> Result<Code, Refusal> {
    let body = call.request.object()?;
    let text = text(&body, "code")?;
    let known = books.state.codes.get(text).filter(|code| code.purpose == purpose).cloned();
    let code = known
        .ok_or_else(|| Refusal::bad("the code is wrong or was used already").with_field("code"))?;
    books.commit(Change::Spend(code.code.clone()));
    Ok(code)
}

/// Makes the codes of an account that were for these purposes void.
pub(super) fn forget(books: &mut Books, account: u64, purposes: &[Purpose]) {
    let mine = books
        .state
        .codes
        .values()
        .filter(|code| code.account == account && purposes.contains(&code.purpose));
    let codes: Vec<String> = mine.map(|code| code.code.clone()).collect();
    codes.into_iter().for_each(|code| books.commit(Change::Spend(code)));
}
