//! The NuGet surface of a feed, protocol version 3, as far as package managers need it to publish and restore:
//! service index, package content, registrations, search, publishing.
//!
//! Callers come with a bearer token or a machine key, or with the key of the tenant's feeds, which opens those
//! two feeds only (`X-NuGet-ApiKey`, or as the password of basic authentication, the only way some clients know).

mod access;
mod content;
mod push;
mod registration;
mod search;

use access::{challenged, enter};
use bandmaster_api::{Call, Output, Registry, own};
use bandmaster_core::Result;
use serde_json::{Value, json};

/// Registers it.
pub fn register(r: &mut Registry) {
    let read = |id, path: &str| {
        own(id, "GET", &format!("/nuget/v3/{{feedId}}/{path}")).tag("NuGet").anonymous().path("feedId", "uuid")
    };
    r.add(read("NuGet_GetServiceIndex", "index.json").returns(200, "object"), index).also(&[401, 403, 404]);
    r.add(
        read("NuGet_GetVersions", "flat/{id}/index.json").path("id", "string").returns(200, "object"),
        content::versions,
    )
    .also(&[401, 403, 404]);
    r.add(
        read("NuGet_GetContent", "flat/{id}/{version}/{file}")
            .path("id", "string")
            .path("version", "string")
            .path("file", "string")
            .returns(200, "file"),
        content::file,
    )
    .also(&[401, 403, 404]);
    r.add(
        read("NuGet_GetRegistration", "registrations/{id}/index.json").path("id", "string").returns(200, "object"),
        registration::index,
    )
    .also(&[401, 403, 404]);
    r.add(
        read("NuGet_GetRegistrationLeaf", "registrations/{id}/{leaf}")
            .path("id", "string")
            .path("leaf", "string")
            .returns(200, "object"),
        registration::leaf,
    )
    .also(&[401, 403, 404]);
    r.add(
        read("NuGet_Search", "query")
            .query("q", "string")
            .query("skip", "int32")
            .query("take", "int32")
            .query("prerelease", "bool")
            .query("semVerLevel", "string")
            .returns(200, "object"),
        search::search,
    )
    .also(&[400, 401, 403, 404]);
    r.add(
        own("NuGet_Push", "PUT", "/nuget/v3/{feedId}/package")
            .tag("NuGet")
            .anonymous()
            .path("feedId", "uuid")
            .body("multipart")
            .returns(201, "-"),
        push::push,
    )
    .streams()
    .also(&[400, 401, 403, 404, 409, 413])
    .events(&["process.created", "process.updated"]);
}

/// What addresses of a feed begin with.
fn base(call: &Call, feed_id: &str) -> String {
    format!("{}/nuget/v3/{feed_id}", call.base)
}

/// `GET /nuget/v3/{feedId}/index.json`
async fn index(call: &mut Call) -> Result<Output> {
    let outcome = service_index(call).await;
    challenged(call, outcome)
}

async fn service_index(call: &Call) -> Result<Output> {
    let feed = enter(call, "View").await?.feed;
    let base = base(call, &feed.id);
    let resource = |path: &str, kind: &str| json!({"@id": format!("{base}/{path}"), "@type": kind});
    let resources: Vec<Value> = [
        ("flat/", "PackageBaseAddress/3.0.0"),
        ("registrations/", "RegistrationsBaseUrl"),
        ("registrations/", "RegistrationsBaseUrl/3.0.0-rc"),
        ("registrations/", "RegistrationsBaseUrl/3.6.0"),
        ("query", "SearchQueryService"),
        ("query", "SearchQueryService/3.0.0-rc"),
        ("query", "SearchQueryService/3.5.0"),
        ("package", "PackagePublish/2.0.0"),
    ]
    .iter()
    .map(|(path, kind)| resource(path, kind))
    .collect();
    Ok(Output::json(json!({"version": "3.0.0", "resources": resources})))
}
