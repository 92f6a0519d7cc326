//! Stands in for the API where the feature `download` is off: nobody asks it, and no node with k3s is seen to be ready.

use super::kubernetes::KubernetesNode;
use super::probe::ApiFailure;
use crate::access::AccessError;
use crate::cluster::{Cluster, Node};

pub(super) struct NoApi;

impl NoApi {
    #[expect(clippy::unnecessary_wraps, reason = "the API that it stands for may fail")]
    pub(super) fn new(_: &Cluster) -> Result<Self, AccessError> {
        Ok(Self)
    }

    #[expect(clippy::unused_self, reason = "the API that it stands for is asked")]
    pub(super) fn nodes(&self, _: &Node) -> Result<Vec<KubernetesNode>, ApiFailure> {
        Err(ApiFailure::Other("its API is not asked: this program was built without `download`".to_owned()))
    }
}
