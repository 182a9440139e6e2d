//! An organization as large ones have it, written straight into a server's database: 10,000 people in 500 groups, 1,000
//! folders six deep, roles of the three kinds (tenant, folder, mixed) given to groups and to people.
//!
//! Everybody is in five groups and has a folder of their own choosing besides; a group has one role in the tenant and
//! four folders. The first person is in no group and sees exactly 500 folders.

use crate::product::{PASSWORD, Settings};
use anyhow::{Result, anyhow};
use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use bandmaster_api::App;
use bandmaster_api::rights::{Level, RESOURCES};
use bandmaster_identity::password::Cost;
use bandmaster_server::config::Config;
use bandmaster_server::start::{self, Ambient, Prepared};
use bandmaster_store::{Store, Unit, Value, params};
use std::sync::Arc;

/// People.
pub const PEOPLE: usize = 10_000;
/// Groups.
pub const GROUPS: usize = 500;
/// Folders on each level; a thousand together.
pub const LEVELS: [usize; 6] = [10, 40, 100, 200, 300, 350];
/// What everybody's token may do.
const SCOPES: &str = "OR.Assets OR.Execution OR.Folders OR.Jobs OR.Queues OR.Settings OR.Users";
/// The password of everybody.
pub const EVERYBODYS: &str = "Everybodys 1 password";
/// What tokens of people are hashed for.
const TOKENS: &str = "personal-access-token";
/// What roles hold differs, but not in this: everybody may see what the benchmarks read.
const COMMON: [&str; 5] = ["Jobs", "Queues", "Settings", "SubFolders", "Users"];
/// Roles of each kind.
const ROLES: usize = 10;
/// The tenant of a fresh server, and its organization.
const TENANT: i64 = 1;

/// The name of a person.
pub fn person(number: usize) -> String {
    format!("person-{number:05}")
}

/// The personal access token of a person.
pub fn token(number: usize) -> String {
    format!("rt_bench-{number:05}-{:032x}", number * 7919)
}

fn key(kind: u32, number: usize) -> String {
    format!("{kind:08x}-0000-4000-8000-{number:012x}")
}

/// The server's parts in this process, over the database of a server that does not run. Dropping them lets go of it.
pub async fn prepared(settings: &Settings) -> Result<Prepared> {
    let data = settings.data.to_string_lossy();
    let mut pairs = vec![("data", data.as_ref()), ("admin-password", PASSWORD)];
    if let Some(url) = &settings.database {
        pairs.push(("database", url));
    }
    start::prepare(&Config::with(&pairs)?, Ambient::default()).await
}

/// Makes the server's data if there are none, and fills them.
pub async fn settle(settings: &Settings) -> Result<()> {
    std::fs::create_dir_all(&settings.data)?;
    let prepared = prepared(settings).await?;
    fill(&prepared.app).await?;
    prepared.app.store.close().await;
    Ok(())
}

/// The hash of everybody's password, at the cost that the server has for new ones.
pub fn password_hash() -> Result<String> {
    let cost = Cost::default();
    let params = Params::new(cost.memory_kib, cost.passes, 1, None).map_err(|e| anyhow!("{e}"))?;
    let context = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = context
        .hash_password_with_salt(EVERYBODYS.as_bytes(), b"a salt for bench")
        .map_err(|e| anyhow!("no hash: {e}"))?;
    Ok(hash.to_string())
}

type Rows = Vec<Vec<Value>>;

/// Writes one kind of rows.
async fn write(store: &Store, sql: &str, rows: Rows) -> Result<()> {
    let mut unit = store.begin().await?;
    unit.execute_many(sql, &rows).await?;
    Ok(unit.commit().await?)
}

/// Fills the tenant.
pub async fn fill(app: &Arc<App>) -> Result<()> {
    let store = &app.store;
    let now = app.clock.now();
    people(app, now).await?;
    groups(store, now).await?;
    folders(store, now).await?;
    roles(store, now).await?;
    assignments(store, now).await?;
    changed(store).await?;
    let mut unit = store.begin().await?;
    analyze(&mut unit).await?;
    Ok(unit.commit().await?)
}

/// PostgreSQL's statistics; a server that has grown has them too. The other engine gets none.
pub async fn analyze(unit: &mut Unit) -> Result<()> {
    if unit.dialect() == bandmaster_store::Dialect::Postgres {
        unit.execute_dynamic("ANALYZE", &[]).await?;
    }
    Ok(())
}

/// What every change of rights does: all that is remembered about the tenant's rights is old.
pub async fn changed(store: &Store) -> Result<()> {
    let mut unit = store.begin().await?;
    unit.execute("UPDATE tenants SET access_version = access_version + 1 WHERE id = $1", params![TENANT]).await?;
    Ok(unit.commit().await?)
}

