//! Cards that fail in every way that cards fail in, in memory.

use super::*;
use crate::device::{Obstacle, OpenDevice};
use crate::io::WriteAt;
use crate::partition::made::mbr_disk;
use crate::types::Silent;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex};

const SECTORS: usize = 24 << 11;

/// A disk with two partitions, and the parts of it that are in use.
static DISK: LazyLock<(Vec<u8>, Vec<Range<u64>>)> = LazyLock::new(|| {
    let mut disk = mbr_disk(SECTORS, &[(0x0c, 2048, 8192), (0x83, 16384, 8192)]);
    for (number, block) in disk.chunks_mut(512).enumerate().skip(1) {
        block.fill(u8::try_from(number % 251).unwrap());
    }
    let mib = |range: Range<u64>| range.start << 20..range.end << 20;
    (disk, vec![mib(0..3), mib(8..11), (11 << 20) + 8192..(11 << 20) + 12288, mib(23..24)])
});

/// The way in which a card is bad.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Writes beyond so many bytes wrap around.
    Wraps(u64),
    /// Writes beyond so many bytes are lost.
    Loses(u64),
    /// It takes every write and keeps what it had.
    ReadOnly,
    /// A place that cannot be written.
    BadWrite(u64),
    /// A place that cannot be read.
    BadRead(u64),
    /// A bit of this byte flips after it was written.
    Flips(u64),
    /// It is taken out at this write.
    TakenOut(usize),
}

struct Card {
    bytes: Mutex<Vec<u8>>,
    size: u64,
    fault: Fault,
    writes: AtomicUsize,
    discards: bool,
}

impl Card {
    fn new(size: u64, fault: Fault) -> Self {
        let bytes = Mutex::new(vec![0xff; usize::try_from(size).unwrap()]);
        Self { bytes, size, fault, writes: AtomicUsize::new(0), discards: false }
    }

    fn place(&self, offset: u64) -> Option<usize> {
        let at = match self.fault {
            Fault::Wraps(real) => offset % real,
            Fault::Loses(real) if offset >= real => return None,
            _ => offset,
        };
        Some(usize::try_from(at).unwrap())
    }

    fn bytes(&self) -> Vec<u8> {
        self.bytes.lock().unwrap().clone()
    }
}

fn error(number: i32) -> io::Error {
    io::Error::from_raw_os_error(number)
}

impl ReadAt for Card {
    fn size(&self) -> ByteCount {
        ByteCount::new(self.size)
    }

    fn read_at(&self, offset: ByteOffset, buffer: &mut [u8]) -> io::Result<()> {
        let (start, end) = (offset.get(), offset.get() + buffer.len() as u64);
        if matches!(self.fault, Fault::BadRead(bad) if (start..end).contains(&bad)) {
            return Err(error(5));
        }
        let bytes = self.bytes.lock().unwrap();
        match self.place(start) {
            Some(at) => buffer.copy_from_slice(&bytes[at..at + buffer.len()]),
            None => buffer.fill(0),
        }
        if let Fault::Flips(at) = self.fault
            && (start..end).contains(&at)
        {
            buffer[usize::try_from(at - start).unwrap()] ^= 4;
        }
        Ok(())
    }
}

