//! How many wrong codes an account may enter. An attempt is counted before the code is looked at, so that many at once
//! count as many, and taken back when the code was right: entering a right one forgives no wrong one. What an address
//! may try is the business of `throttle`.

use bandmaster_api::Unit;
use bandmaster_core::Result;
use bandmaster_core::clock::HOUR;
use bandmaster_store::params;

/// Wrong codes of an account in an hour; against 34.5 bits that is nothing.
pub(super) const MOST: i64 = 10;

/// Counts an attempt. False: the account has none left in this hour.
pub(super) async fn begin(unit: &mut Unit, user_id: i64) -> Result<bool> {
    let now = unit.now();
    let row = unit
        .query_one(
            "INSERT INTO device_code_guesses (user_id, since, wrong) VALUES ($1, $2, 1) ON CONFLICT (user_id) DO UPDATE SET \
             wrong = CASE WHEN device_code_guesses.since <= $3 THEN 1 ELSE device_code_guesses.wrong + 1 END, \
             since = CASE WHEN device_code_guesses.since <= $3 THEN excluded.since ELSE device_code_guesses.since END \
             RETURNING wrong",
            params![user_id, now, now - HOUR],
        )
        .await?;
    Ok(row.get::<i64>(0)? <= MOST)
}

/// Takes an attempt back whose code was right.
pub(super) async fn right(unit: &mut Unit, user_id: i64) -> Result<()> {
    unit.execute("UPDATE device_code_guesses SET wrong = wrong - 1 WHERE user_id = $1", params![user_id]).await?;
    Ok(())
}
