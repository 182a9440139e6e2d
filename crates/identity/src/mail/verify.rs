//! `VerifySmtpSetting`: sends a short mail with settings that are not stored yet, so that an administrator sees whether
//! they work.

use super::compose::Written;
use super::outbox::Outcome;
use super::send;
use super::server::{MailServer, protection};
use bandmaster_api::{Call, Fields, Outgoing, Output, Registry};
use bandmaster_core::{Error, Result, Secret, codes};

/// Registers the operation.
pub(super) fn register(r: &mut Registry) {
    r.serve("Settings_VerifySmtpSetting", verify).reads();
}

async fn verify(call: &mut Call) -> Result<Output> {
    let body = call.body();
    let to = body.need_text("sendTo")?.to_owned();
    let given =
        body.get("smtpSettingModel").ok_or_else(|| Error::argument("The field smtpSettingModel is required."))?;
    let given = Fields::of(given);
    let host = given.need_text("Host")?.trim().to_owned();
    let port = u16::try_from(given.need_int("Port")?).ok().filter(|p| *p > 0);
    let port = port.ok_or_else(|| Error::argument("Port is no port."))?;
    let from = given.filled("DefaultFromAddress").ok_or_else(|| Error::argument("DefaultFromAddress is required."))?;
    let server = MailServer {
        host,
        port,
        tls: protection(given.bool("EnableSsl").unwrap_or(false), port),
        user: given.filled("UserName").map(str::to_owned),
        password: given.filled("Password").map(Secret::new),
        from: from.to_owned(),
        from_name: given.filled("DefaultFromDisplayName").map(str::to_owned),
        guarded: true,
    };
    let text = "This mail shows that the settings of the mail server work.";
    let written = Written {
        to,
        to_name: String::new(),
        subject: "Mail from Bandmaster".into(),
        plain: format!("{text}\n"),
        html: format!("<p>{text}</p>"),
    };
    let message = written.message(&server, &call.app.ids.guid(), call.now()).map_err(Error::argument)?;
    match send::send(Outgoing::of(&call.app)?, &server, message).await {
        Outcome::Sent => Ok(Output::empty()),
        Outcome::Later(why) | Outcome::Never(why) => Err(Error::new(400, codes::ERROR_SENDING_EMAIL, why)),
    }
}
