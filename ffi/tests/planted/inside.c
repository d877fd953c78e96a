/* Memory that only a pointer into its middle is left of: possibly lost. */
#include "check.h"

static char *volatile inside;

int main(void) {
  inside = malloc(64);
  CHECK(inside != NULL);
  inside += 8;
  strowger_error_free(NULL);
  return 0;
}
