#define _GNU_SOURCE /* memmem */
/* A panic inside the library: a status, a poisoned handle, and everything else goes on. */
#include "check.h"

strowger_status strowger_test_panic(strowger_engine *, strowger_error **);

int main(void) {
  strowger_engine *engine = NULL, *sound = NULL;
  strowger_agent *agent = NULL, *later = NULL;
  strowger_buf *out = NULL;
  STATUS(STROWGER_OK, strowger_engine_open(text(NOTES_CONFIG), &engine, &error));
  STATUS(STROWGER_OK, strowger_engine_open(text(NOTES_CONFIG), &sound, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));

  CHECK(strowger_test_panic(engine, &error) == STROWGER_ERR_PANIC);
  CHECK(strowger_error_status(error) == STROWGER_ERR_PANIC);
  CHECK(memmem(strowger_error_message(error).ptr, strowger_error_message(error).len, "as the test wants it", 20));
  strowger_error_free(error);
  error = NULL;

  /* The handle that it happened with is out of use, also for the panic itself. */
  STATUS(STROWGER_ERR_POISONED, strowger_agent_open(engine, text(AGENT), &later, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_queue_next(engine, text("/queues/q"), &out, &error));
  STATUS(STROWGER_ERR_POISONED, strowger_test_panic(engine, &error));
  CHECK(later == NULL && out == NULL);

  /* Other handles, of this engine and of others, go on. */
  CHECK(holds(perform(agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));
  STATUS(STROWGER_OK, strowger_agent_open(sound, text(AGENT), &later, &error));
  CHECK(holds(perform(later, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0"));

  strowger_engine_close(engine);
  strowger_engine_close(sound);
  strowger_agent_close(agent);
  strowger_agent_close(later);
  puts("ok");
  return 0;
}
