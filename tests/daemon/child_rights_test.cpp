// What a child of an agent's own may have: every way to ask for more than its parent, and what it gets.
#include "daemon/fleet/child_rights.hpp"

#include "support/temp_dir.hpp"

#include <doctest/doctest.h>

#include <filesystem>

using namespace ar;
using namespace ar::daemon;

namespace {

struct Family {
  Family() {
    parent.id = "lead";
    parent.provider = "claude";
    parent.cwd = std::filesystem::canonical(dir.path()).string();
    parent.label = "boss";
    parent.tags = {"t"};
    parent.capabilities = {"c"};
    parent.provider_args = {"--disallowedTools", "WebSearch"};
    parent.options = {{"sandboxed_root", true}};
    parent.environment = {{"KEY", "secret"}};
    parent.policy_name = "strict";
    parent.profile = "cautious";
    adapters::Profile profile;
    profile.name = "cautious";
    profile.children.spawn = true;
    parent.agent_profile = std::make_shared<adapters::Profile const>(std::move(profile));
    parent.children = {true, 3, 5};
    std::filesystem::create_directories(dir.path() / "below");
  }
  Result<AgentSpec> child(json const& asked) const {
    auto spec = agent_spec_from(asked, parent.provider, parent.cwd);
    if (!spec) return spec;
    auto const limited = limit_to_parent(*spec, asked, parent);
    if (!limited) return limited.error();
    return spec;
  }
  /// The field for which it is refused; empty: it is not.
  std::string refused(json const& asked) const {
    auto const spec = child(asked);
    if (spec) return {};
    CHECK(spec.error().code == "not_granted");
    CHECK(spec.error().kind == ErrorKind::forbidden);
    return spec.error().field;
  }

  test::TempDir dir;
  AgentSpec parent;
};

}  // namespace

TEST_CASE("AChildThatAsksForMoreThanItsParentHasIsRefused") {
  Family const family;
  auto const below = (std::filesystem::path(family.parent.cwd) / "below").string();
  struct Case {
    json asked;
    char const* field;
  };
  std::vector<Case> const cases{
      {{{"approvalMode", "auto"}}, "approvalMode"},
      {{{"approvalMode", "full"}}, "approvalMode"},
      {{{"approvalMode", "bypassPermissions"}}, "approvalMode"},
      {{{"approvalMode", "plan"}}, "approvalMode"},
      {{{"cwd", "/"}}, "cwd"},
      {{{"cwd", below}}, "cwd"},
      {{{"cwd", below + "/../.."}}, "cwd"},
      {{{"workspace", {{"mode", "worktree"}}}}, "workspace"},
      {{{"workspace", {{"branch", "b"}}}}, "workspace"},
      {{{"workspace", {{"requestedMode", "worktree"}}}}, "workspace"},
      {{{"provider", "codex"}}, "provider"},
      {{{"provider", "command"}}, "provider"},
      {{{"providerArgs", {"--dangerously-skip-permissions"}}}, "providerArgs"},
      {{{"providerArgs", {"--disallowedTools", "WebSearch", "--add-dir", "/"}}}, "providerArgs"},
      {{{"options", {{"command", "/tmp/evil"}}}}, "options"},
      {{{"options", {{"env", {{"PATH", "/tmp"}}}}}}, "options"},
      {{{"env", {{"LD_PRELOAD", "/tmp/evil.so"}}}}, "env"},
      {{{"env", {{"KEY", "secret"}}}}, "env"},
      {{{"skills", {"/etc"}}}, "skills"},
      {{{"profile", "free"}}, "profile"},
      {{{"agentProfile", {{"base", "host"}}}}, "agentProfile"},
      {{{"model", "--permission-mode=bypassPermissions"}}, "model"},
      {{{"effort", "-c"}}, "effort"},
      {{{"id", "deploy"}}, "id"},
      {{{"id", "leader-1"}}, "id"},
      {{{"label", "reviewer"}}, "label"},
      {{{"label", "lead-reviewers"}}, "label"},  // a group of somebody's
      {{{"tags", {"t", "lead-x"}}}, "tags"},
      {{{"tags", {"t", "deploy"}}}, "tags"},
      {{{"capabilities", {"deploy"}}}, "capabilities"},
      {{{"policyName", "lax"}}, "policyName"},
      {{{"rig", "r"}}, "rig"},
      {{{"automationId", "a"}}, "automationId"},
      {{{"automationRunId", "a"}}, "automationRunId"},
      {{{"detached", true}}, "detached"},
      {{{"children", {{"spawn", true}, {"maxDepth", 3}}}}, "children.maxDepth"},
      {{{"children", {{"spawn", true}, {"maxChildren", 6}}}}, "children.maxChildren"},
  };
  for (auto const& [asked, field] : cases) CHECK_MESSAGE(family.refused(asked) == field, asked.dump());
}

TEST_CASE("WhatNobodyHasThoughtAboutIsForPeople") {
  Family const family;
  AgentSpec child;
  child.provider = family.parent.provider;
  child.cwd = family.parent.cwd;
  auto const limited = limit_to_parent(child, {{"newField", true}}, family.parent);
  REQUIRE_FALSE(limited.has_value());
  CHECK(limited.error().field == "newField");
}

