/* An error that nobody frees. */
#include "check.h"

int main(void) {
  strowger_engine_open(STROWGER_STR("["), NULL, &error);
  error = NULL;
  return 0;
}
