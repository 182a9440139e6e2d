//! The things of others answer like things that do not exist: in paths, queries, bodies, lists, headers, filters and
//! expansions, for every served operation. Others are another organization, another tenant of the same organization, and
//! a folder that the caller is not in. And nothing of theirs is changed.

use crate::planted::{package, plant, things};
use crate::probe::{self, Thing, Things, address, addresses_with_options, body, guarded};
use bandmaster_api::{Fates, Operation, Unit, UnitContext};
use bandmaster_core::ids::parse_guid;
use bandmaster_identity::users::NewUser;
use bandmaster_testkit::{Client, Reply, TestServer, Value, all_scopes, json, suite};
use std::collections::BTreeSet;

/// Operations whose answers may differ, with the reason. The lists may only shrink: a test fails when one is not needed.
const MAY_DIFFER: &[&str] = &[];

/// The same within an organization.
const MAY_DIFFER_IN_AN_ORGANIZATION: &[&str] = &[];

/// The same within a tenant.
const MAY_DIFFER_IN_A_TENANT: &[&str] = &[
    // Accounts and robots are the tenant's, not a folder's, and share numbers with what lies in the folder. Whoever is
    // known in the tenant may read an account.
    "Assets_GetRobotAssetByRobotId",
    "Users_GetById",
];

/// What a member of the organization without any right may read in a tenant that knows him.
const FOR_MEMBERS: &[&str] = &["Users_GetById"];

/// A word that everything of the victim has in its name.
const MARK: &str = "Victims";

/// An answer without what must differ: identifiers, numbers, moments.
fn masked(reply: &Reply, things: &Things) -> Value {
    let mut names: Vec<String> = things.values().chain([&Thing::none()]).map(|t| t.name.clone()).collect();
    // The id of a package is a part of its key.
    let parts: Vec<String> = names.iter().filter_map(|n| n.split_once(':')).map(|(id, _)| id.to_owned()).collect();
    names.extend(parts);
    names.sort_by_key(|n| std::cmp::Reverse(n.len()));
    names.dedup();
    let body = serde_json::from_slice(&reply.bytes).unwrap_or_else(|_| json!(String::from_utf8_lossy(&reply.bytes)));
    json!({"status": reply.status, "body": mask(&body, &names)})
}

fn mask(value: &Value, names: &[String]) -> Value {
    match value {
        Value::Number(_) => json!(0),
        Value::String(text) => {
            let random = |w: &str| {
                let w = w.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
                parse_guid(w).is_some() || (w.len() >= 32 && w.bytes().all(|b| b.is_ascii_hexdigit()))
            };
            let words = text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
            let mut text: String = words.map(|w| if random(w) { "*" } else { w }).collect();
            for name in names {
                text = text.replace(name.as_str(), "*");
            }
            // A number is one digit, however long it was.
            let mut digits: Vec<char> = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
            digits.dedup_by(|a, b| *a == '0' && *b == '0');
            json!(digits.into_iter().collect::<String>())
        }
        Value::Array(list) => Value::Array(list.iter().map(|v| mask(v, names)).collect()),
        Value::Object(members) => {
            // An error's number is its meaning; a trace is random.
            Value::Object(
                members
                    .iter()
                    .filter(|(k, _)| *k != "traceId" && *k != "traceid")
                    .map(|(k, v)| (k.clone(), if k == "errorCode" { v.clone() } else { mask(v, names) }))
                    .collect(),
            )
        }
        other => other.clone(),
    }
}

/// Everything of the victim's that can be listed.
async fn everything(server: &TestServer, admin: &Client) -> Vec<(String, Vec<Value>)> {
    let mut lists = Vec::new();
    for operation in guarded(server) {
        let facts = &operation.facts;
        let plain = facts.method == "GET" && facts.path.starts_with("/odata/") && !facts.path.contains(['(', '{']);
        if plain && !facts.path.contains("Audit") && !facts.params.iter().any(|p| p.required) {
            let reply = admin.without_folder().get(&facts.path).await;
            let rows = reply.json()["value"].as_array().cloned().unwrap_or_default();
            let marked: Vec<Value> = rows.into_iter().filter(|row| row.to_string().contains(MARK)).collect();
            lists.push((facts.path.clone(), marked));
        }
    }
    assert!(lists.iter().filter(|(_, rows)| !rows.is_empty()).count() > 10);
    lists
}

