//! Where steps come from: likely ones for the state that the [`Model`] is in, and unlikely ones.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::model::{Model, OPERATIONS, Stand, allowed_on_collection};
use super::step::{Flaw, On, Request, Step};
use super::world::{AGENTS, CHANNELS, QUEUES};
use crate::channel::Outcome;

/// Any step, the likely ones for this state more often.
pub fn steps(model: &Model) -> BoxedStrategy<Step> {
    let taken = model.taken.len();
    let is_idle = model.undelivered() == 0;
    let mut choices = vec![
        (44, likely_asks(model)),
        (12, any_asks(model)),
        (12, receptions()),
        (14, offers(model)),
        (
            2,
            (numbers(model), 0..=AGENTS.len())
                .prop_map(|(interaction, agent)| Step::Offer { interaction, agent })
                .boxed(),
        ),
        (3, revocations(model)),
        (
            if is_idle { 2 } else { 16 },
            (outcomes(model.now_ms), any::<bool>())
                .prop_map(|(outcome, reports)| Step::Deliver { outcome, reports })
                .boxed(),
        ),
        (if is_idle { 1 } else { 8 }, Just(Step::HandOut).boxed()),
        (
            1,
            (0..CHANNELS.len(), 0..2_usize)
                .prop_map(|(channel, account)| Step::Resume { channel, account })
                .boxed(),
        ),
        (
            1,
            (0..AGENTS.len(), proptest::option::of(0..CHANNELS.len()))
                .prop_map(|(agent, channel)| Step::Subscribe { agent, channel })
                .boxed(),
        ),
        (1, (0..AGENTS.len()).prop_map(|agent| Step::Drain { agent }).boxed()),
        (6, times(model)),
    ];
    if taken > 0 {
        // The one that was taken last is the one most likely to be open.
        let which = prop_oneof![6 => Just(taken - 1), 2 => 0..taken, 1 => Just(taken)];
        let settle = (which, outcomes(model.now_ms))
            .prop_map(|(delivery, outcome)| Step::Settle { delivery, outcome });
        choices.push((8, settle.boxed()));
    }
    proptest::strategy::Union::new_weighted(choices).boxed()
}

