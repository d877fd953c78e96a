/* A desktop's server is killed again and again. Each time another process opens the store, goes on after the
   last note that was heard, and gets the note of every request that was accepted, in order and once. */
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIVES = 5, REQUESTS = 12 };

/* What a process says before it is killed. */
struct said {
  unsigned long is_heard; /* A note was heard; else a request was accepted. */
  unsigned long number;   /* Its sequence, or its referenceId. */
  unsigned long reference_id; /* The note's. */
};

static unsigned long number_in(const char *json, const char *name) {
  char pattern[64];
  const char *at;
  snprintf(pattern, sizeof pattern, "\"%s\":", name);
  at = strstr(json, pattern);
  CHECK(at != NULL);
  return strtoul(at + strlen(pattern), NULL, 10);
}

static void say(int out, struct said said) {
  CHECK(write(out, &said, sizeof said) == sizeof said);
}

static strowger_engine *engine_on(const char *store) {
  char config[sizeof NOTES_CONFIG + 256];
  strowger_engine *engine = NULL;
  snprintf(config, sizeof config, "{\"store\":{\"kind\":\"sqlite\",\"path\":\"%s\"},%s", store, &NOTES_CONFIG[1]);
  STATUS(STROWGER_OK, strowger_engine_open(text(config), &engine, &error));
  return engine;
}

static void hear(int out, strowger_subscription *notes, int most) {
  strowger_buf *note = NULL;
  const char *json;
  while (most-- > 0 && strowger_subscription_next(notes, 0, &note, NULL) == STROWGER_OK) {
    struct said said = {1, 0, 0};
    json = taken(note);
    CHECK(strstr(json, "\"lagged\"") == NULL);
    said.number = number_in(json, "sequence");
    said.reference_id = number_in(json, "referenceId");
    say(out, said);
  }
}

/* Works, hears a part of it, and is killed. */
static void live(const char *store, unsigned long heard, int out, int life) {
  strowger_engine *engine = engine_on(store);
  strowger_agent *agent = NULL;
  strowger_subscription *notes = NULL;
  int at;
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe_from(agent, text("/v2/me/*"), heard, &notes, &error));
  hear(out, notes, life);
  for (at = 0; at < REQUESTS; at++) {
    struct said said = {0, number_in(perform(agent, "", "{\"operationName\":\"Create\"}"), "referenceId"), 0};
    say(out, said);
    hear(out, notes, at % 3 == 0);
  }
  raise(SIGKILL);
}

int main(void) {
  static bool accepted[LIVES * REQUESTS + 1], told[LIVES * REQUESTS + 1];
  char folder[] = "/tmp/strowger-resume-XXXXXX", store[64], beside[80];
  static const char *const ENDINGS[] = {"", "-wal", "-shm", "-lock"};
  unsigned long heard = 0;
  int life, pipes[2], status, at;

  CHECK(mkdtemp(folder) != NULL);
  snprintf(store, sizeof store, "%s/store.db", folder);
  for (life = 0; life <= LIVES; life++) {
    struct said said;
    pid_t child;
    CHECK(pipe(pipes) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      close(pipes[0]);
      if (life < LIVES) {
        live(store, heard, pipes[1], life);
      } else {
        /* The last one only hears. */
        strowger_engine *engine = engine_on(store);
        strowger_agent *agent = NULL;
        strowger_subscription *notes = NULL;
        STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
        STATUS(STROWGER_OK, strowger_subscribe_from(agent, text("/v2/me/*"), heard, &notes, &error));
        hear(pipes[1], notes, LIVES * REQUESTS);
        strowger_subscription_free(notes);
        strowger_agent_close(agent);
        strowger_engine_close(engine);
        _exit(0);
      }
    }
    close(pipes[1]);
    while (read(pipes[0], &said, sizeof said) == sizeof said) {
      if (said.is_heard) {
        CHECK(said.number > heard && said.reference_id <= LIVES * REQUESTS && !told[said.reference_id]);
        heard = said.number;
        told[said.reference_id] = true;
      } else {
        CHECK(said.number <= LIVES * REQUESTS && !accepted[said.number]);
        accepted[said.number] = true;
      }
    }
    close(pipes[0]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(life < LIVES ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                       : WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
  for (at = 1; at <= LIVES * REQUESTS; at++) {
    CHECK(accepted[at] && told[at]);
  }
  for (at = 0; at < (int)(sizeof ENDINGS / sizeof ENDINGS[0]); at++) {
    snprintf(beside, sizeof beside, "%s%s", store, ENDINGS[at]);
    unlink(beside);
  }
  CHECK(rmdir(folder) == 0);
  puts("ok");
  return 0;
}
