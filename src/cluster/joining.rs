//! The first server, and the servers that the other nodes join.

use crate::cluster::{Cluster, Node, Role};
use crate::types::errors;

errors! {
    /// The reason that a node cannot be made to rejoin. `servers` are the names of the servers there are.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum CannotRejoin {
        /// nodes.yaml has no node of that name.
        #[error("there is no node `{name}` that could rejoin")]
        NoSuchNode { name: String, servers: Vec<String> } => listed(servers),
        /// It is no server.
        #[error("`{name}` is no server, and needs no `--rejoin`")]
        NoServer { name: String } => "Build without it: an agent that is flashed again rejoins by itself",
        /// It is no server that another node could join.
        #[error("no node can join the cluster through `{name}`, which is no server")]
        NotThrough { name: String, servers: Vec<String> } => listed(servers),
        /// It is to join itself.
        #[error("`{name}` cannot rejoin the cluster through itself")]
        ThroughItself { name: String } => "Name a server that is up",
        /// There is no other server.
        #[error("`{name}` is the only server: there is none that it could rejoin")]
        OnlyServer { name: String }
            => "Build without it: flashed again, it starts the cluster anew, with the same keys, and its agents come back",
    }
}

fn listed(servers: &[String]) -> String {
    if servers.is_empty() {
        return "No node of nodes.yaml is a server".to_owned();
    }
    format!("The servers are {}", servers.join(", "))
}

impl Cluster {
    /// Returns the servers, in the order of nodes.yaml.
    pub fn servers(&self) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(|node| node.role() == Some(Role::Server))
    }

    /// Returns the first server: the one that starts the cluster.
    pub fn first_server(&self) -> Option<&Node> {
        self.servers().next()
    }

    /// Returns the server that `node` joins; `None` for the one that starts the cluster.
    ///
    /// All join the first one. When that one itself is to rejoin, it joins the next.
    /// [`join_through`](Self::join_through) says otherwise.
    pub fn joined_by(&self, node: &Node) -> Option<&Node> {
        let rejoins = node.k3s.as_ref().is_some_and(|k3s| k3s.rejoins);
        let through = node.k3s.as_ref().and_then(|k3s| k3s.through.as_ref());
        let chosen = through.and_then(|through| self.nodes.iter().find(|node| node.name == *through));
        let first = self.first_server().filter(|first| first.name != node.name);
        let other = || self.servers().find(|server| server.name != node.name).filter(|_| rejoins);
        chosen.or(first).or_else(other)
    }

    /// Has all nodes that join the cluster do so through this server, where the first one is gone for good. Agents
    /// that join at the virtual address go on doing that.
    ///
    /// k3s itself needs the one address only until a node has joined: then it keeps the addresses of all servers
    /// (docs.k3s.io, "Architecture", Fixed Registration Address).
    ///
    /// # Errors
    /// Fails when it is no server of the cluster, or is to rejoin the cluster itself.
    pub fn join_through(&mut self, name: &str) -> Result<(), CannotRejoin> {
        let Some(server) = self.servers().find(|server| server.name.as_str() == name) else {
            let servers = self.servers().map(|server| server.name.to_string()).collect();
            return Err(CannotRejoin::NotThrough { name: name.to_owned(), servers });
        };
        if server.k3s.as_ref().is_some_and(|k3s| k3s.rejoins) {
            return Err(CannotRejoin::ThroughItself { name: name.to_owned() });
        }
        let through = server.name.clone();
        let first = self.first_server().map(|first| first.name.clone());
        let has_virtual_address = self.k3s.as_ref().is_some_and(|k3s| k3s.access.virtual_address.is_some());
        for node in self.nodes.iter_mut().filter(|node| node.name != through) {
            let starts = first.as_ref() == Some(&node.name);
            if let Some(k3s) = &mut node.k3s
                && (k3s.rejoins || !starts)
                && (k3s.role == Role::Server || !has_virtual_address)
            {
                k3s.through = Some(through.clone());
            }
        }
        Ok(())
    }

    /// Has a server that is flashed again join the cluster, which goes on without it, instead of starting
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
