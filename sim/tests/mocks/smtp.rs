//! The mail server.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use status_sim::mock::{Mail, Smtp, SmtpFault, SmtpOptions, SmtpTls};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::wire::LIMIT;

/// A client that says what it is told to.
struct Client<S>(BufStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// The answer to the last line, without its line ends; empty if the connection has ended.
    async fn hear(&mut self) -> String {
        let mut answer = String::new();
        loop {
            let mut line = String::new();
            let read = timeout(LIMIT, self.0.read_line(&mut line)).await.unwrap();
            if read.unwrap_or(0) == 0 {
                return answer;
            }
            answer.push_str(line.trim_end());
            if line.as_bytes().get(3) != Some(&b'-') {
                return answer;
            }
            answer.push('|');
        }
    }

    async fn say(&mut self, line: &str) -> String {
        self.0.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
        self.0.flush().await.unwrap();
        self.hear().await
    }

    /// Says each line, and compares the beginnings of the answers.
    async fn talk(&mut self, lines: &[(&str, &str)]) {
        for (line, expected) in lines {
            let answer = self.say(line).await;
            assert!(answer.starts_with(expected), "{line}: {answer}");
        }
    }
}

const UP_TO_TEXT: [(&str, &str); 4] = [
    ("EHLO client", "250-mock"),
    ("MAIL FROM:<status@b.org> SIZE=100", "250"),
    ("RCPT TO:<alpha@a.org>", "250"),
    ("DATA", "354"),
];

async fn server() -> Smtp {
    Smtp::start(SmtpOptions::default()).await.unwrap()
}

async fn secure(tls: SmtpTls) -> Smtp {
    let credentials = Some(("status@b.org".to_owned(), "something".to_owned()));
    Smtp::start(SmtpOptions { tls, credentials, keep: 10 }).await.unwrap()
}

async fn connect(smtp: &Smtp) -> Client<TcpStream> {
    Client(BufStream::new(TcpStream::connect(smtp.address()).await.unwrap()))
}

/// A client that has been greeted.
async fn greeted(smtp: &Smtp) -> Client<TcpStream> {
    let mut client = connect(smtp).await;
    assert_eq!(client.hear().await, "220 mock ESMTP");
    client
}

async fn encrypt(smtp: &Smtp, stream: TcpStream) -> Client<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(smtp.certificate_pem().as_bytes()).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
    Client(BufStream::new(stream))
}

#[tokio::test]
async fn a_mail_is_kept_and_decoded() {
    let smtp = server().await;
    let mut client = greeted(&smtp).await;
    client
        .talk(&[
            ("HELO client", "250"),
            ("mail from:<status@b.org>", "250"),
            ("rcpt to:<alpha@a.org>", "250"),
            ("RCPT TO:<beta@a.org>", "250"),
            ("DATA", "354"),
        ])
        .await;
    let text = "From: status@b.org\r\nSubject: =?utf-8?b?w6l0w6k=?=\r\n\
        Content-Transfer-Encoding: quoted-printable\r\n\r\n..dot\r\ncaf=C3=A9\r\n.";
    assert!(client.say(text).await.starts_with("250"));
    let mails = smtp.wait_for_mails(1, LIMIT).await.unwrap();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, "status@b.org");
    assert_eq!(mails[0].recipients, ["alpha@a.org", "beta@a.org"]);
    assert_eq!((mails[0].subject(), mails[0].body.as_str()), ("été", ".dot\ncafé\n"));
    assert_eq!(mails[0].header("from"), Some("status@b.org"));
    assert!(mails[0].raw.contains("caf=C3=A9\r\n"));
    assert!(!mails[0].over_tls && mails[0].user.is_none());
    assert!(client.say("QUIT").await.starts_with("221"));
    assert_eq!(client.hear().await, "");
}

#[tokio::test]
async fn commands_out_of_order_are_refused() {
    let smtp = server().await;
    greeted(&smtp)
        .await
        .talk(&[
            ("RCPT TO:<alpha@a.org>", "503"),
            ("DATA", "503"),
            ("MAIL FROM:nobody", "501"),
            ("MAIL FROM:<>", "250"),
            ("NOOP", "250"),
            ("RSET", "250"),
            ("RCPT TO:<alpha@a.org>", "503"),
            ("STARTTLS", "502"),
            ("VRFY alpha", "500"),
        ])
        .await;
    assert!(smtp.mails().is_empty());
}

