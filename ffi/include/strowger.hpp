/**
 * @file strowger.hpp
 * @brief Strowger in C++17: the calls of strowger.h as classes. Header-only.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Handles are move-only and close themselves. Text goes in as std::string_view, comes out as std::string,
 * and is JSON where strowger.h says so. A status below zero is thrown as strowger::error, which carries it;
 * "nothing there" is an empty std::optional.
 *
 *     strowger::engine engine(R"({"store": {"kind": "memory"}})");
 *     strowger::agent agent = engine.open_agent(R"({"id": "a1", "features": ["api-multimedia"]})");
 *     strowger::subscription notes = agent.subscribe("/v2/me/twitter");
 *     std::string reply = agent.perform("twitter", "", R"({"operationName": "Create"})");
 *     for (const std::string &note : notes.waiting()) { … }
 *
 * Threads and lifetimes are those of strowger.h: const member functions may be called on several threads at
 * once; moving and destroying may not overlap with anything.
 */
#ifndef STROWGER_HPP
#define STROWGER_HPP

#include <chrono>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <strowger.h>

namespace strowger {

/** A call that failed. */
class error : public std::runtime_error {
 public:
  error(strowger_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

  /** STROWGER_ERR_…: for programs; what() is for people. */
  strowger_status status() const noexcept { return status_; }

 private:
  strowger_status status_;
};

namespace detail {

inline strowger_str lend(std::string_view text) noexcept {
  strowger_str str;
  str.ptr = text.data();
  str.len = text.size();
  return str;
}

inline std::string copy(strowger_str str) { return str.len == 0 ? std::string() : std::string(str.ptr, str.len); }

/** Calls `call` with a place for the error, and throws what comes. Returns STROWGER_OK or STROWGER_DONE. */
template <typename Call>
strowger_status must(Call &&call) {
  strowger_error *failure = nullptr;
  const strowger_status status = std::forward<Call>(call)(&failure);
  if (status >= STROWGER_OK) {
    return status;
  }
  const std::unique_ptr<strowger_error, decltype(&strowger_error_free)> owned(failure, &strowger_error_free);
  throw error(status, copy(strowger_status_name(status)) + ": " + copy(strowger_error_message(failure)));
}

/** A call that hands out text, or nothing. */
template <typename Call>
std::optional<std::string> text(Call &&call) {
  strowger_buf *buf = nullptr;
  const strowger_status status = must([&](strowger_error **failure) { return call(&buf, failure); });
  const std::unique_ptr<strowger_buf, decltype(&strowger_buf_free)> owned(buf, &strowger_buf_free);
  if (status == STROWGER_DONE) {
    return std::nullopt;
  }
  return copy(strowger_buf_bytes(buf));
}

inline std::uint32_t milliseconds(std::chrono::milliseconds timeout) noexcept {
  const auto count = timeout.count();
  return count <= 0 ? 0 : count >= INT64_C(0xFFFFFFFF) ? UINT32_MAX : static_cast<std::uint32_t>(count);
}

template <typename Handle, void (*close)(Handle *)>
struct closer {
  void operator()(Handle *handle) const noexcept { close(handle); }
};

template <typename Handle, void (*close)(Handle *)>
using owned = std::unique_ptr<Handle, closer<Handle, close>>;

}  // namespace detail

/** Notifications of an agent. */
class subscription {
 public:
  explicit subscription(strowger_subscription *handle) noexcept : handle_(handle) {}

  /** The next notification; nothing if none came in time. */
  std::optional<std::string> next(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) const {
    return detail::text([&](strowger_buf **note, strowger_error **failure) {
      return strowger_subscription_next(handle_.get(), detail::milliseconds(timeout), note, failure);
    });
  }

  /** Readable exactly while a notification waits. Never read from it and never close it. */
  int fd() const noexcept { return strowger_subscription_fd(handle_.get()); }

  /** The notifications that wait, taken out one by one; ends when none came within `timeout`. */
  class range {
   public:
    class iterator {
     public:
      using iterator_category = std::input_iterator_tag;
      using value_type = std::string;
      using difference_type = std::ptrdiff_t;
      using pointer = const std::string *;
      using reference = const std::string &;

