//! Which Blocks of an image were decoded, and which are being decoded now.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How much memory the decoders that run at the same time may take together. One that needs more runs
/// alone.
const MOST_MEMORY: u64 = 192 << 20;

/// How far a Block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Packed,
    Decoding,
    Decoded,
}

/// Sees to it that each Block is decoded once. While one thread decodes a Block, others can decode others,
/// and those that want the same wait for it.
pub(super) struct Decoding {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    blocks: Vec<Stage>,
    memory: u64,
}

impl Decoding {
    /// Of so many Blocks, none of which is decoded.
    pub(super) fn new(blocks: usize) -> Self {
        let state = State { blocks: vec![Stage::Packed; blocks], memory: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Whether a Block is decoded.
    pub(super) fn is_done(&self, number: usize) -> bool {
        self.lock().blocks.get(number) == Some(&Stage::Decoded)
    }

    /// Returns when a Block is decoded: by `decode`, which takes `memory` bytes, unless another thread did
    /// that. A Block that could not be decoded may be tried again.
    pub(super) fn once(
        &self,
        number: usize,
        memory: u64,
        decode: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        loop {
            let has_room = state.memory == 0 || state.memory + memory <= MOST_MEMORY;
            match state.blocks.get_mut(number) {
                Some(Stage::Decoded) => return Ok(()),
                Some(block @ Stage::Packed) if has_room => {
                    *block = Stage::Decoding;
                    break;
                }
                Some(_) => {}
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.memory += memory;
        drop(state);
        let mut turn = Turn { decoding: self, number, memory, result: Stage::Packed };
        decode()?;
        turn.result = Stage::Decoded;
        Ok(())
    }

    /// Nothing that is done under the lock leaves it half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Block that is being decoded, until that is done, or has failed in whatever way.
struct Turn<'image> {
    decoding: &'image Decoding,
    number: usize,
    memory: u64,
    result: Stage,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.decoding.lock();
        if let Some(stage) = state.blocks.get_mut(self.number) {
            *stage = self.result;
        }
        state.memory -= self.memory;
        drop(state);
        self.decoding.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    #[test]
    fn two_blocks_are_decoded_at_the_same_time() {
        let decoding = Decoding::new(2);
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for number in [0, 1] {
                let (decoding, both) = (&decoding, &both);
                scope.spawn(move || {
                    decoding.once(number, 1, || {
                        // Passes only when the other thread is in here as well.
                        both.wait();
                        Ok(())
                    })
                });
            }
        });
        assert!(decoding.is_done(0) && decoding.is_done(1));
    }

    #[test]
    fn one_block_is_decoded_once_for_all_who_wait_for_it() {
        let decoding = Decoding::new(8);
        let decoded = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let result = decoding.once(7, 1, || {
                        thread::sleep(Duration::from_millis(20));
                        decoded.fetch_add(1, Ordering::Relaxed);
                        Ok(())
                    });
                    result.unwrap();
                    assert_eq!(decoded.load(Ordering::Relaxed), 1);
                });
            }
        });
    }

    #[test]
    fn decoders_share_the_memory_there_is() {
        let decoding = Decoding::new(8);
        let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let memory = MOST_MEMORY / 2;
        thread::scope(|scope| {
            for number in 0..8 {
                let (decoding, taken, most) = (&decoding, &taken, &most);
                scope.spawn(move || {
                    decoding.once(number, memory, || {
                        most.fetch_max(
                            taken.fetch_add(memory, Ordering::Relaxed) + memory,
                            Ordering::Relaxed,
                        );
                        thread::sleep(Duration::from_millis(5));
                        taken.fetch_sub(memory, Ordering::Relaxed);
                        Ok(())
                    })
                });
            }
        });
        assert_eq!(most.into_inner(), MOST_MEMORY);
    }

    #[test]
    fn a_block_that_could_not_be_decoded_is_tried_again() {
        let decoding = Decoding::new(1);
        assert!(decoding.once(0, MOST_MEMORY * 2, || Err(io::Error::other("damaged"))).is_err());
        assert!(!decoding.is_done(0));
        decoding.once(0, MOST_MEMORY * 2, || Ok(())).unwrap();
        decoding.once(0, 1, || Err(io::Error::other("decoded twice"))).unwrap();
        assert!(decoding.once(1, 1, || Ok(())).is_err());
    }
}
