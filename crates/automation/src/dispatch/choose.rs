//! Which account on which session takes a job: pure, over what was read before. The same walk that finds the
//! place names what is missing when there is none.
//!
//! Among the sessions the one with most free slots is taken (then the one that stood idle longest); among the
//! accounts the one that has been idle longest. Whether a session could take the job at all, slots aside, is
//! fleet's judgement ([`HostSession::obstacle`]).

use super::reasons::{self, Reason, Reasons};
use crate::jobs::enums::FRAMEWORK_WINDOWS;
use bandmaster_fleet::machines::{AccountLimits, MachineRecord};
use bandmaster_fleet::robots::RobotAccount;
use bandmaster_fleet::sessions::{HostSession, Obstacle, Wanted};
use bandmaster_store::fold;
use std::collections::{HashMap, HashSet};

/// What a job needs: its demand and what follows from its process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Need {
    /// Runtime type.
    pub runtime: i64,
    /// Needs a desktop.
    pub foreground: bool,
    /// Number of `TargetFramework`.
    pub framework: i64,
    /// The only robots; empty: any.
    pub robots: Vec<i64>,
    /// The only machines; empty: any.
    pub machines: Vec<i64>,
    /// The only sessions; empty: any.
    pub sessions: Vec<i64>,
    /// The only host, by folded name.
    pub host: Option<String>,
}

/// The ground on which jobs of one folder are placed.
#[derive(Debug, Default)]
pub struct Ground {
    /// Unattended robots of the folder, those that are switched off included.
    pub accounts: Vec<RobotAccount>,
    /// Machines of the folder.
    pub machines: Vec<MachineRecord>,
    /// Sessions of their hosts, those that cannot take a job at present included.
    pub seats: Vec<HostSession>,
    /// Which robots may use which machines.
    pub limits: AccountLimits,
    /// The moment for which this holds.
    pub now: i64,
}

impl Ground {
    /// Whether a machine of the folder has runtimes of a type.
    pub fn offers(&self, runtime: i64) -> bool {
        self.machines.iter().any(|m| m.slots.of(runtime) > 0)
    }
}

/// What is taken at the moment, by jobs of the whole tenant.
#[derive(Debug, Clone, Default)]
pub struct Taken {
    /// Slots in use, by session.
    pub slots: HashMap<i64, HashSet<i64>>,
    /// Jobs by robot.
    pub robots: HashMap<i64, i64>,
    /// Robots that have a desktop on a host (folded name).
    pub desktops: HashSet<(i64, String)>,
    /// When a robot ended its last job.
    pub robots_idle: HashMap<i64, i64>,
    /// When the last job on a session ended.
    pub sessions_idle: HashMap<i64, i64>,
}

impl Taken {
    /// Notes a job.
    pub fn add(&mut self, robot: i64, session: i64, slot: i64, desktop: Option<&str>) {
        self.slots.entry(session).or_default().insert(slot);
        *self.robots.entry(robot).or_default() += 1;
        if let Some(host) = desktop {
            self.desktops.insert((robot, host.to_owned()));
        }
    }

    /// Slots in use on a session.
    pub fn used(&self, session: i64) -> i64 {
        self.slots.get(&session).map_or(0, |s| i64::try_from(s.len()).unwrap_or(i64::MAX))
    }

    fn busy(&self, robot: i64) -> bool {
        self.robots.get(&robot).is_some_and(|n| *n > 0)
    }

    /// The lowest free slot of a seat.
    fn free_slot(&self, seat: &HostSession) -> Option<i64> {
        let used = self.slots.get(&seat.id);
        (0..seat.slots).find(|slot| used.is_none_or(|u| !u.contains(slot)))
    }
}

/// A place for a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The account's robot.
    pub robot_id: i64,
    /// The account runs one job only.
    pub sole: bool,
    /// The session.
    pub session_id: i64,
    /// Its machine.
    pub machine_id: i64,
    /// The host's name.
    pub host_name: String,
    /// The slot on the session.
    pub slot: i64,
}

/// Keeps what passes; notes the reason when nothing is left of something.
fn keep<'a, T>(found: Vec<&'a T>, reasons: &mut Reasons, reason: &Reason, passes: impl Fn(&T) -> bool) -> Vec<&'a T> {
    let before = found.len();
    let kept: Vec<&T> = found.into_iter().filter(|t| passes(t)).collect();
    if kept.is_empty() && before > 0 {
        reasons.add(reason.clone());
    }
    kept
}

/// The place for a job, or why there is none.
pub fn choose(need: &Need, ground: &Ground, taken: &Taken) -> Result<Place, Reasons> {
    let mut reasons = Reasons::default();
    let accounts = accounts(need, ground, taken, &mut reasons);
    let seats = seats(need, ground, taken, &mut reasons);
    if accounts.is_empty() || seats.is_empty() {
        return Err(reasons);
    }
    pair(need, ground, taken, accounts, seats, &mut reasons).ok_or(reasons)
}

fn accounts<'g>(need: &Need, ground: &'g Ground, taken: &Taken, reasons: &mut Reasons) -> Vec<&'g RobotAccount> {
    if ground.accounts.is_empty() {
        reasons.add(reasons::NO_ROBOT);
        return Vec::new();
    }
    let all = ground.accounts.iter().collect();
    let targeted = keep(all, reasons, &reasons::ROBOT_ELSEWHERE, |a: &RobotAccount| {
        need.robots.is_empty() || need.robots.contains(&a.id)
    });
    let enabled = keep(targeted, reasons, &reasons::ROBOT_OFF, |a| a.enabled);
    let usable = keep(enabled, reasons, &reasons::NO_CREDENTIALS, |a| !need.foreground || a.has_credentials());
    keep(usable, reasons, &reasons::ONE_AT_A_TIME, |a| !a.limit_concurrent || !taken.busy(a.id))
}

