//! Error codes of buckets. Their names and order are published, and that they stand between those of analytics and of
//! testing (3201); the numbers are taken from there and nowhere confirmed.

/// No such provider of storage anywhere.
pub const INVALID_STORAGE_PROVIDER: i32 = 3101;
/// The bucket takes no changes to its files.
pub const BUCKET_IS_READ_ONLY: i32 = 3102;
/// Not a path of a file in a bucket.
pub const INVALID_BLOB_FILE_PATH: i32 = 3103;
/// The provider is known, but not served here.
pub const UNAVAILABLE_STORAGE_PROVIDER: i32 = 3104;
/// There is no such bucket here.
pub const BUCKET_DOES_NOT_EXIST: i32 = 3105;
