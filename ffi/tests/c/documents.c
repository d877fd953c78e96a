/* Hands a document of the documentation to the function that takes it:
 *
 *     documents CONFIG KIND DOCUMENT
 *
 * KIND is the parameter's name. Ends with 0 if the document was understood. */
#include "check.h"

static strowger_engine *engine = NULL;
static strowger_agent *agent = NULL;

static strowger_status understood(strowger_status status) {
  if (status < STROWGER_OK) {
    const strowger_str message = strowger_error_message(error);
    fprintf(stderr, "%.*s\n", (int)message.len, message.ptr);
  }
  strowger_error_free(error);
  error = NULL;
  return status;
}

/* A draft with a text; its id. */
static void draft(char *id, size_t size) {
  strowger_subscription *notes = NULL;
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/notes"), &notes, &error));
  CHECK(holds(perform(agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  member(next_note(notes), "id", id, size);
  strowger_subscription_free(notes);
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Save\",\"note\":{\"from\":\"desk\",\"message\":\"Hi\"}}"),
              "\"statusCode\":0"));
}

static const char INBOUND[] = "{\"from\":\"c\",\"message\":\"Help\",\"queuePath\":\"/queues/support\"}";

/* What a customer wrote, offered to the agent; its id. */
static void invited(char *id, size_t size) {
  strowger_buf *out = NULL;
  const char *taken_id;
  STATUS(STROWGER_OK, strowger_receive(engine, text("notes"), text(INBOUND), &out, &error));
  taken_id = taken(out);
  CHECK(strlen(taken_id) < size);
  strcpy(id, taken_id);
  STATUS(STROWGER_OK, strowger_offer(engine, text(id), text("a1"), &error));
}

/* Whether the request is accepted where it belongs: on the collection, a draft, an invited interaction, or
 * one that is being processed. */
static int body(const char *document) {
  char id[64];
  if (strstr(perform(agent, "", document), "\"statusCode\":0,") != NULL) return 0;
  draft(id, sizeof id);
  if (strstr(perform(agent, id, document), "\"statusCode\":0,") != NULL) return 0;
  invited(id, sizeof id);
  if (strstr(perform(agent, id, document), "\"statusCode\":0,") != NULL) return 0;
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Accept\"}"), "\"statusCode\":0,"));
  return holds(perform(agent, id, document), "\"statusCode\":0,") ? 0 : 1;
}

/* Whether it is an outcome; one that this delivery can't have is one all the same. */
static int outcome(const char *document) {
  char id[64], delivery[64];
  strowger_buf *out = NULL;
  strowger_status status;
  draft(id, sizeof id);
  CHECK(holds(perform(agent, id, "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\"}"), "\"statusCode\":0,"));
  STATUS(STROWGER_OK, strowger_delivery_next(engine, text("notes"), 0, &out, &error));
  member(taken(out), "deliveryId", delivery, sizeof delivery);
  status = understood(strowger_delivery_settle(engine, text(delivery), text(document), &error));
  return status == STROWGER_OK || status == STROWGER_ERR_INVALID ? 0 : 1;
}

static int inbound(const char *document) {
  strowger_buf *id = NULL;
  const strowger_status status =
      understood(strowger_receive(engine, text("notes"), text(document), &id, &error));
  strowger_buf_free(id);
  return status == STROWGER_OK ? 0 : 1;
}

static int another_engine(const char *document) {
  strowger_engine *other = NULL;
  const strowger_status status = understood(strowger_engine_open(text(document), &other, &error));
  strowger_engine_close(other);
  return status == STROWGER_OK ? 0 : 1;
}

static int another_agent(const char *document) {
  strowger_agent *other = NULL;
  const strowger_status status = understood(strowger_agent_open(engine, text(document), &other, &error));
  strowger_agent_close(other);
  return status == STROWGER_OK ? 0 : 1;
}

int main(int argc, char **argv) {
  static const struct {
    const char *kind;
    int (*takes)(const char *document);
  } KINDS[] = {{"config_json", another_engine}, {"agent_json", another_agent}, {"body_json", body},
               {"inbound_json", inbound},       {"outcome_json", outcome}};
  int result = 2;
  size_t at;
  CHECK(argc == 4);
  STATUS(STROWGER_OK, strowger_engine_open(text(argv[1]), &engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  for (at = 0; at < sizeof KINDS / sizeof *KINDS; at++) {
    if (strcmp(argv[2], KINDS[at].kind) == 0) result = KINDS[at].takes(argv[3]);
  }
  strowger_agent_close(agent);
  strowger_engine_close(engine);
  return result;
}
