//! A thread of its own that writes the lines.
//!
//! Writing takes as long as its reader or its disk does, perhaps for ever. So whoever logs only puts
//! a line into a queue; if the queue is full, the line is lost, and that is said later.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex, MutexGuard};

/// How much may wait to be written. What is put in at once may be larger: then it waits alone.
const MOST_BYTES: usize = 4_000_000;

/// What the thread is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Write this line, or these lines.
    Write(String),
    /// Open the log file anew.
    Reopen,
}

/// Takes lines and has them written in turn.
#[derive(Clone)]
pub(super) struct Writer(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    /// A line was put in.
    filled: Condvar,
    /// All lines are written.
    emptied: Condvar,
    /// What to write about so many lines that were lost.
    notice: Box<dyn Fn(u64) -> String + Send + Sync>,
}

#[derive(Default)]
struct Queue {
    lines: VecDeque<Order>,
    bytes: usize,
    /// How many lines were lost since that was last said.
    lost: u64,
    /// Whether the thread writes a line just now.
    writing: bool,
}

impl Writer {
    /// Starts the thread, which goes on as long as the process. `notice` makes the line that says
    /// how many were lost.
    ///
    /// # Errors
    /// The system has no thread to give.
    pub(super) fn start(
        mut obey: impl FnMut(Order) + Send + 'static,
        notice: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            notice: Box::new(notice),
        });
        let writer = Self(Arc::clone(&shared));
        std::thread::Builder::new().name("log".to_owned()).spawn(move || {
            loop {
                obey(shared.next());
            }
        })?;
        Ok(writer)
    }

    /// Puts a line, or several, at the end of the queue. It never waits.
    pub(super) fn put(&self, line: String) {
        let mut queue = self.0.lock();
        if queue.bytes >= MOST_BYTES {
            queue.lost += 1;
            return;
        }
        if let Some(notice) = self.0.notice(&mut queue) {
            queue.add(Order::Write(notice));
        }
        queue.add(Order::Write(line));
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Has the log file opened anew, after what was put in before. One that waits already is enough.
    pub(super) fn reopen(&self) {
        let mut queue = self.0.lock();
        if queue.lines.back() != Some(&Order::Reopen) {
            queue.add(Order::Reopen);
        }
        drop(queue);
        self.0.filled.notify_one();
    }

    /// Waits until everything is written, for at most so long. Returns whether it is.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let mut queue = self.0.lock();
        !self.0.emptied.wait_while_for(&mut queue, |queue| !queue.is_done(), limit).timed_out()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock()
    }

    /// What to say of lines that were lost, if some were.
    fn notice(&self, queue: &mut Queue) -> Option<String> {
        let lost = std::mem::take(&mut queue.lost);
        (lost > 0).then(|| (self.notice)(lost))
    }

    /// The next order, once there is one. The one before it has been obeyed.
    fn next(&self) -> Order {
        let mut queue = self.lock();
        queue.writing = false;
        loop {
            let next = queue.take().or_else(|| self.notice(&mut queue).map(Order::Write));
            if let Some(order) = next {
                queue.writing = true;
                return order;
            }
            self.emptied.notify_all();
            self.filled.wait(&mut queue);
        }
    }
}

impl Queue {
    fn add(&mut self, order: Order) {
        self.bytes += weight(&order);
        self.lines.push_back(order);
    }

    fn take(&mut self) -> Option<Order> {
        let order = self.lines.pop_front()?;
        self.bytes -= weight(&order);
        Some(order)
    }

    fn is_done(&self) -> bool {
        self.lines.is_empty() && self.lost == 0 && !self.writing
    }
}

/// What an order costs: an empty line takes room, too.
fn weight(order: &Order) -> usize {
    size_of::<Order>()
        + match order {
            Order::Write(line) => line.len(),
            Order::Reopen => 0,
        }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// A writer whose lines come out one by one, as they are asked for.
    fn writer() -> (Writer, mpsc::Receiver<String>) {
        // Without any room in between, the thread waits until a line is taken.
        let (sender, lines) = mpsc::sync_channel(0);
        let write = move |order: Order| match order {
            Order::Write(line) => sender.send(line).unwrap(),
            Order::Reopen => sender.send("reopened".to_owned()).unwrap(),
        };
        (Writer::start(write, |lost| format!("{lost} lost")).unwrap(), lines)
    }

    #[test]
    fn lines_are_written_in_turn_and_all_of_them_before_it_is_done() {
        let (writer, lines) = writer();
        assert!(writer.flush(LONG), "there is nothing to write");
        ["1", "2", "3"].iter().for_each(|line| writer.put((*line).to_owned()));
        assert!(!writer.flush(Duration::from_millis(10)), "nobody takes them");
        assert_eq!([(); 3].map(|()| lines.recv_timeout(LONG).unwrap()), ["1", "2", "3"]);
        assert!(writer.flush(LONG));
    }

    #[test]
    fn a_file_is_opened_anew_in_turn_and_once_however_often_that_is_asked_for() {
        let (writer, lines) = writer();
        writer.put("before".to_owned());
        writer.put("before too".to_owned());
        (0..3).for_each(|_| writer.reopen());
        writer.put("after".to_owned());
        let order = [(); 4].map(|()| lines.recv_timeout(LONG).unwrap());
        assert_eq!(order, ["before", "before too", "reopened", "after"]);
        assert!(writer.flush(LONG));
    }

    #[test]
    fn what_there_is_no_room_for_is_lost_and_that_is_said_where_it_was() {
        let (writer, lines) = writer();
        let large = "x".repeat(MOST_BYTES);
        // The thread has the first one in its hands, and the second fills the queue.
        writer.put("first".to_owned());
        while writer.0.lock().lines.len() == 1 {
            std::thread::yield_now();
        }
        ["second", &large, "lost", "lost too"].iter().for_each(|line| writer.put((*line).to_owned()));
        let next = || lines.recv_timeout(LONG).unwrap();
        assert_eq!((next(), next()), ("first".to_owned(), "second".to_owned()));
        assert_eq!(next().len(), MOST_BYTES);
        assert_eq!(next(), "2 lost", "though no line comes after them");
        writer.put("after".to_owned());
        assert_eq!(next(), "after");
    }

    #[test]
    fn that_lines_were_lost_is_said_before_the_next_one() {
        let (writer, lines) = writer();
        writer.put("x".repeat(MOST_BYTES));
        while writer.0.lock().lines.len() == 1 {
            std::thread::yield_now();
        }
        ["1".repeat(MOST_BYTES), "lost".to_owned()].into_iter().for_each(|line| writer.put(line));
        assert_eq!(lines.recv_timeout(LONG).unwrap().len(), MOST_BYTES);
        // The second one is in the thread's hands, so that there is room again.
        while !writer.0.lock().lines.is_empty() {
            std::thread::yield_now();
        }
        writer.put("after".to_owned());
        assert_eq!(lines.recv_timeout(LONG).unwrap().len(), MOST_BYTES);
        assert_eq!([(); 2].map(|()| lines.recv_timeout(LONG).unwrap()), ["1 lost", "after"]);
    }
}
