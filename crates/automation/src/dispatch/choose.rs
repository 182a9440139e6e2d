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
    let targeted =
        keep(all, reasons, &reasons::MACHINE_ELSEWHERE, |m| need.machines.is_empty() || need.machines.contains(&m.id));
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
        let mut names: Vec<&str> =
            obstacles.iter().filter(|(o, _)| o == kind).map(|(_, s)| s.host_name.as_str()).collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_core::clock::SECOND;
    use bandmaster_fleet::enums::UNATTENDED;
    use bandmaster_fleet::machines::record::Slots;

    const NOW: i64 = 1_000_000 * SECOND;

    fn account(id: i64) -> RobotAccount {
        RobotAccount {
            id,
            key: String::new(),
            tenant_id: 1,
            user_id: id,
            kind: 1,
            name: format!("bot{id}"),
            robot_type: UNATTENDED,
            enabled: true,
            os_user_name: Some(format!("CORP\\bot{id}")),
            has_password: true,
            credential_type: 0,
            credential_store_id: None,
            credential_external_name: None,
            limit_concurrent: false,
            execution_settings: "{}".into(),
        }
    }

    fn machine(id: i64, slots: i64) -> MachineRecord {
        MachineRecord {
            id,
            key: String::new(),
            tenant_id: 1,
            name: format!("m{id}"),
            machine_type: 1,
            scope: 0,
            slots: Slots { unattended: slots, ..Slots::default() },
            automation_type: 0,
            target_framework: 0,
        }
    }

    fn seat(id: i64, machine_id: i64, slots: i64) -> HostSession {
        HostSession {
            id,
            key: String::new(),
            tenant_id: 1,
            machine_id,
            machine_key: String::new(),
            machine_name: String::new(),
            machine_type: 1,
            machine_scope: 0,
            robot_id: 0,
            host_name: format!("VM-{id}"),
            service_user_name: String::new(),
            installation_id: String::new(),
            runtime_type: UNATTENDED,
            slots,
            reported_at: Some(NOW),
            version: None,
            platform: 2,
            maintenance: false,
            debug_until: None,
            connected: true,
            silence_told: false,
            knows_fencing: true,
            created_at: 0,
            automation_type: 0,
            target_framework: 0,
            switched_off: false,
        }
    }

    fn ground() -> Ground {
        Ground {
            accounts: vec![account(1), account(2)],
            machines: vec![machine(7, 2), machine(8, 1)],
            seats: vec![seat(70, 7, 2), seat(80, 8, 1)],
            now: NOW,
            ..Ground::default()
        }
    }

    fn need() -> Need {
        Need { runtime: UNATTENDED, framework: 2, ..Need::default() }
    }

    fn taken(jobs: &[(i64, i64, i64)]) -> Taken {
        let mut taken = Taken::default();
        jobs.iter().for_each(|(robot, session, slot)| taken.add(*robot, *session, *slot, None));
        taken
    }

    /// `robot@session/slot`, or the codes.
    fn outcome(need: &Need, ground: &Ground, taken: &Taken) -> String {
        match choose(need, ground, taken) {
            Ok(place) => format!("{}@{}/{}", place.robot_id, place.session_id, place.slot),
            Err(reasons) => {
                assert_eq!(reasons.texts().iter().filter(|t| t.ends_with('.')).count(), reasons.texts().len());
                assert!(!reasons.is_empty(), "a job that is not placed always says why");
                reasons.codes().join(" ")
            }
        }
    }

    #[test]
    fn the_emptiest_session_and_the_idlest_account() {
        let idle = Taken { robots_idle: HashMap::from([(1, 50), (2, 40)]), ..Taken::default() };
        let both_idle = Taken { sessions_idle: HashMap::from([(70, 9), (80, 5)]), ..taken(&[(1, 70, 0)]) };
        let cases = [
            (Taken::default(), "1@70/0"),
            (taken(&[(1, 70, 0)]), "2@70/1"),
            (taken(&[(1, 70, 1)]), "2@70/0"),
            (both_idle, "2@80/0"),
            (taken(&[(1, 70, 0), (1, 70, 1)]), "2@80/0"),
            (taken(&[(1, 70, 0), (2, 70, 1)]), "1@80/0"),
            (idle, "2@70/0"),
            (taken(&[(1, 70, 0), (2, 70, 1), (2, 80, 0)]), "TemplateFullCapacity"),
        ];
        for (taken, want) in cases {
            assert_eq!(outcome(&need(), &ground(), &taken), want, "{taken:?}");
        }
    }

    #[test]
    fn what_is_asked_for_and_what_is_in_the_way() {
        type Change = fn(&mut Need, &mut Ground, &mut Taken);
        let cases: &[(Change, &str)] = &[
            (|n, _, _| n.robots = vec![2], "2@70/0"),
            (|n, _, _| n.machines = vec![8], "1@80/0"),
            (|n, _, _| n.sessions = vec![80], "1@80/0"),
            (|n, _, _| n.host = Some("vm-80".into()), "1@80/0"),
            (|n, _, _| n.robots = vec![9], "RobotNotAssignedToFolder"),
            (|n, _, _| n.machines = vec![9], "TemplateNotAssignedToFolder"),
            (|n, _, _| n.sessions = vec![9], "TemplateNoHostsAvailable DynamicJobConnectedMachinesInvalid"),
            (|n, _, _| n.host = Some("x".into()), "TemplateNoHostsAvailable DynamicJobConnectedMachinesInvalid"),
            (|n, _, _| n.runtime = 0, "TemplateNoRuntime"),
            (|n, _, _| n.framework = 1, "DynamicJobWindowsTargetFrameworkInvalid"),
            (|n, _, _| n.framework = 0, "DynamicJobWindowsTargetFrameworkInvalid"),
            (|n, g, _| (n.framework, g.seats[1].platform) = (1, 1), "1@80/0"),
            (|n, g, _| (n.framework, g.seats[1].platform) = (1, 0), "1@80/0"),
            (|_, g, _| g.accounts.clear(), "RobotNotFound"),
            (|_, g, _| g.accounts.iter_mut().for_each(|a| a.enabled = false), "RobotNotFound"),
            (|_, g, _| g.accounts[0].enabled = false, "2@70/0"),
            (|_, g, _| g.accounts.iter_mut().for_each(|a| a.has_password = false), "1@70/0"),
            (
                |n, g, _| {
                    n.foreground = true;
                    g.accounts.iter_mut().for_each(|a| a.has_password = false)
                },
                "RobotNoCredentials",
            ),
            (
                |n, g, _| {
                    n.foreground = true;
                    g.accounts[0].credential_type = 4
                },
                "2@70/0",
            ),
            (|_, g, _| g.machines.clear(), "TemplateNotAssignedToFolder"),
            (|_, g, _| g.seats.clear(), "TemplateNoHostsAvailable DynamicJobConnectedMachinesInvalid"),
            (|_, g, _| g.seats[0].connected = false, "1@80/0"),
            (
                |_, g, _| g.seats.iter_mut().for_each(|s| s.connected = false),
                "TemplateNoHostsAvailable DynamicJobConnectedMachinesInvalid",
            ),
            (|_, g, _| g.seats.iter_mut().for_each(|s| s.reported_at = Some(0)), "DynamicJobConnectedMachinesInvalid"),
            (|_, g, _| g.seats.iter_mut().for_each(|s| s.maintenance = true), "TemplateMaintenanceMode"),
            (|_, g, _| g.seats.iter_mut().for_each(|s| s.debug_until = Some(i64::MAX)), "TemplateMaintenanceMode"),
            (|_, g, _| g.seats.iter_mut().for_each(|s| s.switched_off = true), "TemplateNoLicense"),
            (
                |_, g, _| g.seats.iter_mut().for_each(|s| s.automation_type = 1),
                "DynamicJobBackgroundAutomationTypeInvalid",
            ),
            (
                |_, g, _| g.seats.iter_mut().for_each(|s| s.target_framework = 1),
                "DynamicJobCrossPlatformTargetFrameworkInvalid",
            ),
            (
                |_, g, _| {
                    g.seats[0].maintenance = true;
                    g.seats[1].switched_off = true
                },
                "TemplateMaintenanceMode TemplateNoLicense",
            ),
            (|_, g, _| g.seats.iter_mut().for_each(|s| s.service_user_name = "corp\\BOT2".into()), "2@70/0"),
            (|_, g, _| g.seats.iter_mut().for_each(|s| s.service_user_name = "bot2".into()), "2@70/0"),
            (
                |_, g, _| g.seats.iter_mut().for_each(|s| s.service_user_name = "else\\bot2".into()),
                "RobotNoMatchingUsernames",
            ),
            (
                |_, g, t| {
                    g.accounts[0].limit_concurrent = true;
                    *t = taken(&[(1, 70, 0)])
                },
                "2@70/1",
            ),
            (
                |_, g, t| {
                    g.accounts.iter_mut().for_each(|a| a.limit_concurrent = true);
                    *t = taken(&[(1, 70, 0), (2, 80, 0)]);
                },
                "RobotConcurrencyLimit",
            ),
            (
                |n, _, t| {
                    n.foreground = true;
                    n.robots = vec![1];
                    t.add(1, 70, 0, Some("vm-70"));
                },
                "1@80/0",
            ),
            (
                |n, g, t| {
                    n.foreground = true;
                    n.robots = vec![1];
                    g.seats[1].maintenance = true;
                    t.add(1, 70, 0, Some("vm-70"));
                },
                "RobotBusy",
            ),
        ];
        for (i, (change, want)) in cases.iter().enumerate() {
            let (mut need, mut ground, mut taken) = (need(), ground(), Taken::default());
            change(&mut need, &mut ground, &mut taken);
            assert_eq!(outcome(&need, &ground, &taken), *want, "case {i}: {need:?}");
        }
    }

    #[test]
    fn users_compare_with_and_without_domains() {
        for (service, robot, same) in [
            ("corp\\bot", "CORP\\Bot", true),
            ("bot", "corp\\bot", true),
            ("corp\\bot", "bot", true),
            ("corp\\bot", "home\\bot", false),
            ("bot", "bot2", false),
            ("corp\\bot", "corp\\bot2", false),
        ] {
            assert_eq!(same_user(service, robot), same, "{service} {robot}");
        }
    }
}
