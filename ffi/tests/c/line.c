#define _POSIX_C_SOURCE 200809L /* nanosleep */
/* The main line with a channel that the program delivers itself: everything but plugins. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

/* The configuration, with room for so few kept notes that one can be away too long. */
#define KEPT "{\"limits\":{\"kept_notes\":4},"

static int watched = -1;

/* Whether epoll calls the descriptor readable, now. */
static int readable(void) {
  struct epoll_event event;
  return epoll_wait(watched, &event, 1, 0) == 1;
}

static void check_state(strowger_agent *agent, const char *id, const char *state) {
  strowger_buf *resource = NULL;
  char found[32];
  STATUS(STROWGER_OK, strowger_read(agent, text("notes"), text(id), &resource, &error));
  member(taken(resource), "state", found, sizeof found);
  CHECK(strcmp(found, state) == 0);
}

static bool can(strowger_agent *agent, const char *id, const char *operation) {
  bool answer = false;
  STATUS(STROWGER_OK, strowger_can(agent, text("notes"), text(id), text(operation), &answer, &error));
  return answer;
}

/* Replies of every length around that of a buffer that holds its text itself: whole, as what they quote is (at most
 * 64 characters of an id, a control character in six). Planted fault: one that stays as far as it was written when it
 * outgrew its room. */
static void replies(strowger_agent *agent) {
  const size_t shortest = strlen(perform(agent, "x", "{\"operationName\":\"Save\"}"));
  size_t plain, escaped;
  for (plain = 1; plain <= 6; plain++) {
    for (escaped = 0; escaped <= 58; escaped++) {
      char id[65];
      const char *reply;
      size_t length;
      memset(id, 'x', plain);
      memset(id + plain, '\1', escaped);
      id[plain + escaped] = '\0';
      reply = perform(agent, id, "{\"operationName\":\"Save\"}");
      length = strlen(reply);
      CHECK(length == shortest + plain - 1 + 6 * escaped);
      CHECK(strncmp(reply, "{\"statusCode\":6,\"statusMessage\":\"", 33) == 0);
      CHECK(strcmp(reply + length - 3, "`\"}") == 0);
    }
  }
}

/* A body that is no text is no request, whatever else is wrong with it. */
static void no_text(strowger_agent *agent) {
  static const char *const BODIES[] = {"{\"operationName\":\"Create\",\"a\":\"\xff\"}", "\xc0\xaf", "{\"a\":\"\xed\xa0\x80"};
  size_t at;
  for (at = 0; at < sizeof BODIES / sizeof BODIES[0]; at++) {
    strowger_buf *reply = NULL;
    STATUS(STROWGER_ERR_UTF8,
           strowger_perform(agent, text("notes"), text(""), text(BODIES[at]), &reply, &error));
    STATUS(STROWGER_ERR_UTF8,
           strowger_perform(agent, text("nowhere"), text("x"), text(BODIES[at]), &reply, &error));
    CHECK(reply == NULL);
  }
}

