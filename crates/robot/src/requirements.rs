//! Which Python packages a job's package needs, read from its own files. Pure.

use serde_json::Value;

/// Requirement lines for the installer: the project's dependencies, else those of `operate.json`;
/// `runtime`, without which nothing runs, is added when nobody asked for it.
pub(crate) fn requirements(
    runtime: &str,
    pyproject: Option<&str>,
    operate: Option<&Value>,
) -> Result<Vec<String>, String> {
    let mut lines = match pyproject {
        Some(text) => from_pyproject(text)?,
        None => None,
    }
    .or_else(|| operate.and_then(from_operate))
    .unwrap_or_default();
    for line in &lines {
        check(line)?;
    }
    if !lines.iter().any(|line| name_of(line) == name_of(runtime)) {
        lines.push(runtime.into());
    }
    Ok(lines)
}

/// Exact versions from a `uv.lock`, as constraints. What the lock file has in several versions
/// depends on markers and is left to the installer, as is everything when the file is unreadable:
/// the constraints only narrow what the requirements allow.
pub(crate) fn pins(lock: &str) -> Vec<String> {
    let Ok(lock) = lock.parse::<toml::Table>() else { return Vec::new() };
    let packages = lock.get("package").and_then(toml::Value::as_array).cloned().unwrap_or_default();
    let text = |package: &toml::Value, name: &str| package.get(name).and_then(toml::Value::as_str).map(str::to_owned);
    let names: Vec<_> = packages.iter().filter_map(|package| text(package, "name")).collect();
    packages
        .iter()
        .filter(|package| package.get("source").is_some_and(|source| source.get("registry").is_some()))
        .filter_map(|package| {
            let (name, version) = (text(package, "name")?, text(package, "version")?);
            let once = names.iter().filter(|other| **other == name).count() == 1;
            let line = format!("{name}=={version}");
            (once && check(&line).is_ok()).then_some(line)
        })
        .collect()
}

fn from_pyproject(text: &str) -> Result<Option<Vec<String>>, String> {
    let table: toml::Table = text.parse().map_err(|error| format!("pyproject.toml cannot be read: {error}"))?;
    let Some(list) = table.get("project").and_then(|project| project.get("dependencies")) else {
        return Ok(None);
    };
    list.as_array()
        .and_then(|list| list.iter().map(|line| line.as_str().map(str::to_owned)).collect())
        .map(Some)
        .ok_or_else(|| "the dependencies in pyproject.toml are not a list of texts".into())
}

fn from_operate(operate: &Value) -> Option<Vec<String>> {
    let dependencies = operate.get("dependencies")?.as_object()?;
    let line = |(name, version): (&String, &Value)| match version.as_str().unwrap_or_default().trim() {
        "" | "*" => name.clone(),
        exact if exact.starts_with(|c: char| c.is_ascii_digit()) => format!("{name}=={exact}"),
        range => format!("{name}{range}"),
    };
    Some(dependencies.iter().map(line).collect())
}

/// The installer reads options and includes from the same lines; none may come from a package.
fn check(line: &str) -> Result<(), String> {
    let first = line.trim_start().chars().next();
    if first.is_some_and(|c| c.is_ascii_alphanumeric())
        && !line.contains(|c: char| c.is_control() || c == '\\')
        && !line.contains(" --")
        && !line.contains(" -")
    {
        return Ok(());
    }
    Err(format!("the dependency {line:?} is not a plain requirement"))
}

/// The project's name in its canonical spelling.
fn name_of(line: &str) -> String {
    let name: String =
        line.trim_start().chars().take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')).collect();
    name.to_lowercase().replace(['_', '.'], "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_project_file_comes_first() {
        let operate = json!({"dependencies": {"requests": "*", "uipath": ">=2.0", "a": "1.2", "b": ""}});
        let project = |list: &str| format!("[project]\nname='x'\ndependencies={list}");
        for (pyproject, operate, expected) in [
            (None, None, vec!["uipath"]),
            (None, Some(&operate), vec!["requests", "uipath>=2.0", "a==1.2", "b"]),
            (Some(project("[]")), Some(&operate), vec!["uipath"]),
            (Some("[tool.x]\na=1".into()), Some(&operate), vec!["requests", "uipath>=2.0", "a==1.2", "b"]),
            (
                Some(project("['UiPath[x]~=2.1', 'y; python_version<\"3.12\"']")),
                None,
                vec!["UiPath[x]~=2.1", "y; python_version<\"3.12\""],
            ),
            (Some(project("['uipath-langchain']")), None, vec!["uipath-langchain", "uipath"]),
            (Some(project("['z @ https://host/z.whl']")), None, vec!["z @ https://host/z.whl", "uipath"]),
        ] {
            assert_eq!(requirements("uipath", pyproject.as_deref(), operate).unwrap(), expected);
        }
    }

    #[test]
    fn options_are_no_requirements() {
        for line in [
            "--index-url=http://evil",
            " -r /etc/passwd",
            "-e .",
            "./local",
            "/abs",
            "a\n--index-url=http://evil",
            "a\r-r x",
            "a --hash=sha256:0",
            "a -e .",
            "a \\",
            "",
        ] {
            let list = toml::Value::Array(vec![line.into()]);
            let text = format!("[project]\ndependencies = {list}");
            assert!(requirements("uipath", Some(&text), None).is_err(), "{line:?}");
            let operate = json!({"dependencies": {line: "*"}});
            assert!(requirements("uipath", None, Some(&operate)).is_err(), "{line:?}");
        }
        for text in ["[project", "[project]\ndependencies='x'", "[project]\ndependencies=[1]"] {
            assert!(requirements("uipath", Some(text), None).is_err(), "{text}");
        }
    }

    #[test]
    fn pins_come_from_the_lock_file() {
        let lock = r#"
            version = 1
            [[package]]
            name = "mine"
            version = "0.1"
            source = { virtual = "." }
            [[package]]
            name = "uipath"
            version = "2.14.44"
            source = { registry = "https://host/simple" }
            [[package]]
            name = "fork"
            version = "1"
            source = { registry = "https://host/simple" }
            [[package]]
            name = "fork"
            version = "2"
            source = { registry = "https://host/simple" }
            [[package]]
            name = "-r evil"
            version = "2"
            source = { registry = "https://host/simple" }
        "#;
        assert_eq!(pins(lock), ["uipath==2.14.44"]);
        assert!(pins("not [toml").is_empty());
    }
}
