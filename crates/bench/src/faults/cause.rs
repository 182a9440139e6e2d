//! What is done to the server and to its database, and in which order.

use crate::cluster::Stop;
use crate::context::Database;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The server's process is killed and started again.
    Kill,
    /// PostgreSQL ends all of the server's connections.
    Terminate,
    /// PostgreSQL is stopped and started again.
    Restart(Stop),
}

impl Cause {
    /// Its name in sentences.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Kill => "a kill",
            Cause::Terminate => "the end of all connections",
            Cause::Restart(Stop::Fast) => "a fast restart of the database",
            Cause::Restart(Stop::Immediate) => "an immediate restart of the database",
        }
    }
}

/// So many kills and, on PostgreSQL, so many faults of the database, each of the three kinds as often as the others, in
/// an order that the randomness gives. The first is a kill when there is one.
pub fn sequence(database: Database, kills: u32, database_faults: u32, random: &mut StdRng) -> Vec<Cause> {
    let kinds = [Cause::Terminate, Cause::Restart(Stop::Fast), Cause::Restart(Stop::Immediate)];
    let faults = if database == Database::Postgres { database_faults } else { 0 };
    let mut causes: Vec<Cause> = (0..kills).map(|_| Cause::Kill).collect();
    causes.extend(kinds.iter().copied().cycle().zip(0..faults).map(|(kind, _)| kind));
    let rest = usize::from(kills > 0);
    if let Some(rest) = causes.get_mut(rest..) {
        rest.shuffle(random);
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;

    #[test]
    fn every_kind_comes_as_often_as_the_others() {
        let mut random = StdRng::seed_from_u64(1);
        let causes = sequence(Database::Postgres, 4, 6, &mut random);
        let count = |cause| causes.iter().filter(|c| **c == cause).count();
        assert_eq!(count(Cause::Kill), 4);
        assert_eq!(count(Cause::Terminate), 2);
        assert_eq!(count(Cause::Restart(Stop::Fast)), 2);
        assert_eq!(count(Cause::Restart(Stop::Immediate)), 2);
        assert_eq!(sequence(Database::Sqlite, 4, 6, &mut random), vec![Cause::Kill; 4]);
        assert_eq!(sequence(Database::Postgres, 0, 0, &mut random), vec![]);
    }
}
