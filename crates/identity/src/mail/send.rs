//! One attempt to hand a message to a mail server (RFC 5321).

use super::outbox::Outcome;
use super::server::{MailServer, Tls};
use bandmaster_api::Outgoing;
use bandmaster_api::outgoing::Trouble;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Protection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// Patience with each step of the conversation.
const STEP: Duration = Duration::from_secs(15);
/// Patience with the whole; shorter than an attempt's lease.
const WHOLE: Duration = Duration::from_secs(60);
/// Addresses of a server that are tried.
const TRIED: usize = 3;
const UNREACHABLE: &str = "The mail server cannot be reached.";

/// Sends a message. What is told of a failure holds neither passwords nor what the mail says.
pub(super) async fn send(out: &Outgoing, server: &MailServer, message: Message) -> Outcome {
    let hosts = match targets(out, server).await {
        Ok(hosts) => hosts,
        Err(trouble) => return Outcome::Later(trouble.words().to_owned()),
    };
    let attempt = async {
        let mut outcome = Outcome::Later(UNREACHABLE.to_owned());
        for host in hosts {
            let transport = match transport(server, &host) {
                Ok(transport) => transport,
                Err(why) => return Outcome::Later(why.to_owned()),
            };
            outcome = match transport.send(message.clone()).await {
                Ok(_) => Outcome::Sent,
                Err(error) => failure(&error),
            };
            // Another address of the same server may be reached where this one was not.
            if !matches!(&outcome, Outcome::Later(why) if why == UNREACHABLE) {
                break;
            }
        }
        outcome
    };
    tokio::time::timeout(WHOLE, attempt)
        .await
        .unwrap_or_else(|_| Outcome::Later("The mail server took too long.".into()))
}

/// Where to connect: for a server that a user has named the addresses that were checked, so that its name is not
/// resolved a second time.
async fn targets(out: &Outgoing, server: &MailServer) -> Result<Vec<String>, Trouble> {
    if !server.guarded {
        return Ok(vec![server.host.clone()]);
    }
    Ok(out.addresses(&server.host).await?.iter().take(TRIED).map(ToString::to_string).collect())
}

/// A connection to `host`; certificates are checked against the server's name.
fn transport(server: &MailServer, host: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, &'static str> {
    let parameters =
        || TlsParameters::new(server.host.clone()).map_err(|_| "TLS cannot be used with this mail server.");
    let protection = match server.tls {
        Tls::None => Protection::None,
        Tls::StartTls => Protection::Required(parameters()?),
        Tls::Implicit => Protection::Wrapper(parameters()?),
    };
    let domain = server.from.rsplit('@').next().unwrap_or_default().to_owned();
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host.to_owned())
        .port(server.port)
        .timeout(Some(STEP))
        .hello_name(ClientId::Domain(domain))
        .tls(protection);
    if let Some(user) = &server.user {
        if server.tls == Tls::None && !is_this_machine(&server.host) {
            return Err("A password is not sent to a mail server without TLS.");
        }
        let password = server.password.as_ref().map_or("", |p| p.reveal());
        builder = builder.credentials(Credentials::new(user.clone(), password.to_owned()));
    }
    Ok(builder.build())
}

fn is_this_machine(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback())
}

/// What is wrong, in words of ours: a server's own could repeat what it was told.
fn failure(error: &lettre::transport::smtp::Error) -> Outcome {
    if let Some(code) = error.status() {
        let text = format!("The mail server refused with code {code}.");
        // Wrong credentials can be mended; another recipient or text is another mail.
        let of_login = matches!(u16::from(code), 530 | 534 | 535 | 538);
        return if error.is_permanent() && !of_login { Outcome::Never(text) } else { Outcome::Later(text) };
    }
    Outcome::Later(
        match () {
            () if error.is_timeout() => "The mail server took too long.",
            () if error.is_tls() => "No trusted TLS connection to the mail server was possible.",
            () if error.is_client() => "The mail server does not offer what is needed (TLS, or a way to sign in).",
            () if error.is_response() => "The mail server's answer was not understood.",
            () => UNREACHABLE,
        }
        .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use bandmaster_api::outgoing::Allowed;
    use bandmaster_core::Secret;

    #[test]
    fn passwords_need_tls() {
        let server = |host: &str, tls, user: Option<&str>| MailServer {
            host: host.into(),
            port: 25,
            tls,
            user: user.map(Into::into),
            password: Some(Secret::new("p")),
            from: "a@b.test".into(),
            from_name: None,
            guarded: false,
        };
        for (host, tls, user, good) in [
            ("mx.test", Tls::None, Some("u"), false),
            ("mx.test", Tls::None, None, true),
            ("127.0.0.1", Tls::None, Some("u"), true),
            ("[::1]", Tls::None, Some("u"), true),
            ("mx.test", Tls::StartTls, Some("u"), true),
        ] {
            assert_eq!(transport(&server(host, tls, user), host).is_ok(), good, "{host} {tls:?} {user:?}");
        }
    }

    #[tokio::test]
    async fn only_the_configurations_server_is_trusted() {
        let out = Outgoing::new(Allowed::default(), Vec::new(), STEP);
        let mut server = MailServer {
            host: "127.0.0.1".into(),
            port: 25,
            tls: Tls::None,
            user: None,
            password: None,
            from: "a@b.test".into(),
            from_name: None,
            guarded: false,
        };
        assert_eq!(targets(&out, &server).await, Ok(vec!["127.0.0.1".to_owned()]));
        server.guarded = true;
        assert_eq!(targets(&out, &server).await, Err(Trouble::NotAllowed));
        server.host = "8.8.8.8".into();
        assert_eq!(targets(&out, &server).await, Ok(vec!["8.8.8.8".to_owned()]));
    }
}
