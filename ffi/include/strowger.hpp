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
 * @code{.cpp}
 * strowger::engine engine(R"({"store": {"kind": "memory"}})");
 * strowger::agent agent = engine.open_agent(R"({"id": "a1", "features": ["api-multimedia"]})");
 * strowger::subscription notes = agent.subscribe("/v2/me/twitter");
 * std::string reply = agent.perform("twitter", "", R"({"operationName": "Create"})");
 * for (const std::string &note : notes.waiting()) {
 *   std::cout << note << '\n';
 * }
 * @endcode
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

/** The calls of strowger.h as classes. */
namespace strowger {

/** A call that failed. */
class error : public std::runtime_error {
 public:
  /**
   * Made by the classes of this layer.
   *
   * @param status the call's status, below zero.
   * @param message what went wrong, for people.
   */
  error(strowger_status status, const std::string &message) : std::runtime_error(message), status_(status) {}

  /**
   * Why the call failed, for programs; what() is for people.
   *
   * @return STROWGER_ERR_…
   */
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
  /**
   * Takes a handle over.
   *
   * @param handle from strowger_subscribe(); released when this object ends.
   */
  explicit subscription(strowger_subscription *handle) noexcept : handle_(handle) {}

  /**
   * The next notification.
   *
   * @param timeout how long to wait for one; not at all by default.
   * @return {"channel","data","sequence"}; nothing if none came in time.
   */
  std::optional<std::string> next(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) const {
    return detail::text([&](strowger_buf **note, strowger_error **failure) {
      return strowger_subscription_next(handle_.get(), detail::milliseconds(timeout), note, failure);
    });
  }

  /**
   * A descriptor that is readable exactly while a notification waits, for poll and epoll.
   *
   * @return the descriptor: never read from it and never close it. -1 if there is none left.
   */
  int fd() const noexcept { return strowger_subscription_fd(handle_.get()); }

  /** The notifications that wait, taken out one by one; ends when none came within `timeout`. */
  class range {
   public:
    /** Goes from one notification to the next, once. */
    class iterator {
     public:
      using iterator_category = std::input_iterator_tag; /**< Each notification is seen once. */
      using value_type = std::string;                    /**< A notification's JSON. */
      using difference_type = std::ptrdiff_t;            /**< As std::iterator_traits wants it. */
      using pointer = const std::string *;               /**< Lent until the next step. */
      using reference = const std::string &;             /**< Lent until the next step. */

      /** The end. */
      iterator() = default;
      /**
       * The first notification, or the end.
       *
       * @param from the subscription; must outlive this object.
       * @param timeout how long to wait for each notification.
       */
      iterator(const subscription *from, std::chrono::milliseconds timeout) : from_(from), timeout_(timeout) {
        ++*this;
      }
      /**
       * The notification.
       *
       * @return its JSON.
       */
      reference operator*() const { return *note_; }
      /**
       * The notification.
       *
       * @return its JSON.
       */
      pointer operator->() const { return &*note_; }
      /**
       * Takes the next notification out, or comes to the end.
       *
       * @return this object.
       */
      iterator &operator++() {
        note_ = from_->next(timeout_);
        if (!note_) {
          from_ = nullptr;
        }
        return *this;
      }
      /** As the other one. */
      void operator++(int) { ++*this; }
      /**
       * Whether both are at the end, or neither is.
       *
       * @param left one.
       * @param right the other one.
       * @return whether they are equal.
       */
      friend bool operator==(const iterator &left, const iterator &right) { return left.from_ == right.from_; }
      /**
       * Whether one is at the end and the other is not.
       *
       * @param left one.
       * @param right the other one.
       * @return whether they differ.
       */
      friend bool operator!=(const iterator &left, const iterator &right) { return !(left == right); }

     private:
      const subscription *from_ = nullptr;
      std::chrono::milliseconds timeout_{0};
      std::optional<std::string> note_;
    };

