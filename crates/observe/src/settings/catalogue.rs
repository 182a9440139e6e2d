//! The settings that the product knows, with their built-in defaults. Unknown names are stored too: clients
//! keep values of their own here.

use bandmaster_store::fold;
use serde_json::{Map, Value};

/// A known setting.
pub struct Known {
    /// Name.
    pub name: &'static str,
    /// Built-in default.
    pub default: &'static str,
    /// What a value must be.
    pub form: Form,
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// `true` or `false`, in any case.
    Flag,
    /// A whole number from 0.
    Number,
    /// A time zone, by its Windows or IANA name.
    Zone,
    /// A JSON object.
    Object,
    /// One of these words, in any case.
    Word(&'static [&'static str]),
}

const fn known(name: &'static str, form: Form, default: &'static str) -> Known {
    Known { name, default, form }
}

use Form::{Flag, Number, Object, Text, Word, Zone};

/// Known settings in the order of their names.
pub static SETTINGS: &[Known] = &[
    known("Abp.Localization.DefaultLanguageName", Text, "en"),
    known("Abp.Net.Mail.DefaultFromAddress", Text, ""),
    known("Abp.Net.Mail.DefaultFromDisplayName", Text, ""),
    known("Abp.Net.Mail.Smtp.Domain", Text, ""),
    known("Abp.Net.Mail.Smtp.EnableSsl", Flag, "false"),
    known("Abp.Net.Mail.Smtp.Host", Text, ""),
    known("Abp.Net.Mail.Smtp.Password", Text, ""),
    known("Abp.Net.Mail.Smtp.Port", Number, "25"),
    known("Abp.Net.Mail.Smtp.UseDefaultCredentials", Flag, "false"),
    known("Abp.Net.Mail.Smtp.UserName", Text, ""),
    known("Abp.Timing.TimeZone", Zone, "UTC"),
    known("Alerts.Email.Enabled", Flag, "false"),
    known("AttendedRobot.RunDisconnectedHours", Number, "0"),
    known("Auth.Password.DefaultExpirationDays", Number, "0"),
    known("Auth.Password.PreviousUseLimit", Number, "0"),
    known("Auth.Password.ShouldChangePasswordAfterFirstLogin", Flag, "false"),
    known("Auth.RestrictBasicAuthentication", Flag, "false"),
    known("Auth.UserLockOut.DefaultAccountLockoutSeconds", Number, "300"),
    known("Auth.UserLockOut.IsEnabled", Flag, "true"),
    known("Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout", Number, "10"),
    known("Deployment.Libraries.AllowTenantPublish", Flag, "true"),
    known("Deployment.Libraries.AuthenticationType", Text, "apikey"),
    known("Deployment.Libraries.BasicPassword", Text, ""),
    known("Deployment.Libraries.BasicUsername", Text, ""),
    known("Deployment.Libraries.FeedScope", Word(&["Host", "Tenant", "All"]), "Tenant"),
    known("Deployment.Libraries.Internal", Flag, "true"),
    known("Deployment.Libraries.Url", Text, ""),
    known("Deployment.Processes.AuthenticationType", Text, "apikey"),
    known("DeploymentBasicPassword", Text, ""),
    known("DeploymentBasicUsername", Text, ""),
    known("DeploymentUrl", Text, ""),
    known("Features.ModernFolders.Enabled", Flag, "true"),
    known("GlobalExecutionSettings", Object, "{}"),
    known("InternalDeployment", Flag, "true"),
    known("Jobs.TerminatingJobsTimeout", Number, "1440"),
    known("NuGet.Activities.ApiKey", Text, ""),
    known("NuGet.Packages.ApiKey", Text, ""),
    known("Queue.MaxSlaInMinutes", Number, "129600"),
    known("Scalability.Heartbeat.FailureThreshold", Number, "4"),
    known("Scalability.Heartbeat.PeriodSeconds", Number, "30"),
    known("Scalability.SignalR.Enabled", Flag, "false"),
    known("Scalability.SignalR.Transport", Number, "0"),
    known("Triggers.DisableWhenFailedCount", Number, "10"),
    known("Triggers.DisableWhenFailingSinceDays", Number, "1"),
    known("Triggers.JobsCountStrategy", Word(&["PerProcess", "PerTrigger", "NoLimit"]), "PerProcess"),
    known("Upload.Queues.MaxNumberOfItems", Number, "15000"),
    known("Webhooks.Enabled", Flag, "true"),
];

