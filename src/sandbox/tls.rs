//! HTTPS on loopback with a certificate of our own making, for clients that insist on `https://flespi.io`.
//!
//! Every start makes a new authority and a certificate below it. The authority's public half goes to `ca.pem`, where
//! a client's trust is pointed from outside (`SSL_CERT_FILE`, `REQUESTS_CA_BUNDLE`...); its key is never written and
//! ends with this function, and its name constraints allow it nothing but the names below. So a trust store that still
//! holds an old `ca.pem` is open to nobody.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    sync::Arc,
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyPair, KeyUsagePurpose, NameConstraints,
    SanType, date_time_ymd,
};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};
use tokio_rustls::TlsAcceptor;

use crate::files::{self, Access};

/// The hosts that the certificate is good for, beside the addresses of loopback: the platform's own, because clients
/// have them built in.
pub(super) const NAMES: [&str; 3] = ["localhost", "flespi.io", "mqtt.flespi.io"];

/// The file that clients are told to trust.
const AUTHORITY_FILE: &str = "ca.pem";

/// Clients refuse certificates that are valid for too long; nobody keeps a sandbox running for two years.
const YEARS: i32 = 2;

/// Why there is no HTTPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The certificate could not be used.
    #[error("cannot serve the certificate")]
    Server(#[from] rustls::Error),
    /// `ca.pem` could not be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// What accepts connections with one certificate.
pub(super) struct Acceptors {
    pub(super) http: TlsAcceptor,
    pub(super) mqtt: TlsAcceptor,
}

/// Makes the certificates, writes `ca.pem` into `folder`, and gives what accepts connections with them. `year` is the
/// present one: validity starts with it, whatever the hour of a client's clock.
pub(super) fn acceptors(folder: &Path, year: i32) -> Result<Acceptors, TlsError> {
    let authority = authority(year)?;
    let key = KeyPair::generate()?;
    let leaf = leaf(year)?.signed_by(&key, &authority)?;
    let path = folder.join(AUTHORITY_FILE);
    files::write_below(&path, authority.pem().as_bytes(), Access::Public)
        .map_err(|source| TlsError::Write { path, source })?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone(), authority.der().clone()], key)?;
    let mqtt = TlsAcceptor::from(Arc::new(config.clone()));
    // Clients that offer HTTP/2 must learn that this server does not speak it.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Acceptors { http: TlsAcceptor::from(Arc::new(config)), mqtt })
}

fn authority(year: i32) -> Result<CertifiedIssuer<'static, KeyPair>, TlsError> {
    let mut params = params(year, "flespi-gitops sandbox authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let names = NAMES.into_iter().map(|name| GeneralSubtree::DnsName(name.to_owned()));
    let addresses = [
        CidrSubnet::V4([127, 0, 0, 0], [255, 0, 0, 0]),
        CidrSubnet::V6(Ipv6Addr::LOCALHOST.octets(), [255; 16]),
    ];
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: names
            .chain(addresses.into_iter().map(GeneralSubtree::IpAddress))
            .collect(),
        excluded_subtrees: Vec::new(),
    });
    Ok(CertifiedIssuer::self_signed(params, KeyPair::generate()?)?)
}

fn leaf(year: i32) -> Result<CertificateParams, TlsError> {
    let mut params = params(year, "flespi-gitops sandbox");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    for name in NAMES {
        params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
    }
    let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
    params.subject_alt_names.extend(addresses.map(SanType::IpAddress));
    Ok(params)
}

fn params(year: i32, name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = date_time_ymd(year, 1, 1);
    params.not_after = date_time_ymd(year + YEARS, 1, 1);
    params
}
