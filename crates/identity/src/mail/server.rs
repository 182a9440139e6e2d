//! Which mail server sends, and as whom.

use crate::settings::{self, Owner};
use bandmaster_api::App;
use bandmaster_core::{Result, Secret};
use bandmaster_store::Conn;

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// Not at all. A password is then sent to this machine only.
    None,
    /// STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// TLS from the first byte (RFC 8314).
    Implicit,
}

/// A mail server and the sender's address.
#[derive(Debug, Clone)]
pub struct MailServer {
    /// Host name; certificates are checked against it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Protection.
    pub tls: Tls,
    /// Account to sign in with. None: no sign-in.
    pub user: Option<String>,
    /// Its password.
    pub password: Option<Secret>,
    /// Address of the sender.
    pub from: String,
    /// Name of the sender.
    pub from_name: Option<String>,
    /// Whether a user has named it: then only through the guard (`bandmaster_api::outgoing`). The one of the server's
    /// configuration is trusted.
    pub guarded: bool,
}

/// The mail server of the server's configuration, a part of the app.
#[derive(Debug, Clone)]
pub struct ServerMail(pub MailServer);

/// What keeps mail from being sent, in words for administrators.
pub(crate) type Lack = &'static str;

const NONE: Lack = "No mail server is set up.";

/// The server of the configuration, if there is one.
fn configured(app: &App) -> Option<MailServer> {
    app.parts.get::<ServerMail>().map(|m| m.0.clone())
}

/// The server that sends an organization's mail now. `server_only`: only the one of the configuration.
pub(crate) async fn of_organization(
    app: &App,
    conn: &mut Conn,
    organization_id: i64,
    server_only: bool,
) -> Result<Result<MailServer, Lack>> {
    let own = if server_only { None } else { own(app, conn, organization_id).await? };
    Ok(own.unwrap_or_else(|| configured(app).ok_or(NONE)))
}

/// What keeps the organization's mail from being sent; none when it has a server.
pub(crate) async fn lack(app: &App, conn: &mut Conn, organization_id: i64) -> Result<Option<Lack>> {
    Ok(of_organization(app, conn, organization_id, false).await?.err())
}

/// The organization's own server; none when it has named none.
async fn own(app: &App, conn: &mut Conn, organization_id: i64) -> Result<Option<Result<MailServer, Lack>>> {
    let owner = Owner { organization_id, user: None };
    let mut found = Vec::new();
    for name in ["Host", "Port", "EnableSsl", "UserName", "FromEmail", "FromDisplayName"] {
        let setting = settings::read(conn, owner, &format!("Email.Smtp.{name}")).await?;
        found.push(setting.and_then(|s| s.value).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()));
    }
    let mut found = found.into_iter();
    let mut next = || found.next().flatten();
    let (Some(host), port, ssl, user, from, from_name) = (next(), next(), next(), next(), next(), next()) else {
        return Ok(None);
    };
    let ssl = ssl.is_some_and(|s| s.eq_ignore_ascii_case("true") || s == "1");
    let port = match port.map(|p| p.parse::<u16>()) {
        None if ssl => 587,
        None => 25,
        Some(Ok(port)) if port > 0 => port,
        Some(_) => return Ok(Some(Err("Email.Smtp.Port is no port."))),
    };
    let Some(from) = from else { return Ok(Some(Err("Email.Smtp.FromEmail is missing."))) };
    let password = settings::secret(conn, app, owner, "Email.Smtp.Password").await?;
    Ok(Some(Ok(MailServer { host, port, tls: protection(ssl, port), user, password, from, from_name, guarded: true })))
}

/// What a switch for TLS means on a port: 465 is the one where TLS comes first.
pub(super) fn protection(ssl: bool, port: u16) -> Tls {
    match (ssl, port) {
        (false, _) => Tls::None,
        (true, 465) => Tls::Implicit,
        (true, _) => Tls::StartTls,
    }
}

impl MailServer {
    /// From the settings of the server's configuration: `starttls`, `tls` or `none`, and a port of 0 for the usual one.
    /// None without a host; a text that says what is wrong.
    pub fn parse(
        host: Option<&str>,
        port: u64,
        tls: &str,
        login: (Option<&str>, Option<&str>),
        from: (Option<&str>, Option<&str>),
    ) -> Result<Option<MailServer>, String> {
        let Some(host) = host else { return Ok(None) };
        let tls = match tls {
            "starttls" => Tls::StartTls,
            "tls" => Tls::Implicit,
            "none" => Tls::None,
            _ => return Err("smtp-tls is starttls, tls or none".into()),
        };
        let usual = match tls {
            Tls::StartTls => 587,
            Tls::Implicit => 465,
            Tls::None => 25,
        };
        let port = if port == 0 { usual } else { u16::try_from(port).map_err(|_| "smtp-port is no port")? };
        let address = from.0.ok_or("smtp-host needs smtp-from, the address of the sender")?;
        if address.parse::<lettre::Address>().is_err() {
            return Err("smtp-from is no mail address".into());
        }
        Ok(Some(MailServer {
            host: host.to_owned(),
            port,
            tls,
            user: login.0.map(str::to_owned),
            password: login.1.map(Secret::new),
            from: address.to_owned(),
            from_name: from.1.map(str::to_owned),
            guarded: false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations() {
        let parse = |port, tls, from| MailServer::parse(Some("mx.test"), port, tls, (None, None), (from, None));
        let ports: Vec<u16> = [(0, "starttls"), (0, "tls"), (0, "none"), (2525, "none")]
            .into_iter()
            .map(|(port, tls)| parse(port, tls, Some("a@b.test")).unwrap().unwrap().port)
            .collect();
        assert_eq!(ports, [587, 465, 25, 2525]);
        for (port, tls, from) in [
            (0, "ssl", Some("a@b.test")),
            (70_000, "tls", Some("a@b.test")),
            (0, "tls", None),
            (0, "tls", Some("nobody")),
        ] {
            assert!(parse(port, tls, from).is_err(), "{port} {tls} {from:?}");
        }
        assert!(MailServer::parse(None, 0, "starttls", (None, None), (None, None)).unwrap().is_none());
        assert_eq!(
            [protection(true, 465), protection(true, 25), protection(false, 465)],
            [Tls::Implicit, Tls::StartTls, Tls::None]
        );
    }
}
