/* A small contact-centre server: many agents over TCP on this machine, one epoll loop, deliveries on a
 * thread of their own.
 *
 *   cc -std=gnu99 epoll_server.c $(pkg-config --cflags --libs strowger) -pthread -o epoll_server
 *   ./epoll_server --plugin /usr/local/lib/strowger/libstrowger_twitter.so --platform http://127.0.0.1:8081
 *
 * The protocol is lines of text. What an agent's desktop sends:
 *
 *   LOGIN <agent>                        be that agent, and hear of its interactions from now on
 *   PERFORM <channel> <id or -> <json>   a request; `-` is the collection
 *   READ <channel> <id>                  an interaction
 *   LIST <channel>                       the agent's interactions
 *   QUIT
 *
 * What it gets: `OK`, `REPLY <json>`, `ERROR <text>` in the order of its lines, and `NOTE <json>` whenever
 * something happens. A desktop that does not read what it is sent is not read from either; what it misses
 * meanwhile waits in its subscription, which tells it when it lagged.
 */
#define _GNU_SOURCE
#include <strowger.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  LINE_LIMIT = 300 * 1024,         /* a request body of 256 KiB and what stands before it */
  OUTPUT_LIMIT = 1024 * 1024,      /* a desktop with more than this unread is not served further */
  CLIENT_LIMIT = 4096,
  DELIVERY_WAIT_MS = 250
};

typedef struct client client;

/* What an epoll event is about. */
typedef struct source {
  enum { LISTENER, SIGNALS, DESKTOP, NOTES } kind;
  client *owner;
} source;

struct client {
  int fd;
  source desktop, notes;
  strowger_agent *agent;
  strowger_subscription *subscription;
  char *input, *output;
  size_t input_len, output_len;
  bool notes_watched, closing;
  client *next;
};

typedef struct server {
  int epoll, listener, signals;
  strowger_engine *engine;
  source arrivals;
  bool arrivals_watched;
  client *clients;
  size_t count;
} server;

static atomic_bool stopping;

static void fail(const char *what, strowger_error *error) {
  strowger_str message = strowger_error_message(error);
  fprintf(stderr, "epoll_server: %s: %.*s\n", what, (int)message.len, message.ptr ? message.ptr : "");
  strowger_error_free(error);
  exit(EXIT_FAILURE);
}

static void fail_errno(const char *what) {
  fprintf(stderr, "epoll_server: %s: %s\n", what, strerror(errno));
  exit(EXIT_FAILURE);
}

static strowger_str borrow(const char *text) {
  strowger_str str = {text, strlen(text)};
  return str;
}

/* ---------------------------------------------------------------------------- deliveries, on their thread */

static void *deliver(void *context) {
  strowger_engine *engine = context;
  while (!atomic_load(&stopping)) {
    uint32_t delivered = 0;
    strowger_error *error = NULL;
    if (strowger_deliver(engine, 16, DELIVERY_WAIT_MS, &delivered, &error) < 0) {
      strowger_str message = strowger_error_message(error);
      fprintf(stderr, "epoll_server: delivery: %.*s\n", (int)message.len, message.ptr ? message.ptr : "");
      strowger_error_free(error);
      sleep(1);
    }
  }
  return NULL;
}

/* ------------------------------------------------------------------------------------------ the epoll set */

static void watch(server *server, int operation, int fd, uint32_t events, source *about) {
  struct epoll_event event;
  memset(&event, 0, sizeof event);
  event.events = events;
  event.data.ptr = about;
  if (epoll_ctl(server->epoll, operation, fd, &event) < 0) {
    fail_errno("epoll_ctl");
  }
}

static bool is_roomy(const client *client) {
  return client->output_len < OUTPUT_LIMIT / 2;
}

/* Reads from a desktop only while it reads from us, and hears of notes only while there is room for them. */
static void update(server *server, client *client) {
  bool has_room = is_roomy(client);
  uint32_t events = (client->output_len > 0 ? EPOLLOUT : 0u) | (has_room && !client->closing ? EPOLLIN : 0u);
  watch(server, EPOLL_CTL_MOD, client->fd, events, &client->desktop);
  if (client->subscription != NULL && client->notes_watched != has_room) {
    int fd = strowger_subscription_fd(client->subscription);
    watch(server, EPOLL_CTL_MOD, fd, has_room ? EPOLLIN : 0u, &client->notes);
    client->notes_watched = has_room;
  }
}

