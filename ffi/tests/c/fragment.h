/* What stands around a fragment of the documentation in the program that a reader has in mind. */
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <strowger.h>
#include <strowger_channel.h>

/* What a server does with what the library hands out. */
void forward(strowger_str json);
void complain(strowger_str message);
void not_found(void);
bool is_stopping(void);

/* The functions of a plugin whose other parts a fragment shows. */
int32_t create(const strowger_channel_host *host, strowger_str config_json, strowger_sink *error,
               strowger_channel **out);
void destroy(strowger_channel *channel);
int32_t manifest(strowger_channel *channel, strowger_sink *out);
int32_t check(strowger_channel *channel, strowger_str channel_name, strowger_str account, strowger_str text,
              strowger_str extras_json, strowger_sink *refusal);
int32_t begin(strowger_channel *channel, strowger_str job_json, strowger_sink *step,
              strowger_conversation **out);
int32_t resume(strowger_channel *channel, strowger_conversation *conversation, strowger_str result_json,
               strowger_str body, strowger_sink *step);
void end(strowger_channel *channel, strowger_conversation *conversation);

/* The handles that statements work with. */
#define FRAGMENT_PARAMETERS                                                                        \
  strowger_engine *engine, strowger_agent *agent, strowger_subscription *subscription, strowger_str config
int fragment(FRAGMENT_PARAMETERS);
