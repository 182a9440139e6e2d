//! Routes: every published path finds its operation, in every spelling that clients use.

use bandmaster_model::contract;
use bandmaster_odata::path::Tail;
use bandmaster_odata::template::{Route, Router};
use proptest::prelude::*;
use std::sync::LazyLock;

static ROUTER: LazyLock<Router<String>> = LazyLock::new(|| {
    let mut router = Router::new();
    for operation in contract().operations() {
        router.insert(&operation.method, &operation.path, operation.id.clone());
    }
    router.insert("GET", "/files/{bucket}/{*path}", "files".to_owned());
    router.insert("GET", "/odata/$metadata", "metadata".to_owned());
    router.insert("GET", "/odata", "root".to_owned());
    router
});

/// `id name=value,…`, or what else was found.
fn find(method: &str, path: &str) -> String {
    let shown = |found: &bandmaster_odata::template::Match<'_, String>| {
        let params: Vec<String> = found.params.iter().map(|(n, v)| format!("{n}={v}")).collect();
        format!("{} {}", found.target, params.join(",")).trim_end().to_owned()
    };
    match ROUTER.find(method, path) {
        Route::Match(found) => shown(&found),
        Route::Part(found, tail) => format!("{} {tail:?}", shown(&found)),
        Route::MethodNotAllowed(methods) => format!("405 {}", methods.join(",")),
        Route::NotFound => "404".to_owned(),
    }
}

/// The template's parameters in order.
fn names(template: &str) -> Vec<&str> {
    template.split('{').skip(1).filter_map(|t| t.split('}').next()).collect()
}

#[test]
fn every_published_path_leads_to_its_operation() {
    let operations = contract().operations();
    assert!(operations.len() > 490);
    for operation in operations {
        let mut path = operation.path.clone();
        let mut wanted = operation.id.clone();
        let mut values = Vec::new();
        for (i, name) in names(&operation.path).into_iter().enumerate() {
            let value = format!("v{i}:1");
            path = path.replacen(&format!("{{{name}}}"), &value.replace(':', "%3A"), 1);
            let value = if operation.path.contains(&format!("[{{{name}}}]")) { format!("[{value}]") } else { value };
            values.push(format!("{name}={value}"));
        }
        if !values.is_empty() {
            wanted = format!("{wanted} {}", values.join(","));
        }
        let lower = path.replace("%3A", ":").to_lowercase();
        for spelled in [
            path.clone(),
            path.replace("UiPath.Server.Configuration.OData.", ""),
            path.replace("UiPathODataSvc.", "UiPath.Server.Configuration.OData."),
            path.replace('/', "//") + "/",
            lower,
        ] {
            assert_eq!(find(&operation.method, &spelled), wanted, "{spelled}");
        }
        let other = find("TRACE", &path);
        assert!(other.starts_with("405") && other.contains(&operation.method), "{path}: {other}");
    }
}