TEST_CASE("AChildMayAskForAsMuchOrLess") {
  Family const family;
  for (json const& asked : std::vector<json>{json::object(),
                                             {{"approvalMode", "read-only"}},
                                             {{"approvalMode", "guarded"}},
                                             {{"cwd", family.parent.cwd + "/below/.."}},
                                             {{"workspace", {{"mode", "shared"}}}},
                                             {{"provider", "claude"}},
                                             {{"providerArgs", {"--disallowedTools", "WebSearch"}}},
                                             {{"profile", "cautious"}},
                                             {{"model", "small"}, {"effort", "low"}},
                                             {{"id", "lead-tests"}, {"label", "boss"}},
                                             {{"label", "boss"}, {"tags", {"t"}}, {"capabilities", {"c"}}},
                                             {{"policyName", "strict"}},
                                             {{"children", {{"spawn", true}, {"maxDepth", 2}, {"maxChildren", 5}}}},
                                             {{"requestInput", false}},
                                             {{"providerArgs", json::array()}, {"env", json::object()}}})
    CHECK_MESSAGE(family.refused(asked).empty(), asked.dump());
}

TEST_CASE("AChildInheritsWhatItsParentIsLimitedBy") {
  Family family;
  auto const child = family.child(json::object());
  REQUIRE(child.has_value());
  CHECK(child->approval_mode == "guarded");
  CHECK(child->cwd == family.parent.cwd);
  CHECK(child->provider_args == family.parent.provider_args);
  CHECK(child->options == family.parent.options);
  CHECK(child->environment == family.parent.environment);
  CHECK(child->agent_profile == family.parent.agent_profile);
  CHECK(child->policy_name == "strict");
  CHECK(child->workspace.requested_mode == "shared");
  CHECK_FALSE(child->children.spawn);  // whatever the profile grants
  CHECK(child->request_input);
  family.parent.request_input = false;
  CHECK_FALSE(family.child({{"requestInput", true}})->request_input);
}

TEST_CASE("ARightGoesDownOneGenerationLess") {
  Family family;
  auto const child = family.child({{"children", {{"spawn", true}}}});
  REQUIRE(child.has_value());
  CHECK(child->children == ChildrenGrant{true, 2, 5});
  family.parent.children.max_depth = 1;
  CHECK(family.refused({{"children", {{"spawn", true}}}}) == "children.maxDepth");
  family.parent.children = {};
  CHECK(family.child(json::object()).error().code == "not_granted");
}

TEST_CASE("AnotherProviderIsForProgramsThatNothingLimits") {
  Family family;
  auto& parent = family.parent;
  parent.agent_profile = nullptr;
  parent.profile.clear();
  parent.provider = "command";
  CHECK(family.refused({{"provider", "claude"}}).empty());
  CHECK(family.child({{"provider", "claude"}})->provider_args.empty());
  CHECK(family.child({{"provider", "claude"}})->options.empty());
  CHECK(family.child(json::object())->provider_args == parent.provider_args);  // the same program
  CHECK(family.refused({{"providerArgs", {"/bin/sh"}}}) == "providerArgs");
  CHECK(family.refused({{"provider", "claude"}, {"approvalMode", "full"}}) == "approvalMode");
  parent.provider = "claude";
  parent.approval_mode = "full";
  parent.provider_args.clear();
  parent.options = json::object();
  CHECK(family.refused({{"provider", "codex"}}) == "provider");  // tool hooks and its profile may still limit it
  CHECK(family.refused({{"provider", "command"}, {"providerArgs", {"/bin/sh"}}}) == "provider");
  adapters::Profile profile;
  profile.provider = "claude";
  parent.agent_profile = std::make_shared<adapters::Profile const>(profile);
  CHECK(family.refused({{"provider", "codex"}}) == "provider");
}

TEST_CASE("AParentIsNamedWithItsTurnAndItsCall") {
  Family const family;
  json const asked = {{"cwd", family.parent.cwd},
                      {"parent", {{"sessionId", "lead"}, {"turn", {{"id", "u"}, {"sequence", 4}}}, {"callId", "c-1"}}}};
  auto const spec = agent_spec_from(asked, "claude");
  REQUIRE(spec.has_value());
  CHECK(spec->parent == "lead");
  CHECK(spec->report_end);
  auto const again = spec_from_journal(to_journal(*spec));
  CHECK(again.call.turn_id == "u");
  CHECK(again.call.turn_sequence == 4);
  CHECK(again.call.call_id == "c-1");
  CHECK(again.report_end);
  auto const field = [&](json const& parent) {
    auto const wrong = agent_spec_from({{"cwd", family.parent.cwd}, {"parent", parent}}, "claude");
    return wrong ? "" : wrong.error().field;
  };
  CHECK(field({{"sessionId", 5}}) == "parent.sessionId");
  CHECK(field({{"sessionId", "a"}, {"callId", std::string(129, 'x')}}) == "parent.callId");
  CHECK(field({{"sessionId", "a"}, {"callId", "a\nb"}}) == "parent.callId");
  CHECK(field({{"sessionId", "a"}, {"turn", {{"sequence", -1}}}}) == "parent.turn.sequence");
  CHECK(field({{"sessionId", "a"}, {"tunr", 1}}) == "parent.tunr");
  CHECK(field(7) == "parent");
}

TEST_CASE("AChildMayUseWhatItsParentMayAndAsksForNothingElse") {
  Family family;
  family.parent.resources.memory_max = 1 << 30;
  CHECK(family.child(json::object())->resources == family.parent.resources);
  CHECK(family.refused({{"resources", {{"memoryMax", "64G"}}}}) == "resources");
}
