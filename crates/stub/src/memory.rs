//! The memory budget of all requests together: bodies that are being read, decoded or sent.
//!
//! Each connection has a [`MemoryShare`] of the [`MemoryBudget`]. A request holds a
//! [`MemoryPermit`] of that share, which is returned when it is dropped. A share may hold at most
//! as many bytes as remain free after it: the dynamic thresholds of Choudhury and Hahne ("Dynamic
//! queue length thresholds for shared-memory packet switches", IEEE/ACM ToN 6(2), 1998), with
//! factor 1. One connection alone gets half of the budget; beside `n` greedy connections, a further
//! one finds one part in `n + 1` free.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;

/// Size of a body, in bytes, up to which it is not counted on HTTP/1.1, where a connection has one
/// request at a time.
pub const UNCOUNTED_BODY_BYTES: usize = 4 << 10;

/// The number of bytes that all requests together may hold.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: usize,
    held: AtomicUsize,
    refused: AtomicU64,
}

/// The part of a memory budget that one connection holds.
#[derive(Debug)]
pub struct MemoryShare {
    budget: Arc<MemoryBudget>,
    held: AtomicUsize,
}

/// A number of bytes of a share, returned when the permit is dropped.
#[derive(Debug)]
pub struct MemoryPermit {
    share: Arc<MemoryShare>,
    bytes: usize,
}

/// Error: the budget has no room for the requested bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryExhausted {
    /// Size of the whole budget in bytes.
    pub limit: usize,
}

/// Bytes together with the permit that counts them.
struct HeldBytes<T> {
    bytes: T,
    _permit: MemoryPermit,
}

impl MemoryBudget {
    /// Returns a budget of `limit` bytes.
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, held: AtomicUsize::new(0), refused: AtomicU64::new(0) })
    }

    /// Returns the limit in bytes.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Returns the number of bytes that are held now.
    pub fn held(&self) -> usize {
        self.held.load(Relaxed)
    }

    /// Returns how often a request for memory was refused.
    pub fn refused(&self) -> u64 {
        self.refused.load(Relaxed)
    }
}

impl MemoryShare {
    /// Returns a share of `budget` for one connection.
    pub fn new(budget: &Arc<MemoryBudget>) -> Arc<Self> {
        Arc::new(Self { budget: Arc::clone(budget), held: AtomicUsize::new(0) })
    }

    /// Takes `bytes` of the budget.
    ///
    /// # Errors
    ///
    /// Fails if the budget has no room for them; the refusal is counted.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Result<MemoryPermit, MemoryExhausted> {
        let mut permit = MemoryPermit { share: Arc::clone(self), bytes: 0 };
        permit.grow(bytes)?;
        Ok(permit)
    }

    /// Counts `bytes` of one request until the last slice of them is dropped.
    ///
    /// # Errors
    ///
    /// Fails if the budget has no room for them; the refusal is counted.
    pub fn hold(self: &Arc<Self>, bytes: Bytes) -> Result<Bytes, MemoryExhausted> {
        Ok(self.take(bytes.len())?.hold(bytes))
    }
}

impl MemoryPermit {
    /// Takes `more` bytes. If there is no room, the permit keeps the bytes that it has.
    pub fn grow(&mut self, more: usize) -> Result<(), MemoryExhausted> {
        let MemoryShare { budget, held } = &*self.share;
        let all = budget.held.fetch_add(more, Relaxed).saturating_add(more);
        let own = held.fetch_add(more, Relaxed).saturating_add(more);
        if all.saturating_add(own) > budget.limit {
            budget.held.fetch_sub(more, Relaxed);
            held.fetch_sub(more, Relaxed);
            budget.refused.fetch_add(1, Relaxed);
            return Err(MemoryExhausted { limit: budget.limit });
        }
        self.bytes += more;
        Ok(())
    }

    /// Ties the permit to `bytes`: it is returned when the last slice of them is dropped.
    pub fn hold(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(HeldBytes { bytes, _permit: self })
    }
}