static void outbound(strowger_engine *engine, strowger_agent *agent, strowger_subscription *notes) {
  strowger_buf *out = NULL;
  const char *json;
  char id[64], delivery[64];

  CHECK(!readable());
  CHECK(can(agent, "", "Create") && !can(agent, "", "Send"));
  CHECK(strcmp(perform(agent, "", "{\"operationName\":\"Create\"}"),
               "{\"statusCode\":0,\"referenceId\":1}") == 0);
  CHECK(readable());
  json = next_note(notes);
  CHECK(strncmp(json, "{\"channel\":\"/v2/me/notes\",\"data\":{", 34) == 0);
  CHECK(holds(json, "\"notificationType\":\"StatusChange\"") && holds(json, "\"sequence\":1}"));
  CHECK(holds(json, "\"uri\":\"http://h/api/v2/note/"));
  member(json, "id", id, sizeof id);
  CHECK(!readable());

  CHECK(can(agent, id, "Save") && can(agent, id, "Send") && !can(agent, id, "Accept"));
  CHECK(!can(agent, "NOBODYS", "Save"));
  check_state(agent, id, "Composing");
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Save\",\"note\":{\"from\":\"desk\",\"message\":\"Hi\"}}"),
              "\"referenceId\":2"));
  CHECK(holds(next_note(notes), "\"notificationType\":\"NoteSaved\""));

  /* What the engine refuses is a reply, and changes nothing. */
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Send\"}"), "\"statusCode\":1,"));
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Accept\"}"), "\"statusCode\":3,"));
  CHECK(holds(perform(agent, "NOBODYS", "{\"operationName\":\"Save\"}"), "\"statusCode\":6,"));
  replies(agent);
  no_text(agent);
  CHECK(!readable());

  STATUS(STROWGER_DONE, strowger_delivery_next(engine, text("notes"), 0, &out, &error));
  CHECK(out == NULL);
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"saveLAR\":true}"),
              "\"referenceId\":3"));
  CHECK(holds(next_note(notes), "\"state\":\"Sent\""));

  STATUS(STROWGER_OK, strowger_delivery_next(engine, text("notes"), 0, &out, &error));
  json = taken(out);
  CHECK(holds(json, "\"attempt\":1") && holds(json, "\"from\":\"desk\"") && holds(json, "\"message\":\"Hi\""));
  CHECK(holds(json, "\"queuePath\":\"/queues/out\"") && holds(json, id));
  member(json, "deliveryId", delivery, sizeof delivery);
  out = NULL;
  STATUS(STROWGER_DONE, strowger_delivery_next(engine, text("notes"), 0, &out, &error));

  STATUS(STROWGER_ERR_DOCUMENT,
         strowger_delivery_settle(engine, text(delivery), text("{\"outcome\":\"perhaps\"}"), &error));
  STATUS(STROWGER_ERR_INVALID,
         strowger_delivery_settle(engine, text(delivery), text("{\"outcome\":\"done\"}"), &error));
  STATUS(STROWGER_OK, strowger_delivery_settle(engine, text(delivery),
                                               text("{\"outcome\":\"published\",\"id\":\"77\"}"), &error));
  STATUS(STROWGER_OK, strowger_delivery_settle(engine, text(delivery),
                                               text("{\"outcome\":\"published\",\"id\":\"77\"}"), &error));
  STATUS(STROWGER_ERR_CONFLICT,
         strowger_delivery_settle(engine, text(delivery), text("{\"outcome\":\"absent\"}"), &error));
  json = next_note(notes);
  CHECK(holds(json, "\"state\":\"Completed\"") && holds(json, "\"referenceId\":3"));
  CHECK(holds(json, "\"_deliveryPostId\":\"77\""));
  no_note(notes);
}

static void inbound(strowger_engine *engine, strowger_agent *agent, strowger_subscription *notes) {
  static const char INBOUND[] = "{\"from\":\"customer\",\"message\":\"Help\",\"queuePath\":\"/queues/in\","
                                "\"contactId\":\"c1\",\"externalId\":\"x1\"}";
  strowger_buf *out = NULL;
  const char *json;
  char id[64];

  STATUS(STROWGER_DONE, strowger_last_agent(engine, text("c1"), text("notes"), &out, &error));
  STATUS(STROWGER_DONE, strowger_queue_next(engine, text("/queues/in"), &out, &error));
  CHECK(out == NULL);
  STATUS(STROWGER_OK, strowger_receive(engine, text("notes"), text(INBOUND), &out, &error));
  strcpy(id, taken(out));
  STATUS(STROWGER_OK, strowger_receive(engine, text("notes"), text(INBOUND), &out, &error));
  CHECK(strcmp(id, taken(out)) == 0);
  STATUS(STROWGER_OK, strowger_queue_next(engine, text("/queues/in"), &out, &error));
  CHECK(strcmp(id, taken(out)) == 0);
  STATUS(STROWGER_OK, strowger_queue_next(engine, text("/queues/in"), &out, &error));
  CHECK(strcmp(id, taken(out)) == 0);

  CHECK(!can(agent, id, "Accept"));
  STATUS(STROWGER_ERR_NOT_FOUND, strowger_read(agent, text("notes"), text(id), &out, &error));
  STATUS(STROWGER_ERR_NOT_FOUND, strowger_offer(engine, text(id), text("nobody"), &error));
  STATUS(STROWGER_ERR_CONFLICT, strowger_revoke(engine, text(id), &error));
  STATUS(STROWGER_OK, strowger_offer(engine, text(id), text("a1"), &error));
  CHECK(readable());
  CHECK(holds(next_note(notes), "\"state\":\"Invited\""));
  STATUS(STROWGER_ERR_CONFLICT, strowger_offer(engine, text(id), text("a1"), &error));
  out = NULL;
  STATUS(STROWGER_DONE, strowger_queue_next(engine, text("/queues/in"), &out, &error));

  STATUS(STROWGER_OK, strowger_revoke(engine, text(id), &error));
  next_note(notes);
  STATUS(STROWGER_OK, strowger_queue_next(engine, text("/queues/in"), &out, &error));
  CHECK(strcmp(id, taken(out)) == 0);
  STATUS(STROWGER_OK, strowger_offer(engine, text(id), text("a1"), &error));
  next_note(notes);

  CHECK(can(agent, id, "Accept"));
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Accept\"}"), "\"statusCode\":0"));
  CHECK(holds(next_note(notes), "\"state\":\"Processing\""));
  STATUS(STROWGER_OK, strowger_list(agent, text("notes"), &out, &error));
  json = taken(out);
  CHECK(json[0] == '[' && json[strlen(json) - 1] == ']' && holds(json, id) && holds(json, "\"Processing\""));
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Complete\",\"saveLAR\":true}"), "\"statusCode\":0"));
  CHECK(holds(next_note(notes), "\"state\":\"Completed\""));
  STATUS(STROWGER_OK, strowger_list(agent, text("notes"), &out, &error));
  CHECK(strcmp(taken(out), "[]") == 0);
  STATUS(STROWGER_OK, strowger_last_agent(engine, text("c1"), text("notes"), &out, &error));
  json = taken(out);
  CHECK(strncmp(json, "{\"id\":\"a1\",\"channel\":\"notes\",\"timeMs\":", 38) == 0);
  CHECK(!readable());
}

