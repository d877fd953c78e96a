#define _POSIX_C_SOURCE 200809L /* nanosleep */
/* Threads that share handles, and handles that are closed in every order while others go on. */
#include "check.h"

#include <pthread.h>
#include <time.h>

enum { WORKERS = 4, ROUNDS = 50 };

static void *work(void *shared) {
  strowger_agent *agent = shared;
  int round;
  for (round = 0; round < ROUNDS; round++) {
    strowger_buf *reply = NULL;
    bool allowed = false;
    CHECK(strowger_perform(agent, text("notes"), text(""), text("{\"operationName\":\"Create\"}"), &reply, NULL) ==
          STROWGER_OK);
    strowger_buf_free(reply);
    CHECK(strowger_can(agent, text("notes"), text(""), text("Create"), &allowed, NULL) == STROWGER_OK && allowed);
  }
  return NULL;
}

static void *count(void *shared) {
  size_t *counted = malloc(sizeof *counted);
  strowger_subscription *notes = shared;
  CHECK(counted != NULL);
  *counted = 0;
  for (;;) {
    strowger_buf *note = NULL;
    /* Waits without an end: the engine's closing wakes it. */
    strowger_status status = strowger_subscription_next(notes, UINT32_MAX, &note, NULL);
    if (status == STROWGER_DONE) {
      return counted;
    }
    CHECK(status == STROWGER_OK);
    strowger_buf_free(note);
    ++*counted;
  }
}

static void *deliver(void *shared) {
  uint32_t delivered = 1;
  CHECK(strowger_deliver(shared, 1, UINT32_MAX, &delivered, NULL) == STROWGER_OK && delivered == 0);
  return NULL;
}

static void *deliver_notes(void *shared) {
  strowger_buf *delivery = NULL;
  CHECK(strowger_delivery_next(shared, text("notes"), UINT32_MAX, &delivery, NULL) == STROWGER_DONE);
  return NULL;
}

static void shared_handles(void) {
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  pthread_t workers[WORKERS], counters[2], deliverers[2];
  struct timespec moment;
  size_t index, total = 0;
  STATUS(STROWGER_OK, strowger_engine_open(text(NOTES_CONFIG), &engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/notes"), &notes, &error));
  CHECK(pthread_create(&deliverers[0], NULL, deliver, engine) == 0);
  CHECK(pthread_create(&deliverers[1], NULL, deliver_notes, engine) == 0);
  for (index = 0; index < 2; index++) {
    CHECK(pthread_create(&counters[index], NULL, count, notes) == 0);
  }
  for (index = 0; index < WORKERS; index++) {
    CHECK(pthread_create(&workers[index], NULL, work, agent) == 0);
  }
  for (index = 0; index < WORKERS; index++) {
    CHECK(pthread_join(workers[index], NULL) == 0);
  }
  /* Nobody can see from outside when the deliverers wait: give them a moment to begin. */
  moment.tv_sec = 1;
  moment.tv_nsec = 0;
  nanosleep(&moment, NULL);
  strowger_engine_close(engine);
  for (index = 0; index < 2; index++) {
    void *counted = NULL;
    CHECK(pthread_join(counters[index], &counted) == 0);
    total += *(size_t *)counted;
    free(counted);
    CHECK(pthread_join(deliverers[index], NULL) == 0);
  }
  CHECK(total == WORKERS * ROUNDS);
  /* The engine's handle is closed; the agent works on. */
  CHECK(holds(perform(agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  CHECK(holds(next_note(notes), "\"sequence\":201"));
  strowger_agent_close(agent);
  no_note(notes);
  strowger_subscription_free(notes);
}

/* A thread for each handle; they close in whatever order they come. */
static void *close_engine(void *handle) {
  strowger_engine_close(handle);
  return NULL;
}
static void *close_agent(void *handle) {
  strowger_agent_close(handle);
  return NULL;
}
static void *free_subscription(void *handle) {
  strowger_subscription_free(handle);
  return NULL;
}

static void every_order(void) {
  int round;
  for (round = 0; round < 60; round++) {
    void *handles[3];
    void *(*const closers[3])(void *) = {close_engine, close_agent, free_subscription};
    static const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    pthread_t threads[3];
    strowger_engine *engine = NULL;
    strowger_agent *agent = NULL;
    strowger_subscription *notes = NULL;
    int at;
    STATUS(STROWGER_OK, strowger_engine_open(text(NOTES_CONFIG), &engine, &error));
    STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
    STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/*"), &notes, &error));
    CHECK(strowger_subscription_fd(notes) >= 0);
    perform(agent, "", "{\"operationName\":\"Create\"}");
    handles[0] = engine;
    handles[1] = agent;
    handles[2] = notes;
    for (at = 0; at < 3; at++) {
      const int which = orders[round % 6][at];
      CHECK(pthread_create(&threads[at], NULL, closers[which], handles[which]) == 0);
      if (round % 2 == 0) {
        CHECK(pthread_join(threads[at], NULL) == 0);
      }
    }
    for (at = 0; round % 2 != 0 && at < 3; at++) {
      CHECK(pthread_join(threads[at], NULL) == 0);
    }
  }
}

int main(void) {
  shared_handles();
  every_order();
  puts("ok");
  return 0;
}
