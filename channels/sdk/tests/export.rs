//! The C functions that `export_channel!` makes, called as a host calls them.
#![expect(unsafe_code, reason = "it plays the host's side of the C ABI")]

use std::cell::Cell;
use std::ffi::c_void;
use std::mem::{offset_of, size_of};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use ::strowger_channel::abi::{
    STROWGER_CHANNEL_ABI_MAJOR, STROWGER_CHANNEL_BAD_DOCUMENT, STROWGER_CHANNEL_BROKEN,
    STROWGER_CHANNEL_DONE, STROWGER_CHANNEL_FAILED, STROWGER_CHANNEL_FEATURE_HTTP, STROWGER_CHANNEL_MAGIC,
    STROWGER_CHANNEL_PANICKED, STROWGER_CHANNEL_REFUSED, strowger_channel, strowger_channel_host,
    strowger_channel_plugin, strowger_conversation, strowger_sink, strowger_str,
};
use ::strowger_channel::config::{self, ConfigError};
use ::strowger_channel::manifest::Manifests;
use ::strowger_channel::{Host, Job, Outcome, Outgoing, Plugin, Refusal, Request, Step, StepResult};
use serde_json::{Value, json};

/// How many conversations and instances exist: freeing is counted, not believed.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Counted;

impl Counted {
    fn new() -> Self {
        ALIVE.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    panics: bool,
}

struct Odd {
    host: Host,
    _counted: Counted,
}

impl Plugin for Odd {
    const NAME: &'static str = "odd";
    const VERSION: &'static str = "1.2.3";
    type Conversation = (String, Counted);

    fn create(host: Host, config: &str) -> Result<Self, ConfigError> {
        let config: Config = config::read(config)?;
        assert!(!config.panics, "planted");
        Ok(Self { host, _counted: Counted::new() })
    }

    fn manifest(&self) -> Manifests {
        Manifests { channels: vec![] }
    }

    fn check(&self, message: &Outgoing<'_>) -> Result<(), Refusal> {
        assert_ne!(message.text, "panic", "planted");
        if message.extras.contains_key("bad") { Err(Refusal::invalid("bad")) } else { Ok(()) }
    }

    fn begin(&self, job: Job) -> (Self::Conversation, Step) {
        let step = Step::marked(Request::post("https://example.org/"));
        ((job.message, Counted::new()), step)
    }

    fn resume(&self, (message, _): &mut Self::Conversation, _: StepResult) -> Step {
        match message.as_str() {
            "panic" => panic!("planted"),
            "twice" => Step::marked(Request::post("https://example.org/")),
            "wait" => Step::Wait { ms: 1 },
            _ => Outcome::published(self.host.now_ms().to_string()).into(),
        }
    }
}

::strowger_channel::export_channel!(Odd);

// ---- the host's side --------------------------------------------------------------------------------------

/// What a call emitted; the sink is a pointer to it.
#[derive(Default)]
struct Emitted(Cell<Option<String>>);

impl Emitted {
    fn sink(&self) -> *mut strowger_sink {
        ptr::from_ref(self).cast_mut().cast()
    }

    fn take(&self) -> Option<Value> {
        self.0.take().map(|text| serde_json::from_str(&text).expect("JSON"))
    }
}

unsafe extern "C" fn emit(sink: *mut strowger_sink, json: strowger_str) {
    // SAFETY: every sink of these tests is an `Emitted` that outlives the call.
    let emitted = unsafe { &*sink.cast::<Emitted>() };
    // SAFETY: the plugin lends its text for the call.
    let bytes = unsafe { std::slice::from_raw_parts(json.ptr.cast::<u8>(), json.len) };
    let earlier = emitted.0.replace(Some(String::from_utf8(bytes.to_vec()).expect("UTF-8")));
    // A panic must not leave an `extern "C"` function.
    if earlier.is_some() {
        std::process::abort();
    }
}

unsafe extern "C" fn now_ms(_ctx: *mut c_void) -> i64 {
    1234
}

unsafe extern "C" fn random(_ctx: *mut c_void, out: *mut u8, len: usize) {
    // SAFETY: the plugin gives a buffer of that length.
    unsafe { out.write_bytes(7, len) };
}

fn host() -> strowger_channel_host {
    strowger_channel_host {
        struct_size: u32::try_from(size_of::<strowger_channel_host>()).expect("small"),
        abi_major: STROWGER_CHANNEL_ABI_MAJOR,
        abi_minor: 0,
        features: STROWGER_CHANNEL_FEATURE_HTTP,
        ctx: ptr::null_mut(),
        emit: Some(emit),
        now_ms: Some(now_ms),
        random: Some(random),
        log: None,
    }
}

fn plugin() -> &'static strowger_channel_plugin {
    // SAFETY: the descriptor is static.
    unsafe { &*strowger_channel_entry_v1() }
}

