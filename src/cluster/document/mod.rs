//! The text of nodes.yaml, read into a tree of values whose positions are known.

pub(crate) mod advice;
pub(crate) mod example;
pub(crate) mod folders;
pub(crate) mod foreign;
pub(crate) mod keys;
pub(crate) mod reference;
pub(crate) mod schema;
pub(crate) mod source;
pub(crate) mod syntax;
mod syntax_advice;
pub(crate) mod table;
pub(crate) mod types;
pub(crate) mod value;
pub(crate) mod yaml_files;
