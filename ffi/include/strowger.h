/**
 * @file strowger.h
 * @brief Strowger: an interaction engine for contact centres, as a library.
 *
 * Generated from ffi/src; do not edit. SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A contact-centre server links libstrowger and gets the life of every social interaction as a state
 * machine, the agents' operations of the Web Services API with their replies and notifications, and
 * delivery to the platforms through channel plugins.
 *
 * @code{.c}
 * strowger_engine *engine = NULL;
 * strowger_error *error = NULL;
 * if (strowger_engine_open(STROWGER_STR("{\"store\":{\"kind\":\"memory\"}}"), &engine, &error) != STROWGER_OK) {
 *   strowger_str message = strowger_error_message(error);
 *   fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
 *   strowger_error_free(error);
 *   return 1;
 * }
 * @endcode
 * @code{.sh}
 * cc -std=c99 -o desk desk.c -lstrowger
 * @endcode
 *
 * examples/minimal.c is a whole program. What follows holds for every function; its own comment says only
 * what is particular to it.
 *
 * @section statuses Statuses
 *
 * A strowger_status is 0 (STROWGER_OK: done), 1 (STROWGER_DONE: nothing there) or negative (STROWGER_ERR_…:
 * an error, and nothing was done unless the comment says so). The numbers are for ever. Errors that every
 * call can return: STROWGER_ERR_NULL, STROWGER_ERR_UTF8, STROWGER_ERR_TOO_LONG, STROWGER_ERR_REENTRANT,
 * STROWGER_ERR_PANIC, STROWGER_ERR_POISONED, STROWGER_ERR_INTERNAL.
 *
 * The last parameter `error` may be NULL. If it is not, and the call fails, a strowger_error with the
 * reason in words is put there, to be released with strowger_error_free(). Otherwise it is left alone: set
 * your variable to NULL before.
 *
 * @section outputs Outputs
 *
 * Outputs are written last, and only with STROWGER_OK. Every pointer is checked for NULL before anything is
 * done: an output that is NULL is STROWGER_ERR_NULL. Functions that release or close do nothing for NULL.
 *
 * @section strings Strings
 *
 * A strowger_str is a pointer and a length; nothing is NUL-terminated. What you pass is borrowed until the
 * function returns, and copied if it is kept. Text is UTF-8 and checked: STROWGER_ERR_UTF8. Names (of
 * channels, agents, interactions, queues, topics, operations, files) have at most 4 KiB, documents and
 * bodies 64 MiB: STROWGER_ERR_TOO_LONG. The engine's own limits are tighter; a request that exceeds them
 * gets a reply that says so. What the library hands out lives in a strowger_buf, and is yours until
 * strowger_buf_free(); never pass it to free().
 *
 * @section threads Threads
 *
 * The library has no threads of its own: everything runs on the threads that call it. An engine, an agent
 * and a subscription may be used by any number of threads at once. Only closing a handle must be the last
 * thing that happens to it.
 *
 * Your functions (the log, a strowger_host) are called on the thread of the call that needs them, and never
 * while anything of the library is locked: they may wait for other threads that use it. From inside them the
 * library is not called: that is STROWGER_ERR_REENTRANT, not a deadlock. Functions whose comment says
 * "callbacks may call it" are exempt.
 *
 * @section lifetimes Lifetimes
 *
 * An agent or a subscription keeps its engine alive, so handles may be closed in any order.
 *
 * @section panics Bugs
 *
 * A bug in the library ends in STROWGER_ERR_PANIC, not in your process's death. The handle of that call may
 * be in a state that nobody knows: from then on it answers STROWGER_ERR_POISONED. Close it, and open
 * another. Other handles go on.
 *
 * Only if the bug breaks a change off, between its way into the store and the last notification of it, the
 * whole engine is poisoned: every call with it, its agents and its subscriptions answers
 * STROWGER_ERR_POISONED, and whoever waits in one is woken with that. Close all of them and open the engine
 * anew: a store on disk has the change, or it does not, and agents list anew. Other engines go on.
 *
 * A bug in a plugin written in Rust breaks that plugin's instance: its channels fail, as each function's
 * comment says, and the message that was under way is tried again, if nothing of it was sent, or reported as
 * unknown. Your own functions must not throw, nor leave by longjmp: the behaviour is undefined.
 *
 * @section config The engine's configuration
 *
 * A JSON object; every member may be missing, and an unknown one is an error that names it.
 *
 *     { "store": { "kind": "memory" },             where interactions are kept
 *       "name": "strowger",                        written to _umsInboundIxnSubmittedBy
 *       "base_uri": "http://192.168.83.25:8080",   what stands before /api/v2/… in every uri
 *       "channels": [ { "path": "/usr/lib/strowger/libstrowger_twitter.so", "config": { … } } ],
 *       "plugins": { … },                          what plugins may use, see below
 *       "manifests": [ { … } ],                    channels that the program delivers itself: what a plugin's
 *                                                  manifest lists as a channel, see strowger_channel.h
 *       "queues": ["/queues/support"],             if only these exist; else any queue does
 *       "limits": { … },                           bounds: body_bytes, user_data_bytes, user_data_keys,
 *                                                  message_bytes, subscription_notes, subscription_bytes,
 *                                                  kept_notes, kept_bytes, subscriptions, agents, interactions, outbox,
 *                                                  outbox_bytes, settled, replies
 *       "retention": { "age_ms": …, "count": … } } how long ended interactions are kept: forgotten when they
 *                                                  ended longer ago, or are more; by default they stay
 *
 * A channel is run by a plugin (strowger_deliver()) or by the program (strowger_delivery_next()), never by
 * both.
 *
 * What plugins may use, those of "channels" and those that strowger_channel_load() loads:
 *
 *     { "secrets_file": "/var/lib/desk/secrets",   where tokens are kept that platforms give out anew, as X's refresh
 *                                                  tokens: a file of mode 600 that one engine uses at a time. By
 *                                                  default it stands beside a store on disk, with the ending -secrets,
 *                                                  and with a store in memory there is none: accounts that need it are
 *                                                  refused. A token that is configured anew goes before the kept one
 *       "attachments_dir": "/var/lib/desk/files",  the directory, an absolute path, beneath which messages may name
 *                                                  files; by default none is ever read
 *       "fetch": { "bytes": 67108864,              whether, and how much, may be fetched from the public addresses
 *                  "time_ms": 60000,               (https) that messages name: by default none; an empty object has
 *                  "own_servers": ["media"] } }    these bounds. Of the program's own network these servers alone
 */

