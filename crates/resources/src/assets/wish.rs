//! What the body of a POST or PUT says about an asset.

use super::kinds::{Shape, VALUE_SCOPE, VALUE_TYPE, type_name};
use super::plan::{AccountValue, Owner};
use super::value::Given;
use crate::neighbours;
use bandmaster_api::{Fields, Unit};
use bandmaster_core::{Error, Result};
use bandmaster_fleet::robots;
use serde_json::Value;

/// The asset's own members.
pub struct Wish {
    /// Name, without blanks at its ends.
    pub name: String,
    /// Description.
    pub description: Option<String>,
    /// Number of the type, when it is given.
    pub value_type: Option<i64>,
    /// Number of the scope.
    pub scope: i64,
    /// `HasDefaultValue`.
    pub has_default: Option<bool>,
    /// `CanBeDeleted`.
    pub can_be_deleted: Option<bool>,
    /// `AllowDirectApiAccess`.
    pub allow_direct: Option<bool>,
    /// Tags as JSON text.
    pub tags: String,
}

impl Wish {
    /// Reads a body.
    pub fn of(f: Fields<'_>) -> Result<Wish> {
        let name = f.need_text("Name")?.trim();
        if name.is_empty() {
            return Err(Error::argument("The field Name is required."));
        }
        bandmaster_access::changes::check_name(name, "The name of the asset")?;
        let scope = f.choice("ValueScope", &VALUE_SCOPE)?;
        Ok(Wish {
            name: name.to_owned(),
            description: f.text("Description").map(str::to_owned),
            value_type: f.choice("ValueType", &VALUE_TYPE)?,
            scope: scope.ok_or_else(|| Error::argument("The field ValueScope is required."))?,
            has_default: f.bool("HasDefaultValue"),
            can_be_deleted: f.bool("CanBeDeleted"),
            allow_direct: f.bool("AllowDirectApiAccess"),
            tags: f.get("Tags").cloned().unwrap_or_else(|| Value::Array(Vec::new())).to_string(),
        })
    }
}

/// Who a value is for, as the body names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// An account by its id.
    Account(i64),
    /// The account of a robot.
    Robot(i64),
}

/// The value of an account, as the body gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    who: Who,
    machine: Option<i64>,
    id: Option<i64>,
    given: Given,
}

/// The values of accounts: `UserValues`, else the old `RobotValues`; `None` when the body has neither.
pub fn entries(f: Fields<'_>, value_type: i64) -> Result<Option<Vec<Entry>>> {
    let (list, robots) = match (f.get("UserValues"), f.get("RobotValues")) {
        (Some(list), _) => (list, false),
        (None, Some(list)) => (list, true),
        (None, None) => return Ok(None),
    };
    let elements = list.as_array().map(Vec::as_slice).unwrap_or_default();
    elements.iter().map(|element| entry(Fields::of(element), value_type, robots)).collect::<Result<_>>().map(Some)
}

fn entry(f: Fields<'_>, value_type: i64, robots: bool) -> Result<Entry> {
    if f.choice("ValueType", &VALUE_TYPE)?.is_some_and(|given| given != value_type) {
        let text = format!("The values of the asset have its type, {}.", type_name(value_type));
        return Err(Error::argument(text));
    }
    let who = if robots { Who::Robot(f.need_int("RobotId")?) } else { Who::Account(f.need_int("UserId")?) };
    Ok(Entry {
        who,
        machine: f.int("MachineId").filter(|id| *id != 0),
        // A robot's value is told apart by its robot alone.
        id: f.int("Id").filter(|id| *id != 0 && !robots),
        given: Given::of(f, Shape::of(value_type))?,
    })
}

/// Looks up accounts and machines. 400 for those that the tenant does not have; whether they have to do with the
/// folder does not matter.
pub async fn resolve(unit: &mut Unit, tenant: i64, entries: Vec<Entry>) -> Result<Vec<AccountValue>> {
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        let user = match entry.who {
            Who::Account(id) => id,
            Who::Robot(id) => {
                let robot = robots::by_id(unit, tenant, id).await?;
                robot.map(|r| r.user_id).ok_or_else(|| unknown("robot", id))?
            }
        };
        let owner = Owner { user, machine: entry.machine };
        found.push(AccountValue { owner, id: entry.id, given: entry.given });
    }
    let users: Vec<i64> = found.iter().map(|v| v.owner.user).collect();
    let known = neighbours::accounts(unit, tenant, &users).await?;
    if let Some(id) = users.iter().find(|id| !known.contains(id)) {
        return Err(unknown("account", *id));
    }
    let machines: Vec<i64> = found.iter().filter_map(|v| v.owner.machine).collect();
    let known = neighbours::machines(unit, tenant, &machines).await?;
    match machines.iter().find(|id| !known.contains(id)) {
        Some(id) => Err(unknown("machine", *id)),
        None => Ok(found),
    }
}

fn unknown(what: &str, id: i64) -> Error {
    Error::argument(format!("There is no {what} {id}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    type Told = (Who, Option<i64>, Option<i64>);

    fn read(body: Value) -> Result<Option<Vec<Told>>> {
        let found = entries(Fields::of(&body), 2)?;
        Ok(found.map(|list| list.into_iter().map(|e| (e.who, e.machine, e.id)).collect()))
    }

    #[test]
    fn values_of_accounts_come_in_two_forms() {
        let user = json!({"UserId": 3, "MachineId": 0, "Id": 9, "ValueType": "Text"});
        let robot = json!({"RobotId": 5, "Id": 9});
        assert_eq!(read(json!({})).unwrap(), None);
        assert_eq!(read(json!({"UserValues": null, "RobotValues": null})).unwrap(), None);
        assert_eq!(read(json!({"UserValues": [], "RobotValues": [robot]})).unwrap(), Some(vec![]));
        let both = json!({"UserValues": [user], "RobotValues": [robot]});
        assert_eq!(read(both).unwrap(), Some(vec![(Who::Account(3), None, Some(9))]));
        let old = json!({"UserValues": null, "RobotValues": [robot]});
        assert_eq!(read(old).unwrap(), Some(vec![(Who::Robot(5), None, None)]));
    }

    #[test]
    fn wrong_entries_are_refused() {
        for body in [
            json!({"UserValues": [{"MachineId": 4}]}),
            json!({"RobotValues": [{"UserId": 4}]}),
            json!({"UserValues": [{"UserId": 4, "ValueType": "Bool"}]}),
        ] {
            assert_eq!(read(body).unwrap_err().code(), 1009);
        }
    }
}
