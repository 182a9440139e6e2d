//! The HTML of the sign-in form and of the form for a new password.

use super::escape;

/// What the sign-in form shows.
pub(crate) struct Form<'a> {
    pub action: &'a str,
    pub nonce: &'a str,
    pub back: &'a str,
    pub application: Option<&'a str>,
    pub organization: &'a str,
    pub ask_organization: bool,
    pub user_name: &'a str,
    pub problem: Option<&'a str>,
}

pub(super) fn hidden(name: &str, value: &str) -> String {
    format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n", escape(value))
}

pub(super) fn problem(text: Option<&str>) -> String {
    text.map(|t| format!("<p class=\"problem\" role=\"alert\">{}</p>\n", escape(t))).unwrap_or_default()
}

pub(super) fn password(id: &str, label: &str, autocomplete: &str, focus: bool) -> String {
    let focus = if focus { " autofocus" } else { "" };
    format!(
        "<label for=\"{id}\">{label}</label>\n\
         <input type=\"password\" id=\"{id}\" name=\"{id}\" autocomplete=\"{autocomplete}\" required maxlength=\"256\"{focus}>\n"
    )
}

/// The sign-in form.
pub(crate) fn form(form: &Form<'_>) -> String {
    let mut out = String::new();
    if let Some(application) = form.application {
        out.push_str(&format!("<p>to continue to <strong>{}</strong></p>\n", escape(application)));
    }
    out.push_str(&problem(form.problem));
    out.push_str(&format!("<form method=\"post\" action=\"{}\">\n", escape(form.action)));
    out.push_str(&hidden("nonce", form.nonce));
    out.push_str(&hidden("return", form.back));
    if form.ask_organization {
        out.push_str(&format!(
            "<label for=\"organization\">Organization</label>\n\
             <input type=\"text\" id=\"organization\" name=\"organization\" value=\"{}\" autocomplete=\"organization\" maxlength=\"128\">\n",
            escape(form.organization)
        ));
    } else {
        out.push_str(&hidden("organization", form.organization));
    }
    let focus = if form.user_name.is_empty() { " autofocus" } else { "" };
    out.push_str(&format!(
        "<label for=\"username\">User name or e-mail address</label>\n\
         <input type=\"text\" id=\"username\" name=\"username\" value=\"{}\" autocomplete=\"username\" autocapitalize=\"none\" \
         spellcheck=\"false\" required maxlength=\"256\"{focus}>\n",
        escape(form.user_name)
    ));
    out.push_str(&password("password", "Password", "current-password", !form.user_name.is_empty()));
    out.push_str("<button type=\"submit\">Sign in</button>\n</form>");
    out
}

/// The form for a new password.
pub(crate) fn new_password(action: &str, nonce: &str, back: &str, ticket: &str, trouble: Option<&str>) -> String {
    let mut out = String::from("<p>Your password must be changed before you go on.</p>\n");
    out.push_str(&problem(trouble));
    out.push_str(&format!("<form method=\"post\" action=\"{}\">\n", escape(action)));
    for (name, value) in [("nonce", nonce), ("return", back), ("ticket", ticket)] {
        out.push_str(&hidden(name, value));
    }
    out.push_str(&password("password", "New password", "new-password", true));
    out.push_str(&password("again", "New password again", "new-password", false));
    out.push_str("<button type=\"submit\">Set password</button>\n</form>");
    out
}
