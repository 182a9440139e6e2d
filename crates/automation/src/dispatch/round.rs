//! A round over the waiting jobs of a tenant: by priority, then age, then id. Jobs that want the same stand in one
//! line of which only the head is looked at, so a round costs what there are different wishes and free slots,
//! not what there are jobs. A job that cannot be placed holds up only those that want the same.

use super::choose::{Ground, Need, Place, Taken, choose};
use super::demand::Demand;
use super::reasons::{PROCESS_GONE, Reasons};
use super::{ground, reserve};
use bandmaster_api::{App, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_packages::releases::{self, ReleaseForStart};
use bandmaster_store::{Conn, Dialect, params};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

/// The first of the waiting jobs that want the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    id: i64,
    priority: i64,
    created_at: i64,
    demand: String,
}

impl Head {
    /// Less comes first.
    fn order(&self) -> (i64, i64, i64) {
        (-self.priority, self.created_at, self.id)
    }
}

/// The heads of all lines of a tenant. The recursion jumps from one demand to the next along the index.
const HEADS: &str = "WITH RECURSIVE line (demand) AS (\
     SELECT (SELECT MIN(w.demand) FROM jobs w WHERE w.tenant_id = $1 AND w.waiting = 1) UNION ALL \
     SELECT (SELECT MIN(w.demand) FROM jobs w WHERE w.tenant_id = $1 AND w.waiting = 1 AND w.demand > l.demand) \
     FROM line l WHERE l.demand IS NOT NULL) \
     SELECT j.id, j.priority, j.created_at, j.demand FROM line l JOIN jobs j ON j.id = (\
     SELECT w.id FROM jobs w WHERE w.tenant_id = $1 AND w.demand = l.demand AND w.waiting = 1 \
     ORDER BY w.priority DESC, w.created_at, w.id LIMIT 1) WHERE l.demand IS NOT NULL";

const NEXT: &str = "SELECT w.id, w.priority, w.created_at, w.demand FROM jobs w \
     WHERE w.tenant_id = $1 AND w.demand = $2 AND w.waiting = 1 ORDER BY w.priority DESC, w.created_at, w.id LIMIT 1";

fn head(row: &bandmaster_store::Row) -> Result<Head> {
    Ok(Head { id: row.get(0)?, priority: row.get(1)?, created_at: row.get(2)?, demand: row.get(3)? })
}

/// A job with the place that was found for it.
pub(crate) struct Found {
    pub job_id: i64,
    pub text: String,
    pub need: Need,
    pub process: ReleaseForStart,
    pub place: Place,
}

/// Which lines a round looks at.
#[derive(Debug, Clone, Default)]
enum Lines {
    /// All of the tenant.
    #[default]
    All,
    /// Those with these demands.
    Demands(Vec<String>),
    /// Those of these folders.
    Folders(HashSet<i64>),
}

/// What is read once for a round.
pub struct Round<'a> {
    app: &'a App,
    tenant_id: i64,
    now: i64,
    grounds: HashMap<i64, Ground>,
    processes: HashMap<i64, Option<ReleaseForStart>>,
    taken: Option<Taken>,
    heads: Option<Vec<Head>>,
    lines: Lines,
}

impl<'a> Round<'a> {
    /// A round that has read nothing yet.
    pub fn new(app: &'a App, tenant_id: i64) -> Round<'a> {
        Round {
            app,
            tenant_id,
            now: app.clock.now(),
            grounds: HashMap::new(),
            processes: HashMap::new(),
            taken: None,
            heads: None,
            lines: Lines::All,
        }
    }

    /// A round for jobs that were just made. They add no room for anybody else, so only those that want the same
    /// are looked at.
    #[must_use]
    pub fn for_demands(mut self, mut demands: Vec<String>) -> Round<'a> {
        demands.sort();
        demands.dedup();
        self.lines = Lines::Demands(demands);
        self
    }

