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
    grants,
    item::Item,
    metering,
    request::Request,
    world::World,
};

/// The platform's words for a token that is missing, malformed, unknown or expired.
const INVALID_TOKEN: &str = "invalid or expired access token";

/// An admitted caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) token: u64,
    /// The account that the token belongs to.
    pub(super) account: u64,
    /// The account that the call acts as; its branch is what the call can see.
    pub(super) top: u64,
    pub(super) access: u64,
}

/// The token that signs a request, without any judgement: faults and the journal want to know it even of a refused call.
pub(super) fn signer<'a>(world: &'a World, request: &Request) -> Option<&'a Item> {
    let key = request.header("authorization")?.strip_prefix("FlespiToken ")?.trim();
    world.state.token_by_key(key)
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
    world: &mut World,
    request: &Request,
    now: u64,
    is_auth: bool,
    is_info: bool,
) -> Result<Caller, Refusal> {
    let token = signer(world, request).ok_or_else(|| Refusal::unauthorized(INVALID_TOKEN))?;
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
        let status = world.assumptions.status(&ORIGIN_STATUS);
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
            .with_status(world.assumptions.status(&NOAPI_STATUS)));
    }
    let is_enabled = fields.get("enabled") != Some(&Value::Bool(false));
    let may_look = is_info && world.assumptions.is(&DISABLED_TOKEN_INFO, "answer");
    if !is_enabled && !may_look {
        return Err(Refusal::forbidden("token is disabled"));
    }
    if fields.number("blocked") != 0 {
        let status = world.assumptions.status(&BLOCKED_STATUS);
        return Err(Refusal::forbidden("Flespi token blocked").with_status(status));
    }
    let is_off = |account: &u64| {
        world
            .state
            .account(*account)
            .is_none_or(|account| account.fields.get("enabled") == Some(&Value::Bool(false)))
    };
    if !world.assumptions.is(&DISABLED_SUBACCOUNT, "works")
        && world.state.lineage(account).any(|account| is_off(&account))
    {
        let status = world.assumptions.status(&DISABLED_SUBACCOUNT);
        return Err(Refusal::forbidden("account is disabled").with_status(status));
    }
    let is_blocked = |account: u64| {
        world.state.account(account).is_some_and(|account| account.fields.number("blocked") != 0)
    };
    if world.state.lineage(account).any(is_blocked) {
        let status = world.assumptions.status(&BLOCKED_STATUS);
        return Err(Refusal::forbidden("account is blocked").with_status(status));
    }
    metering::count(world, id, account, now)?;
    world.touch(id, now);
    let top = match named_account(request) {
        _ if is_auth => account,
        Err(refusal) => return Err(refusal),
        Ok(None) => account,
        Ok(Some(top))
            if world.state.account(top).is_some()
                && (world.state.within(top, account)
                    || grants::may_operate_as(&world.state, account, top)) =>
        {
            top
        }
        Ok(Some(top)) => {
            let status = world.assumptions.status(&FOREIGN_CID);
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

/// The second at which a token stops being valid: when neither `expire` nor `ttl` since its last use holds any more.
pub(super) fn lapses_at(token: &Item) -> u64 {
    let fields = &token.fields;
    let by_use = match fields.number("ttl") {
        0 => 0,
        ttl => fields.number("accessed").max(fields.number("created")).saturating_add(ttl),
    };
    by_use.max(fields.number("expire"))
}
