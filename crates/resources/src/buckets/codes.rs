//! Error codes of buckets, besides those that other features need as well. Their names and order are published, and that
//! they stand between those of analytics and of testing (3201); the numbers are taken from there and nowhere confirmed.

/// No such provider of storage anywhere.
pub const INVALID_STORAGE_PROVIDER: i32 = 3101;
/// Not a path of a file in a bucket.
pub const INVALID_BLOB_FILE_PATH: i32 = 3103;
/// The provider is known, but not served here.
pub const UNAVAILABLE_STORAGE_PROVIDER: i32 = 3104;
