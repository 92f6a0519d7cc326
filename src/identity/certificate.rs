//! The certificates of a k3s cluster: five authorities, and the one that lets its owner in.
//!
//! Only what stands in the key schedule goes into one, and it is signed as RFC 6979 says, without
//! randomness: the same secret gives the same bytes.

use super::schedule::derive;
use super::{IdentityError, elliptic_key};
use crate::types::UnixTime;
use p256::SecretKey;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::LineEnding;
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use x509_cert::Certificate;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder as _, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::{GeneralizedTime, OctetString};
use x509_cert::der::oid::db::rfc5280::ID_KP_CLIENT_AUTH;
use x509_cert::der::{DecodePem as _, EncodePem as _};
use x509_cert::ext::pkix::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages, SubjectKeyIdentifier,
};
use x509_cert::ext::{Extension, ToExtension};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef};
use x509_cert::time::{Time, Validity};
use zeroize::Zeroizing;

/// The time from which all certificates are valid: 2020-01-01, before the first image of any release that is
/// understood was made, so that a card whose clock still stands at its image's time accepts them.
pub const CERTIFICATES_BEGIN: UnixTime = UnixTime::new(1_577_836_800);

/// A certificate authority of a k3s server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Authority {
    /// Signs what servers show to clients; its hash is in every token.
    Server,
    /// Signs what clients show to servers.
    Client,
    /// Signs what the API server shows to the API servers behind it.
    RequestHeader,
    /// Signs what etcd shows to its clients, and they to it.
    EtcdServer,
    /// Signs what members of etcd show to each other.
    EtcdPeer,
}

/// A certificate and the key that belongs to it.
#[derive(Clone)]
pub struct CertifiedKey {
    /// PEM.
    pub certificate: String,
    /// PKCS#8 in PEM.
    pub private_key: Zeroizing<String>,
}

impl std::fmt::Debug for CertifiedKey {
    /// Shows the certificate only.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("CertifiedKey").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

impl CertifiedKey {
    /// Returns whether another certificate is of the same key; `None` where its PEM cannot be read. Names and
    /// the end may differ.
    pub(crate) fn is_key_of(&self, pem: &str) -> Option<bool> {
        have_same_key(pem, &self.certificate)
    }
}

/// Returns whether two certificates are of the same key; `None` where the PEM of one cannot be read.
pub(crate) fn have_same_key(one: &str, other: &str) -> Option<bool> {
    let key = |pem: &str| {
        let certificate = Certificate::from_pem(pem).ok()?;
        let info = certificate.tbs_certificate().subject_public_key_info();
        Some(info.subject_public_key.raw_bytes().to_vec())
    };
    Some(key(one)? == key(other)?)
}

impl Authority {
    /// All that k3s makes where they are missing.
    pub const ALL: [Self; 5] =
        [Self::Server, Self::Client, Self::RequestHeader, Self::EtcdServer, Self::EtcdPeer];

    /// Returns its label in the key schedule, and the name that k3s gives it (pkg/daemons/control/deps), which the time of
    /// making follows.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Server => ("k3s/ca/server", "k3s-server-ca"),
            Self::Client => ("k3s/ca/client", "k3s-client-ca"),
            Self::RequestHeader => ("k3s/ca/request-header", "k3s-request-header-ca"),
            Self::EtcdServer => ("k3s/ca/etcd-server", "etcd-server-ca"),
            Self::EtcdPeer => ("k3s/ca/etcd-peer", "etcd-peer-ca"),
        }
    }

    /// Returns its subject.
    fn name(self) -> Result<Name, IdentityError> {
        let (_, name) = self.names();
        parse_name(&format!("CN={name}@{}", CERTIFICATES_BEGIN.seconds()))
    }

    fn key(self, secret: &[u8; 32]) -> Result<SecretKey, IdentityError> {
        let (label, _) = self.names();
        elliptic_key::from_bytes(&derive(secret, label))
    }
}

/// Makes the authority, signed by itself.
pub(super) fn authority(
    secret: &[u8; 32],
    authority: Authority,
    end: UnixTime,
) -> Result<CertifiedKey, IdentityError> {
    let key = authority.key(secret)?;
    let profile =
        Profile { subject: authority.name()?, issuer: authority.name()?, purpose: Purpose::Authority };
    let (label, _) = authority.names();
    let serial = serial(secret, &format!("{label}/serial"))?;
    certify(&key, &key, profile, serial, end)
}

