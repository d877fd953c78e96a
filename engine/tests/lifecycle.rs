//! The life of an interaction, walked from end to end against `lifecycle.txt`: every place, every
//! operation, every actor; and the diagrams, which must show that file's arrows and no other.

mod support;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use strowger::channel::{Manifest, Outcome};
use strowger::lifecycle::{DiagramFormat, Operation};
use strowger::{Error, Reply};
use support::{ACCOUNT, Desk, QUEUE, Turn, World, id_of, refusal, resource, send, twitter};

const TEXT: &str = include_str!("lifecycle.txt");

const OPERATIONS: [&str; 20] = [
    "Create",
    "Save",
    "Send",
    "Cancel",
    "Accept",
    "Reject",
    "Reply",
    "Complete",
    "Transfer",
    "AttachUserData",
    "UpdateUserData",
    "DeleteUserData",
    "SetDisposition",
    "AddComment",
    "SetInFocus",
    "Retweet",
    "MarkFavorite",
    "RemoveFavorite",
    "Follow",
    "Unfollow",
];

const PLACES: [&str; 11] = [
    "collection",
    "Inbound Queued",
    "Inbound Invited",
    "Inbound Processing",
    "Inbound Completed",
    "Outbound Composing",
    "Outbound Sent",
    "Outbound Completed",
    "Outbound Canceled",
    "Outbound Queued",
    "Outbound Invited",
];

const HOST_CALLS: [&str; 2] = ["offer", "revoke"];

// ------------------------------------------------------------------------------------ the walk

#[test]
fn every_operation_in_every_place_by_its_owner_does_what_the_text_says() {
    let book = Book::read();
    for place in PLACES {
        for operation in OPERATIONS {
            for row in book.rows(place, operation) {
                owner_asks(&book, place, operation, row);
            }
        }
    }
    book.assert_used("owner");
}

#[test]
fn another_agent_finds_nothing() {
    let book = Book::read();
    for place in PLACES.into_iter().filter(|place| *place != "collection") {
        for operation in OPERATIONS {
            for row in book.rows(place, &format!("another agent {operation}")) {
                let stage = Stage::set(place, "");
                let other = stage.world.desk("a9");
                stage.refuses(&other, operation, row.code());
                assert_eq!(other.reads(&stage.id), None, "{place}");
                assert!(!can(&other, &stage.id, operation), "{place}, {operation}");
            }
        }
    }
    book.assert_used("another agent");
}

#[test]
fn an_agent_without_the_feature_can_do_nothing() {
    let book = Book::read();
    for place in PLACES {
        for operation in OPERATIONS {
            for row in book.rows(place, &format!("without api-multimedia {operation}")) {
                let stage = Stage::set(place, "");
                let barred = stage.world.desk_without_feature("a1");
                stage.refuses(&barred, operation, row.code());
                assert!(!can(&barred, &stage.id, operation), "{place}, {operation}");
                if let Some(seen) = barred.reads(&stage.id) {
                    assert_eq!(seen["capabilities"], json!([]), "{place}: what can't be done is not listed");
                }
            }
        }
    }
    book.assert_used("without api-multimedia");
}

#[test]
fn hosts_and_deliveries_move_interactions_as_the_text_says() {
    let book = Book::read();
    for place in PLACES.into_iter().filter(|place| *place != "collection") {
        for call in HOST_CALLS {
            for row in book.rows(place, &format!("host {call}")) {
                host_calls(&book, place, call, row);
            }
        }
    }
    for (name, outcome) in [
        ("delivery confirmed", Outcome::Published { id: Some("1".into()), location: None }),
        ("delivery refused", Outcome::Rejected { code: "policy".into(), message: "no".into() }),
    ] {
        for row in book.rows("Outbound Sent", name) {
            let stage = Stage::set("Outbound Sent", "");
            stage.world.channel.then(Turn::ends(outcome.clone()));
            assert_eq!(stage.world.deliver(), 1);
            stage.is_told(&book, row, Some(2));
        }
    }
    // Receive has no interaction to begin with.
    for row in book.rows("collection", "host receive") {
        let world = World::new();
        assert_eq!(world.state(&world.tweet()), row.state());
    }
    book.assert_used("host");
    book.assert_used("delivery");
}