impl WriteAt for Card {
    fn write_at(&self, offset: ByteOffset, bytes: &[u8]) -> io::Result<()> {
        assert!(offset.get().is_multiple_of(512) && bytes.len().is_multiple_of(512));
        let (start, end) = (offset.get(), offset.get() + bytes.len() as u64);
        let number = self.writes.fetch_add(1, Ordering::Relaxed);
        match self.fault {
            Fault::TakenOut(at) if number >= at => return Err(error(19)),
            Fault::BadWrite(bad) if (start..end).contains(&bad) => return Err(error(5)),
            Fault::ReadOnly => return Ok(()),
            _ => {}
        }
        if let Some(at) = self.place(start) {
            self.bytes.lock().unwrap()[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Ok(())
    }
}

impl OpenDevice for Card {
    fn discard(&self) -> io::Result<bool> {
        if self.discards {
            self.bytes.lock().unwrap().fill(0xee);
        }
        Ok(self.discards)
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

fn flash(card: &Card) -> Result<Flashed, FlashError> {
    let (disk, used) = &*DISK;
    let source = Source { disk, used };
    Flash::new(card, Path::new("/dev/sdb"), source, &Silent)?.write()?.finish()
}

#[test]
fn what_is_in_use_is_written_and_nothing_else_but_erased() {
    let (disk, used) = &*DISK;
    for discards in [false, true] {
        let card = Card { discards, ..Card::new(32 << 20, Fault::None) };
        let flashed = flash(&card).unwrap();
        assert_eq!(flashed.discarded, discards);
        let bytes = card.bytes();
        for range in used {
            let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
            assert!(bytes[range.clone()] == disk[range]);
        }
        let free = if discards { 0xee } else { 0xff };
        assert!(bytes[(5 << 20) + 4096..8 << 20].iter().all(|byte| *byte == free));
        // The copy of an old GPT.
        assert!(bytes[(32 << 20) - 33 * 512..].iter().all(|byte| *byte == 0));
    }
}

#[test]
fn the_hash_is_that_of_the_disk_where_all_of_it_is_written() {
    let (disk, _) = &*DISK;
    let card = Card::new(disk.len() as u64, Fault::None);
    let all = 0..disk.len() as u64;
    let source = Source { disk, used: std::slice::from_ref(&all) };
    let flashed =
        Flash::new(&card, Path::new("/dev/sdb"), source, &Silent).unwrap().write().unwrap().finish().unwrap();
    assert_eq!((flashed.sha256, flashed.written), (Digest::of(disk), disk.size()));
    assert!(card.bytes() == *disk);
}

#[test]
fn a_card_that_fails_is_named_with_the_place_and_what_to_try() {
    let said = |fault| {
        let error = flash(&Card::new(32 << 20, fault)).unwrap_err();
        let hint = crate::types::Hint::hint(&error);
        format!("{error}\n  {}\n", hint.as_deref().unwrap_or("-"))
    };
    let mib = |count: u64| count << 20;
    let all = [
        Fault::Wraps(mib(8)),
        Fault::Loses(mib(16)),
        Fault::ReadOnly,
        Fault::BadWrite(mib(9)),
        Fault::BadRead(mib(9)),
        Fault::BadRead(mib(2) + 5),
        Fault::Flips(mib(10) + 5),
        Fault::Flips(mib(2)),
        Fault::Flips(3),
        Fault::TakenOut(1),
        Fault::TakenOut(15),
    ];
    insta::assert_snapshot!(all.map(said).join("\n"));
}

#[test]
fn a_card_that_is_too_small_is_left_as_it_is() {
    let card = Card::new((24 << 20) - 512, Fault::None);
    let error = flash(&card).unwrap_err();
    assert!(matches!(error, FlashError::TooSmall { .. }), "{error}");
    assert!(card.bytes().iter().all(|byte| *byte == 0xff));
}

/// Whenever it is taken out, its first sector is the old one, empty, or everything is there.
#[test]
fn a_card_that_is_taken_out_boots_nothing_or_all() {
    let (disk, _) = &*DISK;
    let mut ends = Vec::new();
    for at in 0.. {
        let card = Card::new(32 << 20, Fault::TakenOut(at));
        let result = flash(&card);
        let first = card.bytes()[..512].to_vec();
        match result {
            Ok(_) => {
                assert!(first == disk[..512]);
                break;
            }
            Err(_) => ends.push(if first == [0xff; 512] {
                "old"
            } else if first == [0; 512] {
                "empty"
            } else {
                "else"
            }),
        }
    }
    assert_eq!(ends.iter().filter(|end| **end == "old").count(), 1);
    assert!(ends.len() > 15 && ends.iter().all(|end| *end != "else"), "{ends:?}");
}

#[test]
fn pieces_hold_the_first_block_alone() {
    let cut = |range| pieces(range).iter().map(Piece::range).collect::<Vec<_>>();
    let piece = PIECE as u64;
    assert_eq!(cut(0..10_240), [0..4096, 4096..10_240]);
    assert_eq!(cut(0..2 * piece), [0..4096, 4096..piece, piece..2 * piece]);
    assert_eq!(cut(piece - 512..piece + 512), [piece - 512..piece, piece..piece + 512]);
    assert_eq!(cut(0..512), [std::ops::Range { start: 0, end: 512 }]);
    let gap = GAP;
    assert_eq!(
        joined(&[0..10, 10 + gap..20 + gap, 21 + 2 * gap..22 + 2 * gap]),
        [0..20 + gap, 21 + 2 * gap..22 + 2 * gap]
    );
}

#[test]
fn doubts_are_answered_and_other_obstacles_are_not() {
    let size = ByteCount::new(1000);
    let device = |obstacles: &[Obstacle]| Device {
        obstacles: obstacles.to_vec(),
        ..Device::new("/dev/sdb", size, crate::device::Bus::Usb)
    };
    let system = Obstacle::System { found: "/ is on it".to_owned() };
    assert!(check(&device(&[]), size, false).is_ok());
    assert!(check(&device(&[Obstacle::BuiltIn]), size, false).is_err());
    assert!(check(&device(&[Obstacle::BuiltIn, Obstacle::Large { size }]), size, true).is_ok());
    assert!(check(&device(&[Obstacle::BuiltIn, system]), size, true).is_err());
    assert!(check(&device(&[]), ByteCount::new(1001), true).is_err());
}
