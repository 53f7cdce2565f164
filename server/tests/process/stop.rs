//! A signal ends it within five seconds, whatever hangs.

use std::time::Duration;

use rustix::process::Signal;
use status_sim::mock::{BookFault, FeedFault, SmtpFault};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{LONG, Status, lab_services, mail, silence};

const LIMIT: Duration = Duration::from_secs(5);

#[tokio::test]
async fn sigterm_and_sigint_stop_it_at_once_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let services = lab_services(1).await;
        let mut status = Status::serve(&services, &[]);
        mail(&services, 1).await;
        status.signal(signal);
        assert_eq!(status.ended(LIMIT).await.code(), Some(0));
        assert!(status.out.all().last().unwrap().contains("\"msg\":\"stopped\""));
        assert!(status.err.all().is_empty(), "{:?}", status.err.all());
    }
}

/// Everything that ends a process by default, but for what its own faults bring about and what no process can help.
const OTHERS: [Signal; 9] = [
    Signal::HUP,
    Signal::USR1,
    Signal::USR2,
    Signal::PIPE,
    Signal::ALARM,
    Signal::VTALARM,
    Signal::PROF,
    Signal::IO,
    Signal::POWER,
];

#[tokio::test]
async fn no_other_signal_ends_it_and_each_is_at_most_a_line() {
    let services = lab_services(1).await;
    let serve = Status::serve(&services, &[]);
    let port = serve.port().await;
    let demo = Status::run(&["demo"], []);
    demo.out.line(&["look at http://"]).await;
    for mut status in [serve, demo] {
        let before = status.out.all().len();
        for signal in OTHERS {
            for _ in 0..3 {
                status.signal(signal);
            }
        }
        status.out.line(&["SIGUSR1 came, and is ignored"]).await;
        status.out.line(&["opening the log file anew"]).await;
        let about = |line: &&String| line.contains("is ignored");
        assert!(status.out.all().iter().skip(before).filter(about).count() <= OTHERS.len());
        status.signal(Signal::QUIT);
        assert_eq!(status.ended(LIMIT).await.code(), Some(0));
    }
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err(), "it was there until then");
}

#[tokio::test]
async fn it_stops_in_time_while_all_services_and_clients_hang() {
    for signal in [Signal::TERM, Signal::INT] {
        let services = lab_services(2).await;
        let mut status = Status::serve(&services, &[]);
        let port = status.port().await;
        mail(&services, 1).await;

        services.smtp.set_fault(SmtpFault::HangsAtGreeting);
        let connections = services.smtp.seen().connections;
        silence(&services, "pend00-st-video");
        services.smtp.wait_for(|seen| seen.connections > connections, LONG).await.unwrap();
        services.book.set_fault(BookFault::Hang);
        let asked = services.book.state().asked;
        services.book.wait_for(|state| state.asked > asked, LONG).await.unwrap();
        let accesses = services.relay.seen().accesses;
        services.relay.set_fault(FeedFault::Hang);
        services.relay.drop_websockets();
        services.relay.wait_for(|seen| seen.accesses > accesses, LONG).await.unwrap();
        let _clients = hanging_clients(port).await;

        status.signal(signal);
        assert_eq!(status.ended(LIMIT).await.code(), Some(0), "{signal:?}");
    }
}

#[tokio::test]
async fn it_stops_in_time_before_anything_has_answered() {
    let services = lab_services(1).await;
    services.book.set_fault(BookFault::Hang);
    services.relay.set_fault(FeedFault::Hang);
    services.jump.set_fault(FeedFault::Hang);
    let mut status = Status::serve(&services, &[]);
    services.relay.wait_for(|seen| seen.accesses > 0, LONG).await.unwrap();
    status.signal(Signal::TERM);
    assert_eq!(status.ended(LIMIT).await.code(), Some(0));
}

/// Clients that hold their connections open: before, within and after a request.
async fn hanging_clients(port: u16) -> Vec<TcpStream> {
    const REQUEST: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let mut clients = Vec::new();
    for sent in [&b""[..], &REQUEST[..20], REQUEST] {
        let mut client = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        client.write_all(sent).await.unwrap();
        clients.push(client);
    }
    // The last one has had its answer, so the server has them all.
    assert_ne!(clients.last_mut().unwrap().read(&mut [0; 1024]).await.unwrap(), 0);
    clients
}
