/* The example plugin in C, loaded into an engine whose HTTP requests this program makes. Argument: the plugin. */
#include "check.h"

typedef struct receiver {
  int asked;
  int32_t status;
  const char *body;
} receiver;

static const char CONFIG[] =
    "{\"base_url\":\"https://hooks.example.org/inbox\",\"token\":\"made-up\",\"account\":\"inbox\"}";

static int32_t exchange(void *user_data, const strowger_http_request *request, strowger_http_answer *answer) {
  receiver *own = user_data;
  char body[1024];
  own->asked++;
  CHECK(request->marked && request->has_body && request->body.len < sizeof body);
  memcpy(body, request->body.ptr, request->body.len);
  body[request->body.len] = '\0';
  CHECK(holds(body, "\"agentId\":\"a1\"") && holds(body, "\"message\":\"Hello \\\"you\\\"\""));
  CHECK(strowger_http_answer_body(answer, text(own->body)) == STROWGER_OK);
  return own->status;
}

static const char *hook(strowger_agent *agent, const char *id, const char *body) {
  strowger_buf *reply = NULL;
  STATUS(STROWGER_OK, strowger_perform(agent, text("webhook"), text(id), text(body), &reply, &error));
  return taken(reply);
}

/* Sends one message, and looks what the agent is told in the end. */
static void sends(const char *plugin, int32_t status, const char *body, const char *expected) {
  receiver own;
  strowger_host host;
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  uint32_t delivered = 0;
  char id[64];
  own.asked = 0;
  own.status = status;
  own.body = body;
  memset(&host, 0, sizeof host);
  host.struct_size = sizeof host;
  host.user_data = &own;
  host.http = exchange;
  STATUS(STROWGER_OK, strowger_engine_open_with(text(""), &host, &engine, &error));
  STATUS(STROWGER_ERR_LOAD, strowger_channel_load(engine, text(plugin), text("{\"token\":7}"), &error));
  STATUS(STROWGER_OK, strowger_channel_load(engine, text(plugin), text(CONFIG), &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/webhook"), &notes, &error));
  CHECK(holds(hook(agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  member(next_note(notes), "id", id, sizeof id);
  /* What the plugin would not send is refused at once. */
  CHECK(holds(hook(agent, id,
                   "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"webhook\":{\"from\":\"inbox\","
                   "\"message\":\" \"}}"),
              "\"statusCode\":2"));
  CHECK(holds(hook(agent, id,
                   "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"webhook\":{\"from\":\"inbox\","
                   "\"message\":\"Hello \\\"you\\\"\"}}"),
              "\"statusCode\":0"));
  CHECK(holds(next_note(notes), "\"state\":\"Sent\""));
  STATUS(STROWGER_OK, strowger_deliver(engine, 1, 1000, &delivered, &error));
  CHECK(delivered == 1 && own.asked == 1);
  CHECK(holds(next_note(notes), expected));
  strowger_engine_close(engine);
  strowger_subscription_free(notes);
  strowger_agent_close(agent);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  sends(argv[1], 200, "{\"id\":\"77\"}", "\"_deliveryPostId\":\"77\"");
  sends(argv[1], 404, "", "\"notificationType\":\"Error\"");
  puts("ok");
  return 0;
}
