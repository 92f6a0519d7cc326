use super::*;
pub(super) fn load(_path: &Path) -> Result<Cluster, InvalidCluster> {
    todo!()
}
pub(super) fn parse(_text: &str, _path: &Path) -> Result<Cluster, InvalidCluster> {
    todo!()
}
