/* Publishes a message with a picture through a plugin, with an engine that is configured for it:
 *
 *     publish ENGINE [PLUGIN CONFIG TEXT]
 *
 * ENGINE and CONFIG are the configurations of the engine and of the plugin. If the plugin is not loaded, the reason is
 * written to standard output instead. With ENGINE alone, it is opened and closed. */
#include "check.h"

static void asked(strowger_agent *agent, const char *id, const char *body) {
  strowger_buf *reply = NULL;
  STATUS(STROWGER_OK, strowger_perform(agent, text("twitter"), text(id), text(body), &reply, &error));
  CHECK(holds(taken(reply), "\"statusCode\":0"));
}

/* Loads the plugin; gives the reason if it can't be loaded. */
static const char *refused(strowger_engine *engine, char **argv) {
  static char reason[1024];
  strowger_str message;
  const strowger_status status = strowger_channel_load(engine, text(argv[2]), text(argv[3]), &error);
  if (status == STROWGER_OK) return NULL;
  CHECK(status == STROWGER_ERR_LOAD);
  message = strowger_error_message(error);
  snprintf(reason, sizeof reason, "%.*s", (int)message.len, message.ptr);
  strowger_error_free(error);
  error = NULL;
  return reason;
}

int main(int argc, char **argv) {
  strowger_engine *engine = NULL, *other = NULL;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  char id[64], body[1024];
  const char *reason = NULL;
  uint32_t delivered = 0;
  CHECK(argc == 2 || argc == 5);
  STATUS(STROWGER_OK, strowger_engine_open(text(argv[1]), &engine, &error));
  if (argc == 2 || (reason = refused(engine, argv)) != NULL) {
    if (reason != NULL) printf("refused: %s\n", reason);
    strowger_engine_close(engine);
    puts("ok");
    return 0;
  }
  /* Nobody else keeps secrets in the same file, whatever store it has. */
  if (strstr(argv[1], "secrets_file") != NULL) {
    STATUS(STROWGER_OK, strowger_engine_open(text(argv[1]), &other, &error));
    reason = refused(other, argv);
    CHECK(reason != NULL && holds(reason, "is used by another"));
    strowger_engine_close(other);
  }

  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/twitter"), &notes, &error));
  asked(agent, "", "{\"operationName\":\"Create\"}");
  member(next_note(notes), "id", id, sizeof id);
  snprintf(body, sizeof body,
           "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"twitter\":{\"from\":\"brand\","
           "\"message\":\"%s\",\"attachments\":[{\"file\":\"menu\"}]}}",
           argv[4]);
  asked(agent, id, body);
  CHECK(holds(next_note(notes), "\"state\":\"Sent\""));
  STATUS(STROWGER_OK, strowger_deliver(engine, 1, 10000, &delivered, &error));
  CHECK(delivered == 1);
  CHECK(holds(next_note(notes), "\"state\":\"Completed\""));
  strowger_subscription_free(notes);
  strowger_agent_close(agent);
  strowger_engine_close(engine);
  puts("ok");
  return 0;
}
