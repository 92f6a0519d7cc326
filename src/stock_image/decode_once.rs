//! A map of the Blocks of an image: those that were decoded, and those that are being decoded now.

use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// The most memory that the decoders which run at the same time take together. One that needs more runs alone.
const MOST_MEMORY: u64 = 192 << 20;

/// The state of a Block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum BlockState {
    Compressed,
    Decoding,
    Decoded,
}

/// Decodes each Block once. While one thread decodes a Block, others can decode others, and those that want the same
/// wait for it.
pub(super) struct DecodeOnce {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    blocks: Vec<BlockState>,
    memory: u64,
}

impl DecodeOnce {
    /// Begins with so many Blocks, none of which is decoded.
    pub(super) fn new(blocks: usize) -> Self {
        let state = State { blocks: vec![BlockState::Compressed; blocks], memory: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Returns `true` if a Block is decoded.
    pub(super) fn is_done(&self, number: usize) -> bool {
        self.lock().blocks.get(number) == Some(&BlockState::Decoded)
    }

    /// Decodes a Block by `decode`, which takes `memory` bytes, unless another thread did or does: then waits for it. A
    /// Block that could not be decoded may be tried again.
    pub(super) fn run(
        &self,
        number: usize,
        memory: u64,
        decode: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        loop {
            let has_room = state.memory == 0 || state.memory + memory <= MOST_MEMORY;
            match state.blocks.get_mut(number) {
                Some(BlockState::Decoded) => return Ok(()),
                Some(block @ BlockState::Compressed) if has_room => {
                    *block = BlockState::Decoding;
                    break;
                }
                Some(_) => {}
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.memory += memory;
        drop(state);
        let mut guard = DecodeGuard { once: self, number, memory, result: BlockState::Compressed };
        decode()?;
        guard.result = BlockState::Decoded;
        Ok(())
    }

    /// Locks the state, which nothing leaves half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Block that is being decoded, until that is done, or has failed in whatever way: by a panic as well.
struct DecodeGuard<'image> {
    once: &'image DecodeOnce,
    number: usize,
    memory: u64,
    result: BlockState,
}

impl Drop for DecodeGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.once.lock();
        if let Some(stage) = state.blocks.get_mut(self.number) {
            *stage = self.result;
        }
        state.memory -= self.memory;
        drop(state);
        self.once.changed.notify_all();
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
        let once = DecodeOnce::new(2);
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for number in [0, 1] {
                let (once, both) = (&once, &both);
                scope.spawn(move || {
                    once.run(number, 1, || {
                        // Passes only when the other thread is in here as well.
                        both.wait();
                        Ok(())
                    })
                });
            }
        });
        assert!(once.is_done(0) && once.is_done(1));
    }

    #[test]
    fn one_block_is_decoded_once_for_all_who_wait_for_it() {
        let once = DecodeOnce::new(8);
        let decoded = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let result = once.run(7, 1, || {
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
        let once = DecodeOnce::new(8);
        let (taken, most) = (AtomicU64::new(0), AtomicU64::new(0));
        let memory = MOST_MEMORY / 2;
        thread::scope(|scope| {
            for number in 0..8 {
                let (once, taken, most) = (&once, &taken, &most);
                scope.spawn(move || {
                    once.run(number, memory, || {
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
        let once = DecodeOnce::new(1);
        assert!(once.run(0, MOST_MEMORY * 2, || Err(io::Error::other("damaged"))).is_err());
        assert!(!once.is_done(0));
        once.run(0, MOST_MEMORY * 2, || Ok(())).unwrap();
        once.run(0, 1, || Err(io::Error::other("decoded twice"))).unwrap();
        assert!(once.run(1, 1, || Ok(())).is_err());
    }
}
