//! Redirect addresses that must not be registered in the first place.

use super::*;
use serde_json::json;

both! {
    async fn dangerous_addresses_are_not_registered(world: &World) {
        let mut stage = Stage::set(world).await;
        let admin = world.signed_in("admin").await;
        let new = |name: &str, uri: &str| {
            let body = json!({
                "partitionGlobalId": world.organization.key, "name": name, "isConfidential": true, "redirectUri": uri,
                "scopes": [{"name": "OR.Jobs", "type": 0}],
            });
            post("/identity/api/ExternalClient").bearer(&admin).json(body)
        };
        for (at, good) in ["https://good.test/cb", "http://localhost:1/cb", "com.example.app:/cb"].into_iter().enumerate() {
            world.send(new(&format!("good {at}"), good)).await.expect(201);
        }
        let mut cases = Vec::new();
        for uri in [
            "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd", "about:blank", "blob:x",
            "http://client.test/cb", "http://localhost.evil.test/cb", "http://10.0.0.1/cb", "ftp://client.test/cb",
            "https://", "https:///cb", "https://client.test/cb#x", "https://client.test/cb#", "https://user@client.test/cb",
            "https://user:x@client.test/cb", "https://*.client.test/cb", "https://*/cb", "https://client.test\\@evil.test/cb",
            "//client.test/cb", "/cb", "cb", "https://cl\u{456}ent.test/cb", "https://client.test/a\u{0}b", "https://client.test/\u{7f}",
            "https://client.test/<script>", "https://client.test/\"x",
        ] {
            cases.push(case(format!("registered: {uri:?}"), new(&format!("bad {}", cases.len()), uri), Expected::Status(400)));
        }
        let named = format!("/identity/api/ExternalClient/{}/{}", world.organization.key, stage.app.key);
        let body = json!({"name": "app", "isConfidential": true, "redirectUri": "javascript:alert(1)", "scopes": [{"name": "OR.Jobs", "type": 0}]});
        cases.push(case("changed to a script", post(&named).method("PUT").bearer(&admin).json(body), Expected::Status(400)));
        hold(world, &mut stage.browser, "registering", cases).await;
    }
}
