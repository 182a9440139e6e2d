//! Every parameter of every endpoint sent twice: a proxy in front might look at one and the server at the other
//! (RFC 6749, section 3.1: never more than once).

use super::*;

/// Each parameter once more, with its own value and with another, in front and behind.
fn doubled(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let mut out = Vec::new();
    for (name, value) in fields {
        for (how, other) in [("same", *value), ("other", "evil")] {
            let more = encoded(&[(name, other)]);
            out.push((format!("{name}, {how} behind"), format!("{}&{more}", encoded(fields))));
            if how == "other" {
                out.push((format!("{name}, {how} in front"), format!("{more}&{}", encoded(fields))));
            }
        }
    }
    out
}

both! {
    async fn no_parameter_counts_twice(world: &World) {
        let mut stage = Stage::set(world).await;
        let [access, refresh, _] = stage.tokens(world).await;
        let code = stage.code(world).await;
        let form = |path: &str, body: &str| post(path).raw(body, "application/x-www-form-urlencoded");
        let request = Expected::Refused(400, "invalid_request");
        let mut cases = Vec::new();
        for (name, query) in doubled(&stage.asking(&[])) {
            cases.push(case(format!("authorize: {name}"), get(&format!("/identity/connect/authorize?{query}")), Expected::Page));
            cases.push(case(format!("authorize as a form: {name}"), form("/identity/connect/authorize", &query), Expected::Page));
        }
        let own = [("client_id", stage.app.key.as_str()), ("client_secret", stage.secret.as_str())];
        let refreshing = [&own[..], &[("grant_type", "refresh_token"), ("refresh_token", &refresh), ("scope", "OR.Jobs")]].concat();
        let itself = [&own[..], &[("grant_type", "client_credentials"), ("scope", "OR.Jobs")]].concat();
        let password = [("grant_type", "password"), ("client_id", PUBLIC_CLIENT), ("username", "admin"), ("password", PASSWORD)];
        for (grant, fields) in [
            ("code", stage.redeeming(&code, &[])), ("refresh", refreshing.clone()), ("client credentials", itself), ("password", password.to_vec()),
        ] {
            for (name, body) in doubled(&fields) {
                cases.push(case(format!("{grant}: {name}"), form("/identity/connect/token", &body), request));
            }
        }
        let about = [&own[..], &[("token", access.as_str())]].concat();
        for endpoint in ["introspect", "revocation"] {
            for (name, body) in doubled(&about) {
                cases.push(case(format!("{endpoint}: {name}"), form(&format!("/identity/connect/{endpoint}"), &body), request));
            }
        }
        hold(world, &mut stage.browser, "doubled", cases).await;
        // Nothing of that has touched what it was about.
        world.who(&access).await.expect(200);
        assert_eq!(world.token(&stage.redeeming(&code, &[])).await.status, 200);
        assert_eq!(world.token(&refreshing).await.status, 200);
    }
}
