/*
 * The smallest useful server: one agent writes one tweet, and is told what became of it.
 *
 *   cc -std=c99 -o minimal minimal.c -lstrowger
 *   strowger-sandbox --listen 127.0.0.1:8400 &
 *   ./minimal /usr/lib/strowger/libstrowger_twitter.so http://127.0.0.1:8400
 *
 * A real server has many agents and threads, delivers in a loop, and waits for notifications with
 * strowger_subscription_fd() in its own event loop. The calls are the same.
 */
#include <strowger.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Ends the program if a call failed, and says why. Takes the error by its address: C may read arguments
 * before it makes the call that is one of them.
 */
static void must(strowger_status status, strowger_error **error, const char *what) {
  if (status < STROWGER_OK) {
    strowger_str name = strowger_status_name(status);
    strowger_str message = strowger_error_message(*error);
    fprintf(stderr, "%s: %.*s: %.*s\n", what, (int)name.len, name.ptr, (int)message.len, message.ptr);
    strowger_error_free(*error);
    exit(1);
  }
}

static strowger_str text(const char *string) {
  strowger_str str;
  str.ptr = string;
  str.len = strlen(string);
  return str;
}

/* Prints what the library handed out, and gives it back. */
static void print(const char *label, strowger_buf *buf) {
  strowger_str bytes = strowger_buf_bytes(buf);
  printf("%s %.*s\n", label, (int)bytes.len, bytes.ptr);
  strowger_buf_free(buf);
}

/* Prints the notifications that are waiting. */
static void print_notes(strowger_subscription *notes) {
  for (;;) {
    strowger_error *error = NULL;
    strowger_buf *note = NULL;
    strowger_status status = strowger_subscription_next(notes, 0, &note, &error);
    must(status, &error, "subscription_next");
    if (status == STROWGER_DONE) {
      return;
    }
    print("note", note);
  }
}

/* Performs an operation. What the engine refuses is a reply like any other: a desktop would show it. */
static void perform(strowger_agent *agent, const char *id, const char *body) {
  strowger_error *error = NULL;
  strowger_buf *reply = NULL;
  must(strowger_perform(agent, STROWGER_STR("twitter"), text(id), text(body), &reply, &error), &error,
       "perform");
  if (strncmp(strowger_buf_bytes(reply).ptr, "{\"statusCode\":0,", 16) != 0) {
    print("refused", reply);
    exit(1);
  }
  print("reply", reply);
}

/*
 * The id of the agent's only interaction. A real program reads JSON with a library; here the resource is
 * known to hold "id":"…" with an id of at most 39 characters.
 */
static void read_id(strowger_agent *agent, char id[40]) {
  strowger_error *error = NULL;
  strowger_buf *list = NULL;
  strowger_str json;
  const char member[] = "\"id\":\"";
  size_t at = 0, length = 0;
  must(strowger_list(agent, STROWGER_STR("twitter"), &list, &error), &error, "list");
  json = strowger_buf_bytes(list);
  while (at + sizeof(member) <= json.len && memcmp(json.ptr + at, member, sizeof(member) - 1) != 0) {
    at++;
  }
  at += sizeof(member) - 1;
  while (at < json.len && json.ptr[at] != '"' && length < 39) {
    id[length++] = json.ptr[at++];
  }
  id[length] = '\0';
  strowger_buf_free(list);
}

int main(int argc, char **argv) {
  char config[2048], id[40];
  strowger_error *error = NULL;
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  uint32_t delivered = 0;
  int length;

  if (argc != 3 || strcmp(argv[1], "--help") == 0) {
    printf("usage: %s PLUGIN BASE_URL\n"
           "  PLUGIN    absolute path of libstrowger_twitter.so\n"
           "  BASE_URL  where the platform is, as http://127.0.0.1:8400 for a local sandbox\n",
           argv[0]);
    return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }

  must(strowger_engine_open(STROWGER_STR("{\"store\":{\"kind\":\"memory\"},\"name\":\"minimal\"}"), &engine,
                            &error),
       &error, "engine_open");

  length = snprintf(config, sizeof config,
                    "{\"name\":\"channel-twitter\",\"base_url\":\"%s\",\"accounts\":[{\"name\":\"support\","
                    "\"user_id\":\"1258948171\",\"auth\":{\"kind\":\"bearer\",\"token\":\"made-up\"}}]}",
                    argv[2]);
  if (length < 0 || (size_t)length >= sizeof config) {
    fprintf(stderr, "the base address is too long\n");
    return 2;
  }
  must(strowger_channel_load(engine, text(argv[1]), text(config), &error), &error, "channel_load");

  must(strowger_agent_open(engine, STROWGER_STR("{\"id\":\"a1\",\"features\":[\"api-multimedia\"]}"), &agent,
                           &error),
       &error, "agent_open");
  must(strowger_subscribe(agent, STROWGER_STR("/v2/me/twitter"), &notes, &error), &error, "subscribe");

  /* No id: the operation is one of the collection. */
  perform(agent, "", "{\"operationName\":\"Create\"}");
  print_notes(notes);
  read_id(agent, id);
  perform(agent, id,
          "{\"operationName\":\"Save\",\"twitter\":{\"from\":\"support\",\"message\":\"Good morning\"}}");
  perform(agent, id, "{\"operationName\":\"Send\",\"queuePath\":\"/queues/outbound\"}");
  print_notes(notes);

  /* The engine has no thread of its own: what was accepted goes out on this one. */
  must(strowger_deliver(engine, 1, 10000, &delivered, &error), &error, "deliver");
  printf("delivered %u\n", (unsigned)delivered);
  print_notes(notes);

  /* In any order: a subscription and an agent keep what they need. */
  strowger_subscription_free(notes);
  strowger_agent_close(agent);
  strowger_engine_close(engine);
  return delivered == 1 ? 0 : 1;
}
