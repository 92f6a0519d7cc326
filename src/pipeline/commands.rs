//! The commands that follow on a build: the program advises them, and the page beside the images lists them.

/// The commands of this program that mean one cluster.
#[derive(Debug, Clone, Default)]
pub struct Commands {
    /// The arguments that name nodes.yaml and the stock image, each after a space.
    pub stock: String,
    /// The arguments that name nodes.yaml and the folder of the results, each after a space.
    pub results: String,
}

impl Commands {
    /// Returns the command that writes the cards of all nodes.
    pub fn flash_all(&self) -> String {
        format!("sudo cardwright flash{} --all", self.stock)
    }

    /// Returns the command that writes the card of a node.
    pub fn flash(&self, node: &str) -> String {
        format!("sudo cardwright flash{} {node}", self.stock)
    }

    /// Returns the command that shows how far the nodes are.
    pub fn status(&self) -> String {
        format!("cardwright status{}", self.results)
    }

    /// Returns the command that logs in at a node.
    pub fn ssh(&self, node: &str) -> String {
        format!("cardwright ssh{} {node}", self.results)
    }

    /// Returns the command that shows what a node says.
    pub fn logs(&self, node: &str) -> String {
        format!("cardwright logs{} {node}", self.results)
    }

    /// Returns the command that lists the nodes in Kubernetes; `kubeconfig` is a word of a shell.
    pub fn kubectl(&self, kubeconfig: &str) -> String {
        format!("kubectl --kubeconfig {kubeconfig} get nodes")
    }

    /// Returns the word of a shell that becomes the path of the kubeconfig.
    pub fn kubeconfig(&self) -> String {
        format!("\"$(cardwright kubeconfig{})\"", self.results)
    }
}
