#include "relay/nats/setup.hpp"

namespace ar::relay::nats {
namespace {

/// What the bus cannot do without. A server may say more (placement, description, ...): that is its operator's.
json needed(StreamPlan const& plan, NatsOptions const& options) {
  using std::chrono::nanoseconds;
  json config = {{"name", plan.name},
                 {"subjects", {plan.subject}},
                 {"retention", "limits"},
                 {"discard", "new"},
                 {"max_msgs", -1},
                 {"max_age", plan.max_age.count()},
                 {"max_msgs_per_subject", plan.messages_per_subject},
                 {"duplicate_window", nanoseconds(kDedupWindow).count()},
                 {"deny_purge", false},
                 {"allow_direct", true}};
  if (plan.bucket) config["allow_rollup_hdrs"] = true;
  if (options.max_bytes > 0) config["max_bytes"] = options.max_bytes;
  return config;
}

std::string differences(json const& wanted, json const& found) {
  std::string text;
  for (auto const& [name, value] : wanted.items()) {
    auto const have = found.find(name);
    bool const absent = have == found.end();
    // The server leaves out what is false or zero.
    bool const same = absent ? (value == false || value == 0) : *have == value;
    if (same) continue;
    text += (text.empty() ? "" : ", ") + name + " is " + (absent ? std::string("not set") : have->dump()) +
            " and must be " + value.dump();
  }
  return text;
}

/// True: made. False: it was there, and is right.
awaitable<Result<bool>> make(JetStream& js, StreamPlan plan, NatsOptions const& options) {
  auto const wanted = needed(plan, options);
  auto info = co_await js.stream_info(plan.name);
  bool made = false;
  if (!info && info.error().code == "nats_not_found") {
    json config = wanted;
    config["storage"] = "file";
    config["num_replicas"] = options.replicas;
    config["description"] = "agent-runner";
    info = co_await js.api("STREAM.CREATE." + plan.name, std::move(config));
    made = info.has_value();
    // Another daemon may have made it in between.
    if (!info) {
      auto const now_there = co_await js.stream_info(plan.name);
      if (!now_there) co_return info.error();
      info = now_there;
    }
  }
  if (!info) co_return info.error();
  auto const config = info->find("config");
  if (config == info->end())
    co_return unavailable("nats_refused", "NATS says nothing about the settings of stream " + plan.name);
  if (auto const text = differences(wanted, *config); !text.empty())
    co_return conflict("nats_settings", "stream " + plan.name + ": " + text);
  if (config->value("num_replicas", 1) > 1) js.note_replicas();
  js.bound(plan.name, plan.subject, config->value("max_bytes", std::int64_t{-1}));
  co_return made;
}

}  // namespace

awaitable<Result<std::vector<std::string>>> set_up(JetStream& js, Names const& names, NatsOptions const& options) {
  std::vector<std::string> made;
  std::string wrong;
  for (auto const store : kStores) {
    auto const plan = names.plan(store);
    auto const done = co_await make(js, plan, options);
    if (done) {
      if (*done) made.push_back(plan.name);
    } else if (done.error().code == "nats_settings") {
      wrong += (wrong.empty() ? "" : "; ") + done.error().message;
    } else {
      co_return done.error();
    }
  }
  if (!wrong.empty())
    co_return unavailable("nats_settings",
                          "NATS has these with other settings, and they are left as they are: " + wrong +
                              ". Change them with `nats stream edit`, or choose another relay.prefix");
  co_return made;
}

}  // namespace ar::relay::nats
