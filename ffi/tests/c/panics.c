#define _GNU_SOURCE /* memmem, mkdtemp */
/*
 * Panics inside the library: a status, a handle or an engine out of use, and everything else goes on. Built
 * against a library with strowger_test_panic_at(), which plants one panic.
 */
#include "check.h"

#include <pthread.h>
#include <unistd.h>

strowger_status strowger_test_panic_at(strowger_str place, strowger_error **error);

static void plant(const char *place) { STATUS(STROWGER_OK, strowger_test_panic_at(text(place), &error)); }

/* The call panics at the place, and says so. */
static void panicked(int line, const char *place, strowger_status status) {
  strowger_str message = strowger_error_message(error);
  if (status != STROWGER_ERR_PANIC || strowger_error_status(error) != STROWGER_ERR_PANIC ||
      memmem(message.ptr, message.len, place, strlen(place)) == NULL) {
    fprintf(stderr, "panics.c:%d: no panic %s, but %d: %.*s\n", line, place, (int)status, (int)message.len,
            message.ptr);
    exit(1);
  }
  strowger_error_free(error);
  error = NULL;
}
#define PANICS(place, call)                 \
  do {                                      \
    plant(place);                           \
    panicked(__LINE__, (place), (call));    \
  } while (0)

static const char CREATE[] = "{\"operationName\":\"Create\"}";
static const char INBOUND[] = "{\"from\":\"f\",\"message\":\"m\",\"queuePath\":\"/queues/q\"}";

/* An engine with everything that hangs on it, and threads that wait in it. */
typedef struct desk {
  strowger_engine *engine;
  strowger_agent *agent, *colleague;
  strowger_subscription *notes, *more_notes;
  pthread_t waiters[3];
  /* What the waiting calls are to return, once they are woken. */
  strowger_status woken;
} desk;

static void *wait_for_note(void *shared) {
  desk *own = shared;
  strowger_buf *note = NULL;
  strowger_status status;
  while ((status = strowger_subscription_next(own->more_notes, UINT32_MAX, &note, NULL)) == STROWGER_OK) {
    strowger_buf_free(note);
  }
  CHECK(status == own->woken);
  return NULL;
}

static void *wait_in_deliver(void *shared) {
  desk *own = shared;
  uint32_t delivered = 0;
  const strowger_status status = strowger_deliver(own->engine, 1, UINT32_MAX, &delivered, NULL);
  CHECK(status == (own->woken == STROWGER_DONE ? STROWGER_OK : own->woken));
  return NULL;
}

static void *wait_for_delivery(void *shared) {
  desk *own = shared;
  strowger_buf *delivery = NULL;
  CHECK(strowger_delivery_next(own->engine, text("notes"), UINT32_MAX, &delivery, NULL) == own->woken);
  return NULL;
}

static void wait_in(desk *own, strowger_status woken) {
  own->woken = woken;
  CHECK(pthread_create(&own->waiters[0], NULL, wait_for_note, own) == 0);
  CHECK(pthread_create(&own->waiters[1], NULL, wait_in_deliver, own) == 0);
  CHECK(pthread_create(&own->waiters[2], NULL, wait_for_delivery, own) == 0);
  /* Nobody can see from outside when they wait: give them a moment to begin. */
  usleep(50 * 1000);
}

static void join(desk *own) {
  size_t index;
  for (index = 0; index < 3; index++) {
    CHECK(pthread_join(own->waiters[index], NULL) == 0);
  }
}