/// The known setting of that name, compared as the database compares names.
pub fn find(name: &str) -> Option<&'static Known> {
    let folded = fold(name);
    SETTINGS.iter().find(|s| fold(s.name) == folded)
}

/// Ends of the names of secrets.
const SECRETS: &[&str] = &[
    "password",
    "passphrase",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
    "encryptionkey",
    "connectionstring",
    "secret",
    "token",
];

/// Whether the value must not be read back.
pub fn is_secret(name: &str) -> bool {
    let folded = fold(name);
    SECRETS.iter().any(|end| folded.ends_with(end))
}

/// Whether the value says that nothing is set: then the next level or the default counts.
pub fn unsets(name: &str, value: &str) -> bool {
    value.is_empty() && find(name).is_some_and(|k| k.form != Form::Text)
}

/// Why a value does not fit; none when it does.
pub fn objection(name: &str, value: &str) -> Option<String> {
    let known = find(name)?;
    let fits = value.is_empty()
        || match known.form {
            Form::Text => true,
            Form::Flag => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Form::Number => value.parse::<u32>().is_ok(),
            Form::Zone => super::zones::iana(value).is_some(),
            Form::Object => serde_json::from_str::<Map<String, Value>>(value).is_ok(),
            Form::Word(words) => words.iter().any(|w| w.eq_ignore_ascii_case(value)),
        };
    let wanted = match known.form {
        Form::Text => "a text".to_owned(),
        Form::Flag => "true or false".to_owned(),
        Form::Number => "a whole number".to_owned(),
        Form::Zone => "a known time zone".to_owned(),
        Form::Object => "a JSON object".to_owned(),
        Form::Word(words) => format!("one of {}", words.join(", ")),
    };
    (!fits).then(|| format!("The setting {} takes {wanted}.", known.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_fit_and_names_are_in_order() {
        for s in SETTINGS {
            assert_eq!(objection(s.name, s.default), None, "{}", s.name);
        }
        assert!(SETTINGS.windows(2).all(|w| w[0].name < w[1].name));
    }

    #[test]
    fn values_are_held_against_their_form() {
        let cases = [
            ("abp.timing.timezone", "Mars", false),
            ("Abp.Timing.TimeZone", "../../etc/passwd", false),
            ("Abp.Timing.TimeZone", "W. Europe Standard Time", true),
            ("Abp.Timing.TimeZone", "Europe/Berlin", true),
            ("Abp.Timing.TimeZone", "", true),
            ("Alerts.Email.Enabled", "maybe", false),
            ("Alerts.Email.Enabled", "TRUE", true),
            // The Kelvin sign is compared as a k, so this is the known name.
            ("Auth.UserLoc\u{212A}Out.IsEnabled", "maybe", false),
            ("Abp.Net.Mail.Smtp.Port", "-1", false),
            ("Abp.Net.Mail.Smtp.Port", "99999999999", false),
            ("Abp.Net.Mail.Smtp.Port", "587", true),
            ("GlobalExecutionSettings", "[]", false),
            ("GlobalExecutionSettings", "{\"TracingLevel\":\"Trace\"}", true),
            ("Triggers.JobsCountStrategy", "Many", false),
            ("Triggers.JobsCountStrategy", "nolimit", true),
            ("My.Own", "anything", true),
        ];
        for (name, value, fits) in cases {
            assert_eq!(objection(name, value).is_none(), fits, "{name} = {value}");
        }
        assert!(unsets("Abp.Timing.TimeZone", "") && !unsets("DeploymentUrl", "") && !unsets("My.Own", ""));
    }

    #[test]
    fn secrets_are_known_by_their_names() {
        let cases = [
            ("Abp.Net.Mail.Smtp.Password", true),
            ("ABP.NET.MAIL.SMTP.PASSWORD", true),
            ("NuGet.Packages.ApiKey", true),
            ("DeploymentBasicPassword", true),
            ("My.Vault.ClientSecret", true),
            ("My.ConnectionString", true),
            ("My.AccessTo\u{212A}en", true),
            ("Webhooks.Enabled", false),
            ("Auth.Password.PreviousUseLimit", false),
            ("Auth.Password.ShouldChangePasswordAfterFirstLogin", false),
        ];
        for (name, secret) in cases {
            assert_eq!(is_secret(name), secret, "{name}");
        }
        assert!(SETTINGS.iter().filter(|s| is_secret(s.name)).all(|s| s.form == Form::Text && s.default.is_empty()));
    }
}
