//! Tests of the functions that other features call, on both databases.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::enums::{NON_PRODUCTION, UNATTENDED as UNATTENDED_TYPE};
use crate::machines::{account_limits, accounts, of_folder};
use crate::robots::provision::arrange;
use crate::robots::{ATTENDED, RobotWish, UNATTENDED, ensure_unattended, run_as};
use crate::sessions::health::SessionHealth;
use crate::sessions::stale::StaleSessions;
use crate::sessions::{Wanted, begin_user, eligible, end_user, heartbeat, of_host, start, stop};
use crate::testing::{World, both, report};
use crate::{Credentials, Fleet, Usage};
use bandmaster_access::parts::{
    AccountContents, FolderContents, MachineFolders, RobotBlocks, RobotOwner, RobotProvisioning,
};
use bandmaster_api::Duty;
use bandmaster_api::gate::FleetCredentials;
use bandmaster_core::{PrincipalKind, Secret, codes};
use bandmaster_store::params;
use serde_json::{Value, json};

async fn license_key(world: &World, machine: i64) -> String {
    let mut conn = world.read().await;
    conn.query_one("SELECT license_key FROM machines WHERE id = $1", params![machine]).await.unwrap().get(0).unwrap()
}

#[test]
fn machines_reach_folders_directly_and_from_above() {
    both(|w| async move {
        let [a, b, c, x] = w.folders;
        let (direct, passed, kept) =
            (w.machine("m1", (1, 0)).await, w.machine("m2", (1, 0)).await, w.machine("m3", (1, 0)).await);
        w.assign(&direct, b, false).await;
        w.assign(&passed, a, true).await;
        w.assign(&kept, a, false).await;
        let mut conn = w.read().await;
        for (folder, expected) in
            [(a, vec![passed.id, kept.id]), (b, vec![direct.id, passed.id]), (c, vec![]), (x, vec![])]
        {
            let path = crate::folder_path(&mut conn, w.tenant, folder).await.unwrap();
            let found: Vec<i64> = of_folder(&mut conn, &path).await.unwrap().iter().map(|m| m.machine.id).collect();
            assert_eq!(found, expected, "folder {folder}");
        }
        assert!(crate::folder_path(&mut conn, w.tenant, x).await.unwrap().is_empty(), "another tenant's folder");
        drop(conn);
        // The nearest assignment counts.
        w.assign(&passed, b, false).await;
        let mut conn = w.read().await;
        let path = crate::folder_path(&mut conn, w.tenant, b).await.unwrap();
        assert_eq!(path, [b, a]);
        let found = of_folder(&mut conn, &path).await.unwrap();
        assert_eq!(
            found.iter().map(|m| (m.machine.id, m.assigned_in)).collect::<Vec<_>>(),
            [(direct.id, b), (passed.id, b)]
        );
        let fleet = Fleet::default();
        assert_eq!(fleet.folders(&mut conn, w.tenant, kept.id).await.unwrap(), [a]);
        assert_eq!(fleet.folders(&mut conn, w.tenant, passed.id).await.unwrap(), [a, b]);
        assert!(fleet.folders(&mut conn, w.other_tenant, passed.id).await.unwrap().is_empty());
    });
}