#[test]
fn spellings_of_real_clients() {
    for (method, path, wanted) in [
        ("GET", "/odata/Jobs", "Jobs_Get"),
        ("get", "/ODATA/jobs()", "Jobs_Get"),
        ("GET", "/odata/Folders('12')", "Folders_GetById key=12"),
        ("GET", "/odata/Processes/GetArguments(key='a:1.0')", "Processes_GetArgumentsByKey key=a:1.0"),
        (
            "GET",
            "/odata/Folders/UiPath.Server.Configuration.OData.GetUsersForFolder(includeInherited=true,key=5)",
            "Folders_GetUsersForFolderByKeyAndIncludeinherited key=5,includeInherited=true",
        ),
        (
            "GET",
            "/odata/Folders/UiPath.Server.Configuration.OData.GetUsersForFolder(key=5)",
            "Folders_GetUsersForFolderByKeyAndIncludeinherited key=5",
        ),
        ("GET", "/odata/QueueItems/GetReviewers()", "QueueItems_GetReviewers"),
        ("POST", "/odata/Processes/UiPath.Server.Configuration.OData.UploadPackage()", "Processes_UploadPackage"),
        ("GET", "/odata/Jobs/UiPath.Server.Configuration.OData.NoSuch", "404"),
        ("GET", "/odata/Jobs/Other.Namespace.StartJobs", "404"),
        ("POST", "/odata/Jobs/Other.Namespace.StartJobs", "404"),
        ("GET", "/odata/Jobs/UiPath.Server.Configuration.OData.StartJobs", "405 POST"),
        ("GET", "/odata/Jobs/StartJobs", "405 POST"),
        ("DELETE", "/odata/Jobs", "405 GET"),
        ("GET", "/odata/NoSuch", "404"),
        ("GET", "/odata/Jobs(5", "404"),
        ("GET", "/odata/Jobs(5)/UiPath.Server.Configuration.OData.StopJob(x=1)", "404"),
        ("GET", "/odata/Jobs/$count", "Jobs_Get Count"),
        ("GET", "/odata/Jobs(5)/$count", "404"),
        ("POST", "/odata/Jobs/$count", "405 GET"),
        ("GET", "/odata/Jobs(5)/State", "Jobs_GetById key=5 Property([\"State\"])"),
        ("GET", "/odata/Jobs(5)/Robot/Name/$value", "404"),
        ("GET", "/odata/Jobs(5)/Robot/Name", "Jobs_GetById key=5 Property([\"Robot\", \"Name\"])"),
        ("GET", "/odata/Jobs/State", "404"),
        ("GET", "/odata/$metadata", "metadata"),
        ("GET", "/odata/", "root"),
        ("GET", "/odata/$batch", "404"),
        ("GET", "/files/b%20c/x/y%2Fz", "files bucket=b c,path=x/y/z"),
        ("GET", "/files/b", "404"),
        ("GET", "/API/status/version", "404"),
        ("GET", "/api/Buckets/5/listfiles", "Buckets_ListFilesById id=5"),
        ("GET", "/api/Buckets/5", "404"),
        ("GET", "/api/Buckets/%FF/ListFiles", "404"),
        ("PUT", "/identity/api/Group/7", "Group_UpdateGroup groupId=7"),
        ("DELETE", "/identity/api/Group/7", "Group_BulkDelete partitionGlobalId=7"),
        ("GET", "/", "404"),
        ("GET", "", "404"),
    ] {
        assert_eq!(find(method, path), wanted, "{method} {path}");
    }
}

#[test]
fn values_of_a_key_are_decoded_once() {
    assert_eq!(
        find("GET", "/odata/Processes/DownloadPackage(key='it''s%2520a%2Fb:1.0')"),
        find("GET", "/odata/Processes/DownloadPackage(key=%27it%27%27s%2520a%2Fb%3A1.0%27)")
    );
    assert!(find("GET", "/odata/Processes/DownloadPackage(key='it''s%2520a%2Fb:1.0')").ends_with("key=it's%20a/b:1.0"));
}

#[test]
fn overloads_are_told_apart_by_their_arguments() {
    let mut router = Router::new();
    router.insert("GET", "/odata/Set/Ns.F(a={a})", 1);
    router.insert("GET", "/odata/Set/Ns.F(a={a},b={b})", 2);
    router.insert("GET", "/odata/Set/Ns.G(x='{y}')", 3);
    let target = |path: &str| match router.find("GET", path) {
        Route::Match(found) => Some((*found.target, found.params.len())),
        _ => None,
    };
    assert_eq!(target("/odata/Set/F(a=1)"), Some((1, 1)));
    assert_eq!(target("/odata/Set/F(b=2,a=1)"), Some((2, 2)));
    assert_eq!(target("/odata/Set/F()"), Some((1, 0)));
    assert_eq!(target("/odata/Set/F(c=1)"), None);
    assert_eq!(router.find("GET", "/odata/Set/ns.g(X=5)"), router.find("GET", "/odata/Set/G(x='5')"));
}

proptest! {
    #[test]
    fn any_path_is_survived(path in "/(odata|api|identity|tasks)?[/A-Za-z0-9().,='%$]{0,60}") {
        let _ = ROUTER.find("GET", &path);
    }
}

#[test]
fn parts_name_what_is_asked_for() {
    let Route::Part(found, Tail::Property(path)) = ROUTER.find("GET", "/odata/Jobs(5)/State/$value") else {
        panic!("no part");
    };
    assert_eq!((path.len(), found.params.len()), (1, 1));
}