impl Drop for MemoryPermit {
    fn drop(&mut self) {
        self.share.held.fetch_sub(self.bytes, Relaxed);
        self.share.budget.held.fetch_sub(self.bytes, Relaxed);
    }
}

impl<T: AsRef<[u8]>> AsRef<[u8]> for HeldBytes<T> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

impl fmt::Display for MemoryExhausted {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "standin has no memory left for this call: all calls together may hold {} bytes, and one connection no more \
             than it leaves free; raise --max-memory",
            self.limit
        )
    }
}

impl std::error::Error for MemoryExhausted {}

/// Returns the default limit in bytes: a quarter of the machine's memory, or of the control group's
/// if that is less.
pub fn default_limit() -> usize {
    let system = rustix::system::sysinfo();
    let machine = (system.totalram as u64).saturating_mul(u64::from(system.mem_unit));
    let groups = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let group = group_limit(&groups, Path::new("/sys/fs/cgroup"));
    usize::try_from(group.map_or(machine, |group| group.min(machine)) / 4).unwrap_or(usize::MAX)
}

/// Returns the least limit of the control groups listed in `groups` (the text of
/// `/proc/self/cgroup`) and of their ancestors. `mount` is the folder with their files:
/// `memory.max` in version 2, `memory/…/memory.limit_in_bytes` in version 1.
fn group_limit(groups: &str, mount: &Path) -> Option<u64> {
    let limits = groups.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let (root, file) = match controllers {
            "" => (mount.to_owned(), "memory.max"),
            _ if controllers.split(',').any(|name| name == "memory") => (mount.join("memory"), "memory.limit_in_bytes"),
            _ => return None,
        };
        // in a container the path may be that of the host: then only the mount itself exists
        let path = root.join(path.trim_start_matches('/'));
        let around = path.ancestors().take_while(|folder| folder.starts_with(&root));
        around.filter_map(|folder| std::fs::read_to_string(folder.join(file)).ok()?.trim().parse().ok()).min()
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_holds_as_much_as_it_leaves_free() {
        let budget = MemoryBudget::new(100);
        let (one, other) = (MemoryShare::new(&budget), MemoryShare::new(&budget));
        let first = one.take(50).expect("half is free");
        assert_eq!(one.take(1).unwrap_err(), MemoryExhausted { limit: 100 });
        let second = other.take(25).expect("half of the rest is free");
        assert!(other.take(1).is_err());
        assert_eq!((budget.held(), budget.refused()), (75, 2));
        drop(first);
        let third = other.take(25).expect("what was given back is free");
        drop((second, third));
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn bytes_are_held_until_their_last_part_is_dropped() {
        let budget = MemoryBudget::new(1000);
        let bytes = MemoryShare::new(&budget).hold(vec![7; 100].into()).expect("there is room");
        let part = bytes.slice(10..20);
        drop(bytes);
        assert_eq!((budget.held(), &part[..]), (100, &[7; 10][..]));
        drop(part);
        assert_eq!(budget.held(), 0);
    }

    #[test]
    fn what_does_not_fit_leaves_no_trace() {
        let budget = MemoryBudget::new(100);
        let mut permit = MemoryShare::new(&budget).take(10).expect("there is room");
        assert!(permit.grow(usize::MAX / 2).is_err());
        assert_eq!(budget.held(), 10);
    }

    #[test]
    fn limits_of_control_groups_are_found() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("below the folder")).expect("writable");
            std::fs::write(path, text).expect("writable");
        };
        write("outer/memory.max", "4096\n");
        write("outer/inner/memory.max", "max\n");
        write("memory/memory.limit_in_bytes", "2048\n");
        assert_eq!(group_limit("0::/outer/inner\n", folder.path()), Some(4096));
        assert_eq!(group_limit("0::/elsewhere\n", folder.path()), None);
        assert_eq!(group_limit("5:cpu:/\n4:memory,x:/of/the/host\n0::/outer\n", folder.path()), Some(2048));
        assert!(default_limit() > 0);
    }
}
