//! Connecting to a host that may have several addresses.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

/// Connects to a host at one of its addresses. They are tried one after another, each for an equal
/// share of the time, so that one where nothing answers doesn't use up what the next would need.
pub(crate) async fn dial(host_and_port: (&str, u16), time: Duration) -> io::Result<TcpStream> {
    let addresses: Vec<SocketAddr> = lookup_host(host_and_port).await?.collect();
    first_of(&addresses, time, TcpStream::connect).await
}

async fn first_of<T, F: Future<Output = io::Result<T>>>(
    addresses: &[SocketAddr],
    time: Duration,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let mut problem = io::Error::new(io::ErrorKind::NotFound, "its name has no address");
    let share = time / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    for address in addresses {
        match timeout(share, connect(*address)).await {
            Ok(Ok(connected)) => return Ok(connected),
            Ok(Err(error)) => problem = error,
            Err(_) => {
                let what = format!("nothing answers at {address} within {share:?}");
                problem = io::Error::new(io::ErrorKind::TimedOut, what);
            }
        }
    }
    Err(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::Instant;

    /// Addresses, of which some answer, some refuse, and some do neither.
    async fn connect(address: SocketAddr) -> io::Result<u16> {
        match address.port() {
            port @ 100.. => Ok(port),
            10.. => Err(io::ErrorKind::ConnectionRefused.into()),
            _ => std::future::pending().await,
        }
    }

    async fn tried(ports: &[u16]) -> (Result<u16, String>, Duration) {
        let addresses: Vec<_> = ports.iter().map(|port| SocketAddr::from(([127, 0, 0, 1], *port))).collect();
        let begun = Instant::now();
        let found = first_of(&addresses, Duration::from_secs(6), connect).await;
        (found.map_err(|error| error.to_string()), begun.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_where_nothing_answers_leaves_time_for_the_next() {
        let seconds = Duration::from_secs;
        assert_eq!(tried(&[100]).await, (Ok(100), seconds(0)));
        assert_eq!(tried(&[1, 100]).await, (Ok(100), seconds(3)));
        assert_eq!(tried(&[1, 10, 101]).await, (Ok(101), seconds(2)));
        let problem = "nothing answers at 127.0.0.1:2 within 3s".to_owned();
        assert_eq!(tried(&[10, 2]).await, (Err(problem), seconds(3)));
        assert_eq!(tried(&[]).await, (Err("its name has no address".to_owned()), seconds(0)));
    }
}
