//! The limits that the system sets this process.

/// Lets this process have as many files open as the system allows, where its parent has asked for fewer. The images of a
/// build are open at the same time, so that all of them or none get their names, and shells mostly start with 1024.
#[cfg(unix)]
pub fn allow_many_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Does nothing: there is no such limit here.
#[cfg(not(unix))]
pub fn allow_many_files() {}
