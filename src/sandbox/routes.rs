//! From a path to what answers it.

use super::{
    access, admission,
    admission::Caller,
    answer::{Answer, Refusal},
    auth, bin,
    catalog::{Collection, Kind, Shown},
    cors,
    crud::{self, Write},
    grants, logs, realm_routes, realms,
    rows::{self, CUSTOMER},
    select::{Reach, Selection},
    telematics,
    world::{Call, World},
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
pub(super) fn dispatch(world: &mut World, call: &mut Call<'_>) -> Result<Answer, Refusal> {
    if cors::is_preflight(call.request) {
        return Ok(Answer::default());
    }
    let path = call.target.segments.clone();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["auth", rest @ ..] => return auth::serve(world, call, rest),
        ["realm", public_id, "login"] => {
            return match call.request.method.as_str() {
                "POST" => realms::log_in_publicly(world, call, public_id),
                _ => Err(Refusal::method("POST")),
            };
        }
        _ => {}
    }
    let caller = admission::admit(world, call.request, call.now, false, false)?;
    call.caller = Some(caller);
    match path.as_slice() {
        ["platform", ..] if caller.access != access::MASTER => {
            Err(Refusal::forbidden("this needs a master token"))
        }
        ["platform", rest @ ..] => platform(world, call, caller, rest),
        ["gw" | "storage" | "mqtt" | "ai", ..] => telematics::serve(world, call, &path),
        _ => Err(Refusal::missing_path(&path.join("/"))),
    }
}

fn platform(
    world: &mut World,
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
        ["customer"] => customer(world, call, &method, caller),
        ["customer", "logs"] => only("GET").and_then(|()| logs::of_account(world, call)),
        // Numbers over time, which nobody has collected.
        ["customer", "logs", "calculate"] | [_, _, "logs", "calculate"] => {
            only("GET POST").map(|()| Answer::default())
        }
        ["customer", "statistics"] => only("GET").map(|()| Answer::default()),
        ["deleted", rest @ ..] => bin::serve(world, call, rest),
        // Foreign log-ins cannot be made here, so there is never one to list.
        ["oauth", _] => only("GET DELETE").map(|()| Answer::default()),
        ["grants", grants, "subaccounts", accounts] => {
            grants::serve_subaccounts(world, call, grants, accounts)
        }
        ["grantors", selector] => grants::serve_grantors(world, call, selector),
        ["webhooks", _, "packets"] => only("GET").map(|()| Answer::default()),
        ["realms", rest @ ..] => match realm_routes::serve(world, call, rest) {
            Some(answer) => answer,
            None => collection(world, call, path),
        },
        _ => collection(world, call, path),
    }
}

/// A collection of the catalog, its items, or their logs.
fn collection(world: &mut World, call: &mut Call<'_>, path: &[&str]) -> Result<Answer, Refusal> {
    let missing = || Refusal::missing_path(&format!("platform/{}", path.join("/")));
    let found = PLATFORM.into_iter().find_map(|row| {
        let pattern: Vec<&str> = row.path.split('/').skip(1).collect();
        let is_same = path.len() >= pattern.len()
            && pattern.iter().zip(path).all(|(wanted, found)| *wanted == "*" || wanted == found);
        is_same.then(|| (row, pattern.iter().position(|part| *part == "*"), &path[pattern.len()..]))
    });
    let (row, holder, rest) = found.ok_or_else(missing)?;
    let parents = match holder.and_then(|place| path.get(place)) {
        Some(selector) => Some(realm_routes::realms(world, call, selector)?),
        None => None,
    };
    let reach = Reach { parents: parents.as_deref(), ..bin::branch(call) };
    let method = call.request.method.clone();
    match rest {
        [] => match method.as_str() {
            "POST" => crud::create(world, call, row, &reach),
            _ => Err(Refusal::method("POST")),
        },
        [selector] => match method.as_str() {
            "GET" => world.view().read(row, &reach, selector, &call.target),
            "PUT" => crud::update(world, call, row, &reach, selector, Write::Set),
            "PATCH" => crud::update(world, call, row, &reach, selector, Write::Merge),
            "DELETE" => crud::delete(world, call, row, &reach, selector),
            _ => Err(Refusal::method("GET PUT PATCH DELETE")),
        },
        [selector, "logs"] if row.parent.is_none() => match method.as_str() {
            "GET" => logs::of_items(world, call, row, &reach, selector),
            _ => Err(Refusal::method("GET")),
        },
        _ => Err(missing()),
    }
}

/// `/platform/customer`: the account's own record, always an array of one.
fn customer(
    world: &mut World,
    call: &mut Call<'_>,
    method: &str,
    caller: Caller,
) -> Result<Answer, Refusal> {
    let own = Selection { ids: vec![caller.top], ..Selection::default() };
    match method {
        "GET" => {
            let projection = world.view().projection(&CUSTOMER, &call.target, Shown::Always)?;
            let mut answer = Answer::default();
            if let Some(account) = world.state.item(Kind::Accounts, caller.top) {
                answer.push_with(|out| world.view().write(out, account, &projection));
            }
            Ok(answer)
        }
        "PUT" => crud::update_items(world, call, &CUSTOMER, &own, Write::Set),
        "PATCH" => crud::update_items(world, call, &CUSTOMER, &own, Write::Merge),
        _ => Err(Refusal::method("GET PUT PATCH")),
    }
}
