//! The paths below a realm that are more than a collection: log-ins and links to identity providers.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    books::Books,
    call::Call,
    catalog::Kind,
    crud::{self, Write},
    item::Item,
    links, realms,
    rows::{IDENTITY_PROVIDERS, REALM_PROVIDERS, REALM_USERS, REALMS},
    select::{Reach, Selection},
    selector::Selector,
    state::Change,
    view::View,
};

/// Answers `/platform/realms/{realm}/{rest}` as far as no row of the catalog does; `None` when it is not ours.
pub(super) fn serve(
    books: &mut Books,
    call: &mut Call<'_>,
    path: &[&str],
) -> Option<Result<Answer, Refusal>> {
    match path {
        [realm, "users", user, rest @ ..] if !rest.is_empty() => {
            Some(serve_user(books, call, realm, user, rest))
        }
        [realm, "identity-providers", provider] => {
            Some(serve_provider(books, call, realm, provider))
        }
        _ => None,
    }
}

/// The realms that a selector means; at least one.
pub(super) fn realms(view: View<'_>, call: &Call<'_>, text: &str) -> Result<Vec<u64>, Refusal> {
    let selection = view.select(&REALMS, &Reach::of(call), &Selector::parse(text)?)?;
    match (selection.ids.as_slice(), selection.missing.as_slice()) {
        ([], [missing, ..]) => Err(Refusal::missing_item(*missing)),
        _ => Ok(selection.ids),
    }
}

fn serve_user(
    books: &mut Books,
    call: &mut Call<'_>,
    realm: &str,
    user: &str,
    rest: &[&str],
) -> Result<Answer, Refusal> {
    let parents = realms(books.view(), call, realm)?;
    let reach = Reach { parents: Some(&parents), ..Reach::of(call) };
    let selection = books.view().select(&REALM_USERS, &reach, &Selector::parse(user)?)?;
    let method = call.request.method.clone();
    let mut answer = match (method.as_str(), rest) {
        ("POST", ["login"]) => each(&selection, |user| realms::log_in(books, call, user)),
        ("POST", ["logout"]) => each(&selection, |user| {
            if let Some(item) = books.state.item(Kind::RealmUsers, user).cloned() {
                links::end_session(books, call, &item);
            }
            Ok(Answer::row(&json!({"id": user})))
        }),
        ("DELETE", ["password"]) => each(&selection, |user| {
            realms::remove_password(books, call, user);
            Ok(Answer::row(&json!({"id": user})))
        }),
        // Registration is always immediate here, so there is nothing left to confirm.
        ("GET", ["confirmation", "password"])
        | ("GET", ["identity-providers", _, "confirmation"]) => Answer::default(),
        // Nobody logs in through a provider that the sandbox cannot reach, so no user has one.
        ("GET" | "DELETE", ["identity-providers", _]) => Answer::default(),
        (_, ["login" | "logout"]) => return Err(Refusal::method("POST")),
        (_, ["password"]) => return Err(Refusal::method("DELETE")),
        (_, ["confirmation", "password"]) => return Err(Refusal::method("GET")),
        (_, ["identity-providers", _]) => return Err(Refusal::method("GET DELETE")),
        (_, other) => {
            let path = format!("platform/realms/{realm}/users/{user}/{}", other.join("/"));
            return Err(Refusal::missing_path(&path));
        }
    };
    books.view().report_missing(&mut answer, &selection);
    Ok(answer)
}

/// One answer out of what happened to each item.
fn each(selection: &Selection, mut act: impl FnMut(u64) -> Result<Answer, Refusal>) -> Answer {
    let mut whole = Answer::default();
    for id in &selection.ids {
        match act(*id) {
            Ok(answer) => whole.append(answer),
            Err(refusal) => whole.errors.push(refusal.with_id(*id)),
        }
    }
    whole
}

