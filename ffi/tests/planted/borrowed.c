/* A string that changes while the library reads it: the read is one of the library's. */
#include "check.h"

#include <pthread.h>

static char shared[] = "{ \"name\":\"desk\"}";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool over;

/* White space, which the library looks at, byte by byte, and copies nowhere. The main thread takes the lock in
   the end and not before: it puts nothing in order. */
static void *space_it(void *unused) {
  bool is_over = false;
  while (!is_over) {
    shared[1] = shared[1] == ' ' ? '\n' : ' ';
    pthread_mutex_lock(&lock);
    is_over = over;
    pthread_mutex_unlock(&lock);
  }
  return unused;
}

int main(void) {
  pthread_t writer;
  strowger_str config;
  int at;
  config.ptr = shared;
  config.len = sizeof shared - 1;
  CHECK(pthread_create(&writer, NULL, space_it, NULL) == 0);
  for (at = 0; at < 200; at++) {
    strowger_engine *engine = NULL;
    STATUS(STROWGER_OK, strowger_engine_open(config, &engine, &error));
    strowger_engine_close(engine);
  }
  pthread_mutex_lock(&lock);
  over = true;
  pthread_mutex_unlock(&lock);
  CHECK(pthread_join(writer, NULL) == 0);
  return 0;
}