async fn people(app: &Arc<App>, now: i64) -> Result<()> {
    let store = &app.store;
    let hash = password_hash()?;
    let rows = (0..PEOPLE).map(|n| params![key(1, n), person(n), hash.as_str(), key(2, n), now].to_vec()).collect();
    let sql = "INSERT INTO identity_users (key, organization_id, kind, user_name, password_hash, security_stamp, \
               created_at, updated_at) VALUES ($1, 1, 0, $2, $3, $4, $5, $5)";
    write(store, sql, rows).await?;
    let rows = (0..PEOPLE).map(|n| params![key(1, n), TENANT, person(n), now].to_vec()).collect();
    let sql = "INSERT INTO users (key, tenant_id, type, user_name, created_at) VALUES ($1, $2, 2, $3, $4)";
    write(store, sql, rows).await?;
    let mut rows = Rows::new();
    for n in 0..PEOPLE {
        let hash = app.keys.hash(&token(n), TOKENS)?;
        rows.push(params![key(3, n), hash, SCOPES, now, now + 400 * bandmaster_core::clock::DAY, key(1, n)].to_vec());
    }
    let sql = "INSERT INTO personal_access_tokens (key, user_id, description, token_hash, scopes, created_at, expires_at) \
               SELECT CAST($1 AS TEXT), id, 'bench', CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS BIGINT), \
               CAST($5 AS BIGINT) FROM identity_users WHERE key = $6";
    write(store, sql, rows).await
}

async fn groups(store: &Store, now: i64) -> Result<()> {
    let name = |n: usize| format!("group-{n:03}");
    let rows = (0..GROUPS).map(|n| params![key(4, n), name(n), now].to_vec()).collect();
    let sql =
        "INSERT INTO identity_groups (key, organization_id, name, created_at, updated_at) VALUES ($1, 1, $2, $3, $3)";
    write(store, sql, rows).await?;
    let rows = (0..GROUPS).map(|n| params![key(4, n), TENANT, name(n), now].to_vec()).collect();
    let sql = "INSERT INTO users (key, tenant_id, type, user_name, created_at) VALUES ($1, $2, 3, $3, $4)";
    write(store, sql, rows).await?;
    let mut rows = Rows::new();
    for n in 1..PEOPLE {
        rows.extend((0..5).map(|k| params![key(4, (n * 3 + k * 101) % GROUPS), key(1, n)].to_vec()));
    }
    let sql = "INSERT INTO identity_group_members (group_id, member_key) \
               SELECT id, CAST($2 AS TEXT) FROM identity_groups WHERE key = $1";
    write(store, sql, rows).await
}

fn folder_path(level: usize, at: usize) -> String {
    let name = format!("folder {level}-{at}");
    match level.checked_sub(1).and_then(|l| LEVELS.get(l)) {
        Some(above) => format!("{}/{name}", folder_path(level - 1, at % above)),
        None => name,
    }
}

async fn folders(store: &Store, now: i64) -> Result<()> {
    let mut begin = 0;
    let mut before = 0;
    for (level, size) in LEVELS.iter().enumerate() {
        let mut rows = Rows::new();
        for at in 0..*size {
            let path = folder_path(level, at);
            let name = path.rsplit('/').next().unwrap_or_default().to_owned();
            let parent = level.checked_sub(1).and_then(|l| LEVELS.get(l)).map(|above| key(5, before + at % above));
            let depth = i64::try_from(level)?;
            rows.push(params![key(5, begin + at), TENANT, name, path, depth, now, parent].to_vec());
        }
        let sql = "INSERT INTO folders (key, tenant_id, display_name, path, depth, created_at, updated_at, parent_id) \
                   VALUES ($1, $2, $3, $4, $5, $6, $6, (SELECT id FROM folders WHERE key = $7))";
        write(store, sql, rows).await?;
        before = begin;
        begin += size;
    }
    Ok(())
}

/// Kinds of roles with their numbers in the database.
const KINDS: [(&str, i64); 3] = [("mixed", 0), ("tenant", 1), ("folder", 2)];

fn role(kind: &str, number: usize) -> String {
    format!("bench {kind} {}", number % ROLES)
}

