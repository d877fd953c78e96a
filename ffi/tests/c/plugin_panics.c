/* A plugin that panics, in each of its functions: its channel fails, and everything else goes on. Argument:
 * the plugin. */
#include "check.h"

typedef struct platform {
  int asked, dropped;
} platform;

static int32_t exchange(void *user_data, const strowger_http_request *request, strowger_http_answer *answer) {
  platform *own = user_data;
  (void)request;
  own->asked++;
  CHECK(strowger_http_answer_body(answer, text("{}")) == STROWGER_OK);
  return 200;
}

static int64_t now_ms(void *user_data) {
  (void)user_data;
  return 1425291974000;
}

static void drop(void *user_data) {
  platform *own = user_data;
  own->dropped++;
}

typedef struct desk {
  platform platform;
  strowger_engine *engine;
  strowger_agent *agent;
  strowger_subscription *notes;
} desk;

/* An engine with the plugin, and with a channel of its own that must not notice anything. */
static void open_desk(desk *own, const char *plugin, const char *place, strowger_status loads) {
  strowger_host host;
  char config[128];
  memset(own, 0, sizeof *own);
  memset(&host, 0, sizeof host);
  host.struct_size = sizeof host;
  host.user_data = &own->platform;
  host.drop = drop;
  host.http = exchange;
  host.now_ms = now_ms;
  STATUS(STROWGER_OK, strowger_engine_open_with(text(NOTES_CONFIG), &host, &own->engine, &error));
  snprintf(config, sizeof config, "{\"base_url\":\"https://api.example.com/\",\"in\":\"%s\"}", place);
  STATUS(loads, strowger_channel_load(own->engine, text(plugin), text(config), &error));
  STATUS(STROWGER_OK, strowger_agent_open(own->engine, text(AGENT), &own->agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(own->agent, text("/v2/me/*"), &own->notes, &error));
}

static void close_desk(desk *own) {
  CHECK(holds(perform(own->agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  CHECK(holds(next_note(own->notes), "NoteStateChangeMessage"));
  strowger_engine_close(own->engine);
  strowger_subscription_free(own->notes);
  strowger_agent_close(own->agent);
}

static const char *ask(desk *own, const char *id, const char *body) {
  strowger_buf *reply = NULL;
  STATUS(STROWGER_OK,
         strowger_perform(own->agent, text("panicking"), text(id), text(body), &reply, &error));
  return taken(reply);
}

/* Sends a message; gives the reply. */
static const char *send(desk *own) {
  char id[64];
  CHECK(holds(ask(own, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  member(next_note(own->notes), "id", id, sizeof id);
  return ask(own, id,
             "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"panic\":{\"from\":\"desk\","
             "\"message\":\"Hi\"}}");
}

static uint32_t deliver(desk *own) {
  uint32_t delivered = 99;
  STATUS(STROWGER_OK, strowger_deliver(own->engine, 1, 0, &delivered, &error));
  return delivered;
}

static strowger_status ingest(desk *own, strowger_buf **answer) {
  return strowger_ingest(own->engine, text("panicking"), text("{\"method\":\"POST\",\"path\":\"/\"}"), text("x"),
                         answer, &error);
}

int main(int argc, char **argv) {
  desk own, sound;
  strowger_buf *buf = NULL;
  int round;
  CHECK(argc == 2);
  /* One instance goes on, in this process, while those of other engines break. */
  open_desk(&sound, argv[1], "nowhere", STROWGER_OK);

  /* Before there is a channel: it is not loaded, and the engine's handle is as good as before. */
  open_desk(&own, argv[1], "create", STROWGER_ERR_LOAD);
  close_desk(&own);
  open_desk(&own, argv[1], "manifest", STROWGER_ERR_LOAD);
  close_desk(&own);

  /* The message can't be judged: statusCode 4, each time. */
  open_desk(&own, argv[1], "check", STROWGER_OK);
  for (round = 0; round < 2; round++) {
    CHECK(holds(send(&own), "\"statusCode\":4"));
  }
  CHECK(deliver(&own) == 0 && own.platform.asked == 0);
  close_desk(&own);

  /* Nothing was sent, and it is tried again later: nobody is told of an end. */
  open_desk(&own, argv[1], "begin", STROWGER_OK);
  CHECK(holds(send(&own), "\"statusCode\":0"));
  next_note(own.notes);
  CHECK(deliver(&own) == 1 && own.platform.asked == 0);
  no_note(own.notes);
  close_desk(&own);

  /* The request was made: it is in doubt, and never made again. */
  open_desk(&own, argv[1], "resume", STROWGER_OK);
  CHECK(holds(send(&own), "\"statusCode\":0"));
  next_note(own.notes);
  CHECK(deliver(&own) == 1 && own.platform.asked == 1);
  no_note(own.notes);
  /* The look back meets a broken instance: the agent is told that nobody knows. */
  CHECK(deliver(&own) == 1 && own.platform.asked == 1);
  CHECK(holds(next_note(own.notes), "\"errorCode\":\"outcome-unknown\""));
  close_desk(&own);

  open_desk(&own, argv[1], "ingest", STROWGER_OK);
  for (round = 0; round < 2; round++) {
    STATUS(STROWGER_ERR_CHANNEL, ingest(&own, &buf));
  }
  CHECK(buf == NULL);
  close_desk(&own);
  /* A broken instance is never ended: it keeps the host's clock. */
  CHECK(own.platform.dropped == 0);

  CHECK(holds(send(&sound), "\"statusCode\":0"));
  next_note(sound.notes);
  CHECK(deliver(&sound) == 1 && sound.platform.asked == 1);
  CHECK(holds(next_note(sound.notes), "\"state\":\"Completed\""));
  STATUS(STROWGER_OK, ingest(&sound, &buf));
  CHECK(holds(taken(buf), "\"status\":200"));
  close_desk(&sound);
  CHECK(sound.platform.dropped == 1);
  puts("ok");
  return 0;
}
