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
