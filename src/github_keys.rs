//! The public keys that GitHub lists for its accounts: only those whose fingerprints nodes.yaml pins.
//!
//! A key is kept in the cache by its fingerprint, which is the SHA-256 of what is kept. So a build asks GitHub once, and
//! what it gets is the same whatever GitHub lists later.

use crate::cache::CacheError;
use crate::cluster::{Cluster, FetchedKeys, PinnedKeys, shown_fingerprint};
use crate::fetch::{self, FetchError, FileLocation};
use crate::types::{Digest, Progress, Warning, errors};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The environment variable with another address than GitHub's: that of a server of GitHub Enterprise.
pub const GITHUB_ENVIRONMENT_VARIABLE: &str = "CARDWRIGHT_GITHUB";

/// Many times the size of the longest list.
const LONGEST_LIST: u64 = 1 << 20;

errors! {
    /// An error of fetching the keys of an account.
    #[derive(Debug, thiserror::Error)]
    pub enum GithubKeysError {
        /// The list of its keys could not be downloaded.
        #[error("the SSH keys of `{account}` on GitHub are not available: {source}")]
        Fetch { account: String, source: FetchError } => match source {
            FetchError::Status { status: 404, .. } => {
                "Check the name under `github:`: there is no such account".to_owned()
            }
            FetchError::NotBuiltIn { .. } => format!(
                "Name a file in the place of `github:`: `curl -o {account}.keys https://github.com/{account}.keys`"
            ),
            _ => format!(
                "Try again later, or name a file in the place of `github:`: `curl -o {account}.keys https://github.com/{account}.keys`"
            ),
        },
        /// A pinned key that the account does not list.
        #[error("the account `{account}` on GitHub has no SSH key with the fingerprint `{fingerprint}`")]
        Missing { account: String, fingerprint: String } => format!(
            "Compare with `curl https://github.com/{account}.keys | ssh-keygen -lf -`, and remove what is not listed any more"
        ),
    }
}

/// Finds the keys of a cluster's users that are pinned: in the cache, or else with GitHub. Also returns the reason why
/// the cache could not be used, if so.
///
/// # Errors
/// When GitHub cannot be reached, or does not list a key that is pinned.
pub fn fetch(
    cluster: &Cluster,
    cache: Option<&Path>,
    progress: &dyn Progress,
) -> Result<(FetchedKeys, Option<CacheError>), GithubKeysError> {
    let (mut known, mut trouble) = (FetchedKeys::default(), None);
    let mut accounts = BTreeMap::<&str, BTreeSet<Digest>>::new();
    for keys in pinned(cluster) {
        accounts.entry(keys.account()).or_default().extend(keys.fingerprints());
    }
    for (account, fingerprints) in accounts {
        let url = format!("{}/{account}.keys", github());
        for fingerprint in &fingerprints {
            let kept = location(account, *fingerprint).find(cache).map(|found| std::fs::read(found.path));
            if let Some(Ok(blob)) = kept {
                known.learn(*fingerprint, &blob);
            }
        }
        if fingerprints.iter().all(|fingerprint| known.blob(*fingerprint).is_some()) {
            continue;
        }
        let text = fetch::fetch_text(&url, LONGEST_LIST)
            .map_err(|source| GithubKeysError::Fetch { account: account.to_owned(), source })?;
        let listed = FetchedKeys::parse(&text);
        for fingerprint in &fingerprints {
            let blob = listed.blob(*fingerprint).or_else(|| known.blob(*fingerprint)).map(<[u8]>::to_vec);
            let blob = blob.ok_or_else(|| GithubKeysError::Missing {
                account: account.to_owned(),
                fingerprint: shown_fingerprint(*fingerprint),
            })?;
            known.learn(*fingerprint, &blob);
            let kept = cache.map(|cache| fetch::keep(&url, &blob, cache));
            trouble = trouble.or(kept.and_then(Result::err));
        }
        warn_of_others(account, &listed, &fingerprints, progress);
    }
    Ok((known, trouble))
}

/// Returns an account of whose pinned keys one is not in the cache.
pub fn missing(cluster: &Cluster, cache: Option<&Path>) -> Option<String> {
    let is_missing = |keys: &PinnedKeys| {
        keys.fingerprints().iter().any(|digest| location(keys.account(), *digest).find(cache).is_none())
    };
    pinned(cluster).find(|keys| is_missing(keys)).map(|keys| keys.account().to_owned())
}

fn location(account: &str, fingerprint: Digest) -> FileLocation {
    FileLocation::url(format!("{}/{account}.keys", github()), fingerprint)
}

/// Returns the pinned keys of all users of all nodes.
pub(crate) fn pinned(cluster: &Cluster) -> impl Iterator<Item = &PinnedKeys> {
    cluster.nodes.iter().flat_map(|node| node.all_users().flat_map(|user| &user.ssh_authorized_keys.pinned))
}

/// Returns the address of GitHub, or of the server in its place.
pub(crate) fn github() -> String {
    let base = std::env::var(GITHUB_ENVIRONMENT_VARIABLE).ok().filter(|base| !base.is_empty());
    base.as_deref().unwrap_or("https://github.com").trim_end_matches('/').to_owned()
}

/// Warns of the keys that are listed and not pinned: the owner of the account may expect to get in by them.
fn warn_of_others(account: &str, listed: &FetchedKeys, pinned: &BTreeSet<Digest>, progress: &dyn Progress) {
    let others = listed.fingerprints().filter(|fingerprint| !pinned.contains(fingerprint));
    let others: Vec<String> = others.map(|other| format!("`{}`", shown_fingerprint(other))).collect();
    if !others.is_empty() {
        progress.warning(Warning {
            message: format!(
                "GitHub lists further SSH keys of `{account}`, which may not log in: {}",
                others.join(", ")
            ),
            hint: Some("Add their fingerprints under `fingerprints:` if they are to be let in".to_owned()),
        });
    }
}

#[cfg(test)]
#[cfg(not(feature = "download"))]
mod tests {
    use super::*;
    use crate::types::{Hint as _, Silent};

    #[test]
    fn without_downloads_a_file_with_the_keys_is_asked_for() {
        let text = "cluster: compass\nimage: demo\nnetwork: {prefix: 24, gateway: 192.168.50.1}\n\
            user: {ssh_authorized_keys: {github: ann, fingerprints: \
            'SHA256:UCUiLr7Pjs9wFFJMDByLgc3NrtdU344OgUM45wZPcIQ'}}\n\
            nodes: {name: north, address: 192.168.50.11}\n";
        let cluster = Cluster::parse(text, Path::new("nodes.yaml")).unwrap();
        let error = fetch(&cluster, None, &Silent).unwrap_err();
        assert!(
            matches!(
                &error,
                GithubKeysError::Fetch { account, source: FetchError::NotBuiltIn { .. } } if account == "ann"
            ),
            "{error}"
        );
        assert_eq!(
            error.hint().unwrap(),
            "Name a file in the place of `github:`: `curl -o ann.keys https://github.com/ann.keys`"
        );
    }
}
