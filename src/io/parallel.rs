//! A queue of work and the threads that work it off.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` on each item, on so many threads at once. Each thread takes the next item when it is done with one, and
/// none takes another after an error.
///
/// # Errors
/// The first error, in the order of the threads.
pub(crate) fn for_each<T, E: Send>(
    threads: usize,
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let items = Mutex::new(items.fuse());
    let stop = AtomicBool::new(false);
    let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        while !stop.load(Ordering::Relaxed)
            && let Some(item) = next()
        {
            work(item).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
        }
        Ok(())
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let results =
            workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
        results.fold(Ok(()), Result::and)
    })
}

#[cfg(test)]
mod tests {
    use super::for_each;
    use std::sync::Mutex;

    #[test]
    fn all_items_are_worked_off_once() {
        let done = Mutex::new(Vec::new());
        for_each(4, 0..100, |number| {
            done.lock().unwrap().push(number);
            Ok::<_, ()>(())
        })
        .unwrap();
        let mut done = done.into_inner().unwrap();
        done.sort_unstable();
        assert!(done.into_iter().eq(0..100));
    }

    #[test]
    fn nothing_is_begun_after_an_error() {
        let done = Mutex::new(0);
        let result = for_each(1, 0..100, |number| {
            *done.lock().unwrap() += 1;
            if number == 3 { Err("three") } else { Ok(()) }
        });
        assert_eq!(result, Err("three"));
        assert_eq!(*done.lock().unwrap(), 4);
    }
}