fn owner_asks(book: &Book, place: &str, operation: &str, row: &Row) {
    let stage = Stage::set(place, row.case());
    let asked = format!("{operation} in {place}");
    let me = &stage.me;

    // What is shown, what `can` says and what is done must agree.
    let allowed = row.code() == 0;
    assert_eq!(can(me, &stage.id, operation), allowed, "`can`: {asked}");
    if place != "collection" {
        let seen = me.reads(&stage.id);
        let shown = seen.as_ref().map(|seen| seen["capabilities"].clone());
        assert_eq!(shown, book.shown(place).map(|list| json!(list)), "capabilities: {asked}");
        let listed = book.shown(place).is_some_and(|list| list.contains(&operation));
        assert_eq!(listed, allowed && operation != "Save", "in the list: {asked}");
    }
    if !allowed {
        stage.refuses(me, operation, row.code());
        return;
    }

    let before = me.reads(&stage.id);
    let reply = me.asks(&stage.id, &body(operation, row.case()));
    let Reply::Accepted { reference_id } = reply else { panic!("{asked} was refused: {reply:?}") };
    stage.is_told(book, row, Some(reference_id));
    if row.told.iter().any(|telling| telling.is_new) {
        assert_eq!(me.reads(&stage.id), before, "{asked} leaves the interaction itself alone");
    }
}

fn host_calls(book: &Book, place: &str, call: &str, row: &Row) {
    let stage = Stage::set(place, row.case());
    let before = stage.record();
    let result = match call {
        "offer" => stage.world.engine.offer(&stage.id, stage.other.id()),
        _ => stage.world.engine.revoke(&stage.id),
    };
    if row.result == "conflict" {
        assert!(matches!(result, Err(Error::Conflict(_))), "{call} in {place}: {result:?}");
        assert_eq!(stage.record(), before);
        stage.me.hears_nothing();
        stage.other.hears_nothing();
    } else {
        assert!(result.is_ok(), "{call} in {place}: {result:?}");
        stage.is_told(book, row, None);
    }
}

fn can(desk: &Desk, id: &str, operation: &str) -> bool {
    desk.agent.can("twitter", (!id.is_empty()).then_some(id), operation).expect("the channel exists")
}

/// A well-formed request for the operation.
fn body(operation: &str, case: &str) -> Value {
    match operation {
        "Send" => send(ACCOUNT, "Hello Twitter!"),
        "Save" => json!({"operationName": "Save", "twitter": {"message": "Hello"}}),
        "Reply" => json!({"operationName": "Reply", "queuePath": QUEUE}),
        "Transfer" if case == "to a queue" => {
            json!({"operationName": "Transfer", "targetPath": "/queues/q2"})
        }
        "Transfer" => json!({"operationName": "Transfer", "targetPath": "/users/a2"}),
        "AttachUserData" | "UpdateUserData" => json!({"operationName": operation, "userData": {"k": 1}}),
        "DeleteUserData" => json!({"operationName": operation, "keys": ["k"]}),
        "SetDisposition" => json!({"operationName": operation, "disposition": "resolved"}),
        "AddComment" => json!({"operationName": operation, "comment": "called back"}),
        "Follow" | "Unfollow" => json!({"operationName": operation, "twitterUserId": "9", "from": ACCOUNT}),
        _ => json!({"operationName": operation}),
    }
}

/// An interaction that was brought to its place, and those who have to do with it.
struct Stage {
    world: World,
    me: Desk,
    other: Desk,
    id: String,
}

