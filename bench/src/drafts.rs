//! Drafts as the Web Services API Reference saves them, made in numbers: what the measures of cores and of number
//! work on.

use std::cell::Cell;
use std::error::Error;
use std::sync::Arc;
use std::thread;

use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Environment, Id, Ids, SystemClock, SystemRandom};

/// The channel's name.
pub const CHANNEL: &str = "twitter";

/// A channel that is shaped like the Twitter plugin's, and that the host delivers; the store is in memory.
pub const CONFIG: &str = r#"{ "name": "bench", "base_uri": "http://192.168.83.25:8080",
  "manifests": [ { "channel": "twitter", "collections": ["tweets"], "listMember": "tweets", "resource": "twitter",
    "uriPath": "tweet", "topic": "/v2/me/twitter", "messageType": "TwitterStateChangeMessage",
    "savedType": "TwitterSaved", "directionMember": "twitterType", "mirrorFrom": "FromAddress",
    "accounts": [ { "name": "vitaliy_onv" } ] } ] }"#;

/// The user data that a draft begins with.
pub const USER_DATA: &str = r#"{"UserData2":123456789}"#;
/// The message that is saved.
pub const MESSAGE: &str = "Hello saved twitter!";

/// Begins a draft with [`USER_DATA`].
pub const CREATE: &[u8] = br#"{"operationName":"Create","userData":{"UserData2":123456789}}"#;
/// Saves it with [`MESSAGE`].
pub const SAVE: &[u8] = concat!(
    r#"{"operationName":"Save","twitter":{"from":"vitaliy_onv","#,
    r#""message":"Hello saved twitter!"}}"#
)
.as_bytes();
/// Gives it up.
pub const CANCEL: &[u8] = br#"{"operationName":"Cancel"}"#;

/// What a client sent of a draft that stays with it, in bytes.
pub const OWN_TEXT: usize = USER_DATA.len() + MESSAGE.len();

/// How many drafts an agent has.
const OF_AN_AGENT: usize = 1_000;

/// Drafts in an engine, and who has them. They are named by their numbers, so that nobody need remember them.
pub struct Drafts {
    engine: Engine,
    agents: Vec<Agent>,
    count: usize,
}

thread_local! {
    /// The number of the draft that this thread names next.
    static NEXT: Cell<usize> = const { Cell::new(0) };
}

/// Names drafts by their numbers.
struct Numbered;

impl Ids for Numbered {
    fn next(&self) -> Id {
        named(NEXT.replace(NEXT.get() + 1))
    }
}

/// As the engine would name it: nine characters that tell when, one thousand in a millisecond, and seven of
/// chance.
#[allow(clippy::missing_panics_doc, reason = "digits and letters make an id")]
pub fn named(number: usize) -> Id {
    let mut text = [0; 16];
    let (time, chance) = text.split_at_mut(9);
    digits(1_425_292_000_000 + number as u64 / 1_000, time);
    digits(scattered(number as u64), chance);
    let text = std::str::from_utf8(&text).expect("digits and letters");
    Id::parse(text).expect("digits and letters make an id")
}

fn digits(mut number: u64, text: &mut [u8]) {
    for digit in text.iter_mut().rev() {
        *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[usize::try_from(number % 36).unwrap_or(0)];
        number /= 36;
    }
}

/// A number that looks like chance, another one for each number (the finisher of `SplitMix64`).
pub fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

impl Drafts {
    /// Makes and saves so many, with so many threads.
    ///
    /// # Panics
    ///
    /// Where the engine refuses one.
    pub fn make(count: usize, threads: usize) -> Result<Self, Box<dyn Error>> {
        let environment = Environment {
            ids: Arc::new(Numbered),
            ..Environment::new(Arc::new(SystemClock), Arc::new(SystemRandom))
        };
        let engine = Engine::open_with(&Config::parse(CONFIG)?, environment)?;
        let agents = (0..count.div_ceil(OF_AN_AGENT))
            .map(|number| engine.agent(&format!("agent{number}"), &[API_MULTIMEDIA]))
            .collect::<Result<_, _>>()?;
        let drafts = Self { engine, agents, count };
        thread::scope(|scope| {
            let share = count.div_ceil(threads);
            let makers: Vec<_> = (0..threads)
                .map(|thread| {
                    let drafts = &drafts;
                    scope.spawn(move || {
                        NEXT.set(thread * share);
                        for number in thread * share..count.min((thread + 1) * share) {
                            drafts
                                .owner(number)
                                .create(CHANNEL, CREATE)
                                .expect("the channel is there")
                                .expect("a draft");
                            drafts.perform(number, SAVE);
                        }
                    })
                })
                .collect();
            for maker in makers {
                maker.join().expect("every draft is made");
            }
        });
        Ok(drafts)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Where they are.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Performs on one of them.
    ///
    /// # Panics
    ///
    /// Where that is refused.
    pub fn perform(&self, number: usize, body: &[u8]) {
        let reply = self.owner(number).perform(CHANNEL, Some(named(number).as_str()), body);
        assert_eq!(reply.expect("the channel is there").http_status(), 200);
    }

    fn owner(&self, number: usize) -> &Agent {
        &self.agents[number / OF_AN_AGENT]
    }
}
