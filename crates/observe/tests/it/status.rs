//! Status probes.

use bandmaster_testkit::suite;

suite! {
    async fn anybody_may_ask_for_the_status(server: &TestServer) {
        for client in [server.anonymous(), server.admin()] {
            let reply = client.get("/api/Status/Get").await;
            assert!(reply.expect(200).is_null() && reply.bytes.is_empty());
            let version = client.get("/api/Status/Version").await.expect(200);
            assert!(version["version"].as_str().unwrap().starts_with(|c: char| c.is_ascii_digit()));
            assert!(version.get("deployment").is_some() && version["configsVersion"].is_null());
        }
        // A credential that counts for nothing is no reason to think the node ill.
        server.caller("nonsense").get("/api/Status/Get").await.expect(200);
        server.caller("nonsense").get("/api/Status/Version").await.expect(200);
    }

    async fn a_node_without_a_database_gets_no_traffic(server: &TestServer) {
        server.app().store.close().await;
        let reply = server.anonymous().get("/api/Status/Get").await;
        reply.error(503, 1024);
        assert!(reply.header("retry-after").is_some());
        server.anonymous().get("/api/Status/Version").await.expect(200);
    }
}
