//! From one `nodes.yaml` and one stock Raspberry Pi OS image to one ready-to-flash image per node.

pub mod cluster;
pub mod digest;
pub mod disk;
pub mod emit;
pub mod fetch;
pub mod fs;
pub mod hint;
pub mod identity;
pub mod k3s;
pub mod patch;
pub mod raspios;
