//! Hostile input, silent clients and broken disks: one call, one file or one client never harms the others.

mod evaluation;
