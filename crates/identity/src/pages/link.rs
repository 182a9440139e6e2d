//! The HTML of the pages that one-time links lead to, and of the one where a forgotten password is told.

use super::login::{hidden, password, problem};
use super::{escape, page};
use crate::links::Void;
use bandmaster_api::Output;

fn text(id: &str, label: &str, value: &str, autocomplete: &str, further: &str) -> String {
    format!(
        "<label for=\"{id}\">{label}</label>\n\
         <input type=\"text\" id=\"{id}\" name=\"{id}\" value=\"{}\" autocomplete=\"{autocomplete}\" maxlength=\"256\"{further}>\n",
        escape(value)
    )
}

fn begin(action: &str, nonce: &str, trouble: Option<&str>) -> String {
    format!("{}<form method=\"post\" action=\"{}\">\n{}", problem(trouble), escape(action), hidden("nonce", nonce))
}

/// The link on the sign-in page.
pub(crate) fn forgot_link(address: &str) -> String {
    format!("\n<p><a href=\"{}\">Forgot your password?</a></p>", escape(address))
}

/// The form for a forgotten password. `ask_organization` false: the organization is settled.
pub(crate) fn forgot(
    action: &str,
    nonce: &str,
    organization: &str,
    ask_organization: bool,
    trouble: Option<&str>,
) -> String {
    let mut out = String::from(
        "<p>Tell us who you are. If there is such an account, its e-mail address gets a link where you can choose a \
         new password.</p>\n",
    );
    out.push_str(&begin(action, nonce, trouble));
    if ask_organization {
        out.push_str(&text("organization", "Organization", organization, "organization", ""));
    } else {
        out.push_str(&hidden("organization", organization));
    }
    let further = " autocapitalize=\"none\" spellcheck=\"false\" required autofocus";
    out.push_str(&text("username", "User name or e-mail address", "", "username", further));
    out.push_str("<button type=\"submit\">Send the link</button>\n</form>");
    out
}

/// What a page that sets a password shows.
pub(crate) struct Form<'a> {
    pub action: &'a str,
    pub nonce: &'a str,
    pub token: &'a str,
    /// Of the account.
    pub user_name: &'a str,
    pub problem: Option<&'a str>,
}

// The user name in the form lets password managers store the pair.
fn whose(form: &Form<'_>) -> String {
    let further = " readonly";
    text("account", "User name", form.user_name, "username", further)
}

/// The form that sets a new password in place of a forgotten one.
pub(crate) fn new_password(form: &Form<'_>) -> String {
    let mut out = begin(form.action, form.nonce, form.problem);
    out.push_str(&hidden("token", form.token));
    out.push_str(&whose(form));
    out.push_str(&password("password", "New password", "new-password", true));
    out.push_str(&password("again", "New password again", "new-password", false));
    out.push_str("<button type=\"submit\">Set password</button>\n</form>");
    out
}

/// The form that accepts an invitation.
pub(crate) fn invitation(form: &Form<'_>, organization: &str, name: &str, surname: &str) -> String {
    let mut out = format!(
        "<p>An account in the organization <strong>{}</strong> waits for you. Choose a password to use it.</p>\n",
        escape(organization)
    );
    out.push_str(&begin(form.action, form.nonce, form.problem));
    out.push_str(&hidden("token", form.token));
    out.push_str(&whose(form));
    out.push_str(&text("name", "First name", name, "given-name", ""));
    out.push_str(&text("surname", "Family name", surname, "family-name", ""));
    out.push_str(&password("password", "Password", "new-password", true));
    out.push_str(&password("again", "Password again", "new-password", false));
    out.push_str("<button type=\"submit\">Accept and sign in</button>\n</form>");
    out
}

/// What somebody is told whose link is of no use. `next`: what can be done about it.
pub(crate) fn void(why: Void, next: &str) -> Output {
    let (status, title, text) = match why {
        Void::Unknown => (404, "This link does not exist", "Perhaps it was not copied whole. Look at the mail again."),
        Void::Used => (410, "This link was used already", "Each link is good for one use."),
        Void::Expired => (410, "This link has expired", "It was good for a limited time only."),
        Void::Ended => (
            410,
            "This link is no longer valid",
            "A newer one was sent, it was taken back, or the account has changed since.",
        ),
    };
    page(status, title, &format!("<p>{}</p>\n<p>{}</p>", escape(text), escape(next)), &[])
}
