//! What a body wants a process to be. A draft holds everything that can be edited; POST and PUT begin with an empty
//! one (what a PUT leaves out becomes null), PATCH with the process as it is.

use super::blocks;
use super::priority::{self, NORMAL};
use super::record::ReleaseRecord;
use super::retention::Retention;
use crate::enums::{REMOTE_CONTROL, ROBOT_SIZE};
use bandmaster_api::Fields;
use bandmaster_core::{Error, Result, codes};

/// Characters of a name.
const MOST_NAME: usize = 256;
/// Characters of other texts.
const MOST_TEXT: usize = 10_000;

/// Which entry point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryWish {
    /// The one in use, as far as the version has it; else the main one.
    Keep,
    /// The main one.
    Main,
    /// The one of that id.
    Id(i64),
    /// The one of that path.
    Path(String),
}

/// Everything of a process that can be edited.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub name: String,
    pub description: Option<String>,
    pub process_key: String,
    pub process_version: String,
    pub entry: EntryWish,
    pub input_arguments: Option<String>,
    pub environment_variables: Option<String>,
    pub priority: i64,
    pub auto_update: bool,
    pub hidden: bool,
    pub hub_url: Option<String>,
    pub process_settings: Option<String>,
    pub video_settings: Option<String>,
    pub tags: String,
    pub robot_size: Option<i64>,
    pub remote_control: i64,
    pub retention: Retention,
}

/// A name that the folder can show: not empty, of one line.
pub(super) fn check_name(text: &str) -> Result<String> {
    let name = text.trim();
    if name.is_empty() {
        return Err(Error::argument("The field Name is required."));
    }
    if name.chars().count() > MOST_NAME {
        return Err(Error::argument(format!("Name may have at most {MOST_NAME} characters.")));
    }
    bandmaster_access::changes::check_name(name, "Name")?;
    Ok(name.to_owned())
}

impl Draft {
    /// An empty draft for a package version.
    pub(super) fn of(name: &str, process_key: &str, process_version: &str) -> Draft {
        Draft {
            name: name.to_owned(),
            description: None,
            process_key: process_key.to_owned(),
            process_version: process_version.to_owned(),
            entry: EntryWish::Main,
            input_arguments: None,
            environment_variables: None,
            priority: NORMAL,
            auto_update: false,
            hidden: false,
            hub_url: None,
            process_settings: None,
            video_settings: None,
            tags: "[]".to_owned(),
            robot_size: None,
            remote_control: 0,
            retention: Retention::default(),
        }
    }

    /// The process as it is.
    pub(super) fn unchanged(record: &ReleaseRecord) -> Draft {
        Draft {
            name: record.name.clone(),
            description: record.description.clone(),
            process_key: record.process_key.clone(),
            process_version: record.process_version.clone(),
            entry: EntryWish::Keep,
            input_arguments: record.input_arguments.clone(),
            environment_variables: record.environment_variables.clone(),
            priority: record.priority,
            auto_update: record.auto_update,
            hidden: record.hidden,
            hub_url: record.hub_url.clone(),
            process_settings: record.process_settings.clone(),
            video_settings: record.video_settings.clone(),
            tags: record.tags.clone(),
            robot_size: record.robot_size,
            remote_control: record.remote_control,
            retention: Retention {
                action: record.retention_action,
                period: record.retention_period,
                bucket_id: record.retention_bucket_id,
            },
        }
    }

    /// A new process.
    pub(super) fn new(body: &Fields<'_>) -> Result<Draft> {
        let (key, version) = (body.need_text("ProcessKey")?, body.need_text("ProcessVersion")?);
        let mut draft = Draft::of(&check_name(body.need_text("Name")?)?, key, version);
        draft.take(body)?;
        Ok(draft)
    }

