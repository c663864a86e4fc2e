//! Hostile input, silent clients and broken disks: one call, one file or one client never harms the others.

mod connections; // clients that are silent, slow or never finish
mod memory; // clients that send without end or never read
mod panics; // a panic in each kind of thread
mod process; // the binary, in a process of its own
mod requests; // who may change anything, and what is no HTTP
mod stamps; // recorders that are slower than what they record
