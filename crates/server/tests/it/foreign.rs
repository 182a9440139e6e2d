//! The things of another tenant answer like things that do not exist: in paths, queries, bodies, headers, filters and
//! expansions, for every served operation. And nothing of the other tenant is changed.

use crate::probe::{self, Thing, Things, address, body, guarded};
use bandmaster_core::ids::parse_guid;
use bandmaster_testkit::{Client, Reply, TestServer, Value, json, suite};
use std::collections::BTreeSet;

/// Operations whose answers may differ, with the reason. The list may only shrink: the test fails when one is not needed.
const MAY_DIFFER: &[&str] = &[];

/// A word that everything of the victim has in its name.
const MARK: &str = "Victims";

async fn plant(admin: &Client) -> Things {
    let name = |what: &str| format!("{MARK}-{what}");
    let folder =
        admin.without_folder().post("/odata/Folders", json!({"DisplayName": name("folder")})).await.expect(201);
    let at = admin.in_folder(folder["Id"].as_i64().unwrap());
    let queue = at.post("/odata/QueueDefinitions", json!({"Name": name("queue")})).await.expect(201);
    let item = json!({"itemData": {"Name": queue["Name"], "Reference": name("item"), "SpecificContent": {"Word": name("content")}}});
    at.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item).await.expect(201);
    at.post(
        "/odata/Assets",
        json!({"Name": name("asset"), "ValueScope": "Global", "ValueType": "Text", "StringValue": name("value")}),
    )
    .await
    .expect(201);
    admin.post("/odata/Machines", json!({"Name": name("machine"), "Type": "Template"})).await.expect(201);
    admin
        .post(
            "/odata/Roles",
            json!({"Name": name("role"), "DisplayName": name("role"), "Type": "Tenant", "Permissions": []}),
        )
        .await
        .expect(201);
    let mut things = Things::new();
    for (client, set) in [
        (admin, "Folders"),
        (&at, "QueueDefinitions"),
        (&at, "QueueItems"),
        (&at, "Assets"),
        (admin, "Machines"),
        (admin, "Roles"),
        (admin, "Users"),
        (admin, "AuditLogs"),
        (admin, "Robots"),
        (admin, "Sessions"),
        (admin, "CredentialStores"),
    ] {
        let list = client.get(&format!("/odata/{set}?$orderby=Id desc&$top=1")).await;
        let Some(row) = list.json()["value"].get(0).cloned() else { continue };
        let Some(number) = row["Id"].as_i64() else { continue };
        let text = |names: &[&str]| names.iter().find_map(|n| row[*n].as_str().map(str::to_owned));
        let guid = text(&["Key", "LicenseKey", "Id"]).filter(|k| parse_guid(k).is_some());
        let thing = Thing {
            number,
            guid: guid.unwrap_or_else(|| Thing::none().guid),
            name: text(&["DisplayName", "Name", "Reference", "UserName"]).unwrap_or_else(|| Thing::none().name),
        };
        things.insert(set.to_lowercase(), thing);
    }
    assert!(things.len() >= 7, "{things:?}");
    things
}

/// An answer without what must differ: identifiers, numbers, moments.
fn masked(reply: &Reply, things: &Things) -> Value {
    let mut names: Vec<String> = things.values().chain([&Thing::none()]).map(|t| t.name.clone()).collect();
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

/// Everything that the victim can list.
async fn everything(server: &TestServer, admin: &Client) -> Vec<(String, Value)> {
    let mut lists = Vec::new();
    for operation in guarded(server) {
        let facts = &operation.facts;
        let plain = facts.method == "GET" && facts.path.starts_with("/odata/") && !facts.path.contains(['(', '{']);
        if plain && !facts.path.contains("Audit") && !facts.params.iter().any(|p| p.required) {
            let reply = admin.without_folder().get(&facts.path).await;
            lists.push((facts.path.clone(), reply.json()["value"].clone()));
        }
    }
    lists
}

suite! {
    async fn foreign_things_answer_like_nothing(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        let things = plant(&admin).await;
        let before = everything(server, &admin).await;
        let (nothing, mut differing, mut wrong) = (Things::new(), BTreeSet::new(), Vec::new());
        for operation in guarded(server) {
            let facts = &operation.facts;
            let (missing, foreign) = (address(&operation, &nothing), address(&operation, &things));
            let (no_body, body) = (body(server, &operation, &nothing), body(server, &operation, &things));
            if missing == foreign && no_body == body {
                continue;
            }
            let first = probe::send(&other, &operation, &missing, &no_body).await;
            let answer = probe::send(&other, &operation, &foreign, &body).await;
            let (first, shown) = (masked(&first, &things), masked(&answer, &things));
            // What the first call changed may change the answer: then it is asked for again.
            let same = first == shown || masked(&probe::send(&other, &operation, &missing, &no_body).await, &things) == shown;
            if !same {
                differing.insert(facts.id.clone());
                if !MAY_DIFFER.contains(&facts.id.as_str()) {
                    wrong.push(format!("{} {foreign}\n   nothing: {first}\n   foreign: {shown}", facts.id));
                }
            }
        }
        assert!(wrong.is_empty(), "{} answers tell a foreign thing from none:\n{}", wrong.len(), wrong.join("\n"));
        let idle: Vec<&&str> = MAY_DIFFER.iter().filter(|id| !differing.contains(**id)).collect();
        assert!(idle.is_empty(), "not needed in the list any more: {idle:?}");
        assert_eq!(everything(server, &admin).await, before, "the other tenant was changed");
    }

    async fn foreign_places_and_filters_show_nothing(server: &TestServer) {
        let (admin, other) = (server.admin(), server.other_tenant().await);
        let things = plant(&admin).await;
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