#[test]
fn a_host_connects_lives_falls_silent_and_leaves() {
    both(|w| async move {
        let machine = w.machine("pool", (2, 1)).await;
        w.assign(&machine, w.folders[0], true).await;
        let wanted = Wanted { runtime_type: UNATTENDED_TYPE, foreground: false, windows: false };
        let judged = async |w: &World| {
            let mut conn = w.read().await;
            let now = bandmaster_core::Clock::now(w.clock.as_ref());
            let sessions = eligible(&mut conn, w.tenant, w.folders[1]).await.unwrap();
            sessions
                .iter()
                .map(|s| (s.runtime_type, s.slots, s.obstacle(&wanted, now).map(|o| o.code())))
                .collect::<Vec<_>>()
        };
        let mut unit = w.unit().await;
        let ids = start(&mut unit, &machine, &report("pc-1")).await.unwrap();
        unit.commit().await.unwrap();
        assert_eq!(ids.len(), 2);
        assert_eq!(judged(&w).await, [(2, 2, None), (0, 1, Some("TemplateNoRuntime"))]);
        assert_eq!(w.events().await.last().unwrap().1["Change"], "Available");

        // A second start and heartbeats keep the rows; another host gets its own.
        let mut unit = w.unit().await;
        assert_eq!(start(&mut unit, &machine, &report("PC-1")).await.unwrap(), ids);
        let seen = heartbeat(&mut unit, &machine, &report("pc-1")).await.unwrap();
        assert_eq!((seen.session_ids, seen.came_back), (ids.clone(), false));
        assert_eq!(heartbeat(&mut unit, &machine, &report("pc-2")).await.unwrap().session_ids.len(), 2);
        unit.commit().await.unwrap();
        let events = w.events().await.len();

        w.pass(121);
        assert_eq!(judged(&w).await[0].2, Some("DynamicJobConnectedMachinesInvalid"));
        let now = bandmaster_core::Clock::now(w.clock.as_ref());
        SessionHealth.tick(&w.app, now).await.unwrap();
        let told = w.events().await;
        assert_eq!(told.len(), events + 1, "one event for both hosts");
        assert_eq!(told[events].1["Sessions"].as_array().unwrap().len(), 2);
        assert_eq!(told[events].1["Sessions"][0]["IsUnresponsive"], true);
        SessionHealth.tick(&w.app, now).await.unwrap();
        assert_eq!(w.events().await.len(), events + 1, "told once");

        let mut unit = w.unit().await;
        assert!(heartbeat(&mut unit, &machine, &report("pc-1")).await.unwrap().came_back);
        unit.commit().await.unwrap();
        assert_eq!(judged(&w).await[0].2, None);
        assert_eq!(w.events().await.last().unwrap().1["Change"], "Available");

        let mut unit = w.unit().await;
        assert_eq!(stop(&mut unit, &machine, &report("pc-1")).await.unwrap(), ids);
        unit.commit().await.unwrap();
        assert_eq!(judged(&w).await[0].2, Some("TemplateNoHostsAvailable"));
        let (kind, payload) = w.events().await.pop().unwrap();
        assert_eq!((kind.as_str(), &payload["Sessions"][0]["State"]), ("robot.status", &json!("Disconnected")));
    });
}

#[test]
fn heartbeats_follow_the_machine() {
    both(|w| async move {
        let mut machine = w.machine("pool", (1, 0)).await;
        let mut unit = w.unit().await;
        let first = heartbeat(&mut unit, &machine, &report("h")).await.unwrap();
        assert!(first.came_back, "a host that never said that it starts is there all the same");
        machine.slots.unattended = 0;
        machine.slots.non_production = 3;
        let second = heartbeat(&mut unit, &machine, &report("h")).await.unwrap();
        assert!(!second.came_back);
        let rows = of_host(&mut unit, machine.id, "H", "", "").await.unwrap();
        let shown: Vec<_> = rows.iter().map(|s| (s.runtime_type, s.slots, s.connected)).collect();
        assert_eq!(shown, [(UNATTENDED_TYPE, 0, false), (NON_PRODUCTION, 3, true)]);
        machine.slots.non_production = 0;
        assert!(heartbeat(&mut unit, &machine, &report("h")).await.unwrap().session_ids.is_empty());
        unit.commit().await.unwrap();
    });
}

#[test]
fn persons_have_sessions_beside_those_of_the_host() {
    both(|w| async move {
        let machine = w.machine("pool", (1, 0)).await;
        let mut unit = w.unit().await;
        let robot = arrange(&mut unit, &w.app.keys, w.owner(0), ATTENDED, &RobotWish::default()).await.unwrap();
        let id = begin_user(&mut unit, &machine, &robot, &report("desk")).await.unwrap();
        assert_eq!(begin_user(&mut unit, &machine, &robot, &report("desk")).await.unwrap(), id);
        let host = start(&mut unit, &machine, &report("desk")).await.unwrap();
        assert_eq!(of_host(&mut unit, machine.id, "desk", "", "").await.unwrap().len(), host.len());
        end_user(&mut unit, &machine, robot.id, &report("desk")).await.unwrap();
        let session = crate::sessions::by_id(&mut unit, w.tenant, id).await.unwrap().unwrap();
        assert!(!session.connected && session.robot_id == robot.id);
        unit.commit().await.unwrap();
    });
}

