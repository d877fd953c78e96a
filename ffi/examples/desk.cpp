// A desk with a channel of its own: the program itself delivers what its agents write.
//
//   c++ -std=c++17 -o desk desk.cpp -lstrowger

#include <strowger.hpp>

#include <chrono>
#include <iostream>
#include <string>

namespace {

// What a server with a way out of its own tells the engine about it.
constexpr std::string_view CONFIG = R"({
  "name": "desk",
  "manifests": [ {
    "channel": "notes", "collections": ["notes"], "listMember": "notes", "resource": "note",
    "uriPath": "note", "topic": "/v2/me/notes", "messageType": "NoteStateChangeMessage",
    "savedType": "NoteSaved", "directionMember": "noteType", "accounts": [ { "name": "desk" } ] } ] })";

// The value of a string member. A real program reads JSON with a library.
std::string member(const std::string &json, const std::string &name) {
  const std::string pattern = "\"" + name + "\":\"";
  const auto at = json.find(pattern);
  if (at == std::string::npos) {
    throw std::runtime_error("there is no " + name + " in " + json);
  }
  const auto from = at + pattern.size();
  return json.substr(from, json.find('"', from) - from);
}

void print(const strowger::subscription &notes) {
  for (const std::string &note : notes.waiting()) {
    std::cout << "note " << note << '\n';
  }
}

}  // namespace

int main() {
  try {
    const strowger::engine engine(CONFIG);
    const strowger::agent agent = engine.open_agent(R"({"id": "a1", "features": ["api-multimedia"]})");
    const strowger::subscription notes = agent.subscribe("/v2/me/notes");

    agent.perform("notes", "", R"({"operationName": "Create"})");
    const std::string id = member(notes.next(std::chrono::seconds(1)).value(), "id");
    const std::string reply = agent.perform(
        "notes", id,
        R"({"operationName": "Send", "queuePath": "/queues/out", "note": {"from": "desk", "message": "Hello"}})");
    std::cout << "reply " << reply << '\n';
    print(notes);

    // This program's own way out. It says what became of it, honestly.
    while (const auto delivery = engine.next_delivery("notes", std::chrono::milliseconds(0))) {
      std::cout << "to deliver " << *delivery << '\n';
      engine.settle(member(*delivery, "deliveryId"), R"({"outcome": "published", "id": "1"})");
    }
    print(notes);

    // Errors carry their status.
    try {
      agent.list("letters");
    } catch (const strowger::error &failure) {
      std::cout << failure.status() << ' ' << failure.what() << '\n';
    }
    return 0;
  } catch (const std::exception &failure) {
    std::cerr << failure.what() << '\n';
    return 1;
  }
}