impl Stage {
    fn set(place: &str, case: &str) -> Self {
        let world = World::new();
        let (me, other) = (world.desk("a1"), world.desk("a2"));
        let to = |target: &str| json!({"operationName": "Transfer", "targetPath": target});
        let id = match place {
            "collection" => String::new(),
            "Inbound Queued" => world.tweet(),
            "Inbound Invited" => {
                let id = world.tweet();
                world.engine.offer(&id, "a1").expect("it can be offered");
                id
            }
            "Inbound Processing" => world.processing(&me),
            "Inbound Completed" => {
                let id = world.processing(&me);
                me.does(&id, &json!({"operationName": "Complete"}));
                id
            }
            "Outbound Composing" => me.draft(),
            "Outbound Sent" => World::sent(&me, ACCOUNT, "Hello Twitter!"),
            "Outbound Completed" => {
                let id = World::sent(&me, ACCOUNT, "Hello Twitter!");
                world.deliver();
                id
            }
            "Outbound Canceled" => {
                let id = me.draft();
                me.does(&id, &json!({"operationName": "Cancel"}));
                id
            }
            "Outbound Queued" => {
                let id = me.draft();
                me.does(&id, &to("/queues/q1"));
                id
            }
            "Outbound Invited" => {
                let id = other.draft();
                if case == "came from a queue" {
                    other.does(&id, &to("/queues/q1"));
                    world.engine.offer(&id, "a1").expect("it can be offered");
                } else {
                    other.does(&id, &to("/users/a1"));
                }
                id
            }
            _ => panic!("no way to {place}"),
        };
        me.forget();
        other.forget();
        let stage = Self { world, me, other, id };
        if let Some((direction, state)) = place.split_once(' ') {
            let record = stage.world.engine.interaction(&stage.id).unwrap().expect("it exists");
            assert_eq!((record.direction.name(), record.state.name()), (direction, state));
        }
        stage
    }

    fn record(&self) -> String {
        format!("{:?}", self.world.engine.interaction(&self.id).unwrap())
    }

    /// The request is refused, nothing changes, and nobody hears of it.
    fn refuses(&self, desk: &Desk, operation: &str, code: u8) {
        let (record, read) = (self.record(), self.me.reads(&self.id));
        let undelivered = self.world.engine.undelivered();
        let body = body(operation, "");
        let (found, message) = refusal(desk.asks(&self.id, &body), operation);
        assert_eq!(found, code, "{operation} on {record}: {message}");
        if code == 3 {
            let state = match self.world.engine.interaction(&self.id).unwrap() {
                Some(record) => record.state.name(),
                None => "collection",
            };
            assert!(message.contains(operation) && message.contains(state), "{message}");
        }
        assert_eq!(self.record(), record, "{operation} was refused and changed something");
        assert_eq!(self.me.reads(&self.id), read);
        assert_eq!(self.world.engine.undelivered(), undelivered, "{operation} is delivered");
        for listener in [desk, &self.me, &self.other] {
            listener.hears_nothing();
        }
    }

    /// Everybody hears what the row says, and the records and readings stand so.
    fn is_told(&self, book: &Book, row: &Row, reference_id: Option<u64>) {
        let now = self.hear();
        let mut heard = now.clone();
        if row.told.iter().any(|telling| telling.is_later) {
            assert!(now.is_empty(), "nothing is told before the platform has done it: {now:#?}");
            self.world.deliver();
            heard = self.hear();
        }
        assert_eq!(heard.len(), row.told.len(), "{}: {heard:#?}", row.name);
        for (telling, (who, note)) in row.told.iter().zip(&heard) {
            assert_eq!(*who, telling.who, "{}: {note:#}", row.name);
            let is_mine = telling.who == "me";
            let expected = reference_id.filter(|_| is_mine).map(Value::from);
            assert_eq!(note.get("referenceId"), expected.as_ref(), "{}: {note:#}", row.name);
            if telling.kind == "TwitterOperationResponse" {
                assert_eq!(note["messageType"], telling.kind);
                continue;
            }
            assert_eq!(note["messageType"], "TwitterStateChangeMessage");
            assert_eq!(note["notificationType"], telling.kind);
            let about = resource(note);
            assert_eq!(about["state"], telling.state, "{}", row.name);
            assert_eq!(about["capabilities"], json!(book.list(&telling.list)), "{}", row.name);
            if telling.is_new {
                assert_ne!(about["id"], self.id);
                assert_eq!(about["twitterType"], "Outbound");
            } else {
                assert_eq!(about["id"], self.id);
            }
            // What was told is what can be read, unless it was handed on.
            let desk = if is_mine { &self.me } else { &self.other };
            let id = id_of(note);
            let handed_on = telling.state != row.state() && !telling.is_new;
            assert_eq!(desk.reads(&id), (!handed_on).then(|| about.clone()), "{}", row.name);
        }
        if row.state() != "-" {
            assert_eq!(self.world.state(&self.id), row.state(), "{}", row.name);
        }
    }