fn unchanged(before: &[(String, Vec<Value>)], after: &[(String, Vec<Value>)]) {
    for ((path, before), (_, after)) in before.iter().zip(after) {
        assert_eq!(before, after, "{path}: what belongs to another was changed");
    }
}

/// Things of the caller's own, as far as he may make them.
async fn own_things(server: &TestServer, caller: &Client) -> Things {
    let odata = "UiPath.Server.Configuration.OData";
    let queue = caller.post("/odata/QueueDefinitions", json!({"Name": "own-queue"})).await.expect(201);
    let item = json!({"itemData": {"Name": queue["Name"], "SpecificContent": {"A": 1}}});
    let item = caller.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item).await.expect(201);
    caller.post("/odata/QueueItemComments", json!({"Text": "own", "QueueItemId": item["Id"]})).await;
    let asset = json!({"Name": "own-asset", "ValueScope": "Global", "ValueType": "Text", "StringValue": "v"});
    caller.post("/odata/Assets", asset).await.expect(201);
    let bucket = json!({"Name": "own-bucket", "Identifier": server.app().ids.guid()});
    caller.post("/odata/Buckets", bucket).await.expect(201);
    caller.post("/odata/Attachments", json!({"Name": "own"})).await.expect(201);
    caller.post("/odata/Folders", json!({"DisplayName": "own-folder"})).await;
    caller.post("/odata/Machines", json!({"Name": "own-machine", "Type": "Template"})).await;
    let role = json!({"Name": "own-role", "DisplayName": "own-role", "Type": "Tenant", "Permissions": []});
    caller.post("/odata/Roles", role).await;
    let upload = format!("/odata/Processes/{odata}.UploadPackage()");
    caller.upload(&upload, "p.nupkg", package("own-package")).await;
    let release = json!({"Name": "own-process", "ProcessKey": "own-package", "ProcessVersion": "1.0.0"});
    if let Some(key) = caller.post("/odata/Releases", release).await.json()["Key"].as_str() {
        let start = json!({"startInfo": {"ReleaseKey": key, "JobsCount": 2}});
        caller.post(&format!("/odata/Jobs/{odata}.StartJobs"), start).await;
    }
    things(caller).await
}

/// One question, asked about nothing and about a thing of another.
struct Question {
    nothing: (String, Value),
    foreign: (String, Value),
}

/// Everything that an operation can be asked about things: in its path and body, in each of its optional parameters, and
/// in the body of a request about one's own things.
fn questions(server: &TestServer, operation: &Operation, things: &Things, own: &Things) -> Vec<Question> {
    let nothing = Things::new();
    let (no_body, foreign_body) = (body(server, operation, &nothing), body(server, operation, things));
    let mut questions = vec![Question {
        nothing: (address(operation, &nothing), no_body.clone()),
        foreign: (address(operation, things), foreign_body.clone()),
    }];
    let options =
        addresses_with_options(operation, &nothing).into_iter().zip(addresses_with_options(operation, things));
    for (none, foreign) in options {
        questions.push(Question { nothing: (none, no_body.clone()), foreign: (foreign, no_body.clone()) });
    }
    let mine = address(operation, own);
    questions.push(Question { nothing: (mine.clone(), no_body), foreign: (mine, foreign_body) });
    questions.retain(|q| q.nothing != q.foreign);
    questions
}

