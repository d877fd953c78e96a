#define _POSIX_C_SOURCE 200809L /* nanosleep */
/*
 * Everything at once, on one engine with a real plugin: desks that write, send and wait, threads that
 * deliver, a platform that calls its webhook, a router that offers what came in, somebody who watches; and
 * the handles are closed in every order while the others go on. Argument: the Twitter plugin.
 *
 * What the threads share is the engine's handle. Under ThreadSanitizer this is the test that nothing in
 * the library is read while it is written.
 */
#include "check.h"

#include <poll.h>
#include <pthread.h>
#include <time.h>

enum { DESKS = 4, ROUNDS = 6, DELIVERERS = 2, CALLS = 30 };

typedef struct crowd {
  strowger_engine *engine;
  pthread_mutex_t lock;
  /* Behind the lock. */
  int published, lines, opened;
  bool over;
} crowd;

typedef struct desk {
  crowd *crowd;
  int number;
  pthread_t thread;
} desk;

/* Like a server that is not in a hurry: its answers overlap with other calls. */
static void pause_ms(long ms) {
  struct timespec moment;
  moment.tv_sec = 0;
  moment.tv_nsec = ms * 1000000;
  nanosleep(&moment, NULL);
}

static int32_t exchange(void *user_data, const strowger_http_request *request, strowger_http_answer *answer) {
  crowd *own = user_data;
  char body[96];
  int number;
  if (!request->marked) {
    CHECK(strowger_http_answer_body(answer, text("{\"meta\":{\"result_count\":0}}")) == STROWGER_OK);
    return 200;
  }
  pthread_mutex_lock(&own->lock);
  number = ++own->published;
  pthread_mutex_unlock(&own->lock);
  pause_ms(1);
  snprintf(body, sizeof body, "{\"data\":{\"id\":\"%d\",\"text\":\"x\"}}", 1000 + number);
  CHECK(strowger_http_answer_header(answer, text("content-type"), text("application/json")) == STROWGER_OK);
  CHECK(strowger_http_answer_body(answer, text(body)) == STROWGER_OK);
  return 201;
}

static void line(void *user_data, int32_t level, strowger_str message) {
  crowd *own = user_data;
  (void)level;
  pthread_mutex_lock(&own->lock);
  own->lines += message.len > 0;
  pthread_mutex_unlock(&own->lock);
}

static bool is_over(crowd *own) {
  bool over;
  pthread_mutex_lock(&own->lock);
  over = own->over;
  pthread_mutex_unlock(&own->lock);
  return over;
}

/* The buffer's text, in memory of this thread's own. check.h's is one for the program. */
static char *owned(strowger_buf *buf) {
  strowger_str bytes = strowger_buf_bytes(buf);
  char *copy = malloc(bytes.len + 1);
  CHECK(buf != NULL && copy != NULL);
  memcpy(copy, bytes.ptr, bytes.len);
  copy[bytes.len] = '\0';
  strowger_buf_free(buf);
  return copy;
}

static void does(strowger_agent *agent, const char *id, const char *body) {
  strowger_buf *reply = NULL;
  char *json;
  CHECK(strowger_perform(agent, text("twitter"), text(id), text(body), &reply, NULL) == STROWGER_OK);
  json = owned(reply);
  CHECK(holds(json, "\"statusCode\":0,"));
  free(json);
}

/* Waits with poll() until a note tells of this state, of this interaction if one is named; gives its id. */
static void awaits(strowger_subscription *notes, const char *state, char *id, size_t size, bool named) {
  char pattern[64];
  snprintf(pattern, sizeof pattern, "\"state\":\"%s\"", state);
  for (;;) {
    strowger_buf *note = NULL;
    struct pollfd watched;
    char *json;
    bool is_it;
    watched.fd = strowger_subscription_fd(notes);
    watched.events = POLLIN;
    CHECK(watched.fd >= 0 && poll(&watched, 1, 60000) == 1);
    if (strowger_subscription_next(notes, 0, &note, NULL) == STROWGER_DONE) {
      continue;
    }
    json = owned(note);
    is_it = strstr(json, pattern) != NULL && (!named || strstr(json, id) != NULL);
    if (is_it && !named) {
      member(json, "id", id, size);
    }
    free(json);
    if (is_it) {
      return;
    }
  }
}

