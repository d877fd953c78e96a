//! Every raw pointer, every foreign call and every function that a plugin calls back. Nothing outside of
//! this file is unsafe.
//!
//! What can't be checked is what c-api.md calls trust: a plugin has the host's rights, so "the plugin
//! guarantees" below means the contract of `strowger_channel.h`, which its author agreed to. What a plugin
//! can get wrong by accident (null pointers, sizes, statuses, documents) is checked.

use std::ffi::c_void;
use std::mem::{self, MaybeUninit, offset_of};
use std::os::fd::{AsRawFd, IntoRawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use parking_lot::Mutex;
use strowger_channel_abi::{
    ENTRY_SYMBOL, EntryFn, STROWGER_CHANNEL_ABI_MAJOR, STROWGER_CHANNEL_ABI_MINOR, STROWGER_CHANNEL_BROKEN,
    STROWGER_CHANNEL_MAGIC, STROWGER_CHANNEL_PANICKED, strowger_channel, strowger_channel_host,
    strowger_channel_plugin, strowger_conversation, strowger_sink, strowger_str,
};

use crate::blot::Blotter;
use crate::error::LoadError;
use crate::file::PluginFile;
use crate::log;
use crate::options::{Clock, Random};
use crate::plugin::Plugin;

/// The largest document that a plugin may emit, in bytes.
pub(crate) const MAX_DOCUMENT_BYTES: usize = 8 << 20;

/// The longest string of a descriptor, in bytes.
const MAX_TEXT_BYTES: usize = 256;

// ---- Loading -----------------------------------------------------------------------------------------

/// Loads the library in `file` and looks its entry function up. `None`: it has none.
///
/// The library stays in the process for ever, for code of it may be anywhere: in thread-local destructors,
/// in handlers. The descriptor stays open for ever as well: the dynamic loader knows the library by the
/// name `/proc/self/fd/N`, and would answer the next load of that name with this library if the number
/// were used again.
pub(crate) fn load_entry(file: PluginFile) -> Result<Option<EntryFn>, LoadError> {
    let PluginFile { path, descriptor, .. } = file;
    let name = format!("/proc/self/fd/{}", descriptor.as_raw_fd());
    // SAFETY: loading runs the library's initialisers; whoever named the file to the host, and whoever may
    // write to it (root and this process's user, as was examined), guarantees that they are sound.
    let library = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE) };
    let library = library.map_err(|error| LoadError::NotLoadable {
        message: causes(&error).replace(&name, "the file"),
        path,
    })?;
    let _stays_open = descriptor.into_raw_fd();
    // SAFETY: the symbol of this name is a function of this type: the plugin guarantees it (a library that
    // exports the name is built against the header, which declares the type). A library without the
    // symbol gives an error.
    let entry = unsafe { library.get::<EntryFn>(ENTRY_SYMBOL) }.ok().map(|symbol| *symbol);
    mem::forget(library);
    Ok(entry)
}

/// An error with its causes, which is where libloading keeps the dynamic loader's words.
fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

impl Plugin {
    /// A plugin that is linked into this process, by its entry function; nothing is loaded. From the
    /// descriptor on everything is as for a plugin from a file.
    ///
    /// # Safety
    ///
    /// `entry` is the entry function of a plugin that keeps the contract of `strowger_channel.h`.
    pub unsafe fn linked(entry: EntryFn) -> Result<Self, LoadError> {
        Self::from_entry(entry, "(linked)".into())
    }
}

// ---- Negotiation -------------------------------------------------------------------------------------

/// What a descriptor says, in types of this side.
#[derive(Clone, Debug)]
pub(crate) struct Descriptor {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) origin: String,
    pub(crate) abi_minor: u16,
    pub(crate) needs: u64,
    functions: Functions,
}

type Create = unsafe extern "C" fn(
    *const strowger_channel_host,
    strowger_str,
    *mut strowger_sink,
    *mut *mut strowger_channel,
) -> i32;
type Manifest = unsafe extern "C" fn(*mut strowger_channel, *mut strowger_sink) -> i32;
type Check = unsafe extern "C" fn(
    *mut strowger_channel,
    strowger_str,
    strowger_str,
    strowger_str,
    strowger_str,
    *mut strowger_sink,
) -> i32;
type Begin = unsafe extern "C" fn(
    *mut strowger_channel,
    strowger_str,
    *mut strowger_sink,
    *mut *mut strowger_conversation,
) -> i32;
type Resume = unsafe extern "C" fn(
    *mut strowger_channel,
    *mut strowger_conversation,
    strowger_str,
    strowger_str,
    *mut strowger_sink,
) -> i32;
type Ingest =
    unsafe extern "C" fn(*mut strowger_channel, strowger_str, strowger_str, *mut strowger_sink) -> i32;