#[test]
fn unattended_robots_of_a_folder_are_those_of_its_own_members() {
    both(|w| async move {
        let [a, b, c, _] = w.folders;
        let mut unit = w.unit().await;
        let ana = ensure_unattended(&mut unit, &w.app.keys, w.owner(0)).await.unwrap();
        assert_eq!(ensure_unattended(&mut unit, &w.app.keys, w.owner(0)).await.unwrap(), ana);
        let bot = ensure_unattended(&mut unit, &w.app.keys, w.owner(1)).await.unwrap();
        arrange(&mut unit, &w.app.keys, w.owner(1), ATTENDED, &RobotWish::default()).await.unwrap();
        unit.commit().await.unwrap();
        w.member(w.users[0], a).await;
        w.member(w.users[1], b).await;
        let ids = async |folder: i64| {
            let mut conn = w.read().await;
            let found = crate::robots::of_folder(&mut conn, w.tenant, folder).await.unwrap();
            found.iter().map(|r| r.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(a).await, [ana.id]);
        assert_eq!(ids(b).await, [ana.id, bot.id]);
        assert!(ids(c).await.is_empty());
        w.sql(&[format!("UPDATE users SET is_active = 0 WHERE id = {}", w.users[0])]).await;
        assert_eq!(ids(b).await, [bot.id]);
        w.sql(&[format!("UPDATE users SET type = 3 WHERE id = {}", w.users[1])]).await;
        assert!(ids(b).await.is_empty(), "groups do not run jobs");
    });
}

#[test]
fn passwords_are_sealed_and_open_for_their_robot_only() {
    both(|w| async move {
        let mut unit = w.unit().await;
        let wish = RobotWish {
            os_user_name: Some(Some("corp\\bot".into())),
            password: Some(Secret::new("s3cret-word")),
            ..RobotWish::default()
        };
        let bot = arrange(&mut unit, &w.app.keys, w.owner(1), UNATTENDED, &wish).await.unwrap();
        let ana = ensure_unattended(&mut unit, &w.app.keys, w.owner(0)).await.unwrap();
        assert!(bot.has_credentials() && !ana.has_credentials());
        let opened = run_as(&mut unit, &w.app.keys, w.tenant, bot.id).await.unwrap().unwrap();
        assert_eq!((opened.user_name.as_str(), opened.password.unwrap().reveal()), ("corp\\bot", "s3cret-word"));
        assert!(run_as(&mut unit, &w.app.keys, w.tenant, ana.id).await.unwrap().is_none());
        assert!(run_as(&mut unit, &w.app.keys, w.other_tenant, bot.id).await.unwrap().is_none());
        let row = unit.query_one("SELECT password_sealed FROM robots WHERE id = $1", params![bot.id]).await.unwrap();
        assert!(!row.get::<String>(0).unwrap().contains("s3cret"));
        // A sealed password that is copied to another robot does not open there.
        unit.execute(
            "UPDATE robots SET os_user_name = 'x', password_sealed = $1 WHERE id = $2",
            params![row.get::<String>(0).unwrap(), ana.id],
        )
        .await
        .unwrap();
        assert!(run_as(&mut unit, &w.app.keys, w.tenant, ana.id).await.is_err());
        // Whoever is not to log on any more keeps no password.
        let wish = RobotWish { credential_type: Some(crate::enums::CREDENTIAL_NONE), ..RobotWish::default() };
        let bot = arrange(&mut unit, &w.app.keys, w.owner(1), UNATTENDED, &wish).await.unwrap();
        assert!(!bot.has_password && run_as(&mut unit, &w.app.keys, w.tenant, bot.id).await.unwrap().is_none());
        unit.commit().await.unwrap();
        assert!(!w.events().await.iter().any(|(_, p)| p.to_string().contains("s3cret")));
    });
}

#[test]
fn a_limit_outlives_its_last_robot() {
    both(|w| async move {
        let machine = w.machine("pool", (1, 0)).await;
        let mut unit = w.unit().await;
        let ana = ensure_unattended(&mut unit, &w.app.keys, w.owner(0)).await.unwrap();
        let bot = ensure_unattended(&mut unit, &w.app.keys, w.owner(1)).await.unwrap();
        accounts::set(&mut unit, machine.id, accounts::TENANT_WIDE, &[ana.id]).await.unwrap();
        let limits = account_limits(&mut unit, w.tenant, &[w.folders[0]]).await.unwrap();
        assert!(limits.allows(machine.id, ana.id) && !limits.allows(machine.id, bot.id));
        crate::robots::provision::delete(&mut unit, &[ana]).await.unwrap();
        let limits = account_limits(&mut unit, w.tenant, &[]).await.unwrap();
        assert!(!limits.allows(machine.id, bot.id));
        accounts::set(&mut unit, machine.id, accounts::TENANT_WIDE, &[]).await.unwrap();
        assert!(account_limits(&mut unit, w.tenant, &[]).await.unwrap().allows(machine.id, bot.id));
        accounts::set(&mut unit, machine.id, w.folders[0], &[bot.id]).await.unwrap();
        assert_eq!(
            accounts::check_robots(&mut unit, w.other_tenant, &[bot.id]).await.unwrap_err().status(),
            404,
            "another tenant's robot"
        );
        Fleet::default();
        FolderContents::delete(&Fleet::default(), &mut unit, &[w.folders[0]]).await.unwrap();
        assert!(account_limits(&mut unit, w.tenant, &[w.folders[0]]).await.unwrap().allows(machine.id, 0));
        unit.commit().await.unwrap();
    });
}

#[test]
fn machines_and_robots_prove_themselves() {
    both(|w| async move {
        let machine = w.machine("pool", (1, 0)).await;
        let key = license_key(&w, machine.id).await;
        let found = Credentials.machine_by_key(&w.app, &key.to_uppercase()).await.unwrap().unwrap();
        assert_eq!(
            (found.kind, found.machine_id, found.tenant_id),
            (PrincipalKind::Machine, Some(machine.id), Some(w.tenant))
        );
        for unknown in ["", "x", "00000000-0000-4000-8000-000000000000"] {
            assert!(Credentials.machine_by_key(&w.app, unknown).await.unwrap().is_none(), "{unknown}");
        }
        let (secret, hash) = crate::machines::secrets::fresh(&w.app).unwrap();
        let mut unit = w.unit().await;
        crate::machines::secrets::add(&mut unit, machine.id, &hash).await.unwrap();
        let bot = ensure_unattended(&mut unit, &w.app.keys, w.owner(1)).await.unwrap();
        let person = arrange(&mut unit, &w.app.keys, w.owner(0), ATTENDED, &RobotWish::default()).await.unwrap();
        unit.commit().await.unwrap();
        assert!(Credentials.machine_by_secret(&w.app, &key, secret.reveal()).await.unwrap().is_some());
        assert!(Credentials.machine_by_secret(&w.app, &key, "guess").await.unwrap().is_none());
        assert!(Credentials.machine_by_secret(&w.app, machine.key.as_str(), secret.reveal()).await.unwrap().is_none());

        let robot = async |robot: &str| Credentials.robot_on_machine(&w.app, &found, robot).await.unwrap();
        assert!(robot(&bot.key).await.is_none(), "no folder in common");
        assert_eq!(robot(&person.key).await.unwrap().key, "ana", "a person may use any machine");
        w.assign(&machine, w.folders[0], true).await;
        w.member(w.users[1], w.folders[1]).await;
        let proved = robot(&bot.key).await.unwrap();
        assert_eq!(
            (proved.kind, proved.name.as_str(), proved.machine_id),
            (PrincipalKind::Robot, "bot", Some(machine.id))
        );
        let mut unit = w.unit().await;
        accounts::set(&mut unit, machine.id, w.folders[1], &[person.id]).await.unwrap();
        unit.commit().await.unwrap();
        assert!(robot(&bot.key).await.is_none(), "the folder limits the machine to another");
        let mut unit = w.unit().await;
        accounts::set(&mut unit, machine.id, w.folders[1], &[]).await.unwrap();
        unit.commit().await.unwrap();
        assert!(robot(&bot.key).await.is_some());
        w.sql(&[format!("UPDATE robots SET enabled = 0 WHERE id = {}", bot.id)]).await;
        assert!(robot(&bot.key).await.is_none());
        assert!(robot("nonsense").await.is_none());
        let stranger = bandmaster_core::Principal { tenant_id: Some(w.other_tenant), ..found.clone() };
        assert!(Credentials.robot_on_machine(&w.app, &stranger, &person.key).await.unwrap().is_none());

        w.sql(&[format!("UPDATE tenants SET is_active = 0 WHERE id = {}", w.tenant)]).await;
        assert!(Credentials.machine_by_key(&w.app, &key).await.unwrap().is_none());
        assert!(!Credentials.job_is_live(&w.app, "x").await.unwrap());
    });
}

fn robot_owner(w: &World, user_type: i64, attended: bool, unattended: bool) -> RobotOwner {
    RobotOwner {
        user_id: w.users[1],
        tenant_id: w.tenant,
        key: "bot".into(),
        user_name: "bot".into(),
        user_type,
        attended,
        unattended,
    }
}

#[test]
fn robots_come_and_go_with_the_switches_of_their_account() {
    both(|w| async move {
        let fleet = Fleet::new(Some(w.jobs.clone()));
        let shown = async |w: &World| {
            let mut conn = w.read().await;
            fleet.show(&mut conn, w.tenant, &w.users).await.unwrap().remove(&w.users[1]).unwrap_or_default()
        };
        let arrange = async |owner: RobotOwner, attended: Option<Value>, unattended: Option<Value>| {
            let mut unit = w.unit().await;
            let done = fleet.arrange(&w.app, &mut unit, &owner, &RobotBlocks { attended, unattended }).await;
            if done.is_ok() {
                unit.commit().await.unwrap();
            }
            done
        };
        arrange(robot_owner(&w, 2, true, false), None, None).await.unwrap();
        assert_eq!(shown(&w).await.unattended, Value::Null);
        arrange(robot_owner(&w, 4, false, false), None, None).await.unwrap();
        assert!(shown(&w).await.unattended["RobotId"].is_i64(), "robot accounts always have one");
        let block = json!({"UserName": "corp\\bot", "Password": "pw", "LimitConcurrentExecution": true,
            "ExecutionSettings": {"ResolutionWidth": 1024}});
        arrange(robot_owner(&w, 2, true, true), Some(json!({"RobotType": "Development"})), Some(block)).await.unwrap();
        let now = shown(&w).await;
        assert_eq!(now.attended["RobotType"], "Development");
        assert_eq!(now.unattended["LimitConcurrentExecution"], true);
        assert_eq!((&now.unattended["Password"], &now.unattended["UserName"]), (&Value::Null, &json!("corp\\bot")));
        assert_eq!(now.unattended["ExecutionSettings"]["ResolutionWidth"], 1024);

        let refused = arrange(robot_owner(&w, 2, true, true), None, Some(json!({"UserName": "a\\b\\c"}))).await;
        assert_eq!(refused.unwrap_err().code(), codes::USER_NAME_INVALID);
        let id = now.unattended["RobotId"].as_i64().unwrap();
        *w.jobs.usage.lock().unwrap() = Usage { robots: [(id, 1)].into(), ..Usage::default() };
        let mut conn = w.read().await;
        assert_eq!(fleet.busy(&mut conn, w.tenant, &w.users).await.unwrap(), [w.users[1]]);
        drop(conn);
        let refused = arrange(robot_owner(&w, 2, true, false), None, None).await;
        assert_eq!(refused.unwrap_err().code(), codes::CANNOT_DELETE_BUSY_ROBOT);
        let mut unit = w.unit().await;
        assert!(AccountContents::hindrance(&fleet, &mut unit, w.users[1]).await.unwrap().is_some());
        drop(unit);
        *w.jobs.usage.lock().unwrap() = Usage::default();
        arrange(robot_owner(&w, 2, false, false), None, None).await.unwrap();
        let now = shown(&w).await;
        assert_eq!((now.attended, now.unattended), (Value::Null, Value::Null));
        let kinds: Vec<String> = w.events().await.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["robot.created", "robot.updated", "robot.created", "robot.deleted", "robot.deleted"]);
    });
}

