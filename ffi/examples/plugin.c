/*
 * A complete channel plugin in C: it posts each message to a webhook address. The same in Rust is
 * channels/sdk/examples/webhook.rs.
 *
 *     cc -std=c99 -fPIC -shared -fvisibility=hidden $(pkg-config --cflags strowger) -o libwebhook.so plugin.c
 *
 *     { "base_url": "https://hooks.example.org/inbox", "token": { "env": "HOOK_TOKEN" }, "account": "inbox" }
 *
 * The receiver gets {"deliveryId", "agentId", "message"} with the token as a bearer, and answers with 2xx and
 * {"id": "..."}.
 *
 * No JSON library is used: what is read from one document is only ever copied into another, so strings stay
 * escaped as they came. SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <strowger_channel.h>

#define MAX_TEXT 4096
#define PAUSE_MS 60000

/* ---- Reading JSON ------------------------------------------------------------------------------------- */

static const char *skip_space(const char *at, const char *end) {
  while (at < end && (*at == ' ' || *at == '\t' || *at == '\n' || *at == '\r')) at++;
  return at;
}

/* The position behind a string that begins at `at`; `end` if it is cut off. */
static const char *skip_string(const char *at, const char *end) {
  for (at++; at < end; at++) {
    if (*at == '\\' && at + 1 < end) at++;
    else if (*at == '"') return at + 1;
  }
  return end;
}