/// A plugin's functions; the mandatory ones are there.
#[derive(Clone, Copy, Debug)]
struct Functions {
    create: Create,
    destroy: unsafe extern "C" fn(*mut strowger_channel),
    manifest: Manifest,
    check: Check,
    begin: Begin,
    resume: Resume,
    end: unsafe extern "C" fn(*mut strowger_channel, *mut strowger_conversation),
    ingest: Option<Ingest>,
}

/// Reads the descriptor that `entry` returns, in the order that the header promises: magic, major, size,
/// mandatory functions. `library` says whose it is in errors.
pub(crate) fn read_descriptor(entry: EntryFn, library: &str) -> Result<Descriptor, LoadError> {
    let library = || library.to_owned();
    // SAFETY: the plugin guarantees that its entry function has no side effects and may be called on any
    // thread.
    let found = unsafe { entry() };
    if found.is_null() || !found.is_aligned() {
        return Err(LoadError::NoDescriptor { library: library(), address: found.addr() });
    }
    // SAFETY: the plugin guarantees that its entry function returns the address of static data, which
    // begins with a u64; the address is neither null nor misaligned.
    let magic = unsafe { (&raw const (*found).magic).read() };
    if magic != STROWGER_CHANNEL_MAGIC {
        return Err(LoadError::Magic { library: library(), expected: STROWGER_CHANNEL_MAGIC, found: magic });
    }
    // SAFETY: data that begins with the magic number is a descriptor, of which these members are there in
    // every version: the plugin guarantees it.
    let (struct_size, major) =
        unsafe { ((&raw const (*found).struct_size).read(), (&raw const (*found).abi_major).read()) };
    if major != STROWGER_CHANNEL_ABI_MAJOR {
        return Err(LoadError::Major {
            library: library(),
            expected: STROWGER_CHANNEL_ABI_MAJOR,
            found: major,
        });
    }
    let mandatory = offset_of!(strowger_channel_plugin, ingest);
    let size = usize::try_from(struct_size).unwrap_or(usize::MAX);
    if size < mandatory {
        return Err(LoadError::Short { library: library(), expected: mandatory, found: struct_size });
    }
    // A size that ends inside of an appended member leaves that member out altogether: half a function
    // pointer is none.
    let whole = size_of::<strowger_channel_plugin>();
    let there = if size < whole { mandatory } else { whole };
    let mut copy = MaybeUninit::<strowger_channel_plugin>::zeroed();
    // SAFETY: the plugin guarantees `struct_size` readable bytes, and `there` is not more; `copy` has room
    // for a whole descriptor; a fresh local does not overlap static data.
    unsafe { ptr::copy_nonoverlapping(found.cast::<u8>(), copy.as_mut_ptr().cast::<u8>(), there) };
    // SAFETY: all bytes are set, by the copy or to zero, and zero is a value of every member: numbers,
    // pointers, and optional functions that are absent.
    let copy = unsafe { copy.assume_init() };

    let missing = |function| LoadError::MissingFunction { library: library(), function };
    let functions = Functions {
        create: copy.create.ok_or_else(|| missing("create"))?,
        destroy: copy.destroy.ok_or_else(|| missing("destroy"))?,
        manifest: copy.manifest.ok_or_else(|| missing("manifest"))?,
        check: copy.check.ok_or_else(|| missing("check"))?,
        begin: copy.begin.ok_or_else(|| missing("begin"))?,
        resume: copy.resume.ok_or_else(|| missing("resume"))?,
        end: copy.end.ok_or_else(|| missing("end"))?,
        ingest: copy.ingest,
    };
    let text = |member, value| {
        read_text(value).map_err(|problem| LoadError::Text { library: library(), member, problem })
    };
    let name = text("name", copy.name)?;
    if name.is_empty() {
        return Err(LoadError::Text { library: library(), member: "name", problem: "is empty" });
    }
    Ok(Descriptor {
        name,
        version: text("version", copy.version)?,
        origin: text("origin", copy.origin)?,
        abi_minor: copy.abi_minor,
        needs: copy.needs,
        functions,
    })
}

