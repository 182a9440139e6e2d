//! Gives every secret that the product takes, and has it make every secret that it makes.

use super::mailbox::Mailbox;
use super::search::Plants;
use super::speaker::{Heard, PUBLIC, Speaker, attribute, parameter};
use bandmaster_testkit::{Value, json};

const COMMAND_LINE: &str = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00";
const BACK: &str = "http://localhost:8104/oidc/login";
// RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const TOKEN: &str = "/identity/connect/token";

/// Where things are that later requests ask for.
pub struct Ground {
    pub nobody: Speaker,
    /// The administrator with everything, in the folder `Shared`.
    pub admin: Speaker,
    pub organization: String,
    /// Accounts, applications and so on whose answers are looked at later.
    pub addresses: Vec<String>,
}

fn action(set: &str, name: &str) -> String {
    format!("/odata/{set}/UiPath.Server.Configuration.OData.{name}")
}

async fn password_grant(nobody: &Speaker, plants: &mut Plants, name: &str, password: &str) -> String {
    let fields = [
        ("grant_type", "password"),
        ("client_id", COMMAND_LINE),
        ("username", name),
        ("password", password),
        ("scope", "openid OrchestratorApiUserAccess"),
    ];
    let body = nobody.form(TOKEN, &fields).await.expect(200);
    plants.made("identity token", body["id_token"].as_str().expect("a token"));
    plants.made("access token of a person", body["access_token"].as_str().expect("a token"))
}

/// Signs in as the administrator.
pub async fn ground(url: &str, plants: &mut Plants, password: &str) -> Ground {
    let nobody = Speaker::new(url);
    let token = password_grant(&nobody, plants, "admin", password).await;
    let admin = nobody.as_holder(&token);
    let organization = admin.get("/identity/connect/userinfo").await.text("prt_id");
    let folders = admin.get("/odata/Folders").await.expect(200);
    let folder = folders["value"][0]["Id"].as_i64().expect("Shared");
    let admin = admin.with("x-uipath-organizationunitid", &folder.to_string());
    Ground { nobody, admin, organization, addresses: Vec::new() }
}

/// Every kind, one after the other.
pub async fn everything(ground: &mut Ground, plants: &mut Plants, mailbox: &Mailbox) {
    mail(ground, plants, mailbox).await;
    accounts(ground, plants).await;
    links(ground, plants, mailbox).await;
    applications(ground, plants).await;
    code_flow(ground, plants).await;
    device(ground, plants).await;
    personal_tokens(ground, plants).await;
    machines_and_robots(ground, plants).await;
    assets(ground, plants).await;
    settings(ground, plants).await;
    queue(ground, plants).await;
    buckets(ground, plants).await;
    mistakes(ground, plants).await;
}

async fn mail(ground: &Ground, plants: &mut Plants, mailbox: &Mailbox) {
    let pairs = [
        ("Email.Smtp.Host", "127.0.0.1".to_owned()),
        ("Email.Smtp.Port", mailbox.port.to_string()),
        ("Email.Smtp.UserName", "post".to_owned()),
        ("Email.Smtp.Password", plants.plant("password of the organization's mail server")),
        ("Email.Smtp.FromEmail", "bandmaster@example.test".to_owned()),
    ];
    let list: Vec<Value> = pairs.iter().map(|(k, v)| json!({"key": k, "value": v})).collect();
    let body = json!({"partitionGlobalId": ground.organization, "settings": list});
    ground.admin.json("PUT", "/identity/api/Setting", body).await.expect(200);
    let model = json!({"Host": "127.0.0.1", "Port": mailbox.port, "EnableSsl": false, "UserName": "u", "UseDefaultCredentials": false,
        "Password": plants.plant("password of a mail server that is tried"), "DefaultFromAddress": "a@example.test"});
    let body = json!({"sendTo": "ana@example.test", "smtpSettingModel": model});
    ground.admin.post(&action("Settings", "VerifySmtpSetting"), body).await.expect(200);
}

async fn account(ground: &mut Ground, name: &str, password: Option<&str>) -> String {
    let organization = &ground.organization;
    let mut body =
        json!({"partitionGlobalId": organization, "userName": name, "email": format!("{name}@example.test")});
    if let Some(password) = password {
        body["password"] = json!(password);
    }
    ground.admin.post("/identity/api/User", body).await.expect(200);
    let path = format!("/identity/api/User/users/{organization}?searchTerm={name}");
    let found = ground.admin.get(&path).await.expect(200);
    let id = found["results"][0]["id"].as_str().expect("an account").to_owned();
    ground.addresses.extend([
        format!("/identity/api/User/{id}"),
        format!("/identity/api/User/{id}/loginAttempts"),
        format!("/identity/api/User/{id}/invitation"),
    ]);
    id
}

