//! Requests that the host makes for plugins, and what it answers.

use std::sync::Arc;

use parking_lot::Mutex;
use strowger_loader::{Http, HttpRequest, HttpResponse, HttpResult, MAX_RESPONSE_BYTES};

use crate::entry::{Call, entry_for_callbacks};
use crate::error::Failure;
use crate::host::Host;
use crate::raw;
use crate::status::{STROWGER_ERR_NULL, STROWGER_ERR_TOO_LONG, STROWGER_OK, strowger_status};
use crate::str::strowger_str;

/// The host's HTTP function: no byte of the request was written; it is safe to send it again.
pub const STROWGER_HTTP_NOT_SENT: i32 = -1;
/// The host's HTTP function: something failed after bytes were written, or nobody knows.
pub const STROWGER_HTTP_BROKEN: i32 = -2;

/// A header of a request.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct strowger_http_header {
    /// Its name.
    pub name: strowger_str,
    /// Its value.
    pub value: strowger_str,
}

/// A request that the host's HTTP function is to make. It and all that it points at live until that
/// function returns. Members may be appended: `struct_size` says how many bytes are there.
#[repr(C)]
pub struct strowger_http_request {
    /// The size of this struct at the library.
    pub struct_size: u32,
    /// The time limit for everything, from the name's resolution to the last byte of the response.
    pub timeout_ms: u32,
    /// "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE".
    pub method: strowger_str,
    /// The address, https or http.
    pub url: strowger_str,
    /// The headers, content-type among them; add host, content-length and what else concerns the
    /// connection.
    pub headers: *const strowger_http_header,
    /// How many headers there are.
    pub headers_len: usize,
    /// The body's bytes.
    pub body: strowger_str,
    /// Whether there is a body, which may be empty.
    pub has_body: bool,
    /// Whether this request publishes: it must go out on a fresh connection, since one that turns out to be
    /// stale after bytes were written would leave a needless doubt.
    pub marked: bool,
}

/// Where the host's HTTP function puts a response. Lives until that function returns.
#[derive(Default)]
pub struct strowger_http_answer {
    parts: Mutex<Parts>,
}

#[derive(Default)]
struct Parts {
    headers: Vec<(String, String)>,
    header_bytes: usize,
    body: Vec<u8>,
    message: String,
    /// Something did not fit: what is left of the response must not be taken for the whole.
    cut: bool,
}

/// All header names and values of a response.
const HEADER_BYTES: usize = 256 << 10;

/// Adds a header to the response.
///
/// @param answer what the HTTP function was handed.
/// @param name the header's name, in any case.
/// @param value its value; copied, as is the name.
/// @return STROWGER_OK; STROWGER_ERR_NULL, STROWGER_ERR_UTF8; STROWGER_ERR_TOO_LONG if the headers take
///   more than 256 KiB together, and then the request counts as STROWGER_HTTP_BROKEN.
/// @par Threads: only from inside the HTTP function that was handed this answer.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_http_answer_header(
    answer: *mut strowger_http_answer,
    name: strowger_str,
    value: strowger_str,
) -> strowger_status {
    entry_for_callbacks(|call| {
        let mut parts = parts(call, answer)?.lock();
        let (name, value) = (name.name(call, "name")?, value.document(call, "value")?);
        parts.header_bytes += name.len() + value.len();
        if parts.header_bytes > HEADER_BYTES {
            parts.cut = true;
            return Err(Failure::new(STROWGER_ERR_TOO_LONG, "the headers take more than 256 KiB"));
        }
        // As HTTP has it, names have no case; plugins look for lower-case ones.
        parts.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        Ok(STROWGER_OK)
    })
}