    /**
     * Made by waiting().
     *
     * @param from the subscription; must outlive this object.
     * @param timeout how long to wait for each notification.
     */
    range(const subscription &from, std::chrono::milliseconds timeout) : from_(&from), timeout_(timeout) {}
    /**
     * Takes the first notification out.
     *
     * @return where it is, or the end.
     */
    iterator begin() const { return iterator(from_, timeout_); }
    /**
     * The end.
     *
     * @return what an iterator equals that found no further notification.
     */
    iterator end() const { return iterator(); }

   private:
    const subscription *from_;
    std::chrono::milliseconds timeout_;
  };

  /**
   * The notifications that wait, for a range-based for statement.
   *
   * @param timeout how long to wait for each one; not at all by default.
   * @return the range; this subscription must outlive it.
   */
  range waiting(std::chrono::milliseconds timeout = std::chrono::milliseconds(0)) const {
    return range(*this, timeout);
  }

  /**
   * The handle, for what only strowger.h has.
   *
   * @return the handle of strowger.h; it stays this object's: don't release it.
   */
  strowger_subscription *get() const noexcept { return handle_.get(); }

 private:
  detail::owned<strowger_subscription, &strowger_subscription_free> handle_;
};

/** An agent: the `me` of the Web Services API. */
class agent {
 public:
  /**
   * Takes a handle over.
   *
   * @param handle from strowger_agent_open(); closed when this object ends.
   */
  explicit agent(strowger_agent *handle) noexcept : handle_(handle) {}

  /**
   * Performs an operation; see strowger_perform().
   *
   * @param channel the channel's name.
   * @param id the interaction's id; empty for the collection.
   * @param body_json the request's body: {"operationName":"Save",…}.
   * @return the reply's JSON; what the engine refuses is a reply as well.
   */
  std::string perform(std::string_view channel, std::string_view id, std::string_view body_json) const {
    return *detail::text([&](strowger_buf **reply, strowger_error **failure) {
      return strowger_perform(handle_.get(), detail::lend(channel), detail::lend(id), detail::lend(body_json),
                              reply, failure);
    });
  }

  /**
   * Reads an interaction as this agent sees it.
   *
   * @param channel the channel's name.
   * @param id the interaction's id.
   * @return the bare resource; nothing if the agent has no such interaction.
   */
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

  /**
   * Lists the agent's interactions on a channel, oldest first.
   *
   * @param channel the channel's name.
   * @return an array of resources.
   */
  std::string list(std::string_view channel) const {
    return *detail::text([&](strowger_buf **resources, strowger_error **failure) {
      return strowger_list(handle_.get(), detail::lend(channel), resources, failure);
    });
  }

  /**
   * Whether an operation would be allowed now, its parameters aside.
   *
   * @param channel the channel's name.
   * @param id the interaction's id; empty for the collection.
   * @param operation the operation's name, as "Send".
   * @return the answer; false for an interaction that this agent can't see.
   */
  bool can(std::string_view channel, std::string_view id, std::string_view operation) const {
    bool answer = false;
    detail::must([&](strowger_error **failure) {
      return strowger_can(handle_.get(), detail::lend(channel), detail::lend(id), detail::lend(operation),
                          &answer, failure);
    });
    return answer;
  }

  /**
   * Subscribes to the agent's notifications, from now on.
   *
   * @param topic a channel's topic, as "/v2/me/twitter"; "/v2/me/" and an asterisk for all.
   * @return the subscription.
   */
  subscription subscribe(std::string_view topic) const {
    strowger_subscription *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_subscribe(handle_.get(), detail::lend(topic), &handle, failure);
    });
    return subscription(handle);
  }

  /**
   * Subscribes after a gap: the notes behind `from` that are still kept, or word that some are not; then
   * live ones. See strowger_subscribe_from().
   *
   * @param topic as for subscribe().
   * @param from the `sequence` of the last note that was seen; 0 if none was.
   * @return the subscription.
   */
  subscription subscribe_from(std::string_view topic, std::uint64_t from) const {
    strowger_subscription *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_subscribe_from(handle_.get(), detail::lend(topic), from, &handle, failure);
    });
    return subscription(handle);
  }

  /**
   * The handle, for what only strowger.h has.
   *
   * @return the handle of strowger.h; it stays this object's: don't release it.
   */
  strowger_agent *get() const noexcept { return handle_.get(); }

 private:
  detail::owned<strowger_agent, &strowger_agent_close> handle_;
};