/// Makes the client certificate of the cluster's owner: Kubernetes does not ask a member of `system:masters`
/// what it may do (Kubernetes' documentation, "Using RBAC Authorization").
pub(super) fn admin(secret: &[u8; 32], end: UnixTime) -> Result<CertifiedKey, IdentityError> {
    let key = elliptic_key::from_bytes(&derive(secret, "k3s/admin"))?;
    let subject = parse_name("CN=cardwright-admin,O=system:masters")?;
    let profile = Profile { subject, issuer: Authority::Client.name()?, purpose: Purpose::Client };
    // Two certificates of one authority may not have the same number: RFC 5280, section 4.1.2.2.
    let serial = serial(secret, &format!("k3s/admin/serial/{}", end.seconds()))?;
    certify(&key, &Authority::Client.key(secret)?, profile, serial, end)
}

/// Derives 16 bytes that are a positive number of 16 bytes: the highest bit is off, the next one on.
fn serial(secret: &[u8; 32], label: &str) -> Result<SerialNumber, IdentityError> {
    let mut bytes = derive::<16>(secret, label);
    if let Some(first) = bytes.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    SerialNumber::new(bytes.as_slice()).map_err(encoding)
}

fn certify(
    key: &SecretKey,
    issuer: &SecretKey,
    profile: Profile,
    serial: SerialNumber,
    end: UnixTime,
) -> Result<CertifiedKey, IdentityError> {
    let validity = Validity::new(time(CERTIFICATES_BEGIN)?, time(end)?);
    let public = SubjectPublicKeyInfo::from_key(&key.public_key())
        .map_err(|error| IdentityError::Certificate(error.into()))?;
    let certificate = CertificateBuilder::new(profile, serial, validity, public)
        .and_then(|builder| builder.build::<_, DerSignature>(&SigningKey::from(issuer)))
        .map_err(IdentityError::Certificate)?;
    Ok(CertifiedKey {
        certificate: certificate.to_pem(LineEnding::LF).map_err(encoding)?,
        private_key: elliptic_key::to_pem(key)?,
    })
}

fn encoding(error: x509_cert::der::Error) -> IdentityError {
    IdentityError::Certificate(error.into())
}

fn parse_name(text: &str) -> Result<Name, IdentityError> {
    text.parse().map_err(encoding)
}

fn time(time: UnixTime) -> Result<Time, IdentityError> {
    let seconds = u64::try_from(time.seconds()).map_err(|_| IdentityError::CertificateTime { time })?;
    let time = GeneralizedTime::from_unix_duration(Duration::from_secs(seconds)).map_err(encoding)?;
    Ok(Time::GeneralTime(time))
}

/// The purpose of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Authority,
    Client,
}

/// The content of a certificate beside its key and its times.
struct Profile {
    subject: Name,
    issuer: Name,
    purpose: Purpose,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _subject: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    /// Builds the extensions that k3s's own certificates have, in their order (rancher/dynamiclistener, cert).
    fn build_extensions(
        &self,
        key: SubjectPublicKeyInfoRef<'_>,
        issuer: SubjectPublicKeyInfoRef<'_>,
        certificate: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        let (subject, none) = (certificate.subject(), &[]);
        let signing = KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment;
        let extensions = match self.purpose {
            Purpose::Authority => [
                (&KeyUsage(signing | KeyUsages::KeyCertSign)).to_extension(subject, none),
                (&BasicConstraints { ca: true, path_len_constraint: None }).to_extension(subject, none),
                (&SubjectKeyIdentifier(key_identifier(&key)?)).to_extension(subject, none),
            ],
            Purpose::Client => {
                let key_identifier = Some(key_identifier(&issuer)?);
                let issuer = AuthorityKeyIdentifier { key_identifier, ..Default::default() };
                [
                    (&KeyUsage(signing)).to_extension(subject, none),
                    (&ExtendedKeyUsage(vec![ID_KP_CLIENT_AUTH])).to_extension(subject, none),
                    (&issuer).to_extension(subject, none),
                ]
            }
        };
        Ok(extensions.into_iter().collect::<Result<_, x509_cert::der::Error>>()?)
    }
}

/// Returns the first 160 bits of the SHA-256 of the public key: RFC 7093, section 2, method 1.
fn key_identifier(key: &SubjectPublicKeyInfoRef<'_>) -> Result<OctetString, x509_cert::der::Error> {
    let digest = Sha256::digest(key.subject_public_key.raw_bytes());
    OctetString::new(digest.into_iter().take(20).collect::<Vec<u8>>())
}
