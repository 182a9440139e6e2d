//! What a package is (process, library, tests, agent …) and what it was built for, under the names
//! of the API contract.

/// The kind of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PackageKind {
    /// Nothing in the package tells; hand-made packages.
    Undefined,
    /// An automation; Python functions count as one.
    Process,
    /// Reusable components; never started.
    Library,
    /// An automation of the profile for business users.
    BusinessProcess,
    /// Reusable components of the profile for business users.
    BusinessLibrary,
    /// Test cases.
    Tests,
    /// A modelled process that starts others.
    ProcessOrchestration,
    /// A web app.
    WebApp,
    /// An agent.
    Agent,
    /// An API workflow.
    Api,
    /// A tool server for agents.
    McpServer,
    /// Business rules.
    BusinessRules,
    /// Case management.
    CaseManagement,
}

impl PackageKind {
    /// `ProjectType` of packages and libraries, and `projectType` of events.
    pub fn project_type(self) -> &'static str {
        match self {
            Self::Undefined => "Undefined",
            Self::Process => "Process",
            Self::Library => "ProcessLibrary",
            Self::BusinessProcess => "BusinessProcess",
            Self::BusinessLibrary => "BusinessProcessLibrary",
            Self::Tests => "TestAutomationProcess",
            Self::ProcessOrchestration => "ProcessOrchestration",
            Self::WebApp => "WebApp",
            Self::Agent => "Agent",
            Self::Api => "Api",
            Self::McpServer => "MCPServer",
            Self::BusinessRules => "BusinessRules",
            Self::CaseManagement => "CaseManagement",
        }
    }

    /// `PackageType` of packages; knows no business profile.
    pub fn package_type(self) -> &'static str {
        match self {
            Self::BusinessProcess => Self::Process.project_type(),
            Self::BusinessLibrary => Self::Library.project_type(),
            other => other.project_type(),
        }
    }

    /// `ProcessType` of the releases made from the package; libraries, from which none are made,
    /// are `Undefined`.
    pub fn process_type(self) -> &'static str {
        if self.is_library() { Self::Undefined.project_type() } else { self.package_type() }
    }

    /// Whether this is a library, which goes into the libraries feed and is never deployed.
    pub fn is_library(self) -> bool {
        matches!(self, Self::Library | Self::BusinessLibrary)
    }

    fn business(self, is_business: bool) -> Self {
        match self {
            Self::Process if is_business => Self::BusinessProcess,
            Self::Library if is_business => Self::BusinessLibrary,
            other => other,
        }
    }
}

/// What tells the kind of a package; all that is known of one.
#[derive(Debug, Default)]
pub(crate) struct Evidence<'a> {
    /// `contentType` of operate.json.
    pub(crate) content_type: Option<&'a str>,
    /// `designOptions.outputType` of project.json.
    pub(crate) output_type: Option<&'a str>,
    /// `designOptions.projectProfile` of project.json.
    pub(crate) profile: Option<&'a str>,
    /// `ProjectType` of project.uiproj.
    pub(crate) uiproj_type: Option<&'a str>,
    /// `tags` of the manifest.
    pub(crate) tags: Option<&'a str>,
    /// Whether there is any project file.
    pub(crate) has_project: bool,
    /// Whether there are assemblies below `lib/`.
    pub(crate) has_assemblies: bool,
}

/// Weighs the evidence: what the producer states first, then the tags Studio sets, then what is in
/// the package.
pub(crate) fn decide(evidence: &Evidence<'_>) -> PackageKind {
    let business = evidence.profile.is_some_and(|p| p.eq_ignore_ascii_case("business"));
    let stated = [evidence.content_type, evidence.output_type, evidence.uiproj_type];
    if let Some(kind) = stated.into_iter().flatten().find_map(named) {
        return kind.business(business);
    }
    if let Some(kind) = evidence.tags.and_then(tagged) {
        return kind.business(business);
    }
    match evidence {
        // A kind newer than this list: claiming to know it would be wrong.
        Evidence { content_type: Some(_), .. } => PackageKind::Undefined,
        Evidence { has_project: true, .. } => PackageKind::Process.business(business),
        Evidence { has_assemblies: true, .. } => PackageKind::Library,
        _ => PackageKind::Undefined,
    }
}

/// The kind under one of the names producers use.
fn named(name: &str) -> Option<PackageKind> {
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    Some(match name.as_str() {
        "function" | "process" => PackageKind::Process,
        "businessprocess" => PackageKind::BusinessProcess,
        "agent" => PackageKind::Agent,
        "library" | "processlibrary" | "objects" => PackageKind::Library,
        "tests" | "testautomationprocess" => PackageKind::Tests,
        "processorchestration" | "flow" => PackageKind::ProcessOrchestration,
        "casemanagement" => PackageKind::CaseManagement,
        "api" | "apiworkflow" => PackageKind::Api,
        "webapp" | "app" => PackageKind::WebApp,
        "mcpserver" | "mcp" => PackageKind::McpServer,
        "businessrules" => PackageKind::BusinessRules,
        _ => return None,
    })
}

