//! xz. The names are those of "The .xz File Format", version 1.2.1
//! (<https://tukaani.org/xz/xz-file-format.txt>), and so are the numbers of sections.
//!
//! A file is a sequence of Streams; a Stream is a header, Blocks, an Index of them, and a footer. A Block can be decoded
//! alone, which is what lets an image be read at random, and taken over as it is into an image that comes out.
//!
//! ```text
//! ┌────────┬───────┬───────┬───┬───────┬────────┐┌────────┬───
//! │ header │ Block │ Block │ … │ Index │ footer ││ header │ …      Index: the sizes of each Block
//! └────────┴───────┴───────┴───┴───────┴────────┘└────────┴───     footer: the size of the Index
//! ```

mod block;
mod decode;
mod encode;
mod index;
mod stream;

pub(crate) use block::BlockHeader;
pub(super) use decode::decoder;
pub(crate) use decode::{block_memory, block_reader};
pub(super) use encode::Xz;
pub(crate) use index::{XzBlock, XzLayout};
#[cfg(test)]
pub(crate) use stream::CRC32;
pub(crate) use stream::Check;