/* The position behind a value that begins at `at`. */
static const char *skip_value(const char *at, const char *end) {
  size_t depth = 0;
  while (at < end) {
    if (*at == '"') {
      at = skip_string(at, end);
    } else if (*at == '{' || *at == '[') {
      depth++;
      at++;
      continue;
    } else if (*at == '}' || *at == ']') {
      if (depth == 0) return at;
      depth--;
      at++;
    } else if (depth == 0 && (*at == ',' || *at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) {
      return at;
    } else {
      at++;
      continue;
    }
    if (depth == 0) return at;
  }
  return end;
}

/* One member of an object. `at` goes on to the next one; 0 when there is none. */
static int next_member(const char **at, const char *end, strowger_str *name, strowger_str *value) {
  const char *here = skip_space(*at, end), *behind;
  if (here < end && (*here == '{' || *here == ',')) here = skip_space(here + 1, end);
  if (here >= end || *here != '"') return 0;
  behind = skip_string(here, end);
  if (behind - here < 2) return 0;
  name->ptr = here + 1;
  name->len = (size_t)(behind - here) - 2;
  here = skip_space(behind, end);
  if (here >= end || *here != ':') return 0;
  here = skip_space(here + 1, end);
  behind = skip_value(here, end);
  value->ptr = here;
  value->len = (size_t)(behind - here);
  *at = skip_space(behind, end);
  return 1;
}

static int is(strowger_str text, const char *word) {
  return text.len == strlen(word) && memcmp(text.ptr, word, text.len) == 0;
}

/* The value of a member as it stands in the document; empty if there is none. */
static strowger_str member(strowger_str object, const char *wanted) {
  const char *at = object.ptr, *end = object.ptr + object.len;
  strowger_str name, value, none = { NULL, 0 };
  if (object.len == 0) return none;
  while (next_member(&at, end, &name, &value))
    if (is(name, wanted)) return value;
  return none;
}

/* What stands between the quotes of a string, still escaped; empty if it is no string. */
static strowger_str unquoted(strowger_str value) {
  strowger_str none = { NULL, 0 };
  if (value.len < 2 || value.ptr[0] != '"' || value.ptr[value.len - 1] != '"') return none;
  value.ptr++;
  value.len -= 2;
  return value;
}

static long number(strowger_str value) {
  long result = 0;
  size_t at;
  for (at = 0; at < value.len && value.ptr[at] >= '0' && value.ptr[at] <= '9' && result < 100000; at++)
    result = result * 10 + (value.ptr[at] - '0');
  return result;
}

/* ---- Writing JSON ------------------------------------------------------------------------------------- */

/* A text that grows. When memory runs out it stays empty, and `failed` says so. */
struct text {
  char *ptr;
  size_t len, size;
  int failed;
};

static void add(struct text *text, strowger_str more) {
  if (more.len == 0 || text->failed) return;
  if (text->size - text->len < more.len) {
    size_t size = (text->len + more.len) * 2;
    char *grown = realloc(text->ptr, size);
    if (!grown) {
      text->failed = 1;
      return;
    }
    text->ptr = grown;
    text->size = size;
  }
  memcpy(text->ptr + text->len, more.ptr, more.len);
  text->len += more.len;
}

static void add_words(struct text *text, const char *words) {
  strowger_str more;
  more.ptr = words;
  more.len = strlen(words);
  add(text, more);
}

/* ---- The plugin --------------------------------------------------------------------------------------- */

struct strowger_channel {
  const strowger_channel_host *host;
  /* Copies, as they stand in the configuration, without their quotes. */
  char *address, *token, *account;
};

/* There is but one request, so there is nothing to remember. The type must not be empty in C. */
struct strowger_conversation {
  int asked;
};

static void say(const strowger_channel_host *host, strowger_sink *sink, const char *document) {
  strowger_str json;
  json.ptr = document;
  json.len = strlen(document);
  host->emit(sink, json);
}

/* Hands over a document that was put together, and frees it. */
static int32_t hand_over(const strowger_channel_host *host, strowger_sink *sink, struct text *text) {
  strowger_str json;
  json.ptr = text->ptr;
  json.len = text->len;
  if (!text->failed) host->emit(sink, json);
  free(text->ptr);
  return text->failed ? STROWGER_CHANNEL_FAILED : STROWGER_CHANNEL_DONE;
}

static char *copy(strowger_str text) {
  char *copied = malloc(text.len + 1);
  if (!copied) return NULL;
  memcpy(copied, text.ptr, text.len);
  copied[text.len] = '\0';
  return copied;
}

static void destroy(strowger_channel *channel) {
  if (!channel) return;
  free(channel->address);
  free(channel->token);
  free(channel->account);
  free(channel);
}

/* Refuses a configuration: names the member and what belongs there, never what was found. */
static int32_t refuse(const strowger_channel_host *host, strowger_sink *error, const char *problem) {
  struct text text = { NULL, 0, 0, 0 };
  add_words(&text, "{\"message\":\"configuration: ");
  add_words(&text, problem);
  add_words(&text, "\"}");
  return hand_over(host, error, &text) == STROWGER_CHANNEL_DONE ? STROWGER_CHANNEL_REFUSED
                                                                : STROWGER_CHANNEL_FAILED;
}

static int begins(strowger_str text, const char *lead) {
  return text.len > strlen(lead) && memcmp(text.ptr, lead, strlen(lead)) == 0;
}

static int32_t create(const strowger_channel_host *host, strowger_str config, strowger_sink *error,
                      strowger_channel **out) {
  const char *at = config.ptr, *end = config.ptr + config.len;
  strowger_str name, value, address, token, account;
  strowger_channel *channel;
  size_t i;
  while (next_member(&at, end, &name, &value))
    if (!is(name, "base_url") && !is(name, "token") && !is(name, "account"))
      return refuse(host, error, "there is a member that is not known here; known are `base_url`, `token`, `account`");
  address = unquoted(member(config, "base_url"));
  token = unquoted(member(config, "token"));
  account = unquoted(member(config, "account"));
  if (!begins(address, "https://") && !begins(address, "http://127.0.0.1"))
    return refuse(host, error, "`base_url` must be https, or a loopback address");
  for (i = 0; i < token.len; i++)
    if (token.ptr[i] <= ' ' || token.ptr[i] == '\\' || token.ptr[i] == 127) break;
  if (token.len == 0 || i < token.len)
    return refuse(host, error, "`token` must be a token without white space");
  if (account.len == 0) return refuse(host, error, "`account` must be a string that is not empty");
  channel = calloc(1, sizeof *channel);
  if (!channel) return STROWGER_CHANNEL_FAILED;
  channel->host = host;
  channel->address = copy(address);
  channel->token = copy(token);
  channel->account = copy(account);
  if (!channel->address || !channel->token || !channel->account) {
    destroy(channel);
    return STROWGER_CHANNEL_FAILED;
  }
  *out = channel;
  return STROWGER_CHANNEL_DONE;
}

/* Everything that the engine must know of the channel: it has no line of its own about it. */
static int32_t manifest(strowger_channel *channel, strowger_sink *out) {
  struct text text = { NULL, 0, 0, 0 };
  add_words(&text,
            "{\"channels\":[{\"channel\":\"webhook\",\"collections\":[\"webhooks\"],\"listMember\":\"webhooks\","
            "\"resource\":\"webhook\",\"uriPath\":\"webhook\",\"topic\":\"/v2/me/webhook\","
            "\"messageType\":\"WebhookStateChangeMessage\",\"savedType\":\"WebhookSaved\","
            "\"directionMember\":\"webhookType\",\"accounts\":[{\"name\":\"");
  add_words(&text, channel->account);
  add_words(&text, "\"}]}]}");
  return hand_over(channel->host, out, &text);
}

/* Refuses at once what could never be sent: the agent reads why. */
static int32_t check(strowger_channel *channel, strowger_str name, strowger_str account, strowger_str text,
                     strowger_str extras_json, strowger_sink *refusal) {
  const char *end = text.ptr + text.len;
  (void)name;
  (void)account;
  (void)extras_json;
  if (text.len == 0 || skip_space(text.ptr, end) == end) {
    say(channel->host, refusal, "{\"code\":2,\"message\":\"a message must have a text\"}");
    return STROWGER_CHANNEL_REFUSED;
  }
  if (text.len > MAX_TEXT) {
    char document[128];
    snprintf(document, sizeof document, "{\"code\":10,\"message\":\"the text has %lu bytes, %d are allowed\"}",
             (unsigned long)text.len, MAX_TEXT);
    say(channel->host, refusal, document);
    return STROWGER_CHANNEL_REFUSED;
  }
  return STROWGER_CHANNEL_DONE;
}

#define OUTCOME(members) "{\"step\":\"outcome\",\"outcome\":{\"outcome\":" members "}}"

static int32_t begin(strowger_channel *channel, strowger_str job, strowger_sink *step,
                     strowger_conversation **out) {
  static const char *const members[] = { "deliveryId", "agentId", "message" };
  struct text text = { NULL, 0, 0, 0 };
  strowger_str kind = unquoted(member(job, "kind"));
  size_t i;
  *out = calloc(1, sizeof **out);
  if (!*out) return STROWGER_CHANNEL_FAILED;
  if (is(kind, "reconcile")) {
    /* The receiver can't be asked what it has: the honest answer is that nobody can tell. */
    say(channel->host, step, OUTCOME("\"cannot-tell\",\"message\":\"a webhook can't be read back\""));
    return STROWGER_CHANNEL_DONE;
  }
  if (!is(kind, "publish")) {
    say(channel->host, step,
        OUTCOME("\"rejected\",\"code\":\"unsupported\",\"message\":\"a webhook takes messages only\""));
    return STROWGER_CHANNEL_DONE;
  }
  /* Marked: the engine records the intent before this request is made, and makes it once. */
  add_words(&text, "{\"step\":\"request\",\"marked\":true,\"request\":{\"method\":\"POST\",\"url\":\"");
  add_words(&text, channel->address);
  add_words(&text, "\",\"headers\":[[\"authorization\",\"Bearer ");
  add_words(&text, channel->token);
  add_words(&text, "\"]],\"timeoutMs\":30000,\"body\":{\"kind\":\"json\",\"json\":{");
  for (i = 0; i < sizeof members / sizeof *members; i++) {
    strowger_str value = member(job, members[i]);
    add_words(&text, i ? ",\"" : "\"");
    add_words(&text, members[i]);
    add_words(&text, "\":");
    if (value.len) add(&text, value);
    else add_words(&text, "\"\"");
  }
  add_words(&text, "}}}}");
  return hand_over(channel->host, step, &text);
}

/* What the answer means. */
static int32_t resume(strowger_channel *channel, strowger_conversation *conversation, strowger_str result,
                      strowger_str body, strowger_sink *step) {
  const strowger_channel_host *host = channel->host;
  strowger_str kind = unquoted(member(result, "result")), id;
  long status = number(member(result, "status"));
  char document[192];
  size_t start = 0;
  (void)conversation;
  if (is(kind, "not-sent")) {
    say(host, step, OUTCOME("\"not-sent\",\"message\":\"the receiver can't be reached\""));
    return STROWGER_CHANNEL_DONE;
  }
  if (!is(kind, "response")) {
    say(host, step, OUTCOME("\"unknown\",\"message\":\"the answer was lost\""));
    return STROWGER_CHANNEL_DONE;
  }
  while (start < body.len && (body.ptr[start] == ' ' || body.ptr[start] == '\n' || body.ptr[start] == '\r')) start++;
  if (status >= 200 && status < 300) {
    struct text text = { NULL, 0, 0, 0 };
    id = unquoted(member(body, "id"));
    /* Cut off, or without an id: perhaps it was taken, perhaps not. Never guess. */
    if (id.len == 0 || body.ptr[start] != '{' || memchr(body.ptr, '}', body.len) == NULL) {
      say(host, step, OUTCOME("\"unknown\",\"message\":\"the receiver answered without an id\""));
      return STROWGER_CHANNEL_DONE;
    }
    add_words(&text, "{\"step\":\"outcome\",\"outcome\":{\"outcome\":\"published\",\"id\":\"");
    add(&text, id);
    add_words(&text, "\"}}");
    return hand_over(host, step, &text);
  }
  if (status == 401) {
    say(host, step, OUTCOME("\"needs-login\",\"message\":\"HTTP 401\""));
  } else if (status == 407) {
    /* Only a proxy says so, and it passes nothing on. */
    say(host, step, OUTCOME("\"not-sent\",\"message\":\"the proxy wants a login\""));
  } else if (status == 429) {
    snprintf(document, sizeof document, OUTCOME("\"rate-limited\",\"untilMs\":%lld"),
             (long long)host->now_ms(host->ctx) + PAUSE_MS);
    say(host, step, document);
  } else if ((status >= 300 && status < 400) || status == 404 || status == 405 || status == 413 ||
             (status >= 400 && status < 500 && status != 408 && (start == body.len || body.ptr[start] == '{'))) {
    snprintf(document, sizeof document, OUTCOME("\"rejected\",\"code\":\"http-%ld\",\"message\":\"HTTP %ld\""),
             status, status);
    say(host, step, document);
  } else {
    /* 408, 5xx, or the page of something in between: it may have been taken. */
    snprintf(document, sizeof document, OUTCOME("\"unknown\",\"message\":\"HTTP %ld\""), status);
    say(host, step, document);
  }
  return STROWGER_CHANNEL_DONE;
}

static void end(strowger_channel *channel, strowger_conversation *conversation) {
  (void)channel;
  free(conversation);
}

static const strowger_channel_plugin plugin = {
  STROWGER_CHANNEL_MAGIC, sizeof(strowger_channel_plugin), STROWGER_CHANNEL_ABI_MAJOR,
  STROWGER_CHANNEL_ABI_MINOR, STROWGER_CHANNEL_FEATURE_HTTP,
  STROWGER_STR_INIT("webhook"), STROWGER_STR_INIT("1.0.0"), STROWGER_STR_INIT("Strowger's examples"),
  create, destroy, manifest, check, begin, resume, end, NULL
};

STROWGER_CHANNEL_EXPORT const strowger_channel_plugin *strowger_channel_entry_v1(void) {
  return &plugin;
}