/// The kind told by the tags Studio writes.
fn tagged(tags: &str) -> Option<PackageKind> {
    let mut kinds = tags.split([' ', ',', ';']).filter_map(|tag| match tag.to_ascii_lowercase().as_str() {
        "uipathstudioprocess" => Some(PackageKind::Process),
        "uipathstudiolibrary" => Some(PackageKind::Library),
        "uipathstudiotest" | "uipathtestcases" => Some(PackageKind::Tests),
        _ => None,
    });
    kinds.next()
}

/// What a package was built for; decides which robots can run it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TargetFramework {
    /// .NET Framework 4.6.1 on Windows; also what nothing else is said of.
    Legacy,
    /// .NET on Windows.
    Windows,
    /// Any system.
    Portable,
}

impl TargetFramework {
    /// The contract's name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Legacy => "Legacy",
            Self::Windows => "Windows",
            Self::Portable => "Portable",
        }
    }

    /// Reads the contract's name, without regard to case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Legacy, Self::Windows, Self::Portable].into_iter().find(|f| f.as_str().eq_ignore_ascii_case(name))
    }

    /// Reads the name of a folder below `lib/`, such as `net461` or `net8.0-windows7.0`.
    pub(crate) fn of_folder(folder: &str) -> Option<Self> {
        let folder = folder.to_ascii_lowercase();
        if folder.contains("-windows") {
            return Some(Self::Windows);
        }
        if folder.starts_with("netstandard") || folder.starts_with("netcoreapp") {
            return Some(Self::Portable);
        }
        let version = folder.strip_prefix("net")?;
        if !version.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        // `net45` is the old framework, `net6.0` the new one.
        Some(if version.contains('.') { Self::Portable } else { Self::Legacy })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_weighed() {
        let none = Evidence::default;
        for (evidence, expected) in [
            (none(), PackageKind::Undefined),
            (Evidence { content_type: Some("function"), ..none() }, PackageKind::Process),
            (Evidence { content_type: Some("AGENT"), ..none() }, PackageKind::Agent),
            (Evidence { content_type: Some("API Workflow"), ..none() }, PackageKind::Api),
            (
                Evidence { content_type: Some("caseManagement"), output_type: Some("Process"), ..none() },
                PackageKind::CaseManagement,
            ),
            (Evidence { content_type: Some("brand-new"), has_project: true, ..none() }, PackageKind::Undefined),
            (Evidence { output_type: Some("Process"), ..none() }, PackageKind::Process),
            (Evidence { output_type: Some("Library"), ..none() }, PackageKind::Library),
            (Evidence { output_type: Some("Objects"), ..none() }, PackageKind::Library),
            (Evidence { output_type: Some("Tests"), tags: Some("UiPathStudioProcess"), ..none() }, PackageKind::Tests),
            (Evidence { output_type: Some("TestAutomationProcess"), ..none() }, PackageKind::Tests),
            (Evidence { uiproj_type: Some("WebApp"), ..none() }, PackageKind::WebApp),
            (
                Evidence { output_type: Some("Process"), profile: Some("Business"), ..none() },
                PackageKind::BusinessProcess,
            ),
            (
                Evidence { tags: Some("UiPathStudioLibrary"), profile: Some("business"), ..none() },
                PackageKind::BusinessLibrary,
            ),
            (Evidence { tags: Some("VisualBasic VB UiPathStudioProcess"), ..none() }, PackageKind::Process),
            (
                Evidence { tags: Some("VisualBasic VB UiPathStudioTest UiPathTestCases"), has_project: true, ..none() },
                PackageKind::Tests,
            ),
            (Evidence { tags: Some("library"), ..none() }, PackageKind::Undefined),
            (Evidence { has_project: true, has_assemblies: true, ..none() }, PackageKind::Process),
            (Evidence { has_assemblies: true, ..none() }, PackageKind::Library),
        ] {
            assert_eq!(decide(&evidence), expected, "{evidence:?}");
        }
    }

    #[test]
    fn contract_names() {
        assert_eq!(PackageKind::BusinessProcess.project_type(), "BusinessProcess");
        assert_eq!(PackageKind::BusinessProcess.package_type(), "Process");
        assert_eq!(PackageKind::BusinessProcess.process_type(), "Process");
        assert_eq!(PackageKind::Library.package_type(), "ProcessLibrary");
        assert_eq!(PackageKind::BusinessLibrary.process_type(), "Undefined");
        assert_eq!(PackageKind::Tests.process_type(), "TestAutomationProcess");
    }

    #[test]
    fn frameworks() {
        for (folder, expected) in [
            ("net45", Some(TargetFramework::Legacy)),
            ("net461", Some(TargetFramework::Legacy)),
            ("net8.0-windows7.0", Some(TargetFramework::Windows)),
            ("net6.0", Some(TargetFramework::Portable)),
            ("NETStandard2.0", Some(TargetFramework::Portable)),
            ("native", None),
            ("network", None),
            ("any", None),
        ] {
            assert_eq!(TargetFramework::of_folder(folder), expected, "{folder}");
        }
        assert_eq!(TargetFramework::named("windows"), Some(TargetFramework::Windows));
        assert_eq!(TargetFramework::named("other"), None);
    }
}
