/* Makes one call many times through the C interface. driver.rs does the same through the Rust interface,
 * step for step, and says what the arguments mean; whoever changes one changes the other. */
#include <strowger.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHANNEL STROWGER_STR("twitter")

enum kind { PERFORM, READ, CAN };

struct answers {
  size_t bytes;
  char last[512];
};

static void must(strowger_status status, const char *what) {
  if (status != STROWGER_OK) {
    const strowger_str name = strowger_status_name(status);
    fprintf(stderr, "%s: %.*s\n", what, (int)name.len, name.ptr);
    exit(1);
  }
}

/* A text in memory of its own, which lives as long as the process: where a text begins decides how fast it is
 * read, and in Rust every text here begins where an allocation does. */
static strowger_str copied(const char *chars, size_t len) {
  char *copy = malloc(len + 1);
  strowger_str str;
  must(copy == NULL ? STROWGER_ERR_INTERNAL : STROWGER_OK, "memory");
  memcpy(copy, chars, len);
  str.ptr = copy;
  str.len = len;
  return str;
}

static strowger_str text(const char *chars) {
  return copied(chars, strlen(chars));
}

static void perform(strowger_agent *agent, strowger_str id, strowger_str body) {
  strowger_buf *reply = NULL;
  must(strowger_perform(agent, CHANNEL, id, body, &reply, NULL), "perform");
  strowger_buf_free(reply);
}

/* The ids of the agent's drafts. */
static strowger_str *ids_of(strowger_agent *agent, size_t count) {
  static const char MEMBER[] = "\"id\":\"";
  strowger_buf *resources = NULL;
  strowger_str *ids = calloc(count, sizeof *ids);
  char *at;
  size_t found;
  must(ids == NULL ? STROWGER_ERR_INTERNAL : STROWGER_OK, "memory");
  must(strowger_list(agent, CHANNEL, &resources, NULL), "list");
  {
    /* Ends with a NUL, for the search; lives as long as the process. */
    const strowger_str list = strowger_buf_bytes(resources);
    char *copy = malloc(list.len + 1);
    must(copy == NULL ? STROWGER_ERR_INTERNAL : STROWGER_OK, "memory");
    memcpy(copy, list.ptr, list.len);
    copy[list.len] = '\0';
    at = copy;
  }
  for (found = 0; found < count; found++) {
    at = strstr(at, MEMBER);
    must(at == NULL ? STROWGER_ERR_NOT_FOUND : STROWGER_OK, "a resource without an id");
    at += sizeof MEMBER - 1;
    ids[found] = copied(at, strcspn(at, "\""));
  }
  strowger_buf_free(resources);
  return ids;
}

/* What is counted: callgrind switches its counters on where this function begins, and off where it ends. */
#if defined(__GNUC__)
__attribute__((noinline))
#endif
void strowger_bench_measured(enum kind kind, strowger_agent *agent, strowger_subscription *notes,
                             const strowger_str *ids, size_t id_count, size_t count, strowger_str asked,
                             struct answers *answers);

void strowger_bench_measured(enum kind kind, strowger_agent *agent, strowger_subscription *notes,
                             const strowger_str *ids, size_t id_count, size_t count, strowger_str asked,
                             struct answers *answers) {
  size_t at;
  answers->bytes = 0;
  answers->last[0] = '\0';
  for (at = 0; at < count; at++) {
    const strowger_str id = ids[at % id_count];
    strowger_buf *answer = NULL;
    strowger_str bytes;
    if (kind == CAN) {
      bool allowed = false;
      must(strowger_can(agent, CHANNEL, id, asked, &allowed, NULL), "can");
      answers->bytes += allowed ? 1 : 0;
      continue;
    }
    if (kind == PERFORM) {
      must(strowger_perform(agent, CHANNEL, id, asked, &answer, NULL), "perform");
    } else {
      must(strowger_read(agent, CHANNEL, id, &answer, NULL), "read");
    }
    bytes = strowger_buf_bytes(answer);
    answers->bytes += bytes.len;
    if (notes != NULL) {
      strowger_buf *note = NULL;
      must(strowger_subscription_next(notes, 0, &note, NULL), "next");
      answers->bytes += strowger_buf_bytes(note).len;
      strowger_buf_free(note);
    }
    if (at + 1 == count) {
      const size_t length = bytes.len < sizeof answers->last ? bytes.len : sizeof answers->last - 1;
      memcpy(answers->last, bytes.ptr, length);
      answers->last[length] = '\0';
    }
    strowger_buf_free(answer);
  }
}

int main(int argc, char **argv) {
  strowger_engine *engine = NULL;
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  strowger_str *ids;
  struct answers answers;
  size_t count, drafts, at;
  enum kind kind;
  if (argc != 8) {
    fprintf(stderr, "usage: driver KIND CONFIG COUNT DRAFTS PREPARE ASKED TOPIC\n");
    return 2;
  }
  kind = strcmp(argv[1], "can") == 0 ? CAN : strcmp(argv[1], "read") == 0 ? READ : PERFORM;
  count = strtoul(argv[3], NULL, 10);
  drafts = strtoul(argv[4], NULL, 10);

  must(strowger_engine_open(text(argv[2]), &engine, NULL), "open");
  must(strowger_agent_open(engine, STROWGER_STR("{\"id\":\"a1\",\"features\":[\"api-multimedia\"]}"), &agent, NULL),
       "agent");
  for (at = 0; at < drafts; at++) {
    perform(agent, STROWGER_STR(""), STROWGER_STR("{\"operationName\":\"Create\"}"));
  }
  ids = ids_of(agent, drafts);
  if (argv[5][0] != '\0') {
    for (at = 0; at < drafts; at++) {
      perform(agent, ids[at], text(argv[5]));
    }
  }
  if (argv[7][0] != '\0') {
    must(strowger_subscribe(agent, text(argv[7]), &notes, NULL), "subscribe");
  }

  strowger_bench_measured(kind, agent, notes, ids, 1, 1, text(argv[6]), &answers);
  if (drafts > 1) {
    strowger_bench_measured(kind, agent, notes, ids + 1, drafts - 1, count, text(argv[6]), &answers);
  } else {
    strowger_bench_measured(kind, agent, notes, ids, 1, count, text(argv[6]), &answers);
  }
  printf("%lu %s\n", (unsigned long)answers.bytes, answers.last);

  strowger_subscription_free(notes);
  strowger_agent_close(agent);
  strowger_engine_close(engine);
  free(ids);
  return 0;
}
