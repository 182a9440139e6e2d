//! Running statements, the same way on both engines.
//!
//! Statements have one text with `$1` placeholders. SQLite answers at once on
//! the calling thread, PostgreSQL over the wire. Not here: transactions
//! (`unit`), the engines' own sessions (`sqlite`, `pg`).

use crate::error::{DbError, excerpt};
use crate::pg::session::PgSession;
use crate::sqlite::reader::ReadSession;
use crate::sqlite::session::WriteSession;
use crate::value::{Row, Value, check_texts};

/// The engine behind a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

impl Dialect {
    /// What is made for each engine: for SQLite first.
    pub fn each<T>(make: impl Fn(Dialect) -> T) -> [T; 2] {
        [Dialect::Sqlite, Dialect::Postgres].map(make)
    }

    /// The one for this engine.
    pub fn pick<T>(self, [sqlite, postgres]: &[T; 2]) -> &T {
        match self {
            Dialect::Sqlite => sqlite,
            Dialect::Postgres => postgres,
        }
    }
}

pub(crate) enum Session {
    SqliteRead(ReadSession),
    SqliteWrite(WriteSession),
    Postgres(PgSession),
}

/// How a statement is to be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Text fixed in the program: prepared once and kept.
    Fixed,
    /// Generated text: planned anew on PostgreSQL, kept nowhere there.
    Dynamic,
    /// Generated text that may take long: kept off the async threads.
    Long,
}

pub(crate) struct Answer {
    pub rows: Vec<Row>,
    pub affected: u64,
}

/// A session with the database: statements run one after another. From
/// [`Store::read`](crate::Store::read) it can only read; every statement then
/// sees the newest committed state.
pub struct Conn {
    pub(crate) session: Session,
}

impl Conn {
    pub(crate) fn new(session: Session) -> Self {
        Conn { session }
    }

    /// The engine, for the few statements that must differ.
    pub fn dialect(&self) -> Dialect {
        match self.session {
            Session::Postgres(_) => Dialect::Postgres,
            _ => Dialect::Sqlite,
        }
    }

    async fn run(&mut self, sql: &str, params: &[Value], mode: Mode) -> Result<Answer, DbError> {
        check_texts(params)?;
        #[cfg(feature = "testing")]
        crate::testing::faults::strike()?;
        match &mut self.session {
            Session::SqliteRead(s) => s.run(sql, params, mode),
            Session::SqliteWrite(s) => s.run(sql, params, mode),
            Session::Postgres(s) => s.run(sql, params, mode).await,
        }
    }

    /// All rows of a fixed statement. The text must be one of a bounded number
    /// (a constant): each is kept prepared.
    pub async fn query(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, DbError> {
        Ok(self.run(sql, params, Mode::Fixed).await?.rows)
    }

    /// The first row, if any.
    pub async fn query_opt(&mut self, sql: &str, params: &[Value]) -> Result<Option<Row>, DbError> {
        let rows = self.run(sql, params, Mode::Fixed).await?.rows;
        Ok(rows.into_iter().next())
    }

    /// The first row; its absence is `DbError::Internal`, so use it only where
    /// there must be one.
    pub async fn query_one(&mut self, sql: &str, params: &[Value]) -> Result<Row, DbError> {
        self.query_opt(sql, params).await?.ok_or_else(|| DbError::Internal(format!("no row from: {}", excerpt(sql))))
    }

    /// Runs a fixed statement; the number of rows changed (or returned).
    pub async fn execute(&mut self, sql: &str, params: &[Value]) -> Result<u64, DbError> {
        Ok(self.run(sql, params, Mode::Fixed).await?.affected)
    }

    /// Runs a fixed statement once per row of parameters, in order, sent together
    /// on PostgreSQL; the total of rows changed. The first error ends it.
    pub async fn execute_many(&mut self, sql: &str, rows: &[Vec<Value>]) -> Result<u64, DbError> {
        for row in rows {
            check_texts(row)?;
        }
        #[cfg(feature = "testing")]
        crate::testing::faults::strike()?;
        match &mut self.session {
            Session::SqliteRead(s) => s.run_many(sql, rows),
            Session::SqliteWrite(s) => s.run_many(sql, rows),
            Session::Postgres(s) => s.run_many(sql, rows).await,
        }
    }

    /// Like [`query`](Conn::query) for generated text of unbounded variety.
    /// A parameter's type on PostgreSQL is that of its value (`Int` is BIGINT,
    /// `Text` TEXT; NULL fits everything).
    pub async fn query_dynamic(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, DbError> {
        Ok(self.run(sql, params, Mode::Dynamic).await?.rows)
    }

    /// Like [`query_dynamic`](Conn::query_dynamic) for statements that may take
    /// milliseconds: on SQLite the async thread hands its other tasks over first.
    pub async fn query_long(&mut self, sql: &str, params: &[Value]) -> Result<Vec<Row>, DbError> {
        Ok(self.run(sql, params, Mode::Long).await?.rows)
    }

    /// Like [`execute`](Conn::execute) for generated text of unbounded variety.
    pub async fn execute_dynamic(&mut self, sql: &str, params: &[Value]) -> Result<u64, DbError> {
        Ok(self.run(sql, params, Mode::Dynamic).await?.affected)
    }
}
