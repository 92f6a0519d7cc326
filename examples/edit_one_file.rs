//! Edits one file on the ext4 partition of any disk image, without root and without mounting it.
//!
//! `cargo run --example edit_one_file -- IN.img.xz /etc/motd "Hello." OUT.img`; without arguments it tries itself on the
//! demo image.

use cardwright::fs::ext4::{Ext4Reader, Ext4Writer};
use cardwright::fs::{ReadFilesystem as _, WriteFilesystem as _};
use cardwright::io::{Overlay, ReadAt, Window, read_vec};
use cardwright::partition::{PartitionKind, PartitionTable};
use cardwright::stock_image::StockImage;
use cardwright::types::{ByteCount, ByteOffset, ImagePath, Mode, Owner};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (image, path, text, output) = if let [image, path, text, output] = arguments.as_slice() {
        (StockImage::open(image.as_ref(), None, &folder)?, path.as_str(), text.as_str(), Some(output))
    } else {
        (cardwright::demo::open()?, "/etc/motd", "Hello.\n", None)
    };
    let path = ImagePath::new(path)?;

    // The image is never written to: what changes lies in an overlay above it.
    let overlay = Arc::new(Overlay::new(Arc::new(image)));
    let table = PartitionTable::read(&*overlay)?;
    let linux = table.partitions.iter().find(|entry| entry.kind == PartitionKind::Linux);
    let linux = linux.ok_or("the image has no Linux partition")?;
    let window = Arc::new(Window::new(Arc::clone(&overlay), linux.start, linux.length)?);

    // The file keeps its mode and owner, and the filesystem the time at which it was last written.
    let (before, time) = {
        let files = Ext4Reader::open(window.clone())?;
        (files.metadata(&path)?, files.summary()?.written.ok_or("the filesystem was never written to")?)
    };
    let (mode, owner) = before.map_or((Mode::FILE, Owner::ROOT), |before| (before.mode, before.owner));
    let mut files = Box::new(Ext4Writer::open(window, time)?);
    files.write_file(&path, &mut text.as_bytes(), ByteCount::new(text.len() as u64), mode, owner)?;
    files.finish()?;

    let mut sink: Box<dyn Write> = match output {
        Some(output) => Box::new(File::create(output)?),
        None => Box::new(std::io::sink()),
    };
    let mut at = 0;
    while at < overlay.size().get() {
        let piece = (overlay.size().get() - at).min(1 << 20);
        sink.write_all(&read_vec(&*overlay, ByteOffset::new(at), ByteCount::new(piece))?)?;
        at += piece;
    }
    Ok(())
}