/* A desk: comes, writes, sends, waits until it is out, and goes, in another order each time. */
static void *write_and_send(void *context) {
  const desk *own = context;
  int round;
  for (round = 0; round < ROUNDS; round++) {
    char who[64], what[160], id[64];
    strowger_agent *agent = NULL;
    strowger_subscription *notes = NULL;
    strowger_buf *list = NULL;
    bool allowed = false;
    snprintf(who, sizeof who, "{\"id\":\"w%d\",\"features\":[\"api-multimedia\"]}", own->number);
    CHECK(strowger_agent_open(own->crowd->engine, text(who), &agent, NULL) == STROWGER_OK);
    CHECK(strowger_subscribe(agent, text("/v2/me/*"), &notes, NULL) == STROWGER_OK);
    does(agent, "", "{\"operationName\":\"Create\"}");
    awaits(notes, "Composing", id, sizeof id, false);
    CHECK(strowger_can(agent, text("twitter"), text(id), text("Send"), &allowed, NULL) == STROWGER_OK && allowed);
    snprintf(what, sizeof what,
             "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"twitter\":{\"from\":\"brand\","
             "\"message\":\"From %d, the %d.\"}}",
             own->number, round);
    does(agent, id, what);
    awaits(notes, "Completed", id, sizeof id, true);
    CHECK(strowger_list(agent, text("twitter"), &list, NULL) == STROWGER_OK);
    strowger_buf_free(list);
    if (round % 2 == 0) {
      strowger_subscription_free(notes);
      strowger_agent_close(agent);
    } else {
      strowger_agent_close(agent);
      strowger_subscription_free(notes);
    }
  }
  return NULL;
}

static void *deliver(void *context) {
  crowd *own = context;
  while (!is_over(own)) {
    uint32_t delivered = 0;
    CHECK(strowger_deliver(own->engine, 3, 20, &delivered, NULL) == STROWGER_OK);
  }
  return NULL;
}

/* One more desk, which works on while the engine's handle is closed. */
static void *linger(void *context) {
  strowger_agent *agent = context;
  strowger_subscription *notes = NULL;
  char id[64];
  int round;
  CHECK(strowger_subscribe(agent, text("/v2/me/*"), &notes, NULL) == STROWGER_OK);
  for (round = 0; round < ROUNDS; round++) {
    does(agent, "", "{\"operationName\":\"Create\"}");
    awaits(notes, "Composing", id, sizeof id, false);
    does(agent, id, "{\"operationName\":\"Cancel\"}");
  }
  strowger_agent_close(agent);
  strowger_subscription_free(notes);
  return NULL;
}

/* The platform reports the same post again and again, as platforms do; signed for "s3cret-webhook". */
static void *call_webhook(void *context) {
  static const char BODY[] =
      "{\"for_user_id\":\"1258948171\",\"tweet_create_events\":[{\"id_str\":\"63493545\",\"text\":\"@brand the "
      "tea is cold\",\"user\":{\"id_str\":\"77\",\"name\":\"Oleg\",\"screen_name\":\"oleg\"}}]}";
  static const char REQUEST[] =
      "{\"method\":\"POST\",\"path\":\"/hooks/x\",\"headers\":[[\"x-twitter-webhooks-signature\","
      "\"sha256=9YWn51Uq7h75ICKSwA6XfBIJXc4EbRl0x3Sk2CawmGg=\"]]}";
  crowd *own = context;
  int call;
  for (call = 0; call < CALLS; call++) {
    strowger_buf *answer = NULL;
    char *json;
    bool is_forged = call % 3 == 2;
    CHECK(strowger_ingest(own->engine, text("twitter"), text(REQUEST), text(is_forged ? "{}" : BODY), &answer,
                          NULL) == STROWGER_OK);
    json = owned(answer);
    CHECK(holds(json, is_forged ? "\"status\":403" : "\"status\":200"));
    free(json);
  }
  return NULL;
}

/* Messages that the server itself takes in, and a router that offers what waits. */
static void *route(void *context) {
  crowd *own = context;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  int at, offered = 0;
  CHECK(strowger_agent_open(own->engine, text("{\"id\":\"r1\",\"features\":[\"api-multimedia\"]}"), &agent,
                            NULL) == STROWGER_OK);
  CHECK(strowger_subscribe(agent, text("/v2/me/twitter"), &notes, NULL) == STROWGER_OK);
  for (at = 0; at < CALLS; at++) {
    char inbound[200];
    strowger_buf *received = NULL;
    snprintf(inbound, sizeof inbound,
             "{\"from\":\"c%d\",\"message\":\"Help\",\"queuePath\":\"/queues/in\",\"contactId\":\"c%d\"}", at, at % 3);
    CHECK(strowger_receive(own->engine, text("twitter"), text(inbound), &received, NULL) == STROWGER_OK);
    strowger_buf_free(received);
  }
  /* Those, and the one that the webhook brings. */
  while (offered < CALLS + 1) {
    strowger_buf *waiting = NULL, *last = NULL;
    const char *queue = offered < CALLS ? "/queues/in" : "/queues/mentions";
    char invited[64];
    char *id;
    strowger_status status = strowger_queue_next(own->engine, text(queue), &waiting, NULL);
    if (status == STROWGER_DONE) {
      pause_ms(1);
      continue;
    }
    CHECK(status == STROWGER_OK);
    id = owned(waiting);
    CHECK(strowger_offer(own->engine, text(id), text("r1"), NULL) == STROWGER_OK);
    awaits(notes, "Invited", invited, sizeof invited, false);
    CHECK(strcmp(invited, id) == 0);
    does(agent, id, "{\"operationName\":\"Accept\"}");
    does(agent, id, "{\"operationName\":\"Complete\",\"saveLAR\":true}");
    awaits(notes, "Completed", id, 0, true);
    if (strowger_last_agent(own->engine, text("c1"), text("twitter"), &last, NULL) == STROWGER_OK) {
      strowger_buf_free(last);
    }
    free(id);
    offered++;
  }
  strowger_agent_close(agent);
  strowger_subscription_free(notes);
  return NULL;
}