      iterator() = default;
      iterator(const subscription *from, std::chrono::milliseconds timeout) : from_(from), timeout_(timeout) {
        ++*this;
      }
      reference operator*() const { return *note_; }
      pointer operator->() const { return &*note_; }
      iterator &operator++() {
        note_ = from_->next(timeout_);
        if (!note_) {
          from_ = nullptr;
        }
        return *this;
      }
      void operator++(int) { ++*this; }
      friend bool operator==(const iterator &left, const iterator &right) { return left.from_ == right.from_; }
      friend bool operator!=(const iterator &left, const iterator &right) { return !(left == right); }

     private:
      const subscription *from_ = nullptr;
      std::chrono::milliseconds timeout_{0};
      std::optional<std::string> note_;
    };

    range(const subscription &from, std::chrono::milliseconds timeout) : from_(&from), timeout_(timeout) {}
    iterator begin() const { return iterator(from_, timeout_); }
    iterator end() const { return iterator(); }

   private:
    const subscription *from_;
    std::chrono::milliseconds timeout_;
  };

  range waiting(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) const {
    return range(*this, timeout);
  }

  strowger_subscription *get() const noexcept { return handle_.get(); }

 private:
  detail::owned<strowger_subscription, &strowger_subscription_free> handle_;
};

/** An agent: the `me` of the Web Services API. */
class agent {
 public:
  explicit agent(strowger_agent *handle) noexcept : handle_(handle) {}

  /** The reply's JSON; what the engine refuses is a reply as well. `id` is empty for the collection. */
  std::string perform(std::string_view channel, std::string_view id, std::string_view body_json) const {
    return *detail::text([&](strowger_buf **reply, strowger_error **failure) {
      return strowger_perform(handle_.get(), detail::lend(channel), detail::lend(id), detail::lend(body_json),
                              reply, failure);
    });
  }

  /** The resource; nothing if the agent has no such interaction. */
  std::optional<std::string> read(std::string_view channel, std::string_view id) const {
    try {
      return detail::text([&](strowger_buf **resource, strowger_error **failure) {
        return strowger_read(handle_.get(), detail::lend(channel), detail::lend(id), resource, failure);
      });
    } catch (const error &failure) {
      if (failure.status() == STROWGER_ERR_NOT_FOUND) {
        return std::nullopt;
      }
      throw;
    }
  }

  /** An array of resources. */
  std::string list(std::string_view channel) const {
    return *detail::text([&](strowger_buf **resources, strowger_error **failure) {
      return strowger_list(handle_.get(), detail::lend(channel), resources, failure);
    });
  }

  bool can(std::string_view channel, std::string_view id, std::string_view operation) const {
    bool answer = false;
    detail::must([&](strowger_error **failure) {
      return strowger_can(handle_.get(), detail::lend(channel), detail::lend(id), detail::lend(operation),
                          &answer, failure);
    });
    return answer;
  }

  subscription subscribe(std::string_view topic) const {
    strowger_subscription *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_subscribe(handle_.get(), detail::lend(topic), &handle, failure);
    });
    return subscription(handle);
  }

  /** After a gap: the notes behind `from` that are still kept, or word that some are not; then live ones. */
  subscription subscribe_from(std::string_view topic, std::uint64_t from) const {
    strowger_subscription *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_subscribe_from(handle_.get(), detail::lend(topic), from, &handle, failure);
    });
    return subscription(handle);
  }

  strowger_agent *get() const noexcept { return handle_.get(); }

 private:
  detail::owned<strowger_agent, &strowger_agent_close> handle_;
};

