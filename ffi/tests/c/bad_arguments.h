/*
 * What bad_arguments.rs writes its calls with: good values, bad ones, and what must hold after each call. Every
 * output starts as a sentinel, and is looked at after each failure.
 */
#ifndef BAD_ARGUMENTS_H
#define BAD_ARGUMENTS_H

#include "check.h"

static int unwritten;
#define UNWRITTEN ((void *)&unwritten)

static strowger_engine *engine, *engine_out;
static strowger_agent *agent, *agent_out;
static strowger_subscription *subscription, *subscription_out;
static strowger_buf *buf_out;
static bool bool_out;
static uint32_t count_out;
static strowger_host host;

static strowger_str of(size_t size, char filling) {
  strowger_str text;
  char *bytes = malloc(size);
  CHECK(bytes != NULL);
  memset(bytes, filling, size);
  text.ptr = bytes;
  text.len = size;
  return text;
}

/* A pointer that is NULL, with a length; and no text at all, in both ways. */
static const strowger_str null_and_1 = {NULL, 1}, null_and_all = {NULL, SIZE_MAX}, nothing = {NULL, 0},
                          empty = {"", 0};
/* Lone continuation, overlong, surrogate, beyond the last character, cut off; and a NUL inside. */
static const strowger_str not_utf8[] = {{"\xff\xfe", 2}, {"a\x80", 2}, {"\xc0\xaf", 2}, {"\xed\xa0\x80", 3},
                                        {"\xf4\x90\x80\x80", 4}, {"a\xe2\x82", 3}};
static const strowger_str with_nul = {"a\0b", 3};
/* Longer than a name, than a request's body, than anything that would be sensible, than any document. */
static strowger_str beyond_name, beyond_body, several_mib, beyond_document;

static void swallow(void *user_data, int32_t level, strowger_str message) {
  (void)user_data;
  (void)level;
  (void)message;
}
static void let_go(void *user_data) { (void)user_data; }

/* Any status will do, as long as it is one. */
#define ANY 12345

static void reset(void) {
  engine_out = UNWRITTEN;
  agent_out = UNWRITTEN;
  subscription_out = UNWRITTEN;
  buf_out = UNWRITTEN;
  bool_out = true;
  count_out = 12345;
}

static void give_back(void) {
  if ((void *)engine_out != UNWRITTEN) strowger_engine_close(engine_out);
  if ((void *)agent_out != UNWRITTEN) strowger_agent_close(agent_out);
  if ((void *)subscription_out != UNWRITTEN) strowger_subscription_free(subscription_out);
  if ((void *)buf_out != UNWRITTEN) strowger_buf_free(buf_out);
}

static int calls;

static void outcome(const char *function, const char *what, strowger_status wanted, strowger_status got) {
  const char *problem = NULL;
  calls++;
  if (wanted == ANY ? got > STROWGER_DONE : got != wanted) problem = "another status";
  else if (error != NULL && (got >= 0 || strowger_error_status(error) != got)) problem = "an error of its own";
  else if (error != NULL && strowger_error_message(error).len == 0) problem = "no words";
  else if (got != STROWGER_OK && ((void *)engine_out != UNWRITTEN || (void *)agent_out != UNWRITTEN ||
                                  (void *)subscription_out != UNWRITTEN || (void *)buf_out != UNWRITTEN ||
                                  !bool_out || count_out != 12345)) problem = "an output that was written";
  if (problem != NULL) {
    strowger_str name = strowger_status_name(got);
    fprintf(stderr, "%s, %s: %.*s (%d) instead of %d: %s\n", function, what, (int)name.len, name.ptr, (int)got,
            (int)wanted, problem);
    exit(1);
  }
  if (got == STROWGER_OK) give_back();
  strowger_error_free(error);
  error = NULL;
}

#define TRY(function, what, wanted, call)        \
  do {                                           \
    reset();                                     \
    outcome(function, what, (wanted), (call));   \
  } while (0)

static void begin(void) {
  beyond_name = of(((size_t)4 << 10) + 1, 'a');
  beyond_body = of(((size_t)256 << 10) + 1, 'a');
  several_mib = of((size_t)8 << 20, 'a');
  beyond_document = of(((size_t)64 << 20) + 1, ' ');
  host.struct_size = sizeof host;
  STATUS(STROWGER_OK, strowger_engine_open(text(NOTES_CONFIG), &engine, &error));
  STATUS(STROWGER_OK, strowger_agent_open(engine, text(AGENT), &agent, &error));
  STATUS(STROWGER_OK, strowger_subscribe(agent, text("/v2/me/*"), &subscription, &error));
}

static void end(void) {
  /* After all that, everything works, and nothing was done by what failed. */
  CHECK(holds(perform(agent, "", "{\"operationName\":\"Create\"}"), "\"statusCode\":0,\"referenceId\":1}"));
  CHECK(holds(next_note(subscription), "\"sequence\":1"));
  strowger_engine_close(engine);
  strowger_subscription_free(subscription);
  strowger_agent_close(agent);
  free((void *)(uintptr_t)beyond_name.ptr);
  free((void *)(uintptr_t)beyond_body.ptr);
  free((void *)(uintptr_t)several_mib.ptr);
  free((void *)(uintptr_t)beyond_document.ptr);
  printf("%d calls\nok\n", calls);
}

#endif
