//! Adding up: what one change of an item means for the figures. The only place that knows.

use bandmaster_core::Result;
use bandmaster_store::Row;

/// Changes of the same kind.
#[derive(Debug, Clone, Copy, Default)]
pub struct Delta {
    /// State before.
    pub was: Option<i64>,
    /// State after.
    pub status: i64,
    /// Kind of the exception that ended processing.
    pub exception: Option<i64>,
    /// How many changes.
    pub count: i64,
    /// Microseconds of processing, all together.
    pub took: i64,
    /// When the last of them was.
    pub last_at: i64,
}

/// Figures of a queue, of a period or of all time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// What the number of New items changed by.
    pub new: i64,
    /// What the number of items in progress changed by.
    pub running: i64,
    /// Successes, and their microseconds.
    pub successful: (i64, i64),
    /// Application exceptions, and their microseconds; attempts that were retried are in it.
    pub application: (i64, i64),
    /// Business exceptions, and their microseconds.
    pub business: (i64, i64),
    /// Attempts that were retried.
    pub retried: i64,
    /// The newest end of processing.
    pub last_ended_at: Option<i64>,
}

impl Sums {
    /// Adds changes.
    pub fn add(&mut self, d: &Delta) {
        let step = |state| i64::from(d.status == state) - i64::from(d.was == Some(state));
        self.new += step(0) * d.count;
        self.running += step(1) * d.count;
        let ended = d.was == Some(1) && d.status >= 2;
        match (ended, d.status, d.exception) {
            (true, 3, _) => Sums::more(&mut self.successful, d),
            (true, _, Some(0)) => Sums::more(&mut self.application, d),
            (true, _, Some(1)) => Sums::more(&mut self.business, d),
            _ => {}
        }
        if d.status == 5 && d.was != Some(5) {
            self.retried += d.count;
        }
        if ended {
            self.last_ended_at = self.last_ended_at.max(Some(d.last_at));
        }
    }

    fn more(pair: &mut (i64, i64), d: &Delta) {
        pair.0 += d.count;
        pair.1 += d.took;
    }

    /// Adds figures.
    pub fn merge(&mut self, other: &Sums) {
        self.new += other.new;
        self.running += other.running;
        for (mine, theirs) in [
            (&mut self.successful, other.successful),
            (&mut self.application, other.application),
            (&mut self.business, other.business),
        ] {
            mine.0 += theirs.0;
            mine.1 += theirs.1;
        }
        self.retried += other.retried;
        self.last_ended_at = self.last_ended_at.max(other.last_ended_at);
    }

    /// All that ended with a result.
    pub fn total(&self) -> i64 {
        self.successful.0 + self.application.0 + self.business.0
    }
}

/// Figures and changes not yet in them, in one statement, so that nothing is missed or counted twice between two. The
/// first column tells which a row is; `figures` and `changes` are conditions.
pub fn statement(figures: &str, changes: &str) -> String {
    format!(
        "SELECT 0 AS kind, f.queue_id, f.begins_at, f.new_delta, f.running_delta, f.successful, f.successful_time, f.application, \
         f.application_time, f.business, f.business_time, f.retried, f.last_ended_at FROM queue_figures f WHERE {figures} \
         UNION ALL SELECT 1, e.queue_id, e.at / 60000000 * 60000000, COALESCE(e.was, -1), e.status, COALESCE(e.exception_type, -1), \
         CAST(count(*) AS BIGINT), CAST(sum(e.took) AS BIGINT), max(e.at), 0, 0, 0, NULL \
         FROM queue_item_events e WHERE e.counted = 0 AND {changes} \
         GROUP BY e.queue_id, e.at / 60000000 * 60000000, COALESCE(e.was, -1), e.status, COALESCE(e.exception_type, -1)"
    )
}

/// A row of [`statement`]: the queue, the beginning of the period (of the minute, for changes), the figures.
pub fn read(row: &Row) -> Result<(i64, i64, Sums)> {
    let n = |i| row.get::<i64>(i);
    let (queue, begins_at) = (n(1)?, n(2)?);
    if n(0)? == 1 {
        let known = |v: i64| (v >= 0).then_some(v);
        let delta = Delta {
            was: known(n(3)?),
            status: n(4)?,
            exception: known(n(5)?),
            count: n(6)?,
            took: n(7)?,
            last_at: n(8)?,
        };
        let mut sums = Sums::default();
        sums.add(&delta);
        return Ok((queue, begins_at, sums));
    }
    let sums = Sums {
        new: n(3)?,
        running: n(4)?,
        successful: (n(5)?, n(6)?),
        application: (n(7)?, n(8)?),
        business: (n(9)?, n(10)?),
        retried: n(11)?,
        last_ended_at: row.get(12)?,
    };
    Ok((queue, begins_at, sums))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_adds_up() {
        let mut sums = Sums::default();
        let steps = [
            (None, 0, None, 0),
            (Some(0), 1, None, 0),
            (Some(1), 5, Some(0), 7),
            (None, 0, None, 0),
            (Some(0), 1, None, 0),
            (Some(1), 3, None, 4),
            (Some(3), 3, None, 0),
            (Some(3), 6, None, 0),
            (None, 1, None, 0),
            (Some(1), 1, None, 0),
            (Some(1), 2, Some(1), 2),
            (Some(2), 5, None, 0),
            (Some(5), 5, None, 0),
            (None, 0, None, 0),
        ];
        for (at, (was, status, exception, took)) in steps.into_iter().enumerate() {
            let last_at = i64::try_from(at).unwrap();
            sums.add(&Delta { was, status, exception, count: 1, took, last_at });
        }
        let expected = Sums {
            new: 1,
            running: 0,
            successful: (1, 4),
            application: (1, 7),
            business: (1, 2),
            retried: 2,
            last_ended_at: Some(10),
        };
        assert_eq!(sums, expected);
        let mut twice = sums;
        twice.merge(&sums);
        assert_eq!((twice.total(), twice.new, twice.last_ended_at), (6, 2, Some(10)));
    }
}
