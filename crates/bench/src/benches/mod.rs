//! What is measured, one file each. A benchmark returns lines of the table; a wrong answer ends it with an error.

pub mod access;
pub mod add;
pub mod boot;
pub mod claim;
pub mod depth;
pub mod drive;
pub mod history;
pub mod list;
pub mod logs;
pub mod page;
pub mod peer;
pub mod requests;
pub mod signin;
pub mod start;
pub mod tokens;
