#ifndef STROWGER_STR_DEFINED
/** Says that strowger_str is defined: whichever of the headers is included first does it. */
#define STROWGER_STR_DEFINED
/**
 * Text or bytes, borrowed for the length of the call, not NUL-terminated. `{NULL, 0}` is empty.
 * Text is UTF-8. Frozen for ever.
 */
typedef struct strowger_str {
  /** The first byte; may be NULL when `len` is 0. */
  const char *ptr;
  /** The number of bytes. */
  size_t len;
} strowger_str;

/** A string literal as an initialiser of a strowger_str, also of a static one. */
#define STROWGER_STR_INIT(literal) { (literal), sizeof(literal) - 1 }

/** A string literal as a strowger_str, where an expression is wanted. */
#ifdef __cplusplus
#define STROWGER_STR(literal) (strowger_str STROWGER_STR_INIT(literal))
#else
#define STROWGER_STR(literal) ((strowger_str) STROWGER_STR_INIT(literal))
#endif
#endif /* STROWGER_STR_DEFINED */
