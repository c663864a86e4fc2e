//! Stubs from what describes or shows a service, and recordings for other tools.
//!
//! [`openapi`] makes stubs of the operations of a description, with answers from its examples or
//! samples of its schemas. [`har`] and [`postman`] give calls with their answers, of which
//! `standin_learn::draft` makes stubs ([`recorded`]). [`export`] writes tapes and journals as HTTP
//! archives. Tapes come from [`capture`], [`access_log`] and [`spans`]. Stubs are returned as data;
//! `standin_learn::draft::write` puts them into a folder.

pub mod access_log;
pub mod capture;
pub mod document;
pub mod export;
mod form;
pub mod har;
pub mod openapi;
pub mod postman;
pub mod recorded;
mod sample;
mod schema;
pub mod spans;
pub mod timing;