    fn hear(&self) -> Vec<(&'static str, Value)> {
        let of = |who, desk: &Desk| desk.notes().into_iter().map(move |note| (who, note)).collect::<Vec<_>>();
        [of("me", &self.me), of("other", &self.other)].concat()
    }
}

// --------------------------------------------------------------------------------- the diagrams

/// Direction, from (empty: it begins there), event with its case, to.
type Arrow = (String, String, String, String);

#[test]
fn mermaid_shows_exactly_the_arrows_of_the_text() {
    let text = diagram(DiagramFormat::Mermaid);
    assert!(text.starts_with("stateDiagram-v2\n"));
    let mut arrows = Vec::new();
    let mut nodes = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("state \"") {
            nodes.insert(rest.split_once("\" as ").expect("a name").1.to_owned());
        } else if let Some((from, rest)) = line.split_once(" --> ") {
            let (to, label) = rest.split_once(": ").expect("a label");
            arrows.push(arrow(from.trim_start_matches("[*]"), to, label));
        }
    }
    assert_arrows(&arrows, &nodes);
}

#[test]
fn dot_shows_exactly_the_arrows_of_the_text() {
    let text = diagram(DiagramFormat::Dot);
    assert_eq!(text.matches('{').count(), text.matches('}').count());
    let mut arrows = Vec::new();
    let mut nodes = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        let Some((what, attributes)) = line.split_once(" [label=\"") else { continue };
        let label = attributes.strip_suffix("\"];").expect("an end");
        match what.split_once(" -> ") {
            Some((from, to)) => {
                arrows.push(arrow(if from.ends_with("_start") { "" } else { from }, to, label));
            }
            None => {
                nodes.insert(what.to_owned());
            }
        }
    }
    assert_arrows(&arrows, &nodes);
}

#[test]
fn scxml_is_well_formed_and_shows_exactly_the_arrows_of_the_text() {
    let text = diagram(DiagramFormat::Scxml);
    let document = roxmltree::Document::parse(&text).expect("well-formed XML");
    let root = document.root_element();
    assert_eq!(root.tag_name().namespace(), Some("http://www.w3.org/2005/07/scxml"));
    assert_eq!((root.tag_name().name(), root.attribute("version")), ("scxml", Some("1.0")));
    let mut arrows = Vec::new();
    let mut nodes = BTreeSet::new();
    for state in root.children().filter(roxmltree::Node::is_element) {
        let id = state.attribute("id").expect("an id");
        let from = if Some(id) == root.attribute("initial") {
            ""
        } else {
            nodes.insert(id.to_owned());
            id
        };
        let leaving: Vec<_> = state.children().filter(roxmltree::Node::is_element).collect();
        assert_eq!(state.tag_name().name() == "final", leaving.is_empty(), "{id}");
        for transition in leaving {
            let event = transition.attribute("event").expect("an event").replace('.', " ");
            let label = match transition.attribute("cond") {
                Some(case) => format!("{event} ({})", case.replace('_', " ")),
                None => event,
            };
            arrows.push(arrow(from, transition.attribute("target").expect("a target"), &label));
        }
    }
    assert_arrows(&arrows, &nodes);
}