    /// A round for room that has become free in some folders.
    #[must_use]
    pub fn for_folders(mut self, folders: impl IntoIterator<Item = i64>) -> Round<'a> {
        self.lines = Lines::Folders(folders.into_iter().collect());
        self
    }

    /// The same, knowing a folder's ground and a process already. They must have been read in the same unit.
    #[must_use]
    pub fn knowing(mut self, folder_id: i64, ground: Ground, process: ReleaseForStart) -> Round<'a> {
        self.grounds.insert(folder_id, ground);
        self.processes.insert(process.id, Some(process));
        self
    }

    /// What a demand needs at present, with its process; `None` when that was deleted.
    async fn need(&mut self, conn: &mut Conn, demand: &Demand) -> Result<Option<(Need, ReleaseForStart)>> {
        let process = match self.processes.entry(demand.release) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(gap) => gap.insert(releases::current(conn, demand.release).await?),
        };
        Ok(process.as_ref().map(|p| (need_of(demand, p), p.clone())))
    }

    /// Places the demand, or says why not; the reasons are whole only when everything was read (`whole`).
    async fn place(
        &mut self,
        conn: &mut Conn,
        demand: &Demand,
        need: &Need,
        whole: bool,
    ) -> Result<Result<Place, Reasons>> {
        if self.taken.is_none() {
            self.taken = Some(ground::taken(conn, self.tenant_id).await?);
        }
        if let Entry::Vacant(gap) = self.grounds.entry(demand.folder) {
            gap.insert(match whole {
                true => ground::load(conn, self.tenant_id, demand.folder, self.now).await?,
                false => ground::load_open(conn, self.tenant_id, demand.folder, self.now).await?,
            });
        }
        let (Some(ground), Some(taken)) = (self.grounds.get(&demand.folder), &self.taken) else {
            return Err(Error::internal("a round lost what it had read"));
        };
        Ok(choose(need, ground, taken))
    }

    /// Why a demand is not placed now; nothing when it could be.
    pub async fn explain(&mut self, conn: &mut Conn, demand: &Demand) -> Result<Reasons> {
        let Some((need, _)) = self.need(conn, demand).await? else { return Ok(Reasons::only(PROCESS_GONE)) };
        Ok(self.place(conn, demand, &need, true).await?.err().unwrap_or_default())
    }

    async fn all_heads(&self, conn: &mut Conn) -> Result<Vec<Head>> {
        if let Lines::Demands(demands) = &self.lines {
            let mut heads = Vec::with_capacity(demands.len());
            for demand in demands {
                let first = conn.query_opt(NEXT, params![self.tenant_id, demand.as_str()]).await?;
                heads.extend(first.as_ref().map(head).transpose()?);
            }
            return Ok(heads);
        }
        let rows = conn.query(HEADS, params![self.tenant_id]).await?;
        let mut heads = rows.iter().map(head).collect::<Result<Vec<Head>>>()?;
        if let Lines::Folders(folders) = &self.lines {
            heads.retain(|h| Demand::parse(&h.demand).is_some_and(|d| folders.contains(&d.folder)));
        }
        Ok(heads)
    }

    /// The next job that can be placed. Those that cannot fall out of the round together with their line.
    pub(crate) async fn find(&mut self, conn: &mut Conn) -> Result<Option<Found>> {
        if self.heads.is_none() {
            let mut heads = self.all_heads(conn).await?;
            // The best stands last, where it is taken from.
            heads.sort_by_key(|h| std::cmp::Reverse(h.order()));
            self.heads = Some(heads);
        }
        while let Some(head) = self.heads.as_mut().and_then(Vec::pop) {
            let Some(demand) = Demand::parse(&head.demand) else {
                tracing::error!(job = head.id, "a waiting job has no readable demand");
                continue;
            };
            let Some((need, process)) = self.need(conn, &demand).await? else { continue };
            if let Ok(place) = self.place(conn, &demand, &need, false).await? {
                let text = head.demand;
                return Ok(Some(Found { job_id: head.id, text, need, process, place }));
            }
        }
        Ok(None)
    }

    /// The line goes on: its next job gets its turn.
    async fn advance(&mut self, conn: &mut Conn, text: &str) -> Result<()> {
        let next = conn.query_opt(NEXT, params![self.tenant_id, text]).await?;
        if let (Some(row), Some(heads)) = (next, &mut self.heads) {
            let next = head(&row)?;
            let at = heads.partition_point(|h| h.order() > next.order());
            heads.insert(at, next);
        }
        Ok(())
    }

    /// Reserves places for waiting jobs, `most` at most; how many there were. When it is `most`, there may be more.
    /// Call it with the gate held ([`enter`]).
    pub async fn run(&mut self, unit: &mut Unit, most: usize) -> Result<usize> {
        let mut placed = 0;
        let mut lost = 0;
        while placed < most {
            let Some(found) = self.find(unit).await? else { break };
            match reserve::reserve(self.app, unit, self.tenant_id, &found).await? {
                reserve::Reserved::Yes => {
                    placed += 1;
                    if let Some(taken) = &mut self.taken {
                        let place = &found.place;
                        let host = bandmaster_store::fold(&place.host_name);
                        let desktop = found.need.foreground.then_some(host.as_str());
                        taken.add(place.robot_id, place.session_id, place.slot, desktop);
                    }
                }
                // It was stopped meanwhile.
                reserve::Reserved::JobGone => {}
                // Somebody passed the gate by: look again, but not for ever.
                reserve::Reserved::SlotGone => {
                    lost += 1;
                    self.taken = None;
                    if lost > 8 {
                        return Err(Error::clash());
                    }
                }
            }
            self.advance(unit, &found.text).await?;
        }
        Ok(placed)
    }
}

/// What a demand needs from the process as it is.
pub fn need_of(demand: &Demand, process: &ReleaseForStart) -> Need {
    Need {
        runtime: demand.runtime,
        foreground: demand.foreground.unwrap_or(process.requires_user_interaction),
        framework: demand.framework.unwrap_or(process.target_framework),
        robots: demand.robots.clone(),
        machines: demand.machines.clone(),
        sessions: demand.sessions.clone(),
        host: demand.host.clone(),
    }
}

/// Enters the gate of a tenant, which stays locked until the unit ends. Without `wait` nobody is waited for: `false`
/// when another dispatcher is inside.
pub async fn enter(unit: &mut Unit, tenant_id: i64, wait: bool) -> Result<bool> {
    if !wait && unit.dialect() == Dialect::Postgres {
        let free = "SELECT turns FROM dispatch_gates WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED";
        if unit.query_opt(free, params![tenant_id]).await?.is_some() {
            return Ok(true);
        }
        let there = "SELECT turns FROM dispatch_gates WHERE tenant_id = $1";
        if unit.query_opt(there, params![tenant_id]).await?.is_some() {
            return Ok(false);
        }
    }
    unit.execute(
        "INSERT INTO dispatch_gates (tenant_id, turns) VALUES ($1, 1) \
         ON CONFLICT (tenant_id) DO UPDATE SET turns = dispatch_gates.turns + 1",
        params![tenant_id],
    )
    .await?;
    Ok(true)
}

/// Places what can be placed at once, inside a unit that has just changed something. Bounded, and left to the duty
/// (which the unit nudges anyway) when another dispatcher is busy.
pub async fn at_once(unit: &mut Unit, round: &mut Round<'_>, most: usize) -> Result<()> {
    let tenant_id = round.tenant_id;
    if enter(unit, tenant_id, false).await? {
        round.run(unit, most).await?;
    }
    Ok(())
}
