//! Sending statements over one connection and reading their rows.

use std::task::Poll;

use deadpool_postgres::Object;
use futures::{StreamExt, pin_mut, poll};
use tokio_postgres::{Error, RowStream};

use crate::conn::Answer;
use crate::pg::value::{Bound, Column, type_of};
use crate::value::{Row, Value};

/// Executions sent before the first answer is awaited.
const PIPELINE: usize = 128;

/// Precedes the first statement of a unit on the wire, without a wait of its own.
/// Should it fail alone, the statement cannot do harm: outside a transaction the
/// session can only read.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Does the work, after beginning a transaction if asked.
pub(crate) async fn opened<T>(
    client: &Object,
    begin: bool,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    if !begin {
        return work.await;
    }
    let opening = client.batch_execute(BEGIN);
    pin_mut!(opening);
    // The first poll sends.
    let early = poll!(opening.as_mut());
    let result = work.await;
    match early {
        Poll::Ready(begun) => begun?,
        Poll::Pending => opening.await?,
    }
    result
}

/// Runs one statement: kept prepared when `fixed`, else in one round trip
/// without a name.
pub(crate) async fn one(client: &Object, sql: &str, params: &[Value], fixed: bool) -> Result<Answer, Error> {
    let rows = if fixed {
        let statement = client.prepare_cached(sql).await?;
        client.query_raw(&statement, params.iter().map(Bound)).await?
    } else {
        let typed = params.iter().map(|v| (Bound(v), type_of(v)));
        client.query_typed_raw(sql, typed).await?
    };
    collect(rows).await
}

async fn collect(stream: RowStream) -> Result<Answer, Error> {
    pin_mut!(stream);
    let mut rows = Vec::new();
    while let Some(row) = stream.next().await {
        let row = row?;
        let mut values = Vec::with_capacity(row.len());
        for i in 0..row.len() {
            values.push(row.try_get::<_, Column>(i)?.0);
        }
        rows.push(Row::new(values));
    }
    let affected = stream.rows_affected().unwrap_or(0);
    Ok(Answer { rows, affected })
}

/// Runs a statement once for each row of parameters, many at a time on the wire.
pub(crate) async fn many(client: &Object, sql: &str, rows: &[Vec<Value>]) -> Result<u64, Error> {
    let statement = client.prepare_cached(sql).await?;
    let mut total = 0;
    for chunk in rows.chunks(PIPELINE) {
        let mut calls = Vec::with_capacity(chunk.len());
        for row in chunk {
            let params = row.iter().map(Bound);
            calls.push(Box::pin(client.execute_raw(&statement, params)));
        }
        // The first poll sends; answers come in the same order.
        let mut early = Vec::with_capacity(calls.len());
        for call in &mut calls {
            early.push(poll!(call.as_mut()));
        }
        for (call, first) in calls.into_iter().zip(early) {
            total += match first {
                Poll::Ready(result) => result?,
                Poll::Pending => call.await?,
            };
        }
    }
    Ok(total)
}
