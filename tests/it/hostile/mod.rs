//! Hostile input, silent clients and broken disks: one call, one file or one client never harms the others.

mod files; // pipes, devices, circles and planted links in stub folders
mod process; // the binary, and a service behind it
mod readers; // nobody reads stdout and stderr
mod stamps; // time stamps that cannot be true
mod tapes; // recordings that are killed, and disks that fill up
