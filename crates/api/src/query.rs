//! Queries of calls: lists, single entities and computed lists, with the request's options, the caller's
//! visibility and the rule for totals.

use crate::call::Call;
use crate::output::Output;
use crate::rights::Folders;
use bandmaster_core::{Error, Result};
use bandmaster_model::{EntityType, FolderRule, TypeDef, TypeRef};
use bandmaster_odata::json::Cell;
use bandmaster_odata::sql::{self, Counter, Param, Statement, Visibility};
use bandmaster_odata::{Allowed, KeyValue, Limits, ODataError, Query, QueryOptions, Run, bind, memory};
use bandmaster_store::{Conn, Row, Value as DbValue};
use serde_json::{Map, Value};

/// Rows of a page when the request does not say.
pub const DEFAULT_TOP: u32 = 1_000;
/// Without `$count` the total is told while it stays below this.
const COUNT_CAP: u64 = 1_000;

/// A refusal of query options.
pub fn refused(error: &ODataError) -> Error {
    Error::invalid(format!("Invalid OData query options: {}", error.message))
}

impl From<&Folders> for sql::Folders {
    fn from(folders: &Folders) -> sql::Folders {
        match folders {
            Folders::All => sql::Folders::All,
            Folders::These(ids) => sql::Folders::These(ids.clone()),
        }
    }
}

/// What a call sees of a tenant.
pub fn visibility(organization: i64, tenant: i64, folders: &Folders) -> Visibility {
    Visibility { tenant, organization, folders: folders.into() }
}

/// The values of a statement for the store.
pub fn bound(statement: &Statement) -> Vec<DbValue> {
    let value = |p: &Param| match p {
        Param::Int(i) => DbValue::Int(*i),
        Param::Real(r) => DbValue::Real(*r),
        Param::Text(t) => DbValue::Text(t.clone()),
    };
    statement.params.iter().map(value).collect()
}

fn cells(row: Row) -> Vec<Cell> {
    let cell = |v| match v {
        DbValue::Null => Cell::Null,
        DbValue::Int(i) => Cell::Int(i),
        DbValue::Real(r) => Cell::Real(r),
        DbValue::Text(t) => Cell::Text(t),
        // No entity type reads bytes; a table that holds some shows nothing.
        DbValue::Bytes(_) => Cell::Null,
    };
    row.into_values().into_iter().map(cell).collect()
}

/// Reads what a run asks for.
pub async fn complete(conn: &mut Conn, mut run: Run) -> Result<Vec<Map<String, Value>>> {
    loop {
        let rows = match run.next() {
            None => break,
            Some(statement) => {
                let params = bound(statement);
                conn.query_long(&statement.text, &params).await?
            }
        };
        run.feed(rows.into_iter().map(cells).collect());
    }
    Ok(run.finish())
}

/// The number of rows of a query; with a cap, `None` when there are more.
pub async fn count(conn: &mut Conn, query: &Query, sees: &Visibility, cap: Option<u64>) -> Result<Option<u64>> {
    counted(conn, &sql::count(query, sees, cap), cap).await
}

/// The same, added up from counters where they know all that the filter asks.
async fn total(
    conn: &mut Conn,
    query: &Query,
    sees: &Visibility,
    cap: Option<u64>,
    counter: Option<&Counter>,
) -> Result<Option<u64>> {
    match counter.and_then(|counter| sql::total(query, sees, counter)) {
        Some(statement) => counted(conn, &statement, cap).await,
        None => count(conn, query, sees, cap).await,
    }
}

async fn counted(conn: &mut Conn, statement: &Statement, cap: Option<u64>) -> Result<Option<u64>> {
    let rows = conn.query_long(&statement.text, &bound(statement)).await?;
    let n: i64 = rows.first().map(|r| r.get(0)).transpose()?.unwrap_or(0);
    let n = u64::try_from(n).unwrap_or(0);
    Ok(match cap {
        Some(cap) if n > cap => None,
        _ => Some(n),
    })
}

/// How many rows of a query have which value of an SQL expression; see [`sql::tally`].
pub async fn tally(
    conn: &mut Conn,
    query: &Query,
    sees: &Visibility,
    expression: &'static str,
    params: &[Param],
) -> Result<Vec<(i64, i64)>> {
    let statement = sql::tally(query, sees, expression, params);
    let params = bound(&statement);
    let rows = conn.query_long(&statement.text, &params).await?;
    rows.iter().map(|r| Ok((r.get(0)?, r.get(1)?))).collect()
}

/// One entity as JSON, for answers and audit snapshots inside units. `folders` is `All` where the caller has
/// been checked already.
pub async fn entity_json(
    conn: &mut Conn,
    ty: &'static EntityType,
    id: i64,
    tenant: i64,
) -> Result<Option<Map<String, Value>>> {
    let sees = visibility(0, tenant, &Folders::All);
    let run = Run::by_key(&Query::all(ty), &KeyValue::Int(id), &sees);
    Ok(complete(conn, run).await?.pop())
}

impl Call {
    fn sees(&self, folders: &Folders) -> Visibility {
        let organization = self.tenant.as_ref().map_or(self.principal.organization_id, |t| t.organization_id);
        visibility(organization, self.tenant.as_ref().map_or(0, |t| t.id), folders)
    }

