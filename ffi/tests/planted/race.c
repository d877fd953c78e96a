/* Two threads count without a lock. */
#include "check.h"

#include <pthread.h>

static int counted;

static void *count(void *unused) {
  int at;
  for (at = 0; at < 1000; at++) {
    counted++;
  }
  strowger_error_free(NULL);
  return unused;
}

int main(void) {
  pthread_t one, two;
  CHECK(pthread_create(&one, NULL, count, NULL) == 0);
  CHECK(pthread_create(&two, NULL, count, NULL) == 0);
  CHECK(pthread_join(one, NULL) == 0 && pthread_join(two, NULL) == 0);
  return 0;
}