/// Asks every operation everything; what answers otherwise about a foreign thing than about none.
async fn telling(
    server: &TestServer,
    caller: &Client,
    things: &Things,
    own: &Things,
    may_differ: &[&str],
) -> Vec<String> {
    let (mut differing, mut wrong, mut asked) = (BTreeSet::new(), Vec::new(), 0);
    for operation in guarded(server) {
        let id = &operation.facts.id;
        for question in questions(server, &operation, things, own) {
            let (nothing, foreign) = (&question.nothing, &question.foreign);
            let first = probe::send(caller, &operation, &nothing.0, &nothing.1).await;
            let answer = probe::send(caller, &operation, &foreign.0, &foreign.1).await;
            asked += 1;
            if answer.status >= 500 || first.status >= 500 {
                wrong.push(format!("{id} {} {}: {} {}", foreign.0, foreign.1, first.text(), answer.text()));
                continue;
            }
            let (first, shown) = (masked(&first, things), masked(&answer, things));
            // What the first call changed may change the answer: then it is asked for again.
            let same = first == shown
                || masked(&probe::send(caller, &operation, &nothing.0, &nothing.1).await, things) == shown;
            if !same {
                differing.insert(id.clone());
                if !may_differ.contains(&id.as_str()) {
                    wrong.push(format!("{id} {} {}\n   nothing: {first}\n   foreign: {shown}", foreign.0, foreign.1));
                }
            }
        }
    }
    assert!(asked > 300, "{asked} questions");
    let still = caller.get("/odata/QueueDefinitions").await;
    assert_eq!(still.status, 200, "the caller locked himself out, which makes all answers alike: {}", still.text());
    let idle: Vec<&&str> = may_differ.iter().filter(|id| !differing.contains(**id)).collect();
    assert!(idle.is_empty(), "not needed in the list any more: {idle:?}");
    wrong
}

