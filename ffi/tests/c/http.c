#define _GNU_SOURCE /* memmem */
/* A plugin whose requests this program makes, and in every way that they can end. Argument: the plugin. */
#include "check.h"

typedef struct platform {
  strowger_engine *engine;
  int asked, published, lines;
  /* What the next publishing request comes to. */
  int32_t answer;
} platform;

static int equal(strowger_str left, const char *right) {
  return left.len == strlen(right) && memcmp(left.ptr, right, left.len) == 0;
}

/* What can't be a part of an answer leaves it as it is. */
static void bad_parts(strowger_http_answer *answer) {
  const strowger_str null_and_1 = {NULL, 1}, null_and_all = {NULL, SIZE_MAX}, empty = {NULL, 0};
  strowger_str longer = text("x");
  longer.len = ((size_t)4 << 10) + 1;
  CHECK(strowger_http_answer_header(answer, null_and_1, empty) == STROWGER_ERR_NULL);
  CHECK(strowger_http_answer_header(answer, text("a"), null_and_1) == STROWGER_ERR_NULL);
  CHECK(strowger_http_answer_header(answer, text("\xff"), empty) == STROWGER_ERR_UTF8);
  CHECK(strowger_http_answer_header(answer, text("a"), text("\xed\xa0\x80")) == STROWGER_ERR_UTF8);
  CHECK(strowger_http_answer_header(answer, longer, empty) == STROWGER_ERR_TOO_LONG);
  CHECK(strowger_http_answer_header(answer, null_and_all, empty) == STROWGER_ERR_TOO_LONG);
  CHECK(strowger_http_answer_header(answer, text("a"), null_and_all) == STROWGER_ERR_TOO_LONG);
  CHECK(strowger_http_answer_header(answer, empty, empty) == STROWGER_OK);
  CHECK(strowger_http_answer_body(answer, null_and_1) == STROWGER_ERR_NULL);
  CHECK(strowger_http_answer_body(answer, empty) == STROWGER_OK);
  CHECK(strowger_http_answer_message(answer, null_and_1) == STROWGER_ERR_NULL);
  CHECK(strowger_http_answer_message(answer, text("\xc0\xaf")) == STROWGER_ERR_UTF8);
  CHECK(strowger_http_answer_message(answer, longer) == STROWGER_ERR_TOO_LONG);
  CHECK(strowger_http_answer_message(answer, empty) == STROWGER_OK);
}

static int32_t exchange(void *user_data, const strowger_http_request *request, strowger_http_answer *answer) {
  platform *own = user_data;
  size_t at;
  int authorised = 0;
  uint32_t delivered = 0;
  CHECK(request->struct_size >= sizeof *request && request->timeout_ms > 0);
  CHECK(strncmp(request->url.ptr, "https://api.example.com/", 24) == 0);
  for (at = 0; at < request->headers_len; at++) {
    authorised |= equal(request->headers[at].name, "authorization");
  }
  CHECK(authorised);
  /* Inside a callback the library is not called, the answer's functions aside. */
  CHECK(strowger_deliver(own->engine, 1, 0, &delivered, NULL) == STROWGER_ERR_REENTRANT);
  own->asked++;
  if (!request->marked) {
    /* Reading back: nothing of it is there. */
    CHECK(strowger_http_answer_body(answer, text("{\"meta\":{\"result_count\":0}}")) == STROWGER_OK);
    return 200;
  }
  own->published++;
  CHECK(equal(request->method, "POST") && request->has_body);
  CHECK(strowger_http_answer_header(answer, text("Content-Type"), text("application/json")) == STROWGER_OK);
  bad_parts(answer);
  if (own->answer == 201) {
    CHECK(strowger_http_answer_body(answer, text("{\"data\":{\"id\":\"1234567890123456789\",")) == STROWGER_OK);
    CHECK(strowger_http_answer_body(answer, text("\"text\":\"Hi\"}}")) == STROWGER_OK);
  } else {
    strowger_str huge = text("x");
    CHECK(strowger_http_answer_message(answer, text("as the test wants it")) == STROWGER_OK);
    if (own->answer == 202) {
      huge.len = ((size_t)4 << 20) + 1;
      CHECK(strowger_http_answer_body(answer, huge) == STROWGER_ERR_TOO_LONG);
    }
  }
  return own->answer;
}

