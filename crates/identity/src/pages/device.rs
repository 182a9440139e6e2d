//! The HTML of the pages on which somebody lets a device sign in.

use super::consent::listed;
use super::escape;
use super::login::{hidden, problem};

/// What the form for a code shows.
pub(crate) struct Entry<'a> {
    pub action: &'a str,
    pub nonce: &'a str,
    pub user: &'a str,
    pub code: &'a str,
    pub problem: Option<&'a str>,
}

/// The form for a code.
pub(crate) fn entry(entry: &Entry<'_>) -> String {
    let what = match entry.code.is_empty() {
        true => "Enter the code that your device shows.",
        false => "Compare the code with the one that your device shows.",
    };
    let (described, invalid) = match entry.problem {
        Some(_) => ("trouble hint", " aria-invalid=\"true\""),
        None => ("hint", ""),
    };
    format!(
        "<p>You are signed in as <strong>{user}</strong>. {what}</p>\n{problem}<form method=\"post\" action=\"{action}\">\n{nonce}\
         <label for=\"user_code\">Code</label>\n\
         <input type=\"text\" id=\"user_code\" name=\"user_code\" value=\"{code}\" autocomplete=\"off\" \
         autocapitalize=\"characters\" spellcheck=\"false\" required maxlength=\"32\" aria-describedby=\"{described}\"{invalid} autofocus>\n\
         <p id=\"hint\">Eight letters, such as BCDF-GHJK. Capitals and the hyphen do not matter.</p>\n\
         <button type=\"submit\">Continue</button>\n</form>",
        user = escape(entry.user),
        problem = problem(entry.problem).replacen("<p ", "<p id=\"trouble\" ", 1),
        action = escape(entry.action),
        nonce = hidden("nonce", entry.nonce),
        code = escape(entry.code),
    )
}

/// What the question shows.
pub(crate) struct Confirm<'a> {
    pub action: &'a str,
    pub nonce: &'a str,
    pub code: &'a str,
    pub application: &'a str,
    /// Whether the client proves that it is this application.
    pub proved: bool,
    pub user: &'a str,
    pub scopes: &'a [String],
    /// Where the request came from.
    pub address: Option<&'a str>,
    /// Seconds since it came.
    pub seconds: i64,
}

/// The question whether the device may act in the person's name.
pub(crate) fn confirm(confirm: &Confirm<'_>) -> String {
    let from = confirm.address.map(|a| format!(" from the address <code>{}</code>", escape(a))).unwrap_or_default();
    let ago = match confirm.seconds {
        ..60 => "less than a minute".to_owned(),
        60..120 => "a minute".to_owned(),
        more => format!("{} minutes", more / 60),
    };
    let named = if confirm.proved { "" } else { " Any program can use this name." };
    format!(
        "<p class=\"problem\" role=\"note\"><strong>Allow this only if you have just begun it yourself</strong>, on a device \
         in front of you that shows this very code. If somebody sent you the code or a link, by mail, in a chat or on the \
         telephone, they are trying to act in your name: do not allow it.</p>\n\
         <p>Code: <strong><code>{code}</code></strong></p>\n\
         <p><strong>{application}</strong> asked{from} {ago} ago to act in your name, <strong>{user}</strong>.{named} It would be \
         allowed to</p>\n<ul>\n{scopes}</ul>\n<p>as far as you may yourself.</p>\n\
         <form method=\"post\" action=\"{action}\">\n{nonce}{user_code}\
         <button type=\"submit\" name=\"decision\" value=\"allow\">Allow</button>\n\
         <button type=\"submit\" name=\"decision\" value=\"deny\" class=\"plain\">Do not allow</button>\n</form>",
        code = escape(confirm.code),
        application = escape(confirm.application),
        user = escape(confirm.user),
        scopes = listed(confirm.scopes),
        action = escape(confirm.action),
        nonce = hidden("nonce", confirm.nonce),
        user_code = hidden("user_code", confirm.code),
    )
}
