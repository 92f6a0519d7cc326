//! Who founds the cluster, and at whom the others join.

use super::{Cluster, Node, Role};
use crate::hint::Hint;

/// Why a node cannot be made to rejoin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CannotRejoin {
    /// nodes.yaml has no node of that name.
    #[error("there is no node `{name}` that could rejoin")]
    NoSuchNode {
        /// Which name.
        name: String,
        /// The names of the servers there are.
        servers: Vec<String>,
    },
    /// It is no server.
    #[error("`{name}` is no server, and needs no `--rejoin`")]
    NoServer {
        /// Which node.
        name: String,
    },
    /// There is no other server.
    #[error("`{name}` is the only server: there is none that it could rejoin")]
    OnlyServer {
        /// Which node.
        name: String,
    },
}

impl Hint for CannotRejoin {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NoSuchNode { servers, .. } if servers.is_empty() => "No node of nodes.yaml is a server".to_owned(),
            Self::NoSuchNode { servers, .. } => format!("The servers are {}", servers.join(", ")),
            Self::NoServer { .. } => {
                "Build without it: an agent that is flashed again rejoins by itself".to_owned()
            }
            Self::OnlyServer { .. } => {
                "Build without it: flashed again, it founds the cluster anew, with the same keys, and its agents come back"
                    .to_owned()
            }
        })
    }
}

impl Cluster {
    /// The servers, in the order of nodes.yaml.
    pub fn servers(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.role() == Some(Role::Server))
    }

    /// The first server: the one that founds the cluster.
    pub fn first_server(&self) -> Option<&Node> {
        self.servers().next()
    }

    /// The server that `node` joins; `None` for the one that founds the cluster.
    ///
    /// All join the first one. When that one itself is to rejoin, it joins the next.
    pub fn joined_by(&self, node: &Node) -> Option<&Node> {
        let rejoins = node.k3s.as_ref().is_some_and(|k3s| k3s.rejoins);
        let first = self.first_server().filter(|first| first.name != node.name);
        let other = || self.servers().find(|server| server.name != node.name).filter(|_| rejoins);
        first.or_else(other)
    }

    /// Has a server that is flashed again join the cluster, which goes on without it, instead of founding
    /// another one.
    ///
    /// # Errors
    /// When it is no server of the cluster, or there is no other.
    pub fn rejoin(&mut self, name: &str) -> Result<(), CannotRejoin> {
        let servers: Vec<String> = self.servers().map(|server| server.name.to_string()).collect();
        let name = name.to_owned();
        let Some(node) = self.nodes.iter_mut().find(|node| node.name.as_str() == name) else {
            return Err(CannotRejoin::NoSuchNode { name, servers });
        };
        match &mut node.k3s {
            Some(k3s) if k3s.role == Role::Server && servers.len() > 1 => {
                k3s.rejoins = true;
                Ok(())
            }
            Some(k3s) if k3s.role == Role::Server => Err(CannotRejoin::OnlyServer { name }),
            _ => Err(CannotRejoin::NoServer { name }),
        }
    }
}
