/* The host's functions: clock, randomness and log; calls from inside them; when `drop` is called. */
#include "check.h"

typedef struct services {
  int64_t now_ms;
  unsigned char next_random;
  int clocked, drawn, lines, dropped;
  int reentrant;
  strowger_engine *engine;
  strowger_agent *agent;
  strowger_subscription *notes;
} services;

/* Every function that could wait for something is refused; those that are exempt work. */
static void call_back(services *own) {
  strowger_buf *buf = NULL;
  strowger_engine *engine = NULL;
  strowger_error *inner = NULL;
  if (own->agent == NULL || own->notes == NULL) {
    return;
  }
  CHECK(strowger_perform(own->agent, text("notes"), text(""), text("{}"), &buf, &inner) ==
        STROWGER_ERR_REENTRANT);
  CHECK(strowger_error_status(inner) == STROWGER_ERR_REENTRANT && buf == NULL);
  strowger_error_free(inner);
  CHECK(strowger_engine_open(text(NOTES_CONFIG), &engine, NULL) == STROWGER_ERR_REENTRANT && engine == NULL);
  CHECK(strowger_subscription_next(own->notes, UINT32_MAX, &buf, NULL) == STROWGER_ERR_REENTRANT);
  CHECK(strowger_subscription_fd(own->notes) == -1);
  strowger_engine_close(own->engine);
  strowger_agent_close(own->agent);
  strowger_subscription_free(own->notes);
  strowger_log_set(NULL, NULL, NULL);
  CHECK(strowger_status_name(STROWGER_OK).len == 11);
  own->reentrant++;
}

static int64_t now_ms(void *user_data) {
  services *own = user_data;
  own->clocked++;
  call_back(own);
  return own->now_ms++;
}

static void draw(void *user_data, uint8_t *out, size_t len) {
  services *own = user_data;
  own->drawn++;
  call_back(own);
  while (len-- > 0) {
    *out++ = own->next_random++;
  }
}

static void line(void *user_data, int32_t level, strowger_str message) {
  services *own = user_data;
  CHECK(level >= STROWGER_LOG_ERROR && level <= STROWGER_LOG_DEBUG && message.len > 0);
  /* What is refused in here is written to the log, by the next call: once is enough. */
  if (own->lines++ == 0) {
    call_back(own);
  }
}

static void drop(void *user_data) {
  services *own = user_data;
  own->dropped++;
}

int main(void) {
  services own, process;
  strowger_host host;
  struct {
    strowger_host known;
    void *unknown;
  } larger;
  strowger_engine *engine = NULL;
  strowger_buf *out = NULL;
  const char *json;
  char id[64];

  memset(&own, 0, sizeof own);
  memset(&process, 0, sizeof process);
  memset(&host, 0, sizeof host);
  own.now_ms = 1425291974000;
  host.struct_size = sizeof host;
  host.user_data = &own;
  host.drop = drop;
  host.now_ms = now_ms;
  host.random = draw;
  host.log = line;

  /* On failure nothing is kept. */
  STATUS(STROWGER_ERR_CONFIG, strowger_engine_open_with(text("[]"), &host, &engine, &error));
  STATUS(STROWGER_ERR_LOAD,
         strowger_engine_open_with(text("{\"channels\":[{\"path\":\"x\",\"config\":{}}]}"), &host, &engine, &error));
  CHECK(own.dropped == 0);

  /* A struct of a later version, as long as its new members are not used. */
  memset(&larger, 0, sizeof larger);
  larger.known = host;
  larger.known.struct_size = sizeof larger;
  larger.unknown = &own;
  STATUS(STROWGER_ERR_HOST, strowger_engine_open_with(text(NOTES_CONFIG), &larger.known, &engine, &error));
  larger.unknown = NULL;
  STATUS(STROWGER_OK, strowger_engine_open_with(text(NOTES_CONFIG), &larger.known, &own.engine, &error));

  STATUS(STROWGER_OK, strowger_agent_open(own.engine, text(AGENT), &own.agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(own.agent, text("/v2/me/*"), &own.notes, &error));
  CHECK(holds(perform(own.agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  CHECK(own.clocked > 0 && own.drawn > 0 && own.reentrant > 0);
  /* Handles that were to be closed from inside a callback: it is said in the log, after the call. */
  CHECK(own.lines > 0);
  json = next_note(own.notes);
  /* Nine characters for the host's time, seven for its randomness. */
  member(json, "id", id, sizeof id);
  CHECK(strlen(id) == 16 && strncmp(id, "0I6RQ", 5) == 0);
  STATUS(STROWGER_OK, strowger_receive(own.engine, text("notes"),
                                       text("{\"from\":\"f\",\"message\":\"m\",\"queuePath\":\"/queues/q\"}"),
                                       &out, &error));
  strcpy(id, taken(out));
  STATUS(STROWGER_OK, strowger_offer(own.engine, text(id), text("a1"), &error));
  CHECK(holds(next_note(own.notes), "\"receivedDate\":\"2015-03-02 10:26:1"));

  /* The last handle lets go of the host. */
  {
    services *handles = &own;
    strowger_engine *last_engine = own.engine;
    strowger_agent *last_agent = own.agent;
    strowger_subscription *last_notes = own.notes;
    handles->agent = NULL;
    strowger_engine_close(last_engine);
    CHECK(own.dropped == 0);
    strowger_agent_close(last_agent);
    CHECK(own.dropped == 0);
    strowger_subscription_free(last_notes);
    CHECK(own.dropped == 1);
  }

  /* The process's log: handed over at once if there is no function, else when it is replaced. */
  strowger_log_set(NULL, &process, drop);
  CHECK(process.dropped == 1);
  strowger_log_set(line, &process, drop);
  CHECK(process.dropped == 1);
  strowger_log_set(NULL, NULL, NULL);
  CHECK(process.dropped == 2);

  puts("ok");
  return 0;
}
