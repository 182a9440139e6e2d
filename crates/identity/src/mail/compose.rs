//! What a mail says. The organization's template gives the HTML; the plain text beside it is ours and always has the
//! link, so that no template can make a mail useless.

use super::server::MailServer;
use crate::pages::escape;
use crate::templates;
use crate::users::User;
use bandmaster_core::time::Micros;
use bandmaster_core::{Error, Result, time};
use bandmaster_store::Conn;
use lettre::Message;
use lettre::message::{Mailbox, MultiPart};
use serde_json::{Value, json};

/// What a mail is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Name, also of the template.
    pub name: &'static str,
    subject: &'static str,
    opening: &'static str,
    closing: &'static str,
}

/// An account was made for somebody.
pub(crate) const INVITATION: Kind = Kind {
    name: templates::INVITATION,
    subject: "Your Bandmaster account",
    opening: "An account was made for you. Choose a password here to use it:",
    closing: "If you do not know what this is about, you need do nothing.",
};

/// Somebody asked for a new password.
pub(crate) const NEW_PASSWORD: Kind = Kind {
    name: templates::NEW_PASSWORD,
    subject: "A new password for Bandmaster",
    opening: "Somebody, probably you, asked for a new password for your account. Choose it here:",
    closing: "If it was not you, you need do nothing: your password stays as it is.",
};

/// A mail to be written.
pub(crate) struct Letter<'a> {
    pub kind: Kind,
    pub to: &'a User,
    pub link: &'a str,
    pub link_id: i64,
    /// When the link ends; the mail is given up then.
    pub until: Micros,
}

/// Recipient and texts, as they wait in the outbox.
pub(super) struct Written {
    pub to: String,
    pub to_name: String,
    pub subject: String,
    pub plain: String,
    pub html: String,
}

/// Writes a letter with the organization's template.
pub(super) async fn write(conn: &mut Conn, letter: &Letter<'_>) -> Result<Written> {
    let user = letter.to;
    let to = user.email.clone().ok_or_else(|| Error::argument("The account has no e-mail address."))?;
    let own = match user.is_host {
        // The organization's text could send the link elsewhere.
        true => None,
        false => templates::by_name(conn, user.organization_id, letter.kind.name).await?.map(|t| t.value),
    };
    let text = own.filter(|t| !t.trim().is_empty());
    let text = text.as_deref().unwrap_or_else(|| templates::built_in(letter.kind.name));
    let name = user.shown_name();
    let until = time::iso(letter.until);
    let plain = format!(
        "Hello {},\n\n{}\n\n{}\n\nThe link can be used once, until {until}.\n{}\n",
        one_line(&name),
        letter.kind.opening,
        letter.link,
        letter.kind.closing
    );
    Ok(Written {
        to,
        subject: subject(text).unwrap_or_else(|| letter.kind.subject.to_owned()),
        plain,
        html: fill(text, &name, letter.link, &until),
        to_name: name,
    })
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The template's title, if it has one.
fn subject(template: &str) -> Option<String> {
    let lower = template.to_ascii_lowercase();
    let from = lower.find("<title>")? + "<title>".len();
    let title = template.get(from..from + lower.get(from..)?.find('<')?)?.trim();
    Some(one_line(title).chars().take(200).collect::<String>()).filter(|t| !t.is_empty())
}

/// Puts name, link and end into the template. One without a place for the link gets it at its end.
fn fill(template: &str, name: &str, link: &str, until: &str) -> String {
    let link = escape(link);
    let mut out = String::with_capacity(template.len() + link.len());
    let (mut rest, mut linked) = (template, false);
    while let Some(at) = rest.find("{{") {
        let (before, after) = rest.split_at(at);
        out.push_str(before);
        let Some(end) = after.find("}}") else {
            rest = after;
            break;
        };
        let word = after.get(2..end).unwrap_or_default().trim();
        match word.to_ascii_lowercase().as_str() {
            "name" => out.push_str(&escape(name)),
            "until" => out.push_str(&escape(until)),
            "link" => {
                linked = true;
                out.push_str(&link);
            }
            _ => out.push_str(after.get(..end + 2).unwrap_or_default()),
        }
        rest = after.get(end + 2..).unwrap_or_default();
    }
    out.push_str(rest);
    if !linked {
        out.push_str(&format!("<p><a href=\"{link}\">{link}</a></p>"));
    }
    out
}

impl Written {
    pub fn to_json(&self) -> Value {
        json!({"to": self.to, "toName": self.to_name, "subject": self.subject, "plain": self.plain, "html": self.html})
    }

    pub fn from_json(text: &str) -> Result<Written> {
        let broken = || Error::internal("a waiting mail cannot be read");
        let value: Value = serde_json::from_str(text).map_err(|_| broken())?;
        let text = |name: &str| value[name].as_str().map(str::to_owned).ok_or_else(broken);
        Ok(Written {
            to: text("to")?,
            to_name: text("toName")?,
            subject: text("subject")?,
            plain: text("plain")?,
            html: text("html")?,
        })
    }

    /// The message as it is sent. The key names it, so that a second copy can be known as one.
    pub fn message(self, from: &MailServer, key: &str, now: Micros) -> Result<Message, &'static str> {
        let sender = from.from.parse::<lettre::Address>().map_err(|_| "The sender's address is not valid.")?;
        let to = self.to.parse::<lettre::Address>().map_err(|_| "The recipient's address is not valid.")?;
        let at = std::time::UNIX_EPOCH + std::time::Duration::from_micros(now.max(0).unsigned_abs());
        let id = format!("<{key}@{}>", sender.domain());
        Message::builder()
            .from(Mailbox::new(from.from_name.clone(), sender))
            .to(Mailbox::new(Some(one_line(&self.to_name)).filter(|n| !n.trim().is_empty()), to))
            .subject(self.subject)
            .date(at)
            .message_id(Some(id))
            .multipart(MultiPart::alternative_plain_html(self.plain, self.html))
            .map_err(|_| "The mail could not be put together.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled() {
        let link = "https://bm.test/x?token=a&b";
        let shown = "https://bm.test/x?token=a&amp;b";
        assert_eq!(
            fill("Hi {{ Name }}: {{link}} {{other}} {{", "<Ana>", link, "t"),
            format!("Hi &lt;Ana&gt;: {shown} {{{{other}}}} {{{{")
        );
        assert_eq!(fill("<p>Hi</p>", "a", link, "t"), format!("<p>Hi</p><p><a href=\"{shown}\">{shown}</a></p>"));
        // What a name contains is no placeholder.
        assert!(!fill("{{name}}", "{{link}}", "L", "t").starts_with('L'));
        assert_eq!(subject("<html><Title> Wel\r\ncome </title>").as_deref(), Some("Wel  come"));
        assert_eq!((subject("<p>"), subject("<title>"), subject("<title></title>")), (None, None, None));
    }
}