    /// The request's OData options, syntax checked.
    pub fn options(&self) -> Result<QueryOptions> {
        let own: Vec<&str> = self.operation.facts.params.iter().map(|p| p.name.as_str()).collect();
        let allowed = Allowed { own: &own, ..Allowed::default() };
        QueryOptions::from_pairs(&self.query, allowed).map_err(|e| refused(&e))
    }

    /// The request's options for a type.
    pub fn bound_query(&self, ty: &'static EntityType) -> Result<Query> {
        let limits = Limits { now: Some(self.now()), ..Limits::default() };
        bind(&self.options()?, ty, &limits).map_err(|e| refused(&e))
    }

    /// The rows of a type that the caller may see.
    pub async fn list(&self, ty: &'static EntityType) -> Result<Output> {
        self.list_query(self.bound_query(ty)?, &self.visible()).await
    }

    /// The rows of a type in these folders that fulfil an SQL condition (`{t}`: the table, `?`: parameters).
    pub async fn list_where(
        &self,
        ty: &'static EntityType,
        folders: &Folders,
        condition: &'static str,
        params: Vec<Param>,
    ) -> Result<Output> {
        let mut query = self.bound_query(ty)?;
        query.and_sql(condition, params);
        self.list_query(query, folders).await
    }

    /// The rows of a query, as a page of its set.
    pub async fn list_query(&self, query: Query, folders: &Folders) -> Result<Output> {
        let set = query.ty.set;
        let (rows, total) = self.rows(query, folders).await?;
        Ok(Output::page(set, rows.into_iter().map(Value::Object).collect(), total))
    }

    /// The rows of a query and their total, when it is to be told.
    pub async fn rows(&self, query: Query, folders: &Folders) -> Result<(Vec<Map<String, Value>>, Option<u64>)> {
        self.rows_counted(query, folders, None).await
    }

    /// The same, for a type whose rows are counted as they change: where the filter allows, the total is not counted but
    /// added up, and then costs the same however many rows there are.
    pub async fn rows_counted(
        &self,
        query: Query,
        folders: &Folders,
        counter: Option<&Counter>,
    ) -> Result<(Vec<Map<String, Value>>, Option<u64>)> {
        let sees = self.sees(folders);
        let mut conn = self.read().await?;
        let rows = complete(&mut conn, Run::page(&query, &sees, DEFAULT_TOP)).await?;
        let all_seen = query.skip == 0 && (rows.len() as u64) < u64::from(query.top.unwrap_or(DEFAULT_TOP));
        let told = match query.count {
            Some(false) => None,
            _ if all_seen => Some(rows.len() as u64),
            Some(true) => total(&mut conn, &query, &sees, None, counter).await?,
            None => total(&mut conn, &query, &sees, Some(COUNT_CAP), counter).await?,
        };
        Ok((rows, told))
    }

    /// The entity with that id, with the request's `$expand` and `$select`; 404 when the caller does not see it.
    pub async fn entity(&self, ty: &'static EntityType, id: i64) -> Result<Output> {
        self.entity_by(ty, KeyValue::Int(id), &self.visible()).await
    }

    /// The entity with that key in these folders.
    pub async fn entity_by(&self, ty: &'static EntityType, key: KeyValue, folders: &Folders) -> Result<Output> {
        let query = self.bound_query(ty)?;
        let mut conn = self.read().await?;
        let found = complete(&mut conn, Run::by_key(&query, &key, &self.sees(folders))).await?.pop();
        found.map(|value| Output::entity(ty.set, value)).ok_or_else(|| Error::not_found(singular(ty)))
    }

    /// The first entity that fulfils an SQL condition; 404 when the caller sees none.
    pub async fn entity_where(
        &self,
        ty: &'static EntityType,
        folders: &Folders,
        condition: &'static str,
        params: Vec<Param>,
    ) -> Result<Output> {
        let mut query = self.bound_query(ty)?;
        query.and_sql(condition, params);
        query.top = Some(1);
        let mut conn = self.read().await?;
        let found = complete(&mut conn, Run::page(&query, &self.sees(folders), 1)).await?.pop();
        found.map(|value| Output::entity(ty.set, value)).ok_or_else(|| Error::not_found(singular(ty)))
    }

    /// A list that was computed, with the request's options applied in memory.
    pub fn computed(&self, set: &str, rows: Vec<Value>) -> Result<Output> {
        let options = self.options()?;
        let applied = match self.element_type() {
            Some(ty) => memory::apply_typed(&options, ty, rows),
            None => memory::apply(&options, rows),
        };
        let (rows, total) = applied.map_err(|e| refused(&e))?;
        Ok(Output::page(set, rows, total))
    }

    /// The described type of the elements of the list that the operation answers; its names are known though the
    /// list be empty.
    fn element_type(&self) -> Option<&TypeDef> {
        let (_, answer) = self.operation.facts.success();
        let element = match answer? {
            TypeRef::List(element) => element,
            TypeRef::Named(name) => match &self.served.type_def(name)?.property("value")?.ty {
                TypeRef::List(element) => element,
                _ => return None,
            },
            _ => return None,
        };
        match element.as_ref() {
            TypeRef::Named(name) => self.served.type_def(name),
            _ => None,
        }
    }

    /// Whether the operation spans folders because no header named one.
    pub fn across_folders(&self) -> bool {
        self.operation.facts.folder == FolderRule::Optional && self.folder.is_none()
    }
}

/// What an entity of a type is called in messages: `AssetDto` is an `Asset`.
pub fn singular(ty: &EntityType) -> &str {
    ty.name.strip_suffix("Dto").unwrap_or(ty.name)
}
