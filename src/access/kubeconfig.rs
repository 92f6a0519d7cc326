//! kubeconfig: the file that kubectl gets in with.

use crate::cluster::{Access, Cluster};
use crate::identity::{Authority, ClusterSecret, IdentityError};
use crate::types::UnixTime;
use base64ct::{Base64, Encoding as _};
use zeroize::Zeroizing;

/// Returns the kubeconfig of a cluster with k3s (kubernetes.io, "kubeconfig (v1)").
///
/// kubectl trusts nobody but the cluster's own server authority, and shows a certificate of its client
/// authority. Names are in quotes: a cluster may be called `on` or `1e3`.
pub(super) fn text_of(
    cluster: &Cluster,
    secret: &ClusterSecret,
    time: UnixTime,
) -> Result<Option<Zeroizing<String>>, IdentityError> {
    let (Some(k3s), Some(first)) = (&cluster.k3s, cluster.first_server()) else { return Ok(None) };
    let access = k3s.access;
    let host =
        access.virtual_address.map_or_else(|| first.host_in_url(), |shared| shared.address.to_string());
    let authority = secret.authority(Authority::Server, access.ca_start_year.authorities_end())?;
    let admin = secret.admin(end(access, time))?;
    let data = |pem: &str| Zeroizing::new(Base64::encode_string(pem.as_bytes()));
    Ok(Some(Zeroizing::new(format!(
        "\
{HEADER}
apiVersion: v1
kind: Config
clusters:
- name: \"{name}\"
  cluster:
    server: https://{host}:{port}
    {AUTHORITY}{authority}
users:
- name: \"{name}-admin\"
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
contexts:
- name: \"{name}\"
  context:
    cluster: \"{name}\"
    user: \"{name}-admin\"
current-context: \"{name}\"
",
        name = cluster.name,
        port = cluster.supervisor_port(),
        authority = *data(&authority.certificate),
        certificate = *data(&admin.certificate),
        key = *data(&admin.private_key),
    ))))
}

const AUTHORITY: &str = "certificate-authority-data: ";

/// The first line, by which a kubeconfig is known to be ours. kubectl leaves it out when it changes the file,
/// which then is somebody's own.
const HEADER: &str = "# Whoever has this file may do everything in the cluster: keep it as a password.";

/// Returns the PEM of the authority that a kubeconfig of this program trusts; `None` where the text is none.
pub(super) fn authority_of(text: &str) -> Option<String> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return None;
    }
    let data = lines.find_map(|line| line.trim_start().strip_prefix(AUTHORITY))?;
    String::from_utf8(Base64::decode_vec(data.trim()).ok()?).ok()
}

/// Returns the end of the owner's certificate: its lifetime after the time of the build, which is the stock image's
/// or SOURCE_DATE_EPOCH. An image from before the cluster's first year counts from there, and nothing
/// outlives the authority that signed it.
fn end(access: Access, time: UnixTime) -> UnixTime {
    let begin = time.max(access.ca_start_year.begin());
    let end = begin.seconds().checked_add(access.kubeconfig_lifetime.seconds()).map(UnixTime::new);
    let authorities_end = access.ca_start_year.authorities_end();
    end.map_or(authorities_end, |end| end.min(authorities_end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{CaStartYear, Lifetime};

    #[test]
    fn it_ends_its_lifetime_after_the_build_and_with_the_authority_at_the_latest() {
        let access = Access { kubeconfig_lifetime: Lifetime::from_days(10).unwrap(), ..Access::default() };
        let day = 86_400;
        let built = 1_791_244_800; // 2026-10-06
        assert_eq!(end(access, UnixTime::new(built)), UnixTime::new(built + 10 * day));
        let first_second = 1_767_225_600; // 2026-01-01
        assert_eq!(end(access, UnixTime::new(1_600_000_000)), UnixTime::new(first_second + 10 * day));
        let authorities_end = CaStartYear::default().authorities_end();
        assert_eq!(end(access, UnixTime::new(authorities_end.seconds() - day)), authorities_end);
    }
}