#[tokio::test]
async fn starttls_comes_before_a_password() {
    let smtp = secure(SmtpTls::StartTls).await;
    let mut client = greeted(&smtp).await;
    let offers = client.say("EHLO client").await;
    assert!(offers.contains("STARTTLS") && !offers.contains("AUTH"), "{offers}");
    client.talk(&[("MAIL FROM:<status@b.org>", "530"), ("STARTTLS", "220")]).await;
    let mut client = encrypt(&smtp, client.0.into_inner()).await;
    let offers = client.say("EHLO client").await;
    assert!(offers.contains("AUTH PLAIN LOGIN") && !offers.contains("STARTTLS"), "{offers}");
    let wrong = format!("AUTH PLAIN {}", STANDARD.encode("\0status@b.org\0wrong"));
    let right = format!("AUTH PLAIN {}", STANDARD.encode("\0status@b.org\0something"));
    client.talk(&[(&wrong, "535"), (&right, "235")]).await;
    client.talk(&UP_TO_TEXT).await;
    assert!(client.say("Subject: secret\r\n\r\nx\r\n.").await.starts_with("250"));
    let mail = smtp.wait_for_mails(1, LIMIT).await.unwrap().remove(0);
    assert_eq!((mail.over_tls, mail.user.as_deref()), (true, Some("status@b.org")));
    let seen = smtp.seen();
    assert_eq!((seen.refused_logins, seen.clear_passwords, seen.connections), (1, 0, 1));
}

#[tokio::test]
async fn tls_can_be_there_from_the_start_and_login_asks() {
    let smtp = secure(SmtpTls::Implicit).await;
    let mut client = encrypt(&smtp, TcpStream::connect(smtp.address()).await.unwrap()).await;
    assert_eq!(client.hear().await, "220 mock ESMTP");
    let (user, password) = (STANDARD.encode("status@b.org"), STANDARD.encode("something"));
    client.talk(&[("EHLO client", "250-mock"), ("AUTH LOGIN", "334 VXNlcm5hbWU6")]).await;
    client.talk(&[(&user, "334 UGFzc3dvcmQ6"), (&password, "235"), ("MAIL FROM:<a@b.org>", "250")]).await;
}

#[tokio::test]
async fn a_password_in_clear_is_noticed() {
    let smtp = secure(SmtpTls::None).await;
    let answer = STANDARD.encode("\0status@b.org\0something");
    greeted(&smtp).await.talk(&[("AUTH PLAIN", "334"), (&answer, "235"), ("AUTH X", "504")]).await;
    assert_eq!(smtp.seen().clear_passwords, 1);
}

#[tokio::test]
async fn it_refuses_for_a_while_or_for_good() {
    let smtp = server().await;
    smtp.set_fault(SmtpFault::Unavailable);
    assert!(connect(&smtp).await.hear().await.starts_with("421"));
    smtp.set_fault(SmtpFault::Down);
    assert_eq!(connect(&smtp).await.hear().await, "");
    smtp.set_fault(SmtpFault::RecipientsLater);
    smtp.set_unknown_recipients(&["Gone@a.org"]);
    let mut client = greeted(&smtp).await;
    client.talk(&[("MAIL FROM:<status@b.org>", "250"), ("RCPT TO:<alpha@a.org>", "451")]).await;
    smtp.set_fault(SmtpFault::None);
    client.talk(&[("RCPT TO:<gone@a.org>", "550"), ("RCPT TO:<alpha@a.org>", "250")]).await;
    for (fault, code) in
        [(SmtpFault::TextLater, "451"), (SmtpFault::RefusesText, "554"), (SmtpFault::None, "250")]
    {
        smtp.set_fault(fault);
        client.talk(&UP_TO_TEXT).await;
        assert!(client.say("Subject: x\r\n\r\nx\r\n.").await.starts_with(code));
    }
    let mails = smtp.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].recipients, ["alpha@a.org"]);
}

#[tokio::test]
async fn an_answer_can_be_lost_with_the_mail_or_without() {
    let smtp = server().await;
    for (fault, kept) in [(SmtpFault::CutsAfterText, 1), (SmtpFault::LosesText, 1)] {
        smtp.set_fault(fault);
        let mut client = greeted(&smtp).await;
        client.talk(&UP_TO_TEXT).await;
        assert_eq!(client.say("Subject: x\r\n\r\nx\r\n.").await, "");
        assert_eq!(smtp.seen().kept, kept);
    }
}

#[tokio::test]
async fn it_can_hang_at_either_end() {
    let smtp = server().await;
    let soon = Duration::from_millis(50);
    smtp.set_fault(SmtpFault::HangsAtGreeting);
    assert!(timeout(soon, connect(&smtp).await.hear()).await.is_err());
    smtp.set_fault(SmtpFault::HangsAfterText);
    let mut client = greeted(&smtp).await;
    client.talk(&UP_TO_TEXT).await;
    assert!(timeout(soon, client.say("Subject: x\r\n\r\nx\r\n.")).await.is_err());
    assert_eq!(smtp.wait_for_mails(1, LIMIT).await.unwrap()[0].subject(), "x");
}

#[tokio::test]
async fn only_the_newest_mails_are_kept() {
    let smtp = Smtp::start(SmtpOptions { keep: 2, ..SmtpOptions::default() }).await.unwrap();
    let mut client = greeted(&smtp).await;
    for i in 0..5 {
        client.talk(&UP_TO_TEXT).await;
        client.say(&format!("Subject: {i}\r\n\r\nx\r\n.")).await;
    }
    let mails = smtp.wait_for_mails(5, LIMIT).await.unwrap();
    assert_eq!(mails.iter().map(Mail::subject).collect::<Vec<_>>(), ["3", "4"]);
}