async fn accounts(ground: &mut Ground, plants: &mut Plants) {
    let first = plants.plant("password at creation");
    let id = account(ground, "dana", Some(&first)).await;
    let legacy = json!({"usernameOrEmailAddress": "dana", "password": first, "tenancyName": "Default"});
    let token = ground.nobody.post("/api/Account/Authenticate", legacy).await.text("result");
    plants.made("token of the older sign-in", &token);
    let own = ground.nobody.as_holder(&password_grant(&ground.nobody, plants, "dana", &first).await);
    let second = plants.plant("password of one's own choice");
    let change = json!({"oldPassword": first, "newPassword": second});
    own.post(&format!("/identity/api/User/{id}/changepassword"), change).await.expect(200);
    let third = plants.plant("password set by an administrator");
    ground.admin.json("PUT", &format!("/identity/api/User/{id}"), json!({"password": third})).await.expect(200);
    for (name, password) in [("dana", plants.plant("wrong password")), ("nobody", plants.plant("password of nobody"))] {
        let body = json!({"usernameOrEmailAddress": name, "password": password});
        assert_ne!(ground.nobody.post("/api/Account/Authenticate", body).await.status, 200);
        let fields =
            [("grant_type", "password"), ("client_id", COMMAND_LINE), ("username", name), ("password", &password)];
        ground.nobody.form(TOKEN, &fields).await.expect(400);
    }
    let weak = plants.plant("password that lacks something").to_uppercase();
    let weak = json!({"partitionGlobalId": ground.organization, "userName": "weak", "password": weak});
    ground.admin.post("/identity/api/User", weak).await.expect(400);
    let mut browser = ground.nobody.clone();
    let page = browser.open("/identity/account/login").await;
    let wrong = plants.plant("wrong password of a page");
    browser.submit(&page, &[("username", "dana"), ("password", &wrong)]).await.expect(400);
    let page = browser.open("/identity/account/login").await;
    browser.submit(&page, &[("username", "dana"), ("password", &third)]).await.expect(200);
    for (name, value) in &browser.cookies {
        plants.made(&format!("cookie {name}"), value);
    }
}

async fn links(ground: &mut Ground, plants: &mut Plants, mailbox: &Mailbox) {
    account(ground, "ivy", None).await;
    let token = mailbox.token("/identity/account/invitation").await;
    let path = format!("/identity/account/invitation?token={}", plants.made("invitation", &token));
    let mut browser = ground.nobody.clone();
    let page = browser.open(&path).await;
    let chosen = plants.plant("password of an invitation");
    let fields = [("name", "Ivy"), ("surname", "Lee"), ("password", chosen.as_str()), ("again", &chosen)];
    browser.submit(&page, &fields).await.expect(200);

    let mut browser = ground.nobody.clone();
    let page = browser.open("/identity/account/forgot").await;
    browser.submit(&page, &[("username", "ivy")]).await.expect(200);
    let token = mailbox.token("/identity/account/reset").await;
    let path = format!("/identity/account/reset?token={}", plants.made("link for a new password", &token));
    let page = browser.open(&path).await;
    let chosen = plants.plant("password in place of a forgotten one");
    browser.submit(&page, &[("password", &chosen), ("again", &chosen)]).await.expect(200);
}

async fn registered(ground: &Ground, by: &Speaker, name: &str) -> Heard {
    let scopes: Vec<Value> =
        ["OR.Queues", "OR.Folders"].iter().flat_map(|s| [0, 1].map(|t| json!({"name": s, "type": t}))).collect();
    let body = json!({"partitionGlobalId": ground.organization, "name": name, "isConfidential": true,
        "redirectUri": "https://client.test/cb", "scopes": scopes});
    by.post("/identity/api/ExternalClient", body).await
}