/** An engine. */
class engine {
 public:
  /**
   * Opens an engine.
   *
   * @param config_json the configuration; see strowger.h.
   */
  explicit engine(std::string_view config_json) {
    strowger_engine *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_engine_open(detail::lend(config_json), &handle, failure);
    });
    handle_.reset(handle);
  }

  /**
   * Opens an engine with time, randomness, HTTP or log of the program's own.
   *
   * @param config_json the configuration; see strowger.h.
   * @param host the program's functions; copied.
   */
  engine(std::string_view config_json, const strowger_host &host) {
    strowger_engine *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_engine_open_with(detail::lend(config_json), &host, &handle, failure);
    });
    handle_.reset(handle);
  }

  /**
   * Loads a channel plugin; see strowger_channel_load().
   *
   * @param path the plugin's absolute path.
   * @param config_json the plugin's configuration.
   */
  void load_channel(std::string_view path, std::string_view config_json) const {
    detail::must([&](strowger_error **failure) {
      return strowger_channel_load(handle_.get(), detail::lend(path), detail::lend(config_json), failure);
    });
  }

  /**
   * Opens an agent, who is known to the engine from then on.
   *
   * @param agent_json {"id":"a1","features":["api-multimedia"]}.
   * @return the agent.
   */
  agent open_agent(std::string_view agent_json) const {
    strowger_agent *handle = nullptr;
    detail::must([&](strowger_error **failure) {
      return strowger_agent_open(handle_.get(), detail::lend(agent_json), &handle, failure);
    });
    return agent(handle);
  }

  /**
   * Takes in what a customer wrote; see strowger_receive().
   *
   * @param channel the channel's name.
   * @param inbound_json {"from","message","queuePath",…}.
   * @return the interaction's id.
   */
  std::string receive(std::string_view channel, std::string_view inbound_json) const {
    return *detail::text([&](strowger_buf **id, strowger_error **failure) {
      return strowger_receive(handle_.get(), detail::lend(channel), detail::lend(inbound_json), id, failure);
    });
  }

  /**
   * Offers a queued interaction to an agent.
   *
   * @param id the interaction's id.
   * @param agent_id the id of an agent that was opened at some time.
   */
  void offer(std::string_view id, std::string_view agent_id) const {
    detail::must([&](strowger_error **failure) {
      return strowger_offer(handle_.get(), detail::lend(id), detail::lend(agent_id), failure);
    });
  }

  /**
   * Takes an offer back: the interaction returns to where it came from.
   *
   * @param id the interaction's id.
   */
  void revoke(std::string_view id) const {
    detail::must(
        [&](strowger_error **failure) { return strowger_revoke(handle_.get(), detail::lend(id), failure); });
  }

  /**
   * The oldest interaction that waits in a queue. It stays there until offer() takes it out.
   *
   * @param queue_path the queue, as "/queues/support".
   * @return the interaction's id; nothing if none waits there.
   */
  std::optional<std::string> queue_next(std::string_view queue_path) const {
    return detail::text([&](strowger_buf **id, strowger_error **failure) {
      return strowger_queue_next(handle_.get(), detail::lend(queue_path), id, failure);
    });
  }

  /**
   * Who last had to do with a contact on a channel.
   *
   * @param contact_id the contact's id.
   * @param channel the channel's name.
   * @return {"id","channel","timeMs"}; nothing if nobody had.
   */
  std::optional<std::string> last_agent(std::string_view contact_id, std::string_view channel) const {
    return detail::text([&](strowger_buf **found, strowger_error **failure) {
      return strowger_last_agent(handle_.get(), detail::lend(contact_id), detail::lend(channel), found, failure);
    });
  }

  /**
   * Makes deliveries through plugins, on this thread; see strowger_deliver().
   *
   * @param max how many deliveries to make at most.
   * @param timeout how long to wait for the first one.
   * @return how many were worked on.
   */
  std::uint32_t deliver(std::uint32_t max, std::chrono::milliseconds timeout) const {
    std::uint32_t delivered = 0;
    detail::must([&](strowger_error **failure) {
      return strowger_deliver(handle_.get(), max, detail::milliseconds(timeout), &delivered, failure);
    });
    return delivered;
  }

  /**
   * Forgets ended interactions, oldest first, as the configuration's "retention" says: call it until it
   * gives 0. Without it, a few are forgotten as the engine works.
   *
   * @param max the most that are forgotten; each call is one transaction of the store.
   * @return how many interactions were forgotten.
   */
  std::uint32_t prune(std::uint32_t max) const {
    std::uint32_t pruned = 0;
    detail::must([&](strowger_error **failure) { return strowger_prune(handle_.get(), max, &pruned, failure); });
    return pruned;
  }

  /**
   * Goes on with an account that is left alone: its credentials have changed, say.
   *
   * @param channel a channel's name.
   * @param account the account's name, as a delivery's "from" has it.
   */
  void resume_account(std::string_view channel, std::string_view account) const {
    detail::must([&](strowger_error **failure) {
      return strowger_account_resume(handle_.get(), detail::lend(channel), detail::lend(account), failure);
    });
  }

  /**
   * The next delivery of a channel that the program runs itself: make it once, and settle() it.
   *
   * @param channel the name of a channel from the configuration's "manifests".
   * @param timeout how long to wait for one.
   * @return {"deliveryId","channel","agentId","attempt","from","message",…}; nothing if none came in time.
   */
  std::optional<std::string> next_delivery(std::string_view channel, std::chrono::milliseconds timeout) const {
    return detail::text([&](strowger_buf **delivery, strowger_error **failure) {
      return strowger_delivery_next(handle_.get(), detail::lend(channel), detail::milliseconds(timeout), delivery,
                                    failure);
    });
  }

  /**
   * Says what became of a delivery that the program made; see strowger_delivery_settle().
   *
   * @param delivery_id its `deliveryId`.
   * @param outcome_json {"outcome":"published","id":…} or another outcome.
   */
  void settle(std::string_view delivery_id, std::string_view outcome_json) const {
    detail::must([&](strowger_error **failure) {
      return strowger_delivery_settle(handle_.get(), detail::lend(delivery_id), detail::lend(outcome_json),
                                      failure);
    });
  }

  /**
   * Hands a platform's webhook request to its channel; see strowger_ingest().
   *
   * @param channel the name of a channel that a plugin runs.
   * @param request_json {"method","path","query"?,"headers"?}.
   * @param body the request's raw bytes.
   * @return the HTTP answer for the platform: {"status","headers","body"}.
   */
  std::string ingest(std::string_view channel, std::string_view request_json, std::string_view body) const {
    return *detail::text([&](strowger_buf **answer, strowger_error **failure) {
      return strowger_ingest(handle_.get(), detail::lend(channel), detail::lend(request_json),
                             detail::lend(body), answer, failure);
    });
  }

  /**
   * Draws a channel's lifecycle.
   *
   * @param channel the channel's name.
   * @param format "mermaid", "dot" or "scxml".
   * @return the diagram.
   */
  std::string diagram(std::string_view channel, std::string_view format) const {
    return *detail::text([&](strowger_buf **drawn, strowger_error **failure) {
      return strowger_diagram(handle_.get(), detail::lend(channel), detail::lend(format), drawn, failure);
    });
  }

  /**
   * The handle, for what only strowger.h has.
   *
   * @return the handle of strowger.h; it stays this object's: don't release it.
   */
  strowger_engine *get() const noexcept { return handle_.get(); }

 private:
  detail::owned<strowger_engine, &strowger_engine_close> handle_;
};

}  // namespace strowger

#endif /* STROWGER_HPP */
