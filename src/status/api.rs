//! The API of the servers, as kubectl asks it: trusted by the cluster's own authority, asked with the certificate of
//! the kubeconfig.

use super::kubernetes::KubernetesNode;
use super::node_list;
use super::probe::ApiFailure;
use crate::access::{self, AccessError, ApiCredentials};
use crate::cluster::{Cluster, Node};
use std::io::{self, Read as _};
use std::time::Duration;
use ureq::Agent;
use ureq::http::StatusCode;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// The longest time that a connection takes.
const CONNECTING: Duration = Duration::from_secs(5);

/// The longest time that an answer takes: a server that starts is slow.
const ANSWERING: Duration = Duration::from_secs(20);

/// The most that is read of an answer. Nodes have some 20 KiB each, mostly of names of images.
const LARGEST_ANSWER: u64 = 32 << 20;

/// Asks the servers of a cluster.
pub(super) struct Api {
    agent: Agent,
    port: u16,
}

impl Api {
    /// Makes ready to ask, with the kubeconfig of the last build.
    ///
    /// # Errors
    /// Fails when that is missing, or is none.
    pub(super) fn new(cluster: &Cluster) -> Result<Self, AccessError> {
        let credentials = access::api_credentials(cluster)?;
        let ApiCredentials { path, authority, certificate, private_key } = &credentials;
        let refused = |error: ureq::Error| AccessError::NotAKubeconfig {
            path: path.clone(),
            reason: format!("a certificate or key in it cannot be read ({error})"),
        };
        let authority = Certificate::from_pem(authority.as_bytes()).map_err(refused)?;
        let certificate = Certificate::from_pem(certificate.as_bytes()).map_err(refused)?;
        let key = PrivateKey::from_pem(private_key.as_bytes()).map_err(refused)?;
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[authority]))
            .client_cert(Some(ClientCert::new_with_certs(&[certificate], key)))
            .build();
        let agent = Agent::config_builder()
            // The servers are in this network; what leads out of it does not lead there.
            .proxy(None)
            .tls_config(tls)
            .https_only(true)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECTING))
            .timeout_global(Some(ANSWERING))
            .build()
            .into();
        Ok(Self { agent, port: cluster.supervisor_port() })
    }

    /// Returns the nodes that a server knows.
    pub(super) fn nodes(&self, server: &Node) -> Result<Vec<KubernetesNode>, ApiFailure> {
        let base = format!("https://{}:{}", server.host_in_url(), self.port);
        let (status, said) = self.get(&format!("{base}/readyz"))?;
        if status != StatusCode::OK {
            return Err(refusal(status, &said));
        }
        let (status, said) = self.get(&format!("{base}/api/v1/nodes"))?;
        if status != StatusCode::OK {
            return Err(refusal(status, &said));
        }
        node_list::nodes(&said).map_err(|error| {
            tracing::debug!("{base}: {error}");
            ApiFailure::Other("its API answers with something else than nodes".to_owned())
        })
    }

    fn get(&self, url: &str) -> Result<(StatusCode, Vec<u8>), ApiFailure> {
        let response = self.agent.get(url).call().map_err(|error| failure(url, &error))?;
        let (parts, body) = response.into_parts();
        let mut said = Vec::new();
        let read = body.into_reader().take(LARGEST_ANSWER).read_to_end(&mut said);
        match read {
            Ok(length) if length as u64 == LARGEST_ANSWER => {
                Err(ApiFailure::Other("the answer of its API does not end".to_owned()))
            }
            Ok(_) => Ok((parts.status, said)),
            Err(error) => {
                tracing::debug!("{url}: {error}");
                Err(ApiFailure::Other("the answer of its API is cut off".to_owned()))
            }
        }
    }
}

/// Returns what an answer without nodes means. 401 is for a certificate of another authority, 403 for one without rights.
fn refusal(status: StatusCode, said: &[u8]) -> ApiFailure {
    tracing::debug!("{status}: {}", String::from_utf8_lossy(said.get(..500).unwrap_or(said)));
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ApiFailure::Refused(status.as_u16()),
        _ => ApiFailure::Other(format!("its API is not ready yet (status {})", status.as_u16())),
    }
}

fn failure(url: &str, error: &ureq::Error) -> ApiFailure {
    tracing::debug!("{url}: {error}");
    let said = error.to_string();
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    // The names of rustls's `CertificateError`, which ureq passes on as the text of an error of input and output. An
    // authority of the same name with another key gives a signature that is wrong.
    if has(&["UnknownIssuer", "BadSignature"]) {
        return ApiFailure::OtherAuthority;
    }
    if has(&["certificate expired", "Expired", "NotValidYet", "not valid yet"]) {
        return ApiFailure::CertificateTime;
    }
    // rustls's names of alerts: a server that does not accept a certificate at all.
    if has(&["UnknownCA", "BadCertificate", "CertificateUnknown", "DecryptError", "AccessDenied"]) {
        return ApiFailure::Refused(StatusCode::UNAUTHORIZED.as_u16());
    }
    let reason = match error {
        _ if has(&["not valid for name", "NotValidForName"]) => {
            "the certificate of its API is for another address"
        }
        ureq::Error::Timeout(_) => "its API does not answer in time",
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            "its API does not answer yet"
        }
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => "its API does not speak TLS",
        _ => "its API does not answer",
    };
    ApiFailure::Other(reason.to_owned())
}
