//! The settings that the product knows, with their built-in defaults. Unknown names are stored too: clients
//! keep values of their own here.

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
}

const fn known(name: &'static str, form: Form, default: &'static str) -> Known {
    Known { name, default, form }
}

use Form::{Flag, Number, Text, Zone};

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
    known("Deployment.Libraries.FeedScope", Text, "Tenant"),
    known("Deployment.Libraries.Internal", Flag, "true"),
    known("Deployment.Libraries.Url", Text, ""),
    known("Deployment.Processes.AuthenticationType", Text, "apikey"),
    known("DeploymentBasicPassword", Text, ""),
    known("DeploymentBasicUsername", Text, ""),
    known("DeploymentUrl", Text, ""),
    known("Features.ModernFolders.Enabled", Flag, "true"),
    known("GlobalExecutionSettings", Text, "{}"),
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
    known("Triggers.JobsCountStrategy", Text, "PerProcess"),
    known("Upload.Queues.MaxNumberOfItems", Number, "15000"),
    known("Webhooks.Enabled", Flag, "true"),
];

/// The known setting of that name, without regard to case.
pub fn find(name: &str) -> Option<&'static Known> {
    SETTINGS.iter().find(|s| s.name.eq_ignore_ascii_case(name))
}

/// Whether the value must not be read back.
pub fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    ["password", "apikey", "connectionstring", "secret", "token"].iter().any(|end| lower.ends_with(end))
}

/// Why a value does not fit; none when it does.
pub fn objection(name: &str, value: &str) -> Option<String> {
    let form = find(name).map_or(Form::Text, |k| k.form);
    // An empty value stands for "not set".
    let fits = value.is_empty()
        || match form {
            Form::Text => true,
            Form::Flag => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Form::Number => value.parse::<u32>().is_ok(),
            Form::Zone => super::zones::iana(value).is_some(),
        };
    let wanted = match form {
        Form::Text => "a text",
        Form::Flag => "true or false",
        Form::Number => "a whole number",
        Form::Zone => "a known time zone",
    };
    (!fits).then(|| format!("The setting {name} takes {wanted}."))
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
        assert!(objection("abp.timing.timezone", "Mars").is_some());
        assert!(objection("Abp.Timing.TimeZone", "W. Europe Standard Time").is_none());
        assert!(objection("Abp.Timing.TimeZone", "Europe/Berlin").is_none());
        assert!(objection("Alerts.Email.Enabled", "maybe").is_some());
        assert!(objection("My.Own", "anything").is_none());
        assert!(
            is_secret("Abp.Net.Mail.Smtp.Password")
                && is_secret("NuGet.Packages.ApiKey")
                && !is_secret("Webhooks.Enabled")
        );
    }
}
