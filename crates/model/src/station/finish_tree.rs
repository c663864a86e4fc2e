//! An order-statistics tree of the calls in service, by their finish in virtual time, with counts
//! and sums of any prefix.
//!
//! A treap (Seidel and Aragon, *Randomized search trees*, Algorithmica 1996): a search tree by
//! finish that is a heap by random priorities, and so about 2 log2 n deep. Each node has the size
//! and the sum of its subtree: with them the finish of any call can be computed at once, not only
//! that of the first one.

/// Finish of a call in virtual time, and its number; calls with the same finish leave in the order
/// of arrival.
pub(super) type FinishKey = (u128, u64);

/// An ordered set of keys with counts and sums of prefixes.
#[derive(Clone, Debug, Default)]
pub(super) struct FinishTree {
    nodes: Vec<TreeNode>,
    vacant: Vec<u32>,
    root: Option<u32>,
}

#[derive(Clone, Debug)]
struct TreeNode {
    key: FinishKey,
    left: Option<u32>,
    right: Option<u32>,
    /// Number of keys in the subtree, and the sum of their finishes.
    size: u32,
    sum: u128,
}

impl FinishTree {
    /// Returns the number of keys.
    pub(super) fn len(&self) -> usize {
        self.root.map_or(0, |root| self.node(root).size as usize)
    }

    /// Returns the first key.
    pub(super) fn first(&self) -> Option<FinishKey> {
        let mut node = self.node(self.root?);
        while let Some(left) = node.left {
            node = self.node(left);
        }
        Some(node.key)
    }

    pub(super) fn insert(&mut self, key: FinishKey) {
        let added = self.occupy(key);
        self.root = Some(self.inserted(self.root, added));
    }

    /// Removes and returns the first key.
    pub(super) fn pop_first(&mut self) -> Option<FinishKey> {
        let key = self.first()?;
        let mut parent = None;
        let mut at = self.root?;
        while let Some(left) = self.node(at).left {
            let node = self.node_mut(at);
            node.size -= 1;
            node.sum -= key.0;
            (parent, at) = (Some(at), left);
        }
        let right = self.node(at).right;
        match parent {
            Some(parent) => self.node_mut(parent).left = right,
            None => self.root = right,
        }
        self.vacant.push(at);
        Some(key)
    }

    /// Removes a key; returns whether it was there.
    pub(super) fn remove(&mut self, key: FinishKey) -> bool {
        if !self.contains(key) {
            return false;
        }
        let (mut parent, mut at) = (None, self.root);
        while let Some(index) = at
            && self.node(index).key != key
        {
            let node = self.node_mut(index);
            node.size -= 1;
            node.sum -= key.0;
            (parent, at) = (at, if key < node.key { node.left } else { node.right });
        }
        let Some(removed) = at else { return false };
        let (left, right) = (self.node(removed).left, self.node(removed).right);
        let rest = self.merged(left, right);
        match parent {
            Some(parent) if self.node(parent).left == at => self.node_mut(parent).left = rest,
            Some(parent) => self.node_mut(parent).right = rest,
            None => self.root = rest,
        }
        self.vacant.push(removed);
        true
    }

    /// Returns the number of finishes before `finish`, and their sum.
    pub(super) fn before(&self, finish: u128) -> (usize, u128) {
        let (mut count, mut sum) = (0, 0);
        let mut at = self.root;
        while let Some(index) = at {
            let node = self.node(index);
            if node.key.0 < finish {
                let (left_count, left_sum) =
                    node.left.map_or((0, 0), |left| (self.node(left).size, self.node(left).sum));
                count += left_count as usize + 1;
                sum += left_sum + node.key.0;
                at = node.right;
            } else {
                at = node.left;
            }
        }
        (count, sum)
    }

    /// Returns the finish that has `rank` others before it.
    pub(super) fn nth(&self, mut rank: usize) -> Option<u128> {
        let mut at = self.root;
        while let Some(index) = at {
            let node = self.node(index);
            let left = node.left.map_or(0, |left| self.node(left).size as usize);
            if rank == left {
                return Some(node.key.0);
            }
            if rank < left {
                at = node.left;
            } else {
                rank -= left + 1;
                at = node.right;
            }
        }
        None
    }

    /// Inserts a node into a subtree; returns its new root.
    fn inserted(&mut self, subtree: Option<u32>, added: u32) -> u32 {
        let Some(root) = subtree else { return added };
        let (key, root_key) = (self.node(added).key, self.node(root).key);
        if priority(key) > priority(root_key) {
            let (left, right) = self.split(subtree, key);
            self.link(added, left, right);
            return added;
        }
        let (left, right) = (self.node(root).left, self.node(root).right);
        if key < root_key {
            let left = self.inserted(left, added);
            self.link(root, Some(left), right);
        } else {
            let right = self.inserted(right, added);
            self.link(root, left, Some(right));
        }
        root
    }

