//! Blocks that were decoded lately, and the room for those that are being decoded.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many bytes of decoded Blocks are kept.
const MOST_KEPT: u64 = 96 << 20;

/// How many bytes the Blocks that are being decoded and the memory of their decoders may take together.
/// A Block that needs more is decoded alone.
const MOST_DECODING: u64 = 128 << 20;

/// How many bytes all of them take together, unless a single Block needs more.
const MOST_OF_ALL: u64 = 192 << 20;

/// The decoded Blocks of one file, by number. While one thread decodes a Block, others can decode others,
/// and those that want the same wait for it.
#[derive(Default)]
pub(super) struct BlockCache {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    kept: BTreeMap<usize, Kept>,
    kept_bytes: u64,
    decoding: BTreeSet<usize>,
    decoding_bytes: u64,
    /// Counts the uses, so that the one that was longest ago is known.
    uses: u64,
}

struct Kept {
    bytes: Arc<Vec<u8>>,
    last_use: u64,
}

impl State {
    fn get(&mut self, number: usize) -> Option<Arc<Vec<u8>>> {
        self.uses = self.uses.saturating_add(1);
        let kept = self.kept.get_mut(&number)?;
        kept.last_use = self.uses;
        Some(Arc::clone(&kept.bytes))
    }

    /// Drops the Blocks whose last use was longest ago, until the rest fits.
    fn make_room(&mut self) {
        let most = MOST_KEPT.min(MOST_OF_ALL.saturating_sub(self.decoding_bytes));
        while self.kept_bytes > most {
            let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.last_use);
            let Some(dropped) =
                oldest.map(|(number, _)| *number).and_then(|number| self.kept.remove(&number))
            else {
                return;
            };
            self.kept_bytes = self.kept_bytes.saturating_sub(dropped.bytes.len() as u64);
        }
    }
}

impl BlockCache {
    /// The bytes of a Block, when they are there.
    pub(super) fn get(&self, number: usize) -> Option<Arc<Vec<u8>>> {
        self.lock().get(number)
    }

    /// The bytes of a Block: those that are there, or what `decode` makes, which takes `memory` bytes (what
    /// it makes included).
    pub(super) fn get_or_decode(
        &self,
        number: usize,
        memory: u64,
        decode: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<Vec<u8>>> {
        let mut state = self.lock();
        loop {
            if let Some(bytes) = state.get(number) {
                return Ok(bytes);
            }
            let together = state.decoding_bytes.saturating_add(memory);
            let has_room = state.decoding.is_empty() || together <= MOST_DECODING;
            if has_room && !state.decoding.contains(&number) {
                break;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.decoding.insert(number);
        state.decoding_bytes = state.decoding_bytes.saturating_add(memory);
        state.make_room();
        drop(state);
        let decoding = Decoding { cache: self, number, memory };
        let bytes = Arc::new(decode()?);
        let mut state = self.lock();
        state.uses = state.uses.saturating_add(1);
        let kept = Kept { bytes: Arc::clone(&bytes), last_use: state.uses };
        state.kept_bytes = state.kept_bytes.saturating_add(bytes.len() as u64);
        state.kept.insert(number, kept);
        drop(state);
        drop(decoding);
        Ok(bytes)
    }

    /// Nothing that is done under the lock leaves it half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Block that is being decoded, until it is there or that has failed.
struct Decoding<'cache> {
    cache: &'cache BlockCache,
    number: usize,
    memory: u64,
}

impl Drop for Decoding<'_> {
    fn drop(&mut self) {
        let mut state = self.cache.lock();
        state.decoding.remove(&self.number);
        state.decoding_bytes = state.decoding_bytes.saturating_sub(self.memory);
        state.make_room();
        drop(state);
        self.cache.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_blocks_used_last_are_kept_within_the_limit() {
        let cache = BlockCache::default();
        let block = || Ok(vec![0; 30 << 20]);
        for number in [0, 1, 2] {
            cache.get_or_decode(number, 30 * MIB, block).unwrap();
        }
        assert!(cache.get(0).is_some());
        cache.get_or_decode(3, 30 * MIB, block).unwrap();
        assert!(cache.get(1).is_none());
        assert!(cache.get(0).is_some() && cache.get(2).is_some() && cache.get(3).is_some());
        assert_eq!(cache.lock().kept_bytes, 90 * MIB);
    }

    #[test]
    fn decoding_a_large_block_makes_the_kept_ones_go_first() {
        let cache = BlockCache::default();
        cache.get_or_decode(0, 60 * MIB, || Ok(vec![0; 60 << 20])).unwrap();
        let bytes = cache.get_or_decode(1, 180 * MIB, || {
            assert_eq!(cache.lock().kept_bytes, 0);
            Ok(vec![1])
        });
        assert_eq!(*bytes.unwrap(), [1]);
    }

    #[test]
    fn two_blocks_are_decoded_at_the_same_time() {
        let cache = BlockCache::default();
        let both = Barrier::new(2);
        thread::scope(|scope| {
            for number in [0, 1] {
                let (cache, both) = (&cache, &both);
                scope.spawn(move || {
                    cache.get_or_decode(number, MIB, || {
                        // Passes only when the other thread is in here as well.
                        both.wait();
                        Ok(vec![])
                    })
                });
            }
        });
    }

    #[test]
    fn one_block_is_decoded_once_for_all_who_wait_for_it() {
        let cache = BlockCache::default();
        let decoded = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let bytes = cache.get_or_decode(7, MIB, || {
                        decoded.fetch_add(1, Ordering::Relaxed);
                        thread::sleep(Duration::from_millis(20));
                        Ok(vec![7])
                    });
                    assert_eq!(*bytes.unwrap(), [7]);
                });
            }
        });
        assert_eq!(decoded.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_block_that_could_not_be_decoded_is_tried_again() {
        let cache = BlockCache::default();
        assert!(cache.get_or_decode(0, 1, || Err(io::Error::other("damaged"))).is_err());
        assert_eq!(*cache.get_or_decode(0, 1, || Ok(vec![1])).unwrap(), [1]);
        assert_eq!(cache.lock().decoding_bytes, 0);
    }
}
