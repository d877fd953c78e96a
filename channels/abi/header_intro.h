/**
 * @file strowger_channel.h
 * @brief Write a channel plugin for Strowger: ABI 1.1.
 *
 * Generated from channels/abi; do not edit. SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A plugin is a shared library that carries a contact centre's messages to one platform or a few. It
 * exports one function, strowger_channel_entry_v1(), which returns a static strowger_channel_plugin. It
 * does no I/O, reads no clock and keeps no thread: it is asked for a step, answers with an HTTP request to
 * make (or a wait, or an outcome), is handed the response, and so on. The host makes the requests.
 *
 * @code{.c}
 * #include <strowger_channel.h>
 *
 * static const strowger_channel_plugin plugin = {
 *   STROWGER_CHANNEL_MAGIC, sizeof(strowger_channel_plugin),
 *   STROWGER_CHANNEL_ABI_MAJOR, STROWGER_CHANNEL_ABI_MINOR, STROWGER_CHANNEL_FEATURE_HTTP,
 *   STROWGER_STR_INIT("mine"), STROWGER_STR_INIT("1.0.0"), STROWGER_STR_INIT("example.com"),
 *   create, destroy, manifest, check, begin, resume, end, NULL
 * };
 * const strowger_channel_plugin *strowger_channel_entry_v1(void) { return &plugin; }
 * @endcode
 * @code{.sh}
 * cc -std=c99 -fPIC -shared -fvisibility=hidden -o libstrowger_mine.so mine.c
 * @endcode
 *
 * @section channel_trust Trust
 *
 * A plugin runs inside the host's process, with all the host's rights. The host loads a plugin only by an
 * absolute path, or by its file name in a directory that the host named; the file must be a regular one
 * (not a link), owned by root or by the process's user, not writable by others, and by a group only if that
 * group is the process's own. That guards against accidents and path tricks. It is no sandbox: load only
 * what you would link. A library is never unloaded. `$ORIGIN` in a library's run path doesn't work.
 *
 * @section channel_negotiation Negotiation
 *
 * Before anything else is called the host checks, in this order: the symbol, `magic`, `abi_major` (equal),
 * `struct_size` (a shorter descriptor is read as if the rest were zero, a longer one is cut), the mandatory
 * functions, `needs` (each bit must be among the host's `features`), and the name if it expects one. It
 * refuses the plugin with the exact reason if one doesn't hold. Structs grow at their end only; a member
 * beyond the host's `struct_size` isn't there.
 *
 * @section channel_threads Threads
 *
 * The functions of one instance may be called on several threads at once. Those of one conversation are
 * called on one thread at a time, not always the same. `destroy` is called when no other call is under way.
 * The host's functions may be called on any thread from inside a call that the host makes, and at no other
 * time. Conversations die with the process: a job must be doable from its document alone.
 *
 * @section channel_memory Memory
 *
 * Each side frees what it allocated. A strowger_str that is passed to a function is borrowed until that
 * function returns. A plugin hands a document over by `host->emit(sink, json)`, which copies at once, at
 * most once in a call that has a sink: a second document is ignored and logged as a fault. A document is
 * UTF-8 JSON of at most 8 MiB. The host struct stays valid until `destroy` returns.
 *
 * @section channel_statuses Statuses
 *
 * A function that returns an `int32_t` returns STROWGER_CHANNEL_DONE (0), STROWGER_CHANNEL_REFUSED (1: a
 * document that says why was emitted) or a negative failure: STROWGER_CHANNEL_FAILED (-1),
 * STROWGER_CHANNEL_BAD_DOCUMENT (-2), STROWGER_CHANNEL_PANICKED (-3), STROWGER_CHANNEL_BROKEN (-4). Any
 * other value counts as -1. After -3 or -4 the instance is not called again, not even to destroy it. A
 * failing `check` refuses the message; a failing conversation ends as `not-sent` before its marked request
 * was made, and as `unknown` after. C++ exceptions and panics must not leave a function.
 *
 * @section channel_config Configuration
 *
 * `create` is handed the configuration document that the operator wrote for this plugin: an object. The
 * plugin decides what it holds; unknown members should be refused with their names. Two members mean
 * something to the host, wherever they stand: every string `base_url` is a base address that the plugin may
 * send requests to, and `allow_plain_http: true` beside or around it permits `http:` to a host that is not
 * this machine. An object `{"env": "NAME"}` or `{"file": "/path"}` in the place of a string was replaced by
 * that value before. On refusal emit `{"message": "what is wrong, where, and what would be right"}`, without
 * any value of the configuration.
 *
 * @section channel_manifest The manifest
 *
 * `manifest` emits what the plugin serves; it is asked once, after `create`.
 *
 *     { "channels": [ {
 *         "channel": "twitter",                    the name used in calls, jobs and logs
 *         "collections": ["tweets", "twitter"],    path segments below /api/v2/me; the first is canonical
 *         "listMember": "tweets",                  the array's name in a listing
 *         "resource": "twitter",                   the resource's name in notifications and requests
 *         "uriPath": "tweet",                      {base}/api/v2/{uriPath}/{id}
 *         "topic": "/v2/me/twitter",               the topic of notifications
 *         "messageType": "TwitterStateChangeMessage", "savedType": "TwitterSaved",
 *         "directionMember": "twitterType",        the member that says Inbound or Outbound
 *         "operationResponseType": "TwitterOperationResponse",   if an operation is done on the collection
 *         "replyUserData": { "To": "{parent.KEY}" },   user data of a reply's draft
 *         "replyNeeds": ["KEY", ["A", "B"]],       user data that a parent must have to be replied to
 *         "replyParameters": [ { "name": "commentId", "kind": "string", "userData": "KEY" } ],
 *         "mirrorFrom": "FromAddress",             the user-data key that mirrors `from`, if one does
 *         "operations": [ { "name": "Retweet", "in": ["Processing"], "parameters": { "from": "optional" } },
 *                         { "name": "Follow", "in": ["collection"], "parameters": { "id": "required" } } ],
 *         "limits": { "attachments": 4 },
 *         "secrets": ["x-api-key", "appsecret_proof"],   headers, form fields, JSON members and query
 *                                                  parameters that are blotted out of the host's log
 *         "accounts": [ { "name": "support", "operations": ["Retweet"], "onUnknown": "ask",
 *                         "sendUserData": { "KEY": "{agent.id}" }, "sendDefaults": { } } ]
 *       } ],
 *       "bases": ["https://api.example.com/v2"] }  where requests may go beside the configured base_urls
 *
 * List only what the plugin really does.
 *
 * @section channel_check Checking
 *
 * `check` judges a message on the thread of the agent who sends it. It returns 0 and emits nothing, or
 * returns 1 and emits `{"code": 2, "message": "…"}`: 2 for an invalid message, 10 for one that is out of
 * range (too long, too many attachments). The extras document is an object: what the request carried
 * beside its text.
 *
 * @section channel_jobs Jobs
 *
 * `begin` is handed a job:
 *
 *     { "kind": "publish", "deliveryId": "…", "interactionId": "…", "channel": "…", "account": "…",
 *       "agentId": "…", "queuePath": "…", "message": "…", "extras": { … }, "userData": { … },
 *       "parent": { "id", "from", "message", "userData" },
 *       "attempt": { "number": 1, "startedMs": 1700000000000, "endedMs": 1700000001000 }, … }
 *
 * `interactionId`, `queuePath`, `parent` and `endedMs` may be missing. The kinds:
 *
 *   - `publish`: publish the message. Ends in any outcome but `done`, `absent` and `cannot-tell`.
 *   - `operation`, with `"operation": {"name", "parameters"}`: ends in `done`, `rejected`, `not-sent`,
 *     `rate-limited`, `needs-login` or `unknown`.
 *   - `poll`, with the `"handle"` of an earlier `accepted`: ask what became of it. Ends in `published`,
 *     `accepted` (again) or `rejected`. It makes no marked request.
 *   - `reconcile`: `attempt` was made and its answer lost; read the platform back. `"known"` lists platform
 *     ids already recorded for other messages of the account. Ends in `published`, `absent` (only if that is
 *     certain) or `cannot-tell`. It makes no marked request.
 *
 * An outcome that doesn't belong to the job's kind is a fault of the plugin.
 *
 * @section channel_steps Steps
 *
 * `begin` and `resume` emit one step. Unknown members are a fault that names them. Times are in
 * milliseconds.
 *
 *     { "step": "request", "marked": true,
 *       "request": { "method": "POST", "url": "https://…", "headers": [["authorization", "…"]],
 *                    "timeoutMs": 30000, "body": BODY } }
 *     { "step": "wait", "ms": 2000 }
 *     { "step": "keep-secret", "name": "…", "value": "…" }       needs STROWGER_CHANNEL_FEATURE_KEEP_SECRET
 *     { "step": "stat-file", "file": "a.png" }      since 1.1; needs STROWGER_CHANNEL_FEATURE_FILE_FACTS
 *     { "step": "fetch-file", "url": "https://…", "maxBytes": 5242880 }   since 1.1; needs …_FEATURE_FETCH
 *     { "step": "outcome", "outcome": OUTCOME, "userData": { … }, "throttle": { "untilMs": … } }
 *
 * `marked` (default false) says that this request publishes: it is the point of no return. The host records
 * durably that it is about to be made, makes it on a fresh connection, and never repeats or redirects it.
 * There is at most one in a conversation. `headers`, `timeoutMs` and `body` may be missing. The method is
 * GET, HEAD, POST, PUT, PATCH or DELETE. The host itself sets `host`, `content-length` and what else
 * concerns the connection. BODY is one of
 *
 *     { "kind": "none" }
 *     { "kind": "json", "json": … }                              sent as it was written
 *     { "kind": "json", "json": { … }, "files": [ { "member": "media", "file": "a.png", "offset": 0,
 *         "length": 1000000 } ] }                                since 1.1, see below
 *     { "kind": "form", "fields": [["name", "value"]] }          application/x-www-form-urlencoded
 *     { "kind": "multipart", "parts": [ { "name": "…", "text": "…" },
 *         { "name": "…", "file": "a.png", "offset": 0, "length": 1000000, "filename": "a.png",
 *           "contentType": "image/png" } ] }
 *
 * Parts from files need STROWGER_CHANNEL_FEATURE_FILES; `file` is a relative path beneath the host's
 * attachments directory; `offset` and `length` may be missing (from the beginning; to the end). A file that
 * can't be read ends the conversation as `rejected` with the code `attachment`. So it is with `stat-file`,
 * which asks how long a file is and what its first bytes show it to be. `files` adds members to a JSON object,
 * in order, each a piece of a file in base64 (RFC 4648, section 4); a member that is there already is a fault.
 * Both need STROWGER_CHANNEL_FEATURE_FILE_FACTS.
 *
 * `fetch-file` has the host get what an address leads to, which a message named: only by https, only from
 * public addresses (judged after the name was resolved) or servers that the host's operator names, without
 * following redirects and without any header of the plugin's. The result's `file` is a name that stands for it
 * until the conversation ends. What can't be had for good ends the conversation as `rejected` with the code
 * `attachment`.
 *
 * Requests go only to the base addresses: same scheme, host and port, and a path below the base's, without
 * `.` and `..`. Any other address is a fault. `keep-secret` stores a value (a refreshed token) durably before
 * the conversation goes on; when the plugin is loaded again, it stands in the member of that name of the
 * account's `auth`, unless another one was configured meanwhile. `userData` and `throttle` of an outcome may be missing; a throttle makes the
 * engine leave that account alone until then.
 *
 * @section channel_results Results
 *
 * `resume` is handed what became of the step, and the body's bytes (at most 4 MiB) beside it:
 *
 *     { "result": "response", "status": 201, "headers": [["content-type", "application/json"]] }
 *     { "result": "not-sent", "message": "…" }     no byte of the request was written
 *     { "result": "broken", "message": "…" }       any later failure: it may or may not have been executed
 *     { "result": "waited" }
 *     { "result": "kept" }
 *     { "result": "file", "size": 12345, "contentType": "image/png" }   since 1.1; no type if it is not known;
 *                                                  after `fetch-file` with a member "file"
 *
 * Statuses of 300 and above are responses like any other.
 *
 * @section channel_outcomes Outcomes
 *
 *     { "outcome": "published", "id": "…", "location": "https://…" }
 *     { "outcome": "accepted", "handle": … }              the platform works on it; a `poll` asks later
 *     { "outcome": "rejected", "code": "…", "message": "…" }   for good; nothing was published
 *     { "outcome": "needs-login", "message": "…" }        the credentials were refused; nothing was published
 *     { "outcome": "rate-limited", "untilMs": … }         nothing was published; not before then
 *     { "outcome": "not-sent", "message": "…", "retryAfterMs": … }   no byte was written; safe to try again
 *     { "outcome": "unknown", "message": "…" }            it may or may not have been published
 *     { "outcome": "absent" }                             of a `reconcile`: certainly not published
 *     { "outcome": "cannot-tell", "message": "…" }        of a `reconcile`
 *     { "outcome": "done" }                               of an `operation`
 *
 * Say `unknown` whenever there is doubt: a lost answer, a 5xx, a 2xx without an id, a body cut off. The
 * engine then reads the platform back. Nothing is ever sent again by guessing. `not-sent` after a marked
 * request of which bytes were written is taken as `unknown`.
 *
 * @section channel_ingest Webhooks
 *
 * `ingest`, if there is one, reads a platform's request as it came in:
 * `{"method", "path", "query", "headers": [["k", "v"]]}`, with the raw bytes in `body`, for signatures are
 * over bytes. It emits
 *
 *     { "answer": { "status": 200, "headers": [], "body": "" },
 *       "inbound": [ { "channel": "twitter", "from": "…", "message": "…", "externalId": "…" } ] }
 *
 * A bad signature is an answer with 401 or 403 and nothing inbound. Compare signatures in constant time.
 */
