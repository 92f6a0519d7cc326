//! The facts for the page to print, which a build and a merge both have.

/// The facts about a cluster that the page shows, beside its images.
#[derive(Debug, Clone)]
pub struct Page {
    /// The nodes, in the order of the cluster.
    pub nodes: Vec<PageNode>,
    /// The release of k3s, where there is k3s.
    pub k3s: Option<String>,
    /// The next steps, in their order.
    pub steps: Vec<PageStep>,
}

/// A node on the page.
#[derive(Debug, Clone)]
pub struct PageNode {
    /// Its name.
    pub name: String,
    /// The addresses that it is found at; at least one.
    pub addresses: Vec<String>,
    /// The link by which it is found.
    pub link: String,
    /// Its role in k3s, where it has one.
    pub role: Option<String>,
    /// The name of its image.
    pub image: String,
    /// The fingerprint of its SSH host key, where that is known.
    pub fingerprint: Option<PageFingerprint>,
}

/// A fingerprint of an SSH key, in the three forms of OpenSSH.
#[derive(Debug, Clone)]
pub struct PageFingerprint {
    /// As `ssh` shows it: `SHA256:…`.
    pub sha256: String,
    /// As `ssh-keygen -B` shows it: words that can be read aloud.
    pub words: String,
    /// As `ssh-keygen -lv` shows it: a picture of letters, in lines.
    pub art: String,
}

/// Something that is done with the images.
#[derive(Debug, Clone)]
pub struct PageStep {
    /// A sentence that says it.
    pub said: &'static str,
    /// The commands that do it.
    pub commands: Vec<String>,
}
