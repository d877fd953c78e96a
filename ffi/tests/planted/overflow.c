/* A string that claims to be longer than it is: the read that is too far is one of the library's. */
#include "check.h"

int main(void) {
  static const char TEXT[] = {'{', '"', 'n', 'a', 'm', 'e', '"', ':'};
  strowger_engine *engine = NULL;
  strowger_str config;
  char *copy = malloc(sizeof TEXT);
  CHECK(copy != NULL);
  memcpy(copy, TEXT, sizeof TEXT);
  config.ptr = copy;
  config.len = sizeof TEXT + 1;
  strowger_engine_open(config, &engine, NULL);
  free(copy);
  return 0;
}