async fn applications(ground: &mut Ground, plants: &mut Plants) {
    let made = registered(ground, &ground.admin, "client").await.expect(201);
    let id = made["id"].as_str().expect("an id").to_owned();
    let secret = plants.made("secret of an application", made["secret"].as_str().expect("a secret"));
    let one = format!("/identity/api/ExternalClient/{}/{id}", ground.organization);
    let further = ground.admin.post(&format!("{one}/secret"), json!({"description": "second"})).await.text("secret");
    plants.made("second secret of an application", &further);
    ground.addresses.extend([one, format!("/identity/api/ExternalClient/{}", ground.organization)]);
    let fields = [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", &secret)];
    let token =
        plants.made("access token of an application", &ground.nobody.form(TOKEN, &fields).await.text("access_token"));
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("{id}:{further}"));
    let by_header = ground.nobody.with("authorization", &format!("Basic {basic}"));
    let answer = by_header.form(TOKEN, &[("grant_type", "client_credentials")]).await.text("access_token");
    plants.made("access token by Basic", &answer);
    let asked = by_header.form("/identity/connect/introspect", &[("token", &token)]).await.expect(200);
    assert_eq!(asked["active"], true);
    by_header.form("/identity/connect/revocation", &[("token", &token)]).await.expect(200);
    let bad = plants.plant("wrong client secret");
    let wrong = [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", &bad)];
    ground.nobody.form(TOKEN, &wrong).await.expect(400);
    // A repeated call gets the kept answer with its secret.
    let once = ground.admin.with("idempotency-key", &plants.plant("Idempotency-Key"));
    let first = registered(ground, &once, "repeated").await.expect(201);
    let again = registered(ground, &once, "repeated").await.expect(201);
    assert_eq!(first["secret"], again["secret"]);
    plants.made("secret in a kept answer", first["secret"].as_str().expect("a secret"));
}

/// The administrator's browser, signed in at the command line's client, and where it was sent in the end.
async fn signed_in(ground: &Ground, plants: &mut Plants) -> (Speaker, String) {
    let mut browser = ground.nobody.clone();
    let state = plants.plant("state of a sign-in").replace(['+', '/', '='], "");
    let path = format!(
        "/identity/connect/authorize?response_type=code&client_id={COMMAND_LINE}&redirect_uri={BACK}&state={state}&nonce=once\
         &scope=openid%20offline_access%20OrchestratorApiUserAccess&code_challenge={CHALLENGE}&code_challenge_method=S256"
    );
    let page = browser.open(&path).await;
    let password = plants.plant("password of a page");
    let body = json!({"partitionGlobalId": ground.organization, "userName": "cody", "email": "cody@example.test", "password": password});
    ground.admin.post("/identity/api/User", body).await.expect(200);
    let back = browser.submit(&page, &[("username", "cody"), ("password", &password)]).await;
    assert!(back.location.starts_with(BACK), "{}", back.location);
    (browser, back.location)
}

async fn code_flow(ground: &mut Ground, plants: &mut Plants) {
    let (browser, back) = signed_in(ground, plants).await;
    for (name, value) in &browser.cookies {
        plants.made(&format!("cookie {name} of the code flow"), value);
    }
    let code = plants.made("authorization code", &parameter(&back, "code"));
    let fields = [
        ("grant_type", "authorization_code"),
        ("client_id", COMMAND_LINE),
        ("redirect_uri", BACK),
        ("code", code.as_str()),
        ("code_verifier", VERIFIER),
    ];
    let tokens = ground.nobody.form(TOKEN, &fields).await.expect(200);
    let mut refresh = tokens["refresh_token"].as_str().expect("a token").to_owned();
    for (name, member) in [("access token", "access_token"), ("identity token", "id_token")] {
        plants.made(&format!("{name} of the code flow"), tokens[member].as_str().expect("a token"));
    }
    for name in ["first refresh token", "second refresh token"] {
        plants.made(name, &refresh);
        let fields = [("grant_type", "refresh_token"), ("client_id", COMMAND_LINE), ("refresh_token", &refresh)];
        let next = ground.nobody.form(TOKEN, &fields).await.expect(200);
        plants.made("refreshed access token", next["access_token"].as_str().expect("a token"));
        refresh = next["refresh_token"].as_str().expect("a token").to_owned();
    }
    plants.made("third refresh token", &refresh);
    // Shown twice: the server says so in its log.
    ground.nobody.form(TOKEN, &fields).await.expect(400);
}

async fn device(ground: &mut Ground, plants: &mut Plants) {
    let fields = [("client_id", COMMAND_LINE), ("scope", "openid offline_access OrchestratorApiUserAccess")];
    let codes = ground.nobody.form("/identity/connect/deviceauthorization", &fields).await.expect(200);
    let code = plants.made("device code", codes["device_code"].as_str().expect("a code"));
    let typed = plants.made("code of a device, as shown", codes["user_code"].as_str().expect("a code"));
    plants.made("code of a device, without the hyphen", &typed.replace('-', ""));
    let (mut browser, _) = device_browser(ground, plants).await;
    let page = browser.open(codes["verification_uri_complete"].as_str().expect("an address")).await;
    let question = browser.submit(&page, &[("user_code", &typed)]).await;
    let html = String::from_utf8_lossy(&question.bytes).into_owned();
    plants.made("nonce of the question", &attribute(&html, "name=\"nonce\"", "value").expect("a nonce"));
    browser.submit(&question, &[("decision", "allow")]).await.expect(200);
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("client_id", COMMAND_LINE),
        ("device_code", code.as_str()),
    ];
    let tokens = ground.nobody.form(TOKEN, &fields).await.expect(200);
    plants.made("access token of a device", tokens["access_token"].as_str().expect("a token"));
    plants.made("refresh token of a device", tokens["refresh_token"].as_str().expect("a token"));
    ground.nobody.form(TOKEN, &fields).await.expect(400);
}