fn seats<'g>(need: &Need, ground: &'g Ground, taken: &Taken, reasons: &mut Reasons) -> Vec<&'g HostSession> {
    if ground.machines.is_empty() {
        reasons.add(reasons::NO_MACHINE);
        return Vec::new();
    }
    let all: Vec<&MachineRecord> = ground.machines.iter().collect();
    let targeted = keep(all, reasons, &reasons::MACHINE_ELSEWHERE, |m| {
        need.machines.is_empty() || need.machines.contains(&m.id)
    });
    let offering = keep(targeted, reasons, &reasons::NO_RUNTIME, |m| m.slots.of(need.runtime) > 0);
    if offering.is_empty() {
        return Vec::new();
    }
    let on = |s: &&HostSession| {
        s.runtime_type == need.runtime
            && offering.iter().any(|m| m.id == s.machine_id)
            && (need.sessions.is_empty() || need.sessions.contains(&s.id))
            && need.host.as_ref().is_none_or(|h| *h == fold(&s.host_name))
    };
    let here: Vec<&HostSession> = ground.seats.iter().filter(on).collect();
    let wanted = Wanted {
        runtime_type: need.runtime,
        foreground: need.foreground,
        windows: need.framework <= FRAMEWORK_WINDOWS,
    };
    let mut open = Vec::new();
    let mut obstacles: Vec<(Obstacle, &HostSession)> = Vec::new();
    for seat in &here {
        match seat.obstacle(&wanted, ground.now) {
            None => open.push(*seat),
            Some(obstacle) => obstacles.push((obstacle, *seat)),
        }
    }
    if open.is_empty() {
        explain(here.is_empty(), &obstacles, reasons);
    }
    keep(open, reasons, &reasons::ALL_IN_USE, |s| taken.free_slot(s).is_some())
}

/// Hosts named in the words of one reason at most.
const NAMED: usize = 3;

/// Says what is wrong with the hosts, a sentence for each kind of obstacle.
fn explain(none: bool, obstacles: &[(Obstacle, &HostSession)], reasons: &mut Reasons) {
    if none {
        reasons.add(reasons::NO_HOST);
        reasons.add(reasons::NONE_CONNECTED);
        return;
    }
    let mut kinds: Vec<Obstacle> = Vec::new();
    for (obstacle, _) in obstacles {
        if !kinds.contains(obstacle) {
            kinds.push(*obstacle);
        }
    }
    for kind in &kinds {
        let mut names: Vec<&str> = obstacles.iter().filter(|(o, _)| o == kind).map(|(_, s)| s.host_name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let text = match (names.len(), more) {
            (_, 0) => names.iter().map(|n| format!("The host {n} {}.", kind.words())).collect::<Vec<_>>().join(" "),
            _ => format!("Each of the hosts {} and {more} more {}.", names.join(", "), kind.words()),
        };
        reasons.add(Reason::new(kind.code(), text));
    }
    if kinds.iter().all(|k| matches!(k, Obstacle::Disconnected | Obstacle::Unresponsive)) {
        reasons.add(reasons::NONE_CONNECTED);
    }
}

fn pair(
    need: &Need,
    ground: &Ground,
    taken: &Taken,
    mut accounts: Vec<&RobotAccount>,
    mut seats: Vec<&HostSession>,
    reasons: &mut Reasons,
) -> Option<Place> {
    // Robots that work at the moment come last, those that never worked first.
    accounts.sort_by_key(|a| (taken.busy(a.id), taken.robots_idle.get(&a.id).copied().unwrap_or(i64::MIN), a.id));
    seats.sort_by_key(|s| {
        let since = taken.sessions_idle.get(&s.id).copied().unwrap_or(i64::MIN);
        (taken.used(s.id) - s.slots, since, s.id)
    });
    let (mut mapped, mut named, mut free) = (false, false, false);
    for seat in seats {
        let host = fold(&seat.host_name);
        for account in &accounts {
            if !ground.limits.allows(seat.machine_id, account.id) {
                continue;
            }
            mapped = true;
            let user = account.os_user_name.as_deref().filter(|u| !u.is_empty()).unwrap_or(&account.name);
            if !seat.service_user_name.is_empty() && !same_user(&seat.service_user_name, user) {
                continue;
            }
            named = true;
            if need.foreground && taken.desktops.contains(&(account.id, host.clone())) {
                continue;
            }
            free = true;
            if let Some(slot) = taken.free_slot(seat) {
                return Some(Place {
                    robot_id: account.id,
                    sole: account.limit_concurrent,
                    session_id: seat.id,
                    machine_id: seat.machine_id,
                    host_name: seat.host_name.clone(),
                    slot,
                });
            }
        }
    }
    reasons.add(match (mapped, named, free) {
        (false, _, _) => reasons::PAIR_NOT_ALLOWED,
        (true, false, _) => reasons::OTHER_USER,
        (true, true, false) => reasons::DESKTOP_TAKEN,
        (true, true, true) => reasons::ALL_IN_USE,
    });
    None
}

/// Whether an agent's account and a robot's are the same; a domain counts only when both have one.
fn same_user(service: &str, robot: &str) -> bool {
    let split = |text: &str| -> (Option<String>, String) {
        let text = fold(text);
        match text.split_once('\\') {
            Some((domain, name)) => (Some(domain.to_owned()), name.to_owned()),
            None => (None, text),
        }
    };
    let ((a_domain, a), (b_domain, b)) = (split(service), split(robot));
    a == b && (a_domain.is_none() || b_domain.is_none() || a_domain == b_domain)
}