fn read_text(value: strowger_str) -> Result<String, &'static str> {
    if value.len > MAX_TEXT_BYTES {
        return Err("is longer than 256 bytes");
    }
    // SAFETY: the plugin guarantees that the strings of its descriptor are static.
    let bytes = unsafe { bytes_of(&value) }.ok_or("has a length but no bytes")?;
    let text = str::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
    if text.contains(char::is_control) {
        return Err("holds a control character");
    }
    Ok(text.to_owned())
}

/// The bytes that `value` points at; `None` if it has a length but no address.
///
/// # Safety
///
/// If the address isn't null, `len` bytes there may be read as long as the borrow of `value` lasts.
unsafe fn bytes_of(value: &strowger_str) -> Option<&[u8]> {
    if value.len == 0 {
        return Some(&[]);
    }
    if value.ptr.is_null() || isize::try_from(value.len).is_err() {
        return None;
    }
    // SAFETY: the caller guarantees that the bytes may be read; the length is a possible one.
    Some(unsafe { slice::from_raw_parts(value.ptr.cast::<u8>(), value.len) })
}

// ---- Documents from the plugin -----------------------------------------------------------------------

/// How one call of a plugin ended.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    /// The first document that was emitted.
    pub(crate) document: Option<String>,
    /// How many more were emitted and ignored.
    pub(crate) ignored: u32,
    /// The first document could not be taken: why.
    pub(crate) unfit: Option<&'static str>,
}

/// Where a plugin's document goes during one call. Behind a lock because "any thread may call `emit` from
/// inside a call" can't be checked.
#[derive(Default)]
struct Sink(Mutex<Answer>);

/// Makes one call that has a sink.
fn with_sink(call: impl FnOnce(*mut strowger_sink) -> i32) -> Answer {
    let sink = Sink::default();
    let status = call((&raw const sink).cast_mut().cast());
    Answer { status, ..sink.0.into_inner() }
}

/// `strowger_channel_host::emit`.
unsafe extern "C" fn emit(sink: *mut strowger_sink, json: strowger_str) {
    // SAFETY: the plugin guarantees that it passes the sink of the call that is under way, which
    // `with_sink` made, or null; the sink is only ever shared.
    let Some(sink) = (unsafe { sink.cast::<Sink>().cast_const().as_ref() }) else { return };
    let mut answer = sink.0.lock();
    if answer.document.is_some() || answer.unfit.is_some() {
        answer.ignored = answer.ignored.saturating_add(1);
        return;
    }
    if json.len > MAX_DOCUMENT_BYTES {
        answer.unfit = Some("emitted a document of more than 8 MiB");
        return;
    }
    // SAFETY: the plugin guarantees that the document may be read until `emit` returns.
    match unsafe { bytes_of(&json) }.map(str::from_utf8) {
        Some(Ok(text)) => answer.document = Some(text.to_owned()),
        Some(Err(_)) => answer.unfit = Some("emitted a document that is not UTF-8"),
        None => answer.unfit = Some("emitted a document that has a length but no bytes"),
    }
}

// ---- Services for the plugin -------------------------------------------------------------------------

/// What an instance may ask of its host at any time.
pub(crate) struct Services {
    pub(crate) plugin: String,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) blotter: Arc<Blotter>,
}

/// The host struct together with what its `ctx` points at: one allocation, at one address until the
/// instance is gone.
struct Host {
    table: strowger_channel_host,
    services: Services,
}

/// The services behind a `ctx`.
///
/// # Safety
///
/// `ctx` is null or what an instance's host struct holds, and the instance is alive.
unsafe fn services<'a>(ctx: *mut c_void) -> Option<&'a Services> {
    // SAFETY: the caller guarantees that this is null or the address of a `Services` that lives as long
    // as the instance, and a call on the instance is under way.
    unsafe { ctx.cast::<Services>().cast_const().as_ref() }
}

