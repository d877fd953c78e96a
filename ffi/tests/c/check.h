/* What the C tests share: checks that say where they failed. */
#ifndef CHECK_H
#define CHECK_H

#include <strowger.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                                  \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__, #condition);           \
      exit(1);                                                                            \
    }                                                                                     \
  } while (0)

/* Where a call that is given to STATUS puts its error. */
static strowger_error *error = NULL;

/* Expects a status, with an error that carries it exactly if it is one. */
static inline void expect(const char *file, int line, const char *call, strowger_status wanted,
                          strowger_status got) {
  if (got != wanted) {
    strowger_str name = strowger_status_name(got), message = strowger_error_message(error);
    fprintf(stderr, "%s:%d: %s: %.*s (%d) instead of %d: %.*s\n", file, line, call, (int)name.len, name.ptr,
            (int)got, (int)wanted, (int)message.len, message.ptr);
    exit(1);
  }
  if ((error != NULL) != (got < 0) || strowger_error_status(error) != (got < 0 ? got : STROWGER_OK) ||
      (got < 0 && strowger_error_message(error).len == 0)) {
    fprintf(stderr, "%s:%d: %s: the error does not say what the status says\n", file, line, call);
    exit(1);
  }
  strowger_error_free(error);
  error = NULL;
}

#define STATUS(wanted, call) expect(__FILE__, __LINE__, #call, (wanted), (call))

static inline strowger_str text(const char *string) {
  strowger_str str;
  str.ptr = string;
  str.len = strlen(string);
  return str;
}

static inline int holds(const char *json, const char *part) {
  if (strstr(json, part) == NULL) {
    fprintf(stderr, "there is no %s in %s\n", part, json);
    return 0;
  }
  return 1;
}

/* The buffer's text with a NUL behind it; the buffer is gone. The text stays until the next but one. */
static inline const char *taken(strowger_buf *buf) {
  static char texts[2][65536];
  static int turn = 0;
  strowger_str bytes = strowger_buf_bytes(buf);
  turn = !turn;
  CHECK(buf != NULL && bytes.len < sizeof texts[0]);
  memcpy(texts[turn], bytes.ptr, bytes.len);
  texts[turn][bytes.len] = '\0';
  strowger_buf_free(buf);
  return texts[turn];
}

/* A string member of a JSON text, by its first occurrence. */
static inline void member(const char *json, const char *name, char *value, size_t size) {
  char pattern[64];
  const char *at, *end;
  snprintf(pattern, sizeof pattern, "\"%s\":\"", name);
  at = strstr(json, pattern);
  CHECK(at != NULL);
  at += strlen(pattern);
  end = strchr(at, '"');
  CHECK(end != NULL && (size_t)(end - at) < size);
  memcpy(value, at, (size_t)(end - at));
  value[end - at] = '\0';
}

/* An engine with a channel "notes" that the program delivers itself. */
#define NOTES_CONFIG                                                                                     \
  "{\"name\":\"desk\",\"base_uri\":\"http://h\",\"manifests\":[{\"channel\":\"notes\",\"collections\":[" \
  "\"notes\"],\"listMember\":\"notes\",\"resource\":\"note\",\"uriPath\":\"note\",\"topic\":"            \
  "\"/v2/me/notes\",\"messageType\":\"NoteStateChangeMessage\",\"savedType\":\"NoteSaved\","             \
  "\"directionMember\":\"noteType\",\"accounts\":[{\"name\":\"desk\"}]}]}"

static const char AGENT[] = "{\"id\":\"a1\",\"features\":[\"api-multimedia\"]}";

static inline const char *perform(strowger_agent *agent, const char *id, const char *body) {
  strowger_buf *reply = NULL;
  STATUS(STROWGER_OK, strowger_perform(agent, text("notes"), text(id), text(body), &reply, &error));
  return taken(reply);
}

static inline const char *next_note(strowger_subscription *notes) {
  strowger_buf *note = NULL;
  STATUS(STROWGER_OK, strowger_subscription_next(notes, 1000, &note, &error));
  return taken(note);
}

static inline void no_note(strowger_subscription *notes) {
  strowger_buf *note = NULL;
  STATUS(STROWGER_DONE, strowger_subscription_next(notes, 0, &note, &error));
  CHECK(note == NULL);
}

#endif
