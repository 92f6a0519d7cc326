//! A queue of work and the threads that work it off.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Does `work` on each item, on so many threads at once, and returns the results in the order of the items. Each thread
/// takes the next item when it is done with one, and none takes another after an error.
///
/// # Errors
/// One of the errors of `work`.
pub(crate) fn map<T, R: Send, E: Send>(
    threads: usize,
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let queue = Mutex::new(items.enumerate().fuse());
    let stop = AtomicBool::new(false);
    // Nothing is left half done under the lock.
    let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
    let worker = || {
        let mut done = Vec::new();
        while !stop.load(Ordering::Relaxed)
            && let Some((number, item)) = next()
        {
            let result = work(item).inspect_err(|_| stop.store(true, Ordering::Relaxed))?;
            done.push((number, result));
        }
        Ok(done)
    };
    let mut results = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(worker)).collect();
        let mut results = Vec::new();
        for worker in workers {
            // A panic is a defect of this program, wherever it happens.
            results.extend(worker.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(results)
    })?;
    results.sort_unstable_by_key(|(number, _)| *number);
    Ok(results.into_iter().map(|(_, result)| result).collect())
}

#[cfg(test)]
mod tests {
    use super::map;
    use std::sync::Mutex;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let squares = map(4, 0..100, |number| Ok::<_, ()>(number * number)).unwrap();
        assert!(squares.into_iter().eq((0..100).map(|number| number * number)));
    }

    #[test]
    fn nothing_is_begun_after_an_error() {
        let done = Mutex::new(0);
        let result = map(1, 0..100, |number| {
            *done.lock().unwrap() += 1;
            if number == 3 { Err("three") } else { Ok(()) }
        });
        assert_eq!(result, Err("three"));
        assert_eq!(*done.lock().unwrap(), 4);
    }
}