/// `strowger_channel_host::now_ms`.
unsafe extern "C" fn now_ms(ctx: *mut c_void) -> i64 {
    // SAFETY: the plugin guarantees that it passes the `ctx` of its host struct back.
    let Some(services) = (unsafe { services(ctx) }) else { return 0 };
    // A panic must not unwind into the plugin, which may be written in C; the host's clock has a fault
    // then, and 0 is a time that nobody takes for now.
    catch_unwind(AssertUnwindSafe(|| services.clock.now_ms())).unwrap_or(0)
}

/// `strowger_channel_host::random`.
unsafe extern "C" fn random(ctx: *mut c_void, out: *mut u8, len: usize) {
    if out.is_null() || len == 0 || isize::try_from(len).is_err() {
        return;
    }
    // SAFETY: the plugin guarantees that `len` bytes at `out` may be written; writing through the pointer
    // before making a slice of it gives them a value, whatever they held.
    let out = unsafe {
        out.write_bytes(0, len);
        slice::from_raw_parts_mut(out, len)
    };
    // SAFETY: the plugin guarantees that it passes the `ctx` of its host struct back.
    let services = unsafe { services(ctx) };
    let filled =
        services.is_some_and(|services| catch_unwind(AssertUnwindSafe(|| services.random.fill(out))).is_ok());
    if !filled {
        // There is no way to say so to the plugin, and a nonce of zeros would be used as one.
        std::process::abort();
    }
}

/// `strowger_channel_host::log`.
unsafe extern "C" fn write_log(ctx: *mut c_void, level: i32, message: strowger_str) {
    // SAFETY: the plugin guarantees that it passes the `ctx` of its host struct back.
    let Some(services) = (unsafe { services(ctx) }) else { return };
    // SAFETY: the plugin guarantees that the message may be read until `log` returns.
    let Some(message) = (unsafe { bytes_of(&message) }) else { return };
    // A log that panics loses its line, nothing more.
    let _ = catch_unwind(AssertUnwindSafe(|| {
        log::plugin_line(&services.plugin, level, message, &services.blotter);
    }));
}

// ---- Instances ---------------------------------------------------------------------------------------

/// An instance of a plugin. Ends it when dropped, unless it broke.
pub(crate) struct Instance {
    functions: Functions,
    channel: NonNull<strowger_channel>,
    host: NonNull<Host>,
    broken: AtomicBool,
}

