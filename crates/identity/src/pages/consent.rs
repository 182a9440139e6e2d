//! The HTML of the question whether an application may act in a person's name.

use super::escape;

/// What the question shows.
pub(crate) struct Form<'a> {
    pub action: &'a str,
    pub nonce: &'a str,
    pub back: &'a str,
    pub application: &'a str,
    pub user: &'a str,
    pub returns_to: &'a str,
    pub scopes: &'a [String],
}

/// What a scope means, in words.
fn words(scope: &str) -> String {
    match scope {
        "openid" => "know who you are".into(),
        "profile" => "know your name".into(),
        "email" => "know your e-mail address".into(),
        "offline_access" => "do so while you are away".into(),
        crate::scopes::EVERYTHING => "do everything that you can do".into(),
        other => {
            let (what, how) = match other.rsplit_once('.') {
                Some((what, "Read")) => (what, "see"),
                Some((what, "Write")) => (what, "change"),
                _ => (other, "see and change"),
            };
            let name = what.split_once('.').map_or(what, |(_, name)| name);
            format!("{how} {name}")
        }
    }
}

/// What the scopes mean, as items of a list.
pub(super) fn listed(scopes: &[String]) -> String {
    scopes.iter().map(|s| format!("<li>{} <code>({})</code></li>\n", escape(&words(s)), escape(s))).collect()
}

/// The question.
pub(crate) fn form(form: &Form<'_>) -> String {
    let scopes = listed(form.scopes);
    format!(
        "<p><strong>{application}</strong> asks to act in your name, <strong>{user}</strong>. It would be allowed to</p>\n\
         <ul>\n{scopes}</ul>\n<p>as far as you may yourself. You will return to <code>{returns_to}</code>.</p>\n\
         <form method=\"post\" action=\"{action}\">\n\
         <input type=\"hidden\" name=\"nonce\" value=\"{nonce}\">\n<input type=\"hidden\" name=\"return\" value=\"{back}\">\n\
         <button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button>\n\
         <button type=\"submit\" name=\"decision\" value=\"deny\" class=\"plain\">Do not allow</button>\n</form>",
        application = escape(form.application),
        user = escape(form.user),
        returns_to = escape(form.returns_to),
        action = escape(form.action),
        nonce = escape(form.nonce),
        back = escape(form.back),
    )
}
