//! Lists for choosing: time zones and languages.

use super::{as_map, zones};
use bandmaster_api::{Call, Output};
use bandmaster_core::Result;
use serde_json::{Value, json};

/// Languages whose codes clients know. Texts of the product are English; the code travels with the user.
static LANGUAGES: &[(&str, &str)] = &[
    ("en", "English"),
    ("de", "Deutsch"),
    ("es", "Español"),
    ("es-MX", "Español (México)"),
    ("fr", "Français"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("pt", "Português"),
    ("pt-BR", "Português (Brasil)"),
    ("ru", "Русский"),
    ("tr", "Türkçe"),
    ("zh-CN", "简体中文"),
    ("zh-TW", "繁體中文"),
];

/// Time zones by their Windows names, westernmost first.
pub async fn time_zones(call: &mut Call) -> Result<Output> {
    let items: Vec<Value> =
        zones::listed(call.now()).into_iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    Ok(Output::complex("ListResultDtoOfNameValueDto", as_map(json!({"Items": items}))))
}

/// Languages.
pub async fn languages(_call: &mut Call) -> Result<Output> {
    let items: Vec<Value> = LANGUAGES
        .iter()
        .map(|(code, name)| {
            json!({"Name": code, "DisplayName": name, "Icon": null, "IsDefault": *code == "en", "IsDisabled": false})
        })
        .collect();
    Ok(Output::complex("ListResultDtoOfLanguageInfo", as_map(json!({"Items": items}))))
}