    /// Splits a subtree into the keys before `key` and the rest.
    fn split(&mut self, subtree: Option<u32>, key: FinishKey) -> (Option<u32>, Option<u32>) {
        let Some(root) = subtree else { return (None, None) };
        let (left, right) = (self.node(root).left, self.node(root).right);
        if self.node(root).key < key {
            let (before, rest) = self.split(right, key);
            self.link(root, left, before);
            (Some(root), rest)
        } else {
            let (before, rest) = self.split(left, key);
            self.link(root, rest, right);
            (before, Some(root))
        }
    }

    fn contains(&self, key: FinishKey) -> bool {
        let mut at = self.root;
        while let Some(index) = at {
            let node = self.node(index);
            if node.key == key {
                return true;
            }
            at = if key < node.key { node.left } else { node.right };
        }
        false
    }

    /// Merges two subtrees; all keys of the first are before those of the second.
    fn merged(&mut self, before: Option<u32>, after: Option<u32>) -> Option<u32> {
        let (Some(one), Some(other)) = (before, after) else { return before.or(after) };
        if priority(self.node(one).key) > priority(self.node(other).key) {
            let (left, right) = (self.node(one).left, self.node(one).right);
            let right = self.merged(right, after);
            self.link(one, left, right);
            Some(one)
        } else {
            let (left, right) = (self.node(other).left, self.node(other).right);
            let left = self.merged(before, left);
            self.link(other, left, right);
            Some(other)
        }
    }

    /// Sets the subtrees of a node, with its size and sum.
    fn link(&mut self, at: u32, left: Option<u32>, right: Option<u32>) {
        let below = |child: Option<u32>| child.map_or((0, 0), |child| (self.node(child).size, self.node(child).sum));
        let ((left_size, left_sum), (right_size, right_sum)) = (below(left), below(right));
        let node = self.node_mut(at);
        (node.left, node.right) = (left, right);
        node.size = left_size + right_size + 1;
        node.sum = left_sum + right_sum + node.key.0;
    }

    fn occupy(&mut self, key: FinishKey) -> u32 {
        let node = TreeNode { key, left: None, right: None, size: 1, sum: key.0 };
        match self.vacant.pop() {
            Some(at) => {
                *self.node_mut(at) = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() as u32 - 1
            }
        }
    }

    fn node(&self, at: u32) -> &TreeNode {
        &self.nodes[at as usize]
    }

    fn node_mut(&mut self, at: u32) -> &mut TreeNode {
        &mut self.nodes[at as usize]
    }
}

/// Returns a pseudorandom priority of a call (the finalizer of SplitMix64; Steele, Lea and Flood
/// 2014).
fn priority((_, number): FinishKey) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_sorted_list(
            steps in proptest::collection::vec((prop::option::weighted(0.6, 0u128..50), 0..60usize), 0..300),
        ) {
            let mut order = FinishTree::default();
            let mut list: Vec<FinishKey> = Vec::new();
            for (number, (step, place)) in (0..).zip(steps) {
                match step {
                    Some(finish) => {
                        order.insert((finish, number));
                        list.push((finish, number));
                        list.sort_unstable();
                    }
                    None => prop_assert_eq!(order.pop_first(), (!list.is_empty()).then(|| list.remove(0))),
                }
                if let Some(key) = list.get(place).copied() {
                    prop_assert!(order.remove(key));
                    prop_assert!(!order.remove(key));
                    list.remove(place);
                }
                prop_assert_eq!(order.len(), list.len());
                prop_assert_eq!(order.first(), list.first().copied());
                for finish in 0..51 {
                    let before: Vec<_> = list.iter().map(|key| key.0).filter(|other| *other < finish).collect();
                    prop_assert_eq!(order.before(finish), (before.len(), before.iter().sum()));
                }
                for rank in 0..=list.len() {
                    prop_assert_eq!(order.nth(rank), list.get(rank).map(|key| key.0));
                }
            }
            prop_assert!(order.nodes.len() <= 300);
        }
    }

    #[test]
    fn rising_and_falling_keys_leave_it_shallow() {
        fn depth(order: &FinishTree, at: Option<u32>) -> usize {
            let Some(at) = at else { return 0 };
            1 + depth(order, order.node(at).left).max(depth(order, order.node(at).right))
        }
        for rising in [true, false] {
            let mut order = FinishTree::default();
            for number in 0..20_000u64 {
                order.insert((u128::from(if rising { number } else { 20_000 - number }), number));
            }
            assert!(depth(&order, order.root) < 60);
        }
    }
}
