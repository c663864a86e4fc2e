//! Access to files that anybody may have put into a folder.

pub mod regular_file;
