//! The audit as a chain of hashes, so that a change made behind the server's back is found.
//!
//! Writers know nothing of it: an entry is written with its change as ever, and a duty ([`seal`]) links it soon
//! afterwards. A link holds the hash of the entry's content and the hash of the link before with all that the link
//! says. Links are numbered without gaps in the order of sealing; an entry with a smaller id that becomes visible later
//! simply comes later.
//!
//! What the chain cannot know: whether its end was cut off or the whole of it made anew by somebody who can write the
//! database. Whoever notes the head elsewhere ([`Head`]; `GET /api/audit/chain`) finds that too.
//!
//! No entry is ever removed by the server. Should entries get a time to live, links stay: they hold the hash of the
//! content, so the chain can be followed without the entries.

mod content;
mod operation;
mod seal;
mod verify;

pub use operation::register;
pub use seal::Sealing;
pub use verify::{Noted, Problem, Verdict, verify};

use bandmaster_core::Result;
use bandmaster_store::{Conn, params};

/// The last link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Its number; 0 when there is none yet.
    pub sequence: i64,
    /// Its hash, 64 hexadecimal digits; zeros when there is none yet.
    pub hash: String,
    /// When it was made.
    pub sealed_at: i64,
}

/// The last link of the chain.
pub async fn head(conn: &mut Conn) -> Result<Head> {
    let sql = "SELECT sequence, hash, sealed_at FROM audit_chain ORDER BY sequence DESC LIMIT 1";
    Ok(match conn.query_opt(sql, params![]).await? {
        Some(row) => Head { sequence: row.get(0)?, hash: row.get(1)?, sealed_at: row.get(2)? },
        None => Head { sequence: 0, hash: content::origin(), sealed_at: 0 },
    })
}

/// Every entry up to this id is sealed, or was not written by a server.
async fn closed(conn: &mut Conn) -> Result<i64> {
    let row = conn.query_opt("SELECT closed_id FROM audit_chain_state WHERE id = 1", params![]).await?;
    Ok(row.map(|r| r.get(0)).transpose()?.unwrap_or(0))
}

/// Entries that wait for their link.
pub async fn unsealed(conn: &mut Conn) -> Result<i64> {
    let after = closed(conn).await?;
    let sql = "SELECT COUNT(*) FROM audit_entries a WHERE a.id > $1 \
               AND NOT EXISTS (SELECT 1 FROM audit_chain c WHERE c.entry_id = a.id)";
    Ok(conn.query_one(sql, params![after]).await?.get(0)?)
}
