/* A shift by more than there are bits. */
#include "check.h"

int main(int argc, char **argv) {
  (void)argv;
  strowger_error_free(NULL);
  return (1 << (argc + 31)) == 2;
}
