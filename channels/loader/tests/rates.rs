//! Rate limits from end to end: what a platform announces in its headers, the loaded plugin reports, the engine
//! obeys, and no other account waits for.
//!
//! The clock is the machine's with a lead that the tests set, so nobody waits for an hour to pass.
//!
//! Planted faults that were seen to fail: a plugin that reports no throttle; an engine that holds all accounts of a
//! channel; a threshold of 95 %.

#[path = "common/built.rs"]
mod built;
mod common;
#[path = "common/twitter.rs"]
mod twitter;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use strowger::{API_MULTIMEDIA, Agent, Config, Engine, Environment, StoreConfig, SystemRandom};
use strowger_loader::{Options, Plugin};
use strowger_sandbox::{Answer, Effect, Fault, RateLimit, Sandbox};
use tempfile::TempDir;

use twitter::{assert_discreet, listen, now_ms};

const MINUTE_MS: i64 = 60_000;
/// Of the page `brand`, and of the page `support`.
const PAGES: [&str; 2] = ["449156051903439", "24"];
const USERS: [&str; 2] = ["1258948171", "77"];
const NAMES: [&str; 2] = ["brand", "support"];

/// The machine's clock, so many milliseconds ahead.
#[derive(Default)]
struct Ahead(AtomicI64);

impl Ahead {
    fn advance(&self, by_ms: i64) {
        self.0.fetch_add(by_ms, Ordering::SeqCst);
    }

    fn now(&self) -> i64 {
        now_ms() + self.0.load(Ordering::SeqCst)
    }
}

impl strowger::Clock for Ahead {
    fn now_ms(&self) -> i64 {
        self.now()
    }
}

impl strowger_loader::Clock for Ahead {
    fn now_ms(&self) -> i64 {
        self.now()
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.now()).expect("after 1970"))
    }
    fn sleep(&self, _: Duration) {}
}

/// An engine with a plugin and two accounts, a platform, and a desk.
struct World {
    sandbox: Sandbox,
    engine: Engine,
    agent: Agent,
    clock: Arc<Ahead>,
    channel: &'static str,
    directory: TempDir,
    sent: std::cell::Cell<u32>,
}

impl World {
    fn twitter(x_rate: RateLimit) -> Self {
        let accounts = [0, 1].map(|place| {
            let token = format!("{}-s3cret-access", USERS[place]);
            json!({ "name": NAMES[place], "user_id": USERS[place], "settle_ms": 0,
                    "auth": { "kind": "oauth1", "consumer_key": "key", "consumer_secret": "s3cret-consumer",
                              "token": token, "token_secret": "s3cret-token" } })
        });
        let options = strowger_sandbox::Options { x_rate, ..Default::default() };
        Self::new("twitter", "strowger-twitter-plugin", "libstrowger_twitter.so", &accounts, options)
    }

    fn facebook(requests: u32) -> Self {
        let tokens = ["s3cret-page-token", "s3cret-token-of-support"];
        let accounts = [0, 1].map(|place| {
            json!({ "name": NAMES[place], "page_id": PAGES[place], "settle_ms": 0,
                    "auth": { "access_token": tokens[place] } })
        });
        let options = strowger_sandbox::Options {
            facebook_rate: RateLimit { requests, window: Duration::from_secs(3_600) },
            facebook_accounts: [0, 1].map(|place| (tokens[place].into(), PAGES[place].into())).into(),
            ..Default::default()
        };
        Self::new("facebook", "strowger-facebook-plugin", "libstrowger_facebook.so", &accounts, options)
    }

    fn new(
        channel: &'static str,
        package: &str,
        library: &str,
        accounts: &[Value],
        options: strowger_sandbox::Options,
    ) -> Self {
        listen();
        let sandbox = Sandbox::start("127.0.0.1:0".parse().expect("an address"), options).expect("a sandbox");
        let clock = Arc::new(Ahead::default());
        let directory = tempfile::tempdir().expect("a directory");
        let library: PathBuf = built::installed(&built::built(package, library), directory.path());
        let config = json!({ "name": "channel", "base_url": format!("http://{}", sandbox.addr()),
                             "accounts": accounts });
        let options = Options { clock: clock.clone(), ..Options::default() };
        let plugin = Plugin::load(&library, &config.to_string(), &options).expect("the plugin loads");
        let path = directory.path().join("engine.db").display().to_string();
        let config = Config { store: StoreConfig::Sqlite { path, check: false }, ..Config::default() };
        let environment = Environment::new(clock.clone(), Arc::new(SystemRandom));
        let engine = Engine::open_with(&config, environment).expect("an engine");
        engine.add_channel(Arc::new(plugin)).expect("a channel");
        let agent = engine.agent("a1", &[API_MULTIMEDIA]).expect("an agent");
        Self { sandbox, engine, agent, clock, channel, directory, sent: std::cell::Cell::new(0) }
    }

