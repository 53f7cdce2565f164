//! Who has a connection, and who makes room for another.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The places that there are for connections, and who has them.
#[derive(Clone)]
pub(super) struct Seats(Arc<Hall>);

struct Hall {
    free: Arc<Semaphore>,
    taken: Mutex<BTreeMap<u64, Arc<Place>>>,
    /// Numbers what happens, on all connections together.
    events: Arc<AtomicU64>,
}

/// What is known of a connection.
struct Place {
    network: Network,
    /// The number of what happened on it last: the smallest is the idlest.
    last: Arc<AtomicU64>,
    /// How many of its requests are being answered.
    answering: Arc<AtomicUsize>,
    needed: CancellationToken,
}

impl Seats {
    pub(super) fn new(count: usize) -> Self {
        Self(Arc::new(Hall {
            free: Arc::new(Semaphore::new(count)),
            taken: Mutex::default(),
            events: Arc::default(),
        }))
    }

    /// A seat for a connection from this address. If there is none, somebody makes room; then it says who.
    pub(super) async fn take(&self, from: IpAddr) -> (Seat, Option<Network>) {
        let free = Arc::clone(&self.0.free);
        let (permit, evicted) = match Arc::clone(&free).try_acquire_owned() {
            Ok(permit) => (permit, None),
            Err(_) => {
                let evicted = self.0.make_room();
                (free.acquire_owned().await.expect("nobody closes it"), evicted)
            }
        };
        let number = self.0.events.fetch_add(1, Ordering::Relaxed);
        let place = Arc::new(Place {
            network: Network::of(from),
            last: Arc::new(AtomicU64::new(number)),
            answering: Arc::default(),
            needed: CancellationToken::new(),
        });
        self.0.taken().insert(number, Arc::clone(&place));
        (Seat { hall: Arc::clone(&self.0), number, place, _permit: permit }, evicted)
    }
}

impl Hall {
    fn taken(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Place>>> {
        self.taken.lock()
    }

    /// Asks the idlest connection of whoever has most to end. One that waits for a request is idler than one that is
    /// being answered. Nobody goes if all that are left have been asked already.
    fn make_room(&self) -> Option<Network> {
        let mut taken = self.taken();
        let mut counts: BTreeMap<Network, usize> = BTreeMap::new();
        taken.values().for_each(|place| *counts.entry(place.network).or_default() += 1);
        let (network, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        let idle =
            |place: &Place| (place.answering.load(Ordering::Relaxed) > 0, place.last.load(Ordering::Relaxed));
        let theirs = taken.iter().filter(|(_, place)| place.network == network);
        let (number, _) = theirs.min_by_key(|(_, place)| idle(place))?;
        let number = *number;
        if let Some(place) = taken.remove(&number) {
            place.needed.cancel();
        }
        Some(network)
    }
}

/// A connection's place, which is free again when this is dropped.
pub(super) struct Seat {
    hall: Arc<Hall>,
    number: u64,
    place: Arc<Place>,
    _permit: OwnedSemaphorePermit,
}

impl Seat {
    /// Waits until another needs it.
    pub(super) async fn needed(&self) {
        self.place.needed.cancelled().await;
    }

    /// To note what happens on the connection.
    pub(super) fn activity(&self) -> Activity {
        Activity { events: Arc::clone(&self.hall.events), last: Arc::clone(&self.place.last) }
    }

    /// A request is being answered, until that is dropped.
    pub(super) fn answering(&self) -> Answering {
        self.place.answering.fetch_add(1, Ordering::Relaxed);
        Answering(Arc::clone(&self.place.answering))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.hall.taken().remove(&self.number);
    }
}

/// Notes when something happens on a connection.
pub(super) struct Activity {
    events: Arc<AtomicU64>,
    last: Arc<AtomicU64>,
}

impl Activity {
    pub(super) fn note(&self) {
        self.last.store(self.events.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
    }
}

/// A request that is being answered.
pub(super) struct Answering(Arc<AtomicUsize>);

impl Answering {
    /// It is answered once this has been sent.
    pub(super) fn with(self, body: Body) -> Sent {
        Sent { body, _answering: self }
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is sent as an answer.
pub(super) struct Sent {
    body: Body,
    _answering: Answering,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whom a connection belongs to: an address, or for IPv6, where each customer has as many as he likes, a network of
/// 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Network {
    V4(Ipv4Addr),
    V6(Ipv6Addr),
}

impl Network {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => write!(f, "{address}"),
            Self::V6(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CROWD: &str = "192.0.2.1";
    const OTHER: &str = "2001:db8::1";

    async fn take(seats: &Seats, from: &str) -> Seat {
        seats.take(from.parse().unwrap()).await.0
    }

    #[tokio::test]
    async fn whoever_has_most_makes_room_and_not_whoever_was_idle_for_longest() {
        let seats = Seats::new(4);
        let other = take(&seats, OTHER).await;
        let mut crowd = Vec::new();
        for _ in 0..3 {
            crowd.push(take(&seats, CROWD).await);
        }
        crowd[0].activity().note();
        assert_eq!(seats.0.make_room().unwrap().to_string(), CROWD);
        let needed = crowd.iter().map(|seat| seat.place.needed.is_cancelled());
        assert_eq!(needed.collect::<Vec<_>>(), [false, true, false], "the first was active after the second");
        assert!(!other.place.needed.is_cancelled());
    }

    #[tokio::test]
    async fn one_that_waits_for_a_request_goes_before_one_that_is_answered() {
        let seats = Seats::new(2);
        let answered = take(&seats, CROWD).await;
        let idle = take(&seats, CROWD).await;
        let answering = answered.answering();
        idle.activity().note();
        seats.0.make_room();
        assert!(idle.place.needed.is_cancelled() && !answered.place.needed.is_cancelled());
        drop(idle);
        drop(answering);
        let idle = take(&seats, CROWD).await;
        seats.0.make_room();
        assert!(answered.place.needed.is_cancelled() && !idle.place.needed.is_cancelled());
    }

    #[tokio::test]
    async fn addresses_of_one_network_of_ipv6_are_one() {
        let seats = Seats::new(8);
        let mut crowd = Vec::new();
        for last in 1..=3 {
            crowd.push(take(&seats, &format!("2001:db8::{last}")).await);
        }
        let pair = [take(&seats, CROWD).await, take(&seats, "::ffff:192.0.2.1").await];
        assert_eq!(seats.0.make_room().unwrap().to_string(), "2001:db8::/64");
        assert!(crowd[0].place.needed.is_cancelled());
        assert_eq!(pair[0].place.network, pair[1].place.network);
    }

    #[tokio::test]
    async fn a_seat_is_free_again_and_nobody_is_asked_to_go_twice() {
        let seats = Seats::new(1);
        let first = take(&seats, CROWD).await;
        assert!(seats.0.make_room().is_some());
        assert_eq!(seats.0.make_room(), None);
        drop(first);
        let (_second, evicted) = seats.take(OTHER.parse().unwrap()).await;
        assert_eq!(evicted, None);
        assert_eq!(seats.0.taken().len(), 1);
    }
}
