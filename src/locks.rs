//! Locking of mutexes that stay usable after a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose data are valid at every moment, so that a panic of another thread while it
/// held the lock is no reason to panic as well.
pub trait LockUnpoisoned<T> {
    /// Locks the mutex, also if it is poisoned.
    fn lock_unpoisoned(&self) -> MutexGuard<'_, T>;
}

impl<T> LockUnpoisoned<T> for Mutex<T> {
    fn lock_unpoisoned(&self) -> MutexGuard<'_, T> {
        self.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_poisoned_mutex_is_locked() {
        let mutex = Arc::new(Mutex::new(1));
        let poisoning = Arc::clone(&mutex);
        let poisoned = thread::spawn(move || {
            let _guard = poisoning.lock();
            panic!("with the lock held");
        });
        assert!(poisoned.join().is_err() && mutex.is_poisoned());
        assert_eq!(*mutex.lock_unpoisoned(), 1);
    }
}