async fn device_browser(ground: &Ground, plants: &mut Plants) -> (Speaker, String) {
    let password = plants.plant("password of a device's person");
    let body = json!({"partitionGlobalId": ground.organization, "userName": "devon", "email": "devon@example.test", "password": password});
    ground.admin.post("/identity/api/User", body).await.expect(200);
    let mut browser = ground.nobody.clone();
    let page = browser.open("/identity/device").await;
    browser.submit(&page, &[("username", "devon"), ("password", &password)]).await.expect(200);
    (browser, password)
}

async fn personal_tokens(ground: &mut Ground, plants: &mut Plants) {
    let path = "/identity/api/ReferenceToken";
    let body = json!({"description": "scripts", "scopes": ["OR.Folders"]});
    let made = ground.admin.post(path, body).await.expect(201);
    let token = plants.made("personal access token", made["token"].as_str().expect("a token"));
    let one = format!("{path}/{}", made["id"].as_str().expect("an id"));
    assert_eq!(ground.nobody.as_holder(&token).get("/odata/Folders").await.status, 200);
    let next = ground.admin.post(&format!("{one}/regenerate"), json!({})).await.text("token");
    plants.made("personal access token made anew", &next);
    ground.addresses.push(path.to_owned());
}

async fn machines_and_robots(ground: &mut Ground, plants: &mut Plants) {
    let machine = json!({"Name": "hosts", "Type": "Template", "UnattendedSlots": 1});
    let made = ground.admin.post("/odata/Machines", machine).await.expect(201);
    let license = made["LicenseKey"].as_str().expect("a key").to_owned();
    let secret = plants.made("secret of a machine", made["ClientSecret"].as_str().expect("a secret"));
    let path = format!("/api/clientsecrets/{license}");
    let further = ground.admin.post(&path, json!({})).await;
    assert!((200..=201).contains(&further.status), "{}", String::from_utf8_lossy(&further.bytes));
    plants.made("second secret of a machine", &further.text("secret"));
    ground.addresses.extend([path, format!("/odata/Machines({})", made["Id"])]);
    let fields = [("grant_type", "client_credentials"), ("client_id", license.as_str()), ("client_secret", &secret)];
    plants.made("access token of a machine", &ground.nobody.form(TOKEN, &fields).await.text("access_token"));

    let robot = json!({"partitionGlobalId": ground.organization, "name": "bot", "displayName": "bot"});
    let made = ground.admin.post("/identity/api/RobotAccount", robot).await;
    assert!((200..=201).contains(&made.status), "{}", String::from_utf8_lossy(&made.bytes));
    let body = json!({"UserName": "bot", "Domain": "autogen", "Type": "DirectoryRobot", "MayHaveUnattendedSession": true,
        "UnattendedRobot": {"UserName": "corp\\bot", "Password": plants.plant("password of a robot's account"), "CredentialType": "Default"}});
    let user = ground.admin.post("/odata/Users", body).await.expect(201);
    let one = format!("/odata/Users({})", user["Id"]);
    let mut change = user.clone();
    change["UnattendedRobot"]["Password"] = json!(plants.plant("new password of a robot's account"));
    ground.admin.json("PUT", &one, change).await.expect(200);
    ground.addresses.push(one);
}