/// Changes of things by number or key, whole and valid except for that one thing.
fn crafted(t: &Things, own: &Things) -> Vec<(&'static str, String, Value)> {
    let get = |set: &str| t.get(set).cloned().unwrap_or_else(Thing::none);
    let mine = |set: &str| own.get(set).cloned().unwrap_or_else(Thing::none);
    let (job, release, package, bucket) = (get("jobs"), get("releases"), get("processes"), get("buckets"));
    let (queue, item, action, folder) =
        (get("queuedefinitions"), get("queueitems"), get("queueitemactions"), get("folders"));
    let (machine, user, role, robot) = (get("machines"), get("users"), get("roles"), get("robots"));
    let (asset, attachment) = (get("assets"), get("attachments"));
    let (package_id, version) = package.name.split_once(':').unwrap_or((&package.name, "1.0.0"));
    let odata = "UiPath.Server.Configuration.OData";
    let jobs = format!("/odata/Jobs/{odata}");
    vec![
        ("POST", format!("{jobs}.StartJobs"), json!({"startInfo": {"ReleaseKey": release.guid, "JobsCount": 1}})),
        (
            "POST",
            format!("{jobs}.StartJobs"),
            json!({"startInfo": {"ReleaseKey": mine("releases").guid, "JobsCount": 1, "MachineRobots": [{"MachineId": machine.number, "RobotId": robot.number}]}}),
        ),
        (
            "POST",
            format!("{jobs}.StartJobs"),
            json!({"startInfo": {"ReleaseKey": mine("releases").guid, "JobsCount": 1, "RobotIds": [robot.number]}}),
        ),
        ("POST", format!("{jobs}.StopJobs"), json!({"jobIds": [job.number], "strategy": "Kill"})),
        (
            "POST",
            format!("{jobs}.StopJobs"),
            json!({"jobIds": [mine("jobs").number, job.number], "strategy": "SoftStop"}),
        ),
        ("POST", format!("/odata/Jobs({})/{odata}.StopJob", job.number), json!({"strategy": "Kill"})),
        ("POST", format!("{jobs}.RestartJob"), json!({"jobId": job.number})),
        ("GET", format!("{jobs}.GetByKey(identifier={})", job.guid), json!({})),
        ("GET", format!("/odata/Jobs?$filter=Id eq {}", job.number), json!({})),
        (
            "GET",
            format!("/odata/Jobs?$filter=Release/Id eq {}&$expand=Release,Robot,Machine", release.number),
            json!({}),
        ),
        (
            "POST",
            "/odata/Releases".into(),
            json!({"Name": "crafted", "ProcessKey": package_id, "ProcessVersion": version}),
        ),
        ("PATCH", format!("/odata/Releases({})", release.number), json!({"Name": "taken over"})),
        ("POST", format!("/odata/Releases({})/{odata}.UpdateToLatestPackageVersion", release.number), json!({})),
        ("DELETE", format!("/odata/Releases({})", release.number), json!({})),
        (
            "PATCH",
            format!("/odata/Releases({})", mine("releases").number),
            json!({"ProcessKey": package_id, "ProcessVersion": version}),
        ),
        ("DELETE", format!("/odata/Processes('{}')", package.name), json!({})),
        ("GET", format!("/odata/Processes/{odata}.DownloadPackage(key='{}')", package.name), json!({})),
        (
            "GET",
            format!("/odata/Processes/{odata}.DownloadPackage(key='{}')?feedId={}", package.name, folder.guid),
            json!({}),
        ),
        ("GET", format!("/odata/Processes?feedId={}", folder.guid), json!({})),
        ("GET", format!("/odata/Processes/{odata}.GetProcessVersions(processId='{package_id}')"), json!({})),
        ("DELETE", format!("/odata/Libraries('{}')", get("libraries").name), json!({})),
        ("GET", format!("/odata/Buckets({})/{odata}.GetReadUri?path=x", bucket.number), json!({})),
        ("GET", format!("/odata/Buckets({})/{odata}.GetWriteUri?path=x", bucket.number), json!({})),
        ("GET", format!("/odata/Buckets({})/{odata}.ListFiles", bucket.number), json!({})),
        ("DELETE", format!("/odata/Buckets({})/{odata}.DeleteFile?path=x", bucket.number), json!({})),
        ("PUT", format!("/odata/Buckets({})", bucket.number), json!({"Name": "taken", "Identifier": bucket.guid})),
        (
            "POST",
            format!("/odata/Buckets/{odata}.ShareToFolders"),
            json!({"BucketIds": [bucket.number], "ToAddFolderIds": [mine("folders").number], "ToRemoveFolderIds": []}),
        ),
        (
            "POST",
            format!("/odata/Buckets/{odata}.ShareToFolders"),
            json!({"BucketIds": [mine("buckets").number], "ToAddFolderIds": [folder.number], "ToRemoveFolderIds": []}),
        ),
        (
            "POST",
            format!("/odata/Assets/{odata}.ShareToFolders"),
            json!({"AssetIds": [asset.number], "ToAddFolderIds": [mine("folders").number], "ToRemoveFolderIds": []}),
        ),
        (
            "POST",
            "/odata/Assets".into(),
            json!({"Name": "crafted", "ValueScope": "PerRobot", "ValueType": "Text", "HasDefaultValue": false,
                "UserValues": [{"UserId": user.number, "MachineId": machine.number, "StringValue": "x"}]}),
        ),
        (
            "POST",
            format!("/odata/QueueDefinitions/{odata}.ShareToFolders"),
            json!({"QueueIds": [queue.number], "ToAddFolderIds": [mine("folders").number], "ToRemoveFolderIds": []}),
        ),
        (
            "POST",
            "/odata/Queues/UiPathODataSvc.AddQueueItem".into(),
            json!({"itemData": {"Name": queue.name, "SpecificContent": {"A": 1}}}),
        ),
        (
            "POST",
            "/odata/Queues/UiPathODataSvc.BulkAddQueueItems".into(),
            json!({"queueName": queue.name, "commitType": "AllOrNothing", "queueItems": [{"SpecificContent": {"A": 1}}]}),
        ),
        (
            "POST",
            "/odata/Queues/UiPathODataSvc.StartTransaction".into(),
            json!({"transactionData": {"Name": queue.name}}),
        ),
        (
            "POST",
            format!("/odata/Queues({})/UiPathODataSvc.SetTransactionResult", item.number),
            json!({"transactionResult": {"IsSuccessful": true}}),
        ),
        (
            "POST",
            "/odata/QueueItems/UiPathODataSvc.DeleteBulk".into(),
            json!({"queueItems": [{"Id": item.number, "RowVersion": "AAAAAAAAAAA="}]}),
        ),
        (
            "POST",
            "/odata/QueueItems/UiPathODataSvc.SetItemReviewStatus".into(),
            json!({"queueItems": [{"Id": item.number, "RowVersion": "AAAAAAAAAAA="}], "status": "InReview"}),
        ),
        (
            "POST",
            "/odata/QueueItems/UiPathODataSvc.SetItemReviewer".into(),
            json!({"queueItems": [{"Id": item.number, "RowVersion": "AAAAAAAAAAA="}], "userId": user.number}),
        ),
        ("POST", "/odata/QueueItemComments".into(), json!({"Text": "crafted", "QueueItemId": item.number})),
        ("POST", "/odata/QueueItemActions".into(), json!({"Action": "Retry", "QueueDefinitionId": queue.number})),
        (
            "POST",
            "/odata/QueueItemActions/UiPathODataSvc.DryRun".into(),
            json!({"Action": "Retry", "QueueDefinitionId": queue.number}),
        ),
        ("GET", format!("/odata/QueueItemActions({})", action.number), json!({})),
        ("POST", format!("/odata/QueueItemActions({})/UiPathODataSvc.Cancel", action.number), json!({})),
        ("GET", format!("/odata/QueueItems?$filter=QueueDefinitionId eq {}", queue.number), json!({})),
        (
            "PUT",
            format!("/odata/QueueRetention({})", mine("queuedefinitions").number),
            json!({"Action": "Archive", "Period": 30, "BucketId": bucket.number}),
        ),
        (
            "PUT",
            format!("/odata/ReleaseRetention({})", mine("releases").number),
            json!({"Action": "Archive", "Period": 30, "BucketId": bucket.number}),
        ),
        ("GET", format!("/odata/Attachments({})", attachment.guid), json!({})),
        (
            "POST",
            format!("/odata/Folders/{odata}.AssignMachines"),
            json!({"assignments": {"MachineIds": [machine.number], "FolderIds": [mine("folders").number]}}),
        ),
        (
            "POST",
            format!("/odata/Folders/{odata}.AssignMachines"),
            json!({"assignments": {"MachineIds": [mine("machines").number], "FolderIds": [folder.number]}}),
        ),
        (
            "POST",
            format!("/odata/Folders/{odata}.AssignUsers"),
            json!({"assignments": {"UserIds": [user.number], "RolesPerFolder": [{"FolderId": mine("folders").number, "RoleIds": []}]}}),
        ),
        (
            "POST",
            format!("/odata/Folders/{odata}.AssignUsers"),
            json!({"assignments": {"UserIds": [mine("users").number], "RolesPerFolder": [{"FolderId": folder.number, "RoleIds": []}]}}),
        ),
        (
            "POST",
            format!("/odata/Folders/{odata}.AssignUsers"),
            json!({"assignments": {"UserIds": [mine("users").number], "RolesPerFolder": [{"FolderId": mine("folders").number, "RoleIds": [role.number]}]}}),
        ),
        (
            "PUT",
            format!("/odata/Folders({})/{odata}.MoveFolder?targetParentId={}", mine("folders").number, folder.number),
            json!({}),
        ),
        ("POST", "/odata/Folders".into(), json!({"DisplayName": "crafted", "ParentId": folder.number})),
        (
            "POST",
            format!("/odata/Roles({})/{odata}.SetUsers", role.number),
            json!({"addedUserIds": [mine("users").number], "removedUserIds": []}),
        ),
        (
            "POST",
            format!("/odata/Roles({})/{odata}.SetUsers", mine("roles").number),
            json!({"addedUserIds": [user.number], "removedUserIds": []}),
        ),
        ("POST", format!("/odata/Machines/{odata}.DeleteBulk"), json!({"machineIds": [machine.number]})),
        ("POST", format!("/odata/Robots/{odata}.DeleteBulk"), json!({"robotIds": [robot.number]})),
        (
            "POST",
            format!("/odata/Sessions/{odata}.DeleteInactiveUnattendedSessions"),
            json!({"sessionIds": [get("sessions").number]}),
        ),
        ("GET", format!("/odata/Exports({})", get("exports").number), json!({})),
        ("GET", format!("/odata/Exports({})/{odata}.GetDownloadLink", get("exports").number), json!({})),
    ]
}