static void line(void *user_data, int32_t level, strowger_str message) {
  platform *own = user_data;
  CHECK(message.len > 0 && level >= STROWGER_LOG_ERROR);
  /* The token is nowhere in the log. */
  CHECK(memmem(message.ptr, message.len, "made-up", 7) == NULL);
  own->lines++;
}

static const char *tweet(strowger_agent *agent, const char *id, const char *body) {
  strowger_buf *reply = NULL;
  STATUS(STROWGER_OK, strowger_perform(agent, text("twitter"), text(id), text(body), &reply, &error));
  return taken(reply);
}

/* Sends a tweet and delivers once; gives the notification that follows, or NULL. */
static const char *send(platform *own, strowger_agent *agent, strowger_subscription *notes, int32_t answer) {
  uint32_t delivered = 0;
  strowger_buf *note = NULL;
  char id[64];
  own->answer = answer;
  CHECK(holds(tweet(agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  member(next_note(notes), "id", id, sizeof id);
  CHECK(holds(tweet(agent, id,
                    "{\"operationName\":\"Send\",\"queuePath\":\"/queues/out\",\"twitter\":{\"from\":\"support\","
                    "\"message\":\"Hi\"}}"),
              "\"statusCode\":0"));
  next_note(notes);
  STATUS(STROWGER_OK, strowger_deliver(own->engine, 1, 1000, &delivered, &error));
  CHECK(delivered == 1);
  if (strowger_subscription_next(notes, 0, &note, NULL) == STROWGER_DONE) {
    return NULL;
  }
  return taken(note);
}

/* An account for each case: one whose message is in doubt or waits holds up nothing else. */
static void with_engine(const char *plugin, int32_t answer, const char *expected, int published) {
  platform own;
  strowger_host host;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  const char *note;
  memset(&own, 0, sizeof own);
  memset(&host, 0, sizeof host);
  host.struct_size = sizeof host;
  host.user_data = &own;
  host.http = exchange;
  host.log = line;
  STATUS(STROWGER_OK, strowger_engine_open_with(text(""), &host, &own.engine, &error));
  STATUS(STROWGER_OK,
         strowger_channel_load(own.engine, text(plugin),
                               text("{\"name\":\"channel-twitter\",\"base_url\":\"https://api.example.com\","
                                    "\"accounts\":[{\"name\":\"support\",\"user_id\":\"1\",\"auth\":{\"kind\":"
                                    "\"bearer\",\"token\":\"made-up\"}}]}"),
                               &error));
  CHECK(own.lines > 0);
  STATUS(STROWGER_ERR_CHANNEL_TAKEN,
         strowger_channel_load(own.engine, text(plugin),
                               text("{\"name\":\"channel-twitter\",\"base_url\":\"https://api.example.com\","
                                    "\"accounts\":[]}"),
                               &error));
  STATUS(STROWGER_ERR_LOAD, strowger_channel_load(own.engine, text(plugin), text("{\"nmae\":1}"), &error));
  STATUS(STROWGER_OK, strowger_agent_open(own.engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/twitter"), &notes, &error));
  note = send(&own, agent, notes, answer);
  if (expected == NULL) {
    CHECK(note == NULL);
  } else {
    CHECK(note != NULL && holds(note, expected));
  }
  CHECK(own.published == published);
  {
    strowger_buf *buf = NULL;
    STATUS(STROWGER_ERR_CONFLICT, strowger_delivery_next(own.engine, text("twitter"), 0, &buf, &error));
  }
  strowger_engine_close(own.engine);
  strowger_subscription_free(notes);
  strowger_agent_close(agent);
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  with_engine(argv[1], 201, "\"_deliveryPostId\":\"1234567890123456789\"", 1);
  with_engine(argv[1], 400, "\"notificationType\":\"Error\"", 1);
  /* Nothing was sent: it waits for its next attempt. In doubt: it waits until it can be looked for. */
  with_engine(argv[1], STROWGER_HTTP_NOT_SENT, NULL, 1);
  with_engine(argv[1], STROWGER_HTTP_BROKEN, NULL, 1);
  with_engine(argv[1], 12345, NULL, 1);
  with_engine(argv[1], 202, NULL, 1);
  puts("ok");
  return 0;
}
