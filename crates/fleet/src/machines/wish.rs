//! What a body wants of a machine: read and checked before the unit begins.

use crate::enums::{
    AUTOMATION_TYPE, MACHINE_SCOPE, MACHINE_TYPE, SCOPE_DEFAULT, SCOPE_WORKSPACE, STANDARD, TARGET_FRAMEWORK, TEMPLATE,
};
use crate::machines::record::{MachineRecord, Slots};
use crate::text;
use bandmaster_api::Fields;
use bandmaster_core::ids::parse_guid;
use bandmaster_core::{Error, Result, codes};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Tags a machine may have.
const MOST_TAGS: usize = 50;
/// Kinds of update policies.
const POLICIES: [&str; 4] = ["None", "SpecificVersion", "LatestVersion", "LatestPatch"];

/// The wanted columns. `None`: not mentioned, so it stays (or gets its default at creation).
#[derive(Debug, Clone, Default)]
pub(super) struct Wish {
    pub name: Option<String>,
    pub description: Option<Option<String>>,
    pub machine_type: Option<i64>,
    pub automation_type: Option<i64>,
    pub target_framework: Option<i64>,
    unattended: Option<i64>,
    non_production: Option<i64>,
    headless: Option<i64>,
    test_automation: Option<i64>,
    pub update_policy: Option<String>,
    pub tags: Option<String>,
    pub robots: Option<Vec<i64>>,
    license_key: Option<String>,
    key: Option<String>,
}

impl Wish {
    /// Reads the members of a `MachineDto`.
    pub fn read(body: &Fields<'_>) -> Result<Wish> {
        let slots = |name: &str| match body.int(name) {
            Some(n) if n < 0 => Err(Error::new(400, codes::INVALID_SLOTS, format!("{name} must not be less than 0."))),
            slots => Ok(slots),
        };
        let scope = body.choice("Scope", &MACHINE_SCOPE)?;
        if scope.is_some_and(|s| s != SCOPE_DEFAULT && s != SCOPE_WORKSPACE) {
            return Err(Error::argument("Machines of this scope exist only in the cloud."));
        }
        let name = match body.text("Name") {
            Some(name) => Some(text::name(name, "Name")?),
            None if body.has("Name") => return Err(Error::argument("The field Name is required.")),
            None => None,
        };
        Ok(Wish {
            name,
            description: body.has("Description").then(|| body.text("Description").map(str::to_owned)),
            machine_type: body.choice("Type", &MACHINE_TYPE)?,
            automation_type: body.choice("AutomationType", &AUTOMATION_TYPE)?,
            target_framework: body.choice("TargetFramework", &TARGET_FRAMEWORK)?,
            unattended: slots("UnattendedSlots")?,
            non_production: slots("NonProductionSlots")?,
            headless: slots("HeadlessSlots")?,
            test_automation: slots("TestAutomationSlots")?,
            update_policy: body.fields("UpdatePolicy").map(|f| policy(&f)).transpose()?,
            tags: body.get("Tags").map(|_| tags(body.list("Tags"))).transpose()?,
            robots: body.get("RobotUsers").map(|_| robots(body.list("RobotUsers"))).transpose()?,
            license_key: body.filled("LicenseKey").map(str::to_owned),
            key: body.filled("Key").map(str::to_owned),
        })
    }

    /// The type of a machine that is being made; pools of hosts unless the body says otherwise.
    pub fn new_type(&self) -> i64 {
        self.machine_type.unwrap_or(TEMPLATE)
    }

    /// The slots after the change.
    pub fn slots(&self, before: Slots) -> Slots {
        Slots {
            unattended: self.unattended.unwrap_or(before.unattended),
            non_production: self.non_production.unwrap_or(before.non_production),
            headless: self.headless.unwrap_or(before.headless),
            test_automation: self.test_automation.unwrap_or(before.test_automation),
            development: before.development,
        }
    }

    /// Refuses changes of what a machine keeps for life.
    pub fn check_fixed(&self, before: &MachineRecord, license_key: &str) -> Result<()> {
        if self.machine_type.is_some_and(|t| t != before.machine_type) {
            return Err(Error::conflict(codes::MACHINE_TYPE_CANNOT_CHANGE, "The type of a machine cannot be changed."));
        }
        if before.machine_type == STANDARD && self.name.as_ref().is_some_and(|n| *n != before.name) {
            return Err(Error::conflict(
                codes::MACHINE_NAME_CANNOT_CHANGE,
                "A standard machine is named after its host and cannot be renamed.",
            ));
        }
        let other = |given: &Option<String>, stored: &str| {
            given.as_ref().is_some_and(|g| parse_guid(g).as_deref() != Some(stored))
        };
        if other(&self.license_key, license_key) {
            return Err(Error::conflict(codes::MACHINE_LICENSE_CANNOT_CHANGE, "The machine key cannot be changed."));
        }
        if other(&self.key, &before.key) {
            return Err(Error::conflict(codes::MACHINE_KEY_CANNOT_CHANGE, "The key of a machine cannot be changed."));
        }
        Ok(())
    }
}