/// A channel of any name can't break the drawings.
#[test]
fn names_with_special_characters_are_escaped() {
    let mut manifest: Manifest = twitter();
    "a<b>&\"c".clone_into(&mut manifest.operations[0].name);
    manifest.accounts[0].operations[0].clone_from(&manifest.operations[0].name);
    let lifecycle = strowger::lifecycle::Lifecycle::new(&manifest);
    let scxml = lifecycle.diagram(DiagramFormat::Scxml);
    let document = roxmltree::Document::parse(&scxml).expect("well-formed XML");
    assert!(document.descendants().any(|node| node.attribute("event") == Some("a<b>&\"c")));
    assert!(lifecycle.diagram(DiagramFormat::Dot).contains("a<b>&\\\"c"));
}

fn diagram(format: DiagramFormat) -> String {
    World::new().engine.diagram("twitter", format).expect("the channel exists")
}

fn arrow(from: &str, to: &str, label: &str) -> Arrow {
    let (direction, to) = to.split_once('_').expect("a direction and a state");
    let from = from.strip_prefix(direction).and_then(|from| from.strip_prefix('_')).unwrap_or(from);
    (direction.into(), from.into(), label.into(), to.into())
}

fn assert_arrows(found: &[Arrow], nodes: &BTreeSet<String>) {
    let drawn: BTreeSet<_> = found.iter().cloned().collect();
    assert_eq!(drawn.len(), found.len(), "an arrow is drawn twice");
    let expected = Book::read().arrows();
    let missing: Vec<_> = expected.difference(&drawn).collect();
    let surplus: Vec<_> = drawn.difference(&expected).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing: {missing:#?}, surplus: {surplus:#?}");
    let places: BTreeSet<_> =
        PLACES.iter().filter(|place| **place != "collection").map(|place| place.replace(' ', "_")).collect();
    assert_eq!(*nodes, places);
}

// ------------------------------------------------------------------------------------- the text

#[test]
fn the_text_speaks_of_every_operation_of_the_engine_and_of_the_channel() {
    let core = Operation::ALL.iter().map(|operation| operation.name().to_owned());
    let own = twitter().operations.into_iter().map(|operation| operation.name);
    assert_eq!(core.chain(own).collect::<Vec<_>>(), OPERATIONS);
    let book = Book::read();
    assert_eq!(book.places.keys().copied().collect::<BTreeSet<_>>(), PLACES.into_iter().collect());
}

/// `lifecycle.txt`, read.
struct Book {
    lists: BTreeMap<&'static str, Vec<&'static str>>,
    places: BTreeMap<&'static str, Place>,
}

#[derive(Default)]
struct Place {
    shown: Option<Vec<&'static str>>,
    rows: Vec<Row>,
}

struct Row {
    /// Actor, operation and case, as written.
    name: &'static str,
    result: &'static str,
    state: &'static str,
    told: Vec<Telling>,
    used: Cell<bool>,
}

struct Telling {
    who: &'static str,
    kind: &'static str,
    state: &'static str,
    list: Vec<&'static str>,
    is_new: bool,
    is_later: bool,
}

impl Book {
    fn read() -> Self {
        let mut book = Self { lists: BTreeMap::new(), places: BTreeMap::new() };
        let mut place = "";
        for line in TEXT.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            if let Some(list) = line.strip_prefix("list ") {
                let (name, names) = list.split_once('=').expect("list NAME = …");
                book.lists.insert(name.trim(), names.split_whitespace().collect());
            } else if let Some(name) = line.strip_prefix("== ") {
                place = name;
                assert!(book.places.insert(place, Place::default()).is_none(), "{place} stands twice");
            } else if let Some(names) = line.strip_prefix("shown") {
                let names: Vec<_> = names.split_whitespace().collect();
                let shown = (names != ["nobody"]).then(|| book.list(&names));
                book.places.get_mut(place).expect("a place").shown = shown;
            } else {
                book.places.get_mut(place).expect("a place").rows.push(Row::read(line));
            }
        }
        book
    }

    fn list(&self, names: &[&'static str]) -> Vec<&'static str> {
        names.iter().flat_map(|name| self.lists[name].clone()).collect()
    }

    fn shown(&self, place: &str) -> Option<Vec<&'static str>> {
        self.places[place].shown.clone()
    }

    /// The rows of an actor's operation, its cases apart. There must be one.
    fn rows(&self, place: &str, name: &str) -> Vec<&Row> {
        let rows = &self.places[place].rows;
        let actor = name.rsplit_once(' ').map_or(String::new(), |(actor, _)| format!("{actor} "));
        let any = format!("{actor}*");
        let exact: Vec<_> = rows.iter().filter(|row| row.name == name || row.operation() == name).collect();
        let found =
            if exact.is_empty() { rows.iter().filter(|row| row.name == any).collect() } else { exact };
        assert!(!found.is_empty(), "the text says nothing of {name} in {place}");
        assert!(found.len() == 1 || found.iter().all(|row| row.case() != ""), "{name} in {place}: twice");
        for row in &found {
            row.used.set(true);
        }
        found
    }

    /// Every row of that actor was asked for.
    fn assert_used(&self, actor: &str) {
        for (place, rows) in &self.places {
            for row in rows.rows.iter().filter(|row| row.actor() == actor) {
                assert!(row.used.get(), "{place}: `{}` is never looked at", row.name);
            }
        }
    }

    fn arrows(&self) -> BTreeSet<Arrow> {
        let mut arrows = BTreeSet::new();
        for (place, rows) in &self.places {
            for row in rows.rows.iter().filter(|row| ["0", "ok"].contains(&row.result)) {
                let event = row.name.strip_prefix("host ").unwrap_or(row.name).to_owned();
                let (direction, from) = place.split_once(' ').unwrap_or(("Outbound", ""));
                let arrow = match (*place, row.told.iter().find(|telling| telling.is_new)) {
                    (_, Some(new)) => ("Outbound", "", event, new.state),
                    // An operation on the collection that makes no interaction.
                    ("collection", None) if row.state == "-" => continue,
                    ("collection", None) => ("Inbound", "", event, row.state),
                    _ => (direction, from, event, row.state),
                };
                arrows.insert((arrow.0.into(), arrow.1.into(), arrow.2, arrow.3.into()));
            }
        }
        arrows
    }
}

impl Row {
    fn read(line: &'static str) -> Self {
        let mut fields = line.split('|').map(str::trim);
        let mut field = || fields.next().unwrap_or_default();
        let (name, result, state, told) = (field(), field(), field(), field());
        let told = told.split(';').filter(|text| !text.is_empty()).map(Telling::read).collect();
        Self { name, result, state, told, used: Cell::new(false) }
    }

    fn actor(&self) -> &'static str {
        let others = ["another agent", "without api-multimedia", "host", "delivery"];
        others.into_iter().find(|actor| self.name.starts_with(actor)).unwrap_or("owner")
    }

    fn operation(&self) -> &'static str {
        self.name.split_once(" (").map_or(self.name, |(operation, _)| operation)
    }

    fn case(&self) -> &'static str {
        self.name.split_once(" (").map_or("", |(_, case)| case.trim_end_matches(')'))
    }

    fn code(&self) -> u8 {
        self.result.parse().unwrap_or_else(|_| panic!("`{}` has no code", self.name))
    }

    fn state(&self) -> &'static str {
        self.state
    }
}

impl Telling {
    fn read(text: &'static str) -> Self {
        let (text, list) = text.trim().split_once('[').unwrap_or((text.trim(), "]"));
        let list = list.trim_end_matches(']').split_whitespace().collect();
        let words: Vec<_> = text.split_whitespace().collect();
        let is_new = words.contains(&"new");
        let is_later = words.contains(&"later");
        let mut words = words.into_iter().filter(|word| !["new", "later"].contains(word));
        let mut word = || words.next().unwrap_or_default();
        Self { who: word(), kind: word(), state: word(), list, is_new, is_later }
    }
}