    /// A process replaced as a whole. Its retention policy is no part of the published body, so it stays unless it is
    /// named.
    pub(super) fn replacing(record: &ReleaseRecord, body: &Fields<'_>) -> Result<Draft> {
        let mut draft = Draft::new(body)?;
        if !Retention::named(body) {
            draft.retention = Draft::unchanged(record).retention;
        }
        draft.check_package(record)?;
        Ok(draft)
    }

    /// A process changed in what the body names.
    pub(super) fn changing(record: &ReleaseRecord, body: &Fields<'_>) -> Result<Draft> {
        let mut draft = Draft::unchanged(record);
        if let Some(name) = body.get("Name").and(body.text("Name")) {
            draft.name = check_name(name)?;
        }
        if let Some(key) = body.filled("ProcessKey") {
            draft.process_key = key.to_owned();
        }
        if let Some(version) = body.filled("ProcessVersion") {
            draft.process_version = version.to_owned();
        }
        draft.take(body)?;
        draft.check_package(record)?;
        Ok(draft)
    }

    /// A process keeps its package.
    fn check_package(&mut self, record: &ReleaseRecord) -> Result<()> {
        if bandmaster_store::fold(&self.process_key) != bandmaster_store::fold(&record.process_key) {
            return Err(Error::new(
                400,
                codes::INVALID_PROCESS_KEY,
                "A process keeps its package; ProcessKey cannot be changed.",
            ));
        }
        self.process_key.clone_from(&record.process_key);
        Ok(())
    }

