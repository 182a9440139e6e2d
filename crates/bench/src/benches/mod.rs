//! What is measured, one file each. A benchmark returns lines of the table; a wrong answer ends it with an error.

pub mod boot;
pub mod claim;
pub mod logs;
pub mod page;
pub mod start;
pub mod tokens;
