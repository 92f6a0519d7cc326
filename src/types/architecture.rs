//! The architectures of nodes.

use std::fmt;

/// The architecture of the programs on a node. The kernel may be a 64-bit one all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// 64 bits.
    Arm64,
    /// 32 bits.
    Armhf,
}

/// Debian's name of it, which k3s uses as well.
impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Arm64 => "arm64",
            Self::Armhf => "armhf",
        })
    }
}