    /// Takes over what the body names; null resets.
    fn take(&mut self, body: &Fields<'_>) -> Result<()> {
        let text = |name: &str, into: &mut Option<String>| -> Result<()> {
            if body.has(name) {
                *into = body.filled(name).map(str::to_owned);
            }
            if into.as_ref().is_some_and(|t| t.chars().count() > MOST_TEXT) {
                return Err(Error::argument(format!("{name} may have at most {MOST_TEXT} characters.")));
            }
            Ok(())
        };
        text("Description", &mut self.description)?;
        text("InputArguments", &mut self.input_arguments)?;
        text("EnvironmentVariables", &mut self.environment_variables)?;
        text("AutomationHubIdeaUrl", &mut self.hub_url)?;
        if let Some(variables) = &self.environment_variables {
            super::check::environment(variables)?;
        }
        // An id says more than a path; clients that choose by path leave the id out or send null.
        if let Some(id) = body.int("EntryPointId") {
            self.entry = EntryWish::Id(id);
        } else if let Some(path) = body.filled("EntryPointPath") {
            self.entry = EntryWish::Path(path.to_owned());
        } else if body.has("EntryPointId") || body.has("EntryPointPath") {
            self.entry = EntryWish::Main;
        }
        if let Some(priority) = priority::asked(body)? {
            self.priority = priority;
        } else if body.has("JobPriority") || body.has("SpecificPriorityValue") {
            self.priority = NORMAL;
        }
        let flag = |name: &str, into: &mut bool| {
            if body.has(name) {
                *into = body.bool(name).unwrap_or(false);
            }
        };
        flag("AutoUpdate", &mut self.auto_update);
        flag("HiddenForAttendedUser", &mut self.hidden);
        if body.has("ProcessSettings") {
            self.process_settings = body.fields("ProcessSettings").map(|b| blocks::process_settings(&b)).transpose()?;
        }
        if body.has("VideoRecordingSettings") {
            self.video_settings =
                body.fields("VideoRecordingSettings").map(|b| blocks::video_settings(&b)).transpose()?;
        }
        if body.has("Tags") {
            self.tags = blocks::tags(body.list("Tags"))?;
        }
        if body.has("RobotSize") {
            self.robot_size = body.choice("RobotSize", &ROBOT_SIZE)?;
        }
        if body.has("RemoteControlAccess") {
            self.remote_control = body.choice("RemoteControlAccess", &REMOTE_CONTROL)?.unwrap_or(0);
        }
        self.retention.take(body, "RetentionAction", "RetentionPeriod")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn record() -> ReleaseRecord {
        ReleaseRecord {
            id: 1,
            key: "k".into(),
            folder_id: 2,
            name: "Invoice bot".into(),
            description: Some("old".into()),
            process_key: "InvoiceBot".into(),
            process_version: "1.0.0".into(),
            feed_id: "f".into(),
            package_version_id: Some(3),
            current_version_id: Some(4),
            entry_point_id: Some(5),
            entry_point_path: Some("main".into()),
            input_arguments: Some("{}".into()),
            environment_variables: Some("A=1".into()),
            priority: 90,
            auto_update: true,
            hidden: true,
            hub_url: None,
            process_settings: Some("{}".into()),
            video_settings: None,
            tags: r#"[{"Name":"x"}]"#.into(),
            robot_size: Some(1),
            remote_control: 2,
            retention_action: 2,
            retention_period: 60,
            retention_bucket_id: None,
        }
    }

    fn package(mut body: Value) -> Value {
        body["Name"] = json!("n");
        body["ProcessKey"] = json!("invoicebot");
        body["ProcessVersion"] = json!("2");
        body
    }

    #[test]
    fn replacing_forgets_what_is_not_named() {
        let body = package(json!({}));
        let d = Draft::replacing(&record(), &Fields::of(&body)).unwrap();
        assert_eq!((d.name.as_str(), d.process_key.as_str(), d.process_version.as_str()), ("n", "InvoiceBot", "2"));
        assert_eq!((d.description, d.input_arguments, d.environment_variables), (None, None, None));
        assert_eq!((d.priority, d.auto_update, d.hidden, d.tags.as_str()), (45, false, false, "[]"));
        assert_eq!((d.process_settings, d.robot_size, d.remote_control, d.entry), (None, None, 0, EntryWish::Main));
        assert_eq!((d.retention.action, d.retention.period), (2, 60), "no part of the published body");
    }

    #[test]
    fn changing_keeps_what_is_not_named() {
        let body = json!({"Description": null, "SpecificPriorityValue": 10});
        let d = Draft::changing(&record(), &Fields::of(&body)).unwrap();
        assert_eq!((d.name.as_str(), d.process_version.as_str(), d.priority), ("Invoice bot", "1.0.0", 10));
        assert_eq!((d.description, d.environment_variables.as_deref()), (None, Some("A=1")));
        assert_eq!((d.auto_update, d.entry, d.remote_control), (true, EntryWish::Keep, 2));
    }

    #[test]
    fn entry_points_are_named_by_id_before_path() {
        for (body, want) in [
            (json!({"EntryPointId": 7, "EntryPointPath": "x"}), EntryWish::Id(7)),
            (json!({"EntryPointId": null, "EntryPointPath": "x"}), EntryWish::Path("x".into())),
            (json!({"EntryPointId": null}), EntryWish::Main),
            (json!({}), EntryWish::Keep),
        ] {
            assert_eq!(Draft::changing(&record(), &Fields::of(&body)).unwrap().entry, want, "{body}");
        }
    }

    #[test]
    fn refusals() {
        let long = "x".repeat(MOST_NAME + 1);
        for (body, code) in [
            (json!({"ProcessKey": "Other"}), 1656),
            (json!({"Name": long}), 1009),
            (json!({"Name": "a\nb"}), 1009),
            (json!({"Name": "  "}), 1009),
            (json!({"EnvironmentVariables": "nonsense"}), 1009),
            (json!({"Description": "x".repeat(MOST_TEXT + 1)}), 1009),
            (json!({"JobPriority": "High", "SpecificPriorityValue": 1}), 1009),
            (json!({"RetentionPeriod": 0}), 1009),
        ] {
            let error = Draft::changing(&record(), &Fields::of(&body)).unwrap_err();
            assert_eq!(error.code(), code, "{body}: {error}");
        }
    }
}
