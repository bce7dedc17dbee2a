//! Grants: access that one account gives to others which are not below it.
//!
//! Of the words of a grant the sandbox acts on `operate-as` alone: whoever received it may name the grantor, and what is
//! below the grantor, in `x-flespi-cid`. The other words are kept and shown.

use serde_json::{Value, json};

use super::{
    answer::{Answer, Refusal},
    assumptions::GRANT_METADATA,
    books::Books,
    call::Call,
    catalog::Kind,
    item::{Draft, Item},
    links,
    rows::{GRANTORS, GRANTS},
    select::{Reach, Selection},
    selector::Selector,
    state::{Change, State},
    view::View,
};

/// A new grant reaches nobody yet.
pub(super) fn create(view: View<'_>, draft: &mut Draft<'_>) {
    draft.fields.remove("subaccounts");
    update(view, draft);
}

/// What a grant does not keep is taken without a word.
pub(super) fn update(view: View<'_>, draft: &mut Draft<'_>) {
    if view.assumptions.is(&GRANT_METADATA, "dropped") {
        draft.fields.remove("metadata");
    }
}

/// Whether `account` may act as `target` because of a grant.
pub(super) fn may_operate_as(state: &State, account: u64, target: u64) -> bool {
    let grants = state.table(Kind::Grants);
    state.lineage(target).flat_map(|grantor| grants.owned(grantor)).any(|id| {
        grants.get(id).is_some_and(|grant| {
            let access = grant.fields.get("access").and_then(Value::as_array);
            access.is_some_and(|words| words.iter().any(|word| word == "operate-as"))
                && links::members(grant, "subaccounts").contains(&account)
        })
    })
}

/// `/platform/grants/{g}/subaccounts/{s}`: who a grant is given to.
pub(super) fn serve_subaccounts(
    books: &mut Books,
    call: &mut Call<'_>,
    grants: &str,
    accounts: &str,
) -> Result<Answer, Refusal> {
    let reach = Reach::of(call);
    let grants = books.view().select(&GRANTS, &reach, &Selector::parse(grants)?)?;
    if let ([], [missing, ..]) = (grants.ids.as_slice(), grants.missing.as_slice()) {
        return Err(Refusal::missing_item(*missing));
    }
    let wanted = Selector::parse(accounts)?;
    if !wanted.conditions.is_empty() {
        return Err(Refusal::bad("accounts are named by their ids here, or by \"all\""));
    }
    let is_meant = |id: &u64| wanted.ids.is_empty() || wanted.ids.contains(id);
    let mut touched = Vec::new();
    let mut selection = Selection::default();
    for grant in grants.ids {
        let Some(grant) = books.state.item(Kind::Grants, grant).cloned() else { continue };
        let given = links::members(&grant, "subaccounts");
        match call.request.method.as_str() {
            "GET" => touched.extend(given.into_iter().filter(is_meant)),
            "POST" => {
                for id in &wanted.ids {
                    match books.state.account(*id) {
                        Some(_) => touched.push(*id),
                        None => selection.missing.push(*id),
                    }
                }
                change(books, call, grant, &touched, true);
            }
            "DELETE" => {
                let leaving: Vec<u64> = given.into_iter().filter(is_meant).collect();
                change(books, call, grant, &leaving, false);
                touched.extend(leaving);
            }
            _ => return Err(Refusal::method("POST GET DELETE")),
        }
    }
    touched.sort_unstable();
    touched.dedup();
    let mut answer = Answer::default();
    touched.iter().for_each(|id| answer.push(&json!({"id": id, "subaccount_id": id})));
    books.view().report_missing(&mut answer, &selection);
    Ok(answer)
}

fn change(books: &mut Books, call: &mut Call<'_>, grant: Item, ids: &[u64], is_member: bool) {
    let mut changed = grant.clone();
    for id in ids {
        changed = links::with_member(&changed, "subaccounts", *id, is_member).unwrap_or(changed);
    }
    if changed != grant {
        books.record(call, &GRANTS, Some(&grant), Some(&changed));
        books.commit(Change::Put { kind: Kind::Grants, item: changed });
    }
}

/// `/platform/grantors/{sel}`: the grants that the account received.
pub(super) fn serve_grantors(
    books: &mut Books,
    call: &mut Call<'_>,
    text: &str,
) -> Result<Answer, Refusal> {
    let selector = Selector::parse(text)?;
    let view = books.view();
    view.check_fields(&GRANTORS, &selector)?;
    let account = call.top();
    let received = |grant: &&Item| {
        links::members(grant, "subaccounts").contains(&account)
            && (selector.ids.is_empty() || selector.ids.contains(&grant.id))
            && view.meets(&GRANTORS, grant, &selector)
    };
    let grants: Vec<Item> =
        books.state.table(Kind::Grants).iter().filter(received).cloned().collect();
    let mut selection = Selection::default();
    if selector.is_strict() {
        let is_missing = |id: &u64| grants.iter().all(|grant| grant.id != *id);
        selection.missing = selector.ids.iter().copied().filter(is_missing).collect();
    }
    let mut answer = match call.request.method.as_str() {
        "GET" => view.page(&GRANTORS, grants.len(), &call.target, |index| grants.get(index))?,
        "DELETE" => {
            let ids: Vec<u64> = grants.iter().map(|grant| grant.id).collect();
            for grant in grants {
                change(books, call, grant, &[account], false);
            }
            Answer::ids(ids)
        }
        _ => return Err(Refusal::method("GET DELETE")),
    };
    books.view().report_missing(&mut answer, &selection);
    Ok(answer)
}
