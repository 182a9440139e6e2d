//! What the product is held against. None of these knows tenants, rights, audit or events; each does only the one thing
//! it is named for, as well as it can be done simply. They are not changed to look better.

pub mod argon;
pub mod claim;
pub mod disk;
pub mod greeter;
pub mod hand;
pub mod logs;
pub mod page;
pub mod pgbench;
pub mod rsa;
