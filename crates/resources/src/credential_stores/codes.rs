//! Error codes of credential stores. Their names and order are the published ones; the numbers follow from their
//! position around 2303 and 2304, which are known.

/// A store that is the default of something stays.
pub const CANNOT_DELETE_DEFAULT: i32 = 2300;
/// No such type of store here.
pub const UNKNOWN_TYPE: i32 = 2302;
/// A store keeps its type, and there is one of type `Database`.
pub const INVALID_TYPE: i32 = 2308;
