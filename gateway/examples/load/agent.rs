//! An agent at work: a steady stream of operations, and what its sessions heard of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use hyper::body::Bytes;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::sync::Mutex as Turn;

use super::client::Client;
use super::program::{PASSWORD, name};
use super::report::{Account, Figures};
use crate::Failure;

const COLLECTION: &str = "/api/v2/me/tweets";

/// What is performed, in turn: each accepted operation is told once.
const ROUND: [&str; 8] = [
    r#"{"operationName":"Create","userData":{"campaign":"spring","priority":3}}"#,
    r#"{"operationName":"Save","twitter":{"from":"desk","message":"Good morning from the desk, all lines are open"}}"#,
    r#"{"operationName":"AttachUserData","userData":{"segment":"gold"}}"#,
    r#"{"operationName":"AddComment","comment":"asked twice"}"#,
    r#"{"operationName":"SetInFocus"}"#,
    r#"{"operationName":"SetDisposition","disposition":"friendly"}"#,
    r#"{"operationName":"UpdateUserData","userData":{"segment":"silver"}}"#,
    r#"{"operationName":"DeleteUserData","keys":["segment"]}"#,
];

/// The draft that everything is done to is made before anybody listens: reference 1, note 1.
pub(crate) const BEFORE: u64 = 1;

pub(crate) struct Agent {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: String,
    figures: Arc<Figures>,
    draft: String,
    /// When each operation was due, in the order of their references.
    due: Mutex<Vec<Instant>>,
    accepted: AtomicU64,
    heard: Mutex<Vec<u64>>,
    /// Notes that came twice, or that did not come when the next one did.
    astray: AtomicU64,
    client: Turn<Client>,
}

impl Agent {
    pub(crate) async fn log_in(
        address: SocketAddr,
        number: usize,
        figures: Arc<Figures>,
    ) -> Result<Self, Failure> {
        let credentials = STANDARD.encode(format!("{}:{PASSWORD}", name(number)));
        let cookie = Client::log_in(address, &credentials).await?;
        let mut client = Client::connect(address, &cookie).await?;
        client.post(COLLECTION, ROUND[0].into()).await?;
        let (_, listed) = client.request(Method::GET, COLLECTION, Bytes::new()).await?;
        let listed: Value = serde_json::from_slice(&listed)?;
        let uri = listed["uris"][0].as_str().ok_or("the draft is not listed")?;
        let id = uri.rsplit('/').next().unwrap_or_default();
        Ok(Self {
            address,
            draft: format!("{COLLECTION}/{id}"),
            cookie,
            figures,
            due: Mutex::default(),
            accepted: AtomicU64::new(0),
            heard: Mutex::default(),
            astray: AtomicU64::new(0),
            client: Turn::new(client),
        })
    }

    /// Performs an operation at each of these times, one after the other. An answer's time counts from when
    /// its operation was due: what holds one up holds up all behind it.
    pub(crate) async fn work(self: Arc<Self>, due: Vec<Instant>) -> Result<(), Failure> {
        let mut client = self.client.lock().await;
        for (turn, due) in due.into_iter().enumerate() {
            tokio::time::sleep_until(due.into()).await;
            // The note may be here before the reply is.
            self.due.lock().push(due);
            let request = ROUND[turn % ROUND.len()];
            let path = if turn % ROUND.len() == 0 { COLLECTION } else { &self.draft };
            let reply: Value = serde_json::from_slice(&client.post(path, request.into()).await?)?;
            if reply["statusCode"] != json!(0) {
                return Err(format!("{request} was refused: {reply}").into());
            }
            self.accepted.fetch_add(1, Ordering::Relaxed);
            self.figures.replied(due.elapsed());
        }
        Ok(())
    }

    /// A new session, and its number.
    pub(crate) fn admit(&self) -> usize {
        let mut heard = self.heard.lock();
        heard.push(0);
        heard.len() - 1
    }

    /// A session heard a note. The notes of an agent are numbered without a gap.
    pub(crate) fn hear(&self, session: usize, sequence: u64, reference: Option<u64>) {
        let expected = {
            let heard = &mut self.heard.lock()[session];
            *heard += 1;
            BEFORE + *heard
        };
        if sequence != expected {
            self.astray.fetch_add(1, Ordering::Relaxed);
        }
        let place = reference.and_then(|reference| usize::try_from(reference.checked_sub(BEFORE + 1)?).ok());
        match place.and_then(|place| self.due.lock().get(place).copied()) {
            Some(due) => self.figures.heard(due.elapsed()),
            None => _ = self.astray.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// A session was told that notes are lost.
    pub(crate) fn lag(&self) {
        self.astray.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn is_heard_by_all(&self) -> bool {
        let accepted = self.accepted.load(Ordering::Relaxed);
        self.heard.lock().iter().all(|&heard| heard == accepted)
    }

    pub(crate) fn account(&self) -> Account {
        let accepted = self.accepted.load(Ordering::Relaxed);
        let heard = self.heard.lock();
        Account {
            accepted,
            heard: heard.iter().sum(),
            expected: accepted * heard.len() as u64,
            astray: self.astray.load(Ordering::Relaxed),
        }
    }
}

/// How long a poll may be held before it is taken for dead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
