//! Running migrations on PostgreSQL.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};

use crate::conn::Dialect;
use crate::error::DbError;
use crate::migration::{APPLIED, Applied, Migration, TABLE, pending};
use crate::pg::Shared;
use crate::pg::error::plain;

/// Key of the advisory lock that lets one node migrate at a time ("bandmstr").
const LOCK: i64 = 0x6261_6e64_6d73_7472;
const LOCK_POLL: Duration = Duration::from_millis(100);
const LOCK_WAIT: Duration = Duration::from_secs(600);

/// Applies what is missing; the labels of what was applied. Another node doing
/// the same is waited for.
pub(crate) async fn run(shared: &Arc<Shared>, all: &[Migration]) -> Result<Vec<String>, DbError> {
    // Taken out of the pool: however this ends, the lock ends with the connection.
    let client = Object::take(shared.acquire().await?);
    client
        .batch_execute(
            "SET default_transaction_read_only = off; SET statement_timeout = 0; \
             SET idle_in_transaction_session_timeout = 0",
        )
        .await
        .map_err(|e| plain(&e))?;
    lock(&client).await?;
    let result = apply(&client, all).await;
    // Released here and not by closing, which the server notices later.
    let _ = client.execute("SELECT pg_advisory_unlock($1)", &[&LOCK]).await;
    result
}

/// Tried in a loop: waiting inside one statement would hold a snapshot.
async fn lock(client: &ClientWrapper) -> Result<(), DbError> {
    let mut waited = Duration::ZERO;
    loop {
        let row = client.query_one("SELECT pg_try_advisory_lock($1)", &[&LOCK]).await.map_err(|e| plain(&e))?;
        if row.try_get(0).map_err(|e| plain(&e))? {
            return Ok(());
        }
        if waited >= LOCK_WAIT {
            return Err(DbError::Unavailable("another node holds the migration lock".to_owned()));
        }
        tokio::time::sleep(LOCK_POLL).await;
        waited += LOCK_POLL;
    }
}

async fn apply(client: &ClientWrapper, all: &[Migration]) -> Result<Vec<String>, DbError> {
    bootstrap(client).await?;
    let mut done = Vec::new();
    let missing = pending(&applied(client).await?, all)?;
    for next in missing {
        let label = next.label();
        let failed = |e: &tokio_postgres::Error| explain(&label, e);
        let sql = next.render(Dialect::Postgres)?;
        client.batch_execute("BEGIN").await.map_err(|e| plain(&e))?;
        let result = async {
            client.batch_execute(&sql).await.map_err(|e| failed(&e))?;
            client
                .execute(
                    "INSERT INTO schema_migration (number, name, digest, applied_at) \
                     VALUES ($1, $2, $3, \
                     (extract(epoch FROM clock_timestamp()) * 1000000)::bigint)",
                    &[&i64::from(next.number), &next.name, &next.digest()],
                )
                .await
                .map_err(|e| failed(&e))?;
            client.batch_execute("COMMIT").await.map_err(|e| failed(&e))
        }
        .await;
        if let Err(error) = result {
            let _ = client.batch_execute("ROLLBACK").await;
            return Err(error);
        }
        done.push(label);
    }
    Ok(done)
}

fn explain(label: &str, error: &tokio_postgres::Error) -> DbError {
    match plain(error) {
        e @ DbError::Unavailable(_) => e,
        other => DbError::Migration(format!("{label}: {other}")),
    }
}

/// The `fold` function and the record of migrations.
async fn bootstrap(client: &ClientWrapper) -> Result<(), DbError> {
    let row = client
        .query_one(
            "SELECT EXISTS (SELECT 1 FROM pg_collation WHERE collname = 'bandmaster_fold' AND pg_collation_is_visible(oid)), \
             current_setting('server_version_num')::bigint",
            &[],
        )
        .await
        .map_err(|e| plain(&e))?;
    let exists: bool = row.try_get(0).map_err(|e| plain(&e))?;
    let version: i64 = row.try_get(1).map_err(|e| plain(&e))?;
    if !exists {
        // One character for one, without regard to the system's language.
        let collation = if version >= 170_000 {
            "CREATE COLLATION bandmaster_fold (provider = builtin, locale = 'C.UTF-8')"
        } else {
            "CREATE COLLATION bandmaster_fold (provider = libc, locale = 'C.UTF-8')"
        };
        client.batch_execute(collation).await.map_err(|e| explain("fold", &e))?;
    }
    // Named with its schema: pg_dump and a restore work with an empty search path. Also heals older databases.
    let row = client
        .query_one(
            "SELECT quote_ident(n.nspname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace \
             WHERE c.collname = 'bandmaster_fold' AND pg_collation_is_visible(c.oid)",
            &[],
        )
        .await
        .map_err(|e| explain("fold", &e))?;
    let schema: String = row.try_get(0).map_err(|e| plain(&e))?;
    client
        .batch_execute(&format!(
            "CREATE OR REPLACE FUNCTION fold(text) RETURNS text \
             LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE \
             AS $$ SELECT lower($1 COLLATE {schema}.\"bandmaster_fold\") COLLATE \"C\" $$"
        ))
        .await
        .map_err(|e| explain("fold", &e))?;
    client.batch_execute(TABLE).await.map_err(|e| explain("schema_migration", &e))
}

async fn applied(client: &ClientWrapper) -> Result<Vec<Applied>, DbError> {
    let rows = client.query(APPLIED, &[]).await.map_err(|e| plain(&e))?;
    rows.iter()
        .map(|row| Ok(Applied { number: row.try_get(0)?, name: row.try_get(1)?, digest: row.try_get(2)? }))
        .collect::<Result<_, tokio_postgres::Error>>()
        .map_err(|e| plain(&e))
}
