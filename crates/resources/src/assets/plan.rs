//! From a body and the stored values to the values an asset is to have: which are new, which change, which go. Pure;
//! `rows` carries it out.

use super::kinds::{GLOBAL, Shape};
use super::value::{Given, Kept, Merged, Whose, merge};
use bandmaster_core::{Error, Result};
use std::collections::HashSet;

/// Whose a value is: an account's, everywhere or on one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Owner {
    /// `users.id`.
    pub user: i64,
    /// `machines.id`.
    pub machine: Option<i64>,
}

/// A stored value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Id.
    pub id: i64,
    /// Names the place its secret is sealed for.
    pub key: String,
    /// `None`: everybody's.
    pub owner: Option<Owner>,
    /// User name of a credential.
    pub user: String,
    /// Whether a password or secret is there.
    pub has_secret: bool,
}

/// The value that a body gives to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountValue {
    /// Whose it is.
    pub owner: Owner,
    /// The stored value that it claims to be.
    pub id: Option<i64>,
    /// The value.
    pub given: Given,
}

/// What a body says of an asset's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wished {
    /// Number of `ValueScope`.
    pub scope: i64,
    /// `HasDefaultValue`; old clients do not say.
    pub has_default: Option<bool>,
    /// The value for everybody.
    pub default: Given,
    /// The values of accounts; `None`: the body does not speak of them.
    pub accounts: Option<Vec<AccountValue>>,
}

/// A value to be written: over the stored one of that place in the list, or new.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Index among the stored values.
    pub over: Option<usize>,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// The value.
    pub value: Merged,
}

/// What is to be done. Stored values that it does not name stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ids of stored values that go.
    pub remove: Vec<i64>,
    /// Values to be written, after the others are gone.
    pub write: Vec<Write>,
}

fn merged(shape: Shape, given: Given, stored: &[Stored], over: Option<usize>, whose: Whose) -> Result<Merged> {
    let kept = over.and_then(|at| stored.get(at)).map(|s| Kept { user: &s.user, has_secret: s.has_secret });
    merge(shape, given, kept, whose)
}