/// An agent asks for something that the state allows, mostly with parameters that are right.
pub fn likely_asks(model: &Model) -> BoxedStrategy<Step> {
    let mut allowed: Vec<(u32, usize, usize, On, &'static str)> = Vec::new();
    for agent in (0..AGENTS.len()).filter(|agent| Model::may_act(*agent)) {
        for channel in 0..CHANNELS.len() {
            for operation in allowed_on_collection(channel) {
                let weight = if operation == "Create" { 2 } else { 1 };
                allowed.push((weight, agent, channel, On::Collection, operation));
            }
        }
    }
    for (index, talk) in model.interactions.iter().enumerate() {
        let Some(owner) = talk.owner.filter(|owner| Model::may_act(*owner)) else { continue };
        for operation in talk.allowed() {
            let weight = match operation {
                "Accept" => 30,
                "Send" => 10,
                "Reply" => 6,
                "Save" | "Transfer" | "Complete" | "Retweet" | "MarkFavorite" => 3,
                _ => 1,
            };
            allowed.push((weight, owner, talk.channel, On::Interaction(index + 1), operation));
        }
    }
    let asks = allowed.into_iter().map(|(weight, agent, channel, on, operation)| {
        let ask = parameters(operation, channel)
            .prop_map(move |members| Step::Ask {
                agent,
                channel,
                on,
                request: Request::Operation { name: operation.to_owned(), members },
            })
            .boxed();
        (weight, ask)
    });
    proptest::strategy::Union::new_weighted(asks.collect()).boxed()
}

/// Any agent asks for anything, on anything: its own, another's, what does not exist.
pub fn any_asks(model: &Model) -> BoxedStrategy<Step> {
    let on = prop_oneof![
        2 => Just(On::Collection),
        8 => numbers(model).prop_map(On::Interaction),
        1 => Just(On::Nonsense),
    ];
    (0..AGENTS.len(), 0..CHANNELS.len(), on)
        .prop_flat_map(|(agent, channel, on)| {
            requests(channel).prop_map(move |request| Step::Ask { agent, channel, on, request })
        })
        .boxed()
}

/// Any request, right or wrong; the parameters are those of the channel.
pub fn requests(channel: usize) -> BoxedStrategy<Request> {
    let own = CHANNELS.iter().flat_map(|line| line.operations).map(|own| own.name);
    let names: Vec<_> = OPERATIONS.into_iter().chain(own).chain(["Explode", "", "send"]).collect();
    prop_oneof![
        1 => select(&Flaw::ALL[..]).prop_map(Request::Malformed),
        20 => select(names).prop_flat_map(move |name| {
            parameters(name, channel)
                .prop_map(move |members| Request::Operation { name: name.to_owned(), members })
        }),
    ]
    .boxed()
}

/// The members of a request for this operation: mostly right, sometimes missing or of another kind.
pub fn parameters(operation: &str, channel: usize) -> BoxedStrategy<Map<String, Value>> {
    let line = CHANNELS[channel];
    let members = match operation {
        "Create" => vec![optional("queuePath", queue_paths()), optional("userData", user_data())],
        "Save" => vec![often(line.resource, message_objects(channel))],
        "Send" => vec![
            required("queuePath", queue_paths()),
            often(line.resource, message_objects(channel)),
            optional("saveLAR", flags()),
        ],
        "Accept" => vec![optional("saveLAR", flags())],
        "Complete" => vec![optional("queuePath", queue_paths()), optional("saveLAR", flags())],
        "Reply" => vec![
            required("queuePath", queue_paths()),
            optional(line.reply_parameter.0, if line.reply_parameter.1 { flags() } else { texts() }),
            optional("userData", user_data()),
        ],
        "Transfer" => vec![often("targetPath", targets()), often("targetUri", targets())],
        "AttachUserData" | "UpdateUserData" => vec![required("userData", user_data())],
        "DeleteUserData" => {
            vec![required(
                "keys",
                proptest::collection::vec(keys().prop_map(Value::from), 0..3).prop_map(Value::from).boxed(),
            )]
        }
        "SetDisposition" => vec![
            required("disposition", texts()),
            optional("dispositionKey", keys().prop_map(Value::from).boxed()),
        ],
        "AddComment" => vec![required("comment", messages().prop_map(Value::from).boxed())],
        "Follow" => vec![required("userId", texts()), required("from", accounts(channel))],
        "Retweet" | "MarkFavorite" => vec![optional("from", accounts(channel))],
        _ => Vec::new(),
    };
    members
        .prop_map(|members| {
            members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
        })
        .boxed()
}

/// Messages: short, long, longer than a subject, a channel or the engine allows, empty.
pub fn messages() -> BoxedStrategy<String> {
    prop_oneof![
        8 => select(vec!["Hello", "We look into it.", "Thank you for your message: it is on its way"])
            .prop_map(str::to_owned),
        2 => (38..42_usize).prop_map(|length| "ä".repeat(length)),
        1 => (58..63_usize).prop_map(|length| "x".repeat(length)),
        1 => (199..202_usize).prop_map(|length| "y".repeat(length)),
        1 => Just("a forbidden word".to_owned()),
        1 => Just(String::new()),
    ]
    .boxed()
}

/// User data: a few keys, scalars and nested values, now and then more than there is room for.
pub fn user_data() -> BoxedStrategy<Value> {
    let values = prop_oneof![
        6 => select(vec!["@ann", "@bob", "1001", "1002", "p-17", ""]).prop_map(Value::from),
        1 => (-5..500_i32).prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
        1 => Just(json!({"z": 1, "a": ["ü", {"deep": true}]})),
    ];
    let small = proptest::collection::vec((keys(), values), 0..4);
    let many = (8..15_usize).prop_map(|count| {
        (0..count).map(|number| (format!("k{number}"), Value::from(number))).collect::<Vec<_>>()
    });
    let large = (100..480_usize).prop_map(|length| vec![("k0".to_owned(), Value::from("d".repeat(length)))]);
    prop_oneof![16 => small, 1 => many, 1 => large]
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
        .boxed()
}

/// How a delivery, or a look at one, may end.
pub fn outcomes(now_ms: i64) -> BoxedStrategy<Outcome> {
    let location = || proptest::option::of(Just("https://platform.example/p".to_owned()));
    let words = || "they said so".to_owned();
    prop_oneof![
        10 => (0..100_u32, location())
            .prop_map(|(id, location)| Outcome::Published { id: Some(format!("p{id}")), location }),
        1 => (prop_oneof![Just(None), Just(Some(String::new()))], location())
            .prop_map(|(id, location)| Outcome::Published { id, location }),
        5 => Just(Outcome::Accepted { handle: json!({"media": 7}) }),
        3 => select(vec!["", "duplicate"])
            .prop_map(move |code| Outcome::Rejected { code: code.into(), message: words() }),
        2 => Just(Outcome::NeedsLogin { message: String::new() }),
        1 => (0..120_000_i64).prop_map(move |wait| Outcome::RateLimited { until_ms: now_ms + wait }),
        3 => proptest::option::of(0..5_000_u64)
            .prop_map(move |retry_after_ms| Outcome::NotSent { message: words(), retry_after_ms }),
        6 => Just(Outcome::Unknown { message: String::new() }),
        3 => Just(Outcome::Absent),
        2 => Just(Outcome::CannotTell { message: String::new() }),
        2 => Just(Outcome::Done),
    ]
    .boxed()
}

/// What customers write, with what a host knows of it.
pub fn receptions() -> BoxedStrategy<Step> {
    (0..CHANNELS.len())
        .prop_flat_map(|channel| {
            let key = if channel == 0 { "_msgId" } else { "_postId" };
            // Most of them can be replied to.
            let data =
                (user_data(), proptest::bool::weighted(0.8)).prop_map(move |(mut data, answerable)| {
                    if answerable {
                        data[key] = "17".into();
                    }
                    data
                });
            let text = |values: &[&'static str]| select(values.to_vec()).prop_map(Value::from).boxed();
            let members = vec![
                required("from", text(&["@ann", "@bob", "@cem"])),
                required("message", messages().prop_map(Value::from).boxed()),
                required("queuePath", queue_paths()),
                often("userData", data.boxed()),
                optional("id", text(&["HOST-1", "HOST-2", "HOST-3", "HOST-4", "no id!"])),
                rarely("receivedDate", text(&["2015-03-02 12:26:14.000+0200"])),
                optional("contactId", text(&["c-1", "c-2"])),
                rarely("externalId", text(&["x1", "x2"])),
                optional("account", accounts(channel)),
            ];
            members.prop_map(move |members| Step::Receive {
                channel,
                members: members
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                    .collect(),
            })
        })
        .boxed()
}

fn revocations(model: &Model) -> BoxedStrategy<Step> {
    let invited: Vec<_> = (1..=model.interactions.len())
        .filter(|&number| model.talk(number).is_some_and(|talk| talk.stand == Stand::Invited))
        .collect();
    if invited.is_empty() {
        numbers(model).prop_map(|interaction| Step::Revoke { interaction }).boxed()
    } else {
        prop_oneof![4 => select(invited), 1 => numbers(model)]
            .prop_map(|interaction| Step::Revoke { interaction })
            .boxed()
    }
}

/// Numbers of interactions, and one that does not exist.
fn numbers(model: &Model) -> BoxedStrategy<usize> {
    (1..=model.interactions.len() + 1).boxed()
}

/// The next of a queue goes to an agent: mostly of one in which something waits, to one who may act.
fn offers(model: &Model) -> BoxedStrategy<Step> {
    let filled: Vec<_> = (0..QUEUES.len()).filter(|&queue| model.next_of(queue).is_some()).collect();
    let queue = if filled.is_empty() {
        (0..QUEUES.len()).boxed()
    } else {
        prop_oneof![8 => select(filled), 1 => 0..QUEUES.len()].boxed()
    };
    let agent = prop_oneof![8 => 0..2_usize, 1 => 0..AGENTS.len()];
    (queue, agent).prop_map(|(queue, agent)| Step::OfferNext { queue, agent }).boxed()
}

/// Time passes: a little, until the next delivery is due, or a whole day.
fn times(model: &Model) -> BoxedStrategy<Step> {
    let due = model.wait_ms().map_or_else(|| (1..2_000_i64).boxed(), |wait| (wait - 1..wait + 2).boxed());
    prop_oneof![
        2 => 1..2_000_i64,
        1 => 2_000..400_000_i64,
        6 => due,
        1 => Just(25 * 60 * 60 * 1_000_i64),
    ]
    .prop_map(|ms| Step::Pass { ms: ms.max(0) })
    .boxed()
}

fn message_objects(channel: usize) -> BoxedStrategy<Value> {
    let attachments = (0..3_usize).prop_map(|count| Value::from(vec!["media"; count])).boxed();
    vec![
        often("from", accounts(channel)),
        often("message", messages().prop_map(Value::from).boxed()),
        rarely("attachments", attachments),
    ]
    .prop_map(|members| {
        let members = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(members.collect())
    })
    .boxed()
}

fn accounts(channel: usize) -> BoxedStrategy<Value> {
    let known: Vec<_> = CHANNELS[channel].accounts.iter().map(|account| account.name).collect();
    prop_oneof![12 => select(known), 1 => Just("nobody"), 1 => Just("")].prop_map(Value::from).boxed()
}

fn queue_paths() -> BoxedStrategy<Value> {
    prop_oneof![
        16 => select(&QUEUES[..]),
        2 => Just("http://desk.example:8080/api/v2/queues/q1"),
        1 => select(vec!["q1", "", "/queues/", "/users/a1", "ftp://desk/queues/q1", "/queues/nowhere"]),
    ]
    .prop_map(Value::from)
    .boxed()
}

fn targets() -> BoxedStrategy<Value> {
    prop_oneof![
        12 => select(vec!["/users/a1", "/users/a2"]),
        1 => Just("/users/a3"),
        4 => select(&QUEUES[..]),
        2 => select(vec!["https://desk.example/api/v2/users/a2", "https://desk.example/contacts/c1"]),
        2 => select(vec!["/users/ghost", "/users/", "a2", "", "/queues/nowhere"]),
    ]
    .prop_map(Value::from)
    .boxed()
}

fn keys() -> BoxedStrategy<String> {
    select(vec!["To", "FromAddress", "Case", "_msgId", "_postId", "_umsMediaAccount", "_msgType", "ключ"])
        .prop_map(str::to_owned)
        .boxed()
}

fn texts() -> BoxedStrategy<Value> {
    select(vec!["resolved", "17", "@ann", ""]).prop_map(Value::from).boxed()
}

fn flags() -> BoxedStrategy<Value> {
    select(vec![json!(true), json!(false), json!("true"), json!("false")]).boxed()
}

type Member = BoxedStrategy<(&'static str, Option<Value>)>;

fn junk() -> BoxedStrategy<Value> {
    select(vec![json!(7), json!(null), json!([1]), json!({"x": 1}), json!("maybe")]).boxed()
}

fn member(name: &'static str, value: BoxedStrategy<Value>, [right, missing, wrong]: [u32; 3]) -> Member {
    let (right, missing) = ((right, value.prop_map(Some).boxed()), (missing, Just(None).boxed()));
    // Shrinking goes to the first: what may be missing is left out, what must be there is put right.
    let [first, second] = if missing.0 > right.0 { [missing, right] } else { [right, missing] };
    let wrong = (wrong, junk().prop_map(Some).boxed());
    proptest::strategy::Union::new_weighted(vec![first, second, wrong])
        .prop_map(move |value| (name, value))
        .boxed()
}

fn required(name: &'static str, value: BoxedStrategy<Value>) -> Member {
    member(name, value, [40, 1, 1])
}

fn often(name: &'static str, value: BoxedStrategy<Value>) -> Member {
    member(name, value, [40, 6, 1])
}

fn optional(name: &'static str, value: BoxedStrategy<Value>) -> Member {
    member(name, value, [20, 30, 1])
}

fn rarely(name: &'static str, value: BoxedStrategy<Value>) -> Member {
    member(name, value, [8, 70, 1])
}
