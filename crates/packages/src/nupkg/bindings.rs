//! What a package needs of its surroundings: queues, assets, processes and so on, read from its
//! bindings file. Not here: whether they exist, and the values a release puts in their place.

use serde_json::Value;

use super::json::{flag, line, list};

/// One needed resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// Kind of resource as written, usually `asset`, `process`, `bucket`, `index`, `app`, `queue`
    /// or `connection`.
    pub resource: String,
    /// Key within the package: `name`, `name.folderPath`, or a connection's key.
    pub key: String,
    /// Default name of the resource.
    pub name: Option<String>,
    /// Default path of the folder the resource is in.
    pub folder_path: Option<String>,
    /// Whether a default is an expression of the workflow, so that it names no resource.
    pub is_expression: bool,
    /// The `value` member, JSON text.
    pub value_json: String,
    /// The `metadata` member, JSON text; `None` when missing.
    pub metadata_json: Option<String>,
}

/// Reads a bindings file of version 2; other files have no bindings. Rows without a kind or a key
/// are left out.
pub(crate) fn read(document: &Value) -> Vec<Binding> {
    let version = match document.get("version") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => return Vec::new(),
    };
    if version.split('.').next() != Some("2") {
        return Vec::new();
    }
    list(document, "resources")
        .filter_map(|row| {
            let value = row.get("value").unwrap_or(&Value::Null);
            let default = |name: &str| value.get(name).and_then(|v| line(v, "defaultValue"));
            let is_expression = value
                .as_object()
                .is_some_and(|properties| properties.values().any(|p| flag(p, "isExpression") == Some(true)));
            Some(Binding {
                resource: line(row, "resource")?,
                key: line(row, "key")?,
                name: default("name"),
                folder_path: default("folderPath"),
                is_expression,
                value_json: value.to_string(),
                metadata_json: row.get("metadata").filter(|m| m.is_object()).map(Value::to_string),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn rows() {
        let found = read(&json!({"version": "2.0", "resources": [
            {"resource": "queue", "key": "Invoices.Shared",
             "value": {"name": {"defaultValue": "Invoices", "isExpression": false, "displayName": "Name"},
                       "folderPath": {"defaultValue": "Shared", "isExpression": false}},
             "metadata": {"BindingsVersion": "2.2"}},
            {"resource": "connection", "key": "k1",
             "value": {"ConnectionId": {"defaultValue": "k1", "isExpression": true}}},
            {"resource": "asset"},
            "x",
        ]}));
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].resource, "queue");
        assert_eq!(found[0].key, "Invoices.Shared");
        assert_eq!(found[0].name.as_deref(), Some("Invoices"));
        assert_eq!(found[0].folder_path.as_deref(), Some("Shared"));
        assert!(!found[0].is_expression);
        assert_eq!(found[0].metadata_json.as_deref(), Some(r#"{"BindingsVersion":"2.2"}"#));
        assert!(found[1].is_expression);
        assert_eq!(found[1].name, None);
        assert_eq!(found[1].metadata_json, None);
    }

    #[test]
    fn other_documents_have_none() {
        for document in [
            json!(null),
            json!([]),
            json!({"resources": []}),
            json!({"version": "1.0", "resources": [{"resource": "queue", "key": "a"}]}),
            json!({"version": "20", "resources": [{"resource": "queue", "key": "a"}]}),
        ] {
            assert_eq!(read(&document), [], "{document}");
        }
        let number = json!({"version": 2, "resources": [{"resource": "queue", "key": "a"}]});
        assert_eq!(read(&number).len(), 1);
    }
}