/// Appends bytes to the response's body.
///
/// @param answer what the HTTP function was handed.
/// @param bytes the bytes, text or not; copied.
/// @return STROWGER_OK; STROWGER_ERR_NULL; STROWGER_ERR_TOO_LONG if the body grows beyond 4 MiB, and then
///   the request counts as STROWGER_HTTP_BROKEN.
/// @par Threads: only from inside the HTTP function that was handed this answer.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_http_answer_body(
    answer: *mut strowger_http_answer,
    bytes: strowger_str,
) -> strowger_status {
    entry_for_callbacks(|call| {
        let mut parts = parts(call, answer)?.lock();
        if bytes.len > MAX_RESPONSE_BYTES.saturating_sub(parts.body.len()) {
            parts.cut = true;
            return Err(Failure::new(STROWGER_ERR_TOO_LONG, "the body has more than 4 MiB"));
        }
        let bytes = bytes.bytes(call, "bytes")?;
        parts.body.extend_from_slice(bytes);
        Ok(STROWGER_OK)
    })
}

/// Says why a request failed, for the log and for the agent. Never hand over a secret.
///
/// @param answer what the HTTP function was handed.
/// @param message the reason; copied.
/// @return STROWGER_OK, STROWGER_ERR_NULL, STROWGER_ERR_UTF8 or STROWGER_ERR_TOO_LONG.
/// @par Threads: only from inside the HTTP function that was handed this answer.
/// @since 0.1
#[unsafe(no_mangle)]
pub unsafe extern "C" fn strowger_http_answer_message(
    answer: *mut strowger_http_answer,
    message: strowger_str,
) -> strowger_status {
    entry_for_callbacks(|call| {
        let mut parts = parts(call, answer)?.lock();
        message.name(call, "message")?.clone_into(&mut parts.message);
        Ok(STROWGER_OK)
    })
}

fn parts(call: &Call, answer: *mut strowger_http_answer) -> Result<&Mutex<Parts>, Failure> {
    let answer = raw::shared(call, answer);
    answer.map(|answer| &answer.parts).ok_or_else(|| Failure::new(STROWGER_ERR_NULL, "`answer` is NULL"))
}

/// The host's HTTP function as plugins' requests are made with it.
pub(crate) struct HostHttp {
    host: Arc<Host>,
}

impl HostHttp {
    pub(crate) fn new(host: Arc<Host>) -> Self {
        Self { host }
    }
}

impl Http for HostHttp {
    fn exchange(&self, request: &HttpRequest) -> HttpResult {
        let headers: Vec<_> = request
            .headers
            .iter()
            .map(|(name, value)| strowger_http_header {
                name: strowger_str::of(name),
                value: strowger_str::of(value),
            })
            .collect();
        let lent = strowger_http_request {
            struct_size: u32::try_from(size_of::<strowger_http_request>()).unwrap_or(0),
            timeout_ms: u32::try_from(request.timeout.as_millis()).unwrap_or(u32::MAX),
            method: strowger_str::of(&request.method),
            url: strowger_str::of(&request.url),
            headers: headers.as_ptr(),
            headers_len: headers.len(),
            body: request.body.as_deref().map_or(strowger_str::EMPTY, strowger_str::of_bytes),
            has_body: request.body.is_some(),
            marked: request.marked,
        };
        let mut answer = strowger_http_answer::default();
        let returned = self.host.services().exchange(&lent, &mut answer);
        judge(returned, answer.parts.into_inner())
    }
}

/// What the HTTP function's answer means. In doubt the request was made.
fn judge(returned: Option<i32>, parts: Parts) -> HttpResult {
    let message = |otherwise: &str| {
        if parts.message.is_empty() { otherwise.to_owned() } else { parts.message.clone() }
    };
    match returned {
        None | Some(STROWGER_HTTP_NOT_SENT) => {
            HttpResult::NotSent { message: message("the host did not send the request") }
        }
        Some(_) if parts.cut => {
            HttpResult::Broken { message: message("the response is larger than what is taken") }
        }
        Some(status @ 100..=599) => HttpResult::Response(HttpResponse {
            // In the range above.
            status: u16::try_from(status).unwrap_or_default(),
            headers: parts.headers,
            body: parts.body,
        }),
        Some(STROWGER_HTTP_BROKEN) => HttpResult::Broken { message: message("the request broke off") },
        Some(other) => {
            HttpResult::Broken { message: message(&format!("the host's HTTP function returned {other}")) }
        }
    }
}
