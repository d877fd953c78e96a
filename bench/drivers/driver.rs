//! Makes one call many times through the Rust interface. `driver.c` does the same through the C interface,
//! step for step; whoever changes one changes the other.
//!
//! ```text
//! strowger-bench-driver KIND CONFIG COUNT DRAFTS PREPARE ASKED TOPIC
//! ```
//!
//! `KIND` is `perform`, `read` or `can`. `DRAFTS` drafts are made (1, or one for each call and one more) and
//! `PREPARE`, if it is not empty, is performed on each. One call is made to warm up, then `COUNT` in
//! [`strowger_bench_measured`], with the body or the operation `ASKED`. With a `TOPIC` there is a subscription to it, and
//! each call is followed by taking the notification out. The number of bytes that were answered and the
//! last answer go to standard output.

use std::env;
use std::error::Error;
use std::time::Duration;

use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Subscription};

const CHANNEL: &str = "twitter";

#[derive(Clone, Copy)]
enum Kind {
    Perform,
    Read,
    Can,
}

/// What was answered.
struct Answers {
    bytes: usize,
    last: String,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [kind, config, count, drafts, prepare, asked, topic] = &arguments[..] else {
        return Err("usage: strowger-bench-driver KIND CONFIG COUNT DRAFTS PREPARE ASKED TOPIC".into());
    };
    let kind = match kind.as_str() {
        "perform" => Kind::Perform,
        "read" => Kind::Read,
        "can" => Kind::Can,
        other => return Err(format!("no such kind of call: {other}").into()),
    };
    let (count, drafts): (usize, usize) = (count.parse()?, drafts.parse()?);

    let engine = Engine::open(&Config::parse(config)?)?;
    let agent = engine.agent("a1", &[API_MULTIMEDIA])?;
    for _ in 0..drafts {
        agent.perform(CHANNEL, None, br#"{"operationName":"Create"}"#)?;
    }
    let ids = ids(&agent)?;
    if !prepare.is_empty() {
        for id in &ids {
            agent.perform(CHANNEL, Some(id), prepare.as_bytes())?;
        }
    }
    let notes = if topic.is_empty() { None } else { Some(agent.subscribe(topic)?) };

    strowger_bench_measured(kind, &agent, notes.as_ref(), &ids[..1], 1, asked);
    let rest = if ids.len() > 1 { &ids[1..] } else { &ids[..] };
    let answers = strowger_bench_measured(kind, &agent, notes.as_ref(), rest, count, asked);
    println!("{} {}", answers.bytes, answers.last);
    Ok(())
}

/// The ids of the agent's drafts.
fn ids(agent: &Agent) -> Result<Vec<String>, Box<dyn Error>> {
    const MEMBER: &str = "\"id\":\"";
    let resources = agent.list(CHANNEL)?;
    let id = |resource: &String| {
        let from = resource.find(MEMBER)? + MEMBER.len();
        Some(resource[from..].split('"').next()?.to_owned())
    };
    resources.iter().map(|resource| id(resource).ok_or_else(|| "a resource without an id".into())).collect()
}

/// What is counted: callgrind switches its counters on where this function begins, and off where it ends. It
/// finds it by its name, which must therefore stay as it is written.
#[unsafe(no_mangle)]
#[inline(never)]
extern "Rust" fn strowger_bench_measured(
    kind: Kind,
    agent: &Agent,
    notes: Option<&Subscription>,
    ids: &[String],
    count: usize,
    asked: &str,
) -> Answers {
    let mut answers = Answers { bytes: 0, last: String::new() };
    for at in 0..count {
        let id = ids[at % ids.len()].as_str();
        let answer = match kind {
            Kind::Perform => {
                agent.perform(CHANNEL, Some(id), asked.as_bytes()).expect("the channel is there").to_json()
            }
            Kind::Read => agent.read(CHANNEL, id).expect("the channel is there").expect("it is the agent's"),
            Kind::Can => {
                answers.bytes += usize::from(agent.can(CHANNEL, Some(id), asked).expect("a channel"));
                continue;
            }
        };
        answers.bytes += answer.len();
        if let Some(notes) = notes {
            answers.bytes += notes.next(Duration::ZERO).expect("each call is notified").to_json().len();
        }
        if at + 1 == count {
            answers.last = answer;
        }
    }
    answers
}