/* Opens and closes what others have open as well, and asks for what nothing changes. */
static void *watch(void *context) {
  crowd *own = context;
  while (!is_over(own)) {
    strowger_agent *agent = NULL;
    strowger_subscription *notes = NULL;
    strowger_buf *text_out = NULL;
    CHECK(strowger_agent_open(own->engine, text("{\"id\":\"w0\",\"features\":[\"api-multimedia\"]}"), &agent,
                              NULL) == STROWGER_OK);
    CHECK(strowger_subscribe_from(agent, text("/v2/me/*"), 0, &notes, NULL) == STROWGER_OK);
    strowger_agent_close(agent);
    while (strowger_subscription_next(notes, 1, &text_out, NULL) == STROWGER_OK) {
      strowger_buf_free(text_out);
    }
    strowger_subscription_free(notes);
    CHECK(strowger_diagram(own->engine, text("twitter"), text("dot"), &text_out, NULL) == STROWGER_OK);
    strowger_buf_free(text_out);
    pthread_mutex_lock(&own->lock);
    own->opened++;
    pthread_mutex_unlock(&own->lock);
  }
  return NULL;
}

int main(int argc, char **argv) {
  crowd own;
  strowger_host host;
  desk desks[DESKS];
  pthread_t deliverers[DELIVERERS], platform, router, watcher;
  int at;
  CHECK(argc == 2);
  memset(&own, 0, sizeof own);
  CHECK(pthread_mutex_init(&own.lock, NULL) == 0);
  memset(&host, 0, sizeof host);
  host.struct_size = sizeof host;
  host.user_data = &own;
  host.http = exchange;
  host.log = line;
  STATUS(STROWGER_OK, strowger_engine_open_with(text(""), &host, &own.engine, &error));
  STATUS(STROWGER_OK,
         strowger_channel_load(own.engine, text(argv[1]),
                               text("{\"name\":\"channel-twitter\",\"base_url\":\"https://api.example.com\","
                                    "\"accounts\":[{\"name\":\"brand\",\"user_id\":\"1258948171\",\"auth\":{"
                                    "\"kind\":\"bearer\",\"token\":\"made-up\"},\"webhook\":{\"secret\":"
                                    "\"s3cret-webhook\",\"queue\":\"/queues/mentions\"}}]}"),
                               &error));
  for (at = 0; at < DELIVERERS; at++) {
    CHECK(pthread_create(&deliverers[at], NULL, deliver, &own) == 0);
  }
  for (at = 0; at < DESKS; at++) {
    desks[at].crowd = &own;
    desks[at].number = at;
    CHECK(pthread_create(&desks[at].thread, NULL, write_and_send, &desks[at]) == 0);
  }
  CHECK(pthread_create(&platform, NULL, call_webhook, &own) == 0);
  CHECK(pthread_create(&router, NULL, route, &own) == 0);
  CHECK(pthread_create(&watcher, NULL, watch, &own) == 0);
  for (at = 0; at < DESKS; at++) {
    CHECK(pthread_join(desks[at].thread, NULL) == 0);
  }
  CHECK(pthread_join(platform, NULL) == 0 && pthread_join(router, NULL) == 0);
  pthread_mutex_lock(&own.lock);
  CHECK(own.published == DESKS * ROUNDS && own.lines > 0);
  own.over = true;
  pthread_mutex_unlock(&own.lock);
  CHECK(pthread_join(watcher, NULL) == 0);
  CHECK(own.opened > 0);
  for (at = 0; at < DELIVERERS; at++) {
    CHECK(pthread_join(deliverers[at], NULL) == 0);
  }
  /* Nobody uses the engine's handle any more. Agents do not mind when it goes. */
  for (at = 0; at < DESKS; at++) {
    strowger_agent *agent = NULL;
    char who[64];
    snprintf(who, sizeof who, "{\"id\":\"l%d\",\"features\":[\"api-multimedia\"]}", at);
    STATUS(STROWGER_OK, strowger_agent_open(own.engine, text(who), &agent, &error));
    CHECK(pthread_create(&desks[at].thread, NULL, linger, agent) == 0);
  }
  strowger_engine_close(own.engine);
  for (at = 0; at < DESKS; at++) {
    CHECK(pthread_join(desks[at].thread, NULL) == 0);
  }
  CHECK(pthread_mutex_destroy(&own.lock) == 0);
  puts("ok");
  return 0;
}