/* Stops or goes on taking connections. */
static void watch_arrivals(server *server, bool on) {
  if (server->arrivals_watched != on) {
    watch(server, EPOLL_CTL_MOD, server->listener, on ? EPOLLIN : 0u, &server->arrivals);
    server->arrivals_watched = on;
  }
}

static void drop(server *server, client *client) {
  struct client **link = &server->clients;
  while (*link != client) {
    link = &(*link)->next;
  }
  *link = client->next;
  server->count--;
  if (client->subscription != NULL) {
    epoll_ctl(server->epoll, EPOLL_CTL_DEL, strowger_subscription_fd(client->subscription), NULL);
  }
  strowger_subscription_free(client->subscription);
  strowger_agent_close(client->agent);
  close(client->fd);
  free(client->input);
  free(client->output);
  free(client);
  watch_arrivals(server, true);
}

/* ------------------------------------------------------------------------------------------------- output */

static bool say(client *client, const char *word, strowger_str text) {
  size_t word_len = strlen(word), line = word_len + 1 + text.len + 1;
  char *grown = realloc(client->output, client->output_len + line);
  if (grown == NULL) {
    return false;
  }
  client->output = grown;
  grown += client->output_len;
  memcpy(grown, word, word_len);
  grown[word_len] = ' ';
  if (text.len > 0) {
    memcpy(grown + word_len + 1, text.ptr, text.len);
  }
  grown[line - 1] = '\n';
  client->output_len += line;
  return true;
}

static bool say_buf(client *client, const char *word, strowger_buf *buf) {
  bool said = say(client, word, strowger_buf_bytes(buf));
  strowger_buf_free(buf);
  return said;
}

static bool say_error(client *client, strowger_error *error) {
  bool said = say(client, "ERROR", strowger_error_message(error));
  strowger_error_free(error);
  return said;
}

static bool flush(client *client) {
  size_t done = 0;
  while (done < client->output_len) {
    ssize_t sent = send(client->fd, client->output + done, client->output_len - done, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        return false;
      }
      break;
    }
    done += (size_t)sent;
  }
  client->output_len -= done;
  memmove(client->output, client->output + done, client->output_len);
  return true;
}

/* ------------------------------------------------------------------------------------------------ requests */

static bool login(server *server, client *client, const char *name) {
  if (client->agent != NULL) {
    return say(client, "ERROR", STROWGER_STR("you are logged in already"));
  }
  char agent_json[256];
  int len = snprintf(agent_json, sizeof agent_json, "{\"id\":\"%s\",\"features\":[\"api-multimedia\"]}", name);
  if (len < 0 || (size_t)len >= sizeof agent_json || strpbrk(name, "\"\\") != NULL) {
    return say(client, "ERROR", STROWGER_STR("that is no agent's name"));
  }
  strowger_error *error = NULL;
  if (strowger_agent_open(server->engine, borrow(agent_json), &client->agent, &error) != STROWGER_OK) {
    return say_error(client, error);
  }
  if (strowger_subscribe(client->agent, STROWGER_STR("/v2/me/*"), &client->subscription, &error) != STROWGER_OK) {
    /* Nobody is logged in: the desktop may try again. */
    strowger_agent_close(client->agent);
    client->agent = NULL;
    return say_error(client, error);
  }
  int fd = strowger_subscription_fd(client->subscription);
  if (fd < 0) {
    return false;
  }
  watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, &client->notes);
  client->notes_watched = true;
  return say(client, "OK", STROWGER_STR(""));
}

/* Takes the first word off a line. */
static char *word(char **line) {
  char *first = *line;
  char *end = strchr(first, ' ');
  if (end == NULL) {
    *line = first + strlen(first);
  } else {
    *end = '\0';
    *line = end + 1;
  }
  return first;
}

static bool answer(server *server, client *client, char *line) {
  char *command = word(&line);
  if (strcmp(command, "LOGIN") == 0) {
    return login(server, client, line);
  }
  if (strcmp(command, "QUIT") == 0) {
    client->closing = true;
    return say(client, "OK", STROWGER_STR(""));
  }
  if (client->agent == NULL) {
    return say(client, "ERROR", STROWGER_STR("LOGIN first"));
  }
  strowger_str channel = borrow(word(&line));
  strowger_buf *buf = NULL;
  strowger_error *error = NULL;
  strowger_status status;
  if (strcmp(command, "LIST") == 0) {
    status = strowger_list(client->agent, channel, &buf, &error);
  } else if (strcmp(command, "READ") == 0) {
    status = strowger_read(client->agent, channel, borrow(line), &buf, &error);
  } else if (strcmp(command, "PERFORM") == 0) {
    char *id = word(&line);
    strowger_str item = strcmp(id, "-") == 0 ? STROWGER_STR("") : borrow(id);
    status = strowger_perform(client->agent, channel, item, borrow(line), &buf, &error);
  } else {
    return say(client, "ERROR", STROWGER_STR("expected LOGIN, PERFORM, READ, LIST or QUIT"));
  }
  return status == STROWGER_OK ? say_buf(client, "REPLY", buf) : say_error(client, error);
}

