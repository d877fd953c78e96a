//! The C functions, for any [`Plugin`]: the one file that reads raw pointers.
//!
//! Each function checks its pointers for NULL, its texts for UTF-8 and its documents for their form, stops a
//! panic, and emits at most once, as its last act. What the *host* guarantees by calling one of them, and
//! what the SAFETY comments below refer to:
//!
//! * **H1** the host struct given to `create` is readable for the `struct_size` bytes that it names, and its
//!   functions may be called with its `ctx` until `destroy` returns;
//! * **H2** a `strowger_str` is readable for its length while the call lasts;
//! * **H3** a `strowger_channel` came out of this plugin's `create` and was not destroyed; a
//!   `strowger_conversation` came out of `begin` on it and was not ended;
//! * **H4** a conversation is used by one call at a time, and `destroy` and `end` race with no call on what
//!   they free;
//! * **H5** a sink that is not NULL may be given to the host's `emit` once during the call;
//! * **H6** an output pointer that is not NULL is writable.
#![allow(unsafe_code, reason = "this is the one file that reads raw pointers")]

use std::ffi::c_void;
use std::mem::{self, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;
use serde_json::{Map, Value};

use crate::abi::{
    self, strowger_channel, strowger_channel_host, strowger_conversation, strowger_sink, strowger_str,
};
use crate::step::Expectation;
use crate::{Host, HostServices, Job, Level, Outgoing, Plugin, StepResult, WebhookRequest};

/// What stands behind a `strowger_channel`.
struct Instance<P> {
    plugin: P,
    host: RawHost,
    broken: AtomicBool,
}

/// What stands behind a `strowger_conversation`.
struct Talk<C> {
    conversation: C,
    expectation: Expectation,
}

/// A status below zero, or 1.
type Status = i32;

/// The size of a struct, as descriptors write it.
pub(crate) const fn size_in_u32<T>() -> u32 {
    let size = size_of::<T>();
    assert!(size <= u32::MAX as usize, "a struct of the ABI is a few hundred bytes");
    #[expect(clippy::cast_possible_truncation, reason = "asserted above")]
    {
        size as u32
    }
}

// ---- the functions of the descriptor ----------------------------------------------------------------------

pub(crate) unsafe extern "C" fn create<P: Plugin>(
    host: *const strowger_channel_host,
    config_json: strowger_str,
    error: *mut strowger_sink,
    out: *mut *mut strowger_channel,
) -> Status {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        if error.is_null() || out.is_null() {
            return Err(abi::STROWGER_CHANNEL_BAD_DOCUMENT);
        }
        // SAFETY: H1.
        let host = unsafe { RawHost::read(host) }.ok_or(abi::STROWGER_CHANNEL_FAILED)?;
        let refuse = |message: String| {
            host.emit(error, &written(&serde_json::json!({ "message": message }))?);
            Err(abi::STROWGER_CHANNEL_REFUSED)
        };
        if let Some(missing) = host.missing(P::NEEDS) {
            return refuse(format!("the host lacks {missing}, which the plugin `{}` needs", P::NAME));
        }
        // SAFETY: H2.
        let config = unsafe { text(config_json) }?;
        match P::create(Host::new(host), config) {
            Ok(plugin) => Ok(Box::new(Instance { plugin, host, broken: AtomicBool::new(false) })),
            Err(problem) => refuse(problem.to_string()),
        }
    }));
    match attempt {
        Ok(Ok(instance)) => {
            // SAFETY: H6, and `out` was checked for NULL before the instance was made.
            unsafe { out.write(Box::into_raw(instance).cast()) };
            abi::STROWGER_CHANNEL_DONE
        }
        Ok(Err(status)) => status,
        Err(payload) => {
            // Dropping a payload may panic anew, here where nothing would stop it.
            mem::forget(payload);
            abi::STROWGER_CHANNEL_PANICKED
        }
    }
}

pub(crate) unsafe extern "C" fn destroy<P: Plugin>(channel: *mut strowger_channel) {
    if channel.is_null() {
        return;
    }
    // SAFETY: H3: it came out of `create`, which made it from this very box; H4: nobody uses it any more.
    let instance = unsafe { Box::from_raw(channel.cast::<Instance<P>>()) };
    quietly(|| drop(instance));
}