/// Works out the values of an asset.
///
/// A body's list of account values is the complete new set. A body of scope `PerRobot` without such a list leaves the
/// set alone; one of scope `Global` ends it. A value is the same as a stored one when account and machine are; else
/// when it names its id and the account is the same (then it moves to another machine).
///
/// Errors (400): a value twice, values of accounts in a `Global` asset, an asset without any value, and those of
/// [`merge`].
pub fn plan(shape: Shape, wished: Wished, stored: &[Stored]) -> Result<Plan> {
    let mut plan = Plan::default();
    let global = wished.scope == GLOBAL;
    if global && wished.accounts.as_ref().is_some_and(|a| !a.is_empty()) {
        return Err(Error::argument("Values of accounts need the ValueScope PerRobot."));
    }
    let default_at = stored.iter().position(|s| s.owner.is_none());
    let has_default = global || wished.has_default.unwrap_or_else(|| wished.default.is_filled());
    let mut stays = HashSet::new();
    if has_default {
        let value = merged(shape, wished.default, stored, default_at, Whose::Everybody)?;
        plan.write.push(Write { over: default_at, owner: None, value });
        stays.extend(default_at);
    }
    match wished.accounts {
        Some(accounts) => {
            let mut seen = HashSet::new();
            if !accounts.iter().all(|a| seen.insert(a.owner)) {
                return Err(Error::argument("An account (on one machine) has two values."));
            }
            for account in accounts {
                let same = |s: &Stored| s.owner == Some(account.owner);
                let moved = |s: &Stored| {
                    Some(s.id) == account.id
                        && s.owner.is_some_and(|o| o.user == account.owner.user && !seen.contains(&o))
                };
                let over = stored.iter().position(same).or_else(|| stored.iter().position(moved));
                let over = over.filter(|at| stays.insert(*at));
                let value = merged(shape, account.given, stored, over, Whose::Account)?;
                plan.write.push(Write { over, owner: Some(account.owner), value });
            }
        }
        None if global => {}
        None => stays.extend((0..stored.len()).filter(|at| Some(*at) != default_at)),
    }
    plan.remove = stored.iter().enumerate().filter(|(at, _)| !stays.contains(at)).map(|(_, s)| s.id).collect();
    if plan.write.is_empty() && stays.is_empty() {
        return Err(Error::argument("The asset has no value: give one to everybody or to an account."));
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assets::kinds::PER_ACCOUNT;
    use bandmaster_core::Secret;

    fn stored() -> Vec<Stored> {
        let one =
            |id, owner, user: &str| Stored { id, key: format!("k{id}"), owner, user: user.into(), has_secret: true };
        vec![
            one(1, None, "all"),
            one(2, Some(Owner { user: 41, machine: None }), "a41"),
            one(3, Some(Owner { user: 41, machine: Some(7) }), "a41m"),
            one(4, Some(Owner { user: 42, machine: None }), "a42"),
        ]
    }

    fn credential(user: &str, password: Option<&str>) -> Given {
        Given { user: Some(user.into()), secret: password.map(Secret::new), ..Given::default() }
    }

    fn account(user: i64, machine: Option<i64>, id: Option<i64>, name: &str, password: Option<&str>) -> AccountValue {
        AccountValue { owner: Owner { user, machine }, id, given: credential(name, password) }
    }

    fn wished(has_default: Option<bool>, accounts: Option<Vec<AccountValue>>) -> Wished {
        Wished { scope: PER_ACCOUNT, has_default, default: credential("all", None), accounts }
    }

    /// What goes, and what is written: over which stored id, with a new password or not.
    fn told(plan: &Plan, stored: &[Stored]) -> (Vec<i64>, Vec<(Option<i64>, bool)>) {
        let over = |w: &Write| (w.over.map(|at| stored[at].id), w.value.secret.is_some());
        (plan.remove.clone(), plan.write.iter().map(over).collect())
    }

    #[test]
    fn the_set_is_replaced_and_passwords_are_kept() {
        let accounts = vec![
            account(41, None, None, "a41", None),
            account(42, None, None, "new", Some("p")),
            account(43, Some(9), None, "a43", Some("p")),
        ];
        let plan = plan(Shape::Credential, wished(Some(true), Some(accounts)), &stored()).unwrap();
        let expected = vec![(Some(1), false), (Some(2), false), (Some(4), true), (None, true)];
        assert_eq!(told(&plan, &stored()), (vec![3], expected));
    }

    #[test]
    fn a_value_moves_to_another_machine_by_its_id() {
        let accounts = vec![account(41, Some(8), Some(3), "a41m", None), account(41, None, None, "a41", None)];
        let plan = plan(Shape::Credential, wished(Some(false), Some(accounts)), &stored()).unwrap();
        assert_eq!(told(&plan, &stored()), (vec![1, 4], vec![(Some(3), false), (Some(2), false)]));
    }

    #[test]
    fn an_id_gives_no_other_accounts_password_nor_one_that_is_still_used() {
        for accounts in [
            vec![account(43, None, Some(4), "a42", None)],
            vec![account(41, None, None, "a41", None), account(41, Some(8), Some(2), "a41", None)],
        ] {
            let error = plan(Shape::Credential, wished(Some(true), Some(accounts)), &stored()).unwrap_err();
            assert_eq!(error.code(), 1501);
        }
    }

    #[test]
    fn silence_about_accounts() {
        let kept = plan(Shape::Credential, wished(Some(false), None), &stored()).unwrap();
        assert_eq!(told(&kept, &stored()), (vec![1], vec![]));
        let global = Wished { scope: GLOBAL, ..wished(None, None) };
        let ended = plan(Shape::Credential, global, &stored()).unwrap();
        assert_eq!(told(&ended, &stored()), (vec![2, 3, 4], vec![(Some(1), false)]));
    }

    #[test]
    fn old_clients_mean_a_default_by_filling_it() {
        let silent = |default: Given| {
            let accounts =
                Some(vec![AccountValue { owner: Owner { user: 1, machine: None }, id: None, given: Given::default() }]);
            let plan =
                plan(Shape::Text, Wished { scope: PER_ACCOUNT, has_default: None, default, accounts }, &[]).unwrap();
            plan.write.iter().any(|w| w.owner.is_none())
        };
        assert!(!silent(Given::default()));
        assert!(silent(Given { text: "x".into(), ..Given::default() }));
    }

    #[test]
    fn refusals() {
        let twice = vec![account(41, None, None, "a", Some("p")), account(41, None, None, "b", Some("p"))];
        let one = vec![account(41, None, None, "a", Some("p"))];
        let global = |accounts| Wished { scope: GLOBAL, ..wished(Some(true), Some(accounts)) };
        for (wish, code) in [
            (wished(Some(true), Some(twice)), 1009),
            (global(one), 1009),
            (wished(Some(false), Some(vec![])), 1009),
            (wished(Some(true), Some(vec![account(41, None, None, "other", None)])), 1500),
            (wished(Some(true), Some(vec![account(44, None, None, "a", None)])), 1501),
        ] {
            assert_eq!(plan(Shape::Credential, wish.clone(), &stored()).unwrap_err().code(), code, "{wish:?}");
        }
        assert!(plan(Shape::Credential, wished(Some(false), None), &stored()[..1]).is_err());
    }
}