/* Answers the whole lines that have come, as long as there is room for answers: a few lines can ask for a lot. */
static bool answer_lines(server *server, client *client) {
  size_t done = 0;
  char *end = NULL;
  while (!client->closing && is_roomy(client) && (end = memchr(client->input + done, '\n', client->input_len - done)) != NULL) {
    *end = '\0';
    size_t len = (size_t)(end - client->input) - done;
    if (memchr(client->input + done, '\0', len) != NULL) {
      return false;
    }
    if (!answer(server, client, client->input + done)) {
      return false;
    }
    done += len + 1;
  }
  client->input_len -= done;
  memmove(client->input, client->input + done, client->input_len);
  /* A full buffer without an end of line is a line that is too long. */
  return client->input_len < LINE_LIMIT || memchr(client->input, '\n', client->input_len) != NULL;
}

static bool receive(server *server, client *client) {
  for (;;) {
    ssize_t got = recv(client->fd, client->input + client->input_len, LINE_LIMIT - client->input_len, 0);
    if (got > 0) {
      client->input_len += (size_t)got;
      return answer_lines(server, client);
    }
    if (got < 0 && errno == EINTR) {
      continue;
    }
    return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
  }
}

static bool pass_notes_on(client *client) {
  while (client->output_len < OUTPUT_LIMIT) {
    strowger_buf *note = NULL;
    strowger_error *error = NULL;
    strowger_status status = strowger_subscription_next(client->subscription, 0, &note, &error);
    if (status == STROWGER_DONE) {
      return true;
    }
    if (status != STROWGER_OK) {
      return say_error(client, error);
    }
    if (!say_buf(client, "NOTE", note)) {
      return false;
    }
  }
  return true;
}

/* ------------------------------------------------------------------------------------------------ the loop */

static void welcome(server *server) {
  int fd = accept4(server->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd < 0) {
    /* Out of descriptors, most likely: the one who waits would wake the loop for ever. */
    if ((errno == EMFILE || errno == ENFILE) && server->clients != NULL) {
      watch_arrivals(server, false);
    }
    return;
  }
  client *client = server->count < CLIENT_LIMIT ? calloc(1, sizeof *client) : NULL;
  char *input = client != NULL ? malloc(LINE_LIMIT) : NULL;
  if (input == NULL) {
    free(client);
    close(fd);
    return;
  }
  client->fd = fd;
  client->input = input;
  client->desktop.kind = DESKTOP;
  client->desktop.owner = client;
  client->notes.kind = NOTES;
  client->notes.owner = client;
  client->next = server->clients;
  server->clients = client;
  server->count++;
  watch(server, EPOLL_CTL_ADD, fd, EPOLLIN, &client->desktop);
}

/* Serves one event; `false` if the client is to be dropped. */
static bool serve(server *server, client *client, const source *about, uint32_t events) {
  if (about->kind == NOTES) {
    if (!pass_notes_on(client)) {
      return false;
    }
  } else if (events & EPOLLIN) {
    if (!receive(server, client)) {
      return false;
    }
  } else if (events & (EPOLLHUP | EPOLLERR)) {
    return false;
  }
  /* Lines that waited for room have come already: no event will tell of them. */
  size_t waiting;
  do {
    waiting = client->input_len;
    if (!flush(client) || !answer_lines(server, client)) {
      return false;
    }
  } while (client->input_len != waiting);
  if (!flush(client)) {
    return false;
  }
  if (client->closing && client->output_len == 0) {
    return false;
  }
  update(server, client);
  return true;
}

