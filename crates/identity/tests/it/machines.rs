//! Credentials of machines, robots and jobs.

use crate::world::{MACHINE_KEY, MACHINE_SECRET, ROBOT_KEY, get, parts};
use bandmaster_core::clock::{DAY, HOUR};
use bandmaster_identity::users::NewUser;
use bandmaster_identity::{JobTokenRequest, issue_job_token, users};
use serde_json::json;

both! {
    async fn keys_in_headers(world: &World) {
        let who = |key: &str| get("/api/who").header("x-robot-license", key);
        let body = world.send(who(MACHINE_KEY)).await.expect(200);
        assert_eq!((&body["kind"], &body["machine"], &body["tenant"]), (&json!("Machine"), &json!(7), &json!(1)));
        world.send(who("nonsense")).await.expect(401);
        world.send(who(MACHINE_KEY).header("x-robot-license", MACHINE_KEY)).await.expect(401);
        let robot = who(MACHINE_KEY).header("authorization", &format!("UiRobot {ROBOT_KEY}"));
        let body = world.send(robot).await.expect(200);
        assert_eq!((&body["kind"], &body["machine"]), (&json!("Robot"), &json!(7)));
        world.send(who(MACHINE_KEY).header("authorization", "UiRobot other")).await.expect(401);
        world.send(who("nonsense").header("authorization", &format!("UiRobot {ROBOT_KEY}"))).await.expect(401);
        world.send(get("/api/who").header("authorization", &format!("UiRobot {ROBOT_KEY}"))).await.expect(401);
        // A token says more than a key; a wrong one is not made good by a key.
        let token = world.signed_in("admin").await;
        let body = world.send(who(MACHINE_KEY).bearer(&token)).await.expect(200);
        assert_eq!(body["name"], "admin");
        world.send(who(MACHINE_KEY).bearer("nonsense")).await.expect(401);
    }

    async fn a_machines_client_credentials(world: &World) {
        let ask = async |id: &str, secret: &str, scope: &str| {
            let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret), ("scope", scope)];
            world.token(&fields).await
        };
        let body = ask(MACHINE_KEY, MACHINE_SECRET, "OrchestratorApiUserAccess").await.expect(200);
        let token = body["access_token"].as_str().unwrap();
        assert_eq!(parts(token).1["sub_type"], "machine");
        let who = world.who(token).await.expect(200);
        assert_eq!((&who["kind"], &who["machine"]), (&json!("Machine"), &json!(7)));
        ask(MACHINE_KEY, MACHINE_SECRET, "").await.expect(200);
        ask(MACHINE_KEY, MACHINE_SECRET, "OR.Jobs").await.refused(400, "invalid_scope");
        ask(MACHINE_KEY, "wrong", "").await.refused(400, "invalid_client");
        ask("11111111-1111-4111-8111-111111111111", MACHINE_SECRET, "").await.refused(400, "invalid_client");
        // A machine that is gone takes its tokens along.
        *world.fleet.machine_gone.lock().unwrap() = true;
        world.who(token).await.expect(401);
        *world.fleet.machine_gone.lock().unwrap() = false;
        world.advance(3600);
        world.who(token).await.expect(401);
    }

    async fn a_jobs_token_lives_with_its_job(world: &World) {
        let mut unit = world.unit().await;
        let new = NewUser { user_name: "robot", robot: true, ..NewUser::default() };
        let robot = users::create(&mut unit, world.organization.id, &new).await.unwrap();
        unit.commit().await.unwrap();
        let request = JobTokenRequest {
            account_key: &robot.key, tenant_id: 1, job_key: "job-1", lifetime: 2 * DAY, origin: Some("https://bm.test"),
        };
        let token = issue_job_token(&world.app, &request).await.unwrap();
        let token = token.reveal();
        assert_eq!(parts(token).1["iss"], "https://bm.test/identity");
        world.who(token).await.expect(401);
        world.fleet.live_jobs.lock().unwrap().insert("job-1".into());
        let who = world.who(token).await.expect(200);
        assert_eq!((&who["kind"], &who["scopes"], &who["job"]), (&json!("Robot"), &json!("all"), &json!("job-1")));
        assert_eq!((&who["tenant"], &who["key"]), (&json!(1), &json!(robot.key)));
        world.advance(86_400);
        world.who(token).await.expect(200);
        world.fleet.live_jobs.lock().unwrap().clear();
        world.who(token).await.expect(401);
        world.fleet.live_jobs.lock().unwrap().insert("job-1".into());
        world.advance(86_400);
        world.who(token).await.expect(401);

        // For a person: everything but the installation, and no way to more lasting credentials.
        let request = JobTokenRequest { account_key: &world.admin.key, lifetime: HOUR, origin: None, ..request };
        let token = issue_job_token(&world.app, &request).await.unwrap();
        let who = world.who(token.reveal()).await.expect(200);
        assert_eq!((&who["kind"], &who["host"], &who["name"]), (&json!("User"), &json!(false), &json!("admin")));
        world.send(get("/identity/api/ReferenceToken").bearer(token.reveal())).await.expect(403);
        let path = format!("/identity/api/ExternalClient/{}", world.organization.key);
        world.send(get(&path).bearer(token.reveal())).await.expect(403);
        let mut unit = world.unit().await;
        users::set_active(&mut unit, &world.admin, false).await.unwrap();
        unit.commit().await.unwrap();
        world.who(token.reveal()).await.expect(401);
        assert_eq!(issue_job_token(&world.app, &request).await.unwrap_err().status(), 404);
    }
}
