//! From a path to what answers it.

use super::{
    access, admission,
    answer::{Answer, Refusal},
    auth, bin,
    books::Books,
    call::{Call, Caller},
    catalog::{Collection, Kind, Shown},
    constants, cors,
    crud::{self, Write},
    grants, logs,
    metering::Meter,
    portal, realm_routes,
    rows::{self, CUSTOMER},
    select::{Reach, Selection},
    telematics,
};

/// The collections below `/platform` that a row of the catalog answers for.
static PLATFORM: [&Collection; 9] = [
    &rows::SUBACCOUNTS,
    &rows::LIMITS,
    &rows::TOKENS,
    &rows::REALM_USERS,
    &rows::REALM_ROLES,
    &rows::REALMS,
    &rows::GRANTS,
    &rows::WEBHOOKS,
    &rows::IDENTITY_PROVIDERS,
];

/// Answers a request to one of the platform's own paths.
pub(super) fn dispatch(
    books: &mut Books,
    meter: &mut Meter,
    call: &mut Call<'_>,
) -> Result<Answer, Refusal> {
    if cors::is_preflight(call.request) {
        return Ok(Answer::default());
    }
    let path = call.target.segments.clone();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["auth", rest @ ..] => return auth::serve(books, meter, call, rest),
        ["const", "values"] => return constants::serve(call),
        ["realm", public_id, rest @ ..] => {
            return portal::serve(books, call, public_id, rest);
        }
        _ => {}
    }
    let caller = admission::admit(books, meter, call, false, false)?;
    call.caller = Some(caller);
    match path.as_slice() {
        ["platform", ..] if caller.access != access::MASTER => {
            Err(Refusal::forbidden("this needs a master token"))
        }
        ["platform", rest @ ..] => platform(books, call, caller, rest),
        ["gw" | "storage" | "mqtt" | "ai", ..] => telematics::serve(books, call, &path),
        _ => Err(Refusal::missing_path(&path.join("/"))),
    }
}

fn platform(
    books: &mut Books,
    call: &mut Call<'_>,
    caller: Caller,
    path: &[&str],
) -> Result<Answer, Refusal> {
    let method = call.request.method.clone();
    let only = |wanted: &str| match wanted.split(' ').any(|known| known == method) {
        true => Ok(()),
        false => Err(Refusal::method(wanted)),
    };
    match path {
        ["customer"] => customer(books, call, &method, caller),
        ["customer", "logs"] => only("GET").and_then(|()| logs::of_account(books.view(), call)),
        // Numbers over time, which nobody has collected.
        ["customer", "logs", "calculate"] | [_, _, "logs", "calculate"] => {
            only("GET POST").map(|()| Answer::default())
        }
        ["customer", "statistics"] => only("GET").map(|()| Answer::default()),
        ["deleted", rest @ ..] => bin::serve(books, call, rest),
        // Foreign log-ins cannot be made here, so there is never one to list.
        ["oauth", _] => only("GET DELETE").map(|()| Answer::default()),
        ["grants", grants, "subaccounts", accounts] => {
            grants::serve_subaccounts(books, call, grants, accounts)
        }
        ["grantors", selector] => grants::serve_grantors(books, call, selector),
        ["webhooks", _, "packets"] => only("GET").map(|()| Answer::default()),
        ["realms", rest @ ..] => match realm_routes::serve(books, call, rest) {
            Some(answer) => answer,
            None => collection(books, call, path),
        },
        _ => collection(books, call, path),
    }
}

/// A collection of the catalog, its items, or their logs.
fn collection(books: &mut Books, call: &mut Call<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    let missing = || Refusal::missing_path(&format!("platform/{}", path.join("/")));
    let found = PLATFORM.into_iter().find_map(|row| {
        let pattern: Vec<&str> = row.path.split('/').skip(1).collect();
        let is_same = path.len() >= pattern.len()
            && pattern.iter().zip(path).all(|(wanted, found)| *wanted == "*" || wanted == found);
        is_same.then(|| (row, pattern.iter().position(|part| *part == "*"), &path[pattern.len()..]))
    });
    let (row, holder, rest) = found.ok_or_else(missing)?;
    let parents = match holder.and_then(|place| path.get(place)) {
        Some(selector) => Some(realm_routes::realms(books.view(), call, selector)?),
        None => None,
    };
    let reach = Reach { parents: parents.as_deref(), ..Reach::of(call) };
    let method = call.request.method.clone();
    match rest {
        [] => match method.as_str() {
            "POST" => crud::create(books, call, row, &reach),
            _ => Err(Refusal::method("POST")),
        },
        [selector] => match method.as_str() {
            "GET" => books.view().read(row, &reach, selector, &call.target),
            "PUT" => crud::update(books, call, row, &reach, selector, Write::Set),
            "PATCH" => crud::update(books, call, row, &reach, selector, Write::Merge),
            "DELETE" => crud::delete(books, call, row, &reach, selector),
            _ => Err(Refusal::method("GET PUT PATCH DELETE")),
        },
        [selector, "logs"] if row.parent.is_none() => match method.as_str() {
            "GET" => logs::of_items(books.view(), call, row, &reach, selector),
            _ => Err(Refusal::method("GET")),
        },
        _ => Err(missing()),
    }
}

/// `/platform/customer`: the account's own record, always an array of one.
fn customer(
    books: &mut Books,
    call: &mut Call<'_>,
    method: &str,
    caller: Caller,
) -> Result<Answer, Refusal> {
    let own = Selection { ids: vec![caller.top], ..Selection::default() };
    match method {
        "GET" => {
            let projection = books.view().projection(&CUSTOMER, &call.target, Shown::Always)?;
            let mut answer = Answer::default();
            if let Some(account) = books.state.item(Kind::Accounts, caller.top) {
                answer.push_with(|out| books.view().write(out, account, &projection));
            }
            Ok(answer)
        }
        "PUT" => crud::update_items(books, call, &CUSTOMER, &own, Write::Set),
        "PATCH" => crud::update_items(books, call, &CUSTOMER, &own, Write::Merge),
        _ => Err(Refusal::method("GET PUT PATCH")),
    }
}