pub(crate) unsafe extern "C" fn manifest<P: Plugin>(
    channel: *mut strowger_channel,
    out: *mut strowger_sink,
) -> Status {
    // SAFETY: H3.
    let instance = unsafe { shared::<P>(channel) };
    guarded(instance, out, |instance| {
        instance.host.emit(out, &written(&instance.plugin.manifest())?);
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn check<P: Plugin>(
    channel: *mut strowger_channel,
    channel_name: strowger_str,
    account: strowger_str,
    message: strowger_str,
    extras_json: strowger_str,
    refusal: *mut strowger_sink,
) -> Status {
    // SAFETY: H3.
    let instance = unsafe { shared::<P>(channel) };
    guarded(instance, refusal, |instance| {
        // SAFETY: H2, for each of the four.
        let (channel_name, account, message, extras_json) =
            unsafe { (text(channel_name)?, text(account)?, text(message)?, text(extras_json)?) };
        // Most messages carry nothing beside their text: no JSON is read for them.
        let extras: Map<String, Value> = match extras_json {
            "" | "{}" => Map::new(),
            json => serde_json::from_str(json).map_err(|_| abi::STROWGER_CHANNEL_BAD_DOCUMENT)?,
        };
        let outgoing = Outgoing { channel: channel_name, account, text: message, extras: &extras };
        match instance.plugin.check(&outgoing) {
            Ok(()) => Ok(()),
            Err(reason) => {
                instance.host.emit(refusal, &written(&reason)?);
                Err(abi::STROWGER_CHANNEL_REFUSED)
            }
        }
    })
}

pub(crate) unsafe extern "C" fn begin<P: Plugin>(
    channel: *mut strowger_channel,
    job_json: strowger_str,
    step: *mut strowger_sink,
    out: *mut *mut strowger_conversation,
) -> Status {
    // SAFETY: H3.
    let instance = unsafe { shared::<P>(channel) };
    guarded(instance, step, |instance| {
        if out.is_null() {
            return Err(abi::STROWGER_CHANNEL_BAD_DOCUMENT);
        }
        // SAFETY: H2.
        let json = unsafe { text(job_json) }?;
        let job = Job::parse(json).map_err(|error| {
            instance.host.log(Level::Error, &error.to_string());
            abi::STROWGER_CHANNEL_BAD_DOCUMENT
        })?;
        let (conversation, first) = instance.plugin.begin(job);
        let mut expectation = Expectation::new();
        instance.note(&mut expectation, &first)?;
        let talk = Box::new(Talk { conversation, expectation });
        let document = first.written().map_err(|_| abi::STROWGER_CHANNEL_FAILED)?;
        // SAFETY: H6, and `out` was checked for NULL.
        unsafe { out.write(Box::into_raw(talk).cast()) };
        instance.host.emit(step, &document);
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn resume<P: Plugin>(
    channel: *mut strowger_channel,
    conversation: *mut strowger_conversation,
    result_json: strowger_str,
    body: strowger_str,
    step: *mut strowger_sink,
) -> Status {
    // SAFETY: H3.
    let instance = unsafe { shared::<P>(channel) };
    guarded(instance, step, |instance| {
        if conversation.is_null() {
            return Err(abi::STROWGER_CHANNEL_BAD_DOCUMENT);
        }
        // SAFETY: H3: it came out of `begin`, which made it from this very box; H4: no other call uses it.
        let talk = unsafe { &mut *conversation.cast::<Talk<P::Conversation>>() };
        // SAFETY: H2, for both.
        let (json, body) = unsafe { (text(result_json)?, bytes(body)?) };
        let result = StepResult::parse(json, body)
            .filter(|result| talk.expectation.admits(result))
            .ok_or(abi::STROWGER_CHANNEL_BAD_DOCUMENT)?;
        let next = instance.plugin.resume(&mut talk.conversation, result);
        instance.note(&mut talk.expectation, &next)?;
        instance.host.emit(step, &next.written().map_err(|_| abi::STROWGER_CHANNEL_FAILED)?);
        Ok(())
    })
}

pub(crate) unsafe extern "C" fn end<P: Plugin>(
    _channel: *mut strowger_channel,
    conversation: *mut strowger_conversation,
) {
    if conversation.is_null() {
        return;
    }
    // SAFETY: H3: it came out of `begin`, which made it from this very box; H4: nobody uses it any more.
    let talk = unsafe { Box::from_raw(conversation.cast::<Talk<P::Conversation>>()) };
    quietly(|| drop(talk));
}

pub(crate) unsafe extern "C" fn ingest<P: Plugin>(
    channel: *mut strowger_channel,
    request_json: strowger_str,
    body: strowger_str,
    answer: *mut strowger_sink,
) -> Status {
    // SAFETY: H3.
    let instance = unsafe { shared::<P>(channel) };
    guarded(instance, answer, |instance| {
        let read = P::INGEST.ok_or(abi::STROWGER_CHANNEL_FAILED)?;
        // SAFETY: H2, for both.
        let (json, body) = unsafe { (text(request_json)?, bytes(body)?) };
        let request: WebhookRequest =
            serde_json::from_str(json).map_err(|_| abi::STROWGER_CHANNEL_BAD_DOCUMENT)?;
        instance.host.emit(answer, &written(&read(&instance.plugin, &request, body))?);
        Ok(())
    })
}

/// A document as JSON.
fn written(document: &impl Serialize) -> Result<Vec<u8>, Status> {
    serde_json::to_vec(document).map_err(|_| abi::STROWGER_CHANNEL_FAILED)
}

// ---- what they share --------------------------------------------------------------------------------------

impl<P> Instance<P> {
    /// Holds the plugin to its side of the contract: one marked request per conversation.
    fn note(&self, expectation: &mut Expectation, step: &crate::Step) -> Result<(), Status> {
        expectation.note(step).map_err(|_| {
            self.host.log(Level::Error, "a conversation asked for a second marked request");
            abi::STROWGER_CHANNEL_FAILED
        })
    }
}

/// The instance behind a pointer; `None` for NULL.
///
/// # Safety
///
/// H3 holds for `channel`.
unsafe fn shared<'a, P: Plugin>(channel: *mut strowger_channel) -> Option<&'a Instance<P>> {
    // SAFETY: H3: it came out of `create`, which made it from a box of this type. It is only shared: the
    // plugin is `Sync`, the flag atomic.
    unsafe { channel.cast::<Instance<P>>().as_ref() }
}

/// Runs `work` on an instance: NULL, broken and panicking ones are dealt with here.
fn guarded<P: Plugin>(
    instance: Option<&Instance<P>>,
    sink: *mut strowger_sink,
    work: impl FnOnce(&Instance<P>) -> Result<(), Status>,
) -> Status {
    let Some(instance) = instance.filter(|_| !sink.is_null()) else {
        return abi::STROWGER_CHANNEL_BAD_DOCUMENT;
    };
    if instance.broken.load(Ordering::Acquire) {
        return abi::STROWGER_CHANNEL_BROKEN;
    }
    match catch_unwind(AssertUnwindSafe(|| work(instance))) {
        Ok(Ok(())) => abi::STROWGER_CHANNEL_DONE,
        Ok(Err(status)) => status,
        Err(payload) => {
            // Dropping a payload may panic anew, here where nothing would stop it.
            mem::forget(payload);
            instance.broken.store(true, Ordering::Release);
            abi::STROWGER_CHANNEL_PANICKED
        }
    }
}

/// Frees something whose `Drop` may panic; there is nobody to tell.
fn quietly(work: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
        mem::forget(payload);
    }
}

/// Bytes that the host lends for the call.
///
/// # Safety
///
/// H2 holds for `lent`, and the result is not used after the call.
unsafe fn bytes<'a>(lent: strowger_str) -> Result<&'a [u8], Status> {
    match (lent.ptr.is_null(), lent.len) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(abi::STROWGER_CHANNEL_BAD_DOCUMENT),
        (false, len) if isize::try_from(len).is_err() => Err(abi::STROWGER_CHANNEL_BAD_DOCUMENT),
        // SAFETY: not NULL, not too long for a slice, and readable for `len` bytes by H2.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(lent.ptr.cast(), len) }),
    }
}

/// Text that the host lends for the call.
///
/// # Safety
///
/// As for [`bytes`].
unsafe fn text<'a>(lent: strowger_str) -> Result<&'a str, Status> {
    // SAFETY: the caller's guarantee is the one of `bytes`.
    let bytes = unsafe { bytes(lent) }?;
    std::str::from_utf8(bytes).map_err(|_| abi::STROWGER_CHANNEL_BAD_DOCUMENT)
}

/// The host's struct, copied: what it did not give is zero.
#[derive(Clone, Copy)]
struct RawHost {
    functions: strowger_channel_host,
}

// SAFETY: the ABI promises (H1) that any thread may call the host's functions with this `ctx` from inside a
// call; `ctx` is only passed back, never looked at.
unsafe impl Send for RawHost {}
// SAFETY: as above.
unsafe impl Sync for RawHost {}

impl RawHost {
    /// Copies the host's struct: as much as both know, the rest zero. `None` if it is missing, shorter than
    /// its version, of another major version, or without `emit`, so that there is no way to say why.
    ///
    /// # Safety
    ///
    /// H1 holds for `host`.
    unsafe fn read(host: *const strowger_channel_host) -> Option<Self> {
        const VERSION_END: usize = mem::offset_of!(strowger_channel_host, features);
        if host.is_null() {
            return None;
        }
        // SAFETY: H1: the struct begins with its size. Only that word is read before the size is known.
        let given = unsafe { ptr::addr_of!((*host).struct_size).read() } as usize;
        if given < VERSION_END {
            return None;
        }
        // A member that is there by half is not there: whole words only, which is what members consist of.
        let whole = given.min(size_of::<strowger_channel_host>()) & !(size_of::<usize>() - 1);
        let mut copy = MaybeUninit::<strowger_channel_host>::zeroed();
        // SAFETY: `whole` bytes are readable by H1 and fit into `copy`; the two don't overlap.
        unsafe { ptr::copy_nonoverlapping(host.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), whole) };
        // SAFETY: zero is a valid value of every member (integers, a pointer, functions that may be absent),
        // and so is what the host wrote, by H1.
        let functions = unsafe { copy.assume_init() };
        (functions.abi_major == abi::STROWGER_CHANNEL_ABI_MAJOR && functions.emit.is_some())
            .then_some(Self { functions })
    }

    /// What the host does not offer though it must.
    fn missing(&self, needs: u64) -> Option<&'static str> {
        let absent = needs & !self.functions.features;
        if self.functions.now_ms.is_none() {
            Some("a clock (`now_ms`)")
        } else if self.functions.random.is_none() {
            Some("random bytes (`random`)")
        } else if absent & abi::STROWGER_CHANNEL_FEATURE_HTTP != 0 {
            Some("the feature HTTP")
        } else if absent & abi::STROWGER_CHANNEL_FEATURE_KEEP_SECRET != 0 {
            Some("the feature KEEP_SECRET")
        } else if absent & abi::STROWGER_CHANNEL_FEATURE_FILES != 0 {
            Some("the feature FILES")
        } else if absent & abi::STROWGER_CHANNEL_FEATURE_FILE_FACTS != 0 {
            Some("the feature FILE_FACTS")
        } else if absent & abi::STROWGER_CHANNEL_FEATURE_FETCH != 0 {
            Some("the feature FETCH")
        } else {
            (absent != 0).then_some("a feature")
        }
    }

    /// Hands a document to the host: JSON as `serde_json` writes it, which is UTF-8.
    fn emit(&self, sink: *mut strowger_sink, json: &[u8]) {
        if let Some(emit) = self.functions.emit {
            // SAFETY: H1 for the function, H5 for the sink (each function emits once); the host copies the
            // document before it returns.
            unsafe { emit(sink, strowger_str::borrow_bytes(json)) };
        }
    }

    fn ctx(&self) -> *mut c_void {
        self.functions.ctx
    }
}

impl HostServices for RawHost {
    fn now_ms(&self) -> i64 {
        match self.functions.now_ms {
            // SAFETY: H1.
            Some(now_ms) => unsafe { now_ms(self.ctx()) },
            None => 0,
        }
    }

    fn random(&self, out: &mut [u8]) {
        if let Some(random) = self.functions.random {
            // SAFETY: H1; `out` is writable for its length.
            unsafe { random(self.ctx(), out.as_mut_ptr(), out.len()) };
        }
    }

    fn log(&self, level: Level, message: &str) {
        if let Some(log) = self.functions.log {
            // SAFETY: H1; the host does not keep the text.
            unsafe { log(self.ctx(), level as i32, strowger_str::borrow(message)) };
        }
    }

    fn features(&self) -> u64 {
        self.functions.features
    }
}