#[test]
fn who_logs_on_needs_a_password() {
    both(|w| async move {
        let mut unit = w.unit().await;
        let named = || RobotWish { os_user_name: Some(Some("bot".into())), ..RobotWish::default() };
        let refused = arrange(&mut unit, &w.app.keys, w.owner(1), UNATTENDED, &named()).await.unwrap_err();
        assert_eq!(refused.code(), codes::CREDENTIAL_EMPTY_PASSWORD);
        let wish = RobotWish { password: Some(Secret::new("p")), ..RobotWish::default() };
        let refused = arrange(&mut unit, &w.app.keys, w.owner(1), UNATTENDED, &wish).await.unwrap_err();
        assert_eq!(refused.code(), codes::USER_NAME_REQUIRED);
        for fine in [
            RobotWish { credential_type: Some(4), ..named() },
            RobotWish { credential_type: Some(0), credential_external_name: Some(Some("vault/bot".into())), ..named() },
            RobotWish { password: Some(Secret::new("p")), ..named() },
            named(),
        ] {
            arrange(&mut unit, &w.app.keys, w.owner(1), UNATTENDED, &fine).await.unwrap();
        }
        unit.commit().await.unwrap();
    });
}

#[test]
fn licences_are_plenty() {
    both(|w| async move {
        let machine = w.machine("pool", (3, 0)).await;
        let mut unit = w.unit().await;
        start(&mut unit, &machine, &report("h")).await.unwrap();
        unit.commit().await.unwrap();
        let mut conn = w.read().await;
        let now = bandmaster_core::Clock::now(w.clock.as_ref());
        let license = crate::licences::summary(&mut conn, w.tenant, now).await.unwrap();
        assert_eq!((&license["Used"]["Unattended"], &license["IsExpired"]), (&json!(3), &json!(false)));
        for property in bandmaster_model::contract().type_def("LicenseDto").unwrap().properties() {
            assert!(license.contains_key(&property.name), "{}", property.name);
        }
    });
}