// SAFETY: the plugin guarantees that the functions of one instance may be called on several threads at
// once; the host struct and its services are shared and `Sync`.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl Instance {
    /// Makes an instance. The answer's status may be good and the instance missing: the plugin wrote none.
    pub(crate) fn create(
        descriptor: &Descriptor,
        services: Services,
        features: u64,
        config: &str,
    ) -> (Answer, Option<Self>) {
        let table = strowger_channel_host {
            struct_size: u32::try_from(size_of::<strowger_channel_host>()).unwrap_or(u32::MAX),
            abi_major: STROWGER_CHANNEL_ABI_MAJOR,
            abi_minor: STROWGER_CHANNEL_ABI_MINOR,
            features,
            ctx: ptr::null_mut(),
            emit: Some(emit),
            now_ms: Some(now_ms),
            random: Some(random),
            log: Some(write_log),
        };
        let host = Box::into_raw(Box::new(Host { table, services }));
        // SAFETY: the box was made a line above and nobody else knows it yet.
        unsafe { (*host).table.ctx = (&raw mut (*host).services).cast() };
        let functions = descriptor.functions;
        let mut channel = ptr::null_mut();
        let answer = with_sink(|sink| {
            // SAFETY: the function is the plugin's, its arguments are those that the header names: a host
            // struct that lives until the instance is gone, a borrowed document, a live sink, and a place
            // for the result.
            unsafe {
                (functions.create)(
                    &raw const (*host).table,
                    strowger_str::borrow(config),
                    sink,
                    &raw mut channel,
                )
            }
        });
        let made = (answer.status == 0).then_some(channel).and_then(NonNull::new);
        // SAFETY: `host` came from a box, so it is not null.
        let host = unsafe { NonNull::new_unchecked(host) };
        if let Some(channel) = made {
            return (answer, Some(Self { functions, channel, host, broken: AtomicBool::new(false) }));
        }
        // A `create` that panicked may have left something behind that still knows the host struct.
        if !matches!(answer.status, STROWGER_CHANNEL_PANICKED | STROWGER_CHANNEL_BROKEN) {
            // SAFETY: there is no instance, so the plugin guarantees that nobody uses the host struct any
            // more; it came from a box.
            drop(unsafe { Box::from_raw(host.as_ptr()) });
        }
        (answer, None)
    }

    pub(crate) fn manifest(&self) -> Answer {
        // SAFETY: the instance is alive, the sink is that of this call.
        with_sink(|sink| unsafe { (self.functions.manifest)(self.channel.as_ptr(), sink) })
    }

    pub(crate) fn check(&self, channel: &str, account: &str, text: &str, extras_json: &str) -> Answer {
        let [name, account, text, extras] = [channel, account, text, extras_json].map(strowger_str::borrow);
        // SAFETY: the instance is alive, the strings are borrowed until the call returns, the sink is that
        // of this call.
        with_sink(|sink| unsafe {
            (self.functions.check)(self.channel.as_ptr(), name, account, text, extras, sink)
        })
    }

    /// Begins a conversation. It is there only if the plugin answered with status 0 and wrote one. The job is JSON
    /// as `serde_json` writes it, which is UTF-8.
    pub(crate) fn begin(&self, job_json: &[u8]) -> (Answer, Option<Conversation<'_>>) {
        let mut conversation = ptr::null_mut();
        // SAFETY: the instance is alive, the job is borrowed until the call returns, sink and place for the
        // result are those of this call.
        let answer = with_sink(|sink| unsafe {
            (self.functions.begin)(
                self.channel.as_ptr(),
                strowger_str::borrow_bytes(job_json),
                sink,
                &raw mut conversation,
            )
        });
        let begun = (answer.status == 0).then_some(conversation).and_then(NonNull::new);
        (answer, begun.map(|conversation| Conversation { instance: self, conversation }))
    }

    /// `None`: the plugin takes no webhooks.
    pub(crate) fn ingest(&self, request_json: &str, body: &[u8]) -> Option<Answer> {
        let ingest = self.functions.ingest?;
        // SAFETY: the instance is alive, request and body are borrowed until the call returns, the sink is
        // that of this call.
        Some(with_sink(|sink| unsafe {
            ingest(
                self.channel.as_ptr(),
                strowger_str::borrow(request_json),
                strowger_str::borrow_bytes(body),
                sink,
            )
        }))
    }

    /// Whether it broke: then nothing of it is called any more.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Acquire)
    }

    /// Gives it up. True for the first caller, who reports it.
    pub(crate) fn give_up(&self) -> bool {
        !self.broken.swap(true, Ordering::AcqRel)
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if self.is_broken() {
            // Its state is anybody's guess: neither it nor the host struct that it knows is touched again.
            return;
        }
        // SAFETY: no call is under way, because calls borrow the instance; it is ended once, here.
        unsafe { (self.functions.destroy)(self.channel.as_ptr()) };
        // SAFETY: it came from a box, and the plugin guarantees not to use it after `destroy`.
        drop(unsafe { Box::from_raw(self.host.as_ptr()) });
    }
}

/// A conversation of an instance; stays on its thread. Ends when dropped, unless the instance broke.
pub(crate) struct Conversation<'a> {
    instance: &'a Instance,
    conversation: NonNull<strowger_conversation>,
}

impl Conversation<'_> {
    /// Goes on. The result is JSON as `serde_json` writes it, which is UTF-8.
    pub(crate) fn resume(&mut self, result_json: &[u8], body: &[u8]) -> Answer {
        let Instance { functions, channel, .. } = self.instance;
        // SAFETY: instance and conversation are alive, and the conversation is borrowed by this thread
        // alone; result and body are borrowed until the call returns; the sink is that of this call.
        with_sink(|sink| unsafe {
            (functions.resume)(
                channel.as_ptr(),
                self.conversation.as_ptr(),
                strowger_str::borrow_bytes(result_json),
                strowger_str::borrow_bytes(body),
                sink,
            )
        })
    }
}

impl Drop for Conversation<'_> {
    fn drop(&mut self) {
        if !self.instance.is_broken() {
            // SAFETY: instance and conversation are alive; it is ended once, here.
            unsafe {
                (self.instance.functions.end)(self.instance.channel.as_ptr(), self.conversation.as_ptr());
            }
        }
    }
}