static void open_desk(desk *own, const char *config) {
  memset(own, 0, sizeof *own);
  STATUS(STROWGER_OK, strowger_engine_open(text(config), &own->engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(own->engine, text(AGENT), &own->agent, &error));
  STATUS(STROWGER_OK, strowger_agent_open(own->engine, text("{\"id\":\"a2\",\"features\":[\"api-multimedia\"]}"),
                                          &own->colleague, &error));
  STATUS(STROWGER_OK, strowger_subscribe(own->agent, text("/v2/me/*"), &own->notes, &error));
  STATUS(STROWGER_OK, strowger_subscribe(own->agent, text("/v2/me/*"), &own->more_notes, &error));
}

static void close_desk(desk *own) {
  strowger_engine_close(own->engine);
  strowger_subscription_free(own->notes);
  strowger_agent_close(own->agent);
  strowger_subscription_free(own->more_notes);
  strowger_agent_close(own->colleague);
}

/* Creates a draft, and gives the id. */
static void create(strowger_agent *agent, strowger_subscription *notes, char id[64]) {
  CHECK(holds(perform(agent, "", CREATE), "\"statusCode\":0"));
  member(next_note(notes), "id", id, 64);
}

static void works(desk *own) {
  char id[64];
  strowger_buf *buf = NULL;
  create(own->agent, own->notes, id);
  STATUS(STROWGER_OK, strowger_read(own->agent, text("notes"), text(id), &buf, &error));
  CHECK(holds(taken(buf), "\"state\":\"Composing\""));
  STATUS(STROWGER_OK, strowger_list(own->colleague, text("notes"), &buf, &error));
  taken(buf);
}

static void agent_is_poisoned(strowger_agent *agent) {
  strowger_buf *buf = NULL;
  strowger_subscription *notes = NULL;
  bool can = true;
  STATUS(STROWGER_ERR_POISONED,
         strowger_perform(agent, text("notes"), text(""), text(CREATE), &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_read(agent, text("notes"), text("X"), &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_list(agent, text("notes"), &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_can(agent, text("notes"), text(""), text("Create"), &can, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_subscribe(agent, text("/v2/me/*"), &notes, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_subscribe_from(agent, text("/v2/me/*"), 0, &notes, &error));
  CHECK(buf == NULL && notes == NULL && can);
}

static void engine_is_poisoned(strowger_engine *engine) {
  const strowger_str notes = text("notes"), json = text("{}"), x = text("X");
  strowger_buf *buf = NULL;
  strowger_agent *agent = NULL;
  uint32_t count = 7;
  STATUS(STROWGER_ERR_POISONED, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_diagram(engine, notes, text("dot"), &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_receive(engine, notes, text(INBOUND), &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_offer(engine, x, x, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_revoke(engine, x, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_queue_next(engine, text("/queues/q"), &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_last_agent(engine, x, notes, &buf, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_deliver(engine, 1, 0, &count, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_delivery_next(engine, notes, 0, &buf, &error));
  STATUS(STROWGER_ERR_POISONED,
         strowger_delivery_settle(engine, x, text("{\"outcome\":\"done\"}"), &error));
  STATUS(STROWGER_ERR_POISONED, strowger_ingest(engine, notes, text("{\"method\":\"GET\",\"path\":\"/\"}"),
                                                json, &buf, &error));
  CHECK(buf == NULL && agent == NULL && count == 7);
}

static void subscription_is_poisoned(strowger_subscription *notes) {
  strowger_buf *buf = NULL;
  STATUS(STROWGER_ERR_POISONED, strowger_subscription_next(notes, UINT32_MAX, &buf, &error));
  CHECK(buf == NULL && strowger_subscription_fd(notes) == -1);
}

/* A panic where nothing is changed: the handle alone is out of use. */
static void handles(void) {
  desk own;
  strowger_buf *buf = NULL;
  strowger_agent *again = NULL;
  char id[64];

  open_desk(&own, NOTES_CONFIG);
  PANICS("reading", strowger_read(own.agent, text("notes"), text("X"), &buf, &error));
  agent_is_poisoned(own.agent);
  /* Another handle of the very same agent. */
  STATUS(STROWGER_OK, strowger_agent_open(own.engine, text(AGENT), &again, &error));
  strowger_agent_close(own.agent);
  own.agent = again;
  works(&own);
  PANICS("listing", strowger_list(own.colleague, text("notes"), &buf, &error));
  agent_is_poisoned(own.colleague);
  create(own.agent, own.notes, id);
  close_desk(&own);

  open_desk(&own, NOTES_CONFIG);
  PANICS("polling", strowger_subscription_next(own.notes, 0, &buf, &error));
  subscription_is_poisoned(own.notes);
  CHECK(holds(perform(own.agent, "", CREATE), "\"statusCode\":0"));
  CHECK(holds(next_note(own.more_notes), "\"sequence\":1"));
  close_desk(&own);

  open_desk(&own, NOTES_CONFIG);
  wait_in(&own, STROWGER_DONE);
  PANICS("drawing", strowger_diagram(own.engine, text("notes"), text("dot"), &buf, &error));
  engine_is_poisoned(own.engine);
  works(&own);
  /* Closing a poisoned handle wakes those who wait, as closing any does. */
  strowger_engine_close(own.engine);
  join(&own);
  own.engine = NULL;
  works(&own);
  close_desk(&own);
}

/* Closing and freeing say nothing of a panic; the process lives, and the thing is gone. */
static void frees(void) {
  desk own;
  strowger_engine *none = NULL;
  strowger_error *refusal = NULL;
  strowger_buf *buf = NULL;
  char id[64];
  static const char *const places[] = {"taking", "closing"};
  size_t index;
  for (index = 0; index < 2; index++) {
    open_desk(&own, NOTES_CONFIG);
    plant(places[index]);
    strowger_engine_close(own.engine);
    own.engine = NULL;
    works(&own);
    close_desk(&own);
  }
  open_desk(&own, NOTES_CONFIG);
  plant("taking");
  strowger_subscription_free(own.more_notes);
  plant("taking");
  strowger_agent_close(own.colleague);
  own.more_notes = NULL;
  own.colleague = NULL;
  CHECK(strowger_engine_open(text("["), &none, &refusal) == STROWGER_ERR_CONFIG);
  plant("taking");
  strowger_error_free(refusal);
  STATUS(STROWGER_OK, strowger_list(own.agent, text("notes"), &buf, &error));
  plant("taking");
  strowger_buf_free(buf);
  create(own.agent, own.notes, id);
  close_desk(&own);
}

/* The calls that commit, each with what must be there before. */
static char prepared[64];

static void prepare_nothing(desk *own) { (void)own; }
static strowger_status by_create(desk *own) {
  strowger_buf *buf = NULL;
  return strowger_perform(own->agent, text("notes"), text(""), text(CREATE), &buf, &error);
}
static strowger_status by_agent(desk *own) {
  strowger_agent *agent = NULL;
  return strowger_agent_open(own->engine, text("{\"id\":\"new\"}"), &agent, &error);
}
static strowger_status by_receive(desk *own) {
  strowger_buf *buf = NULL;
  return strowger_receive(own->engine, text("notes"), text(INBOUND), &buf, &error);
}
static void prepare_inbound(desk *own) {
  strowger_buf *buf = NULL;
  STATUS(STROWGER_OK, strowger_receive(own->engine, text("notes"), text(INBOUND), &buf, &error));
  strcpy(prepared, taken(buf));
}
static strowger_status by_offer(desk *own) {
  return strowger_offer(own->engine, text(prepared), text("a1"), &error);
}
static void prepare_offer(desk *own) {
  prepare_inbound(own);
  STATUS(STROWGER_OK, by_offer(own));
}
static strowger_status by_revoke(desk *own) { return strowger_revoke(own->engine, text(prepared), &error); }
static void prepare_send(desk *own) {
  char id[64];
  create(own->agent, own->notes, id);
  CHECK(holds(perform(own->agent, id,
                      "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"note\":{\"from\":\"desk\","
                      "\"message\":\"Hi\"}}"),
              "\"statusCode\":0"));
}
static strowger_status by_delivery(desk *own) {
  strowger_buf *buf = NULL;
  return strowger_delivery_next(own->engine, text("notes"), 0, &buf, &error);
}
static void prepare_delivery(desk *own) {
  strowger_buf *buf = NULL;
  prepare_send(own);
  STATUS(STROWGER_OK, strowger_delivery_next(own->engine, text("notes"), 1000, &buf, &error));
  member(taken(buf), "deliveryId", prepared, sizeof prepared);
}
static strowger_status by_settle(desk *own) {
  return strowger_delivery_settle(own->engine, text(prepared), text("{\"outcome\":\"published\",\"id\":\"1\"}"),
                                  &error);
}

static const struct {
  void (*prepare)(desk *);
  strowger_status (*call)(desk *);
  const char *place;
} COMMITS[] = {
    {prepare_nothing, by_create, "before-commit"}, {prepare_nothing, by_create, "after-commit"},
    {prepare_nothing, by_create, "telling"},       {prepare_nothing, by_agent, "before-commit"},
    {prepare_nothing, by_agent, "after-commit"},   {prepare_nothing, by_receive, "after-commit"},
    {prepare_inbound, by_offer, "after-commit"},   {prepare_inbound, by_offer, "telling"},
    {prepare_offer, by_revoke, "telling"},         {prepare_send, by_delivery, "before-intent"},
    {prepare_send, by_delivery, "after-intent"},   {prepare_delivery, by_settle, "before-outcome"},
    {prepare_delivery, by_settle, "after-commit"}, {prepare_delivery, by_settle, "telling"},
    {prepare_delivery, by_settle, "after-outcome"}, {prepare_nothing, by_create, "before-flush"},
    {prepare_nothing, by_create, "after-flush"},   {prepare_delivery, by_settle, "after-flush"},
};

static char directory[] = "/tmp/strowger-panics-XXXXXX";

static void forget_store(void) {
  static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
  char path[128];
  size_t at;
  for (at = 0; at < sizeof suffixes / sizeof suffixes[0]; at++) {
    snprintf(path, sizeof path, "%s/store.db%s", directory, suffixes[at]);
    unlink(path);
  }
}

/* A panic in the middle of a change: the engine is out of use, and nothing else. */
static void engines(const char *config, size_t count) {
  size_t index;
  for (index = 0; index < count; index++) {
    desk own, other;
    open_desk(&own, config);
    open_desk(&other, NOTES_CONFIG);
    COMMITS[index].prepare(&own);
    if (COMMITS[index].call != by_delivery) {
      wait_in(&own, STROWGER_ERR_POISONED);
    }
    plant(COMMITS[index].place);
    panicked((int)index, COMMITS[index].place, COMMITS[index].call(&own));
    if (COMMITS[index].call != by_delivery) {
      join(&own);
    }
    engine_is_poisoned(own.engine);
    agent_is_poisoned(own.agent);
    agent_is_poisoned(own.colleague);
    subscription_is_poisoned(own.notes);
    subscription_is_poisoned(own.more_notes);
    works(&other);
    close_desk(&own);
    works(&other);
    close_desk(&other);
    forget_store();
  }
}

/* What the file holds after a panic at the place: opened in this very process, with nothing left behind. */
static void reopened(const char *config, const char *place, const char *expected) {
  desk own;
  strowger_buf *buf = NULL;
  char id[64];
  open_desk(&own, config);
  create(own.agent, own.notes, id);
  PANICS(place, strowger_perform(own.agent, text("notes"), text(id),
                                 text("{\"operationName\":\"AddComment\",\"comment\":\"kept\"}"), &buf, &error));
  close_desk(&own);
  open_desk(&own, config);
  STATUS(STROWGER_OK, strowger_read(own.agent, text("notes"), text(id), &buf, &error));
  {
    const char *json = taken(buf);
    CHECK(holds(json, "\"state\":\"Composing\"") && (strstr(json, "kept") != NULL) == (expected != NULL));
  }
  works(&own);
  close_desk(&own);
}

/* Several threads share flushes when one of them panics: all of them come back, and only one panicked. */
#define CROWD 8
typedef struct member_of_crowd {
  desk *own;
  int panicked;
  pthread_t thread;
} member_of_crowd;

static void *change(void *shared) {
  member_of_crowd *self = shared;
  for (;;) {
    strowger_buf *buf = NULL;
    strowger_agent *agent = NULL;
    strowger_status status = strowger_agent_open(self->own->engine, text(AGENT), &agent, NULL);
    if (status == STROWGER_OK) {
      status = strowger_perform(agent, text("notes"), text(""), text(CREATE), &buf, NULL);
      strowger_buf_free(buf);
      strowger_agent_close(agent);
    }
    if (status == STROWGER_ERR_POISONED) {
      return NULL;
    }
    /* A handle of one's own each time: after a panic the next call meets the engine. */
    CHECK(status == STROWGER_OK || status == STROWGER_ERR_PANIC);
    self->panicked += status == STROWGER_ERR_PANIC;
  }
}

static void crowd(const char *config) {
  desk own;
  member_of_crowd members[CROWD];
  int index, panics = 0;
  open_desk(&own, config);
  wait_in(&own, STROWGER_ERR_POISONED);
  for (index = 0; index < CROWD; index++) {
    members[index].own = &own;
    members[index].panicked = 0;
    CHECK(pthread_create(&members[index].thread, NULL, change, &members[index]) == 0);
  }
  usleep(20 * 1000);
  plant("before-flush");
  for (index = 0; index < CROWD; index++) {
    CHECK(pthread_join(members[index].thread, NULL) == 0);
    panics += members[index].panicked;
  }
  CHECK(panics == 1);
  join(&own);
  close_desk(&own);
}

int main(void) {
  static const size_t ALL = sizeof COMMITS / sizeof COMMITS[0];
  /* The last ones of the table are places in the SQLite store. */
  static const size_t OF_SQLITE = 3;
  char config[2048];
  CHECK(mkdtemp(directory) != NULL);
  snprintf(config, sizeof config, "{\"store\":{\"kind\":\"sqlite\",\"path\":\"%s/store.db\"},%s", directory,
           &NOTES_CONFIG[1]);

  handles();
  frees();
  engines(NOTES_CONFIG, ALL - OF_SQLITE);
  engines(config, ALL);
  reopened(config, "before-commit", NULL);
  reopened(config, "before-flush", NULL);
  reopened(config, "after-flush", "kept");
  reopened(config, "after-commit", "kept");
  reopened(config, "telling", "kept");
  crowd(config);
  reopened(config, "telling", "kept");

  forget_store();
  CHECK(rmdir(directory) == 0);
  puts("ok");
  return 0;
}
