#define _GNU_SOURCE /* pthread_timedjoin_np */
/*
 * Nothing is locked while a function of the host runs: each of them has another thread use the same engine,
 * agent and interaction, and waits for it. Argument: a plugin whose check asks for the time.
 */
#include "check.h"

#include <pthread.h>
#include <time.h>

static strowger_engine *engine;
static strowger_agent *agent;
static const char *channel = "notes";
static char current[64];
/* Whether another thread may take deliveries. */
static int may_deliver = 1;

/* The other thread's calls call back as well: that is deep enough. */
static __thread int is_other;
static int asked[4];
enum { CLOCK, RANDOM, LOG, HTTP };

static void *use(void *unused) {
  strowger_buf *buf = NULL;
  uint32_t delivered = 0;
  is_other = 1;
  CHECK(strowger_receive(engine, text("notes"), text("{\"from\":\"f\",\"message\":\"m\",\"queuePath\":\"/queues/other\"}"),
                         &buf, NULL) == STROWGER_OK);
  strowger_buf_free(buf);
  if (current[0] != '\0') {
    CHECK(strowger_perform(agent, text(channel), text(current), text("{\"operationName\":\"AddComment\",\"comment\":\"c\"}"),
                           &buf, NULL) == STROWGER_OK);
    strowger_buf_free(buf);
    CHECK(strowger_perform(agent, text(channel), text(current), text("{\"operationName\":\"SetInFocus\"}"), &buf,
                           NULL) == STROWGER_OK);
    strowger_buf_free(buf);
  }
  if (may_deliver) {
    CHECK(strowger_deliver(engine, 1, 0, &delivered, NULL) == STROWGER_OK);
  }
  return unused;
}

static void call_elsewhere(int which) {
  pthread_t thread;
  struct timespec deadline;
  strowger_buf *buf = NULL;
  if (is_other || engine == NULL || agent == NULL) {
    return;
  }
  asked[which]++;
  /* On this very thread a call is refused, at once. */
  CHECK(strowger_list(agent, text("notes"), &buf, NULL) == STROWGER_ERR_REENTRANT && buf == NULL);
  CHECK(pthread_create(&thread, NULL, use, NULL) == 0);
  clock_gettime(CLOCK_REALTIME, &deadline);
  deadline.tv_sec += 20;
  if (pthread_timedjoin_np(thread, NULL, &deadline) != 0) {
    fprintf(stderr, "function %d of the host was called while something was locked\n", which);
    exit(1);
  }
}

static int64_t now_ms(void *user_data) {
  (void)user_data;
  call_elsewhere(CLOCK);
  return 1425291974000;
}

static void draw(void *user_data, uint8_t *out, size_t len) {
  static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
  static uint64_t next = 1;
  (void)user_data;
  call_elsewhere(RANDOM);
  pthread_mutex_lock(&lock);
  while (len-- > 0) {
    next = next * 6364136223846793005u + 1442695040888963407u;
    *out++ = (uint8_t)(next >> 56);
  }
  pthread_mutex_unlock(&lock);
}

static void line(void *user_data, int32_t level, strowger_str message) {
  (void)user_data;
  (void)level;
  (void)message;
  call_elsewhere(LOG);
}

static int32_t exchange(void *user_data, const strowger_http_request *request, strowger_http_answer *answer) {
  (void)user_data;
  (void)request;
  (void)answer;
  call_elsewhere(HTTP);
  return 200;
}

static const char *ask(const char *id, const char *body) {
  strowger_buf *reply = NULL;
  const char *json;
  STATUS(STROWGER_OK, strowger_perform(agent, text(channel), text(id), text(body), &reply, &error));
  json = taken(reply);
  CHECK(holds(json, "\"statusCode\":0"));
  return json;
}

/* A draft that the functions of the host may work on from here on. */
static void create(void) {
  strowger_buf *list = NULL;
  const char *json, *at, *last = NULL;
  current[0] = '\0';
  ask("", "{\"operationName\":\"Create\"}");
  STATUS(STROWGER_OK, strowger_list(agent, text(channel), &list, &error));
  json = taken(list);
  for (at = json; (at = strstr(at, "\"id\":\"")) != NULL; at++) {
    last = at;
  }
  CHECK(last != NULL);
  member(last, "id", current, sizeof current);
}

static void host_run(void) {
  strowger_buf *buf = NULL;
  char id[64], delivery[64];
  channel = "notes";
  create();
  ask(current, "{\"operationName\":\"SetDisposition\",\"disposition\":\"d\",\"requestId\":\"r1\"}");
  ask(current, "{\"operationName\":\"SetInFocus\"}");
  strcpy(id, current);
  ask(current, "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"saveLAR\":true,\"requestId\":\"r2\","
               "\"note\":{\"from\":\"desk\",\"to\":\"c\",\"message\":\"Hi\"}}");
  STATUS(STROWGER_OK, strowger_delivery_next(engine, text("notes"), 1000, &buf, &error));
  member(taken(buf), "deliveryId", delivery, sizeof delivery);
  /* How long it waits is left to chance. */
  STATUS(STROWGER_OK, strowger_delivery_settle(engine, text(delivery), text("{\"outcome\":\"not-sent\",\"message\":\"m\"}"),
                                               &error));
  /* What comes in: taken in, offered, taken back, offered, accepted, answered, completed. */
  current[0] = '\0';
  STATUS(STROWGER_OK, strowger_receive(engine, text("notes"),
                                       text("{\"from\":\"f\",\"message\":\"m\",\"queuePath\":\"/queues/q\"}"), &buf, &error));
  strcpy(id, taken(buf));
  STATUS(STROWGER_OK, strowger_offer(engine, text(id), text("a1"), &error));
  STATUS(STROWGER_OK, strowger_revoke(engine, text(id), &error));
  STATUS(STROWGER_OK, strowger_offer(engine, text(id), text("a1"), &error));
  ask(id, "{\"operationName\":\"Accept\",\"saveLAR\":true}");
  strcpy(current, id);
  ask(id, "{\"operationName\":\"Reply\",\"queuePath\":\"/queues/drafts\"}");
  current[0] = '\0';
  ask(id, "{\"operationName\":\"Complete\",\"queuePath\":\"/queues/done\",\"saveLAR\":true}");
}

static void plugin_run(void) {
  uint32_t delivered = 0;
  channel = "panicking";
  create();
  ask(current, "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"panic\":{\"from\":\"desk\",\"message\":\"Hi\"}}");
  may_deliver = 0;
  current[0] = '\0';
  STATUS(STROWGER_OK, strowger_deliver(engine, 1, 1000, &delivered, &error));
  CHECK(delivered == 1);
}

int main(int argc, char **argv) {
  strowger_host host;
  memset(&host, 0, sizeof host);
  host.struct_size = sizeof host;
  host.now_ms = now_ms;
  host.random = draw;
  host.log = line;
  host.http = exchange;
  CHECK(argc == 2);
  STATUS(STROWGER_OK, strowger_engine_open_with(text(NOTES_CONFIG), &host, &engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  host_run();
  may_deliver = 0;
  STATUS(STROWGER_OK, strowger_channel_load(engine, text(argv[1]),
                                            text("{\"base_url\":\"https://api.example.com\",\"in\":\"nowhere\"}"), &error));
  plugin_run();
  CHECK(asked[CLOCK] > 10 && asked[RANDOM] > 5 && asked[LOG] > 0 && asked[HTTP] == 1);
  strowger_agent_close(agent);
  agent = NULL;
  strowger_engine_close(engine);
  puts("ok");
  return 0;
}