#ifndef STROWGER_H
#define STROWGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifndef STROWGER_STR_DEFINED
/** Says that strowger_str is defined: whichever of the headers is included first does it. */
#define STROWGER_STR_DEFINED
/**
 * Text or bytes, borrowed for the length of the call, not NUL-terminated. `{NULL, 0}` is empty.
 * Text is UTF-8. Frozen for ever.
 */
typedef struct strowger_str {
  /** The first byte; may be NULL when `len` is 0. */
  const char *ptr;
  /** The number of bytes. */
  size_t len;
} strowger_str;

/** A string literal as an initialiser of a strowger_str, also of a static one. */
#define STROWGER_STR_INIT(literal) { (literal), sizeof(literal) - 1 }

/** A string literal as a strowger_str, where an expression is wanted. */
#ifdef __cplusplus
#define STROWGER_STR(literal) (strowger_str STROWGER_STR_INIT(literal))
#else
#define STROWGER_STR(literal) ((strowger_str) STROWGER_STR_INIT(literal))
#endif
#endif /* STROWGER_STR_DEFINED */

#ifdef __cplusplus
extern "C" {
#endif

/**
 * An agent: whatever /api/v2/me stands for. Interactions, notifications and the referenceId belong to the
 * agent's id; two handles of one id are the same agent. Keeps its engine alive.
 */
typedef struct strowger_agent strowger_agent;

/**
 * Bytes that the library hands out: read them with strowger_buf_bytes(), release them with
 * strowger_buf_free().
 */
typedef struct strowger_buf strowger_buf;

/**
 * An engine. Any thread may call with it; close it with strowger_engine_close().
 */
typedef struct strowger_engine strowger_engine;

/**
 * Why a call failed. Release it with strowger_error_free().
 */
typedef struct strowger_error strowger_error;

/**
 * Where the host's HTTP function puts a response. Lives until that function returns.
 */
typedef struct strowger_http_answer strowger_http_answer;

/**
 * A subscription: a bounded queue of an agent's notifications. Keeps its engine alive.
 */
typedef struct strowger_subscription strowger_subscription;

/**
 * How a call ended: 0 or 1 for success, a negative number for an error. The numbers are for ever; more
 * may be added, so a switch over them needs a default.
 */
typedef int32_t strowger_status;

/**
 * Takes a line of the log: its level (STROWGER_LOG_…), and its text, borrowed until the function returns.
 *
 * It is called on the thread of the call that the line is about, just before that call returns, when
 * nothing is locked. It must return: no longjmp, no exception.
 */
typedef void (*strowger_log_fn)(void *user_data,
                                int32_t level,
                                strowger_str message);

/**
 * A header of a request.
 */
typedef struct strowger_http_header {
  /**
   * Its name.
   */
  strowger_str name;
  /**
   * Its value.
   */
  strowger_str value;
} strowger_http_header;

/**
 * A request that the host's HTTP function is to make. It and all that it points at live until that
 * function returns. Members may be appended: `struct_size` says how many bytes are there.
 */
typedef struct strowger_http_request {
  /**
   * The size of this struct at the library.
   */
  uint32_t struct_size;
  /**
   * The time limit for everything, from the name's resolution to the last byte of the response.
   */
  uint32_t timeout_ms;
  /**
   * "GET", "HEAD", "POST", "PUT", "PATCH" or "DELETE".
   */
  strowger_str method;
  /**
   * The address, https or http.
   */
  strowger_str url;
  /**
   * The headers, content-type among them; add host, content-length and what else concerns the
   * connection.
   */
  const strowger_http_header *headers;
  /**
   * How many headers there are.
   */
  size_t headers_len;
  /**
   * The body's bytes.
   */
  strowger_str body;
  /**
   * Whether there is a body, which may be empty.
   */
  bool has_body;
  /**
   * Whether this request publishes: it must go out on a fresh connection, since one that turns out to be
   * stale after bytes were written would leave a needless doubt.
   */
  bool marked;
} strowger_http_request;

/**
 * What a program serves to its engine, for strowger_engine_open_with(). Set everything to zero, set
 * `struct_size`, then the members that you want; a NULL member stands for the built-in one.
 *
 * The functions may be called on any thread that calls the library, on several at once, from inside that
 * call. They must return: no longjmp, no exception. Calls of the library from inside them are refused
 * with STROWGER_ERR_REENTRANT, except for those whose comment says "callbacks may call it".
 */
typedef struct strowger_host {
  /**
   * sizeof(strowger_host).
   */
  uint32_t struct_size;
  /**
   * Zero.
   */
  uint32_t reserved;
  /**
   * Passed to the functions below; the library never looks at it.
   */
  void *user_data;
  /**
   * Called once with `user_data`, when the last handle of the engine was closed, on that thread. Not
   * called if strowger_engine_open_with() fails, and not after a plugin of the engine has panicked: what
   * broke so is never touched again, and that may hold your functions.
   */
  void (*drop)(void *user_data);
  /**
   * The time: milliseconds since 1970-01-01T00:00:00Z. Called when nothing is locked.
   *
   * It says when something happened, and whether something is due. How long a call waits does not depend
   * on it: timeouts, the limits of requests and the waits of plugins go by the machine's monotonic clock.
   */
  int64_t (*now_ms)(void *user_data);
  /**
   * Fills `out` with `len` random bytes that nobody can guess. Called when nothing is locked.
   */
  void (*random)(void *user_data,
                 uint8_t *out,
                 size_t len);
  /**
   * Takes the lines that this engine writes, in place of strowger_log_set(). Called when nothing is
   * locked.
   */
  strowger_log_fn log;
  /**
   * Makes an HTTP request for a plugin, exactly once, and waits for the whole response: no redirects, no
   * retries, no cookies. Called when nothing is locked.
   *
   * Returns the HTTP status (100 to 599) after handing the response's parts over
   * (strowger_http_answer_header(), strowger_http_answer_body()); STROWGER_HTTP_NOT_SENT if no byte of
   * the request was written, so that it is safe to send it again; STROWGER_HTTP_BROKEN if anything
   * failed later. Be honest: a request that is called not sent and was sent makes a message appear
   * twice. Any other number counts as STROWGER_HTTP_BROKEN.
   */
  int32_t (*http)(void *user_data,
                  const strowger_http_request *request,
                  strowger_http_answer *answer);
} strowger_host;

enum {
  /**
   * The host's HTTP function: no byte of the request was written; it is safe to send it again.
   */
  STROWGER_HTTP_NOT_SENT = -1,
  /**
   * The host's HTTP function: something failed after bytes were written, or nobody knows.
   */
  STROWGER_HTTP_BROKEN = -2
};

enum {
  /**
   * Level of a line: an error that somebody should look at.
   */
  STROWGER_LOG_ERROR = 1,
  /**
   * Level of a line: something is not as it should be.
   */
  STROWGER_LOG_WARN = 2,
  /**
   * Level of a line: what happens.
   */
  STROWGER_LOG_INFO = 3,
  /**
   * Level of a line: detail for debugging, as the exchanges with platforms (secrets blotted out).
   */
  STROWGER_LOG_DEBUG = 4
};

enum {
  /**
   * The ABI that this header describes: its major times 65536, and its minor. The major is the number in
   * the name libstrowger.so.0; the minor counts what was added since.
   */
  STROWGER_ABI_VERSION = 1
};

enum {
  /**
   * Done; the outputs are written.
   */
  STROWGER_OK = 0,
  /**
   * Nothing there, or nothing came in time. No output is written.
   */
  STROWGER_DONE = 1,
  /**
   * A pointer that must not be NULL is NULL, or a string has a NULL pointer and a length.
   */
  STROWGER_ERR_NULL = -1,
  /**
   * A string is not UTF-8.
   */
  STROWGER_ERR_UTF8 = -2,
  /**
   * A string is longer than anything that makes sense in its place.
   */
  STROWGER_ERR_TOO_LONG = -3,
  /**
   * A JSON document is malformed, lacks a member, or holds one that is unknown or of the wrong kind.
   */
  STROWGER_ERR_DOCUMENT = -4,
  /**
   * The engine's configuration is wrong.
   */
  STROWGER_ERR_CONFIG = -5,
  /**
   * There is no channel of that name.
   */
  STROWGER_ERR_UNKNOWN_CHANNEL = -6,
  /**
   * It can't be done as things stand: offered twice, settled otherwise, a channel that somebody else runs.
   */
  STROWGER_ERR_CONFLICT = -7,
  /**
   * The store failed. Nobody was told of a change that may be lost.
   */
  STROWGER_ERR_STORE = -8,
  /**
   * A channel failed.
   */
  STROWGER_ERR_CHANNEL = -9,
  /**
   * A plugin was not loaded; the error's message has the exact reason.
   */
  STROWGER_ERR_LOAD = -10,
  /**
   * A channel's manifest is wrong.
   */
  STROWGER_ERR_MANIFEST = -11,
  /**
   * The channel, its topic or its collection is served already.
   */
  STROWGER_ERR_CHANNEL_TAKEN = -12,
  /**
   * The host struct can't be used.
   */
  STROWGER_ERR_HOST = -13,
  /**
   * Called from inside a callback. Nothing was done.
   */
  STROWGER_ERR_REENTRANT = -14,
  /**
   * A bug in the library. The handle of the call is poisoned, or the whole engine: close it.
   */
  STROWGER_ERR_PANIC = -15,
  /**
   * An earlier call with this handle ended with STROWGER_ERR_PANIC, or one of this engine in the middle of a
   * change.
   */
  STROWGER_ERR_POISONED = -16,
  /**
   * Refused as a request with statusCode 1 is: something required is missing.
   */
  STROWGER_ERR_MISSING = -101,
  /**
   * Refused as a request with statusCode 2 is: a value is invalid.
   */
  STROWGER_ERR_INVALID = -102,
  /**
   * Refused as a request with statusCode 3 is: the interaction's state does not allow it.
   */
  STROWGER_ERR_FORBIDDEN = -103,
  /**
   * Refused as a request with statusCode 4 is: an internal failure, or no room.
   */
  STROWGER_ERR_INTERNAL = -104,
  /**
   * Refused as a request with statusCode 5 is: the agent lacks a feature.
   */
  STROWGER_ERR_NO_PERMISSION = -105,
  /**
   * Refused as a request with statusCode 6 is: unknown, or another agent's.
   */
  STROWGER_ERR_NOT_FOUND = -106,
  /**
   * Refused as a request with statusCode 10 is: outside the valid range.
   */
  STROWGER_ERR_OUT_OF_RANGE = -110,
  /**
   * Refused as a request with statusCode 11 is: it can't be written.
   */
  STROWGER_ERR_READ_ONLY = -111,
  /**
   * Refused as a request with statusCode 18 is: an id that the host supplied is taken.
   */
  STROWGER_ERR_ALREADY_EXISTS = -118,
  /**
   * Refused as a request with statusCode 20 is: nobody is logged in.
   */
  STROWGER_ERR_NOT_AUTHENTICATED = -120
};

/**
 * The name of a status, as "STROWGER_ERR_NULL".
 *
 * @param status any number.
 * @return the constant's name; "STROWGER_ERR_?" for a number that this version of the library does not
 *   know. Static: never freed.
 * @par Threads: any; callbacks may call it.
 * @since 0.1
 */
strowger_str strowger_status_name(strowger_status status);

/**
 * The ABI of the library that is running.
 *
 * @return its major times 65536, and its minor. A program that was built for STROWGER_ABI_VERSION works
 *   with a library of the same major and the same minor or a later one.
 * @par Threads: any; callbacks may call it.
 * @since 0.1
 */
uint32_t strowger_abi_version(void);

/**
 * The version of the library that is running.
 *
 * @return the version, as "0.1.0". Static: never freed.
 * @par Threads: any; callbacks may call it.
 * @since 0.1
 */
strowger_str strowger_version(void);

/**
 * What went wrong: what was expected, what came, and what to do. For people and logs, not for programs.
 *
 * @param error an error, or NULL.
 * @return the text, borrowed until strowger_error_free(); empty for NULL.
 * @par Threads: any, several at once; callbacks may call it.
 * @since 0.1
 */
strowger_str strowger_error_message(const strowger_error *error);

/**
 * The status that the failed call returned.
 *
 * @param error an error, or NULL.
 * @return the status; STROWGER_OK for NULL.
 * @par Threads: any, several at once; callbacks may call it.
 * @since 0.1
 */
strowger_status strowger_error_status(const strowger_error *error);

/**
 * Releases an error.
 *
 * @param error an error that was not released yet, or NULL, which does nothing.
 * @par Threads: any, no other call on this error at the same time; callbacks may call it.
 * @since 0.1
 */
void strowger_error_free(strowger_error *error);

/**
 * The bytes of a buffer.
 *
 * @param buf a buffer, or NULL.
 * @return its bytes, UTF-8 text, borrowed until strowger_buf_free(); empty for NULL.
 * @par Threads: any, several at once; callbacks may call it.
 * @since 0.1
 */
strowger_str strowger_buf_bytes(const strowger_buf *buf);

/**
 * Releases a buffer.
 *
 * @param buf a buffer that was not released yet, or NULL, which does nothing. What strowger_buf_bytes()
 *   returned for it is gone.
 * @par Threads: any, no other call on this buffer at the same time; callbacks may call it.
 * @since 0.1
 */
void strowger_buf_free(strowger_buf *buf);

/**
 * Adds a header to the response.
 *
 * @param answer what the HTTP function was handed.
 * @param name the header's name, in any case.
 * @param value its value; copied, as is the name.
 * @return STROWGER_OK; STROWGER_ERR_NULL, STROWGER_ERR_UTF8; STROWGER_ERR_TOO_LONG if the headers take
 *   more than 256 KiB together, and then the request counts as STROWGER_HTTP_BROKEN.
 * @par Threads: only from inside the HTTP function that was handed this answer.
 * @since 0.1
 */
strowger_status strowger_http_answer_header(strowger_http_answer *answer,
                                            strowger_str name,
                                            strowger_str value);

/**
 * Appends bytes to the response's body.
 *
 * @param answer what the HTTP function was handed.
 * @param bytes the bytes, text or not; copied.
 * @return STROWGER_OK; STROWGER_ERR_NULL; STROWGER_ERR_TOO_LONG if the body grows beyond 4 MiB, and then
 *   the request counts as STROWGER_HTTP_BROKEN.
 * @par Threads: only from inside the HTTP function that was handed this answer.
 * @since 0.1
 */
strowger_status strowger_http_answer_body(strowger_http_answer *answer,
                                          strowger_str bytes);

/**
 * Says why a request failed, for the log and for the agent. Never hand over a secret.
 *
 * @param answer what the HTTP function was handed.
 * @param message the reason; copied.
 * @return STROWGER_OK, STROWGER_ERR_NULL, STROWGER_ERR_UTF8 or STROWGER_ERR_TOO_LONG.
 * @par Threads: only from inside the HTTP function that was handed this answer.
 * @since 0.1
 */
strowger_status strowger_http_answer_message(strowger_http_answer *answer,
                                             strowger_str message);

/**
 * Opens an engine.
 *
 * @param config_json the configuration, see the conventions at the top; an empty string is an empty
 *   object. Plugins that it names are loaded, in order.
 * @param out where the engine is put; close it with strowger_engine_close().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_CONFIG, STROWGER_ERR_MANIFEST, STROWGER_ERR_CHANNEL_TAKEN,
 *   STROWGER_ERR_LOAD, STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_engine_open(strowger_str config_json,
                                     strowger_engine **out,
                                     strowger_error **error);

/**
 * Opens an engine that takes its time, randomness, HTTP or log from the program.
 *
 * @param config_json as for strowger_engine_open().
 * @param host the program's functions; copied. What `user_data` points at must live until `drop` is
 *   called, or, without one, until every handle of the engine is closed.
 * @param out where the engine is put; close it with strowger_engine_close().
 * @param error where an error is put; may be NULL.
 * @return as strowger_engine_open(); STROWGER_ERR_HOST if `host` can't be used. On failure nothing of the
 *   host is kept, and `drop` is not called.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_engine_open_with(strowger_str config_json,
                                          const strowger_host *host,
                                          strowger_engine **out,
                                          strowger_error **error);

/**
 * Closes an engine handle. What is accepted is in the store, and whoever waits in
 * strowger_subscription_next(), strowger_deliver() or strowger_delivery_next() is woken. Agents and
 * subscriptions keep the engine itself alive and go on working, though none of them waits any more;
 * handles may be closed in any order.
 *
 * @param engine an engine that was not closed yet, or NULL, which does nothing. No call with this handle
 *   may begin any more, and none may be under way, except that threads may wait in strowger_deliver() and
 *   strowger_delivery_next().
 * @par Threads: any. From inside a callback it does nothing.
 * @since 0.1
 */
void strowger_engine_close(strowger_engine *engine);

/**
 * Loads a channel plugin. Plugins run with the program's rights and are never unloaded: load only what
 * you would link.
 *
 * @param engine the engine.
 * @param path the plugin's absolute path: a regular file, not a link, owned by root or by this process's
 *   user, not writable by others.
 * @param config_json the plugin's configuration document; an empty string is an empty object.
 * @param error where an error is put; may be NULL. Its message has the exact reason.
 * @return STROWGER_OK; STROWGER_ERR_LOAD, STROWGER_ERR_MANIFEST, STROWGER_ERR_CHANNEL_TAKEN,
 *   STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_channel_load(strowger_engine *engine,
                                      strowger_str path,
                                      strowger_str config_json,
                                      strowger_error **error);

/**
 * Draws a channel's lifecycle: its states, and the operations that lead from one to another.
 *
 * @param engine the engine.
 * @param channel the channel's name.
 * @param format "mermaid", "dot" or "scxml".
 * @param text where the diagram is put; free it with strowger_buf_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_INVALID for another format, or one of
 *   the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_diagram(const strowger_engine *engine,
                                 strowger_str channel,
                                 strowger_str format,
                                 strowger_buf **text,
                                 strowger_error **error);

/**
 * Hands a platform's webhook request to its channel, and takes in the interactions that it reports.
 *
 * @param engine the engine.
 * @param channel the name of a channel that a plugin runs.
 * @param request_json {"method","path","query"?,"headers"?:[["name","value"],…]}, as it came in.
 * @param body the request's raw bytes, which need not be text: signatures are over bytes.
 * @param answer_json where the HTTP answer for the platform is put: {"status","headers","body"}; free it
 *   with strowger_buf_free(). A bad signature is an answer (401 or 403), not an error.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_DOCUMENT, STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_CHANNEL if the
 *   channel failed or takes no webhooks, or one of the errors of every call and of strowger_receive().
 *   After an error the platform should be answered with a 5xx, so that it comes again.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_ingest(strowger_engine *engine,
                                strowger_str channel,
                                strowger_str request_json,
                                strowger_str body,
                                strowger_buf **answer_json,
                                strowger_error **error);

/**
 * Opens an agent, who is known to the engine from then on.
 *
 * @param engine the engine.
 * @param agent_json {"id":"a1","features":["api-multimedia"]}. Without that feature the agent can look,
 *   but do nothing.
 * @param out where the agent is put; close it with strowger_agent_close().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_DOCUMENT, STROWGER_ERR_INVALID for what is no agent's id,
 *   STROWGER_ERR_INTERNAL if there are too many agents, STROWGER_ERR_STORE or one of the errors of every
 *   call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_agent_open(strowger_engine *engine,
                                    strowger_str agent_json,
                                    strowger_agent **out,
                                    strowger_error **error);

/**
 * Closes an agent handle. The agent's interactions stay; subscriptions go on.
 *
 * @param agent an agent that was not closed yet, or NULL, which does nothing. No other call with this
 *   handle may be under way.
 * @par Threads: any. From inside a callback it does nothing.
 * @since 0.1
 */
void strowger_agent_close(strowger_agent *agent);

/**
 * Performs an operation, as a POST of the Web Services API does.
 *
 * @param agent the agent.
 * @param channel the channel's name, as "twitter".
 * @param id the interaction's id; empty for the collection (Create, Follow).
 * @param body_json the request's body: {"operationName":"Save",…}.
 * @param reply where {"statusCode":0,"referenceId":n} or {"statusCode":n,"statusMessage":"…"} is put; free
 *   it with strowger_buf_free(). What the engine refuses is STROWGER_OK with such a reply.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_perform(strowger_agent *agent,
                                 strowger_str channel,
                                 strowger_str id,
                                 strowger_str body_json,
                                 strowger_buf **reply,
                                 strowger_error **error);

/**
 * Reads an interaction as this agent sees it.
 *
 * @param agent the agent.
 * @param channel the channel's name.
 * @param id the interaction's id.
 * @param resource where the bare resource is put: {"id":…,"state":…,…}; free it with strowger_buf_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_NOT_FOUND, also for another agent's; STROWGER_ERR_UNKNOWN_CHANNEL,
 *   STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_read(strowger_agent *agent,
                              strowger_str channel,
                              strowger_str id,
                              strowger_buf **resource,
                              strowger_error **error);

/**
 * Lists the agent's Invited, Composing, Processing and Sent interactions on a channel, oldest first.
 *
 * @param agent the agent.
 * @param channel the channel's name.
 * @param resources where the array of resources is put, [] if there are none; free it with
 *   strowger_buf_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE or one of the errors of every
 *   call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_list(strowger_agent *agent,
                              strowger_str channel,
                              strowger_buf **resources,
                              strowger_error **error);

/**
 * Whether an operation would be allowed now, its parameters aside.
 *
 * @param agent the agent.
 * @param channel the channel's name.
 * @param id the interaction's id; empty for the collection.
 * @param operation the operation's name, as "Send".
 * @param out where the answer is put; false for an interaction that this agent can't see.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE or one of the errors of every
 *   call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_can(strowger_agent *agent,
                             strowger_str channel,
                             strowger_str id,
                             strowger_str operation,
                             bool *out,
                             strowger_error **error);

/**
 * Subscribes to the agent's notifications, from now on. An agent's first subscription is a small change in
 * the store, which keeps the agent's latest notes from then on: see strowger_subscribe_from().
 *
 * @param agent the agent.
 * @param topic a channel's topic, as "/v2/me/twitter"; "/v2/me/" and an asterisk for all.
 * @param out where the subscription is put; release it with strowger_subscription_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_INVALID for an unknown topic, STROWGER_ERR_INTERNAL if the agent has
 *   too many subscriptions, STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_subscribe(strowger_agent *agent,
                                   strowger_str topic,
                                   strowger_subscription **out,
                                   strowger_error **error);

/**
 * Subscribes after a gap: a server that comes back gets what its desktop missed.
 *
 * The notes with a `sequence` above `from` come first, in their order and each once, then live ones. If
 * some of them are no longer kept, or `from` is a number that was never given, {"channel","lagged":true,
 * "sequence"} comes first: list anew. Numbers may be missing: they were never told.
 *
 * From the agent's first subscription on its latest notes are kept where the interactions are, each
 * together with the change that it tells of. With a store on disk they outlast the process: every accepted
 * request has its note, and the sequence goes on where it was. With a store in memory they are gone with
 * it, and `from` must be of the same process. Kept are the latest 1,000 notes and at most 1 MiB of an
 * agent's (the limits kept_notes and kept_bytes), whichever is reached first, and always the latest one.
 *
 * @param agent the agent.
 * @param topic as for strowger_subscribe().
 * @param from the `sequence` of the last note that was seen; 0 if none was.
 * @param out where the subscription is put; release it with strowger_subscription_free().
 * @param error where an error is put; may be NULL.
 * @return as strowger_subscribe().
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_subscribe_from(strowger_agent *agent,
                                        strowger_str topic,
                                        uint64_t from,
                                        strowger_subscription **out,
                                        strowger_error **error);

/**
 * The next notification.
 *
 * @param subscription the subscription.
 * @param timeout_ms how long to wait for one, in milliseconds.
 * @param note where {"channel":"/v2/me/twitter","data":{…},"sequence":n} is put; free it with
 *   strowger_buf_free(). `sequence` counts the agent's notifications. {"channel","lagged":true,"sequence"}
 *   says that the queue had overflowed and was emptied: list anew.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_DONE if none came in time, or if the engine was closed and none is left;
 *   or one of the errors of every call.
 * @par Threads: any, several at once; each notification goes to one of them.
 * @since 0.1
 */
strowger_status strowger_subscription_next(strowger_subscription *subscription,
                                           uint32_t timeout_ms,
                                           strowger_buf **note,
                                           strowger_error **error);

/**
 * A descriptor that is readable exactly while a notification waits, for poll, select and epoll. Made on
 * the first call.
 *
 * @param subscription the subscription, or NULL.
 * @return the descriptor, which lives as long as the subscription: never read from it and never close it.
 *   -1 for NULL, after a panic, from inside a callback, or if the process has no descriptor left.
 * @par Threads: any, several at once.
 * @since 0.1
 */
int strowger_subscription_fd(const strowger_subscription *subscription);

/**
 * Ends a subscription. Its descriptor is closed: take it out of your event loop before.
 *
 * @param subscription a subscription that was not released yet, or NULL, which does nothing. No other call
 *   with this handle may be under way.
 * @par Threads: any. From inside a callback it does nothing.
 * @since 0.1
 */
void strowger_subscription_free(strowger_subscription *subscription);

/**
 * Takes in what a customer wrote: a new interaction that waits in its queue.
 *
 * @param engine the engine.
 * @param channel the channel's name.
 * @param inbound_json {"id"?,"from","message","receivedDate"?,"queuePath","userData"?:{…},"contactId"?,
 *   "externalId"?}. With the `externalId` (the platform's id) of an earlier call nothing new is made: the
 *   first interaction's id comes back.
 * @param id where the interaction's id is put; free it with strowger_buf_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_DOCUMENT, STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_NOT_FOUND for a
 *   queue that was not declared, STROWGER_ERR_OUT_OF_RANGE, STROWGER_ERR_ALREADY_EXISTS for an id that is
 *   taken, STROWGER_ERR_STORE, STROWGER_ERR_INTERNAL or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_receive(strowger_engine *engine,
                                 strowger_str channel,
                                 strowger_str inbound_json,
                                 strowger_buf **id,
                                 strowger_error **error);

/**
 * Offers a queued interaction to an agent, who then sees it as Invited. It leaves the queue.
 *
 * @param engine the engine.
 * @param id the interaction's id.
 * @param agent_id the id of an agent that was opened at some time.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_NOT_FOUND, STROWGER_ERR_CONFLICT if it does not wait in a queue (it
 *   was offered already, say), STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_offer(strowger_engine *engine,
                               strowger_str id,
                               strowger_str agent_id,
                               strowger_error **error);

/**
 * Takes an offer back: the interaction returns to where it came from.
 *
 * @param engine the engine.
 * @param id the interaction's id.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_NOT_FOUND, STROWGER_ERR_CONFLICT if it is not offered or was accepted
 *   already, STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_revoke(strowger_engine *engine,
                                strowger_str id,
                                strowger_error **error);

/**
 * The oldest interaction that waits in a queue. It stays there until strowger_offer() takes it out.
 *
 * @param engine the engine.
 * @param queue_path the queue, as "/queues/support".
 * @param id where the interaction's id is put; free it with strowger_buf_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_DONE if nothing waits there; STROWGER_ERR_INVALID for what is no path of
 *   a queue, STROWGER_ERR_NOT_FOUND for a queue that was not declared, STROWGER_ERR_STORE or one of the
 *   errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_queue_next(strowger_engine *engine,
                                    strowger_str queue_path,
                                    strowger_buf **id,
                                    strowger_error **error);

/**
 * Who last had to do with a contact on a channel, as recorded by `saveLAR`.
 *
 * @param engine the engine.
 * @param contact_id the contact's id.
 * @param channel the channel's name.
 * @param agent_json where {"id","channel","timeMs"} is put; free it with strowger_buf_free().
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_DONE if nobody had; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE or
 *   one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_last_agent(strowger_engine *engine,
                                    strowger_str contact_id,
                                    strowger_str channel,
                                    strowger_buf **agent_json,
                                    strowger_error **error);

/**
 * Makes deliveries through plugins, on this thread. A program that has plugins calls it in a loop, on one
 * thread or several; deliveries of one account are made one after the other.
 *
 * @param engine the engine.
 * @param max how many deliveries to make at most.
 * @param timeout_ms how long to wait for the first one, in milliseconds; the others are not waited for.
 * @param delivered where the number of deliveries that were worked on is put, whatever came of them; 0 if
 *   there was nothing to do.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_STORE or one of the errors of every call. What a platform refuses is
 *   no error of this call: the agent is notified.
 * @par Threads: any, several at once. strowger_engine_close() on another thread ends the wait.
 * @since 0.1
 */
strowger_status strowger_deliver(strowger_engine *engine,
                                 uint32_t max,
                                 uint32_t timeout_ms,
                                 uint32_t *delivered,
                                 strowger_error **error);

/**
 * The next delivery of a channel that the program runs itself. From here on it counts as begun: make it
 * once, and settle it with strowger_delivery_settle().
 *
 * @param engine the engine.
 * @param channel the name of a channel from the configuration's "manifests".
 * @param timeout_ms how long to wait for one, in milliseconds.
 * @param delivery_json where {"deliveryId","interactionId"?,"channel","agentId","queuePath"?,"attempt",
 *   "from","message","extras":{…},"userData":{…},"parent"?:{…},"operation"?:{…}} is put; free it with
 *   strowger_buf_free(). With "unresolved":true the attempt was under way when an earlier process ended:
 *   don't make it again, find out what became of it, and settle it as published, absent or unknown.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_DONE if none came in time; STROWGER_ERR_UNKNOWN_CHANNEL,
 *   STROWGER_ERR_CONFLICT if a plugin runs the channel, STROWGER_ERR_STORE or one of the errors of every
 *   call.
 * @par Threads: any, several at once. strowger_engine_close() on another thread ends the wait.
 * @since 0.1
 */
strowger_status strowger_delivery_next(strowger_engine *engine,
                                       strowger_str channel,
                                       uint32_t timeout_ms,
                                       strowger_buf **delivery_json,
                                       strowger_error **error);

/**
 * Says what became of a delivery that the program made.
 *
 * @param engine the engine.
 * @param delivery_id its `deliveryId`.
 * @param outcome_json one of {"outcome":"published","id","location"?}, {"outcome":"rejected","code",
 *   "message"}, {"outcome":"not-sent","message","retryAfterMs"?} (nothing was sent: it comes again),
 *   {"outcome":"rate-limited","untilMs"}, {"outcome":"unknown","message"} (it may have been published),
 *   {"outcome":"accepted","handle"}, {"outcome":"needs-login","message"}, {"outcome":"absent"},
 *   {"outcome":"done"} (operations such as Follow).
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK, also for the same outcome again; STROWGER_ERR_CONFLICT for another one of
 *   something settled, STROWGER_ERR_DOCUMENT, STROWGER_ERR_INVALID for an outcome that this delivery can't
 *   have, STROWGER_ERR_NOT_FOUND, STROWGER_ERR_STORE or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_delivery_settle(strowger_engine *engine,
                                         strowger_str delivery_id,
                                         strowger_str outcome_json,
                                         strowger_error **error);

/**
 * Forgets ended interactions (Completed or Canceled) as the configuration's "retention" says. A few are
 * forgotten without it whenever one ends and in strowger_deliver(); a program whose agents rest at night
 * calls it then, until it gives 0.
 *
 * Never forgotten is one with a delivery under way, and one that an unfinished one answers. A forgotten one
 * can't be read any more; contacts and last agents stay, and a webhook that comes again within 30 days makes
 * no second interaction.
 *
 * @param engine the engine.
 * @param max how many interactions to forget at most; with a store on disk this call holds up commits as
 *   long as it takes, a few milliseconds for a thousand.
 * @param pruned where the number of forgotten interactions is put; 0 if there was nothing to forget, or
 *   everything is kept.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_STORE, STROWGER_ERR_INTERNAL if the store takes no changes, or one of
 *   the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_prune(strowger_engine *engine,
                               uint32_t max,
                               uint32_t *pruned,
                               strowger_error **error);

/**
 * Goes on with an account that waits because the platform did not accept its credentials or wanted it left
 * alone. An account that waits does so after a restart as well: call this when its credentials have changed.
 *
 * @param engine the engine.
 * @param channel the channel's name.
 * @param account the account's name. One that does not wait is left as it is.
 * @param error where an error is put; may be NULL.
 * @return STROWGER_OK; STROWGER_ERR_UNKNOWN_CHANNEL, STROWGER_ERR_STORE, STROWGER_ERR_INTERNAL if the store
 *   takes no changes (then it waits on), or one of the errors of every call.
 * @par Threads: any, several at once.
 * @since 0.1
 */
strowger_status strowger_account_resume(strowger_engine *engine,
                                        strowger_str channel,
                                        strowger_str account,
                                        strowger_error **error);

/**
 * Sets the function that takes the log of this process, engines with a log function of their own aside.
 *
 * @param log the function; NULL for none, which is how it is at the start.
 * @param user_data passed to it; the library never looks at it.
 * @param drop called once with `user_data` when the library is done with it: when the function was
 *   replaced and no thread is inside it any more, or at once if `log` is NULL. May be NULL.
 * @par Threads: any. From inside a callback it does nothing, and `drop` is not called.
 * @since 0.1
 */
void strowger_log_set(strowger_log_fn log,
                      void *user_data,
                      void (*drop)(void *user_data));

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* STROWGER_H */