/// Sends the crafted requests; what answers otherwise about a foreign thing than about none.
async fn telling_crafted(caller: &Client, things: &Things, own: &Things) -> Vec<String> {
    let mut wrong = Vec::new();
    for (nothing, foreign) in crafted(&Things::new(), own).into_iter().zip(crafted(things, own)) {
        let send = async |(method, path, body): &(&'static str, String, Value)| {
            let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
            let mut request = caller.request(method.clone(), &path.replace(' ', "%20"));
            if method != reqwest::Method::GET {
                request = request.json(body);
            }
            caller.send(request).await
        };
        let (first, answer) = (send(&nothing).await, send(&foreign).await);
        if answer.status >= 500 || first.status >= 500 {
            wrong.push(format!("{foreign:?}: {} {}", first.text(), answer.text()));
            continue;
        }
        let shown = masked(&answer, things);
        if masked(&first, things) != shown && masked(&send(&nothing).await, things) != shown {
            wrong.push(format!("{foreign:?}\n   nothing: {}\n   foreign: {shown}", masked(&first, things)));
        }
    }
    wrong
}

fn nothing_tells(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} answers tell a foreign thing from none:\n{}", wrong.len(), wrong.join("\n"));
}

/// A second tenant in the first organization, and its administrator, who is nobody in the first tenant.
async fn neighbour(server: &TestServer) -> Client {
    let app = server.app();
    let mut unit = Unit::begin(app, UnitContext::duty("test"), Fates::default()).await.unwrap();
    let organization = bandmaster_identity::organizations::first(&mut unit).await.unwrap().unwrap().id;
    let new = NewUser { user_name: "carol", ..NewUser::default() };
    let carol = bandmaster_identity::users::create(&mut unit, organization, &new).await.unwrap();
    let made = bandmaster_access::create_tenant(&mut unit, organization, "Second", Some(&carol.key)).await.unwrap();
    unit.commit().await.unwrap();
    let request = json!({"command": "token create", "user": "carol", "name": "t", "scopes": all_scopes()});
    let token = server.command(request).await;
    let caller = server.anonymous().with_token(token["token"].as_str().unwrap()).in_folder(made.folder_id);
    caller.with_header("X-UIPATH-TenantName", "Second")
}

