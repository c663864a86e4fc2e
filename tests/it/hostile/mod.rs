//! Hostile input, silent clients and broken disks: one call, one file or one client never harms the
//! others.

mod connections; // clients that are silent, slow or never finish
mod evaluation; // schemas, patterns, templates and documents that take for ever
mod files; // pipes, devices, circles and planted links in stub folders
mod memory; // clients that send without end or never read
mod numbered_service; // a service for recordings
mod panics; // a panic in each kind of thread
mod readers; // nobody reads stdout and stderr
mod requests; // who may change anything, and what is no HTTP
mod stamps; // time stamps that cannot be true
mod tapes; // recordings that are killed, and disks that fill up
