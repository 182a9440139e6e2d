//! What every installation or organization has from the beginning: the public client of command lines, the groups.

/// The client id that the vendor's command line signs in with. It has no secret and is first-party.
pub const PUBLIC_CLIENT: &str = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00";

/// The client id in tokens of jobs.
pub const JOB_CLIENT: &str = "0b7a4a0e-5b0e-4c39-9f0e-7d3c8f3c5a11";

/// Where the public client may be called back; ports of the loopback interface are free (RFC 8252, section 7.3).
pub const PUBLIC_CLIENT_REDIRECTS: [&str; 3] =
    ["http://localhost:8104/oidc/login", "http://localhost:8055/oidc/login", "http://localhost:42042/oidc/login"];

/// The group whose members administer the organization.
pub const ADMINISTRATORS: &str = "Administrators";
/// The group that contains every account without being told.
pub const EVERYONE: &str = "Everyone";

/// The groups of a new organization.
pub const GROUPS: [&str; 6] =
    [ADMINISTRATORS, "Automation Users", "Automation Developers", "Automation Express", "Citizen Developers", EVERYONE];
