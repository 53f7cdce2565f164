//! Where the API is: a port at every address of the machine, or at those that were chosen.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use crate::settings::Settings;

/// How many connections may wait until they are taken.
const BACKLOG: i32 = 1024;
/// How often a free port is looked for that is free at each of several addresses.
const ATTEMPTS: usize = 16;

/// A port, and the addresses at which it is to be listened on.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    port: u16,
    /// None stands for all, of both kinds where the machine has both.
    addresses: Vec<IpAddr>,
}

/// Why it could not be listened at an address; at none in particular if all were meant.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) error: io::Error,
    address: Option<IpAddr>,
}

impl Place {
    /// As it was chosen.
    pub(crate) fn of(settings: &Settings) -> Self {
        Self { port: settings.serve_port, addresses: settings.serve_addresses.clone() }
    }

    /// The port; 0 for any that is free.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// ` at 127.0.0.1, ::1`, or nothing if it is all of them.
    pub(crate) fn shown_addresses(&self) -> String {
        if self.addresses.is_empty() {
            return String::new();
        }
        let shown: Vec<String> = self.addresses.iter().map(IpAddr::to_string).collect();
        format!(" at {}", shown.join(", "))
    }

    /// Listens at each address, at the same port.
    ///
    /// # Errors
    /// One of them can't be had.
    pub(crate) fn bind(&self) -> Result<Vec<TcpListener>, Refused> {
        if self.addresses.is_empty() {
            return everywhere(self.port)
                .map(|one| vec![one])
                .map_err(|error| Refused { error, address: None });
        }
        for _ in 1..ATTEMPTS {
            match self.bind_each() {
                // A port that is free at the first address may be taken at the next.
                Err(refused) if self.port == 0 && refused.error.kind() == ErrorKind::AddrInUse => {}
                settled => return settled,
            }
        }
        self.bind_each()
    }

    fn bind_each(&self) -> Result<Vec<TcpListener>, Refused> {
        let mut port = self.port;
        let mut bound = Vec::new();
        // Beside an address of IPv4, `::` must not stand for those, too: it would be taken already.
        let only_v6 = self.addresses.iter().any(IpAddr::is_ipv4);
        for address in &self.addresses {
            let listener = listen((*address, port).into(), only_v6)
                .and_then(|listener| listener.local_addr().map(|at| (listener, at)));
            let (listener, at) = listener.map_err(|error| Refused { error, address: Some(*address) })?;
            port = at.port();
            bound.push(listener);
        }
        Ok(bound)
    }

    /// What to say where it can't be had.
    pub(crate) fn refused(&self, refused: &Refused) -> String {
        let Refused { error, address } = refused;
        let port = self.port;
        let at = address.map_or_else(String::new, |address| format!(" at {address}"));
        let advice = match (address, error.kind()) {
            (Some(_), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported) => {
                "STATUS_ADDRESS_SERVE has to name addresses of this machine"
            }
            (Some(_) | None, _) if port != 0 => "choose another STATUS_PORT_SERVE",
            (Some(_) | None, _) => "choose a STATUS_PORT_SERVE",
        };
        format!("cannot listen on port {port}{at}: {error}; {advice}")
    }
}

/// Listens at every address, of both kinds where the machine has both.
fn everywhere(port: u16) -> io::Result<TcpListener> {
    match listen((Ipv6Addr::UNSPECIFIED, port).into(), false) {
        Err(error) if error.kind() != ErrorKind::AddrInUse => {
            listen((Ipv4Addr::UNSPECIFIED, port).into(), false)
        }
        bound => bound,
    }
}

fn listen(address: SocketAddr, only_v6: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // Connections of the last life of the server may be closing still.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;

    fn place(addresses: &[&str], port: u16) -> Place {
        Place { port, addresses: addresses.iter().map(|address| address.parse().unwrap()).collect() }
    }

    #[tokio::test]
    async fn all_addresses_have_the_same_port_and_others_are_left_alone() {
        let place = place(&["127.0.0.1", "127.0.0.3"], 0);
        let bound = place.bind().unwrap();
        let ports: Vec<u16> = bound.iter().map(|one| one.local_addr().unwrap().port()).collect();
        assert_eq!((ports.len(), ports[0]), (2, ports[1]));
        for (address, there) in [("127.0.0.1", true), ("127.0.0.3", true), ("127.0.0.2", false)] {
            assert_eq!(TcpStream::connect((address, ports[0])).await.is_ok(), there, "{address}");
        }
    }

    #[tokio::test]
    async fn what_stands_for_all_addresses_goes_beside_those_of_the_other_kind() {
        let Ok(bound) = place(&["::"], 0).bind() else { return };
        let port = bound[0].local_addr().unwrap().port();
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok(), "alone it stands for both kinds");
        let bound = place(&["::", "127.0.0.1"], 0).bind().unwrap();
        let port = bound[0].local_addr().unwrap().port();
        assert!(TcpStream::connect(("127.0.0.1", port)).await.is_ok());
        assert!(TcpStream::connect(("127.0.0.2", port)).await.is_err());
    }

    #[tokio::test]
    async fn what_is_refused_says_which_address_and_what_to_do() {
        let elsewhere = place(&["127.0.0.1", "192.0.2.1"], 0);
        let told = elsewhere.refused(&elsewhere.bind().unwrap_err());
        assert!(told.starts_with("cannot listen on port 0 at 192.0.2.1: "), "{told}");
        assert!(told.ends_with("STATUS_ADDRESS_SERVE has to name addresses of this machine"), "{told}");
        let taken = place(&["127.0.0.1"], 0).bind().unwrap();
        let again = place(&["127.0.0.1"], taken[0].local_addr().unwrap().port());
        let told = again.refused(&again.bind().unwrap_err());
        assert!(told.ends_with("choose another STATUS_PORT_SERVE"), "{told}");
    }
}