    /// An agent writes and sends.
    fn sends(&self, account: &str) {
        let notes = self.agent.subscribe(&format!("/v2/me/{}", self.channel)).expect("a subscription");
        let number = self.sent.get() + 1;
        self.sent.set(number);
        self.performs(None, &json!({ "operationName": "Create" }));
        let note = notes.next(Duration::from_secs(30)).expect("the draft is told");
        let note: Value = serde_json::from_str(&note.to_json()).expect("JSON");
        let id = note["data"][self.channel]["id"].as_str().expect("an id").to_owned();
        let mut send = json!({ "operationName": "Send", "queuePath": "/queues/out" });
        send[self.channel] = json!({ "from": account, "message": format!("message {number}") });
        self.performs(Some(&id), &send);
    }

    fn performs(&self, id: Option<&str>, request: &Value) {
        let reply = self.agent.perform(self.channel, id, request.to_string().as_bytes()).expect("a reply");
        assert_eq!(reply.http_status(), 200, "{}", reply.to_json());
    }

    /// Makes what is due, and gives how many messages of each account are on the platform then.
    fn delivers(&self) -> [usize; 2] {
        self.engine.deliver(1_000, Duration::ZERO).expect("deliveries are made");
        let posts = self.sandbox.posts();
        let ids = if self.channel == "twitter" { USERS } else { PAGES };
        ids.map(|id| posts.iter().filter(|post| post.account == id).count())
    }

    /// How many requests each account has made.
    fn asked(&self) -> usize {
        self.sandbox.requests().len()
    }

    /// The engine's records hold no secret, nor does the log.
    fn is_discreet(&self) {
        let mut seen = 0;
        for entry in std::fs::read_dir(self.directory.path()).expect("a directory").map_while(Result::ok) {
            if entry.file_name().to_string_lossy().starts_with("engine.db") {
                let bytes = std::fs::read(entry.path()).expect("a file");
                seen += bytes.len();
                assert_discreet(&String::from_utf8_lossy(&bytes));
            }
        }
        assert!(seen > 4_096, "the records are in the files");
    }
}

#[test]
fn x_says_that_nothing_is_left_and_the_account_rests_until_the_window_is_over() {
    // Two requests in an hour.
    let world = World::twitter(RateLimit { requests: 2, window: Duration::from_secs(3_600) });
    for _ in 0..4 {
        world.sends("brand");
    }
    world.sends("support");
    assert_eq!(world.delivers(), [2, 1], "the third waits, the other account does not");
    assert_eq!(world.asked(), 3, "no request was made to be refused");
    world.clock.advance(59 * MINUTE_MS);
    world.sends("support");
    assert_eq!(world.delivers(), [2, 2], "the other account has one left, and the first still waits");
    assert_eq!(world.asked(), 4);
    assert_eq!(world.engine.undelivered(), 2);
    // The platform's own clock goes by itself: what is new there is the engine's trust in the window's end.
    world.clock.advance(2 * MINUTE_MS);
    world.delivers();
    assert!(world.asked() > 4, "when the window is over, it is tried again");
    world.is_discreet();
}

#[test]
fn after_a_window_of_x_everything_is_delivered_once_and_nothing_was_refused() {
    let world = World::twitter(RateLimit { requests: 1, window: Duration::from_secs(4) });
    for account in ["brand", "brand", "brand", "support"] {
        world.sends(account);
    }
    assert_eq!(world.delivers(), [1, 1]);
    let deadline = now_ms() + 60_000;
    while world.engine.undelivered() > 0 {
        assert!(now_ms() < deadline, "all is delivered in the end");
        world.engine.deliver(1, Duration::from_millis(200)).expect("deliveries are made");
    }
    assert_eq!(world.delivers(), [3, 1]);
    assert_eq!(world.asked(), 4, "each message was one request: none met a 429");
    let posts = world.sandbox.posts();
    let times: Vec<i64> =
        posts.iter().filter(|post| post.account == USERS[0]).map(|post| post.time_ms).collect();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 4_000), "{times:?}");
}

#[test]
fn graph_says_that_more_than_ninety_per_cent_are_used_and_the_page_slows_down() {
    // 9 of 10 are 90 %: not above. The tenth is.
    let world = World::facebook(10);
    for _ in 0..9 {
        world.sends("brand");
    }
    assert_eq!(world.delivers(), [9, 0], "at 90 % nothing is held");
    world.sends("brand");
    assert_eq!(world.delivers(), [10, 0]);
    world.sends("brand");
    world.sends("support");
    assert_eq!(world.delivers(), [10, 1], "the page rests, the other does not");
    world.clock.advance(30_000);
    assert_eq!(world.delivers(), [10, 1]);
    assert_eq!(world.asked(), 11, "nothing was tried in between");
    // Now Graph refuses with code 4, and says in how many minutes access comes back.
    world.clock.advance(31_000);
    assert_eq!(world.delivers(), [10, 1]);
    assert_eq!(world.asked(), 12);
    world.clock.advance(50 * MINUTE_MS);
    world.sends("support");
    assert_eq!(world.delivers(), [10, 2], "the page waits as long as Graph said");
    assert_eq!(world.asked(), 13);
    world.is_discreet();
}

