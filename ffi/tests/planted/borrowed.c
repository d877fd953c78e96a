/* A string that changes while the library reads it: the read is one of the library's. */
#include "check.h"

#include <pthread.h>

static char shared[] = "{\"name\":\"desk\"}";

static void *rename_it(void *unused) {
  int at;
  for (at = 0; at < 1000; at++) {
    shared[9] = (char)('a' + at % 26);
  }
  return unused;
}

int main(void) {
  pthread_t writer;
  int at;
  CHECK(pthread_create(&writer, NULL, rename_it, NULL) == 0);
  for (at = 0; at < 20; at++) {
    strowger_engine *engine = NULL;
    STATUS(STROWGER_OK, strowger_engine_open(text(shared), &engine, &error));
    strowger_engine_close(engine);
  }
  CHECK(pthread_join(writer, NULL) == 0);
  return 0;
}
