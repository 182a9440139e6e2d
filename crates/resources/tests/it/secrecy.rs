//! A planted secret is looked for everywhere it must not be: answers, audit, events, the database, the log.

use crate::world::*;
use bandmaster_store::{Dialect, params};
use bandmaster_testkit::{TestServer, Value, json, suite};
use std::io::Write;
use std::sync::{Arc, LazyLock, Mutex};
use tracing_subscriber::EnvFilter;

const PASSWORD: &str = "pLanTed-pAssword-7f3a";
const SECRET: &str = "pLanTed-sEcret-91bc";
const OWN: &str = "pLanTed-oWn-55de";
const NEXT: &str = "pLanTed-nExt-0a1b";

/// What was logged since the first of these tests began. The log is the process's: it holds other tests' lines too.
static LOG: LazyLock<Arc<Mutex<Vec<u8>>>> = LazyLock::new(|| {
    let log = Arc::new(Mutex::new(Vec::new()));
    let writer = log.clone();
    // Not the client's side of the wire: whoever sends a secret may see it.
    let filter = EnvFilter::new("trace,hyper=off,hyper_util=off,reqwest=off,h2=off,rustls=off,mio=off");
    let make = move || Tee(writer.clone());
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(make).init();
    log
});

struct Tee(Arc<Mutex<Vec<u8>>>);

impl Write for Tee {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Fails when a planted text is in these bytes, as it is, or in Base64 or hexadecimal digits.
fn clean(bytes: &[u8], place: &str) {
    for planted in [PASSWORD, SECRET, OWN, NEXT] {
        let hex: String = planted.bytes().map(|b| format!("{b:02x}")).collect();
        for needle in [planted.as_bytes(), hex.as_bytes()] {
            assert!(!bytes.windows(needle.len()).any(|w| w == needle), "{planted} stands in {place}");
        }
    }
}

/// Every byte of the database.
async fn database(server: &TestServer) -> Vec<u8> {
    let mut conn = server.app().store.read().await.unwrap();
    let mut bytes = Vec::new();
    if conn.dialect() == Dialect::Sqlite {
        let row =
            conn.query_dynamic("SELECT file FROM pragma_database_list WHERE name = 'main'", params![]).await.unwrap();
        let file: String = row[0].get(0).unwrap();
        for end in ["", "-wal"] {
            bytes.extend(std::fs::read(format!("{file}{end}")).unwrap_or_default());
        }
        assert!(bytes.len() > 100_000);
        return bytes;
    }
    let sql = "SELECT CAST(table_name AS TEXT) FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'";
    let tables = conn.query_dynamic(sql, params![]).await.unwrap();
    assert!(tables.len() > 20);
    for table in tables {
        let name: String = table.get(0).unwrap();
        for row in conn.query_dynamic(&format!("SELECT CAST(t AS TEXT) FROM {name} t"), params![]).await.unwrap() {
            bytes.extend(row.get::<String>(0).unwrap().into_bytes());
        }
    }
    bytes
}

suite! {
    async fn secrets_stay_secret(server: &TestServer) {
        let log = LOG.clone();
        let admin = server.admin();
        let ann = robot(server, "ann").await;
        let (_, machine_key) = machine(server, "pool").await;
        let login = |password: &str, own: &str| json!({"Name": "Login", "ValueScope": "PerRobot", "ValueType": "Credential", "HasDefaultValue": true,
            "CredentialUsername": "svc", "CredentialPassword": password,
            "UserValues": [{"UserId": ann.user, "CredentialUsername": "ann", "CredentialPassword": own}]});
        let token = |secret: &str| json!({"Name": "Token", "ValueScope": "Global", "ValueType": "Secret", "SecretValue": secret});
        let mut answers = Vec::new();
        let first = admin.post("/odata/Assets", login(PASSWORD, OWN)).await;
        let second = admin.post("/odata/Assets", token(SECRET)).await;
        let (login_id, token_id) = (first.expect(201)["Id"].clone(), second.expect(201)["Id"].clone());
        answers.extend([first, second]);
        answers.push(admin.put(&asset(&login_id), login(NEXT, "")).await);
        answers.push(admin.put(&asset(&token_id), token("")).await);
        let set = json!({"robotKey": ann.key, "robotAsset": {"Name": "Login", "CredentialUsername": "ann", "CredentialPassword": OWN}});
        answers.push(admin.post(&op("Assets", "SetRobotAssetByRobotKey"), set).await);
        // Refusals must not repeat what was sent either.
        answers.push(admin.post("/odata/Assets", login(PASSWORD, OWN)).await);
        let mut wrong = token(SECRET);
        wrong["SecretValue"] = json!(format!("{SECRET}{}", "x".repeat(25_000)));
        answers.push(admin.post("/odata/Assets", wrong).await);
        answers.push(admin.raw("/odata/Assets", "application/json", format!("{{\"SecretValue\": \"{SECRET}\", }}").into_bytes()).await);
        answers.push(admin.raw("/odata/Assets", "application/json", format!("\"{SECRET}\"").into_bytes()).await);
        for path in [
            asset(&login_id),
            format!("{}?$expand=UserValues,RobotValues", asset(&login_id)),
            asset(&token_id),
            "/odata/Assets?$expand=UserValues".to_owned(),
            op("Assets", "GetFiltered?$expand=UserValues,RobotValues"),
            op("Assets", "GetAssetsAcrossFolders?$expand=UserValues"),
            format!("{}(robotId={},assetName='Login')", op("Assets", "GetRobotAssetByRobotId"), ann.id),
            format!("{}(robotId='{}',assetName='Token')", op("Assets", "GetRobotAsset"), ann.key),
            op("CredentialStores", "GetAvailableCredentialStoreTypes"),
        ] {
            let reply = admin.get(&path).await;
            assert_eq!(reply.status, 200, "{path}");
            answers.push(reply);
        }
        answers.push(admin.post(&read_address(), reading("Token", Some(&ann))).await);
        answers.push(admin.post(&read_address(), reading("Login", None)).await);
        for reply in &answers {
            clean(&reply.bytes, &reply.what);
        }
        // They are really there: the robot gets them.
        let host = on_machine(server, &ann, &machine_key);
        let login = host.post(&read_address(), reading("Login", Some(&ann))).await.expect(200);
        let token = host.post(&read_address(), reading("Token", Some(&ann))).await.expect(200);
        assert_eq!((&login["CredentialPassword"], &token["SecretValue"]), (&json!(OWN), &json!(SECRET)));
        let audit = server.audit().await;
        assert_eq!(audit.iter().filter(|e| e["component"] == "Assets").count(), 5);
        clean(Value::Array(audit).to_string().as_bytes(), "the audit");
        clean(Value::Array(server.events().await).to_string().as_bytes(), "the events");
        clean(&database(server).await, "the database");
        let logged = log.lock().unwrap().clone();
        assert!(String::from_utf8_lossy(&logged).contains("Assets_PutById"), "the log is caught");
        clean(&logged, "the log");
    }

    async fn deleted_secrets_are_gone(server: &TestServer) {
        let admin = server.admin();
        let body = json!({"Name": "Token", "ValueScope": "Global", "ValueType": "Secret", "SecretValue": SECRET});
        let made = admin.post("/odata/Assets", body).await.expect(201);
        admin.delete(&asset(&made["Id"])).await.expect(204);
        let sql = "SELECT count(*) FROM asset_values";
        let row = server.app().store.read().await.unwrap().query_one(sql, params![]).await.unwrap();
        assert_eq!(row.get::<i64>(0).unwrap(), 0);
    }
}