async fn roles(store: &Store, now: i64) -> Result<()> {
    let (mut rows, mut permissions) = (Rows::new(), Rows::new());
    for (kind, ty) in KINDS {
        for n in 0..ROLES {
            rows.push(params![TENANT, role(kind, n), ty, now].to_vec());
            let of = RESOURCES.iter().enumerate().filter(|(r, (_, level))| {
                let held = *level == Level::Tenant && ty != 2 || *level == Level::Folder && ty != 1;
                held && ((r + n) % 3 == 0 || COMMON.contains(&RESOURCES[*r].0))
            });
            for (_, (resource, level)) in of {
                let scope = i64::from(*level == Level::Folder);
                for action in ["View", "Edit"] {
                    permissions.push(params![format!("{resource}.{action}"), scope, role(kind, n)].to_vec());
                }
            }
        }
    }
    let sql = "INSERT INTO roles (tenant_id, name, display_name, type, created_at, updated_at) VALUES ($1, $2, $2, $3, $4, $4)";
    write(store, sql, rows).await?;
    let sql = "INSERT INTO role_permissions (role_id, permission, scope) \
               SELECT id, CAST($1 AS TEXT), CAST($2 AS BIGINT) FROM roles WHERE fold(name) = fold($3)";
    write(store, sql, permissions).await
}

async fn assignments(store: &Store, now: i64) -> Result<()> {
    let folders: usize = LEVELS.iter().sum();
    let (mut in_tenant, mut in_folders) = (Rows::new(), Rows::new());
    let mut assign = |account: String, folder: usize, role: String| {
        in_folders.push(params![key(5, folder), account, role].to_vec());
    };
    for n in 0..GROUPS {
        let kind = if n % 2 == 0 { "tenant" } else { "mixed" };
        in_tenant.push(params![key(4, n), role(kind, n)].to_vec());
        for k in 0..4 {
            let kind = if k < 3 { "folder" } else { "mixed" };
            assign(key(4, n), (n * 37 + k * 251) % folders, role(kind, n + k));
        }
    }
    for n in 1..PEOPLE {
        if n % 4 == 0 {
            in_tenant.push(params![key(1, n), role("tenant", n)].to_vec());
        }
        assign(key(1, n), (n * 17) % folders, role("folder", n));
    }
    // Half of the top level, and with it half of every level below.
    (0..5).for_each(|root| assign(key(1, 0), root, role("folder", 0)));
    let sql = "INSERT INTO user_roles (user_id, role_id) SELECT u.id, r.id FROM users u JOIN roles r \
               ON r.tenant_id = u.tenant_id WHERE u.key = $1 AND u.tenant_id = 1 AND fold(r.name) = fold($2)";
    write(store, sql, in_tenant).await?;
    let without: Rows =
        in_folders.iter().map(|row| [row[0].clone(), row[1].clone(), Value::Int(now)].to_vec()).collect();
    let sql = "INSERT INTO folder_users (folder_id, user_id, created_at) SELECT f.id, u.id, CAST($3 AS BIGINT) \
               FROM folders f JOIN users u ON u.tenant_id = f.tenant_id AND u.key = $2 WHERE f.key = $1";
    write(store, sql, without).await?;
    let sql = "INSERT INTO folder_user_roles (folder_id, user_id, role_id) SELECT f.id, u.id, r.id \
               FROM folders f JOIN users u ON u.tenant_id = f.tenant_id AND u.key = $2 \
               JOIN roles r ON r.tenant_id = f.tenant_id AND fold(r.name) = fold($3) WHERE f.key = $1";
    write(store, sql, in_folders).await
}

/// Puts a hundred jobs into every folder, for lists.
pub async fn contents(store: &Store, now: i64) -> Result<()> {
    let mut unit = store.begin().await?;
    unit.execute(
        "WITH RECURSIVE t (at) AS (SELECT CAST($1 AS BIGINT)), n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) \
         INSERT INTO jobs (key, tenant_id, folder_id, release_name, state, state_at, demand, source, batch_key, \
         runtime_type, created_at, started_at, ended_at, updated_at) \
         SELECT '10000000-0000-4000-8000-' || CAST(100000000000 + f.id * 1000 + n.i AS TEXT), f.tenant_id, f.id, 'bench', \
         5, t.at, 'bench', 'Manual', '20000000-0000-4000-8000-000000000001', 2, t.at - n.i * 1000003 - f.id, t.at, t.at, \
         t.at FROM t CROSS JOIN folders f CROSS JOIN n",
        params![now],
    )
    .await?;
    analyze(&mut unit).await?;
    Ok(unit.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_folders_six_deep_of_which_half_lie_below_half_of_the_top() {
        let total: usize = LEVELS.iter().sum();
        assert_eq!(total, 1000);
        let level = |(level, size): (usize, &usize)| (0..*size).map(move |at| folder_path(level, at));
        let paths: std::collections::HashSet<String> = LEVELS.iter().enumerate().flat_map(level).collect();
        assert_eq!(paths.len(), total);
        assert_eq!(paths.iter().map(|p| p.split('/').count()).max(), Some(6));
        let below = |root: usize| paths.iter().filter(|p| p.split('/').next() == Some(&folder_path(0, root))).count();
        assert_eq!((0..5).map(below).sum::<usize>(), 500);
    }
}
