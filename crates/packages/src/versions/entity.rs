//! Packages, libraries and entry points as queries see them. Both kinds of packages are rows of one table; the
//! condition on the feed, which every query of them carries, tells them apart.

use crate::enums::{PACKAGE_TYPE, PROJECT_TYPE, TARGET_FRAMEWORK};
use bandmaster_model::entity::Link;
use bandmaster_model::{EntityType, Kind, Navigation, Property, Scope};

const KEY: &str = "{t}.package_id || ':' || {t}.version";

/// Some process is made of this version.
const IS_ACTIVE: &str =
    "CASE WHEN EXISTS (SELECT 1 FROM releases r WHERE r.package_version_id = {t}.id) THEN 1 ELSE 0 END";

/// The version that was the latest before this one.
const OLD_VERSION: &str = "CASE WHEN {t}.is_latest = 1 THEN (SELECT o.version FROM package_versions o \
     WHERE o.package_ref = {t}.package_ref AND o.version_key < {t}.version_key ORDER BY o.version_key DESC LIMIT 1) END";

/// Orders by version. Of the kind that is compared byte by byte; no member of any answer.
pub(super) static VERSION_ORDER: Property = Property::new("#VersionOrder", Kind::Guid, "version_key");

/// A package version, as the tag Processes shows it.
pub static PACKAGE: EntityType = EntityType {
    name: "ProcessDto",
    set: "Processes",
    table: "package_versions",
    key: "Key",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::computed("IsActive", Kind::Bool, IS_ACTIVE),
        Property::new("Arguments", Kind::Json, "arguments"),
        Property::new("SupportsMultipleEntryPoints", Kind::Bool, "multiple_entry_points"),
        Property::new("MainEntryPointPath", Kind::Text, "main_entry_point"),
        Property::new("RequiresUserInteraction", Kind::Bool, "requires_user_interaction"),
        Property::new("IsAttended", Kind::Bool, "is_attended"),
        Property::new("TargetFramework", Kind::Enum(&TARGET_FRAMEWORK), "target_framework"),
        Property::new("PackageType", Kind::Enum(&PACKAGE_TYPE), "package_type"),
        Property::new("Title", Kind::Text, "title"),
        Property::new("Version", Kind::Text, "version"),
        Property::computed("Key", Kind::Text, KEY),
        Property::new("Description", Kind::Text, "description"),
        Property::new("Published", Kind::DateTime, "published_at"),
        Property::new("IsLatestVersion", Kind::Bool, "is_latest"),
        Property::computed("OldVersion", Kind::Text, OLD_VERSION),
        Property::new("ReleaseNotes", Kind::Text, "release_notes"),
        Property::new("Authors", Kind::Text, "authors"),
        Property::new("ProjectType", Kind::Enum(&PROJECT_TYPE), "project_type"),
        Property::new("Tags", Kind::Text, "tags"),
        Property::new("IsCompiled", Kind::Bool, "is_compiled"),
        Property::new("LicenseUrl", Kind::Text, "license_url"),
        Property::new("ProjectUrl", Kind::Text, "project_url"),
        Property::new("ResourceTags", Kind::Json, "resource_tags"),
        Property::new("Id", Kind::Text, "package_id"),
    ],
    navigations: &[Navigation {
        name: "EntryPoints",
        target: || &ENTRY_POINT,
        link: Link::Many { local: "id", remote: "package_version_id" },
    }],
};

/// A version of a library.
pub static LIBRARY: EntityType = EntityType {
    name: "LibraryDto",
    set: "Libraries",
    table: "package_versions",
    key: "Key",
    scope: Scope::Tenant { column: "tenant_id" },
    properties: &[
        Property::new("Created", Kind::DateTime, "published_at"),
        Property::new("LastUpdated", Kind::DateTime, "published_at"),
        Property::new("Owners", Kind::Text, "owners"),
        Property::new("IconUrl", Kind::Text, "icon_url"),
        Property::new("Summary", Kind::Text, "summary"),
        Property::new("PackageSize", Kind::Int64, "size"),
        Property::new("IsPrerelease", Kind::Bool, "is_prerelease"),
        Property::new("Title", Kind::Text, "title"),
        Property::new("Version", Kind::Text, "version"),
        Property::computed("Key", Kind::Text, KEY),
        Property::new("Description", Kind::Text, "description"),
        Property::new("Published", Kind::DateTime, "published_at"),
        Property::new("IsLatestVersion", Kind::Bool, "is_latest"),
        Property::computed("OldVersion", Kind::Text, OLD_VERSION),
        Property::new("ReleaseNotes", Kind::Text, "release_notes"),
        Property::new("Authors", Kind::Text, "authors"),
        Property::new("ProjectType", Kind::Enum(&PROJECT_TYPE), "project_type"),
        Property::new("Tags", Kind::Text, "tags"),
        Property::new("IsCompiled", Kind::Bool, "is_compiled"),
        Property::new("LicenseUrl", Kind::Text, "license_url"),
        Property::new("ProjectUrl", Kind::Text, "project_url"),
        Property::new("ResourceTags", Kind::Json, "resource_tags"),
        Property::new("Id", Kind::Text, "package_id"),
    ],
    navigations: &[],
};

const DATA_VARIATION: &str = "CASE WHEN {t}.data_variation IS NULL THEN NULL ELSE '{\"Content\":' || {t}.data_variation \
     || ',\"ContentType\":\"Json\",\"Id\":' || CAST({t}.id AS TEXT) || '}' END";

/// A place where jobs can start.
pub static ENTRY_POINT: EntityType = EntityType {
    name: "EntryPointDto",
    set: "EntryPoints",
    table: "package_entry_points",
    key: "Id",
    scope: Scope::Within,
    properties: &[
        Property::new("UniqueId", Kind::Guid, "unique_id"),
        Property::new("Path", Kind::Text, "path"),
        Property::new("InputArguments", Kind::Text, "input_arguments"),
        Property::new("OutputArguments", Kind::Text, "output_arguments"),
        Property::computed("DataVariation", Kind::Json, DATA_VARIATION),
        Property::new("Id", Kind::Int64, "id"),
    ],
    navigations: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_model::contract;

    #[test]
    fn all_published_properties_are_there() {
        for ty in [&PACKAGE, &LIBRARY, &ENTRY_POINT] {
            for property in contract().type_def(ty.name).unwrap().properties() {
                let found = ty.property(&property.name).is_some() || ty.navigation(&property.name).is_some();
                assert!(found, "{} of {}", property.name, ty.name);
            }
        }
    }
}
