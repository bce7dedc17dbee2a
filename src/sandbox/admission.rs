//! Who is calling, and how far that reaches: the checks that every request passes before it means anything.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::{
    access,
    answer::Refusal,
    assumptions::{
        Assumptions, BARE_KEY, BLOCKED_STATUS, DISABLED_SUBACCOUNT, DISABLED_TOKEN_INFO,
        FOREIGN_CID, NOAPI_STATUS, ORIGIN_STATUS,
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
pub(super) fn signer<'a>(
    state: &'a State,
    assumptions: &Assumptions,
    request: &Request,
) -> Option<&'a Item> {
    let given = request.header("authorization")?;
    let key = match given.strip_prefix("FlespiToken ") {
        None if assumptions.is(&BARE_KEY, "accept") => given,
        key => key?,
    };
    state.token_by_key(key.trim())
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
    let token = signer(&books.state, &books.assumptions, request)
        .ok_or_else(|| Refusal::unauthorized(INVALID_TOKEN))?;
    let (id, account) = (token.id, token.cid);
    let origin = request.header("origin");
    let access = judge(&books.state, &books.assumptions, token, request.peer, origin)
        .or_else(|unfit| match unfit {
            Unfit::Disabled(access)
                if is_info && books.assumptions.is(&DISABLED_TOKEN_INFO, "answer") =>
            {
                judge_account(&books.state, &books.assumptions, token).map(|()| access)
            }
            other => Err(other),
        })
        .map_err(|unfit| unfit.refusal(&books.assumptions))?;
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

/// Why a token does not open anything at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// Its masks do not allow the address.
    Address,
    /// Its origins do not allow the page.
    Origin,
    /// It is one of the platform's own.
    Internal,
    /// It is switched off; with its type of access.
    Disabled(u64),
    Blocked,
    /// Its account, or one above, is switched off.
    AccountOff,
    AccountBlocked,
}

impl Unfit {
    fn refusal(self, assumptions: &Assumptions) -> Refusal {
        let status = |assumption| assumptions.status(assumption);
        match self {
            Self::Address => Refusal::unauthorized("using token from unauthorized location"),
            Self::Origin => Refusal::unauthorized("using token from unauthorized origin")
                .with_status(status(&ORIGIN_STATUS)),
            Self::Internal => Refusal::forbidden("this token is not for API calls")
                .with_status(status(&NOAPI_STATUS)),
            Self::Disabled(_) => Refusal::forbidden("token is disabled"),
            Self::Blocked => {
                Refusal::forbidden("Flespi token blocked").with_status(status(&BLOCKED_STATUS))
            }
            Self::AccountOff => {
                Refusal::forbidden("account is disabled").with_status(status(&DISABLED_SUBACCOUNT))
            }
            Self::AccountBlocked => {
                Refusal::forbidden("account is blocked").with_status(status(&BLOCKED_STATUS))
            }
        }
    }
}

/// What a token opens for somebody at `peer`, at the moment: its type of access.
pub(super) fn judge(
    state: &State,
    assumptions: &Assumptions,
    token: &Item,
    peer: IpAddr,
    origin: Option<&str>,
) -> Result<u64, Unfit> {
    let fields = &token.fields;
    let address = canonical(peer).to_string();
    if !access::allows_address(fields.text("ips").unwrap_or(""), &address) {
        return Err(Unfit::Address);
    }
    if origin.is_some_and(|origin| !access::allows_origin(fields.get("origins"), origin)) {
        return Err(Unfit::Origin);
    }
    let access = fields
        .get("access")
        .and_then(|access| access.get("type"))
        .and_then(Value::as_u64)
        .unwrap_or(access::STANDARD);
    if access > access::ACL {
        return Err(Unfit::Internal);
    }
    if fields.get("enabled") == Some(&Value::Bool(false)) {
        return Err(Unfit::Disabled(access));
    }
    judge_account(state, assumptions, token).map(|()| access)
}

/// Whether anything is open for a token that is switched on: neither it nor its account may be blocked.
fn judge_account(state: &State, assumptions: &Assumptions, token: &Item) -> Result<(), Unfit> {
    if token.fields.number("blocked") != 0 {
        return Err(Unfit::Blocked);
    }
    let is_off = |account: u64| {
        state
            .account(account)
            .is_none_or(|account| account.fields.get("enabled") == Some(&Value::Bool(false)))
    };
    if !assumptions.is(&DISABLED_SUBACCOUNT, "works") && state.lineage(token.cid).any(is_off) {
        return Err(Unfit::AccountOff);
    }
    let is_blocked = |account: u64| {
        state.account(account).is_some_and(|account| account.fields.number("blocked") != 0)
    };
    match state.lineage(token.cid).any(is_blocked) {
        true => Err(Unfit::AccountBlocked),
        false => Ok(()),
    }
}

/// The address as masks are written for it: IPv4 where there is one, and one spelling of loopback.
fn canonical(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        other => other,
    }
}