async fn assets(ground: &mut Ground, plants: &mut Plants) {
    let secret =
        |value: &str| json!({"Name": "Token", "ValueScope": "Global", "ValueType": "Secret", "SecretValue": value});
    let login = |password: &str| json!({"Name": "Login", "ValueScope": "Global", "ValueType": "Credential", "CredentialUsername": "svc", "CredentialPassword": password});
    for (name, body) in [("Token", &secret as &dyn Fn(&str) -> Value), ("Login", &login)] {
        let first = body(&plants.plant(&format!("asset {name}")));
        let made = ground.admin.post("/odata/Assets", first).await.expect(201);
        let one = format!("/odata/Assets({})", made["Id"]);
        ground.admin.json("PUT", &one, body(&plants.plant(&format!("asset {name}, changed")))).await.expect(200);
        let again = body(&plants.plant(&format!("asset {name}, refused")));
        ground.admin.post("/odata/Assets", again).await.expect(409);
        ground.addresses.push(one);
    }
    let gone = json!({"Name": "Gone", "ValueScope": "Global", "ValueType": "Secret", "SecretValue": plants.plant("asset, deleted")});
    let made = ground.admin.post("/odata/Assets", gone).await.expect(201);
    ground.admin.json("DELETE", &format!("/odata/Assets({})", made["Id"]), json!({})).await.expect(204);
    let store = json!({"Name": "Vault", "Type": "HashiCorp Vault", "AdditionalConfiguration": plants.plant("settings of a credential store")});
    ground.admin.post("/odata/CredentialStores", store).await.expect(400);
}

async fn settings(ground: &mut Ground, plants: &mut Plants) {
    for name in ["Abp.Net.Mail.Smtp.Password", "My.ClientSecret", "NuGet.Packages.ApiKey"] {
        let path = format!("/odata/Settings('{name}')");
        let body = json!({"Name": name, "Value": plants.plant(&format!("setting {name}"))});
        ground.admin.json("PUT", &path, body).await.expect(200);
        let body = json!({"Name": name, "Value": plants.plant(&format!("setting {name}, changed"))});
        ground.admin.json("PUT", &path, body).await.expect(200);
        ground.addresses.push(path);
    }
}

/// Names of plants that only those may read who may read the queue.
pub const QUEUE: &str = "encrypted queue: ";

async fn queue(ground: &mut Ground, plants: &mut Plants) {
    let admin = &ground.admin;
    admin.post("/odata/QueueDefinitions", json!({"Name": "sealed", "Encrypted": true})).await.expect(201);
    let of = |what: &str| format!("{QUEUE}{what}");
    for n in 0..3 {
        let content = json!({"Word": plants.plant(&of(&format!("content {n}"))), "Name": "x"});
        let item = json!({"itemData": {"Name": "sealed", "Priority": "Normal", "SpecificContent": content}});
        admin.post("/odata/Queues/UiPathODataSvc.AddQueueItem", item).await.expect(201);
    }
    let many = json!([{"Name": "sealed", "SpecificContent": {"Word": plants.plant(&of("content in bulk"))}}]);
    let many = json!({"queueName": "sealed", "commitType": "AllOrNothing", "queueItems": many});
    admin.post("/odata/Queues/UiPathODataSvc.BulkAddQueueItems", many).await.expect(200);
    for succeeds in [true, false] {
        let start = json!({"transactionData": {"Name": "sealed"}});
        let taken = admin.post("/odata/Queues/UiPathODataSvc.StartTransaction", start).await.expect(200);
        let result = match succeeds {
            true => {
                json!({"IsSuccessful": true, "Output": {"Word": plants.plant(&of("output"))}, "Analytics": {"Word": plants.plant(&of("analytics"))}})
            }
            false => json!({"IsSuccessful": false, "Output": {"Word": plants.plant(&of("output of a failure"))},
                "ProcessingException": {"Type": "BusinessException", "Reason": "refused", "Details": "none"}}),
        };
        let path = format!("/odata/Queues({})/UiPathODataSvc.SetTransactionResult", taken["Id"]);
        admin.post(&path, json!({"transactionResult": result})).await.expect(200);
    }
}

