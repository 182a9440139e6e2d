//! Bodies, options, headers of answers, errors.

use bandmaster_testkit::{json, suite};

suite! {
    async fn answers_carry_version_and_trace(server: &TestServer) {
        let trace = "4b1f0c9d7e2a8356b4c19f70d2e6a831";
        let client = server.admin().with_header("traceparent", &format!("00-{trace}-7c05e1b9d3f24a68-01"));
        let reply = client.get("/odata/QueueDefinitions").await;
        assert_eq!(reply.header("api-supported-versions"), Some("20.0"));
        assert!(reply.header("traceparent").unwrap().contains(trace));
        assert!(reply.header("content-type").unwrap().starts_with("application/json; odata.metadata=minimal"));
        let error = client.get("/odata/QueueDefinitions(77)").await.error(404, 1002);
        assert!(error["traceId"].as_str().unwrap().contains(trace));
    }

    async fn refusals_come_in_order(server: &TestServer) {
        let bad = json!({"Name": 5});
        let path = "/odata/QueueDefinitions";
        server.anonymous().in_folder(99).post(path, bad.clone()).await.error(401, 0);
        let weak = server.application("OR.Assets", None).await.in_folder(99);
        let reply = weak.post(path, bad.clone()).await;
        assert!(reply.error(403, 0)["errorMessage"].as_str().unwrap().contains("'OR.Queues'"));
        let app = server.application("OR.Queues", Some("Automation User")).await;
        app.in_folder(99).post(path, bad).await.error(400, 1000);
        app.in_folder(99).post(path, json!({"Name": "q"})).await.error(400, 1100);
        app.without_folder().post(path, json!({"Name": "q"})).await.error(400, 1101);
        app.post(path, json!({"Name": "q"})).await.error(403, 0);
    }

    async fn broken_bodies_are_refused(server: &TestServer) {
        let admin = server.admin();
        let deep = format!("{}1{}", "{\"a\":".repeat(3000), "}".repeat(3000));
        for body in ["{", "[]", "null", "\"text\"", "7", "", "{}{}", "<xml/>", deep.as_str()] {
            let reply = admin.raw("/odata/QueueDefinitions", "application/json", body.as_bytes().to_vec()).await;
            assert_eq!(reply.status, 400, "{}", &body[..body.len().min(20)]);
        }
        admin.raw("/odata/QueueDefinitions", "application/json", vec![0xff, 0xfe, 0]).await.expect(400);
        for ty in ["application/json", "application/json;odata.metadata=minimal;odata.streaming=true", "application/json-patch+json", "text/json"] {
            let body = format!("{{\"name\":\"{}\"}}", ty.len()).into_bytes();
            admin.raw("/odata/QueueDefinitions", ty, body).await.expect(201);
        }
        let huge = format!("{{\"Name\":\"{}\"}}", "n".repeat(200_000));
        admin.raw("/odata/QueueDefinitions", "application/json", huge.into_bytes()).await.error(400, 1009);
        let larger = vec![b' '; 33 << 20];
        admin.raw("/odata/QueueDefinitions", "application/json", larger).await.error(413, 1000);
    }

    async fn hostile_options_are_refused(server: &TestServer) {
        let admin = server.admin();
        let long = format!("$filter={}", "(".repeat(5_000));
        for option in ["$filter=", "$filter=NoSuch eq 1", "$filter=Id eq 1)) or ((1 eq 1", "$orderby=Id sideways", "$top=1001", "$top=-1",
            "$skip=x", "$count=maybe", "$select=NoSuch", "$expand=NoSuch", "filter=Id eq 1", "$filter=%00", "$nonsense=1", long.as_str()] {
            admin.get(&format!("/odata/QueueDefinitions?{option}")).await.error(400, 1000);
        }
        for option in ["$filter=contains(tolower(Name),tolower('X'))", "$filter=Id+in+(1,2)", "$orderby=Name desc,Id&$top=5&$skip=0", "$count=false"] {
            admin.get(&format!("/odata/QueueDefinitions?{option}")).await.expect(200);
        }
    }

    async fn browsers_of_the_sign_in_pages_may_call(server: &TestServer) {
        let client = server.anonymous().with_header("Origin", "http://localhost:8104");
        let preflight = client.request(reqwest::Method::OPTIONS, "/identity_/connect/token").header("Access-Control-Request-Method", "POST");
        let reply = client.send(preflight).await;
        assert_eq!((reply.status, reply.header("access-control-allow-origin")), (204, Some("http://localhost:8104")));
        let reply = client.get("/identity/.well-known/openid-configuration").await;
        assert_eq!(reply.header("access-control-allow-origin"), Some("http://localhost:8104"));
        let stranger = server.anonymous().with_header("Origin", "http://evil.example");
        let reply = stranger.get("/identity/.well-known/openid-configuration").await;
        assert_eq!(reply.header("access-control-allow-origin"), None);
    }
}