/* The descriptor of a queue that is filled before it is asked for, and emptied in part. */
static void descriptor(strowger_agent *agent) {
  strowger_subscription *late = NULL;
  struct pollfd watch;
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/notes"), &late, &error));
  perform(agent, "", "{\"operationName\":\"Create\"}");
  perform(agent, "", "{\"operationName\":\"Create\"}");
  watch.fd = strowger_subscription_fd(late);
  watch.events = POLLIN;
  CHECK(watch.fd >= 0 && watch.fd == strowger_subscription_fd(late));
  CHECK(poll(&watch, 1, 0) == 1);
  next_note(late);
  CHECK(poll(&watch, 1, 0) == 1);
  next_note(late);
  CHECK(poll(&watch, 1, 0) == 0);
  strowger_subscription_free(late);
}

/* A note's place in the agent's count. */
static unsigned long sequence(const char *json) {
  const char *at = strstr(json, "\"sequence\":");
  CHECK(at != NULL);
  return strtoul(at + strlen("\"sequence\":"), NULL, 10);
}

/* A desktop that was away: what it missed in its order, then what happens; or that it was away too long. */
static void resumption(strowger_agent *agent) {
  strowger_subscription *notes = NULL;
  unsigned long last, at;
  const char *json;
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/notes"), &notes, &error));
  perform(agent, "", "{\"operationName\":\"Create\"}");
  last = sequence(next_note(notes));
  strowger_subscription_free(notes);
  for (at = 0; at < 3; at++) {
    perform(agent, "", "{\"operationName\":\"Create\"}");
  }
  STATUS(STROWGER_OK, strowger_subscribe_from(agent, text("/v2/me/notes"), last, &notes, &error));
  perform(agent, "", "{\"operationName\":\"Create\"}");
  for (at = 1; at <= 4; at++) {
    json = next_note(notes);
    CHECK(holds(json, "\"state\":\"Composing\"") && sequence(json) == last + at);
  }
  no_note(notes);
  strowger_subscription_free(notes);

  /* Nothing was missed. */
  STATUS(STROWGER_OK, strowger_subscribe_from(agent, text("/v2/me/*"), last + 4, &notes, &error));
  no_note(notes);
  strowger_subscription_free(notes);

  /* More was missed than the four that are kept: see KEPT. */
  STATUS(STROWGER_OK, strowger_subscribe_from(agent, text("/v2/me/notes"), last - 1, &notes, &error));
  CHECK(poll(&(struct pollfd){strowger_subscription_fd(notes), POLLIN, 0}, 1, 0) == 1);
  json = next_note(notes);
  CHECK(strncmp(json, "{\"channel\":\"/v2/me/notes\",\"lagged\":true,", 40) == 0 && sequence(json) == last + 4);
  no_note(notes);
  perform(agent, "", "{\"operationName\":\"Create\"}");
  CHECK(sequence(next_note(notes)) == last + 5);
  strowger_subscription_free(notes);

  /* A number that this engine never gave. */
  STATUS(STROWGER_OK, strowger_subscribe_from(agent, text("/v2/me/notes"), UINT64_MAX, &notes, &error));
  CHECK(holds(next_note(notes), "\"lagged\":true"));
  no_note(notes);
  strowger_subscription_free(notes);
}