async fn buckets(ground: &mut Ground, plants: &mut Plants) {
    let admin = &ground.admin;
    let body = json!({"Name": "files", "Identifier": "6d9b1c70-2a3e-4b5d-9f10-000000000001"});
    let bucket = admin.post("/odata/Buckets", body).await.expect(201);
    let of = |name: &str| format!("/odata/Buckets({})/UiPath.Server.Configuration.OData.{name}", bucket["Id"]);
    let write = admin.get(&of("GetWriteUri?path=a.txt&contentType=text%2Fplain")).await.text("Uri");
    plants.made("address to write a file", signature(&write));
    let put = ground.nobody.raw("PUT", &write, "text/plain", "content".into()).await;
    assert_eq!(put.status, 201, "{}", String::from_utf8_lossy(&put.bytes));
    let read = admin.get(&of("GetReadUri?path=a.txt")).await.text("Uri");
    plants.made("address to read a file", signature(&read));
    let got = ground.nobody.get(&read).await;
    assert_eq!((got.status, got.bytes.as_slice()), (200, b"content".as_slice()));
    let outside = json!({"Name": "outside", "Identifier": "6d9b1c70-2a3e-4b5d-9f10-000000000002", "StorageProvider": "Azure",
        "StorageParameters": plants.plant("storage parameters"), "Password": plants.plant("password of a storage")});
    admin.post("/odata/Buckets", outside).await.expect(400);
    ground.addresses.push(format!("/odata/Buckets({})", bucket["Id"]));
}

/// What makes a signed address good: its last and longest part.
fn signature(address: &str) -> &str {
    assert!(address.starts_with(PUBLIC), "{address}");
    address.split(['/', '?', '=', '&']).max_by_key(|p| p.len()).expect("a part")
}

/// Secrets where they do not belong: addresses, headers, bodies that cannot be read, fields of other kinds.
async fn mistakes(ground: &Ground, plants: &mut Plants) {
    let plain = |secret: String| secret.replace(['+', '/', '='], "");
    let mut n = 0;
    for shape in [
        "/no/such/{}",
        "/odata/Folders?password={}",
        "/odata/{}",
        "/odata/Folders({})",
        "/identity/connect/authorize?client_secret={}",
        "/identity/account/reset?token={}",
        "/identity/account/invitation?token={}",
        "/identity/device?user_code={}",
        "/odata/Folders?$filter=DisplayName eq '{}'",
        "/odata/Folders?$orderby={}",
    ] {
        n += 1;
        let secret = plain(plants.plant(&format!("secret in an address, {n}")));
        let path = shape.replace("{}", &secret);
        let heard = ground.admin.get(&path).await;
        assert!(heard.status < 500, "{path}");
        ground.nobody.get(&path).await;
    }
    for (name, shape) in [
        ("authorization", "Bearer {}"),
        ("authorization", "Basic {}"),
        ("authorization", "UiRobot {}"),
        ("authorization", "{}"),
        ("x-nuget-apikey", "{}"),
        ("x-robot-license", "{}"),
        ("cookie", "__Host-bandmaster-session={}"),
        ("traceparent", "{}"),
        ("user-agent-secret", "{}"),
        ("x-api-key", "{}"),
    ] {
        let secret = plain(plants.plant(&format!("secret in the header {name}")));
        let odd = ground.nobody.with(name, &shape.replace("{}", &secret));
        for path in
            ["/odata/Folders", "/identity/connect/userinfo", "/nuget/activities/v3/index.json", "/identity/device"]
        {
            assert!(odd.get(path).await.status < 500, "{name} {path}");
        }
    }
    for body in ["{\"SecretValue\": \"{}\", }", "\"{}\"", "{\"{}\": 1}", "{\"ValueType\": \"{}\"}", "{}"] {
        let secret = plants.plant("secret in a body that is refused");
        let text = if body == "{}" { secret } else { body.replace("{}", &secret) };
        let heard = ground.admin.raw("POST", "/odata/Assets", "application/json", text).await;
        assert!((400..500).contains(&heard.status), "{body}");
    }
    let fields = [("grant_type", "refresh_token"), ("client_id", COMMAND_LINE)];
    for member in ["refresh_token", "code", "device_code", "client_secret"] {
        let secret = plants.plant("secret at the token endpoint");
        let fields: Vec<(&str, &str)> = fields.iter().copied().chain([(member, secret.as_str())]).collect();
        ground.nobody.form(TOKEN, &fields).await.expect(400);
    }
}