/** An engine. */
class engine {
 public:
  explicit engine(std::string_view config_json) {
    strowger_engine *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_engine_open(detail::lend(config_json), &handle, failure);
    });
    handle_.reset(handle);
  }

  /** With time, randomness, HTTP or log of the program's own; see strowger_host. */
  engine(std::string_view config_json, const strowger_host &host) {
    strowger_engine *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_engine_open_with(detail::lend(config_json), &host, &handle, failure);
    });
    handle_.reset(handle);
  }

  void load_channel(std::string_view path, std::string_view config_json) const {
    detail::must([&](strowger_error **failure) {
      return strowger_channel_load(handle_.get(), detail::lend(path), detail::lend(config_json), failure);
    });
  }

  agent open_agent(std::string_view agent_json) const {
    strowger_agent *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_agent_open(handle_.get(), detail::lend(agent_json), &handle, failure);
    });
    return agent(handle);
  }

  /** The new interaction's id. */
  std::string receive(std::string_view channel, std::string_view inbound_json) const {
    return *detail::text([&](strowger_buf **id, strowger_error **failure) {
      return strowger_receive(handle_.get(), detail::lend(channel), detail::lend(inbound_json), id, failure);
    });
  }

  void offer(std::string_view id, std::string_view agent_id) const {
    detail::must([&](strowger_error **failure) {
      return strowger_offer(handle_.get(), detail::lend(id), detail::lend(agent_id), failure);
    });
  }

  void revoke(std::string_view id) const {
    detail::must(
        [&](strowger_error **failure) { return strowger_revoke(handle_.get(), detail::lend(id), failure); });
  }

  /** The id of the oldest interaction that waits in a queue. */
  std::optional<std::string> queue_next(std::string_view queue_path) const {
    return detail::text([&](strowger_buf **id, strowger_error **failure) {
      return strowger_queue_next(handle_.get(), detail::lend(queue_path), id, failure);
    });
  }

  /** Who last had to do with a contact: {"id","channel","timeMs"}. */
  std::optional<std::string> last_agent(std::string_view contact_id, std::string_view channel) const {
    return detail::text([&](strowger_buf **found, strowger_error **failure) {
      return strowger_last_agent(handle_.get(), detail::lend(contact_id), detail::lend(channel), found, failure);
    });
  }

  /** Makes deliveries through plugins, on this thread; gives their number. */
  std::uint32_t deliver(std::uint32_t max, std::chrono::milliseconds timeout) const {
    std::uint32_t delivered = 0;
    detail::must([&](strowger_error **failure) {
      return strowger_deliver(handle_.get(), max, detail::milliseconds(timeout), &delivered, failure);
    });
    return delivered;
  }

  /** Forgets at most so many ended interactions, as the configuration's "retention" says; gives their number. */
  std::uint32_t prune(std::uint32_t max) const {
    std::uint32_t pruned = 0;
    detail::must([&](strowger_error **failure) { return strowger_prune(handle_.get(), max, &pruned, failure); });
    return pruned;
  }

  /** Goes on with an account that waits: its credentials have changed. */
  void resume_account(std::string_view channel, std::string_view account) const {
    detail::must([&](strowger_error **failure) {
      return strowger_account_resume(handle_.get(), detail::lend(channel), detail::lend(account), failure);
    });
  }

  /** The next delivery of a channel that the program runs itself; settle() it. */
  std::optional<std::string> next_delivery(std::string_view channel, std::chrono::milliseconds timeout) const {
    return detail::text([&](strowger_buf **delivery, strowger_error **failure) {
      return strowger_delivery_next(handle_.get(), detail::lend(channel), detail::milliseconds(timeout), delivery,
                                    failure);
    });
  }

  void settle(std::string_view delivery_id, std::string_view outcome_json) const {
    detail::must([&](strowger_error **failure) {
      return strowger_delivery_settle(handle_.get(), detail::lend(delivery_id), detail::lend(outcome_json),
                                      failure);
    });
  }

  /** Hands a webhook request to its channel; gives the HTTP answer. */
  std::string ingest(std::string_view channel, std::string_view request_json, std::string_view body) const {
    return *detail::text([&](strowger_buf **answer, strowger_error **failure) {
      return strowger_ingest(handle_.get(), detail::lend(channel), detail::lend(request_json),
                             detail::lend(body), answer, failure);
    });
  }

  /** "mermaid", "dot" or "scxml". */
  std::string diagram(std::string_view channel, std::string_view format) const {
    return *detail::text([&](strowger_buf **drawn, strowger_error **failure) {
      return strowger_diagram(handle_.get(), detail::lend(channel), detail::lend(format), drawn, failure);
    });
  }

  strowger_engine *get() const noexcept { return handle_.get(); }

 private:
  detail::owned<strowger_engine, &strowger_engine_close> handle_;
};

}  // namespace strowger

#endif /* STROWGER_HPP */