fn policy(fields: &Fields<'_>) -> Result<String> {
    let kind = match fields.get("Type") {
        None => "None",
        Some(Value::String(word)) => POLICIES
            .iter()
            .find(|p| p.eq_ignore_ascii_case(word))
            .copied()
            .ok_or_else(|| Error::argument("The type of the update policy is unknown."))?,
        Some(other) => other
            .as_u64()
            .and_then(|n| usize::try_from(n).ok())
            .and_then(|n| POLICIES.get(n).copied())
            .ok_or_else(|| Error::argument("The type of the update policy is unknown."))?,
    };
    let version = fields.filled("SpecificVersion");
    if kind == "SpecificVersion" && version.is_none() {
        return Err(Error::argument("The update policy names no version."));
    }
    Ok(json!({"Type": kind, "SpecificVersion": version}).to_string())
}

fn tags(list: &[Value]) -> Result<String> {
    if list.len() > MOST_TAGS {
        return Err(Error::argument(format!("A machine may have at most {MOST_TAGS} tags.")));
    }
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for tag in list.iter().map(Fields::of) {
        let name = tag.need_text("Name")?;
        let value = tag.filled("Value");
        if seen.insert((bandmaster_store::fold(name), value)) {
            kept.push(json!({
                "Name": name,
                "DisplayName": tag.filled("DisplayName").unwrap_or(name),
                "Value": value,
                "DisplayValue": tag.filled("DisplayValue").or(value),
            }));
        }
    }
    Ok(Value::Array(kept).to_string())
}

fn robots(list: &[Value]) -> Result<Vec<i64>> {
    let id = |v: &Value| Fields::of(v).int("RobotId").ok_or_else(|| Error::argument("RobotId is missing."));
    list.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(body: Value) -> Result<Wish> {
        Wish::read(&Fields::of(&body))
    }

    #[test]
    fn what_is_not_mentioned_stays() {
        let w = wish(json!({"Name": " Pool ", "UnattendedSlots": 3, "Description": null})).unwrap();
        assert_eq!(w.name.as_deref(), Some("Pool"));
        assert_eq!(w.description, Some(None));
        let before = Slots { unattended: 1, headless: 2, development: 1, ..Slots::default() };
        assert_eq!(w.slots(before), Slots { unattended: 3, ..before });
        assert!(w.tags.is_none() && w.robots.is_none() && w.update_policy.is_none());
        assert_eq!(wish(json!({})).unwrap().new_type(), TEMPLATE);
    }

    #[test]
    fn bad_wishes_are_refused() {
        for (body, code) in [
            (json!({"UnattendedSlots": -1}), codes::INVALID_SLOTS),
            (json!({"Scope": "Serverless"}), codes::INVALID_ARGUMENT),
            (json!({"Name": "  "}), codes::INVALID_ARGUMENT),
            (json!({"Name": null}), codes::INVALID_ARGUMENT),
            (json!({"Name": "a\nb"}), codes::INVALID_ARGUMENT),
            (json!({"UpdatePolicy": {"Type": "SpecificVersion"}}), codes::INVALID_ARGUMENT),
            (json!({"UpdatePolicy": {"Type": 9}}), codes::INVALID_ARGUMENT),
            (json!({"Tags": [{"Value": "x"}]}), codes::INVALID_ARGUMENT),
            (json!({"RobotUsers": [{}]}), codes::INVALID_ARGUMENT),
        ] {
            assert_eq!(wish(body.clone()).unwrap_err().code(), code, "{body}");
        }
    }

    #[test]
    fn fixed_things_stay_fixed() {
        let before = MachineRecord {
            id: 1,
            key: "aa100000-0000-4000-8000-000000000001".into(),
            tenant_id: 1,
            name: "PC-7".into(),
            machine_type: STANDARD,
            scope: 0,
            slots: Slots::default(),
            automation_type: 0,
            target_framework: 0,
        };
        let license = "d5c60000-0000-4000-8000-000000000001";
        let check = |body: Value| wish(body).unwrap().check_fixed(&before, license).map_err(|e| e.code());
        let same = json!({"Name": "PC-7", "Type": "Standard", "Key": before.key, "LicenseKey": license.to_uppercase()});
        assert_eq!(check(same), Ok(()));
        assert_eq!(check(json!({"LicenseKey": ""})), Ok(()));
        assert_eq!(check(json!({"Type": "Template"})), Err(codes::MACHINE_TYPE_CANNOT_CHANGE));
        assert_eq!(check(json!({"Name": "PC-8"})), Err(codes::MACHINE_NAME_CANNOT_CHANGE));
        assert_eq!(check(json!({"LicenseKey": "other"})), Err(codes::MACHINE_LICENSE_CANNOT_CHANGE));
        assert_eq!(check(json!({"Key": license})), Err(codes::MACHINE_KEY_CANNOT_CHANGE));
    }
}
