//! A listener on loopback with a task for every connection, all of which end with it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};

/// A server that stops, with all its connections, when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    _accepting: Task,
}

impl Server {
    /// Gives every connection to `serve`.
    pub(super) fn start<F, Fut>(bound: Bound, serve: F) -> io::Result<Self>
    where
        F: Fn(TcpStream, SocketAddr) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        bound.listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(bound.listener)?;
        Ok(Self { address: bound.address, _accepting: Task::spawn(accept(listener, serve)) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// A port of loopback that the system picked, and on which nobody accepts yet.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) listener: std::net::TcpListener,
    pub(super) address: SocketAddr,
}

impl Bound {
    pub(super) fn new() -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }
}

async fn accept<F, Fut>(listener: TcpListener, serve: F)
where
    F: Fn(TcpStream, SocketAddr) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    // Owned by this task, so that the connections end when it does.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(serve(stream, peer));
                }
                Err(error) => {
                    tracing::warn!("a mock cannot accept: {error}");
                    // Out of file descriptors, most likely: give others a chance to close some.
                    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                }
            },
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

/// A task that ends when this is dropped.
#[derive(Debug)]
pub(super) struct Task(AbortHandle);

impl Task {
    pub(super) fn spawn(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(future).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
