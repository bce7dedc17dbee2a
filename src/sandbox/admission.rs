//! Who is calling, and how far that reaches: the checks that every request passes before it means anything.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::{
    access,
    answer::Refusal,
    assumptions::{
        BLOCKED_STATUS, DISABLED_SUBACCOUNT, DISABLED_TOKEN_INFO, FOREIGN_CID, NOAPI_STATUS,
        ORIGIN_STATUS,
    },
    books::Books,
    call::{Call, Caller},
    grants,
    item::Item,
    metering::{self, Meter},
    request::Request,
    state::State,
};

/// The platform's words for a token that is missing, malformed, unknown or expired.
const INVALID_TOKEN: &str = "invalid or expired access token";

/// The token that signs a request, without any judgement: faults and the journal want to know it even of a refused call.
pub(super) fn signer<'a>(state: &'a State, request: &Request) -> Option<&'a Item> {
    let key = request.header("authorization")?.strip_prefix("FlespiToken ")?.trim();
    state.token_by_key(key)
}

/// `x-flespi-cid`, if it is there.
pub(super) fn named_account(request: &Request) -> Result<Option<u64>, Refusal> {
    request
        .header("x-flespi-cid")
        .map(|text| {
            text.trim()
                .parse()
                .map_err(|_| Refusal::bad("header x-flespi-cid must be an account id"))
        })
        .transpose()
}

/// Judges the token of a request. `is_auth` is true below `/auth`, where `x-flespi-cid` is ignored.
pub(super) fn admit(
    books: &mut Books,
    meter: &mut Meter,
    call: &Call<'_>,
    is_auth: bool,
    is_info: bool,
) -> Result<Caller, Refusal> {
    let request = call.request;
    let token =
        signer(&books.state, request).ok_or_else(|| Refusal::unauthorized(INVALID_TOKEN))?;
    let (id, account) = (token.id, token.cid);
    let fields = &token.fields;
    if !access::allows_address(
        fields.text("ips").unwrap_or(""),
        &canonical(request.peer).to_string(),
    ) {
        return Err(Refusal::unauthorized("using token from unauthorized location"));
    }
    if let Some(origin) = request.header("origin")
        && !access::allows_origin(fields.get("origins"), origin)
    {
        let status = books.assumptions.status(&ORIGIN_STATUS);
        return Err(
            Refusal::unauthorized("using token from unauthorized origin").with_status(status)
        );
    }
    let access = fields
        .get("access")
        .and_then(|access| access.get("type"))
        .and_then(Value::as_u64)
        .unwrap_or(access::STANDARD);
    if access > access::ACL {
        return Err(Refusal::forbidden("this token is not for API calls")
            .with_status(books.assumptions.status(&NOAPI_STATUS)));
    }
    let is_enabled = fields.get("enabled") != Some(&Value::Bool(false));
    let may_look = is_info && books.assumptions.is(&DISABLED_TOKEN_INFO, "answer");
    if !is_enabled && !may_look {
        return Err(Refusal::forbidden("token is disabled"));
    }
    if fields.number("blocked") != 0 {
        let status = books.assumptions.status(&BLOCKED_STATUS);
        return Err(Refusal::forbidden("Flespi token blocked").with_status(status));
    }
    let is_off = |account: &u64| {
        books
            .state
            .account(*account)
            .is_none_or(|account| account.fields.get("enabled") == Some(&Value::Bool(false)))
    };
    if !books.assumptions.is(&DISABLED_SUBACCOUNT, "works")
        && books.state.lineage(account).any(|account| is_off(&account))
    {
        let status = books.assumptions.status(&DISABLED_SUBACCOUNT);
        return Err(Refusal::forbidden("account is disabled").with_status(status));
    }
    let is_blocked = |account: u64| {
        books.state.account(account).is_some_and(|account| account.fields.number("blocked") != 0)
    };
    if books.state.lineage(account).any(is_blocked) {
        let status = books.assumptions.status(&BLOCKED_STATUS);
        return Err(Refusal::forbidden("account is blocked").with_status(status));
    }
    metering::count(books, meter, id, account, call.now)?;
    books.touch(id, call.now);
    let top = match named_account(request) {
        _ if is_auth => account,
        Err(refusal) => return Err(refusal),
        Ok(None) => account,
        Ok(Some(top))
            if books.state.account(top).is_some()
                && (books.state.within(top, account)
                    || grants::may_operate_as(&books.state, account, top)) =>
        {
            top
        }
        Ok(Some(top)) => {
            let status = books.assumptions.status(&FOREIGN_CID);
            return Err(
                Refusal::forbidden(format!("no access to account {top}")).with_status(status)
            );
        }
    };
    Ok(Caller { token: id, account, top, access })
}

/// The address as masks are written for it: IPv4 where there is one, and one spelling of loopback.
fn canonical(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        other => other,
    }
}
