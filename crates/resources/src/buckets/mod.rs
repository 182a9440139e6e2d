//! Storage buckets: named stores of files that belong to folders. File contents never pass through the operations
//! themselves: those give signed addresses of this server (`address`), which read and write contents without any other
//! credential (`blob`).
//!
//! Only the built-in provider exists; its files are this server's stored files ([`crate::files`]). `entity` describes
//! buckets and files for queries, `path` has the rules of paths, `wish` and `write` serve buckets, `operations` and
//! `lists` their files, `save` changes what is in a bucket, `part` lets other features put files into one.

mod address;
mod blob;
pub mod codes;
mod contents;
mod entity;
mod links;
mod lists;
mod operations;
mod part;
mod path;
mod row;
mod save;
mod wish;
mod write;

pub use contents::BucketsOfFolders;
pub use entity::{BUCKET, FILE};
pub use part::BucketArchives;

use crate::types;
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::Result;
use bandmaster_model::FolderRule;
use bandmaster_odata::sql::Param;

/// Registers the operations.
pub(crate) fn register(r: &mut Registry) {
    r.entity(&BUCKET);
    types::answers(r.serve("Buckets_Get", list), types::BUCKET_LIST);
    types::answers(r.serve("Buckets_GetById", one).also(&[404]), types::BUCKET);
    let by_key = own(
        "Buckets_GetByKey",
        "GET",
        "/odata/Buckets/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})",
    );
    let by_key = by_key
        .scopes("OR.Administration,OR.Administration.Read")
        .permission("Buckets.View")
        .folder(FolderRule::Required)
        .path("identifier", "uuid")
        .options("$expand $select")
        .returns(200, types::BUCKET);
    r.add(by_key, one_by_key).also(&[404]);
    let create = r.serve("Buckets_Post", write::create).also(&[409]);
    types::takes(create, types::BUCKET);
    types::answers(create, types::BUCKET);
    let update = r.serve("Buckets_PutById", write::update).also(&[404, 409]);
    types::takes(update, types::BUCKET);
    types::answers(update, types::BUCKET);
    r.serve("Buckets_DeleteById", write::delete).also(&[404]);
    // These look across folders; a header says nothing to them.
    let across = r.serve("Buckets_GetBucketsAcrossFolders", links::across).folder(FolderRule::Optional);
    types::answers(across, types::BUCKET_LIST);
    r.serve("Buckets_GetFoldersForBucketById", links::folders).folder(FolderRule::Optional).also(&[404]);
    r.serve("Buckets_ShareToFolders", links::share).folder(FolderRule::Optional).also(&[409]);
    types::answers(r.serve("Buckets_GetFilesByKey", lists::files).also(&[404]), types::FILE_LIST);
    r.serve("Buckets_GetDirectoriesByKey", lists::directories).also(&[404]);
    r.serve("Buckets_ListFilesById", lists::pages).also(&[404]);
    types::answers(r.serve("Buckets_GetFileByKey", operations::one).also(&[404]), types::FILE);
    r.serve("Buckets_GetReadUriByKey", operations::read_uri).also(&[404]);
    r.serve("Buckets_GetWriteUriByKey", operations::write_uri).also(&[404, 409]);
    r.serve("Buckets_DeleteFileByKey", operations::delete).also(&[404, 409]).events(&["blobfile.deleted"]);
    let blob = |id, method| {
        own(id, method, "/blob/buckets/{id}")
            .tag("Buckets")
            .anonymous()
            .path("id", "uuid")
            .query("file", "string!")
            .query("expires", "int64!")
            .query("signature", "string!")
    };
    r.add(blob("Buckets_ReadContent", "GET").returns(200, "file"), blob::read).also(&[403, 404]);
    // Who asked for the address, and for which file, is in the audit already.
    r.add(blob("Buckets_WriteContent", "PUT").returns(201, "-"), blob::write)
        .streams()
        .evented()
        .also(&[403, 404, 408, 409, 413])
        .events(&["blobfile.uploaded"]);
}

/// The buckets of the folder.
async fn list(call: &mut Call) -> Result<Output> {
    call.list(&BUCKET).await
}

async fn one(call: &mut Call) -> Result<Output> {
    let id = call.int_argument("key")?;
    call.entity(&BUCKET, id).await
}

async fn one_by_key(call: &mut Call) -> Result<Output> {
    let key = call.guid_argument("identifier")?;
    call.entity_where(&BUCKET, &call.visible(), "{t}.key = ?", vec![Param::Text(key)]).await
}