suite! {
    async fn things_of_another_organization_answer_like_nothing(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        let planted = plant(server, &admin, "Default", MARK).await;
        let own = own_things(server, &other).await;
        let before = everything(server, &admin).await;
        let mut wrong = telling_crafted(&other, &planted.things, &own).await;
        wrong.extend(telling(server, &other, &planted.things, &own, MAY_DIFFER).await);
        nothing_tells(&wrong);
        unchanged(&before, &everything(server, &admin).await);
    }

    async fn things_of_another_tenant_answer_like_nothing(server: &TestServer) {
        let carol = neighbour(server).await;
        let admin = server.admin().with_header("X-UIPATH-TenantName", "Default");
        let planted = plant(server, &admin, "Default", MARK).await;
        let own = own_things(server, &carol).await;
        let before = everything(server, &admin).await;
        let mut wrong = telling_crafted(&carol, &planted.things, &own).await;
        wrong.extend(telling(server, &carol, &planted.things, &own, MAY_DIFFER_IN_AN_ORGANIZATION).await);
        nothing_tells(&wrong);
        unchanged(&before, &everything(server, &admin).await);
        // In the other tenant itself she is a member of the organization without any right there.
        let there = carol.without_folder().without_tenant();
        let mut told = Vec::new();
        for operation in guarded(server).iter().filter(|o| o.facts.path.starts_with("/odata")) {
            let path = format!("/Default/Default{}", address(operation, &planted.things));
            let reply = probe::send(&there, operation, &path, &json!({})).await;
            if reply.status < 400 && reply.text().contains(MARK) {
                told.push(format!("{}: {}", operation.facts.id, reply.text()));
            }
        }
        told.retain(|t| !FOR_MEMBERS.iter().any(|id| t.starts_with(&format!("{id}:"))));
        assert!(told.is_empty(), "{}", told.join("\n"));
        unchanged(&before, &everything(server, &admin).await);
    }

    async fn things_of_another_folder_answer_like_nothing(server: &TestServer) {
        let admin = server.admin();
        let mut planted = plant(server, &admin, "Default", MARK).await;
        // What belongs to the tenant is another question; here only what lies in the folder counts.
        let in_folders = ["folders", "queuedefinitions", "queueitems", "queueitemcomments", "queueitemactions", "assets",
            "buckets", "attachments", "jobs", "releases"];
        planted.things.retain(|set, _| in_folders.contains(&set.as_str()));
        let inside = server.application(&all_scopes(), Some("Folder Administrator")).await;
        let own = own_things(server, &inside).await;
        let before = everything(server, &admin).await;
        let mut wrong = telling_crafted(&inside, &planted.things, &own).await;
        wrong.extend(telling(server, &inside, &planted.things, &own, MAY_DIFFER_IN_A_TENANT).await);
        nothing_tells(&wrong);
        unchanged(&before, &everything(server, &admin).await);
    }

    async fn foreign_places_and_filters_show_nothing(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        let things = plant(server, &admin, "Default", MARK).await.things;
        let folder = &things["folders"];
        let mut asked = 0;
        for operation in guarded(server) {
            let facts = &operation.facts;
            let bare = address(&operation, &Things::new());
            // The tenant in the address, and the folder in the header.
            if !facts.path.starts_with("/identity") && !facts.path.starts_with("/audit_") && facts.path.starts_with("/odata") {
                let reply = probe::send(&other, &operation, &format!("/Default/Default{bare}"), &json!({})).await;
                assert_eq!(reply.status, 403, "{} in a foreign tenant: {}", facts.id, reply.text());
                asked += 1;
            }
            let there = probe::send(&other.in_folder(folder.number), &operation, &bare, &json!({})).await;
            let nowhere = probe::send(&other.in_folder(Thing::none().number), &operation, &bare, &json!({})).await;
            let key = other.without_folder().with_header("x-uipath-folderkey", &folder.guid);
            let by_key = probe::send(&key, &operation, &bare, &json!({})).await;
            for reply in [&there, &nowhere, &by_key] {
                assert!(!reply.text().contains(MARK), "{}: {}", facts.id, reply.text());
            }
            if operation.facts.folder != bandmaster_model::FolderRule::None {
                assert_eq!(masked(&there, &things), masked(&nowhere, &things), "{}", facts.id);
                assert_eq!(masked(&by_key, &things), masked(&nowhere, &things), "{}", facts.id);
            }
            // Filters, searches and expansions of lists.
            if facts.method != "GET" || !facts.takes("$filter") {
                continue;
            }
            let join = if bare.contains('?') { '&' } else { '?' };
            for thing in things.values() {
                for filter in [format!("Id eq {}", thing.number), format!("Name eq '{}'", thing.name), format!("contains(Name,'{MARK}')"), format!("Key eq {}", thing.guid)] {
                    let reply = other.without_folder().get(&format!("{bare}{join}$filter={}", filter.replace(' ', "%20"))).await;
                    let rows = reply.json()["value"].as_array().map_or(0, Vec::len);
                    // The filter's own text may be repeated in a refusal.
                    let told = reply.status == 200 && reply.text().contains(MARK);
                    assert!(!told, "{} {filter}: {rows} {}", facts.id, reply.text());
                }
            }
            for entity in server.served.entities().iter().filter(|e| facts.path.eq_ignore_ascii_case(&format!("/odata/{}", e.set))) {
                for navigation in entity.navigations {
                    let reply = other.without_folder().get(&format!("{bare}{join}$expand={}", navigation.name)).await;
                    assert!(!reply.text().contains(MARK), "{} $expand={}: {}", facts.id, navigation.name, reply.text());
                }
            }
        }
        assert!(asked > 100);
    }
}