fn create(host: *const strowger_channel_host, config: &str) -> (i32, *mut strowger_channel, Option<Value>) {
    let emitted = Emitted::default();
    let mut channel = ptr::null_mut();
    let create = plugin().create.expect("mandatory");
    // SAFETY: every pointer is NULL or valid, as the ABI asks.
    let status = unsafe { create(host, strowger_str::borrow(config), emitted.sink(), &raw mut channel) };
    (status, channel, emitted.take())
}

fn created() -> *mut strowger_channel {
    let (status, channel, emitted) = create(&raw const *Box::leak(Box::new(host())), r#"{"panics":false}"#);
    assert_eq!((status, emitted), (STROWGER_CHANNEL_DONE, None));
    channel
}

fn check(channel: *mut strowger_channel, text: strowger_str, extras: &str) -> (i32, Option<Value>) {
    let emitted = Emitted::default();
    let name = strowger_str::borrow("n");
    let check = plugin().check.expect("mandatory");
    // SAFETY: as above.
    let status = unsafe { check(channel, name, name, text, strowger_str::borrow(extras), emitted.sink()) };
    (status, emitted.take())
}

fn begin(channel: *mut strowger_channel, message: &str) -> (i32, *mut strowger_conversation, Option<Value>) {
    let job = json!({ "kind": "publish", "deliveryId": "d", "channel": "odd", "account": "a", "message": message,
                      "attempt": { "number": 1, "startedMs": 1 } });
    begin_with(channel, &job.to_string())
}

fn begin_with(channel: *mut strowger_channel, job: &str) -> (i32, *mut strowger_conversation, Option<Value>) {
    let emitted = Emitted::default();
    let mut conversation = ptr::null_mut();
    let begin = plugin().begin.expect("mandatory");
    // SAFETY: as above.
    let status = unsafe { begin(channel, strowger_str::borrow(job), emitted.sink(), &raw mut conversation) };
    (status, conversation, emitted.take())
}

fn resume(
    channel: *mut strowger_channel,
    conversation: *mut strowger_conversation,
    result: &str,
) -> (i32, Option<Value>) {
    let emitted = Emitted::default();
    let resume = plugin().resume.expect("mandatory");
    let result = strowger_str::borrow(result);
    // SAFETY: as above.
    let status = unsafe { resume(channel, conversation, result, strowger_str::EMPTY, emitted.sink()) };
    (status, emitted.take())
}

fn free(channel: *mut strowger_channel, conversation: *mut strowger_conversation) {
    // SAFETY: both are NULL or live, and not used again.
    unsafe {
        plugin().end.expect("mandatory")(channel, conversation);
        plugin().destroy.expect("mandatory")(channel);
    }
}

const RESPONSE: &str = r#"{"result":"response","status":200,"headers":[]}"#;

/// One test: what is alive is counted for the whole process.
#[test]
fn the_line_holds() {
    the_descriptor_says_what_it_is();
    a_conversation_runs();
    a_panic_breaks_the_instance_and_nothing_else();
    null_is_refused_everywhere();
    texts_and_documents_are_checked();
    hosts_are_negotiated_with();
    assert_eq!(ALIVE.load(Ordering::SeqCst), 0, "everything was freed once");
}

fn the_descriptor_says_what_it_is() {
    let plugin = plugin();
    assert_eq!(plugin.magic, STROWGER_CHANNEL_MAGIC);
    assert_eq!(plugin.struct_size as usize, size_of::<strowger_channel_plugin>());
    assert_eq!((plugin.abi_major, plugin.abi_minor), (1, 0));
    assert_eq!((plugin.name.len, plugin.version.len), (3, 5));
    assert!(plugin.ingest.is_none());
}

fn a_conversation_runs() {
    let channel = created();
    let (status, conversation, step) = begin(channel, "hello");
    assert_eq!(status, STROWGER_CHANNEL_DONE);
    assert_eq!(step.expect("a step")["marked"], true);
    let (status, step) = resume(channel, conversation, RESPONSE);
    assert_eq!(status, STROWGER_CHANNEL_DONE);
    assert_eq!(step.expect("a step")["outcome"], json!({ "outcome": "published", "id": "1234" }));
    // It is over: nothing more may be handed to it.
    assert_eq!(resume(channel, conversation, RESPONSE), (STROWGER_CHANNEL_BAD_DOCUMENT, None));
    free(channel, conversation);

    let channel = created();
    let (_, conversation, _) = begin(channel, "twice");
    assert_eq!(resume(channel, conversation, RESPONSE), (STROWGER_CHANNEL_FAILED, None));
    free(channel, conversation);
}

fn a_panic_breaks_the_instance_and_nothing_else() {
    let other = created();
    let channel = created();
    let (_, first, _) = begin(channel, "hello");
    let (_, conversation, _) = begin(channel, "panic");
    assert_eq!(resume(channel, conversation, RESPONSE), (STROWGER_CHANNEL_PANICKED, None));
    assert_eq!(resume(channel, conversation, RESPONSE), (STROWGER_CHANNEL_BROKEN, None));
    assert_eq!(resume(channel, first, RESPONSE), (STROWGER_CHANNEL_BROKEN, None));
    assert_eq!(begin(channel, "hello"), (STROWGER_CHANNEL_BROKEN, ptr::null_mut(), None));
    assert_eq!(check(channel, strowger_str::EMPTY, "{}"), (STROWGER_CHANNEL_BROKEN, None));
    let emitted = Emitted::default();
    // SAFETY: both are live.
    let status = unsafe { plugin().manifest.expect("mandatory")(channel, emitted.sink()) };
    assert_eq!(status, STROWGER_CHANNEL_BROKEN);
    // SAFETY: it is live and not used again.
    unsafe { plugin().end.expect("mandatory")(channel, first) };
    free(channel, conversation);

    assert_eq!(check(other, strowger_str::borrow("panic"), ""), (STROWGER_CHANNEL_PANICKED, None));
    assert_eq!(check(other, strowger_str::borrow("hello"), ""), (STROWGER_CHANNEL_BROKEN, None));
    free(other, ptr::null_mut());

    let (status, channel, emitted) = create(&raw const *Box::leak(Box::new(host())), r#"{"panics":true}"#);
    assert_eq!((status, channel, emitted), (STROWGER_CHANNEL_PANICKED, ptr::null_mut(), None));
}

fn null_is_refused_everywhere() {
    let null_channel: *mut strowger_channel = ptr::null_mut();
    free(null_channel, ptr::null_mut());
    let bad = STROWGER_CHANNEL_BAD_DOCUMENT;
    assert_eq!(check(null_channel, strowger_str::EMPTY, ""), (bad, None));
    assert_eq!(begin(null_channel, "hello"), (bad, ptr::null_mut(), None));
    assert_eq!(resume(null_channel, ptr::null_mut(), RESPONSE), (bad, None));
    assert_eq!(create(ptr::null(), "{}"), (STROWGER_CHANNEL_FAILED, ptr::null_mut(), None));

    let channel = created();
    let job = strowger_str::borrow("{}");
    let emitted = Emitted::default();
    let mut conversation = ptr::null_mut();
    let plugin = plugin();
    let host = host();
    let mut out = ptr::null_mut();
    // SAFETY: every pointer is NULL or valid, which is what is under test.
    unsafe {
        assert_eq!(plugin.manifest.expect("mandatory")(channel, ptr::null_mut()), bad);
        assert_eq!(
            plugin.begin.expect("mandatory")(channel, job, ptr::null_mut(), &raw mut conversation),
            bad
        );
        assert_eq!(plugin.begin.expect("mandatory")(channel, job, emitted.sink(), ptr::null_mut()), bad);
        let create = plugin.create.expect("mandatory");
        assert_eq!(create(&raw const host, job, ptr::null_mut(), &raw mut out), bad);
        assert_eq!(create(&raw const host, job, emitted.sink(), ptr::null_mut()), bad);
    }
    assert_eq!(resume(channel, ptr::null_mut(), RESPONSE), (bad, None));
    assert_eq!(emitted.take(), None);
    free(channel, ptr::null_mut());
}

fn texts_and_documents_are_checked() {
    let bad = STROWGER_CHANNEL_BAD_DOCUMENT;
    let channel = created();
    assert_eq!(check(channel, strowger_str::borrow("hi"), "{}"), (STROWGER_CHANNEL_DONE, None));
    assert_eq!(
        check(channel, strowger_str::borrow("hi"), r#"{"bad":1}"#),
        (STROWGER_CHANNEL_REFUSED, Some(json!({ "code": 2, "message": "bad" })))
    );
    assert_eq!(check(channel, strowger_str::borrow("hi"), "[]"), (bad, None));
    assert_eq!(check(channel, strowger_str::borrow_bytes(b"\xff"), "{}"), (bad, None));
    assert_eq!(check(channel, strowger_str { ptr: ptr::null(), len: 3 }, "{}"), (bad, None));
    assert_eq!(check(channel, strowger_str { ptr: c"".as_ptr(), len: usize::MAX }, "{}"), (bad, None));
    assert_eq!(begin_with(channel, "{}"), (bad, ptr::null_mut(), None));
    let (_, conversation, _) = begin(channel, "wait");
    assert_eq!(resume(channel, conversation, "{}"), (bad, None));
    assert_eq!(resume(channel, conversation, r#"{"result":"waited"}"#), (bad, None));
    assert_eq!(resume(channel, conversation, RESPONSE).0, STROWGER_CHANNEL_DONE);
    assert_eq!(resume(channel, conversation, RESPONSE), (bad, None));
    assert_eq!(resume(channel, conversation, r#"{"result":"waited"}"#).0, STROWGER_CHANNEL_DONE);
    free(channel, conversation);

    let host = host();
    let (status, _, refusal) = create(&raw const host, r#"{"panics":"s3cret"}"#);
    assert_eq!(status, STROWGER_CHANNEL_REFUSED);
    assert_eq!(refusal, Some(json!({ "message": "configuration: `panics` must be a boolean" })));
}

/// The host struct of a later minor version.
#[repr(C)]
struct Later(strowger_channel_host, [usize; 4]);

fn hosts_are_negotiated_with() {
    let config = r#"{"panics":false}"#;
    let message = |host: &strowger_channel_host| {
        let (status, channel, emitted) = create(&raw const *host, config);
        assert!(channel.is_null());
        (status, emitted.map(|document| document["message"].as_str().unwrap_or_default().to_owned()))
    };
    let failed = (STROWGER_CHANNEL_FAILED, None);
    let size = |bytes: usize| u32::try_from(bytes).expect("small");
    assert_eq!(message(&strowger_channel_host { abi_major: 2, ..host() }), failed);
    assert_eq!(message(&strowger_channel_host { emit: None, ..host() }), failed);
    for short in [0, 4, 7, 8, offset_of!(strowger_channel_host, emit)] {
        assert_eq!(message(&strowger_channel_host { struct_size: size(short), ..host() }), failed, "{short}");
    }
    // What the host did not give is not read: `now_ms` is there in memory, but beyond the size.
    for short in [offset_of!(strowger_channel_host, now_ms), offset_of!(strowger_channel_host, now_ms) + 4] {
        let (status, reason) = message(&strowger_channel_host { struct_size: size(short), ..host() });
        assert_eq!(status, STROWGER_CHANNEL_REFUSED);
        assert!(reason.expect("a reason").contains("now_ms"));
    }
    let (status, reason) = message(&strowger_channel_host { features: 0, ..host() });
    assert_eq!(status, STROWGER_CHANNEL_REFUSED);
    assert!(reason.expect("a reason").contains("the feature HTTP"));
    // A host without a log, and one of a later minor whose struct is longer, will do.
    let shorter =
        strowger_channel_host { struct_size: size(offset_of!(strowger_channel_host, log)), ..host() };
    let (status, channel, _) = create(&raw const shorter, config);
    assert_eq!(status, STROWGER_CHANNEL_DONE);
    free(channel, ptr::null_mut());
    let mut later = Later(host(), [0; 4]);
    later.0.struct_size = size(size_of::<Later>());
    later.0.abi_minor = 9;
    let (status, channel, _) = create((&raw const later).cast(), config);
    assert_eq!(status, STROWGER_CHANNEL_DONE);
    free(channel, ptr::null_mut());
}