/// `/platform/realms/{r}/identity-providers/{i}`: links are known by their provider, not by an id of their own.
fn serve_provider(
    books: &mut Books,
    call: &mut Call<'_>,
    realm: &str,
    provider: &str,
) -> Result<Answer, Refusal> {
    let parents = realms(books.view(), call, realm)?;
    let reach = Reach { parents: Some(&parents), ..Reach::of(call) };
    let mut selector = Selector::parse(provider)?;
    if call.request.method == "POST" {
        return link(books, call, &parents, &selector);
    }
    let ids = std::mem::take(&mut selector.ids);
    let mut selection = books.view().select(&REALM_PROVIDERS, &reach, &selector)?;
    let provider_of = |books: &Books, link: u64| {
        let link = books.state.item(Kind::RealmProviders, link);
        link.map_or(0, |link| link.fields.number("identity_provider_id"))
    };
    if !ids.is_empty() {
        selection.ids.retain(|link| ids.contains(&provider_of(books, *link)));
        let found: Vec<u64> = selection.ids.iter().map(|link| provider_of(books, *link)).collect();
        selection.missing = ids.into_iter().filter(|id| !found.contains(id)).collect();
    }
    match call.request.method.as_str() {
        "GET" => {
            let table = books.state.table(Kind::RealmProviders);
            let links: Vec<&Item> = selection.ids.iter().filter_map(|id| table.get(*id)).collect();
            let view = books.view();
            let mut answer = view.page(&REALM_PROVIDERS, links.len(), &call.target, |index| {
                links.get(index).copied()
            })?;
            view.report_missing(&mut answer, &selection);
            Ok(answer)
        }
        "PUT" => crud::update_items(books, call, &REALM_PROVIDERS, &selection, Write::Set),
        "DELETE" => {
            let providers: Vec<u64> =
                selection.ids.iter().map(|link| provider_of(books, *link)).collect();
            for id in selection.ids.clone() {
                books.commit(Change::Remove { kind: Kind::RealmProviders, id });
            }
            let mut answer = Answer::ids(providers);
            books.view().report_missing(&mut answer, &selection);
            Ok(answer)
        }
        _ => Err(Refusal::method("POST GET PUT DELETE")),
    }
}

/// Links a realm with providers of its own account or of one above it. The body is one set of fields for all of them.
fn link(
    books: &mut Books,
    call: &mut Call<'_>,
    realms: &[u64],
    providers: &Selector,
) -> Result<Answer, Refusal> {
    let fields = match call.request.body.iter().all(u8::is_ascii_whitespace) {
        true => json!({}),
        false => match call.request.json()? {
            Value::Array(list) => list.into_iter().next().unwrap_or_else(|| json!({})),
            other => other,
        },
    };
    let [realm] = realms else {
        return Err(Refusal::bad("links need exactly one realm"));
    };
    let owner = books.state.item(Kind::Realms, *realm).map_or(0, |realm| realm.cid);
    let reach = Reach { parents: Some(realms), ..Reach::of(call) };
    let mut whole = Answer::default();
    for provider in &providers.ids {
        let known = books.state.item(IDENTITY_PROVIDERS.kind, *provider);
        if !known.is_some_and(|known| books.state.within(owner, known.cid)) {
            whole.errors.push(Refusal::missing_item(*provider));
            continue;
        }
        let is_linked = books.state.table(Kind::RealmProviders).iter().any(|link| {
            link.fields.number("realm_id") == *realm
                && link.fields.number("identity_provider_id") == *provider
        });
        if is_linked {
            let refusal = Refusal::bad("the identity provider is linked already");
            whole.errors.push(refusal.with_id(*provider));
            continue;
        }
        whole.append(create_link(books, call, &reach, *provider, &fields)?);
    }
    Ok(whole)
}

fn create_link(
    books: &mut Books,
    call: &mut Call<'_>,
    reach: &Reach<'_>,
    provider: u64,
    fields: &Value,
) -> Result<Answer, Refusal> {
    let before = books.state.next_id;
    let answer =
        crud::create_from(books, call, &REALM_PROVIDERS, reach, std::slice::from_ref(fields))?;
    if answer.row_count == 0 {
        return Ok(answer);
    }
    // The link was made without its provider, which is not a field that clients write.
    let made = books.state.table(Kind::RealmProviders).iter().find(|link| link.id > before);
    let Some(Item { id, cid, mut fields }) = made.cloned() else { return Ok(answer) };
    fields.set("identity_provider_id", provider);
    let link = Item { id, cid, fields };
    books.commit(Change::Put { kind: Kind::RealmProviders, item: link });
    let table = books.state.table(Kind::RealmProviders);
    books.view().page(&REALM_PROVIDERS, 1, &call.target, |_| table.get(id))
}
