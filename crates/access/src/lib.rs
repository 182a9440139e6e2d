//! Tenants, folders, roles, permissions, the accounts of tenants, personal workspaces, and the gate: which tenant a
//! request means, what its caller may do there, which folder its headers name.
//!
//! Accounts themselves (passwords, groups, applications) belong to the identity service, machines and robots to the
//! fleet, what lies in folders to its features; [`parts`] says what they are asked.
//!
//! A folder's key is also the GUID of its own package feed, where it has one: first-level folders of the type
//! `FolderHierarchy`, and personal workspaces. See [`folders::feed_root`].

pub mod bootstrap;
pub mod changes;
pub mod codes;
pub mod directory;
mod explain;
pub mod folders;
pub mod gate;
pub mod kinds;
pub mod links;
mod mine;
pub mod parts;
mod removal;
pub mod roles;
mod shape;
pub mod tenants;
pub mod users;
pub mod workspaces;

pub use bootstrap::{NewTenant, bootstrap, create_tenant};
pub use changes::{check_name, organization_rights_changed, rights_changed, rights_changed_in};
pub use gate::AccessGate;
pub use removal::{TenantRemoval, TenantRows};
pub use tenants::Tenants;

use bandmaster_api::Registry;

/// Registers the operations and entity types.
pub fn register(r: &mut Registry) {
    folders::operations::register(r);
    folders::users::register(r);
    folders::roles_of_user::register(r);
    folders::current::register(r);
    folders::navigation::register(r);
    folders::units::register(r);
    users::operations::register(r);
    users::current::register(r);
    users::culture::register(r);
    users::directory_search::register(r);
    workspaces::operations::register(r);
    roles::operations::register(r);
    roles::permissions::register(r);
    tenants::register(r);
    explain::register(r);
}