static void diagrams(strowger_engine *engine) {
  strowger_buf *out = NULL;
  STATUS(STROWGER_OK, strowger_diagram(engine, text("notes"), text("mermaid"), &out, &error));
  CHECK(holds(taken(out), "stateDiagram-v2"));
  STATUS(STROWGER_OK, strowger_diagram(engine, text("notes"), text("dot"), &out, &error));
  CHECK(holds(taken(out), "digraph"));
  STATUS(STROWGER_OK, strowger_diagram(engine, text("notes"), text("scxml"), &out, &error));
  CHECK(holds(taken(out), "<scxml"));
}

/* Ended interactions are forgotten when they are older than the configuration allows. */
static void forgetting(void) {
  static const char RETENTION[] = "{\"retention\":{\"age_ms\":0},";
  char config[sizeof RETENTION + sizeof NOTES_CONFIG], id[64];
  const struct timespec moment = {0, 3000000};
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL;
  strowger_buf *out = NULL;
  uint32_t pruned = 7;

  snprintf(config, sizeof config, "%s%s", RETENTION, &NOTES_CONFIG[1]);
  STATUS(STROWGER_OK, strowger_engine_open(text(config), &engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  perform(agent, "", "{\"operationName\":\"Create\"}");
  STATUS(STROWGER_OK, strowger_list(agent, text("notes"), &out, &error));
  member(taken(out), "id", id, sizeof id);
  STATUS(STROWGER_OK, strowger_prune(engine, 10, &pruned, &error));
  CHECK(pruned == 0);
  perform(agent, id, "{\"operationName\":\"Cancel\"}");
  CHECK(nanosleep(&moment, NULL) == 0);
  STATUS(STROWGER_OK, strowger_prune(engine, 10, &pruned, &error));
  CHECK(pruned == 1);
  STATUS(STROWGER_ERR_NOT_FOUND, strowger_read(agent, text("notes"), text(id), &out, &error));
  STATUS(STROWGER_OK, strowger_account_resume(engine, text("notes"), text("desk"), &error));
  strowger_agent_close(agent);
  strowger_engine_close(engine);
}

int main(void) {
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL, *other = NULL, *barred = NULL;
  strowger_subscription *notes = NULL;
  strowger_buf *out = NULL;
  struct epoll_event event;

  char config[sizeof KEPT + sizeof NOTES_CONFIG];

  snprintf(config, sizeof config, "%s%s", KEPT, &NOTES_CONFIG[1]);
  STATUS(STROWGER_OK, strowger_engine_open(text(config), &engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text("{\"id\":\"a2\",\"features\":[\"api-multimedia\"]}"),
                                          &other, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text("{\"id\":\"a3\"}"), &barred, &error));
  CHECK(holds(perform(barred, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":5,"));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/*"), &notes, &error));
  watched = epoll_create1(0);
  memset(&event, 0, sizeof event);
  event.events = EPOLLIN;
  CHECK(epoll_ctl(watched, EPOLL_CTL_ADD, strowger_subscription_fd(notes), &event) == 0);

  outbound(engine, agent, notes);
  inbound(engine, agent, notes);
  descriptor(agent);
  resumption(agent);
  diagrams(engine);
  forgetting();
  /* A channel that the program runs is no business of a plugin's webhooks, and the other way round. */
  STATUS(STROWGER_ERR_CHANNEL,
         strowger_ingest(engine, text("notes"), text("{\"method\":\"GET\",\"path\":\"/\"}"), text(""), &out, &error));
  STATUS(STROWGER_OK, strowger_list(other, text("notes"), &out, &error));
  CHECK(strcmp(taken(out), "[]") == 0);

  close(watched);
  strowger_engine_close(engine);
  strowger_agent_close(other);
  strowger_agent_close(barred);
  strowger_subscription_free(notes);
  strowger_agent_close(agent);
  puts("ok");
  return 0;
}
