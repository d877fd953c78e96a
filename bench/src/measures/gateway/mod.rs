//! Requests per second over kept connections, beside the same server's answers of a constant body.

mod load;
mod server;

use std::error::Error;
use std::time::Duration;

use self::load::{Load, Turn};
use self::server::{Server, Session};
use super::Rows;
use crate::beside::beside;
use crate::row::{Bound, Row};

/// What is measured, for the table.
pub const ABOUT: &str = "The gateway over HTTP/1.1, 16 connections that are kept, one request at a time on \
     each, from the same machine: an agent's requests, with the session's cookie and token, on interactions in \
     memory, beside requests for `/health`, which answers a constant body through the same server. Judged: how \
     many times the constant's requests a second.";

const CONNECTIONS: u32 = 16;
/// Requests on each connection in one turn.
const REQUESTS: u32 = 1_000;
const PAIRS: usize = 7;
/// What must be reached.
const BOUND: Bound = Bound::AtLeast(0.6, "");

const SAVE: &str = concat!(
    r#"{"operationName":"Save","twitter":{"message":"Hello Twitter!","from":"vitaliy_onv"},"#,
    r#""userData":{"segment":"gold","campaign":"spring"}}"#
);

/// Makes the measure.
pub fn run() -> Rows {
    let server = Server::start()?;
    let session = Session::open(server.address())?;
    // Each connection has a draft of its own: nobody waits for another's change.
    let drafts = session.drafts(CONNECTIONS)?;
    let save = requests(&drafts, |draft| session.post(draft, SAVE));
    let read = requests(&drafts, |draft| session.get(draft));
    let constant = requests(&drafts, |_| session.get("/health"));
    Ok(vec![
        row("Save of a draft", &server, &save, &constant)?,
        row("reading a draft", &server, &read, &constant)?,
    ])
}

fn requests(drafts: &[String], request: impl Fn(&str) -> Vec<u8>) -> Vec<Vec<u8>> {
    drafts.iter().map(|draft| request(draft)).collect()
}

fn row(what: &str, server: &Server, ours: &[Vec<u8>], other: &[Vec<u8>]) -> Result<Row, Box<dyn Error>> {
    let (mut ours, mut other) = (Load::new(server.address(), ours)?, Load::new(server.address(), other)?);
    let (mut our_turns, mut other_turns) = (Turns::default(), Turns::default());
    let beside = beside(PAIRS, || our_turns.take(&mut ours), || other_turns.take(&mut other));
    let rate = |took: Duration| f64::from(CONNECTIONS * REQUESTS) / took.as_secs_f64();
    let said = |took, p99: Duration| format!("{:.0}/s, p99 {:.2} ms", rate(took), p99.as_secs_f64() * 1e3);
    Ok(Row {
        what: what.into(),
        ours: said(beside.ours, our_turns.p99()?),
        beside: format!("constant body: {}", said(beside.other, other_turns.p99()?)),
        judged: 1.0 / beside.ratio,
        bound: BOUND,
    })
}

/// What the turns of one side gave.
#[derive(Default)]
struct Turns {
    latencies: Vec<Duration>,
    failure: Option<std::io::Error>,
}

impl Turns {
    fn take(&mut self, load: &mut Load) -> Duration {
        match load.turn(REQUESTS) {
            Ok(Turn { took, mut latencies }) => {
                self.latencies.append(&mut latencies);
                took
            }
            Err(error) => {
                self.failure = Some(error);
                Duration::ZERO
            }
        }
    }

    /// The time that one request of a hundred took longer than.
    fn p99(mut self) -> Result<Duration, Box<dyn Error>> {
        if let Some(failure) = self.failure {
            return Err(format!("a request failed: {failure}").into());
        }
        self.latencies.sort_unstable();
        let place = self.latencies.len() * 99 / 100;
        self.latencies.get(place).copied().ok_or_else(|| "nothing was asked".into())
    }
}
