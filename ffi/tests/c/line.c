/* The main line with a channel that the program delivers itself: everything but plugins. */
#include "check.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

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

static void diagrams(strowger_engine *engine) {
  strowger_buf *out = NULL;
  STATUS(STROWGER_OK, strowger_diagram(engine, text("notes"), text("mermaid"), &out, &error));
  CHECK(holds(taken(out), "stateDiagram-v2"));
  STATUS(STROWGER_OK, strowger_diagram(engine, text("notes"), text("dot"), &out, &error));
  CHECK(holds(taken(out), "digraph"));
  STATUS(STROWGER_OK, strowger_diagram(engine, text("notes"), text("scxml"), &out, &error));
  CHECK(holds(taken(out), "<scxml"));
}

int main(void) {
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL, *other = NULL, *barred = NULL;
  strowger_subscription *notes = NULL;
  strowger_buf *out = NULL;
  struct epoll_event event;

  STATUS(STROWGER_OK, strowger_engine_open(text(NOTES_CONFIG), &engine, &error));
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
  diagrams(engine);
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