#[test]
fn machines_in_use_stay() {
    both(|w| async move {
        let machine = w.machine("pool", (1, 0)).await;
        let mut unit = w.unit().await;
        let sessions = start(&mut unit, &machine, &report("h")).await.unwrap();
        unit.commit().await.unwrap();
        let removed = async |w: &World| {
            let mut unit = w.unit().await;
            let outcome = crate::machines::operations::remove(&w.app, &mut unit, &[machine.id]).await;
            if outcome.is_ok() {
                unit.commit().await.unwrap();
            }
            outcome.map_err(|e| e.code())
        };
        *w.jobs.usage.lock().unwrap() = Usage { sessions: [(sessions[0], 1)].into(), ..Usage::default() };
        assert_eq!(removed(&w).await, Err(codes::CANNOT_DELETE_BUSY_ROBOT));
        *w.jobs.usage.lock().unwrap() = Usage::default();
        w.jobs.targets.lock().unwrap().pairs.insert((w.folders[0], Some(machine.id), None));
        assert_eq!(removed(&w).await, Err(codes::MACHINE_HAS_ATTACHED_TRIGGERS));
        w.jobs.targets.lock().unwrap().pairs.clear();
        w.sql(&[format!("UPDATE machines SET scope = 2 WHERE id = {}", machine.id)]).await;
        assert_eq!(removed(&w).await, Err(codes::MACHINE_SCOPE_PROTECTED));
        w.sql(&[format!("UPDATE machines SET scope = 0 WHERE id = {}", machine.id)]).await;
        assert_eq!(removed(&w).await, Ok(()));
        assert_eq!(removed(&w).await, Err(codes::ITEM_NOT_FOUND));
    });
}

