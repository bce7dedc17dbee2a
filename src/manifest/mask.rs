//! Masks of addresses and web origins that have the form of their field and fit nothing.

use std::net::Ipv6Addr;

use super::model::{IpMask, Origin, Origins};
use super::place::Place;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, quote};
use crate::reading::yaml::write::scalar;
use crate::rights;
use crate::source::Target;

/// Masks of addresses as the platform takes them.
pub(super) fn list(masks: &[IpMask]) -> String {
    masks.iter().map(|mask| mask.0.as_str()).collect::<Vec<_>>().join(",")
}

/// Checks every mask of a token.
pub(super) fn check(
    place: &Place<'_>,
    ips: Option<&[IpMask]>,
    origins: Option<&Origins>,
    diagnostics: &mut Diagnostics,
) {
    for (index, mask) in ips.into_iter().flatten().enumerate() {
        let at = format!("/spec/ips/{index}");
        let finding = address(&mask.0);
        let place = place.span(&at, Target::Value);
        diagnostics.extend(finding.map(|finding| finding.at(place, "").pointer(at)));
    }
    let Some(Origins::List(origins)) = origins else { return };
    for (index, origin) in origins.iter().enumerate() {
        let Origin::Mask(mask) = origin else { continue };
        let at = format!("/spec/origins/{index}");
        let span = place.span(&at, Target::Value);
        let finding = self::origin(mask).map(|(finding, meant)| {
            let help = format!("write `{meant}`");
            finding.at(span, "").help(help).suggest(span, scalar(&meant)).pointer(at)
        });
        diagnostics.extend(finding);
    }
}

/// What is documented are masks of IPv4 with `*` and `?` (fact sheet, 5.5).
fn address(mask: &str) -> Option<Diagnostic> {
    let said = quote(mask);
    if mask.contains(':') {
        let is_literal = !mask.contains(['*', '?']);
        if is_literal && mask.parse::<Ipv6Addr>().is_err() {
            let message = format!("{said} is not an address");
            return Some(Diagnostic::error(Code::IpMask, message).help(IPV4_HELP));
        }
        let message = format!("{said} is an IPv6 mask, which the platform is not known to accept");
        let help =
            "only IPv4 masks are documented; a token whose masks match no address cannot be used";
        return Some(Diagnostic::warning(Code::IpMask, message).help(help));
    }
    (!rights::mask_fits_ipv4(mask)).then(|| {
        let message = format!("{said} matches no IPv4 address");
        Diagnostic::error(Code::IpMask, message).help(IPV4_HELP)
    })
}

const IPV4_HELP: &str = "an address is four numbers from 0 to 255, without leading zeros; `*` matches any \
                         characters and `?` one, such as `10.100.15.*`";

/// What browsers send as origin is scheme, host and port, in lower case and without the port that goes without saying (RFC
/// 6454, 6.1). The finding about any other form, and what to write.
fn origin(mask: &str) -> Option<(Diagnostic, String)> {
    let (scheme, rest) = mask.split_once("://")?;
    let said = quote(mask);
    let host = rest.split(['/', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    if host.is_empty() {
        return None;
    }
    if host.len() < rest.len() {
        let message = format!("{said} matches no page: an origin ends with its host or port");
        return Some((Diagnostic::error(Code::OriginMask, message), format!("{scheme}://{host}")));
    }
    let lower = mask.to_ascii_lowercase();
    let usual = [("https://", ":443"), ("http://", ":80")];
    let port =
        usual.iter().find(|(scheme, port)| lower.starts_with(scheme) && lower.ends_with(port));
    let meant = port.and_then(|(_, port)| lower.strip_suffix(port)).unwrap_or(&lower);
    (meant != mask).then(|| {
        let why = match port {
            Some((_, port)) => format!("{said} matches no page: browsers leave `{port}` out"),
            None => format!("{said} matches no page: browsers send origins in lower case"),
        };
        (Diagnostic::warning(Code::OriginMask, why), meant.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_neither_path_nor_what_browsers_leave_out() {
        for (mask, meant) in [
            ("https://a.example/", "https://a.example"),
            ("https://a.example/fleet/*", "https://a.example"),
            ("https://*.a.example:8443/x", "https://*.a.example:8443"),
            ("https://user@a.example", "https://a.example"),
            ("https://A.example", "https://a.example"),
            ("https://a.example:443", "https://a.example"),
            ("http://a.example:80", "http://a.example"),
        ] {
            assert_eq!(origin(mask).map(|(_, meant)| meant).as_deref(), Some(meant), "{mask}");
        }
        for mask in
            ["https://a.example", "http://a.example:443", "https://*", "capacitor://localhost", "*"]
        {
            assert!(origin(mask).is_none(), "{mask}");
        }
    }
}
