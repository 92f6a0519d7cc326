//! Two threads, of which one fills buffers and the other empties them, so that reading and hashing go on while a card is
//! busy.

use super::{PIECE, Piece};
use crate::device::AlignedBuffer;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, sync_channel};
use std::thread;

/// The number of buffers: one that is filled, one that is emptied, and two for the time in which a card does its housekeeping.
const BUFFERS: usize = 4;

/// Has `fill` fill a buffer with each piece, in order, and `empty` take it over.
///
/// # Errors
/// The first error of either. The other ends as soon as it notices.
pub(super) fn run<E: Send>(
    pieces: &[Piece],
    mut fill: impl FnMut(&Piece, &mut [u8]) -> Result<(), E> + Send,
    mut empty: impl FnMut(&Piece, &[u8]) -> Result<(), E>,
) -> Result<(), E> {
    let (sender, receiver) = sync_channel::<Result<(Piece, AlignedBuffer), E>>(BUFFERS);
    let (give_back, emptied) = mpsc::channel();
    let largest = pieces.iter().map(|piece| piece.length).fold(0, usize::max).min(PIECE);
    for _ in 0..BUFFERS {
        // The receiver is right here.
        drop(give_back.send(AlignedBuffer::new(largest)));
    }
    thread::scope(|scope| {
        let worker = scope.spawn(move || {
            for piece in pieces {
                // When nobody takes or gives buffers any more, the other has failed, and says so itself.
                let Ok(mut buffer) = emptied.recv() else { return };
                let result = fill(piece, buffer.first_mut(piece.length)).map(|()| (*piece, buffer));
                let failed = result.is_err();
                if sender.send(result).is_err() || failed {
                    return;
                }
            }
        });
        let mut result = Ok(());
        for full in receiver {
            result = full.and_then(|(piece, buffer)| {
                empty(&piece, buffer.first(piece.length))?;
                // The other may be done.
                drop(give_back.send(buffer));
                Ok(())
            });
            if result.is_err() {
                break;
            }
        }
        drop(give_back);
        worker.join().unwrap_or_else(|panic| resume_unwind(panic));
        result
    })
}