static void loop(server *server) {
  struct epoll_event event;
  /* One event at a time: serving one may drop a client that a second one is about. */
  while (!atomic_load(&stopping)) {
    int ready = epoll_wait(server->epoll, &event, 1, -1);
    if (ready < 0 && errno != EINTR) {
      fail_errno("epoll_wait");
    }
    if (ready < 1) {
      continue;
    }
    const source *about = event.data.ptr;
    switch (about->kind) {
      case LISTENER:
        welcome(server);
        break;
      case SIGNALS:
        atomic_store(&stopping, true);
        break;
      case DESKTOP:
      case NOTES:
        if (!serve(server, about->owner, about, event.events)) {
          drop(server, about->owner);
        }
        break;
    }
  }
}

/* --------------------------------------------------------------------------------------------- the opening */

static int listen_on(uint16_t port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  int yes = 1;
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0 ||
      bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, 128) < 0) {
    fail_errno("listen");
  }
  socklen_t len = sizeof address;
  if (getsockname(fd, (struct sockaddr *)&address, &len) < 0) {
    fail_errno("getsockname");
  }
  printf("listening on 127.0.0.1:%u\n", (unsigned)ntohs(address.sin_port));
  fflush(stdout);
  return fd;
}

static int usage(int code) {
  fprintf(code == 0 ? stdout : stderr,
          "usage: epoll_server --plugin PATH --platform URL [--port N]\n"
          "\n"
          "  --plugin PATH    the absolute path of libstrowger_twitter.so\n"
          "  --platform URL   where the platform is, as http://127.0.0.1:8081 for a strowger-sandbox\n"
          "  --port N         the port on 127.0.0.1; 0, the default, takes a free one\n");
  return code;
}

int main(int argc, char **argv) {
  const char *plugin = NULL, *platform = NULL;
  unsigned long port = 0;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      return usage(0);
    }
    if (i + 1 == argc) {
      return usage(2);
    }
    if (strcmp(argv[i], "--plugin") == 0) {
      plugin = argv[++i];
    } else if (strcmp(argv[i], "--platform") == 0) {
      platform = argv[++i];
    } else if (strcmp(argv[i], "--port") == 0) {
      char *end;
      port = strtoul(argv[++i], &end, 10);
      if (*end != '\0' || port > 65535) {
        return usage(2);
      }
    } else {
      return usage(2);
    }
  }
  if (plugin == NULL || platform == NULL || strpbrk(platform, "\"\\") != NULL) {
    return usage(2);
  }

  /* Signals come through the loop; the delivery thread inherits the mask and gets none. */
  sigset_t ending;
  sigemptyset(&ending);
  sigaddset(&ending, SIGINT);
  sigaddset(&ending, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ending, NULL);

  server server;
  memset(&server, 0, sizeof server);
  strowger_error *error = NULL;
  if (strowger_engine_open(STROWGER_STR("{\"name\":\"epoll_server\"}"), &server.engine, &error) != STROWGER_OK) {
    fail("the engine could not be opened", error);
  }
  char config[1024];
  int len = snprintf(config, sizeof config,
                     "{\"name\":\"channel-twitter\",\"base_url\":\"%s\",\"accounts\":[{\"name\":\"vitaliy_onv\","
                     "\"user_id\":\"1258948171\",\"screen_name\":\"vitaliy_onv\","
                     "\"auth\":{\"kind\":\"bearer\",\"token\":\"epoll-server-example\"}}]}",
                     platform);
  if (len < 0 || (size_t)len >= sizeof config) {
    return usage(2);
  }
  if (strowger_channel_load(server.engine, borrow(plugin), borrow(config), &error) != STROWGER_OK) {
    fail("the plugin could not be loaded", error);
  }

  source signals = {SIGNALS, NULL};
  server.epoll = epoll_create1(EPOLL_CLOEXEC);
  server.signals = signalfd(-1, &ending, SFD_NONBLOCK | SFD_CLOEXEC);
  if (server.epoll < 0 || server.signals < 0) {
    fail_errno("epoll");
  }
  server.listener = listen_on((uint16_t)port);
  watch(&server, EPOLL_CTL_ADD, server.listener, EPOLLIN, &server.arrivals);
  server.arrivals_watched = true;
  watch(&server, EPOLL_CTL_ADD, server.signals, EPOLLIN, &signals);

  pthread_t delivery;
  errno = pthread_create(&delivery, NULL, deliver, server.engine);
  if (errno != 0) {
    fail_errno("pthread_create");
  }
  loop(&server);

  /* The delivery thread ends first: a handle must not be closed while it is used. */
  pthread_join(delivery, NULL);
  while (server.clients != NULL) {
    drop(&server, server.clients);
  }
  strowger_engine_close(server.engine);
  close(server.listener);
  close(server.signals);
  close(server.epoll);
  return 0;
}
