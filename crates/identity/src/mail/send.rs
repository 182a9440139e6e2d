//! One attempt to hand a message to a mail server (RFC 5321).

use super::outbox::Outcome;
use super::server::{MailServer, Tls};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls as Protection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use std::time::Duration;

/// Patience with each step of the conversation.
const STEP: Duration = Duration::from_secs(15);
/// Patience with the whole; shorter than an attempt's lease.
const WHOLE: Duration = Duration::from_secs(60);

/// Sends a message. What is told of a failure holds neither passwords nor what the mail says.
pub(super) async fn send(server: &MailServer, message: Message) -> Outcome {
    let transport = match transport(server) {
        Ok(transport) => transport,
        Err(why) => return Outcome::Later(why.to_owned()),
    };
    match tokio::time::timeout(WHOLE, transport.send(message)).await {
        Ok(Ok(_)) => Outcome::Sent,
        Ok(Err(error)) => failure(&error),
        Err(_) => Outcome::Later("The mail server took too long.".into()),
    }
}

fn transport(server: &MailServer) -> Result<AsyncSmtpTransport<Tokio1Executor>, &'static str> {
    let parameters =
        || TlsParameters::new(server.host.clone()).map_err(|_| "TLS cannot be used with this mail server.");
    let protection = match server.tls {
        Tls::None => Protection::None,
        Tls::StartTls => Protection::Required(parameters()?),
        Tls::Implicit => Protection::Wrapper(parameters()?),
    };
    let domain = server.from.rsplit('@').next().unwrap_or_default().to_owned();
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host.clone())
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
            () => "The mail server cannot be reached.",
        }
        .to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
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
        };
        for (host, tls, user, good) in [
            ("mx.test", Tls::None, Some("u"), false),
            ("mx.test", Tls::None, None, true),
            ("127.0.0.1", Tls::None, Some("u"), true),
            ("[::1]", Tls::None, Some("u"), true),
            ("mx.test", Tls::StartTls, Some("u"), true),
        ] {
            assert_eq!(transport(&server(host, tls, user)).is_ok(), good, "{host} {tls:?} {user:?}");
        }
    }
}
