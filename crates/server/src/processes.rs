//! Where two features meet that do not know each other: jobs ask for processes, which the packages crate keeps.

use bandmaster_automation::{Process, Processes, Wish};
use bandmaster_core::Result;
use bandmaster_packages::releases::{self, ReleaseForStart, ReleaseWish};
use bandmaster_store::Conn;
use futures::future::BoxFuture;

/// Processes out of the packages crate.
pub struct Releases;

fn process(release: ReleaseForStart) -> Process {
    Process {
        id: release.id,
        key: release.key,
        folder_id: release.folder_id,
        name: release.name,
        package_id: release.package_id,
        package_version: release.package_version,
        version_id: release.version_id,
        feed_key: release.feed_key,
        entry_point_path: release.entry_point_path,
        entry_points: release.entry_points,
        input_arguments: release.input_arguments,
        environment_variables: release.environment_variables,
        requires_user_interaction: release.requires_user_interaction,
        target_framework: release.target_framework,
        process_type: release.process_type,
        priority: release.priority,
        package_sha256: release.package_sha256,
    }
}

impl Processes for Releases {
    fn find<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
        wish: Wish<'a>,
    ) -> BoxFuture<'a, Result<Option<Process>>> {
        Box::pin(async move {
            let wish = match wish {
                Wish::Key(key) => ReleaseWish::Key(key),
                Wish::Name(name) => ReleaseWish::Name(name),
            };
            Ok(releases::for_start(conn, tenant_id, folder_id, wish).await?.map(process))
        })
    }

    fn by_key<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        key: &'a str,
    ) -> BoxFuture<'a, Result<Option<Process>>> {
        Box::pin(async move { Ok(releases::by_key(conn, tenant_id, key).await?.map(process)) })
    }

    fn of_folder<'a>(
        &'a self,
        conn: &'a mut Conn,
        tenant_id: i64,
        folder_id: i64,
    ) -> BoxFuture<'a, Result<Vec<Process>>> {
        Box::pin(async move {
            let found = releases::of_folder(conn, tenant_id, folder_id).await?;
            Ok(found.into_iter().map(process).collect())
        })
    }

    fn current<'a>(&'a self, conn: &'a mut Conn, _tenant_id: i64, id: i64) -> BoxFuture<'a, Result<Option<Process>>> {
        Box::pin(async move { Ok(releases::current(conn, id).await?.map(process)) })
    }
}
