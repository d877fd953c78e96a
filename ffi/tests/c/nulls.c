/*
 * Every function with every pointer NULL, and with every string NULL with a length, too long, not UTF-8 and
 * empty: a status each time, never a crash, and no output written. A test holds that no function is missing.
 */
#include "check.h"

static int unwritten;
#define UNWRITTEN ((void *)&unwritten)

/* Every output starts as a sentinel, and is looked at after each failure. */
static strowger_engine *engine_out;
static strowger_agent *agent_out;
static strowger_subscription *subscription_out;
static strowger_buf *buf_out;
static bool bool_out;
static uint32_t count_out;

static void reset(void) {
  engine_out = UNWRITTEN;
  agent_out = UNWRITTEN;
  subscription_out = UNWRITTEN;
  buf_out = UNWRITTEN;
  bool_out = true;
  count_out = 12345;
}

static void unchanged(const char *call) {
  if ((void *)engine_out != UNWRITTEN || (void *)agent_out != UNWRITTEN || (void *)subscription_out != UNWRITTEN ||
      (void *)buf_out != UNWRITTEN || !bool_out || count_out != 12345) {
    fprintf(stderr, "%s: failed, and wrote an output\n", call);
    exit(1);
  }
}

#define FAILS(wanted, call)                              \
  do {                                                   \
    reset();                                             \
    expect(__FILE__, __LINE__, #call, (wanted), (call)); \
    unchanged(#call);                                    \
  } while (0)

/* The same call without a place for the error. */
#define FAILS_SILENTLY(wanted, call) \
  do {                               \
    reset();                         \
    CHECK((call) == (wanted));       \
    unchanged(#call);                \
  } while (0)

#define NULL_POINTER(call) FAILS(STROWGER_ERR_NULL, call)

/* The call names the string `x`; empty strings have the status `when_empty`. */
static strowger_str x;
#define STRING_OF(size, when_empty, call)   \
  do {                                      \
    x.ptr = NULL;                           \
    x.len = 1;                              \
    FAILS(STROWGER_ERR_NULL, call);         \
    x = text("\xff\xfe");                   \
    FAILS(STROWGER_ERR_UTF8, call);         \
    x.len = (size) + 1;                     \
    FAILS(STROWGER_ERR_TOO_LONG, call);     \
    x.len = SIZE_MAX;                       \
    FAILS(STROWGER_ERR_TOO_LONG, call);     \
    x.ptr = NULL;                           \
    FAILS(STROWGER_ERR_TOO_LONG, call);     \
    x.len = 0;                              \
    FAILS(when_empty, call);                \
  } while (0)
#define NAME(when_empty, call) STRING_OF((size_t)4 << 10, when_empty, call)
#define DOCUMENT(when_empty, call) STRING_OF((size_t)64 << 20, when_empty, call)

static const strowger_str NOTHING = {NULL, 0};

int main(void) {
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL;
  strowger_subscription *subscription = NULL;
  strowger_buf *buf = NULL;
  strowger_host host;
  const strowger_str notes = text("notes"), config = text(NOTES_CONFIG), json = text("{}"), a1 = text("a1");

  memset(&host, 0, sizeof host);
  host.struct_size = sizeof host;

  /* Those that can't fail. */
  CHECK(strowger_abi_version() == STROWGER_ABI_VERSION);
  CHECK(strowger_version().len > 0);
  CHECK(strowger_status_name(12345).len > 0);
  CHECK(strowger_error_message(NULL).len == 0);
  CHECK(strowger_error_status(NULL) == STROWGER_OK);
  strowger_error_free(NULL);
  CHECK(strowger_buf_bytes(NULL).ptr == NULL && strowger_buf_bytes(NULL).len == 0);
  strowger_buf_free(NULL);
  strowger_engine_close(NULL);
  strowger_agent_close(NULL);
  strowger_subscription_free(NULL);
  CHECK(strowger_subscription_fd(NULL) == -1);
  strowger_log_set(NULL, NULL, NULL);
  CHECK(strowger_http_answer_header(NULL, a1, a1) == STROWGER_ERR_NULL);
  CHECK(strowger_http_answer_body(NULL, a1) == STROWGER_ERR_NULL);
  CHECK(strowger_http_answer_message(NULL, a1) == STROWGER_ERR_NULL);

  /* Opening. An empty configuration is an empty object: looked at by itself. */
  NULL_POINTER(strowger_engine_open(config, NULL, &error));
  FAILS_SILENTLY(STROWGER_ERR_NULL, strowger_engine_open(config, NULL, NULL));
  FAILS_SILENTLY(STROWGER_ERR_CONFIG, strowger_engine_open(text("["), &engine_out, NULL));
  FAILS(STROWGER_ERR_CONFIG, strowger_engine_open(text("{\"nmae\":\"x\"}"), &engine_out, &error));
  FAILS(STROWGER_ERR_CONFIG, strowger_engine_open(text("[]"), &engine_out, &error));
  FAILS(STROWGER_ERR_LOAD,
        strowger_engine_open(text("{\"channels\":[{\"path\":\"x.so\",\"config\":{}}]}"), &engine_out, &error));
  STATUS(STROWGER_OK, strowger_engine_open(NOTHING, &engine, &error));
  strowger_engine_close(engine);
  STATUS(STROWGER_OK, strowger_engine_open(config, &engine, &error));
  DOCUMENT(STROWGER_ERR_NULL, strowger_engine_open(x, x.len == 0 ? NULL : &engine_out, &error));

  NULL_POINTER(strowger_engine_open_with(config, NULL, &engine_out, &error));
  NULL_POINTER(strowger_engine_open_with(config, &host, NULL, &error));
  FAILS_SILENTLY(STROWGER_ERR_NULL, strowger_engine_open_with(config, NULL, NULL, NULL));
  DOCUMENT(STROWGER_ERR_NULL, strowger_engine_open_with(x, x.len == 0 ? NULL : &host, &engine_out, &error));
  host.struct_size = 0;
  FAILS(STROWGER_ERR_HOST, strowger_engine_open_with(config, &host, &engine_out, &error));
  host.struct_size = sizeof host - 1;
  FAILS(STROWGER_ERR_HOST, strowger_engine_open_with(config, &host, &engine_out, &error));
  host.struct_size = UINT32_MAX;
  FAILS(STROWGER_ERR_HOST, strowger_engine_open_with(config, &host, &engine_out, &error));

  NULL_POINTER(strowger_channel_load(NULL, text("/x"), json, &error));
  NAME(STROWGER_ERR_LOAD, strowger_channel_load(engine, x, json, &error));
  DOCUMENT(STROWGER_ERR_LOAD, strowger_channel_load(engine, text("/x"), x, &error));
  FAILS_SILENTLY(STROWGER_ERR_LOAD, strowger_channel_load(engine, text("/x"), json, NULL));

  NULL_POINTER(strowger_diagram(NULL, notes, text("dot"), &buf_out, &error));
  NULL_POINTER(strowger_diagram(engine, notes, text("dot"), NULL, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_diagram(engine, x, text("dot"), &buf_out, &error));
  NAME(STROWGER_ERR_INVALID, strowger_diagram(engine, notes, x, &buf_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_INVALID, strowger_diagram(engine, notes, notes, &buf_out, NULL));

  {
    const strowger_str request = text("{\"method\":\"GET\",\"path\":\"/\"}");
    NULL_POINTER(strowger_ingest(NULL, notes, request, NOTHING, &buf_out, &error));
    NULL_POINTER(strowger_ingest(engine, notes, request, NOTHING, NULL, &error));
    NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_ingest(engine, x, request, NOTHING, &buf_out, &error));
    DOCUMENT(STROWGER_ERR_DOCUMENT, strowger_ingest(engine, notes, x, NOTHING, &buf_out, &error));
    /* The body is bytes: what is no text gets as far as the channel, which has no webhooks. */
    x = text("\xff\xfe");
    FAILS(STROWGER_ERR_CHANNEL, strowger_ingest(engine, notes, request, x, &buf_out, &error));
    x.len = SIZE_MAX;
    FAILS(STROWGER_ERR_TOO_LONG, strowger_ingest(engine, notes, request, x, &buf_out, &error));
    x.ptr = NULL;
    x.len = 1;
    FAILS(STROWGER_ERR_NULL, strowger_ingest(engine, notes, request, x, &buf_out, &error));
    FAILS_SILENTLY(STROWGER_ERR_CHANNEL, strowger_ingest(engine, notes, request, NOTHING, &buf_out, NULL));
  }

  /* Agents. */
  NULL_POINTER(strowger_agent_open(NULL, text(AGENT), &agent_out, &error));
  NULL_POINTER(strowger_agent_open(engine, text(AGENT), NULL, &error));
  DOCUMENT(STROWGER_ERR_DOCUMENT, strowger_agent_open(engine, x, &agent_out, &error));
  FAILS(STROWGER_ERR_DOCUMENT, strowger_agent_open(engine, text("{\"id\":\"a\",\"x\":1}"), &agent_out, &error));
  FAILS(STROWGER_ERR_DOCUMENT, strowger_agent_open(engine, text("[\"a1\",[]]"), &agent_out, &error));
  FAILS(STROWGER_ERR_INVALID, strowger_agent_open(engine, text("{\"id\":\"\"}"), &agent_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_DOCUMENT, strowger_agent_open(engine, json, &agent_out, NULL));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));

  NULL_POINTER(strowger_perform(NULL, notes, NOTHING, json, &buf_out, &error));
  NULL_POINTER(strowger_perform(agent, notes, NOTHING, json, NULL, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_perform(agent, x, NOTHING, json, &buf_out, &error));
  NAME(STROWGER_ERR_NULL, strowger_perform(agent, notes, x, json, x.len == 0 ? NULL : &buf_out, &error));
  DOCUMENT(STROWGER_ERR_NULL, strowger_perform(agent, notes, NOTHING, x, x.len == 0 ? NULL : &buf_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_perform(agent, a1, NOTHING, json, &buf_out, NULL));
  CHECK(holds(perform(agent, "", ""), "\"statusCode\":2"));

  NULL_POINTER(strowger_read(NULL, notes, a1, &buf_out, &error));
  NULL_POINTER(strowger_read(agent, notes, a1, NULL, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_read(agent, x, a1, &buf_out, &error));
  NAME(STROWGER_ERR_NOT_FOUND, strowger_read(agent, notes, x, &buf_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_NOT_FOUND, strowger_read(agent, notes, a1, &buf_out, NULL));

  NULL_POINTER(strowger_list(NULL, notes, &buf_out, &error));
  NULL_POINTER(strowger_list(agent, notes, NULL, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_list(agent, x, &buf_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_list(agent, a1, &buf_out, NULL));

  NULL_POINTER(strowger_can(NULL, notes, NOTHING, text("Create"), &bool_out, &error));
  NULL_POINTER(strowger_can(agent, notes, NOTHING, text("Create"), NULL, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_can(agent, x, NOTHING, text("Create"), &bool_out, &error));
  NAME(STROWGER_ERR_NULL, strowger_can(agent, notes, x, text("Create"), x.len == 0 ? NULL : &bool_out, &error));
  NAME(STROWGER_ERR_NULL, strowger_can(agent, notes, NOTHING, x, x.len == 0 ? NULL : &bool_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_can(agent, a1, NOTHING, a1, &bool_out, NULL));
  STATUS(STROWGER_OK, strowger_can(agent, notes, NOTHING, NOTHING, &bool_out, &error));
  CHECK(!bool_out);

  /* Subscriptions. */
  NULL_POINTER(strowger_subscribe(NULL, text("/v2/me/*"), &subscription_out, &error));
  NULL_POINTER(strowger_subscribe(agent, text("/v2/me/*"), NULL, &error));
  NAME(STROWGER_ERR_INVALID, strowger_subscribe(agent, x, &subscription_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_INVALID, strowger_subscribe(agent, a1, &subscription_out, NULL));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/*"), &subscription, &error));

  NULL_POINTER(strowger_subscribe_from(NULL, text("/v2/me/*"), 0, &subscription_out, &error));
  NULL_POINTER(strowger_subscribe_from(agent, text("/v2/me/*"), 0, NULL, &error));
  NAME(STROWGER_ERR_INVALID, strowger_subscribe_from(agent, x, 0, &subscription_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_INVALID, strowger_subscribe_from(agent, a1, UINT64_MAX, &subscription_out, NULL));

  NULL_POINTER(strowger_subscription_next(NULL, 0, &buf_out, &error));
  NULL_POINTER(strowger_subscription_next(subscription, 0, NULL, &error));
  FAILS_SILENTLY(STROWGER_DONE, strowger_subscription_next(subscription, 0, &buf_out, NULL));

  /* The host's side. */
  {
    const strowger_str inbound =
        text("{\"from\":\"f\",\"message\":\"m\",\"queuePath\":\"/queues/q\",\"externalId\":\"e\"}");
    NULL_POINTER(strowger_receive(NULL, notes, inbound, &buf_out, &error));
    NULL_POINTER(strowger_receive(engine, notes, inbound, NULL, &error));
    NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_receive(engine, x, inbound, &buf_out, &error));
    DOCUMENT(STROWGER_ERR_DOCUMENT, strowger_receive(engine, notes, x, &buf_out, &error));
    FAILS_SILENTLY(STROWGER_ERR_DOCUMENT, strowger_receive(engine, notes, json, &buf_out, NULL));
    /* None of the failed calls has taken anything in. */
    FAILS(STROWGER_DONE, strowger_queue_next(engine, text("/queues/q"), &buf_out, &error));
  }

  NULL_POINTER(strowger_offer(NULL, a1, a1, &error));
  NAME(STROWGER_ERR_NOT_FOUND, strowger_offer(engine, x, a1, &error));
  NAME(STROWGER_ERR_NOT_FOUND, strowger_offer(engine, a1, x, &error));
  FAILS_SILENTLY(STROWGER_ERR_NOT_FOUND, strowger_offer(engine, a1, a1, NULL));

  NULL_POINTER(strowger_revoke(NULL, a1, &error));
  NAME(STROWGER_ERR_NOT_FOUND, strowger_revoke(engine, x, &error));
  FAILS_SILENTLY(STROWGER_ERR_NOT_FOUND, strowger_revoke(engine, a1, NULL));

  NULL_POINTER(strowger_queue_next(NULL, text("/queues/q"), &buf_out, &error));
  NULL_POINTER(strowger_queue_next(engine, text("/queues/q"), NULL, &error));
  NAME(STROWGER_ERR_INVALID, strowger_queue_next(engine, x, &buf_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_INVALID, strowger_queue_next(engine, a1, &buf_out, NULL));

  NULL_POINTER(strowger_last_agent(NULL, a1, notes, &buf_out, &error));
  NULL_POINTER(strowger_last_agent(engine, a1, notes, NULL, &error));
  NAME(STROWGER_DONE, strowger_last_agent(engine, x, notes, &buf_out, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_last_agent(engine, a1, x, &buf_out, &error));
  FAILS_SILENTLY(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_last_agent(engine, a1, a1, &buf_out, NULL));

  /* Delivery. */
  NULL_POINTER(strowger_deliver(NULL, 1, 0, &count_out, &error));
  NULL_POINTER(strowger_deliver(engine, 1, 0, NULL, &error));
  STATUS(STROWGER_OK, strowger_deliver(engine, 0, 0, &count_out, &error));
  CHECK(count_out == 0);

  NULL_POINTER(strowger_prune(NULL, 1, &count_out, &error));
  NULL_POINTER(strowger_prune(engine, 1, NULL, &error));
  STATUS(STROWGER_OK, strowger_prune(engine, 1, &count_out, &error));
  CHECK(count_out == 0);

  NULL_POINTER(strowger_account_resume(NULL, notes, a1, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_account_resume(engine, x, a1, &error));
  NAME(STROWGER_OK, strowger_account_resume(engine, notes, x, &error));
  FAILS_SILENTLY(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_account_resume(engine, a1, a1, NULL));

  NULL_POINTER(strowger_delivery_next(NULL, notes, 0, &buf_out, &error));
  NULL_POINTER(strowger_delivery_next(engine, notes, 0, NULL, &error));
  NAME(STROWGER_ERR_UNKNOWN_CHANNEL, strowger_delivery_next(engine, x, 0, &buf_out, &error));
  FAILS_SILENTLY(STROWGER_DONE, strowger_delivery_next(engine, notes, 0, &buf_out, NULL));

  {
    const strowger_str outcome = text("{\"outcome\":\"done\"}");
    NULL_POINTER(strowger_delivery_settle(NULL, a1, outcome, &error));
    NAME(STROWGER_ERR_NOT_FOUND, strowger_delivery_settle(engine, x, outcome, &error));
    DOCUMENT(STROWGER_ERR_DOCUMENT, strowger_delivery_settle(engine, a1, x, &error));
    FAILS(STROWGER_ERR_DOCUMENT, strowger_delivery_settle(engine, a1, text("[\"done\"]"), &error));
    FAILS_SILENTLY(STROWGER_ERR_DOCUMENT, strowger_delivery_settle(engine, a1, json, NULL));
  }

  strowger_engine_close(engine);
  strowger_subscription_free(subscription);
  strowger_agent_close(agent);
  strowger_buf_free(buf);
  puts("ok");
  return 0;
}