#[test]
fn an_answer_that_takes_its_time_holds_up_no_other_account() {
    let world = World::twitter(RateLimit { requests: 1_000, window: Duration::from_secs(3_600) });
    let slow = Effect::Late(Duration::from_secs(8));
    world.sandbox.inject(Fault::new(slow).method("POST").path("/2/tweets")).expect("a fault");
    world.sends("brand");
    let engine = &world.engine;
    std::thread::scope(|scope| {
        let held = scope.spawn(move || engine.deliver(1, Duration::ZERO).expect("deliveries are made"));
        let deadline = now_ms() + 30_000;
        while world.asked() == 0 {
            assert!(now_ms() < deadline, "the first one is on its way");
            std::thread::sleep(Duration::from_millis(5));
        }
        world.sends("brand");
        world.sends("support");
        assert_eq!(world.delivers(), [0, 1], "the other account, and nothing out of its order");
        assert!(!held.is_finished());
        assert_eq!(held.join().expect("no panic"), 1);
    });
    assert_eq!(world.delivers(), [2, 1]);
}

/// Each header that announces a limit, on an answer that is otherwise a success, and how long the account rests.
#[test]
fn every_header_that_announces_a_limit_is_obeyed() {
    // A time from when the case begins, not from now.
    let in_s = |seconds: i64| format!("+{seconds}");
    let from_now = |value: &str| {
        let seconds = value.strip_prefix('+').and_then(|seconds| seconds.parse::<i64>().ok());
        seconds.map_or_else(|| value.to_owned(), |seconds| (now_ms() / 1_000 + seconds).to_string())
    };
    let usage = |percent: u32, minutes: u32| {
        json!({ "1": [{ "type": "pages", "call_count": percent, "total_cputime": 1, "total_time": 1,
                        "estimated_time_to_regain_access": minutes }] })
    };
    let shares = |name: &str, percent: u32| {
        let mut shares = json!({ "call_count": 1, "total_cputime": 1, "total_time": 1 });
        shares[name] = json!(percent);
        shares.to_string()
    };
    let header = |name: &str, value: String| vec![(name.to_owned(), value)];
    let window = |name: &str, remaining: &str, reset: String| {
        vec![(format!("{name}-remaining"), remaining.to_owned()), (format!("{name}-reset"), reset)]
    };
    let graph = |headers, rest_s| ("facebook", headers, rest_s);
    let x = |headers, rest_s| ("twitter", headers, rest_s);
    for (channel, headers, rest_s) in [
        x(window("x-rate-limit", "1", in_s(300)), 0),
        x(window("x-rate-limit", "0", in_s(300)), 300),
        x(window("x-user-limit-24hour", "0", in_s(7_200)), 7_200),
        x(window("x-app-limit-24hour", "0", in_s(7_200)), 7_200),
        graph(header("x-app-usage", shares("call_count", 90)), 0),
        graph(header("x-app-usage", shares("call_count", 91)), 60),
        graph(header("x-app-usage", shares("total_time", 95)), 60),
        graph(header("x-app-usage", shares("total_cputime", 100)), 60),
        graph(header("x-page-usage", shares("call_count", 91)), 60),
        graph(header("x-business-use-case-usage", usage(90, 0).to_string()), 0),
        graph(header("x-business-use-case-usage", usage(91, 0).to_string()), 60),
        graph(header("x-business-use-case-usage", usage(100, 30).to_string()), 1_800),
        graph(header("x-app-usage", "{\"call_count\":".into()), 0),
    ] {
        let case = format!("{channel}: {headers:?}");
        let many = RateLimit { requests: 1_000, window: Duration::from_secs(3_600) };
        let world = if channel == "twitter" { World::twitter(many) } else { World::facebook(1_000) };
        let (status, body) = if channel == "twitter" {
            (201, json!({ "data": { "id": "1", "text": "message 1" } }))
        } else {
            (200, json!({ "id": "449156051903439_1" }))
        };
        let mut headers = headers;
        if channel == "twitter" && !headers[0].0.starts_with("x-rate-limit") {
            headers.extend(window("x-rate-limit", "5", in_s(300)));
        }
        let headers = headers.into_iter().map(|(name, value)| (name, from_now(&value))).collect();
        let answer = Answer { status, body: Some(body), headers };
        world.sandbox.inject(Fault::new(Effect::StatusBefore(answer)).method("POST")).expect("a fault");
        for account in ["brand", "brand", "support"] {
            world.sends(account);
        }
        assert_eq!(world.delivers(), [usize::from(rest_s == 0), 1], "{case}");
        if rest_s > 0 {
            // The header's time is in whole seconds, and the test takes its own.
            world.clock.advance((rest_s - 30) * 1_000);
            assert_eq!(world.delivers(), [0, 1], "{case}: it rests");
            world.clock.advance(31_000);
            assert_eq!(world.delivers(), [1, 1], "{case}: it goes on");
        }
        assert_eq!(world.asked(), 3, "{case}");
    }
}
