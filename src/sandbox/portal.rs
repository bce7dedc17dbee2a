//! `/realm/{public_id}`: a realm as those see it who log in to it. No token of the platform is needed to look at it.

use serde_json::{Value, json};

use super::{
    admission,
    answer::{Answer, Refusal},
    books::Books,
    call::Call,
    catalog::Kind,
    item::{Draft, Item},
    realms,
    request::text,
    rows::REALM_USERS,
    state::Change,
};

/// Answers everything below a realm's public id.
pub(super) fn serve(
    books: &mut Books,
    call: &mut Call<'_>,
    public_id: &str,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    let only = |wanted: &str| match wanted.split(' ').any(|known| known == method) {
        true => Ok(()),
        false => Err(Refusal::method(wanted)),
    };
    match path {
        ["login"] => only("POST").and_then(|()| realms::log_in_publicly(books, call, public_id)),
        ["info"] => only("GET").and_then(|()| info(books, public_id)),
        ["user"] => only("GET PUT").and_then(|()| user(books, call, public_id)),
        // Registration is always immediate here, so there is never a code to confirm.
        ["confirm"] => only("POST").and_then(|()| {
            realm(books, public_id)?;
            Err(Refusal::bad("the code is wrong or was used already").with_field("code"))
        }),
        ["identity-providers"] => only("GET").and_then(|()| providers(books, public_id)),
        // A log-in there needs a browser and a provider that the sandbox cannot reach.
        ["identity-providers", _, "login"] => only("GET").and_then(|()| {
            realm(books, public_id)?;
            Err(Refusal::bad("the identity provider cannot be reached"))
        }),
        other => Err(Refusal::missing_path(&format!("realm/{public_id}/{}", other.join("/")))),
    }
}

fn realm(books: &Books, public_id: &str) -> Result<Item, Refusal> {
    let mut realms = books.state.table(Kind::Realms).iter();
    let realm = realms.find(|realm| realm.fields.text("public_id") == Some(public_id));
    realm.cloned().ok_or_else(|| Refusal::missing_path(&format!("realm/{public_id}")))
}

fn info(books: &Books, public_id: &str) -> Result<Answer, Refusal> {
    let realm = realm(books, public_id)?;
    let info = realm.fields.get("public_info").cloned().unwrap_or_else(|| json!({}));
    let name = realm.fields.text("name").unwrap_or("");
    Ok(Answer::row(&json!({"public_id": public_id, "name": name, "public_info": info})))
}

/// The providers that people of the realm can log in with.
fn providers(books: &Books, public_id: &str) -> Result<Answer, Refusal> {
    let realm = realm(books, public_id)?;
    let mut answer = Answer::default();
    let links = books.state.table(Kind::RealmProviders).iter();
    for link in links.filter(|link| link.fields.number("realm_id") == realm.id) {
        let id = link.fields.number("identity_provider_id");
        let provider = books.state.item(Kind::IdentityProviders, id);
        let name = provider.and_then(|provider| provider.fields.text("name")).unwrap_or("");
        if link.fields.get("enabled") != Some(&Value::Bool(false)) {
            answer.push(&json!({"id": id, "name": name}));
        }
    }
    Ok(answer)
}

/// The user whose log-in made the token that signs the call; a PUT sets the password.
fn user(books: &mut Books, call: &mut Call<'_>, public_id: &str) -> Result<Answer, Refusal> {
    let realm = realm(books, public_id)?;
    let refused = || Refusal::unauthorized("invalid or expired access token");
    let token = admission::signer(&books.state, &books.assumptions, call.request);
    let id = token.map(|token| token.fields.number("user_id")).ok_or_else(refused)?;
    let user = books.state.item(Kind::RealmUsers, id).cloned().ok_or_else(refused)?;
    if user.fields.number("realm_id") != realm.id {
        return Err(refused());
    }
    if call.request.method == "PUT" {
        let body = call.request.object()?;
        let mut fields = user.fields.clone();
        fields.set("password", text(&body, "password")?);
        let mut draft =
            Draft { id, cid: user.cid, fields, now: call.now, entropy: &mut *call.entropy };
        realms::update_user(books.view(), &mut draft)?;
        let new = Item { id, cid: user.cid, fields: draft.fields };
        books.record(call, &REALM_USERS, Some(&user), Some(&new));
        books.commit(Change::Put { kind: Kind::RealmUsers, item: new });
    }
    let name = user.fields.text("name").unwrap_or("");
    let metadata = user.fields.get("metadata").cloned().unwrap_or_else(|| json!({}));
    Ok(Answer::row(&json!({"id": id, "realm_id": realm.id, "name": name, "metadata": metadata})))
}
