//! Error codes of packages and processes beyond the common ones. Their names and order are the published ones; the
//! numbers follow from their position.

/// Another process of test cases is made of the package.
pub const TEST_AUTOMATION_PROCESS_ALREADY_EXISTS: i32 = 1696;
/// The process follows its package by itself.
pub const VERSIONS_MANAGED_AUTOMATICALLY: i32 = 1693;
