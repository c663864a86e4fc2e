//! Safe access to files that other users and programs may have put into a folder.

pub mod regular_file;