#[test]
fn hosts_of_long_ago_are_forgotten() {
    both(|w| async move {
        let machine = w.machine("pool", (1, 0)).await;
        let mut unit = w.unit().await;
        let mut ids = Vec::new();
        for host in ["old", "kept", "busy", "back"] {
            ids.extend(start(&mut unit, &machine, &report(host)).await.unwrap());
        }
        let sql = "UPDATE sessions SET maintenance = 1 WHERE id = $1";
        unit.execute(sql, params![ids[1]]).await.unwrap();
        unit.commit().await.unwrap();
        w.jobs.usage.lock().unwrap().sessions.insert(ids[2], 1);
        w.pass(89 * 86_400);
        let mut unit = w.unit().await;
        heartbeat(&mut unit, &machine, &report("back")).await.unwrap();
        unit.commit().await.unwrap();
        let now = || bandmaster_core::Clock::now(w.clock.as_ref());
        let left = async || {
            let mut conn = w.read().await;
            let rows = conn.query("SELECT id FROM sessions ORDER BY id", params![]).await.unwrap();
            rows.iter().map(|r| r.get(0).unwrap()).collect::<Vec<i64>>()
        };
        StaleSessions.tick(&w.app, now()).await.unwrap();
        assert_eq!(left().await, ids);
        w.pass(2 * 86_400);
        StaleSessions.tick(&w.app, now()).await.unwrap();
        assert_eq!(left().await, ids[1..], "in maintenance, with a job, heard of");
        let mut conn = w.read().await;
        let sql = "SELECT COUNT(*) FROM audit_entries WHERE component = 'Sessions' AND entity_name = 'old'";
        assert_eq!(conn.query_one(sql, params![]).await.unwrap().get::<i64>(0).unwrap(), 1);
    });
}
